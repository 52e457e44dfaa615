"""The edges of the pure layers that no other law reaches."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from pithstore.canonical import canonical, decode
from pithstore.errors import NotFound, UsageError
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
