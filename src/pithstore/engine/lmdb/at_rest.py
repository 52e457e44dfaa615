"""What is done to a store without opening it: it may be unfit for that."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import attrs

from pithstore.engine.generations import hold_current
from pithstore.engine.lmdb.data_file import check_data_file
from pithstore.engine.lmdb.environment import unopened
from pithstore.engine.lmdb.open_generation import RESERVED, OpenGeneration
from pithstore.engine.lmdb.receipt import Receipt, accept_receipt, check_receipt, noted_receipt
from pithstore.engine.lmdb.walk import Finding, walk
from pithstore.engine.write_lock import WriteLock
from pithstore.errors import Damaged


def accept_state(root: str, patience: float) -> None:
    """Make RECEIPT say what the data file says, whatever either was before."""
    with _held(root, patience) as directory:
        check_data_file(os.path.join(directory, "data.mdb"))
        generation = OpenGeneration(directory, (), (), readonly=False, map_size=RESERVED)
        try:
            accept_receipt(root, generation.receipt_or_new())
        finally:
            generation.close()


@attrs.frozen
class Setback:
    """Why the data file is not the state that RECEIPT knows of; how many commits are missing, if that is known."""

    words: str
    missing: int | None


def setback(root: str, patience: float) -> Setback | None:
    """What RECEIPT holds against the data file; None where nothing."""
    with _held(root, patience) as directory:
        check_data_file(os.path.join(directory, "data.mdb"))
        generation = OpenGeneration(directory, (), (), readonly=False, map_size=RESERVED)
        try:
            noted, stored = noted_receipt(root), None
            try:
                stored = generation.receipt()
                check_receipt(root, noted, stored)
            except Damaged as error:
                return Setback(str(error), _missing(noted, stored))
        finally:
            generation.close()
    return None


def _missing(noted: Receipt | None, stored: Receipt | None) -> int | None:
    if noted is None or stored is None or stored.origin != noted.origin or stored.commit >= noted.commit:
        return None
    return noted.commit - stored.commit


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
