"""What is done to a store without opening it: it may be unfit for that."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from pithstore.engine.generations import hold_current
from pithstore.engine.lmdb.data_file import check_data_file
from pithstore.engine.lmdb.environment import unopened
from pithstore.engine.lmdb.open_generation import RESERVED, OpenGeneration
from pithstore.engine.lmdb.receipt import accept_receipt
from pithstore.engine.lmdb.walk import Finding, walk
from pithstore.engine.write_lock import WriteLock


def accept_state(root: str, patience: float) -> None:
    """Make RECEIPT say what the data file says, whatever either was before."""
    with _held(root, patience) as directory:
        check_data_file(os.path.join(directory, "data.mdb"))
        generation = OpenGeneration(directory, (), (), readonly=False, map_size=RESERVED)
        try:
            accept_receipt(root, generation.receipt_or_new())
        finally:
            generation.close()


def walk_at_rest(root: str, patience: float) -> list[Finding]:
    """What is wrong with the structure of the data file; LMDB does not get to see it."""
    with _held(root, patience) as directory:
        return walk(os.path.join(directory, "data.mdb"))


@contextlib.contextmanager
def _held(root: str, patience: float) -> Iterator[str]:
    """The generation that counts, with everybody kept out who writes."""
    lock = WriteLock(root)
    try:
        with unopened(root), lock.held(patience):
            directory, _, in_use = hold_current(root)
            try:
                yield directory
            finally:
                os.close(in_use)
    finally:
        lock.close()
