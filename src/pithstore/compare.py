"""Two versions against each other: by digest first, then inside the sections that differ."""

from __future__ import annotations

from collections.abc import Collection

from pithstore import records
from pithstore.canonical import decode
from pithstore.comparison import Diff, SectionDiff, Status, section_statuses
from pithstore.diff import Change, diff
from pithstore.engine import View
from pithstore.model import Version
from pithstore.pointer import Json, write_pointer


def compare(view: View, before: Version, after: Version, only: Collection[str] = ()) -> Diff:
    """What leads from one version's record to the other's; `only` these sections if any are given.

    Sections with equal digests are not read.
    """
    statuses = compare_digests(view, before, after, only)
    sections = [_section(view, before, after, name, status) for name, status in statuses.items()]
    return Diff(before, after, tuple(sections))


def compare_digests(view: View, before: Version, after: Version, only: Collection[str] = ()) -> dict[str, Status]:
    """What became of each section, by name in order; no section is read."""
    old, new = records.read_manifests(view, (before, after))
    statuses = section_statuses(old, new)
    return {name: status for name, status in statuses.items() if not only or name in only}


def _section(view: View, before: Version, after: Version, name: str, status: Status) -> SectionDiff:
    if status == "same":
        return SectionDiff(name, status)
    old = None if status == "added" else decode(records.read_section(view, before, name))
    new = None if status == "removed" else decode(records.read_section(view, after, name))
    return SectionDiff(name, status, old, new, tuple(section_changes(name, status, old, new)))


def section_changes(name: str, status: Status, old: Json, new: Json) -> list[Change]:
    """The changes that lead from one value of a section to the other."""
    path = write_pointer((name,))
    if status == "removed":
        return [Change("remove", path, old=old)]
    if status == "added":
        return [Change("add", path, value=new)]
    return list(diff(old, new, (name,)))
