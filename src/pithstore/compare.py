"""Two versions against each other: by digest first, then inside the sections that differ."""

from __future__ import annotations

from pithstore import records
from pithstore.canonical import decode
from pithstore.diff import Change, diff
from pithstore.engine import View
from pithstore.errors import UsageError
from pithstore.log import changed_sections
from pithstore.model import Version
from pithstore.pointer import Json, write_pointer
from pithstore.references import Ref
from pithstore.resolve import resolve


def compare(view: View, before: Ref, after: Ref) -> list[Change]:
    """The changes that lead from one version's record to the other's, section by section in order."""
    for ref in (before, after):
        if ref.pointer:
            raise UsageError(f"diff compares whole versions; leave out '#' and what follows it in {str(ref)!r}")
    old, new = resolve(view, before), resolve(view, after)
    names = changed_sections(records.read_manifest(view, old), records.read_manifest(view, new))
    olds, news = _sections(view, old, names), _sections(view, new, names)
    return [change for name in names for change in _section_changes(name, olds, news)]


def _sections(view: View, version: Version, names: tuple[str, ...]) -> dict[str, Json]:
    present = {section.name for section in records.read_manifest(view, version).sections}
    return {name: decode(records.read_section(view, version, name)) for name in names if name in present}


def _section_changes(name: str, olds: dict[str, Json], news: dict[str, Json]) -> list[Change]:
    path = write_pointer((name,))
    if name not in news:
        return [Change("remove", path, old=olds[name])]
    if name not in olds:
        return [Change("add", path, value=news[name])]
    return list(diff(olds[name], news[name], (name,)))
