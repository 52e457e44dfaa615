"""Points in time: RFC 3339 text, dates and months ↔ aware datetimes in UTC, to the microsecond."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from pithstore.errors import Damaged, UsageError

_TIME = re.compile(
    r"(?P<date>\d{4}-\d{2})(?:-(?P<day>\d{2})(?:[Tt ](?P<clock>(?:[01]\d|2[0-3]):\d{2}(?::\d{2}(?:[.,]\d+)?)?)"
    r"(?P<zone>[Zz]|[+-]\d{2}:?\d{2})?)?)?",
    re.ASCII,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def looks_like_time(text: str) -> bool:
    """Whether the text starts as a time does: at least YYYY-MM."""
    return re.match(r"\d{4}-\d{2}", text, re.ASCII) is not None


def read_time(text: str) -> datetime:
    """The moment that a text names, in UTC; UsageError where it names none.

    A month or a date is its first moment in UTC, a time without a zone is UTC; digits after the microsecond are
    cut off.
    """
    match = _TIME.fullmatch(text)
    if match is None:
        raise UsageError(f"{text[:80]!r} is not a time: write 2026-06, 2026-06-01 or 2026-06-01T12:30:00Z")
    date, day, clock, zone = match["date"], match["day"] or "01", match["clock"] or "00:00", match["zone"]
    zone = "+00:00" if zone is None or zone in "Zz" else zone
    try:
        return datetime.fromisoformat(f"{date}-{day}T{clock.replace(',', '.')}{zone}").astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{text!r} is not a time: {error}") from None


def write_time(moment: datetime) -> str:
    """The moment as RFC 3339 text in UTC; `read_time` gives it back unchanged.  UsageError without a time zone."""
    return _aware(moment).astimezone(UTC).isoformat().replace("+00:00", "Z")


def to_microseconds(moment: datetime) -> int:
    """Microseconds since 1970-01-01T00:00:00Z, exact; UsageError for a moment without a time zone."""
    return (_aware(moment) - _EPOCH) // _MICROSECOND


def to_utc(moment: datetime) -> datetime:
    """The same moment in UTC; UsageError without a time zone, or where UTC has no such year."""
    try:
        return _aware(moment).astimezone(UTC)
    except OverflowError:
        raise UsageError(f"{moment.isoformat()} lies outside the years 1 to 9999 in UTC") from None


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise UsageError(f"{moment.isoformat()} has no time zone: give an aware datetime")
    return moment


def from_microseconds(count: int) -> datetime:
    """The moment that many microseconds after 1970-01-01T00:00:00Z; Damaged where no year has it."""
    try:
        return _EPOCH + timedelta(microseconds=count)
    except OverflowError:
        raise Damaged("a time that is kept lies outside the years 1 to 9999") from None
