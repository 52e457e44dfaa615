"""The tables: their rows say what the records say, and their columns are those of the rows."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256

import pytest
from hypothesis import given

from pithstore.digest import Digest
from pithstore.export.filter import ExportFilter
from pithstore.export.tables import (
    TABLES,
    Cell,
    Row,
    TableName,
    blob_row,
    cells,
    change_rows,
    columns,
    plain,
    version_row,
)
from pithstore.horizon import Horizon
from pithstore.model import Manifest, Scalar, SectionEntry, Source, Version
from pithstore.pointer import Json
from pithstore.testing import strategies
from tests.pure.laws import definition

FIRST = datetime(2026, 1, 1, tzinfo=UTC)


def version_of(record: Json, source_version: Scalar = "é") -> Version:
    return Version(Source("k", "1 2"), 7, "b", source_version, Digest.of(definition(record)), FIRST, FIRST)


def test_what_was_left_out_is_said_in_the_header() -> None:
    assert ExportFilter().to_json() is None
    assert ExportFilter(sections=("a",)).to_json() is None
    source = Source("k", "1 2")
    assert ExportFilter(Horizon(FIRST), (source,), "b").to_json() == {
        "at": "2026-01-01T00:00:00Z",
        "as_recorded": None,
        "sources": ["k:1%202"],
        "builder_version": "b",
    }


@pytest.mark.parametrize("only", [ExportFilter(Horizon(None, FIRST)), ExportFilter(builder_version="")])
def test_anything_left_out_is_said(only: ExportFilter) -> None:
    assert only.to_json() is not None


def test_a_filter_holds_its_builder_and_its_sections() -> None:
    version = version_of({})
    assert ExportFilter().holds(version)
    assert ExportFilter(builder_version="b").holds(version)
    assert not ExportFilter(builder_version="c").holds(version)
    assert ExportFilter().holds_section("a")
    assert ExportFilter(sections=("a", "b")).holds_section("a")
    assert not ExportFilter(sections=("b",)).holds_section("a")


def manifest_of(record: dict[str, Json]) -> Manifest:
    return Manifest(
        tuple(
            SectionEntry(name, Digest.of(body), len(body))
            for name in sorted(record)
            for body in [definition(record[name])]
        )
    )


@given(strategies.objects(5), strategies.objects(5))
def test_the_rows_say_what_the_records_say(before: dict[str, Json], after: dict[str, Json]) -> None:
    version = version_of(after)
    about: tuple[Cell, ...] = ("k:1%202", "k", "1 2", 7, "b", '"é"', FIRST, FIRST)
    text = definition(after)
    assert cells(version_row(version, manifest_of(after))) == (
        *about,
        sha256(text).hexdigest(),
        len(after),
        len(text),
    )
    rows = change_rows(version, manifest_of(before), manifest_of(after))
    assert [cells(row) for row in rows] == [
        (*about, *expected) for name in sorted({*before, *after}) if (expected := difference(before, after, name))
    ]
    for section in manifest_of(after).sections:
        body = definition(after[section.name])
        row = blob_row(version, section, body)
        assert cells(row) == (*about, section.name, sha256(body).hexdigest(), len(body), body.decode())


def difference(before: dict[str, Json], after: dict[str, Json], name: str) -> tuple[Cell, ...] | None:
    old = definition(before[name]) if name in before else None
    new = definition(after[name]) if name in after else None
    if old == new:
        return None
    digests = [None if body is None else sha256(body).hexdigest() for body in (old, new)]
    sizes = [None if body is None else len(body) for body in (old, new)]
    return (name, "added" if old is None else "removed" if new is None else "changed", *digests, *sizes)


def test_the_columns_are_those_of_the_rows() -> None:
    version = version_of({}, None)
    manifest = manifest_of({"a": 1})
    (change,) = change_rows(version, Manifest(()), manifest)
    rows: dict[TableName, Row] = {
        "versions": version_row(version, manifest),
        "changes": change,
        "blobs": blob_row(version, manifest.sections[0], b"1"),
    }
    assert set(rows) == set(TABLES)
    for name in TABLES:
        for column, cell in zip(columns(name), cells(rows[name]), strict=True):
            assert type(cell) is column.kind or (cell is None and column.optional), column
            assert getattr(rows[name], column.name) is cell


def test_times_are_plain_as_text() -> None:
    assert [plain(cell) for cell in (FIRST, "a", 1, None)] == ["2026-01-01T00:00:00Z", "a", 1, None]
