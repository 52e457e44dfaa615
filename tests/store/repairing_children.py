"""What the tests of repair run in other processes."""

from __future__ import annotations

from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path

from pithstore.opening import open_engine
from pithstore.repairing.repair import repair
from tests.store.compacting import Stepping


def repair_step_by_step(pipe: Connection, path: Path, copy: Path) -> None:
    """Repair one store from the other; each transaction is said before it begins, and the end as -1."""
    with (
        closing(open_engine(path, None, patience=9)) as engine,
        closing(open_engine(copy, None, readonly=True, patience=9)) as other,
    ):
        repair(Stepping(engine, pipe.send), other)
    pipe.send(-1)
