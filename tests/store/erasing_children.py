"""What the tests of erasing run in other processes."""

from __future__ import annotations

from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from pithstore.erasing import withholding
from pithstore.store import open as open_store
from tests.store.compacting import Stepping, make_steps_small


def make_erasing_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an erase take many transactions."""
    make_steps_small(monkeypatch)
    monkeypatch.setattr(withholding, "_AT_ONCE", 2)


def erase_in_steps(pipe: Connection, path: Path, source: str) -> None:
    """Erase a source, and tell of each transaction before it begins."""
    make_erasing_small(pytest.MonkeyPatch())
    with open_store(path) as store:
        store._engine = Stepping(store._engine, pipe.send)
        store.erase(source, reason="a court said so")
        pipe.send("erased")


def hold_open(pipe: Connection, path: Path) -> None:
    """Have a store open until told to read it again, and then until killed."""
    with open_store(path, readonly=True) as store:
        pipe.send(store.stat().versions)
        pipe.recv()
        pipe.send(store.stat().versions)
        pipe.recv()
