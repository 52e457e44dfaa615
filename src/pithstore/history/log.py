"""The versions of a source with what changed in each, told from digests alone."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from functools import partial
from itertools import pairwise

import attrs

from pithstore import manifests, versions
from pithstore.engine import Engine, View
from pithstore.horizon import Horizon
from pithstore.model import Source, Version
from pithstore.times import to_utc

_PAGE = 256


@attrs.frozen
class LogEntry:
    """A version, the one before it by number, and the sections that differ; None and None for the first.

    A damaged manifest counts as one without sections.
    """

    version: Version
    before: Version | None
    changed: tuple[str, ...] | None


@attrs.frozen
class LogFilter:
    """Which entries are wanted: those where any of these sections changed, observed from `since` up to `until`.

    The first version of a source changed all the sections that it has.  None and () ask for nothing.
    """

    sections: Collection[str] = ()
    since: datetime | None = attrs.field(default=None, converter=attrs.converters.optional(to_utc))
    until: datetime | None = attrs.field(default=None, converter=attrs.converters.optional(to_utc))

    def holds(self, version: Version) -> bool:
        """Whether the version is wanted, whatever changed in it."""
        since = self.since is None or version.observed_at >= self.since
        return since and (self.until is None or version.observed_at <= self.until)


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
    first = [] if before is None else [before]
    recipes = manifests.digests_of(view, [*first, *seen])
    digests = [recipe or {} for recipe in recipes]
    entries: list[LogEntry] = []
    for old, version, (was, now) in zip(
        [before, *seen], seen, pairwise(digests if first else [{}, *digests]), strict=False
    ):
        changed = changed_sections(was, now)
        if only.holds(version) and (not only.sections or not set(only.sections).isdisjoint(changed)):
            entries.append(LogEntry(version, old, None if old is None else changed))
    return entries


def changed_sections(before: dict[str, bytes], after: dict[str, bytes]) -> tuple[str, ...]:
    """The names of the sections that were added, removed or changed, in order."""
    if before == after:
        return ()
    return tuple(sorted({name for name, _ in before.items() ^ after.items()}))
