"""Two versions against each other: by digest first, then inside the sections that differ."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from pithstore import records
from pithstore.canonical import decode
from pithstore.diff.comparison import Diff, SectionDiff, Status, section_statuses
from pithstore.diff.list_keys import NO_KEYS, ListKeys
from pithstore.diff.values import Change, diff
from pithstore.engine import View
from pithstore.errors import NotFound
from pithstore.model import Manifest, Version
from pithstore.pointer import Json, write_pointer


def compare(
    view: View, before: Version, after: Version, only: Collection[str] = (), keys: ListKeys = NO_KEYS
) -> Diff:
    """What leads from one version's record to the other's; `only` these sections if any are given.

    Sections with equal digests are not read; `keys` say how the elements of lists are known.
    """
    old, new = records.read_manifests(view, (before, after))
    statuses = _statuses(old, new, only)
    differing = {name for name, status in statuses.items() if status != "same"}
    olds, news = _values(view, before, old, differing), _values(view, after, new, differing)
    sections = [
        SectionDiff(name, status)
        if status == "same"
        else _section(name, status, olds.get(name), news.get(name), keys)
        for name, status in statuses.items()
    ]
    return Diff(before, after, tuple(sections))


def compare_digests(view: View, before: Version, after: Version, only: Collection[str] = ()) -> dict[str, Status]:
    """What became of each section, by name in order; no section is read."""
    old, new = records.read_manifests(view, (before, after))
    return _statuses(old, new, only)


def _statuses(old: Manifest, new: Manifest, only: Collection[str]) -> dict[str, Status]:
    statuses = section_statuses(old, new)
    unknown = sorted(set(only) - statuses.keys())
    if unknown:
        raise NotFound(f"neither version has a section {unknown[0]!r}; their sections are {', '.join(statuses)}")
    return {name: status for name, status in statuses.items() if not only or name in only}


def _values(view: View, version: Version, manifest: Manifest, names: set[str]) -> dict[str, Json]:
    wanted = [section for section in manifest.sections if section.name in names]
    bodies = records.read_sections(view, version, wanted)
    return {section.name: decode(body) for section, body in zip(wanted, bodies, strict=True)}


def _section(name: str, status: Status, old: Json, new: Json, keys: ListKeys) -> SectionDiff:
    return SectionDiff(name, status, old, new, tuple(section_changes(name, status, old, new, keys)))


def section_changes(name: str, status: Status, old: Json, new: Json, keys: ListKeys = NO_KEYS) -> Iterable[Change]:
    """The changes that lead from one value of a section, which is not the same, to the other."""
    path = write_pointer((name,))
    if status == "removed":
        return (Change("remove", path, old=old),)
    if status == "added":
        return (Change("add", path, value=new),)
    return diff(old, new, (name,), keys)
