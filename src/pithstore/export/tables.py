"""The tables that a store is exported as: their rows as values, and their columns.  Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from types import NoneType
from typing import Literal, TypeAlias, get_args

import attrs

from pithstore.canonical import canonical
from pithstore.model import Manifest, SectionEntry, Version
from pithstore.times import write_time

TableName: TypeAlias = Literal["versions", "changes", "blobs"]
Cell: TypeAlias = str | int | datetime | None
"""What stands in one place of a table; times are in UTC."""
Write: TypeAlias = Callable[[bytes], object]
"""Takes the next bytes of a table that is written out."""


@attrs.frozen
class _Row:
    """What every row says of its version; `source_version` is canonical JSON, None for null or nothing."""

    source: str
    kind: str
    id: str
    number: int
    builder_version: str
    source_version: str | None
    observed_at: datetime
    recorded_at: datetime


@attrs.frozen
class VersionRow(_Row):
    """One version: how many sections it has, and how many bytes its canonical form."""

    snapshot: str
    sections: int
    bytes: int


@attrs.frozen
class ChangeRow(_Row):
    """One section that a version has otherwise than the version before it of its source.

    `before` and `after` are digests, with the bytes of their blobs; None where there was, or is, no such section.
    """

    section: str
    status: str
    before: str | None
    after: str | None
    bytes_before: int | None
    bytes_after: int | None


@attrs.frozen
class BlobRow(_Row):
    """One section of a version: its digest, the bytes of its canonical form, and that form."""

    section: str
    digest: str
    bytes: int
    json: str


Row: TypeAlias = VersionRow | ChangeRow | BlobRow
TABLES: dict[TableName, type[VersionRow | ChangeRow | BlobRow]] = {
    "versions": VersionRow,
    "changes": ChangeRow,
    "blobs": BlobRow,
}


JSON_COLUMNS = frozenset({"source_version", "json"})
"""The columns whose texts are JSON in canonical form."""


@attrs.frozen
class Column:
    """One column: its name, what its cells are (str, int or datetime), and whether some are None."""

    name: str
    kind: type[str | int | datetime]
    optional: bool


_KINDS: tuple[type[str | int | datetime], ...] = (str, int, datetime)


def columns(table: TableName) -> tuple[Column, ...]:
    """The columns of a table, in the order of its rows' cells."""
    return tuple(map(_column, attrs.fields(attrs.resolve_types(TABLES[table]))))


def _column(field: attrs.Attribute[Cell]) -> Column:
    named = get_args(field.type) or (field.type,)
    return Column(field.name, next(kind for kind in _KINDS if kind in named), NoneType in named)


def cells(row: Row) -> tuple[Cell, ...]:
    """What stands in each column."""
    values: tuple[Cell, ...] = attrs.astuple(row, recurse=False)
    return values


def plain(cell: Cell) -> str | int | None:
    """The cell where there are only texts and numbers: times are RFC 3339."""
    return write_time(cell) if isinstance(cell, datetime) else cell


def version_row(version: Version, manifest: Manifest) -> VersionRow:
    """The row of a version with that manifest."""
    return VersionRow(*_about(version), str(version.snapshot), len(manifest.sections), _record_bytes(manifest))


def change_rows(version: Version, before: Manifest, after: Manifest) -> list[ChangeRow]:
    """A row for each section that differs, by name in order."""
    old = {section.name: section for section in before.sections}
    new = {section.name: section for section in after.sections}
    about = _about(version)
    return [
        _change_row(about, name, old.get(name), new.get(name))
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]


def _change_row(about: _About, name: str, old: SectionEntry | None, new: SectionEntry | None) -> ChangeRow:
    return ChangeRow(
        *about,
        name,
        "added" if old is None else "removed" if new is None else "changed",
        None if old is None else str(old.digest),
        None if new is None else str(new.digest),
        None if old is None else old.size,
        None if new is None else new.size,
    )


def blob_row(version: Version, section: SectionEntry, body: bytes) -> BlobRow:
    """The row of a section of a version with those canonical bytes."""
    return BlobRow(*_about(version), section.name, str(section.digest), section.size, body.decode())


_About: TypeAlias = tuple[str, str, str, int, str, str | None, datetime, datetime]


def _about(version: Version) -> _About:
    source, source_version = version.source, version.source_version
    return (
        str(source),
        source.kind,
        source.id,
        version.number,
        version.builder_version,
        None if source_version is None else canonical(source_version).decode(),
        version.observed_at,
        version.recorded_at,
    )


def _record_bytes(manifest: Manifest) -> int:
    """The length of the canonical form of the record: names, colons, bodies, and a comma or brace at each end."""
    sections = sum(len(canonical(section.name)) + 2 + section.size for section in manifest.sections)
    return sections + 1 if manifest.sections else 2
