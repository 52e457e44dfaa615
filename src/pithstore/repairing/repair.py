"""The whole of a repair: look, mend what was found, and look again.

Every step adds, or replaces what is proven wrong, in transactions that each leave the store no worse; so a repair
can be interrupted anywhere, and run again.  What is wrong in frames is mended beside them, and a compaction then
leaves the damaged frames behind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress

from pithstore import meta
from pithstore.compaction.compact import compact
from pithstore.configuration import Configuration
from pithstore.declared.report import rebuild_ledger
from pithstore.engine import Engine
from pithstore.errors import Damaged
from pithstore.journal import without_compaction
from pithstore.packs.frames import forget_read
from pithstore.repairing.about import mend_about, mend_first_pack
from pithstore.repairing.another import Another
from pithstore.repairing.content import Content
from pithstore.repairing.index import Doubts, Index
from pithstore.repairing.leavings import mend_leavings
from pithstore.repairing.places import mend_places
from pithstore.repairing.sums import mend_totals
from pithstore.report import Problem, RepairReport, VerifyReport
from pithstore.verify import verify

_ROUNDS = 4

Progress = Callable[[int, int], None]
"""Is told how many entries are looked at, and of about how many; it begins anew with every look."""

_PACKED = {"pack-damaged", "frame-damaged", "dictionary-damaged", "run-missing"}
_PLACES = {"places-damaged", "places-wrong"}
_LEDGER = {"declared-damaged", "declared-wrong"}


def repair(engine: Engine, source: Engine | None, progress: Progress = lambda _done, _all: None) -> RepairReport:
    """What was mended, with good bytes from the other store where there is one, and what is still broken.

    Damaged where the store has lost its configuration and there is no other store that has it.
    """
    other = Another(source)
    mend_about(engine, other)
    configuration = engine.view(meta.read_configuration)
    mend_first_pack(engine)
    first = found = verify(engine, configuration, progress)
    taken = 0
    for _ in range(_ROUNDS):
        if found.ok:
            break
        before = found
        taken += _mend(engine, other, configuration, before)
        found = verify(engine, configuration, progress)
        if set(found.problems) == set(before.problems):
            break
    return RepairReport(_mended(first.problems, found.problems), taken, found)


def _mended(before: Sequence[Problem], after: Sequence[Problem]) -> dict[str, int]:
    """How many problems of each code are there no more."""
    gone = Counter(problem.code for problem in before) - Counter(problem.code for problem in after)
    return dict(sorted(gone.items()))


def _mend(engine: Engine, other: Another, configuration: Configuration, found: VerifyReport) -> int:
    """Mend what was found; of how many versions the record was written again."""
    codes = {problem.code for problem in found.problems}
    content = Content(engine, other, configuration)
    doubts = Doubts(
        lines=frozenset(each.source for each in found.problems if each.code == "line-wrong" and each.source),
        runs=frozenset(each.source for each in found.problems if each.code == "run-missing" and each.source),
    )
    forget_read()  # what is in memory alone is not in the store
    with without_compaction(engine):
        if codes & _PLACES:
            mend_places(engine)
        Index(engine, other, content, configuration.profile, doubts).mend()
        lost = content.mend_all()
        mend_leavings(engine, other, readable=not lost)
    if lost:
        return content.taken
    if codes & (_PACKED | _PLACES):
        with suppress(Damaged):  # the next look says of what
            compact(engine)
    with without_compaction(engine):
        _mend_sums(engine, configuration, codes)
    return content.taken


def _mend_sums(engine: Engine, configuration: Configuration, codes: set[str]) -> None:
    """Count again what is summed; only where every version can be read."""
    with suppress(Damaged):  # the next look says of what
        if codes & _LEDGER and engine.view(meta.read_ledger_state) != "none":
            rebuild_ledger(engine, configuration.profile, lambda _: None)
        mend_totals(engine)
