"""What tests of the LMDB engine share: refusals in words, and processes that stay where they are."""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.process
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pithstore.engine import Update, View
from pithstore.engine.lmdb import LmdbEngine
from pithstore.errors import PithstoreError
from pithstore.testing.engine_tests import SPACES, bump, count


@contextlib.contextmanager
def refused(kind: type[PithstoreError], *words: object) -> Iterator[None]:
    """The block fails with that error, in one line that holds the words and nothing of the engine's own talk."""
    with pytest.raises(kind) as caught:
        yield
    assert_speakable(str(caught.value), *words)


def assert_speakable(text: str, *words: object) -> None:
    for word in words:
        assert str(word) in text
    for word in words:
        text = text.replace(str(word), "")  # the name of a temporary directory may hold anything
    for talk in ("MDB_", "mdb_", "Traceback", "Errno", "\n", "0x"):
        assert talk not in text, text


def data_file(directory: Path) -> Path:
    return directory / (directory / "CURRENT").read_text().strip() / "data.mdb"


def open_lmdb(directory: Path, spaces: tuple[str, ...]) -> LmdbEngine:
    return LmdbEngine.open(directory, spaces)


@contextlib.contextmanager
def process(function: Callable[..., None], *arguments: object) -> Iterator[multiprocessing.process.BaseProcess]:
    """The function in a process of its own, which tells by the event when it is where it wants to be."""
    context = multiprocessing.get_context("spawn")
    arrived = context.Event()
    child = context.Process(target=function, args=(arrived, *arguments))
    child.start()
    try:
        assert arrived.wait(30), "the other process did not get there"
        yield child
    finally:
        child.kill()
        child.join()


def stay_in_update(arrived: threading.Event, directory: Path) -> None:
    def fn(tx: Update) -> None:
        bump(tx)
        arrived.set()
        time.sleep(60)

    LmdbEngine.open(directory, SPACES).update(fn)


def stay_in_view(arrived: threading.Event, directory: Path) -> None:
    def fn(view: View) -> None:
        count(view)
        arrived.set()
        time.sleep(60)

    LmdbEngine.open(directory, SPACES).view(fn)


def keep_writing(arrived: threading.Event, directory: Path) -> None:
    with closing(LmdbEngine.open(directory, SPACES)) as engine:
        while True:
            engine.update(bump)
            arrived.set()
            time.sleep(0.001)
