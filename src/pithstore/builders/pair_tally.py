"""Pairs of manifests, counted as they are stored: what became of each section.  Pure, and made for millions.

A manifest is a short run of names, digests and sizes, and most manifests of a store have the same names.  So its
digests are cut out by a pattern that is made once for these names and fits manifests with exactly these.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Generic, TypeAlias, TypeVar

import attrs

from pithstore.codec import decode_section_digests, write_bytes
from pithstore.digest import DIGEST_BYTES

T = TypeVar("T")

_REST_OF_ENTRY = b"(.{%d})[\x80-\xff]{0,9}[\x00-\x7f]" % DIGEST_BYTES
_MOST_PATTERNS, _MOST_FATES = 256, 4096  # some stores have no two manifests alike

Names: TypeAlias = tuple[str, ...]
Digests: TypeAlias = "tuple[bytes, ...]"


class Sample(Generic[T]):
    """The items of the lowest ranks, whatever the order in which they were offered."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: list[tuple[bytes, T]] = []
        self._bound: bytes | None = None

    def offer(self, rank: bytes, item: T) -> None:
        """Keep the item if its rank is low enough; no two ranks are the same."""
        if self._bound is None or rank < self._bound:
            self._kept.append((rank, item))
            if len(self._kept) > 2 * self._limit:
                self._kept = self._lowest()
                self._bound = self._kept[-1][0]

    def _lowest(self) -> list[tuple[bytes, T]]:
        return sorted(self._kept, key=lambda kept: kept[0])[: self._limit]

    def items(self) -> list[T]:
        """The items, the one of the lowest rank first."""
        return [item for _, item in self._lowest()]


class SectionTally(Generic[T]):
    """One section: in how many pairs it is there at least once, what became of it, and some where it differs."""

    def __init__(self, sample: int) -> None:
        self.pairs = self.added = self.removed = self.changed = 0
        self.sample: Sample[T] = Sample(sample)

    @property
    def differing(self) -> int:
        """In how many pairs it is not the same."""
        return self.added + self.removed + self.changed


@attrs.define
class _Fate:
    """The sections that are in both manifests of a pair, by what became of them; and how many pairs were so."""

    same: Names
    changed: Names
    added: Names
    removed: Names
    differing: Names
    pairs: int = 0


class PairTally(Generic[T]):
    """What became of each section, pair after pair.

    `expected` is the section that is nothing but the builder's name; `sample` is how many of the pairs in which it
    differs are kept for each section.
    """

    def __init__(self, expected: str | None, sample: int) -> None:
        self.pairs = self._same = 0
        self._expected = {expected}
        self._limit = sample
        self._before, self._after = _Recipes(), _Recipes()
        self._fates: dict[tuple[Names, Names, Names], _Fate] = {}
        self._sections: dict[str, SectionTally[T]] = {}

    def add(self, rank: bytes, pair: T, before: bytes, after: bytes) -> None:
        """Count a pair by its two manifests, as they are stored; Damaged where one of them cannot be read."""
        fate = self._fate(*self._before.read(before), *self._after.read(after))
        self.pairs += 1
        fate.pairs += 1
        for name in fate.differing:
            self._sections[name].sample.offer(rank, pair)

    def _fate(self, old_names: Names, old: Digests, new_names: Names, new: Digests) -> _Fate:
        if old_names == new_names:
            both = zip(old_names, old, new, strict=True)
            changed = tuple([name for name, before, after in both if before != after])
        else:
            later = dict(zip(new_names, new, strict=True))
            earlier = zip(old_names, old, strict=True)
            changed = tuple([name for name, digest in earlier if later.get(name, digest) != digest])
        key = (old_names, new_names, changed)
        found = self._fates.get(key)
        return self._new_fate(key) if found is None else found

    def _new_fate(self, key: tuple[Names, Names, Names]) -> _Fate:
        if len(self._fates) >= _MOST_FATES:
            self._settle()
        old, new, changed = key
        added = tuple(name for name in new if name not in set(old))
        removed = tuple(name for name in old if name not in set(new))
        same = tuple(name for name in old if name in set(new).difference(changed))
        fate = _Fate(same, changed, added, removed, (*changed, *added, *removed))
        for name in (*same, *fate.differing):
            if name not in self._sections:
                self._sections[name] = SectionTally(self._limit)
        self._fates[key] = fate
        return fate

    def _settle(self) -> None:
        """Give each section what the pairs since the last time mean for it."""
        for fate in self._fates.values():
            if self._expected.issuperset(fate.differing):
                self._same += fate.pairs
            for name in (*fate.same, *fate.differing):
                self._sections[name].pairs += fate.pairs
            for name in fate.changed:
                self._sections[name].changed += fate.pairs
            for name in fate.added:
                self._sections[name].added += fate.pairs
            for name in fate.removed:
                self._sections[name].removed += fate.pairs
        self._fates.clear()

    @property
    def same(self) -> int:
        """In how many pairs nothing differs but what is expected to."""
        self._settle()
        return self._same

    @property
    def sections(self) -> Mapping[str, SectionTally[T]]:
        """The sections of all pairs by name, in order."""
        self._settle()
        return dict(sorted(self._sections.items()))


class _Recipes:
    """Reads manifests of which many have the same names."""

    def __init__(self) -> None:
        self._names: Names = ()
        self._pattern = _pattern(())
        self._patterns: dict[Names, re.Pattern[bytes]] = {}

    def read(self, manifest: bytes) -> tuple[Names, Digests]:
        """The names of a manifest's sections, and their digests in the same order."""
        match = self._pattern.fullmatch(manifest)
        if match is not None:
            return self._names, match.groups()
        digests = decode_section_digests(manifest)
        self._remember(tuple(digests))
        return tuple(digests), tuple(digests.values())

    def _remember(self, names: Names) -> None:
        known = self._patterns.get(names)
        if known is None and len(self._patterns) < _MOST_PATTERNS:
            known = self._patterns[names] = _pattern(names)
        if known is not None:
            self._names, self._pattern = names, known


def _pattern(names: Names) -> re.Pattern[bytes]:
    entries = [re.escape(write_bytes(name.encode())) + _REST_OF_ENTRY for name in names]
    return re.compile(b"".join(entries), re.DOTALL)
