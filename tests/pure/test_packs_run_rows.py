"""A run made of the entries of versions as they are encoded is the run that is made of these versions."""

from __future__ import annotations

import pytest
from hypothesis import given

from pithstore.codec import encode_version, write_scalar
from pithstore.errors import Damaged
from pithstore.packs.run import Row, Run, encode_run
from pithstore.packs.run_rows import BareRow, bare_row, read_made, write_run
from tests.pure.test_packs_run import POSITIONS, heads_of, rows_of_a_run


def bare_rows(rows: list[Row]) -> list[BareRow]:
    return [bare_row(row.version.number, encode_version(row.version), row.outcomes) for row in rows]


@given(rows_of_a_run(), POSITIONS)
def test_entries_give_the_run_that_their_versions_give(rows: list[Row], position: int) -> None:
    heads = heads_of(rows)
    assert write_run(position, bare_rows(rows), heads) == encode_run(position, rows, heads)
    assert write_run(position, bare_rows(rows), {}) == encode_run(position, rows, {})


@given(rows_of_a_run())
def test_the_columns_of_a_run_are_the_rows_that_it_was_made_of(rows: list[Row]) -> None:
    run = Run(write_run(0, bare_rows(rows), {}))
    assert [BareRow(*row) for row in zip(*run.columns(), strict=True)] == bare_rows(rows)


@given(rows_of_a_run())
def test_an_entry_says_who_made_the_version(rows: list[Row]) -> None:
    for row, bare in zip(rows, bare_rows(rows), strict=True):
        assert read_made(bare.made) == (row.version.builder_version, write_scalar(row.version.source_version))


@given(rows_of_a_run())
def test_an_entry_that_is_cut_short_is_damaged(rows: list[Row]) -> None:
    version = rows[0].version
    end = len(encode_version(version)) - len(write_scalar(version.source_version))
    for cut in range(end):
        with pytest.raises(Damaged):
            read_made(bare_row(1, encode_version(version)[:cut], b"").made)
