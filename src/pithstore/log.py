"""The versions of a source with what changed in each, told from digests alone."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from functools import partial
from itertools import pairwise

import attrs

from pithstore import manifests, versions
from pithstore.digest import Digest
from pithstore.engine import Engine, View
from pithstore.horizon import Horizon
from pithstore.model import Manifest, Source, Version

_PAGE = 256


@attrs.frozen
class LogEntry:
    """A version and the sections that differ from the version before it by number; None for the first."""

    version: Version
    changed: tuple[str, ...] | None


@attrs.frozen
class LogFilter:
    """Which entries are wanted: any of these sections changed, this builder, observed from since until until.

    The first version of a source changed all the sections that it has.  None and () ask for nothing.
    """

    sections: Collection[str] = ()
    builder_version: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def holds(self, version: Version) -> bool:
        """Whether the version is wanted, whatever changed in it."""
        made = self.builder_version is None or version.builder_version == self.builder_version
        since = self.since is None or version.observed_at >= self.since
        return made and since and (self.until is None or version.observed_at <= self.until)


def log(engine: Engine, source: Source, horizon: Horizon, only: LogFilter | None = None) -> Iterator[LogEntry]:
    """The entries of a source by rising number."""
    wanted = only or LogFilter()
    before: Version | None = None
    after: int | None = None
    while page := engine.view(partial(versions.page, source=source, after=after, limit=_PAGE)):
        after = page[-1].number
        if seen := [version for version in page if horizon.holds(version)]:
            yield from engine.view(partial(_entries, before=before, seen=seen, only=wanted))
            before = seen[-1]


def _entries(view: View, before: Version | None, seen: list[Version], only: LogFilter) -> list[LogEntry]:
    run = seen if before is None else [before, *seen]
    recipes = manifests.get_many(view, [version.snapshot for version in run])
    changed: list[tuple[str, ...] | None] = [changed_sections(old, new) for old, new in pairwise(recipes)]
    if before is None:
        changed.insert(0, None)
    first = recipes[0]
    return [
        LogEntry(version, names)
        for version, names in zip(seen, changed, strict=True)
        if only.holds(version) and _touches(names if names is not None else _names(first), only.sections)
    ]


def _touches(changed: Collection[str], wanted: Collection[str]) -> bool:
    return not wanted or not set(wanted).isdisjoint(changed)


def _names(manifest: Manifest | None) -> list[str]:
    return [section.name for section in manifest.sections] if manifest is not None else []


def changed_sections(before: Manifest | None, after: Manifest | None) -> tuple[str, ...]:
    """The names of the sections that were added, removed or changed; a damaged manifest has no sections."""
    if before == after:
        return ()
    old, new = _digests(before), _digests(after)
    return tuple(sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name)))


def _digests(manifest: Manifest | None) -> dict[str, Digest]:
    return {section.name: section.digest for section in manifest.sections} if manifest is not None else {}
