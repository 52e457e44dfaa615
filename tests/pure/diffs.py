"""Diffs of records without a store."""

from __future__ import annotations

from datetime import UTC, datetime

from pithstore.diff.changes import Change
from pithstore.diff.comparison import Diff
from pithstore.diff.list_keys import NO_KEYS, ListKeys
from pithstore.diff.section_diff import SectionDiff
from pithstore.diff.values import diff
from pithstore.digest import Digest
from pithstore.model import Source, Version
from pithstore.pointer import Json, write_pointer
from tests.pure.laws import definition

SEEN = datetime(2026, 6, 10, tzinfo=UTC)

ROR = Source("ror", "005k7hp45")

Record = dict[str, Json]


def version(number: int, source: Source = ROR, builder: str = "b-1") -> Version:
    return Version(source, number, builder, number, Digest.of(b"%d" % number), SEEN, SEEN)


FIRST, SECOND = version(1), version(2)


def compared(
    old: Record, new: Record, before: Version = FIRST, after: Version = SECOND, keys: ListKeys = NO_KEYS
) -> Diff:
    """What a store gives for two records."""
    sections = tuple(section_diff(name, old, new, keys) for name in sorted(old.keys() | new.keys()))
    return Diff(before, after, sections)


def section_diff(name: str, old: Record, new: Record, keys: ListKeys = NO_KEYS) -> SectionDiff:
    path = write_pointer((name,))
    if name not in new:
        return SectionDiff(name, "removed", old[name], None, (Change("remove", path, old=old[name]),))
    if name not in old:
        return SectionDiff(name, "added", None, new[name], (Change("add", path, value=new[name]),))
    if definition(old[name]) == definition(new[name]):
        return SectionDiff(name, "same")
    changes = tuple(diff(old[name], new[name], (name,), keys))
    return SectionDiff(name, "changed", old[name], new[name], changes)
