"""Points in time: many forms in, one form out, exact to the microsecond."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pithstore.errors import UsageError
from pithstore.testing.strategies import moments, texts
from pithstore.times import from_microseconds, looks_like_time, read_time, to_microseconds, write_time

NOON = datetime(2026, 6, 1, 12, 30, tzinfo=UTC)


@given(moments())
def test_a_moment_reads_back_from_its_text(moment: datetime) -> None:
    text = write_time(moment)
    assert read_time(text) == moment
    assert read_time(text).tzinfo is UTC
    assert text.endswith("Z")
    assert looks_like_time(text)


@given(moments())
def test_a_moment_comes_back_from_its_microseconds(moment: datetime) -> None:
    count = to_microseconds(moment)
    assert from_microseconds(count) == moment
    assert from_microseconds(count).tzinfo is UTC
    assert count == (moment - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1) or abs(count) > 2**53


@given(moments(), moments())
def test_microseconds_order_as_moments_do(left: datetime, right: datetime) -> None:
    assert (to_microseconds(left) < to_microseconds(right)) == (left < right)


@given(
    st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1)),
    st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)
def test_a_time_with_a_zone_is_the_moment_in_utc(local: datetime, zone: timezone) -> None:
    moment = local.replace(tzinfo=zone)
    assert read_time(moment.isoformat()) == moment
    assert read_time(write_time(moment)) == moment
    assert read_time(local.isoformat()) == local.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-06", datetime(2026, 6, 1, tzinfo=UTC)),
        ("2026-06-01", datetime(2026, 6, 1, tzinfo=UTC)),
        ("2026-06-01T12:30", NOON),
        ("2026-06-01T12:30:00", NOON),
        ("2026-06-01 12:30:00", NOON),
        ("2026-06-01t12:30:00z", NOON),
        ("2026-06-01T12:30:00Z", NOON),
        ("2026-06-01T14:30:00+02:00", NOON),
        ("2026-06-01T14:30:00+0200", NOON),
        ("2026-06-01T07:00:00-05:30", NOON),
        ("2026-06-01T12:30:00-00:00", NOON),
        ("2026-06-01T12:30Z", NOON),
        ("2026-06-01T12:30:00.5Z", NOON + timedelta(milliseconds=500)),
        ("2026-06-01T12:30:00,25Z", NOON + timedelta(milliseconds=250)),
        ("2026-06-01T12:30:00.000001Z", NOON + timedelta(microseconds=1)),
        ("2026-06-01T12:30:00.0000019999Z", NOON + timedelta(microseconds=1)),
        ("0001-01-01", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59.999999Z", datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)),
        ("2024-02-29", datetime(2024, 2, 29, tzinfo=UTC)),
    ],
)
def test_the_forms_of_a_time(text: str, moment: datetime) -> None:
    assert read_time(text) == moment
    assert read_time(text).utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "2026",
            "2026-6",
            "2026-06-1",
            "20260601",
            "2026-06-01T",
            "2026-06-01T12",
            "2026-06-01Z",
            "2026-06Z",
        ),
        *("2026-13", "2026-00", "2026-06-00", "2026-06-31", "2026-02-29", "0000-01", "12026-01"),
        *("2026-06-01T24:00:00Z", "2026-06-01T12:60:00Z", "2026-06-01T12:30:60Z", "2026-06-01T12:30:00+24:00"),
        *("0001-01-01T00:00:00+00:01", "9999-12-31T23:59:00-00:01", "2026-06-01T12:30:00+1", "now", "yesterday"),
        *(
            " 2026-06-01",
            "2026-06-01 ",
            "2026-06-01\n",
            "２０２６-06",
            "2026-06-01T12:30:00.Z",
            "2026-06-01T1:30:00Z",
        ),
        *("2026-W23-1", "2026-06-01T12:30:00 Z", "2026-06-01T12:30:00UTC", "1e9", "2026-06-01T12:30:00+02:00:00"),
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not a time") as caught:
        read_time(text)
    assert str(caught.value).isprintable()


@given(texts(max_size=30) | st.text(alphabet="0123456789-T:Z+. ", max_size=30))
def test_any_text_is_a_time_or_refused(text: str) -> None:
    try:
        moment = read_time(text)
    except UsageError:
        return
    assert looks_like_time(text)
    assert read_time(write_time(moment)) == moment


@pytest.mark.parametrize(
    ("text", "looks"), [("2026-06", True), ("2026-06x", True), ("2026", False), ("v2026-06", False)]
)
def test_what_looks_like_a_time(text: str, looks: bool) -> None:
    assert looks_like_time(text) is looks


def test_a_moment_without_a_zone_has_no_microseconds() -> None:
    with pytest.raises(UsageError, match="no time zone"):
        to_microseconds(datetime(2026, 6, 1))
