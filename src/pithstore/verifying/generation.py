"""What tells that bodies or versions may lie elsewhere than a moment ago, or nowhere."""

from __future__ import annotations

from typing import TypeAlias

from pithstore import garbage
from pithstore.engine import Item, View
from pithstore.keys import PACKS, PLACES

Generation: TypeAlias = tuple[list[Item], int]


def read_generation(view: View) -> Generation:
    """Another one after a compaction that brought anything into a frame, and after anything was taken away.

    The last frame and the last block of places: who packs anything more moves what lies behind it.  And how often
    anything was taken away.
    """
    last = [*view.scan(PACKS, limit=1, reverse=True), *view.scan(PLACES, limit=1, reverse=True)]
    return last, garbage.times(view)
