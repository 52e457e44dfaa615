"""Verify in pieces: each scrub goes on where the last one stopped, and in time everything was looked at.

Page by page, each in short transactions, with the code of `verify`; where the round stands is kept at the end of
each page.  What needs all of a store at once, its sums, is left to `verify`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import TypeAlias

import attrs

from pithstore.configuration import Configuration
from pithstore.counts import Totals
from pithstore.declared.entries import read_ledgers
from pithstore.engine import Engine, T, View
from pithstore.errors import Damaged, StoreBusy
from pithstore.keys import MANIFESTS
from pithstore.report import Problem, ScrubReport
from pithstore.totals import read_slots
from pithstore.verifying.affected import with_affected
from pithstore.verifying.entries import read_page
from pithstore.verifying.found import Findings, Found
from pithstore.verifying.generation import Generation, read_generation
from pithstore.verifying.history import HistoryCheck
from pithstore.verifying.homes import check_blocks_behind
from pithstore.verifying.loose import check_blobs_behind, say_damaged_manifests
from pithstore.verifying.names import check_names_behind
from pithstore.verifying.round import Round, read_round, write_round
from pithstore.verifying.spaces import PAGE, SEALED, check_seals_behind, check_writers

_ATTEMPTS = 5

Progress: TypeAlias = Callable[[int, int], None]
"""Is told how many entries of the round are done, and of about how many."""


@attrs.frozen
class _Looked:
    """What a page held, and behind which key the next one begins; None at the end of a phase."""

    after: bytes | None
    versions: int = 0
    snapshots: int = 0
    blobs: int = 0
    entries: int = 0
    pages: int = 1

    def plus(self, more: _Looked) -> _Looked:
        """Both pages, one behind the other."""
        return _Looked(
            more.after,
            self.versions + more.versions,
            self.snapshots + more.snapshots,
            self.blobs + more.blobs,
            self.entries + more.entries,
            self.pages + more.pages,
        )


_NOTHING = _Looked(None, pages=0)

_Phase: TypeAlias = Callable[[bytes | None, Findings], _Looked]


def scrub(
    engine: Engine, configuration: Configuration, now: datetime, stop: Callable[[], bool], progress: Progress
) -> ScrubReport:
    """What the next pages of the round held, until `stop` says so, and at least one; or until the round ends.

    `now` is when a round begins.  StoreBusy where others keep the store from being looked at; where anything was
    found until then, that is said, and the next scrub goes on.
    """
    found = Findings()
    pages = _Pages(engine, configuration)
    standing = _begun(engine, found, pages.phases, now)
    began = standing.began
    following: Round | None = standing
    looked, expected = _NOTHING, _expected(engine)
    while following is not None:
        standing = following
        progress(standing.done, max(standing.done, expected))
        if looked.pages and stop():
            break
        try:
            page = pages.look(pages.phases[standing.phase], standing.after, found)
            following = _next(standing, page, list(pages.phases))
            engine.update(partial(write_round, standing=following))
        except StoreBusy:
            if not found:
                raise
            break
        looked = looked.plus(page)
    ended = following is None
    covered = 1.0 if ended else min(0.99, standing.done / max(1, expected))
    return _report(engine, found, looked, began=began, covered=covered, ended=ended)


def sample(
    engine: Engine, configuration: Configuration, share: float, stop: Callable[[], bool], progress: Progress
) -> ScrubReport:
    """What some of the sources held, each chosen by chance with that probability; no round is touched."""
    found = Findings()
    pages = _Pages(engine, configuration)
    looked = _NOTHING
    versions = sum(slot.versions for slot in _slots(engine))
    while True:
        looked = looked.plus(pages.look(partial(pages.versions, wanted=_by_chance(share)), looked.after, found))
        progress(looked.versions, max(looked.versions, round(share * versions)))
        if looked.after is None or stop():
            covered = min(1.0, looked.versions / versions) if versions else 1.0
            return _report(engine, found, looked, began=None, covered=covered, ended=False)


def _by_chance(share: float) -> Callable[[bytes], bool]:
    """Whether a source is in the sample: the same answer each time, as a page may be looked at again."""
    chosen: dict[bytes, bool] = {}
    chance = random.SystemRandom()
    return lambda key: chosen.setdefault(key, chance.random() < share)


def _report(
    engine: Engine, found: Findings, looked: _Looked, *, began: datetime | None, covered: float, ended: bool
) -> ScrubReport:
    problems = with_affected(engine, found)
    return ScrubReport(looked.versions, looked.snapshots, looked.blobs, problems, began, covered, ended)


def _begun(engine: Engine, found: Found, phases: Collection[str], now: datetime) -> Round:
    """The round that goes on; a new one where there is none, or where nobody can tell where it stood."""
    try:
        standing = engine.view(read_round)
    except Damaged as error:
        found(Problem("meta-damaged", str(error)))
        standing = None
    if standing is None or standing.phase not in phases:
        return Round(now, next(iter(phases)))
    return standing


def _next(standing: Round, page: _Looked, phases: list[str]) -> Round | None:
    """Where the round stands behind that page; None where it has ended."""
    done = standing.done + page.entries
    if page.after is not None:
        return attrs.evolve(standing, after=page.after, done=done)
    behind = phases[phases.index(standing.phase) + 1 :]
    return Round(standing.began, behind[0], None, done) if behind else None


def _expected(engine: Engine) -> int:
    return sum(slot.blobs + slot.snapshots + slot.versions for slot in _slots(engine))


def _slots(engine: Engine) -> Sequence[Totals]:
    try:
        return engine.view(read_slots)
    except Damaged:  # said where the sums are looked at
        return []


class _Pages:
    """The phases of a round, each a page at a time."""

    def __init__(self, engine: Engine, configuration: Configuration) -> None:
        self._engine = engine
        self._profile = configuration.profile
        self._known: tuple[Generation, set[int]] | None = None
        self.phases: dict[str, _Phase] = {  # by their names, which are kept, in order
            **{space: partial(self._seals, space=space) for space in SEALED},
            "sums": self._sums,
            "blobs": self._blobs,
            "manifests": self._manifests,
            "versions": self.versions,
            "sources": self._sources,
            "places": self._places,
        }

    def look(self, phase: _Phase, after: bytes | None, found: Found) -> _Looked:
        """A page of that phase, looked at while nothing that was read came to lie elsewhere."""
        for _ in range(_ATTEMPTS):
            before = self._engine.view(read_generation)
            findings = Findings()
            looked = phase(after, findings)
            if self._engine.view(read_generation) == before:
                findings.tell(found)
                return looked
        raise StoreBusy("the store was compacted, or versions forgotten, all the while; run scrub again later")

    def _seals(self, after: bytes | None, found: Findings, space: str) -> _Looked:
        return _Looked(check_seals_behind(self._engine, space, after, found))

    def _sums(self, _: bytes | None, found: Findings) -> _Looked:
        """Whether the sums can be read; not whether they are right."""
        check_writers(self._engine, found)
        _say_damaged(self._engine, read_slots, found)
        _say_damaged(self._engine, read_ledgers, found)
        return _Looked(None)

    def _blobs(self, after: bytes | None, found: Findings) -> _Looked:
        page = self._view(lambda view, told: check_blobs_behind(view, after, told), found)
        if page is None:
            return _Looked(None)
        return _Looked(page.last, blobs=page.entries - page.homed, entries=page.entries)

    def _manifests(self, after: bytes | None, found: Findings) -> _Looked:
        items = self._engine.view(lambda view: view.scan(MANIFESTS, after=after, limit=PAGE))
        say_damaged_manifests(items, found)
        return _Looked(items[-1][0] if items else None, entries=len(items))

    def versions(
        self, after: bytes | None, found: Findings, wanted: Callable[[bytes], bool] = lambda _: True
    ) -> _Looked:
        """The sources of a page, of these the wanted ones: every version rebuilt."""
        entries = 0

        def advance(more: int) -> None:
            nonlocal entries
            entries += more

        check = HistoryCheck(self._engine, self._profile, found, advance, look_up_homes=True)
        page = check.check_page(after, wanted)
        last = None if page is None else page.after
        return _Looked(last, check.versions, check.snapshots, check.blobs, entries)

    def _sources(self, after: bytes | None, found: Findings) -> _Looked:
        return _Looked(check_names_behind(self._engine, after, found))

    def _places(self, after: bytes | None, found: Findings) -> _Looked:
        known = self._positions()
        profile = self._profile
        return _Looked(
            self._view(lambda view, told: check_blocks_behind(view, after, profile, known, told), found)
        )

    def _view(self, check: Callable[[View, Found], T], found: Found) -> T:
        """What a check of one state of the store gives; it may run several times, and its last run is told."""

        def read(view: View) -> tuple[T, Findings]:
            findings = Findings()
            return check(view, findings), findings

        result, findings = self._engine.view(read)
        findings.tell(found)
        return result

    def _positions(self) -> set[int]:
        """Where the frames of all runs lie."""
        generation = self._engine.view(read_generation)
        if self._known is None or self._known[0] != generation:
            self._known = generation, set(_positions(self._engine))
        return self._known[1]


def _positions(engine: Engine) -> Iterator[int]:
    """Where the frames of all sound runs lie."""
    after: bytes | None = None
    while page := engine.view(partial(read_page, after=after, frames=False)):
        after = page.after
        yield from (each.run.position for history in page.histories for each in history.stretches)


def _say_damaged(engine: Engine, read: Callable[[View], object], found: Found) -> None:
    try:
        engine.view(read)
    except Damaged as error:
        found(Problem("totals-damaged", str(error)))
