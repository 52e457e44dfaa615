"""The version that a selector means; see `selectors` for what each says."""

from __future__ import annotations

from collections.abc import Iterator

from pithstore import versions
from pithstore.engine import View
from pithstore.errors import Ambiguous
from pithstore.keys import MAX_NUMBER
from pithstore.model import Line, Source, Version
from pithstore.selectors import AsOf, Before, ByBuilder, ByNumber, BySnapshot, Selector

_PAGE = 256
_CANDIDATES = 10


def select(view: View, source: Source, selector: Selector) -> Version | None:
    """The version of the source that the selector means; None where there is none, Ambiguous where several."""
    found: Version | None
    match selector:
        case ByNumber(number):
            found = versions.get_many(view, [(source, number)])[0] if number <= MAX_NUMBER else None
        case Before(steps):
            newest = versions.page(view, source, limit=min(steps, MAX_NUMBER) + 1, reverse=True)
            found = newest[steps] if steps < len(newest) else None
        case AsOf(moment):
            found = versions.as_of(view, source, moment)
        case ByBuilder(builder_version):
            found = _newest_of_line(view, Line(source, builder_version))
        case BySnapshot(prefix):
            found = _by_snapshot(view, source, prefix)
    return found


def _newest_of_line(view: View, line: Line) -> Version | None:
    (head,) = versions.line_heads(view, [line])
    return None if head is None else versions.need_many(view, [(line.source, head.number)])[0]


def _by_snapshot(view: View, source: Source, prefix: str) -> Version | None:
    matching: dict[str, Version] = {}
    for version in _newest_first(view, source):
        if str(version.snapshot).startswith(prefix):
            matching.setdefault(str(version.snapshot), version)
    if len(matching) > 1:
        shown = [f"{snapshot} (version {version.number})" for snapshot, version in matching.items()][:_CANDIDATES]
        raise Ambiguous(f"{source}@sha256:{prefix} fits {len(matching)} snapshots: {', '.join(shown)}")
    return next(iter(matching.values()), None)


def _newest_first(view: View, source: Source) -> Iterator[Version]:
    after: int | None = None
    while page := versions.page(view, source, after=after, limit=_PAGE, reverse=True):
        yield from page
        after = page[-1].number
