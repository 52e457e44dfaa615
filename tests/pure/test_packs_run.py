"""A run says of its versions what their own entries would say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pithstore.codec import TEXT_HASH_BYTES, LineHead, encode_version, write_name, write_number, write_scalar
from pithstore.digest import Digest
from pithstore.errors import Damaged
from pithstore.model import Source, Version
from pithstore.packs.run import Row, Run, encode_run, locate, moved
from pithstore.testing.strategies import moments, names, scalars
from pithstore.times import to_microseconds

SOURCE = Source("k", "1")
DIGESTS = st.binary(min_size=32, max_size=32).map(Digest)
POSITIONS = st.integers(0, 2**60) | st.sampled_from([0, 127, 128, 2**14, 2**63])
FIRST = datetime(2026, 6, 1, tzinfo=UTC)
CLOSE = st.builds(lambda days: FIRST + timedelta(days=days), st.integers(-300, 300))


@st.composite
def rows_of_a_run(draw: st.DrawFn) -> list[Row]:
    """Versions of one source by rising number, perhaps with gaps; few builders, source versions and outcomes."""
    numbers = sorted(draw(st.sets(st.integers(1, 2**32 - 1) | st.integers(1, 40), min_size=1, max_size=12)))
    builders = draw(st.lists(names(), min_size=1, max_size=3))
    source_versions = draw(st.lists(scalars(), min_size=1, max_size=3))
    outcomes = draw(st.lists(st.binary(max_size=6), min_size=1, max_size=3))
    times = draw(st.sampled_from([moments(), CLOSE]))
    versions = [
        draw(
            st.builds(
                Version,
                st.just(SOURCE),
                st.just(number),
                st.sampled_from(builders),
                st.sampled_from(source_versions),
                DIGESTS,
                times,
                times,
            )
        )
        for number in numbers
    ]
    return [Row(version, draw(st.sampled_from(outcomes))) for version in versions]


def heads_of(rows: Sequence[Row]) -> dict[str, LineHead]:
    """The head of each line in these rows."""
    return {
        row.version.builder_version: LineHead(
            row.version.builder_version,
            row.version.number,
            row.version.snapshot,
            row.version.number % 100,
            row.version.snapshot[:TEXT_HASH_BYTES] if row.version.number % 2 else b"",
        )
        for row in rows
    }


@given(rows_of_a_run(), POSITIONS)
def test_a_run_gives_back_its_rows(rows: list[Row], position: int) -> None:
    run = Run(encode_run(position, rows, heads_of(rows)))
    assert (run.position, run.count) == (position, len(rows))
    read = [Row(run.version(SOURCE, row), run.outcomes(row)) for row in range(run.count)]
    assert read == rows
    versions = [row.version for row in rows]
    assert [repr(one.version.source_version) for one in read] == [repr(one.source_version) for one in versions]
    assert [run.payload(row) for row in range(run.count)] == list(map(encode_version, versions))
    columns = run.columns()
    assert list(columns.numbers) == [one.number for one in versions]
    assert list(columns.snapshots) == [one.snapshot for one in versions]
    assert list(columns.observed_at) == [to_microseconds(one.observed_at) for one in versions]
    assert list(columns.recorded_at) == [to_microseconds(one.recorded_at) for one in versions]
    assert list(columns.made) == [
        write_name(one.builder_version) + write_scalar(one.source_version) for one in versions
    ]
    assert list(columns.outcomes) == [row.outcomes for row in rows]
    assert [run.number(row) for row in range(run.count)] == [one.number for one in versions]
    assert [run.snapshot(row) for row in range(run.count)] == [one.snapshot for one in versions]
    assert list(run.snapshots) == [one.snapshot for one in versions]
    assert [run.builder_version(row) for row in range(run.count)] == [one.builder_version for one in versions]
    assert [run.recorded_at(row) for row in range(run.count)] == [one.recorded_at for one in versions]
    assert [run.observed_at(row) for row in range(run.count)] == [one.observed_at for one in versions]
    assert set(run.builders) == {one.builder_version for one in versions}


@given(rows_of_a_run())
def test_a_run_keeps_the_heads_of_its_lines(rows: list[Row]) -> None:
    heads = heads_of(rows)
    run = Run(encode_run(0, rows, heads))
    assert {name: run.sections(name) for name in heads} == {name: head.sections for name, head in heads.items()}
    found = list(run.line_heads())
    assert len(found) == len(heads)
    assert {head.builder_version: head for head in found} == heads


@given(rows_of_a_run(), st.integers(0, 2**32), POSITIONS)
def test_a_run_finds_the_row_of_a_number(rows: list[Row], other: int, position: int) -> None:
    encoded = encode_run(position, rows, {})
    run = Run(encoded)
    expected = {row.version.number: i for i, row in enumerate(rows)}
    near = [number + step for number in expected for step in (-1, 0, 1)]
    for number in (*near, other):
        row = expected.get(number)
        assert run.row(number) == row
        found = None if row is None else (position, row, rows[row].version.snapshot)
        assert locate(encoded, number) == found


@given(rows_of_a_run(), POSITIONS, POSITIONS)
def test_a_run_of_a_frame_that_moved_is_the_same_beside_that(rows: list[Row], here: int, there: int) -> None:
    heads = heads_of(rows)
    assert moved(encode_run(here, rows, heads), there) == encode_run(there, rows, heads)


def test_what_does_not_change_takes_no_byte_a_version() -> None:
    def encoded(count: int) -> bytes:
        version = Version(SOURCE, 1, "b1", "v1", Digest.of(b"{}"), FIRST, FIRST)
        rows = [Row(attrs.evolve(version, number=5 + n), b"\x01") for n in range(count)]
        return encode_run(0, rows, heads_of(rows[:1]))

    assert len(encoded(60)) == len(encoded(10)) + 50 * 32


def use(data: bytes) -> None:
    """Read all that a run can say."""
    run = Run(data)
    for row in range(min(run.count, 100)):
        run.version(SOURCE, row)
        run.outcomes(row)
        run.payload(row)
    run.row(1)
    locate(data, 1)
    if run.count < 100:
        run.columns()
    list(run.line_heads())


def value_or_damaged(call: Callable[[], object]) -> None:
    with suppress(Damaged):
        call()


@given(st.binary(max_size=200))
def test_any_bytes_are_a_run_or_damaged(data: bytes) -> None:
    value_or_damaged(lambda: use(data))


@given(rows_of_a_run(), st.data())
def test_a_run_with_wrong_bytes_is_read_or_damaged(rows: list[Row], data: st.DataObject) -> None:
    encoded = bytearray(encode_run(300, rows, heads_of(rows)))
    for _ in range(data.draw(st.integers(1, 3))):
        encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    value_or_damaged(lambda: use(bytes(encoded)))


def test_a_run_of_times_that_cannot_be_is_damaged() -> None:
    version = Version(SOURCE, 1, "b1", None, Digest.of(b"{}"), FIRST, FIRST)
    encoded = encode_run(0, [Row(version), Row(attrs.evolve(version, number=2))], {})
    least = encoded.index(write_number(2 * to_microseconds(FIRST)))
    for wrong in (2 * 2**62, 2 * 2**62 + 1, 2**66):
        rest = encoded[least + len(write_number(2 * to_microseconds(FIRST))) :]
        run = Run(encoded[:least] + write_number(wrong) + rest)
        with pytest.raises(Damaged):
            run.version(SOURCE, 0)
        with pytest.raises(Damaged):
            run.observed_at(0)
        value_or_damaged(partial(run.payload, 0))
        value_or_damaged(run.columns)


@given(rows_of_a_run(), st.data())
def test_a_run_that_is_cut_short_is_damaged(rows: list[Row], data: st.DataObject) -> None:
    encoded = encode_run(300, rows, heads_of(rows))
    with pytest.raises(Damaged):
        use(encoded[: data.draw(st.integers(0, len(encoded) - 1))])
