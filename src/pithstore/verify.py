"""Everything the store holds, read again and compared with its names; or its index alone, quickly.

Every value of every space against its checksum; every blob against its digest; every version rebuilt and hashed,
and what it says of itself compared with its key; the index walked both ways; the places of bodies in frames; the
totals counted again.  All in short transactions, while others go on writing: what is read of a source is one state
of it, and sums are only compared where nobody wrote and no compaction ended meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain

import attrs

from pithstore.configuration import Configuration
from pithstore.counts import Totals
from pithstore.declared.entries import read_ledgers
from pithstore.declared.ledger import Ledger
from pithstore.engine import Engine, Finding, T, View
from pithstore.errors import Damaged, StoreBusy
from pithstore.keys import META
from pithstore.report import How, Problem, VerifyReport
from pithstore.totals import read_slots
from pithstore.verifying.affected import with_affected
from pithstore.verifying.found import Findings, Found
from pithstore.verifying.generation import Generation, read_generation
from pithstore.verifying.history import HistoryCheck
from pithstore.verifying.homes import stray_rows, sum_places
from pithstore.verifying.index import IndexCheck
from pithstore.verifying.loose import LooseCheck
from pithstore.verifying.spaces import check_seals, check_writers

_ATTEMPTS = 5

Progress = Callable[[int, int], None]
"""Is told how many entries are done, and of about how many."""


def verify(
    engine: Engine, configuration: Configuration, progress: Progress | None = None, how: How = "all"
) -> VerifyReport:
    """What was looked at, and each problem that was found; reading goes on behind a problem.

    "quick" looks at the index alone.  "deep" walks the structure of the data first, and reads nothing more where
    that is damaged.  StoreBusy where compactions and forgets that end all the time leave no state of the store to
    be looked at.
    """
    told = [(each.code in _WARNINGS, _problem(each)) for each in engine.examine(deep=how == "deep")]
    warnings = tuple(problem for is_warning, problem in told if is_warning)
    structure = tuple(problem for is_warning, problem in told if not is_warning)
    if structure:
        return VerifyReport(0, 0, 0, structure, warnings)
    for _ in range(_ATTEMPTS):
        try:
            walk = _Walk(engine, configuration, progress)
            return attrs.evolve(walk.run_quickly() if how == "quick" else walk.run(), warnings=warnings)
        except _Moved:
            continue
    raise StoreBusy("the store was compacted, or versions forgotten, all the while; run verify again later")


class _Moved(Exception):
    """A compaction has ended, or versions were forgotten: what was read before may not be there any more."""


_WARNINGS = ("receipt-missing",)
"""What is no part of the data."""


def _problem(finding: Finding) -> Problem:
    return Problem(finding.code, finding.words)


@attrs.frozen
class _Sums:
    """What the store says of itself as a whole, in one state; None where that is damaged."""

    slots: list[Totals] | None
    ledgers: Sequence[Ledger] | None
    generation: Generation


class _Walk:
    """One verify: what it counted and found so far."""

    def __init__(self, engine: Engine, configuration: Configuration, progress: Progress | None) -> None:
        self._engine = engine
        self._progress = progress
        self._done = self._expected = 0
        self._found = Findings()
        self._profile = configuration.profile

    def run(self) -> VerifyReport:
        found = self._found
        before = self._sums(found)
        self._expected = sum(slot.blobs + slot.snapshots + slot.versions for slot in before.slots or ())
        check_seals(self._engine, found)
        check_writers(self._engine, found)
        loose = LooseCheck(self._engine, found)
        for done in chain(loose.check_blobs(), loose.check_manifests()):
            self._advance(done)
        history = HistoryCheck(self._engine, self._profile, found, self._advance)
        history.run()
        after = self._sums(Findings())
        if after.generation == before.generation:
            self._compare_homes(history)
        if self._engine.view(read_generation) != before.generation:
            raise _Moved
        self._compare(before, after, history, loose)
        return VerifyReport(
            versions=history.versions,
            snapshots=history.snapshots,
            blobs=loose.blobs + history.blobs,
            problems=with_affected(self._engine, found),
            erased=history.erasures.versions,
        )

    def run_quickly(self) -> VerifyReport:
        """The same of the index, and of what the store says of itself."""
        found = self._found
        self._expected = sum(slot.versions for slot in self._sound(read_slots, found) or ())
        self._sound(read_ledgers, found)
        check_seals(self._engine, found, (META,))
        check_writers(self._engine, found)
        index = IndexCheck(self._engine, found, self._advance)
        index.run()
        return VerifyReport(index.versions, index.snapshots, 0, tuple(found.told))

    def _advance(self, entries: int) -> None:
        """Count entries as done and tell the listener."""
        self._done += entries
        if self._progress is not None:
            self._progress(self._done, max(self._done, self._expected))

    def _sums(self, found: Found) -> _Sums:
        """The sums as they are now; says what is damaged."""
        slots, ledgers = self._sound(read_slots, found), self._sound(read_ledgers, found)
        return _Sums(slots, ledgers, self._engine.view(read_generation))

    def _sound(self, read: Callable[[View], T], found: Found) -> T | None:
        try:
            return self._engine.view(read)
        except Damaged as error:
            found(Problem("totals-damaged", str(error)))
            return None

    def _compare_homes(self, history: HistoryCheck) -> None:
        """Say which bodies in frames have no row in the places, and which rows no body."""
        places = sum_places(self._engine, self._found)
        if places == history.homes:
            return
        known = len(self._found)
        for problem in chain(
            history.missing_rows(),
            stray_rows(self._engine, self._profile, history.sound_frames, history.unsound_frames),
        ):
            self._found(problem)
        if known == len(self._found) and not history.unsound_frames:
            message = f"the places have {places.rows} rows, and the frames {history.homes.rows} bodies"
            self._found(Problem("places-wrong", message))

    def _compare(self, before: _Sums, after: _Sums, history: HistoryCheck, loose: LooseCheck) -> None:
        """Compare what was counted with the sums that nobody wrote meanwhile."""
        if before.slots is not None and after.slots is not None:
            for slot in history.slots.wrong(before.slots, after.slots):
                message = f"slot {slot} of the totals does not match the versions of its sources"
                self._found(Problem("totals-wrong", message))
            if before.slots == after.slots and not self._found:
                said = [sum(getattr(slot, name) for slot in after.slots) for name in _SHARED]
                self._compare_shared(said, history, loose)
        if before.ledgers is not None and after.ledgers is not None:
            for slot in history.ledger.wrong(before.ledgers, after.ledgers):
                message = f"slot {slot} of the ledger of declared digests does not match its versions"
                self._found(Problem("declared-wrong", message))

    def _compare_shared(self, said: list[int], history: HistoryCheck, loose: LooseCheck) -> None:
        found = [loose.blobs + history.blobs, loose.unique_bytes + history.unique_bytes, history.snapshots]
        if said != found:
            message = f"the totals say {said} blobs, bytes of blobs and snapshots, but there are {found}"
            self._found(Problem("totals-wrong", message))


_SHARED = ("blobs", "unique_bytes", "snapshots")
