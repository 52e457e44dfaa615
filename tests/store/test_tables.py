"""The tables of a store: every row that an independent walk finds and no other, in every format."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import ipc, parquet

from pithstore.engine import Engine
from pithstore.export.arrow_tables import versions_table, write_arrow, write_parquet
from pithstore.export.filter import ExportFilter
from pithstore.export.rows import table_rows
from pithstore.export.tables import TABLES, Cell, Row, TableName, Write, cells, columns, plain
from pithstore.horizon import Horizon
from pithstore.model import Source, Version
from pithstore.rendering.legible import legible
from pithstore.rendering.markup import csv_cell
from pithstore.store import Store
from pithstore.testing.machine_store import BUILDERS, TIMES, Record
from tests.pure.laws import definition
from tests.pure.test_naughty_strings import STRINGS
from tests.store.exports import STEPS, apply
from tests.store.shelves import EngineName, new_engine, record

NAMES: tuple[TableName, ...] = ("versions", "changes", "blobs")
FILTERS = st.builds(
    ExportFilter,
    st.builds(Horizon, st.none() | TIMES, st.none() | TIMES),
    st.just(()),
    st.none() | st.sampled_from(BUILDERS),
    st.lists(st.sampled_from(("", "a", "source", "builder_version")), max_size=2).map(tuple),
)


def rows_of(engine: Engine, table: TableName, only: ExportFilter = ExportFilter()) -> list[tuple[Cell, ...]]:  # noqa: B008
    return [cells(row) for row in table_rows(engine, table, only, lambda _: None)]


def walked(store: Store, only: ExportFilter) -> dict[TableName, list[tuple[Cell, ...]]]:
    """The rows of every table, found by reading whole records of the store one by one."""
    found: dict[TableName, list[tuple[Cell, ...]]] = {name: [] for name in NAMES}
    for source in store.sources():
        before: Record = {}
        for version in filter(only.horizon.holds, store.history(source)):
            given = json.loads(store.get_bytes(version))
            if only.builder_version in (None, version.builder_version):
                _add_rows(found, version, before, given, only.sections)
            before = given
    return found


def _add_rows(
    found: dict[TableName, list[tuple[Cell, ...]]],
    version: Version,
    before: Record,
    after: Record,
    wanted: tuple[str, ...],
) -> None:
    said = version.source_version
    about: tuple[Cell, ...] = (
        *(str(version.source), version.source.kind, version.source.id, version.number, version.builder_version),
        *(None if said is None else definition(said).decode(), version.observed_at, version.recorded_at),
    )
    found["versions"].append((*about, digest(after), len(after), len(definition(after))))
    for name in sorted({*before, *after}):
        if wanted and name not in wanted:
            continue
        old, new = ({name: record[name]} if name in record else {} for record in (before, after))
        if definition(old) != definition(new):
            status = "changed" if old and new else "added" if new else "removed"
            pairs = [
                (digest(each[name]), len(definition(each[name]))) if each else (None, None) for each in (old, new)
            ]
            (was, was_bytes), (now, now_bytes) = pairs
            found["changes"].append((*about, name, status, was, now, was_bytes, now_bytes))
        if new:
            body = definition(after[name])
            found["blobs"].append((*about, name, digest(after[name]), len(body), body.decode()))


def digest(value: object) -> str:
    from hashlib import sha256

    return sha256(definition(value)).hexdigest()


@settings(max_examples=40)
@given(STEPS, FILTERS)
def test_every_table_has_the_rows_that_a_walk_over_whole_records_finds(
    steps: list[tuple[int, list[tuple[Record, datetime | None]]]], only: ExportFilter
) -> None:
    engine = new_engine("memory", Path())
    store = Store(engine)
    apply(store, steps)
    expected = walked(store, only)
    for name in NAMES:
        assert list(map(repr, rows_of(engine, name, only))) == list(map(repr, expected[name]))


@pytest.fixture
def engine(engine_name: EngineName, tmp_path: Path) -> Iterator[Engine]:
    """A store with every naughty string as kind, id, builder, section and value, and with a little history."""
    engine = new_engine(engine_name, tmp_path / "store")
    with Store(engine) as store:
        strings = sorted(set(STRINGS))
        store.put_many({**record(s, kind=s, builder=s, version={"version": s}), s: [s], "x": s} for s in strings)
        for value in (None, 0, -1.5, True, "=1+1", "é\u202e"):
            store.put({**record("1", version={"version": value}), "value": value, f"only {value}": 1})
        yield engine


def test_pages_and_sources_change_nothing(engine: Engine) -> None:
    expected = walked(Store(engine), ExportFilter())
    named = (Source("k", "1"), Source(STRINGS[7], STRINGS[7]), Source("k", "1"))
    for name in NAMES:
        every = rows_of(engine, name)
        assert every == expected[name]
        assert rows_of(engine, name, ExportFilter(sources=named)) == [
            row for row in every if row[0] in {str(source) for source in named}
        ]
    assert len(expected["versions"]) > 500


def written(engine: Engine, table: TableName, write: Callable[[TableName, Iterable[Row], Write], int]) -> bytes:
    buffer = io.BytesIO()
    count = write(table, table_rows(engine, table, ExportFilter(), lambda _: None), buffer.write)
    assert count == len(rows_of(engine, table))
    return buffer.getvalue()


def tuples(table: pa.Table) -> list[tuple[Cell, ...]]:
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_parquet_and_arrow_are_read_back_by_their_own_library(engine: Engine, name: TableName) -> None:
    rows = rows_of(engine, name)
    for table in (
        parquet.read_table(io.BytesIO(written(engine, name, write_parquet))),
        ipc.open_file(io.BytesIO(written(engine, name, write_arrow))).read_all(),
    ):
        assert table.column_names == [column.name for column in columns(name)]
        assert tuples(table) == rows
        assert {str(table.schema.field(each).type) for each in ("observed_at", "recorded_at")} == {
            "timestamp[us, tz=UTC]"
        }
        assert not table.schema.field("number").nullable


@pytest.mark.parametrize("name", NAMES)
def test_json_lines_are_read_back_by_the_standard_library(engine: Engine, name: TableName) -> None:
    from pithstore.export.text_tables import write_jsonl

    text = written(engine, name, write_jsonl)
    assert text.isascii()
    names = [column.name for column in columns(name)]
    found = [json.loads(line) for line in text.split(b"\n")[:-1]]
    assert found == [dict(zip(names, map(plain, row), strict=True)) for row in rows_of(engine, name)]


@pytest.mark.parametrize("name", NAMES)
def test_csv_is_read_back_by_the_standard_library(engine: Engine, name: TableName) -> None:
    from pithstore.export.text_tables import write_csv

    text = written(engine, name, write_csv).decode()
    header, *found = csv.reader(io.StringIO(text, newline=""))
    assert header == [column.name for column in columns(name)]
    rows = rows_of(engine, name)
    assert len(found) == len(rows)
    for shown, row in zip(found, rows, strict=True):
        for column, cell, was in zip(header, shown, row, strict=True):
            if column in ("json", "source_version") and was is not None:
                assert json.loads(cell.removeprefix("'")) == json.loads(str(was))
                assert cell == legible(cell)
            else:
                assert cell == ("" if was is None else csv_cell(str(plain(was))))
            assert not cell.startswith(("=", "+", "@", "\t", "\r")), cell
            assert not (cell.startswith("-") and not isinstance(was, int)), cell


def test_the_tables_of_an_empty_store_are_empty_and_have_their_columns(
    engine_name: EngineName, tmp_path: Path
) -> None:
    from pithstore.export.text_tables import write_csv, write_jsonl

    empty = new_engine(engine_name, tmp_path / "empty")
    for name in NAMES:
        assert rows_of(empty, name) == []
        names = [column.name for column in columns(name)]
        assert parquet.read_table(io.BytesIO(written(empty, name, write_parquet))).column_names == names
        assert ipc.open_file(io.BytesIO(written(empty, name, write_arrow))).read_all().column_names == names
        assert written(empty, name, write_csv).decode() == ",".join(names) + "\n"
        assert written(empty, name, write_jsonl) == b""
    assert versions_table(empty).num_rows == 0
    assert set(NAMES) == set(TABLES)


def test_the_table_of_versions_is_there_in_memory_too(engine: Engine) -> None:
    assert tuples(versions_table(engine)) == rows_of(engine, "versions")
    before = Horizon(datetime(1999, 1, 1, tzinfo=UTC))
    assert versions_table(engine, before).num_rows == 0


def test_large_tables_are_written_in_several_batches(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pithstore.export.arrow_tables._BATCH_ROWS", 100)
    rows = rows_of(engine, "versions")
    file = parquet.ParquetFile(io.BytesIO(written(engine, "versions", write_parquet)))
    assert file.num_row_groups == -(-len(rows) // 100)
    assert tuples(file.read()) == rows
    monkeypatch.setattr("pithstore.export.arrow_tables._BATCH_BYTES", 1000)
    assert ipc.open_file(io.BytesIO(written(engine, "blobs", write_arrow))).num_record_batches > 20


WITHOUT = """
import sys
sys.modules["pyarrow"] = None
from pithstore.errors import UsageError
for _ in range(2):
    try:
        import pithstore.export.arrow_tables
    except UsageError as error:
        print(error)
"""


def test_without_pyarrow_it_is_said_what_to_install() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, check=True, timeout=60)
    assert done.stdout.decode() == 2 * "this needs pyarrow: pip install 'pithstore[arrow]'\n"
