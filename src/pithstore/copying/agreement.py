"""Whether a store is a copy of another: before anything is written to it, and after."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from functools import partial

import attrs

from pithstore import sources as known_sources
from pithstore import versions
from pithstore.copying.missing import Found, source_pages
from pithstore.engine import Engine, View
from pithstore.errors import Damaged, UsageError
from pithstore.fingerprint import fingerprint
from pithstore.keys import SOURCES, VERSIONS, source_slot, split_key
from pithstore.model import Source, Version
from pithstore.report import Problem
from pithstore.totals import read_slots

_PAGE = 256
_BEYOND = b"\xff"  # above every kind of entry


def refuse_stranger(source: Engine, target: Engine, slots: Collection[int]) -> None:
    """Return if what the target holds of sources in these slots was in the source; UsageError names what was not.

    Looks at the newest version that the target has of each; `compare` looks at all of them.
    """
    for page in source_pages(target, slots, _raise):
        newest = target.view(partial(_newest, sources=page))
        for version, ours in zip(newest, source.view(partial(_ours, wanted=newest)), strict=True):
            if not ours:
                raise stranger(version)


def _raise(problem: Problem) -> None:
    raise Damaged(f"{problem.message}; run verify on the copy")


def stranger(version: Version) -> UsageError:
    """What is said to a target that has another version than the source under the same number."""
    return UsageError(f"it is not a backup of this store: {version.source} version {version.number} differs")


def _newest(view: View, sources: Sequence[Source]) -> list[Version]:
    """The newest version of each source that has one."""
    return [version for each in sources for version in versions.page(view, each, limit=1, reverse=True)]


def _ours(view: View, wanted: Sequence[Version]) -> list[bool]:
    """Whether the source had each version, as far as it can tell."""
    return [_had(view, version) for version in wanted]


def _had(view: View, version: Version) -> bool:
    try:
        (ours,) = versions.get_many(view, [(version.source, version.number)])
        if ours is not None:
            return ours == version
        (head,) = versions.heads(view, [version.source])
        return head is not None and head.number >= version.number  # it was forgotten since
    except Damaged:
        return True


@attrs.frozen
class Agreement:
    """How many versions only the copy has, and whether all else is in both, alike."""

    kept: int
    agrees: bool


def compare(
    source: Engine,
    target: Engine,
    until: datetime,
    slots: Collection[int],
    stopped: Collection[Source],
    found: Found,
) -> Agreement:
    """Compare the histories in these slots version by version; says what the copy lacks, has otherwise or lost.

    Versions that only the copy has were forgotten in the source, and stay.  Of the sources in `stopped` it was
    said already that the copy lacks some.
    """
    comparison = _Comparison(source, target, until, stopped, found)
    for page in source_pages(source, slots, comparison.say):
        for each in page:
            comparison.add(each)
    for page in source_pages(target, slots, comparison.say):
        for each in _absent(source, page):
            comparison.add(each)
    if slots:
        _report_nameless(source, comparison.say)
    _compare_sums(target, slots, comparison.sums, comparison.say)
    return Agreement(comparison.kept, comparison.agrees)


class _Comparison:
    """What was compared so far."""

    def __init__(
        self, source: Engine, target: Engine, until: datetime, stopped: Collection[Source], found: Found
    ) -> None:
        self._source, self._target = source, target
        self._until, self._stopped, self._found = until, stopped, found
        self.kept = 0
        self.agrees = True
        self.sums: Counter[int] = Counter()

    def say(self, problem: Problem) -> None:
        self.agrees = False
        self._found(problem)

    def add(self, source: Source) -> None:
        """Compare the histories of a source."""
        ours = {version.number: version for version in self._ours(source)}
        for version in _history(self._target, source):
            self.sums[source_slot(source)] += fingerprint(version)
            mine = ours.pop(version.number, None)
            if mine is not None and mine != version:
                self._say_wrong(version, "is another one in the copy")
            self.kept += mine is None and source not in self._stopped
        if source in self._stopped:
            self.agrees = False
        elif lacking := next(iter(ours.values()), None):
            self._say_wrong(lacking, "is not in the copy")

    def _ours(self, source: Source) -> Iterator[Version]:
        """The versions of the cut; those up to the first damaged entry."""
        try:
            yield from (each for each in _history(self._source, source) if each.recorded_at <= self._until)
        except Damaged as error:
            if source not in self._stopped:
                self.say(Problem("copy-wrong", f"{source} cannot be compared: {error}", source))

    def _say_wrong(self, version: Version, what: str) -> None:
        message = f"{version.source} version {version.number} {what}"
        self.say(Problem("copy-wrong", message, version.source, version.number))


def _history(engine: Engine, source: Source) -> Iterator[Version]:
    after: int | None = None
    while page := engine.view(partial(versions.page, source=source, after=after, limit=_PAGE)):
        yield from page
        after = page[-1].number


def _absent(engine: Engine, page: Sequence[Source]) -> list[Source]:
    """Those of the sources that a store does not have."""
    known = engine.view(partial(known_sources.has_many, sources=page))
    return [source for source, has in zip(page, known, strict=True) if not has]


def _report_nameless(engine: Engine, found: Found) -> None:
    """Say which entries of the index belong to a source whose name is lost: nobody could copy them."""
    key: bytes | None = b""
    while key is not None:
        nameless, key = engine.view(partial(_nameless, key=key))
        for each in nameless:
            message = f"the source of key {each[:80].hex()} has no name and is not copied; run verify"
            found(Problem("copy-stopped", message))


def _nameless(view: View, key: bytes) -> tuple[list[bytes], bytes | None]:
    """Source keys from behind that one which have no name, and the last one looked at; None at the end."""
    looked: list[bytes] = []
    while len(looked) < _PAGE:
        items = view.scan(VERSIONS, after=key + _BEYOND if key else None, limit=1)
        if not items:
            break
        try:
            key = split_key(items[0][0])[0]
        except ValueError:
            key = items[0][0]
        looked.append(key)
    known = zip(looked, view.has_many(SOURCES, looked), strict=True)
    return [each for each, has in known if not has], key if len(looked) == _PAGE else None


def _compare_sums(target: Engine, slots: Collection[int], sums: Counter[int], found: Found) -> None:
    """The totals of the copy are what its versions come to."""
    said = target.view(read_slots)
    for slot in slots:
        if said[slot].fingerprint != sums[slot] % 2**256:
            found(Problem("copy-wrong", f"slot {slot} of the totals of the copy does not match its versions"))
