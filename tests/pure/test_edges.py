"""The edges of the pure layers that no other law reaches."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from pithstore.canonical import canonical, decode
from pithstore.codec import (
    Head,
    LineHead,
    Place,
    decode_head,
    decode_line_head,
    decode_place,
    decode_version,
    encode_head,
    encode_line_head,
    encode_place,
    encode_version,
)
from pithstore.counts import (
    FileProgress,
    Totals,
    decode_file_progress,
    decode_totals,
    encode_file_progress,
    encode_totals,
)
from pithstore.digest import Digest
from pithstore.errors import Damaged, NotFound, UsageError
from pithstore.model import Source, Version
from pithstore.pointer import Json
from pithstore.record import prepare, value_at
from pithstore.times import to_utc, write_time
from tests.pure.laws import with_room


def test_a_deep_value_is_read_back_where_there_is_room_and_refused_where_there_is_none() -> None:
    value: Json = []
    for _ in range(500):
        value = [value]
    data = canonical(value)
    assert canonical(decode(data)) == data
    with pytest.raises(UsageError, match="shallower place"):
        with_room(20, lambda: decode(data))


def test_the_empty_pointer_leads_to_no_value_in_a_section() -> None:
    prepared = prepare({"source": {"kind": "k", "id": "i"}, "builder_version": "b", "x": [1]})
    assert value_at(prepared, "/x/0") == 1
    with pytest.raises(NotFound):
        value_at(prepared, "")


def test_a_moment_of_any_zone_is_one_in_utc() -> None:
    moment = datetime(2026, 6, 1, 14, tzinfo=timezone(timedelta(hours=2)))
    assert to_utc(moment) == moment
    assert to_utc(moment).tzinfo is UTC
    with pytest.raises(UsageError, match="1 to 9999"):
        to_utc(datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=2))))
    for naive in (to_utc, write_time):
        with pytest.raises(UsageError, match="time zone"):
            naive(datetime(2026, 6, 1))


@pytest.mark.parametrize("tail", [b"{}", b"[1]", b"nonsense", b"1 2", b"\xff", b"[" * 100_000])
def test_a_source_version_that_is_no_scalar_is_damage(tail: bytes) -> None:
    now = datetime(2026, 6, 1, tzinfo=UTC)
    version = Version(Source("k", "i"), 1, "b", None, Digest.of(b""), now, now)
    data = encode_version(version)
    assert decode_version(version.source, 1, data) == version
    with pytest.raises(Damaged, match="source version"):
        decode_version(version.source, 1, data + tail)


def test_a_number_or_a_time_that_is_out_of_range_is_damage() -> None:
    now = datetime(2026, 6, 1, tzinfo=UTC)
    data = encode_version(Version(Source("k", "i"), 1, "b", None, Digest.of(b""), now, now))
    for broken in (
        data[:32] + b"\x7f" + data[33:],
        data[:48] + b"\xff" * 11,
        data[:48] + b"\x02\xff\xff",
        data[:40],
    ):
        with pytest.raises(Damaged):
            decode_version(Source("k", "i"), 1, broken)


def test_each_kind_of_entry_comes_back_as_it_was() -> None:
    head = Head(300, datetime(1969, 1, 1, tzinfo=UTC))
    assert decode_head(encode_head(head)) == head
    line_head = LineHead("é", 2**31, Digest.of(b"x"), 9, bytes(range(16)))
    assert decode_line_head(encode_line_head(line_head)) == line_head
    place = Place(0, 127, 128, 2**30, b"12345678")
    assert decode_place(encode_place(place)) == place
    totals = Totals(1, 2, 3, 4, 5, 6, 7, 2**256 - 1)
    assert decode_totals(encode_totals(totals)) == totals
    progress = FileProgress(1, 2, 3, 4, True)
    assert decode_file_progress(encode_file_progress(progress)) == progress
