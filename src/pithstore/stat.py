"""How much a store holds, from its totals: nothing is walked."""

from __future__ import annotations

from functools import reduce

from pithstore.counts import Totals
from pithstore.engine import Engine
from pithstore.report import Stat
from pithstore.totals import read_slots


def stat(engine: Engine) -> Stat:
    """The sum of all slots, and what the engine takes on its medium."""
    totals = reduce(Totals.plus, engine.view(read_slots))
    return Stat(
        sources=totals.sources,
        versions=totals.versions,
        snapshots=totals.snapshots,
        blobs=totals.blobs,
        sections=totals.sections,
        canonical_bytes=totals.canonical_bytes,
        unique_bytes=totals.unique_bytes,
        stored_bytes=engine.stored_bytes(),
    )
