"""The version that a selector means; see `selectors` for what each says."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from pithstore import versions
from pithstore.engine import View
from pithstore.errors import Ambiguous
from pithstore.horizon import Horizon
from pithstore.keys import MAX_NUMBER
from pithstore.model import Line, Source, Version
from pithstore.selectors import AsOf, Before, ByBuilder, ByNumber, BySnapshot, Selector

_PAGE = 256
_CANDIDATES = 10


def select(view: View, source: Source, selector: Selector | None, horizon: Horizon) -> Version | None:
    """The version within the horizon that the selector means; None where there is none, Ambiguous where several.

    Without a selector it is the newest, and where the horizon has a time of observation the version as of then.
    """
    found: Version | None
    match selector:
        case ByNumber(number):
            found = _by_number(view, source, number, horizon)
        case Before(steps):
            found = next(islice(_newest_first(view, source, horizon), min(steps, MAX_NUMBER), None), None)
        case AsOf(moment):
            found = _as_of(view, source, AsOf(moment), horizon)
        case ByBuilder(builder_version):
            found = _newest_of_line(view, Line(source, builder_version), horizon)
        case BySnapshot(prefix):
            found = _by_snapshot(view, source, prefix, horizon)
        case None if horizon.is_open:
            found = next(iter(versions.page(view, source, limit=1, reverse=True)), None)
        case None if horizon.at is not None:
            found = _as_of(view, source, AsOf(horizon.at), horizon)
        case None:
            found = next(_newest_first(view, source, horizon), None)
    return found


def _by_number(view: View, source: Source, number: int, horizon: Horizon) -> Version | None:
    found = versions.get_many(view, [(source, number)])[0] if number <= MAX_NUMBER else None
    return found if found is not None and horizon.holds(found) else None


def _as_of(view: View, source: Source, wanted: AsOf, horizon: Horizon) -> Version | None:
    moment = wanted.moment if horizon.at is None else min(wanted.moment, horizon.at)
    last = MAX_NUMBER
    if horizon.as_recorded is not None:
        last = versions.last_recorded(view, source, horizon.as_recorded)
    named = None if horizon.builder is None else [horizon.builder]
    builders = named or [line.builder_version for line in versions.lines(view, source)]
    return versions.as_of(view, source, builders, moment, last)


def _newest_of_line(view: View, line: Line, horizon: Horizon) -> Version | None:
    if horizon.is_open:
        (head,) = versions.line_heads(view, [line])
        return None if head is None else versions.need_many(view, [(line.source, head.number)])[0]
    newest = _newest_first(view, line.source, horizon)
    return next((version for version in newest if version.builder_version == line.builder_version), None)


def _by_snapshot(view: View, source: Source, prefix: str, horizon: Horizon) -> Version | None:
    matching: dict[str, Version] = {}
    for version in _newest_first(view, source, horizon):
        if str(version.snapshot).startswith(prefix):
            matching.setdefault(str(version.snapshot), version)
    if len(matching) > 1:
        shown = [f"{snapshot} (version {version.number})" for snapshot, version in matching.items()][:_CANDIDATES]
        raise Ambiguous(f"{source}@sha256:{prefix} fits {len(matching)} snapshots: {', '.join(shown)}")
    return next(iter(matching.values()), None)


def _newest_first(view: View, source: Source, horizon: Horizon) -> Iterator[Version]:
    after: int | None = None
    if horizon.as_recorded is not None:
        after = versions.last_recorded(view, source, horizon.as_recorded) + 1
    while page := versions.page(view, source, after=after, limit=_PAGE, reverse=True):
        yield from filter(horizon.holds, page)
        after = page[-1].number
