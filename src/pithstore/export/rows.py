"""What is exported, read from a store in pages of short transactions: versions with their records, and rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import TypeAlias, TypeVar

import attrs

from pithstore import records, tombstones, versions
from pithstore.digest import Digest
from pithstore.engine import Engine, View
from pithstore.export.archive import ArchivedVersion
from pithstore.export.filter import ExportFilter
from pithstore.export.tables import Row, TableName, blob_row, change_rows, version_row
from pithstore.keys import source_key
from pithstore.model import Manifest, SectionEntry, Source, Version
from pithstore.references import Ref
from pithstore.resolve import resolve
from pithstore.survey import History, histories

T = TypeVar("T")
_PAGE = 256
_BYTES_AT_ONCE = 4 * 1024 * 1024

Walked = Callable[[int], None]
"""Is told how many more versions of the store have been looked at."""


def archived_versions(
    engine: Engine, only: ExportFilter, walked: Walked, left_out: Walked = lambda _: None
) -> Iterator[ArchivedVersion]:
    """The versions with their records, verified, in the order of an archive; Damaged where one is not sound.

    Those that lack a section, which was erased, are left out; `left_out` is told how many more.
    """
    for page in _pages(step.version for step in _steps(engine, only, walked)):
        whole = _whole(engine, page)
        left_out(len(page) - len(whole))
        page = whole
        while page:
            found = engine.view(partial(records.read_many, wanted=page))
            yield from map(ArchivedVersion, page, found)
            page = page[len(found) :]


def _whole(engine: Engine, page: Sequence[Version]) -> list[Version]:
    marks = engine.view(partial(tombstones.are_marked, versions=page))
    return [version for version, lacking in zip(page, marks, strict=True) if not lacking]


def table_rows(
    engine: Engine, table: TableName, only: ExportFilter, walked: Walked, left_out: Walked = lambda _: None
) -> Iterator[Row]:
    """The rows of a table: by source in the order of their keys, by number, by name of the section.

    Sections that were erased have no row among the blobs; `left_out` is told how many more.
    """
    steps = _steps(engine, only, walked)
    if table == "versions":
        return _version_rows(engine, steps)
    return _change_rows(engine, steps, only) if table == "changes" else _blob_rows(engine, steps, only, left_out)


@attrs.frozen
class _Step:
    """A version that is wanted, and the one before it of its source within the horizon."""

    before: Version | None
    version: Version


def _steps(engine: Engine, only: ExportFilter, walked: Walked) -> Iterator[_Step]:
    for history in _histories(engine, only):
        for before, version in zip((None, *history.versions), history.versions, strict=False):
            if only.holds(version):
                yield _Step(before, version)
        walked(len(history.versions))


def _histories(engine: Engine, only: ExportFilter) -> Iterator[History]:
    if not only.sources:
        return histories(engine, only.horizon)
    named = sorted(set(only.sources), key=source_key)
    return (engine.view(partial(_history, source=source, only=only)) for source in named)


def _history(view: View, source: Source, only: ExportFilter) -> History:
    """The history of a source that was asked for; NotFound where it has none within the horizon."""
    resolve(view, Ref(source), only.horizon)
    seen: list[Version] = []
    after: int | None = None
    while page := versions.page(view, source, after=after, limit=_PAGE):
        seen += filter(only.horizon.holds, page)
        after = page[-1].number
    return History(source, tuple(seen))


def _version_rows(engine: Engine, steps: Iterable[_Step]) -> Iterator[Row]:
    for page in _pages(step.version for step in steps):
        recipes = engine.view(partial(records.read_manifests, wanted=page))
        yield from map(version_row, page, recipes)


def _change_rows(engine: Engine, steps: Iterable[_Step], only: ExportFilter) -> Iterator[Row]:
    for page in _pages(steps):
        recipes = _recipes(
            engine, [version for step in page for version in (step.before, step.version) if version]
        )
        for step in page:
            before = Manifest(()) if step.before is None else recipes[step.before.snapshot]
            rows = change_rows(step.version, before, recipes[step.version.snapshot])
            yield from (row for row in rows if only.holds_section(row.section))


def _recipes(engine: Engine, wanted: Sequence[Version]) -> dict[Digest, Manifest]:
    distinct = list({version.snapshot: version for version in wanted}.values())
    recipes = engine.view(partial(records.read_manifests, wanted=distinct))
    return {version.snapshot: recipe for version, recipe in zip(distinct, recipes, strict=True)}


def _blob_rows(engine: Engine, steps: Iterable[_Step], only: ExportFilter, left_out: Walked) -> Iterator[Row]:
    for wanted in _groups(engine, (step.version for step in steps), only):
        group = engine.view(partial(_left, group=wanted))
        left_out(sum(len(sections) for _, sections in wanted) - sum(len(sections) for _, sections in group))
        bodies = engine.view(partial(_read_sections, group=group))
        for version, sections in group:
            yield from (blob_row(version, section, bodies[section.digest]) for section in sections)


_Wanted: TypeAlias = tuple[Version, list[SectionEntry]]
"""A version, and the sections that are wanted of it."""


def _groups(engine: Engine, wanted: Iterable[Version], only: ExportFilter) -> Iterator[list[_Wanted]]:
    """The versions with their sections, in groups whose bodies fit in memory together."""
    for page in _pages(wanted):
        group: list[_Wanted] = []
        size = 0
        for version, manifest in zip(page, engine.view(partial(records.read_manifests, wanted=page)), strict=True):
            sections = [section for section in manifest.sections if only.holds_section(section.name)]
            group.append((version, sections))
            size += sum(section.size for section in sections)
            if size >= _BYTES_AT_ONCE:
                yield group
                group, size = [], 0
        yield group


def _left(view: View, group: Sequence[_Wanted]) -> list[_Wanted]:
    """The versions with those of their sections that were not erased."""
    gone = tombstones.find(view, [section.digest for _, sections in group for section in sections])
    return [(version, [each for each in sections if each.digest not in gone]) for version, sections in group]


def _read_sections(view: View, group: Sequence[_Wanted]) -> dict[Digest, bytes]:
    """The bodies of the sections, hashed; Damaged names the first that is not as it was."""
    digests = list(dict.fromkeys(section.digest for _, sections in group for section in sections))
    bodies = dict(zip(digests, records.read_bodies(view, digests), strict=True))
    damaged = {digest for digest, body in bodies.items() if Digest.of(body) != digest}
    for version, sections in group if damaged else ():
        records.read_sections(view, version, [section for section in sections if section.digest in damaged])
    return bodies


def _pages(items: Iterable[T]) -> Iterator[list[T]]:
    iterator = iter(items)
    while page := list(islice(iterator, _PAGE)):
        yield page
