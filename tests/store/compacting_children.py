"""What the tests of compaction run in other processes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from hashlib import sha256
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TypeAlias

import pytest

from pithstore.errors import NotFound, StoreBusy
from pithstore.store import Store
from pithstore.store import open as open_store
from tests.store.compacting import make_steps_small
from tests.store.shelves import Record, record

Acknowledged: TypeAlias = list[tuple[str, int, bytes]]
"""Reference of the source, number, and SHA-256 of the record."""


def made(writer: int, n: int) -> Record:
    """The n-th record of a writer: of old sources and new ones, states that were there before, shared sections."""
    identity = f"{writer} new {n // 4}" if n % 4 == 0 else f"{writer} old {n % 3}"
    made = record(identity, x=n % 6, state=n // 9 % 3, shared=["a section that all have " * 60, n % 5])
    if n % 11 == 0:
        made["huge"] = ["a section of its own frame " * 3000, n % 2]
    return made


def put_some(store: Store, writer: int, numbers: Iterator[int], times: int) -> Acknowledged:
    """What was put, each of which is durable."""
    acknowledged: Acknowledged = []
    for _, n in zip(range(times), numbers, strict=False):
        version = store.put(made(writer, n)).version
        acknowledged.append((str(version.source), version.number, version.snapshot))
    return acknowledged


def check_all(store: Store, acknowledged: Acknowledged) -> None:
    """Assert that all of it is there as it was put."""
    for source, number, snapshot in acknowledged:
        assert sha256(store.get_bytes(f"{source}@{number}")).digest() == snapshot


def write_until_told(pipe: Connection, path: Path, writer: int) -> None:
    """Put record after record until the other side says something; then what was put."""
    numbers, acknowledged = count(), Acknowledged()
    with open_store(path) as store:
        pipe.send("ready")
        while not pipe.poll():
            acknowledged += put_some(store, writer, numbers, 5)
        check_all(store, acknowledged)
    pipe.send(acknowledged)


def read_until_told(pipe: Connection, path: Path, seed: int) -> None:
    """Read versions here and there until the other side says something, each hashed; then how many."""
    chance, seen, reads = random.Random(seed), dict[str, int](), 0
    with open_store(path, readonly=True) as store:
        pipe.send("ready")
        while not pipe.poll():
            for source in chance.sample(sources := list(store.sources()), min(3, len(sources))):
                history = list(store.history(source))
                assert [version.number for version in history] == list(range(1, len(history) + 1))
                assert len(history) >= seen.get(str(source), 0), "a history went back"
                seen[str(source)] = len(history)
                version = chance.choice(history)
                read = store.get_bytes(f"{source}@{version.number}")
                assert sha256(read).digest() == version.snapshot
                reads += 1
            with pytest.raises(NotFound):
                store.get("k:nobody")
    pipe.send(reads)


def compact_for_ever(pipe: Connection, path: Path) -> None:
    """Compact again and again in small steps, and tell of each."""
    make_steps_small(pytest.MonkeyPatch())
    with open_store(path) as store:
        while True:
            pipe.send("begins")
            store.compact(lambda done, _: pipe.send(done))
            pipe.send("ends")


def compact_once(pipe: Connection, path: Path) -> None:
    """Compact; what came of it."""
    with open_store(path) as store:
        try:
            pipe.send(store.compact())
        except StoreBusy as error:
            pipe.send(error)
