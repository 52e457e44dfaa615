"""Keys: they order as what they stand for, share nothing by accident, and fit the smallest engine."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from blake3 import blake3
from hypothesis import assume, example, given
from hypothesis import strategies as st

from pithstore.keys import (
    HEAD,
    LINE,
    MAX_NUMBER,
    RUN,
    SLOTS,
    SOURCE_BYTES,
    SPACES,
    TIME,
    VERSION,
    erased_key,
    head_key,
    ledger_key,
    line_key,
    lines_prefix,
    outcomes_key,
    read_source_key,
    read_time_key,
    run_key,
    runs_prefix,
    slot_key,
    source_key,
    source_mark,
    source_slot,
    split_key,
    standing_key,
    tail_key,
    time_key,
    times_prefix,
    tombstone_key,
    version_key,
    versions_prefix,
)
from pithstore.model import Line, Source
from pithstore.testing.strategies import moments, texts

LONGEST = 511
TEXTS = st.one_of(
    texts(),
    st.text(max_size=400),
    st.builds(lambda stem, more: stem * more, st.sampled_from(["x", "\0", "é", "\0\x01"]), st.integers(100, 400)),
    st.builds(lambda more, end: "x" * more + end, st.integers(200, 260), texts(3)),
).filter(bool)
SOURCES = st.builds(Source, TEXTS, TEXTS)
LINES = st.builds(Line, SOURCES, TEXTS)
NUMBERS = st.integers(1, MAX_NUMBER)


def is_whole(source: Source) -> bool:
    """Whether nothing of a source is cut off in its key."""
    return len(source_key(source)) < SOURCE_BYTES


@given(SOURCES, SOURCES)
def test_sources_order_by_kind_then_id(one: Source, other: Source) -> None:
    assume(is_whole(one) and is_whole(other))
    assert (source_key(one) < source_key(other)) == (one < other)
    assert (source_key(one) == source_key(other)) == (one == other)


@given(SOURCES)
def test_a_key_that_is_not_cut_says_its_source(source: Source) -> None:
    assert read_source_key(source_key(source)) in ((source,) if is_whole(source) else (source, None))


@given(st.binary(max_size=300) | st.lists(st.sampled_from([b"\0", b"\1", b"\xff", b"k"])).map(b"".join))
def test_no_other_bytes_are_taken_for_the_key_of_a_source(key: bytes) -> None:
    source = read_source_key(key)
    assert source is None or source_key(source) == key


@given(SOURCES, SOURCES)
@example(Source("k", "x" * 300), Source("k", "x" * 301))
@example(Source("x" * 300, "1"), Source("x" * 300, "2"))
@example(Source("k\0", "\x011"), Source("k", "\0\x01"))
def test_two_sources_never_share_a_key_nor_the_start_of_one(one: Source, other: Source) -> None:
    assume(one != other)
    assert not source_key(one).startswith(source_key(other))


@given(LINES, LINES)
@example(Line(Source("k", "1"), "b"), Line(Source("k", "1"), "b0"))
@example(Line(Source("k", "1"), "b" * 200), Line(Source("k", "1"), "b" * 201))
def test_two_lines_never_share_a_key_nor_the_start_of_one(one: Line, other: Line) -> None:
    assume(one != other)
    assert not line_key(one).startswith(line_key(other))
    assert not times_prefix(one).startswith(times_prefix(other))


@given(LINES, moments(), NUMBERS)
@example(Line(Source("x" * 5000, "y" * 5000), "b" * 5000), datetime.fromisoformat("9999-12-31T23:59:59+00:00"), 1)
def test_every_key_fits(line: Line, moment: datetime, number: int) -> None:
    source = line.source
    keys = [head_key(source), version_key(source, number), line_key(line), time_key(line, moment, number)]
    for key, kind in zip(keys, (HEAD, VERSION, LINE, TIME), strict=True):
        assert 0 < len(key) <= LONGEST
        assert split_key(key) == (source_key(source), kind)
    assert keys == sorted(keys)
    assert version_key(source, number).startswith(versions_prefix(source))
    assert line_key(line).startswith(lines_prefix(source))


@given(st.binary(max_size=300))
@example(b"")
@example(b"k\x00\x01")
@example(b"\x00\x01")
@example(b"x" * 221 + b"\x00\xfe" + b"h" * 32)
def test_any_bytes_are_a_key_of_versions_or_not(key: bytes) -> None:
    try:
        source, kind = split_key(key)
    except ValueError:
        return
    assert key.startswith(source + kind)
    assert len(kind) <= 1


@pytest.mark.parametrize("key", [b"", b"k", b"k\x00\x01", b"k\x00\x011"])
def test_what_is_no_key_of_versions(key: bytes) -> None:
    with pytest.raises(ValueError, match="not a key"):
        split_key(key)


@given(SOURCES, NUMBERS, NUMBERS)
def test_versions_order_by_number(source: Source, one: int, other: int) -> None:
    assert (version_key(source, one) < version_key(source, other)) == (one < other)


@given(SOURCES, NUMBERS, NUMBERS)
def test_runs_order_by_their_last_number_behind_all_else_of_the_source(
    source: Source, one: int, other: int
) -> None:
    assert (run_key(source, one) < run_key(source, other)) == (one < other)
    assert run_key(source, one).startswith(runs_prefix(source))
    assert split_key(run_key(source, one)) == (source_key(source), RUN)
    assert max(version_key(source, other), standing_key(source)) < run_key(source, one)


@given(LINES, st.tuples(moments(), NUMBERS), st.tuples(moments(), NUMBERS))
def test_times_order_by_time_then_number_and_read_back(
    line: Line, one: tuple[datetime, int], other: tuple[datetime, int]
) -> None:
    assert (time_key(line, *one) < time_key(line, *other)) == (one < other)
    assert read_time_key(time_key(line, *one)) == one


@given(LINES, moments(), NUMBERS)
def test_one_microsecond_is_told_apart(line: Line, moment: datetime, number: int) -> None:
    assume(moment < datetime.max.replace(tzinfo=moment.tzinfo) - timedelta(seconds=1))
    assert time_key(line, moment, MAX_NUMBER) < time_key(line, moment + timedelta(microseconds=1), number)


@given(st.tuples(NUMBERS, NUMBERS), st.tuples(NUMBERS, NUMBERS))
def test_values_of_a_tail_order_by_writer_then_sequence(one: tuple[int, int], other: tuple[int, int]) -> None:
    assert (tail_key(*one) < tail_key(*other)) == (one < other)


@given(SOURCES)
def test_a_source_has_one_of_the_slots(source: Source) -> None:
    assert 0 <= source_slot(source) < SLOTS
    assert slot_key(source_slot(source)) == bytes([source_slot(source)])


def test_sources_spread_over_the_slots() -> None:
    assert len({source_slot(Source("k", str(n))) for n in range(2000)}) == SLOTS


def test_keys_as_the_format_defines_them() -> None:
    line = Line(Source("k", "1\0"), "b")
    assert source_key(line.source) == b"k\x00\x011\x00\xff\x00\x01"
    assert version_key(Source("k", "1"), 258) == b"k\x00\x011\x00\x01\x01\x00\x00\x01\x02"
    assert line_key(Line(Source("k", "1"), "b")) == b"k\x00\x011\x00\x01\x02b\x00\x01"
    epoch = datetime.fromisoformat("1970-01-01T00:00:00.000001+00:00")
    assert time_key(Line(Source("k", "1"), "b"), epoch, 3) == (
        b"k\x00\x011\x00\x01\x03b\x00\x01\x80\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x03"
    )
    assert outcomes_key(Source("k", "1"), 258) == b"k\x00\x011\x00\x01\x04\x00\x00\x01\x02"
    assert standing_key(Source("k", "1")) == b"k\x00\x011\x00\x01\x05"
    assert [ledger_key(slot)[0] for slot in range(SLOTS)] == list(range(64, 128))
    assert source_mark(line.source) == blake3(source_key(line.source)).digest()[:8]
    assert source_mark(line.source)[0] % SLOTS == source_slot(line.source)
    assert tail_key(1, 2) == b"\x00\x00\x00\x01\x00\x00\x00\x02"
    first = ("meta", "tail", "blobs", "manifests", "versions", "sources", "totals", "files", "checks")
    assert (*first, "packs", "places", "dictionaries", "changed", "reused", "erased") == SPACES


@given(LINES, NUMBERS, NUMBERS, st.binary(min_size=32, max_size=32))
def test_what_was_erased_and_what_lacks_it_have_keys_of_their_own(
    line: Line, one: int, other: int, digest: bytes
) -> None:
    assert not erased_key(line.source, one).startswith(tombstone_key(digest)[:1])
    assert (erased_key(line.source, one) < erased_key(line.source, other)) == (one < other)
    assert len(erased_key(line.source, one)) <= 511
    assert tombstone_key(digest) == b"\0" + digest
