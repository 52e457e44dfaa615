"""What lies within a horizon."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pithstore.digest import Digest
from pithstore.errors import UsageError
from pithstore.horizon import OPEN, Horizon
from pithstore.model import Source, Version
from pithstore.testing.strategies import moments, names

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
VERSIONS = st.builds(
    Version,
    st.just(Source("k", "1")),
    st.integers(1, 9),
    names(),
    st.none(),
    st.just(Digest(b"\0" * 32)),
    moments(),
    moments(),
)


@given(version=VERSIONS, at=st.none() | moments(), as_recorded=st.none() | moments(), builder=st.none() | names())
def test_a_version_is_within_where_every_bound_that_is_set_holds(
    version: Version, at: datetime | None, as_recorded: datetime | None, builder: str | None
) -> None:
    bounds = [
        at is None or version.observed_at <= at,
        as_recorded is None or version.recorded_at <= as_recorded,
        builder is None or version.builder_version == builder,
    ]
    assert Horizon(at, as_recorded, builder).holds(version) == all(bounds)
    own = Horizon(version.observed_at, version.recorded_at, version.builder_version)
    assert own.holds(version)
    assert OPEN.holds(version)


def test_only_one_without_bounds_is_open() -> None:
    assert OPEN.is_open
    for closed in (Horizon(NOON), Horizon(as_recorded=NOON), Horizon(builder="b")):
        assert not closed.is_open


def test_moments_are_in_utc_and_need_a_zone() -> None:
    there = NOON.astimezone(timezone(timedelta(hours=2)))
    assert Horizon(there, there) == Horizon(NOON, NOON)
    with pytest.raises(UsageError, match="time zone"):
        Horizon(datetime(2026, 6, 1))
    with pytest.raises(UsageError, match="time zone"):
        Horizon(as_recorded=datetime(2026, 6, 1))


@pytest.mark.parametrize(
    ("horizon", "text"),
    [
        (OPEN, ""),
        (Horizon(NOON), "observed by 2026-06-01T12:00:00Z"),
        (Horizon(as_recorded=NOON), "recorded by 2026-06-01T12:00:00Z"),
        (Horizon(builder="b\n1"), r"made by 'b\n1'"),
        (
            Horizon(NOON, NOON + timedelta(days=1), "b"),
            "made by 'b' and observed by 2026-06-01T12:00:00Z and recorded by 2026-06-02T12:00:00Z",
        ),
    ],
)
def test_its_text_says_what_is_within(horizon: Horizon, text: str) -> None:
    assert str(horizon) == text
