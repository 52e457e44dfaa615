"""Which version a reference means; see `references` for what each selector says."""

from __future__ import annotations

from collections.abc import Iterator

from pithstore import sources, versions
from pithstore.engine import View
from pithstore.errors import Ambiguous, NotFound
from pithstore.keys import MAX_NUMBER
from pithstore.model import Line, Source, Version
from pithstore.references import AsOf, Before, ByBuilder, ByNumber, BySnapshot, Ref

_PAGE = 256
_NEIGHBOURS = 20
_CANDIDATES = 10


def resolve(view: View, ref: Ref) -> Version:
    """The version that a reference means; NotFound says what is near, Ambiguous lists the candidates."""
    source, selector = ref.source, ref.selector
    found: Version | None
    match selector:
        case None:
            found = next(iter(versions.page(view, source, limit=1, reverse=True)), None)
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
    if found is None:
        raise NotFound(_what_is_near(view, ref))
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


def _what_is_near(view: View, ref: Ref) -> str:
    newest = versions.page(view, ref.source, limit=1, reverse=True)
    if not newest:
        return f"there is no source {ref.source}{_near_sources(view, ref.source)}"
    if isinstance(ref.selector, ByBuilder):
        known = ", ".join(line.builder_version for line in versions.lines(view, ref.source))
        return f"{ref.source} has no version by {ref.selector.builder_version!r}; its builders are {known[:500]}"
    if isinstance(ref.selector, AsOf):
        return f"{ref.source} had no version by {ref.selector}; see 'pithstore log {ref.source}'"
    return f"{ref.source} has no version @{ref.selector}; its newest is {newest[0].number}"


def _near_sources(view: View, source: Source) -> str:
    from difflib import get_close_matches  # only when something was not found

    near = {str(neighbour) for neighbour in sources.neighbours(view, source, _NEIGHBOURS)}
    close = get_close_matches(str(source), sorted(near), n=3, cutoff=0.75)
    return f"; did you mean {' or '.join(close)}?" if close else "; 'pithstore ls' lists the sources"
