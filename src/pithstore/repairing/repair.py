"""The whole of a repair: look, mend what was found, and look again.

Every step adds, or replaces what is proven wrong, in transactions that each leave the store no worse; so a repair
can be interrupted anywhere, and run again.  What is wrong in frames is mended beside them, and a compaction then
leaves the damaged frames behind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

import attrs

from pithstore import meta
from pithstore.compaction.compact import compact
from pithstore.configuration import Configuration
from pithstore.declared.entries import read_ledgers
from pithstore.declared.report import rebuild_ledger
from pithstore.engine import Engine, View
from pithstore.errors import Damaged
from pithstore.journal import without_compaction
from pithstore.packs.frames import forget_read
from pithstore.packs.runs import any_packs
from pithstore.repairing.about import mend_about, mend_first_pack
from pithstore.repairing.another import Another
from pithstore.repairing.content import Content
from pithstore.repairing.homes import leave_damaged_frames, mend_homes
from pithstore.repairing.index import Doubts, Index
from pithstore.repairing.leavings import bring_checks, mend_leavings
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
    bring_checks(engine, other)
    first = found = verify(engine, configuration, progress)
    taken, doubts = 0, dict[Problem, None]()
    for _ in range(_ROUNDS):
        if found.ok and engine.view(meta.read_ledger_state) != "partial":  # of which verify says nothing
            break
        before = found
        mended = _mend(engine, other, configuration, before)
        taken += mended.taken
        doubts.update(dict.fromkeys(mended.doubts))
        found = verify(engine, configuration, progress)
        if set(found.problems) == set(before.problems):
            break
    mended_codes = _mended(first.problems, found.problems)
    return RepairReport(mended_codes, taken, attrs.evolve(found, problems=(*found.problems, *doubts)))


def _mended(before: Sequence[Problem], after: Sequence[Problem]) -> dict[str, int]:
    """How many problems of each code are there no more."""
    gone = Counter(problem.code for problem in before) - Counter(problem.code for problem in after)
    return dict(sorted(gone.items()))


@attrs.frozen
class _Step:
    """Of how many versions the record was written again, and what nothing here can tell."""

    taken: int
    doubts: Sequence[Problem]


def _mend(engine: Engine, other: Another, configuration: Configuration, found: VerifyReport) -> _Step:
    """Mend what was found."""
    codes = {problem.code for problem in found.problems}
    content = Content(engine, other, configuration)
    doubts = Doubts(
        lines=frozenset(each.source for each in found.problems if each.code == "line-wrong" and each.source),
        runs=frozenset(each.source for each in found.problems if each.code == "run-missing" and each.source),
    )
    forget_read()  # what is in memory alone is not in the store
    with without_compaction(engine):
        packed = engine.view(any_packs)
        if packed:
            mend_places(engine, orphans=True)
        index = Index(engine, other, content, configuration.profile, doubts)
        index.mend()
        leave_damaged_frames(engine, content)
        lost = content.mend_all()
        mend_leavings(engine, other, readable=not lost)
        if packed and not lost:
            mend_homes(engine, content)
            mend_places(engine, orphans=False)
    if lost:
        return _Step(content.taken, index.doubts)
    if codes & (_PACKED | _PLACES):
        with suppress(Damaged):  # the next look says of what
            compact(engine)
    with without_compaction(engine):
        if packed:
            mend_homes(engine, content)
        _mend_sums(engine, configuration, codes)
    return _Step(content.taken, index.doubts)


def _mend_sums(engine: Engine, configuration: Configuration, codes: set[str]) -> None:
    """Count again what is summed; only where every version can be read."""
    with suppress(Damaged):  # the next look says of what
        if engine.view(partial(_is_ledger_doubtful, codes=codes)):
            rebuild_ledger(engine, configuration.profile, lambda _: None)
        mend_totals(engine)


def _is_ledger_doubtful(view: View, codes: set[str]) -> bool:
    state = meta.read_ledger_state(view)
    try:
        read_ledgers(view)
    except Damaged:
        return state != "none"
    return state == "partial" or (state == "complete" and bool(codes & _LEDGER))
