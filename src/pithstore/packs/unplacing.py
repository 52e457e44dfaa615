"""Rows taken out of the places, when the frames that they lead to are no homes any more."""

from __future__ import annotations

from collections.abc import Iterable

from pithstore.engine import Update
from pithstore.keys import PLACES
from pithstore.packs.places import PREFIX_BYTES, blocks, cut_rows, read_block


def take_rows(update: Update, rows: Iterable[bytes]) -> None:
    """Take these rows out; one that is not there is not missed.  Damaged where a block that may have one is."""
    by_block: dict[bytes, tuple[bytes, set[bytes]]] = {}
    for row in rows:
        found = update.scan(PLACES, after=row[:PREFIX_BYTES] + b"\x00", limit=1, reverse=True)
        for key, value in found:
            by_block.setdefault(key, (value, set()))[1].add(row)
    for key, (value, gone) in by_block.items():
        left = [row for row in cut_rows(read_block(key, value)) if row not in gone]
        update.delete_many(PLACES, [key])
        update.put_many(PLACES, blocks(left))
