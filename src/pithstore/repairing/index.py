"""Source by source: the versions whose entries are lost, and all that follows from versions.

A version comes back from another copy only where something here says that it was lost: an entry of it that is not
sound, another entry that mentions it, or the fingerprint of its slot, which says what is to come back and no more.
What was forgotten on purpose stays forgotten.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import partial

import attrs

from pithstore import garbage
from pithstore.canonical import decode
from pithstore.codec import encode_source
from pithstore.counts import Totals, decode_totals
from pithstore.digest import DIGEST_BYTES, Digest
from pithstore.engine import Engine, Item, Update, View
from pithstore.errors import Damaged, InvalidRecord, StoreBusy
from pithstore.fingerprint import fingerprint
from pithstore.keys import SLOTS, SOURCES, TOTALS, VERSION, VERSIONS, read_source_key, slot_key, source_key
from pithstore.keys import source_slot as slot_of
from pithstore.model import Source, Version
from pithstore.profile import Profile, find_line
from pithstore.repairing.another import Another, named
from pithstore.repairing.content import Content
from pithstore.repairing.source import Seen, Wanted, entries_of, look, read_items
from pithstore.report import Problem
from pithstore.seal import seal, unseal
from pithstore.sources import read_source
from pithstore.survey import index_pages

_SOURCES_AT_ONCE = 1024
_ATTEMPTS = 5
_COMPARED = 64  # versions, to tell a copy of this store from another one


@attrs.frozen
class Doubts:
    """What a look at the whole store said of sources: heads of lines that are wrong, and runs that are lost."""

    lines: frozenset[Source] = frozenset()
    runs: frozenset[Source] = frozenset()


class Index:
    """Mends the index of a store."""

    def __init__(self, engine: Engine, other: Another, content: Content, profile: Profile, doubts: Doubts) -> None:
        self._engine, self._other, self._content = engine, other, content
        self._profile, self._doubts = profile, doubts
        self._sums = [0] * SLOTS
        self._alike: list[bool] = []
        self.doubts: list[Problem] = []

    def mend(self) -> None:
        """Let every source say what it should, as far as that is known."""
        suspects: dict[bytes, set[int]] = {}
        for key in self._keys():
            source = self._name(key)
            if source is None:
                continue
            seen = look(source, self._engine.view(partial(read_items, key=key)))
            self._count(seen)
            if self._is_wrong(seen):
                suspects[key] = set()
        for source, numbers in self._gone_without_trace().items():
            suspects.setdefault(source_key(source), set()).update(numbers)
        for key, numbers in suspects.items():
            self._mend_source(key, numbers)

    def _keys(self) -> Iterator[bytes]:
        """The key of each source: those with entries, and those with a name alone."""
        for page in index_pages(self._engine):
            yield from (key for key, _ in page)
        after: bytes | None = None
        while items := self._engine.view(partial(_scan_names, after=after)):
            after = items[-1][0]
            entries = [not self._engine.view(partial(read_items, key=key)) for key, _ in items]
            yield from (key for (key, _), bare in zip(items, entries, strict=True) if bare)

    def _name(self, key: bytes) -> Source | None:
        """The source with that key, which has its name from here on; None where nothing says it."""
        (value,) = self._engine.view(lambda view: view.get_many(SOURCES, [key]))
        try:
            if value is not None:
                return read_source((key, value))
        except Damaged:
            pass
        source = read_source_key(key) or named(key, self._other.source_of(key)) or self._told_by_records(key)
        if source is not None:
            item = (key, seal(SOURCES, key, encode_source(source)))
            self._engine.update(lambda update: update.put_many(SOURCES, [item]))
        return source

    def _told_by_records(self, key: bytes) -> Source | None:
        """The source that a record of an entry with that key says; for keys that are cut."""
        for item_key, value in self._engine.view(partial(read_items, key=key + VERSION)).items():
            try:
                snapshot = Digest(unseal(VERSIONS, item_key, value)[:DIGEST_BYTES])
                record = decode(self._content.by_snapshot(snapshot))
                source = find_line(record, self._profile).source if isinstance(record, dict) else None
            except (Damaged, InvalidRecord):
                continue
            if named(key, source):
                return source
        return None

    def _count(self, seen: Seen) -> None:
        slot = slot_of(seen.source)
        versions = [*seen.packed, *seen.loose.values()]
        self._sums[slot] += sum(map(fingerprint, versions))
        if versions and len(self._alike) < _COMPARED:
            theirs = self._other.version(seen.source, versions[-1].number)
            self._alike += [] if theirs is None else [theirs == versions[-1]]

    def _is_wrong(self, seen: Seen) -> bool:
        doubted = seen.source in self._doubts.lines or seen.source in self._doubts.runs
        if doubted or seen.unsound or seen.lost or not seen.items:
            return True
        wanted = self._engine.view(partial(entries_of, seen=seen, back=(), last=None, every_line=False))
        return bool(wanted.put or wanted.gone)

    def _gone_without_trace(self) -> dict[Source, set[int]]:
        """The versions of the other copy that make the sums of slots what they were.

        Where a sum is lost, all that a copy of this store has, if nothing was ever forgotten here.
        """
        said = self._engine.view(_sound_slots)
        wrong = {slot for slot, totals in said.items() if totals.fingerprint != self._sums[slot] % 2**256}
        untold = set(range(SLOTS)) - said.keys() if self._alike and all(self._alike) else set()
        lacking = self._lacking(wrong | untold)
        found: dict[Source, set[int]] = {}
        for slot, versions in lacking.items():
            gap = said[slot].fingerprint - self._sums[slot] if slot in said else None
            if gap is not None and (sum(map(fingerprint, versions)) - gap) % 2**256:
                continue
            if gap is None and not self._engine.view(_never_forgot):
                self.doubts += map(_lost_or_forgotten, versions)
                continue
            for version in versions:
                found.setdefault(version.source, set()).add(version.number)
        return found

    def _lacking(self, slots: Collection[int]) -> dict[int, list[Version]]:
        """The versions of the other copy that the store lacks, of sources in these slots."""
        found: dict[int, list[Version]] = {}
        for source in self._other.sources() if slots else ():
            slot = slot_of(source)
            if slot in slots:
                items = self._engine.view(partial(read_items, key=source_key(source)))
                known = look(source, items).numbers
                lacking = [version for version in self._other.versions(source) if version.number not in known]
                found.setdefault(slot, []).extend(lacking)
        return found

    def _mend_source(self, key: bytes, gone: Collection[int]) -> None:
        for _ in range(_ATTEMPTS):
            items = self._engine.view(partial(read_items, key=key))
            source = read_source_key(key) or self._name(key) or named(key, self._other.source_of(key))
            if source is None:
                return
            seen = look(source, items)
            back = self._back(seen, gone)
            doubted = source in self._doubts.lines
            last = self._other.head(source) if seen.head is None else None
            wanted = self._engine.view(
                partial(entries_of, seen=seen, back=back, last=last if items or back else None, every_line=doubted)
            )
            name = (key, seal(SOURCES, key, encode_source(source)))
            if self._engine.update(partial(_write, key=key, seen=items, wanted=wanted, name=name)):
                return
        raise StoreBusy("somebody writes all the time to what is to be repaired; run repair again later")

    def _back(self, seen: Seen, gone: Collection[int]) -> list[Version]:
        """The versions that come back; what their records are made of is there when this returns."""
        numbers = sorted(self._numbers(seen, gone))
        back = [each for number in numbers if (each := self._other.version(seen.source, number))]
        taken = [version for version in back if self._content.take(version, lost=True)]
        self._content.flush()
        ends = {version.number for version in taken}
        half = [(first, last) for first, last in seen.stretches if last not in ends]
        return [each for each in taken if not any(first < each.number <= last for first, last in half)]

    def _numbers(self, seen: Seen, gone: Collection[int]) -> set[int]:
        numbers = {*seen.lost, *gone}
        bare = not seen.items or seen.source in self._doubts.runs
        if bare or seen.stretches:
            for version in self._other.versions(seen.source):
                if bare or any(first < version.number <= last for first, last in seen.stretches):
                    numbers.add(version.number)
        return numbers - seen.numbers


def _scan_names(view: View, after: bytes | None) -> list[Item]:
    return view.scan(SOURCES, after=after, limit=_SOURCES_AT_ONCE)


def _never_forgot(view: View) -> bool:
    return not garbage.times(view) and not garbage.is_left(view)


def _lost_or_forgotten(version: Version) -> Problem:
    message = (
        f"the copy has {version.source} version {version.number}, and what would tell whether it was lost here or "
        "forgotten is lost; if it is missed, take it from the copy and put it again"
    )
    return Problem("history-lost", message, version.source, version.number)


def _sound_slots(view: View) -> dict[int, Totals]:
    found: dict[int, Totals] = {}
    keys = [slot_key(slot) for slot in range(SLOTS)]
    for slot, (key, value) in enumerate(zip(keys, view.get_many(TOTALS, keys), strict=True)):
        try:
            if value is not None:
                found[slot] = decode_totals(unseal(TOTALS, key, value))
        except Damaged:
            continue
    return found


def _write(update: Update, key: bytes, seen: dict[bytes, bytes], wanted: Wanted, name: Item) -> bool:
    """Whether the entries were written; not where somebody wrote to the source meanwhile."""
    if read_items(update, key) != seen:
        return False
    if wanted.put:
        update.put_many(SOURCES, [name])
    update.put_many(VERSIONS, wanted.put)
    update.delete_many(VERSIONS, wanted.gone)
    return True
