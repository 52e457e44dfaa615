"""The versions of a cut that a copy lacks, found source by source in pages of short transactions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from functools import partial

import attrs

from pithstore import sources, versions
from pithstore.engine import Engine, View
from pithstore.errors import Damaged
from pithstore.keys import SOURCES, source_slot
from pithstore.model import Source, Version
from pithstore.report import Problem

_SOURCES_AT_ONCE, _VERSIONS_AT_ONCE = 256, 256

Found = Callable[[Problem], None]
"""Is told each problem."""


@attrs.frozen
class _Behind:
    """A source, and the last version of it that the copy has."""

    source: Source
    number: int


@attrs.frozen
class _Page:
    """Versions that are lacking, what is still to be looked at, and the sources that cannot be read further."""

    versions: list[Version]
    rest: list[_Behind]
    stopped: list[Problem]


def source_pages(engine: Engine, slots: Collection[int], found: Found) -> Iterator[list[Source]]:
    """The sources in these slots, in the order of their keys; says which names are damaged."""
    after: bytes | None = None
    while slots and (items := engine.view(partial(_scan_sources, after=after))):
        after = items[-1][0]
        page: list[Source] = []
        for item in items:
            try:
                page.append(sources.read_source(item))
            except Damaged as error:
                found(Problem("source-damaged", f"a source is not copied: {error}"))
        yield [source for source in page if source_slot(source) in slots]


def _scan_sources(view: View, after: bytes | None) -> list[tuple[bytes, bytes]]:
    return view.scan(SOURCES, after=after, limit=_SOURCES_AT_ONCE)


def missing_versions(
    source: Engine, target: Engine, until: datetime, slots: Collection[int], found: Found
) -> Iterator[Version]:
    """The versions that `target` lacks of sources in these slots: those of a source by rising number.

    A source one of whose entries is damaged comes up to that one: a number behind it would never let it in again.
    """
    for page in source_pages(source, slots, lambda _: None):  # a name that is damaged is said in the end
        heads = target.view(partial(versions.heads, sources=page))
        behind = [
            _Behind(each, 0 if head is None else head.number) for each, head in zip(page, heads, strict=True)
        ]
        while behind:
            lacking = source.view(partial(_look, behind=behind, until=until))
            behind = lacking.rest
            yield from lacking.versions
            for problem in lacking.stopped:
                found(problem)


def _look(view: View, behind: Sequence[_Behind], until: datetime) -> _Page:
    """The next versions that these sources have, as many as one page holds."""
    lacking: list[Version] = []
    stopped: list[Problem] = []
    for i, each in enumerate(behind):
        room = _VERSIONS_AT_ONCE - len(lacking)
        if room == 0:
            return _Page(lacking, list(behind[i:]), stopped)
        newer, damage = _sound_page(view, each.source, each.number, room)
        lacking += [version for version in newer if version.recorded_at <= until]
        if damage is not None:
            stopped.append(stopped_at(each.source, None, damage))
        elif len(newer) == room and newer[-1].recorded_at <= until:
            return _Page(lacking, [_Behind(each.source, newer[-1].number), *behind[i + 1 :]], stopped)
    return _Page(lacking, [], stopped)


def _sound_page(view: View, source: Source, after: int, limit: int) -> tuple[list[Version], Damaged | None]:
    """Versions from behind that number, up to the first whose entry is damaged."""
    try:
        return versions.page(view, source, after=after, limit=limit), None
    except Damaged:
        page: list[Version] = []
    while len(page) < limit:
        try:
            page += versions.page(view, source, after=page[-1].number if page else after, limit=1)
        except Damaged as error:
            return page, error
    return page, None


def stopped_at(source: Source, number: int | None, error: Exception) -> Problem:
    """What is said of a source that is copied up to a damaged version, and not behind it."""
    return Problem("copy-stopped", f"{source} is copied up to what is damaged: {error}", source, number)
