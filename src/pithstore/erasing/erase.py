"""A takedown: sections taken out of the store, and the store made anew without a byte of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from pithstore import tombstones
from pithstore.compaction.compact import compact
from pithstore.digest import Digest
from pithstore.engine import Engine
from pithstore.erasing.targets import choose
from pithstore.erasing.withholding import Withheld, withhold
from pithstore.errors import UsageError
from pithstore.journal import without_compaction
from pithstore.model import Source
from pithstore.report import ErasedReport
from pithstore.stat import stat
from pithstore.tombstones import Tombstone

_LONGEST = 1000

Progress = Callable[[int, int], None]
"""Is told how many steps of the store's being made anew are done, and of about how many."""


def erase(
    engine: Engine, what: Source | Digest, reason: str, now: datetime, progress: Progress, *, everywhere: bool
) -> ErasedReport:
    """What was erased.  What was interrupted is gone on with by doing it again.

    NotFound where there is nothing of the kind, UsageError where other sources have the section too and that is
    not wanted.  StoreBusy where somebody compacts, collects or forgets.
    """
    if not reason.strip() or len(reason) > _LONGEST:
        raise UsageError(f"say why, in 1 to {_LONGEST} characters: --reason TEXT; it is kept instead of the bytes")
    with without_compaction(engine):
        targets = choose(engine, what, everywhere=everywhere)
        withheld = withhold(
            engine, {digest: Tombstone(now, size, reason) for digest, size in targets.going.items()}
        )
    make_anew(engine, progress)
    return ErasedReport(
        sections=withheld.sections,
        section_bytes=withheld.bytes,
        versions=withheld.versions,
        sources=withheld.sources,
        erased=tuple(targets.going),
        kept=dict(targets.staying),
        pending=engine.former() > 0,
    )


def erase_all(engine: Engine, graves: Mapping[Digest, Tombstone], progress: Progress) -> Withheld:
    """Erase these sections wherever they are, as another store did."""
    with without_compaction(engine):
        withheld = withhold(engine, graves)
        if not stat(engine).versions:  # it has never held anything
            engine.update(tombstones.settle)
    make_anew(engine, progress)
    return withheld


def make_anew(engine: Engine, progress: Progress) -> None:
    """Make the store anew, unless that was done since anything was erased."""
    if engine.view(tombstones.is_unsettled):
        compact(engine, progress)
