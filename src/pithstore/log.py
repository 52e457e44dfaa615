"""The versions of a source with what changed in each, told from digests alone."""

from __future__ import annotations

from itertools import pairwise

import attrs

from pithstore import manifests, versions
from pithstore.digest import Digest
from pithstore.engine import View
from pithstore.model import Manifest, Source, Version


@attrs.frozen
class LogEntry:
    """A version and the sections that differ from the version before it by number; None for the first."""

    version: Version
    changed: tuple[str, ...] | None


def log_page(view: View, source: Source, *, after: int | None, limit: int) -> list[LogEntry]:
    """Entries of a source by rising number, from beyond `after`."""
    page = versions.page(view, source, after=after, limit=limit)
    if not page:
        return []
    before = versions.page(view, source, after=page[0].number, limit=1, reverse=True)
    recipes = manifests.get_many(view, [version.snapshot for version in (*before, *page)])
    changed = [changed_sections(old, new) for old, new in pairwise(recipes)]
    return [
        LogEntry(version, names)
        for version, names in zip(page, changed if before else [None, *changed], strict=True)
    ]


def changed_sections(before: Manifest | None, after: Manifest | None) -> tuple[str, ...]:
    """The names of the sections that were added, removed or changed; a damaged manifest has no sections."""
    old, new = _digests(before), _digests(after)
    return tuple(sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name)))


def _digests(manifest: Manifest | None) -> dict[str, Digest]:
    return {section.name: section.digest for section in manifest.sections} if manifest is not None else {}
