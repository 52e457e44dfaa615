"""Which version a reference means; see `references` for what each selector says."""

from __future__ import annotations

from pithstore import versions
from pithstore.engine import View
from pithstore.errors import NotFound
from pithstore.horizon import OPEN, Horizon
from pithstore.model import Source, Version
from pithstore.quoting import quote_name
from pithstore.references import Ref

_NEIGHBOURS = 20


def resolve(view: View, ref: Ref, horizon: Horizon = OPEN) -> Version:
    """The version within the horizon that a reference means.

    NotFound says what is near, Ambiguous lists the candidates.
    """
    if ref.selector is None and horizon.is_open:
        found = next(iter(versions.page(view, ref.source, limit=1, reverse=True)), None)
    else:
        from pithstore.select import select  # most references mean the newest

        found = select(view, ref.source, ref.selector, horizon)
    if found is None:
        raise NotFound(_what_is_near(view, ref, horizon))
    return found


def _what_is_near(view: View, ref: Ref, horizon: Horizon) -> str:
    newest = versions.page(view, ref.source, limit=1, reverse=True)
    (head,) = versions.heads(view, [ref.source])
    if head is None:
        return f"there is no source {ref.source}{_near_sources(view, ref.source)}"
    if not newest:
        return f"every version of {ref.source} was forgotten; the next one that is put is number {head.number + 1}"
    if not horizon.is_open:
        wanted = "" if ref.selector is None else f" @{ref.selector}"
        return f"{ref.source} has no version{wanted} {horizon}; see 'pithstore log {ref.source}'"
    from pithstore.selectors import AsOf, ByBuilder, ByNumber

    if isinstance(ref.selector, ByBuilder):
        known = ", ".join(quote_name(line.builder_version) for line in versions.lines(view, ref.source))
        return f"{ref.source} has no version by {ref.selector.builder_version!r}; its builders are {known[:500]}"
    if isinstance(ref.selector, AsOf):
        return f"{ref.source} had no version by {ref.selector}; see 'pithstore log {ref.source}'"
    if isinstance(ref.selector, ByNumber) and 0 < ref.selector.number <= head.number:
        return f"{ref.source} version {ref.selector.number} was forgotten; see 'pithstore log {ref.source}'"
    return f"{ref.source} has no version @{ref.selector}; its newest is {newest[0].number}"


def _near_sources(view: View, source: Source) -> str:
    from difflib import get_close_matches  # only when something was not found

    from pithstore import sources

    neighbours = list(sources.neighbours(view, source, _NEIGHBOURS))
    near = {str(neighbour) for neighbour in versions.left(view, neighbours)}
    close = get_close_matches(str(source), sorted(near), n=3, cutoff=0.75)
    return f"; did you mean {' or '.join(close)}?" if close else "; 'pithstore ls' lists the sources"
