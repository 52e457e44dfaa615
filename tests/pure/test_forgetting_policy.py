"""Which versions a rule drops, against its sentence."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pithstore.counts import Totals
from pithstore.digest import Digest
from pithstore.errors import UsageError
from pithstore.forgetting.policy import DropBefore, KeepLast, Policy, dropped
from pithstore.model import Source, Version

FIRST = datetime(2026, 6, 1, tzinfo=UTC)
_MADE = st.tuples(st.integers(1, 3), st.sampled_from(("a", "b")), st.integers(0, 5))
MOMENTS = st.integers(-1, 6).map(lambda hours: FIRST + timedelta(hours=hours))


def _versions(made: Sequence[tuple[int, str, int]]) -> list[Version]:
    """Versions by rising numbers with gaps, in any order of their times."""
    number, found = 0, []
    for gap, builder, hour in made:
        number += gap
        at = FIRST + timedelta(hours=hour)
        found.append(Version(Source("k", "1"), number, builder, None, Digest.of(b""), at, FIRST))
    return found


VERSIONS = st.lists(_MADE, max_size=12).map(_versions)


def _behind(version: Version, versions: Sequence[Version]) -> int:
    """How many versions of its line are newer."""
    line = [other for other in versions if other.builder_version == version.builder_version]
    return sum(other.number > version.number for other in line)


@given(VERSIONS, st.integers(1, 4))
def test_the_last_of_each_line_are_kept(versions: list[Version], count: int) -> None:
    expected = [version for version in versions if _behind(version, versions) >= count]
    assert dropped(KeepLast(count), versions) == expected


@given(VERSIONS, MOMENTS)
def test_what_was_observed_before_is_dropped(versions: list[Version], moment: datetime) -> None:
    expected = [version for version in versions if version.observed_at < moment and _behind(version, versions) > 0]
    assert dropped(DropBefore(moment), versions) == expected


@given(VERSIONS, st.one_of(st.builds(KeepLast, st.integers(1, 4)), st.builds(DropBefore, MOMENTS)))
def test_a_rule_done_twice_drops_nothing_more(versions: list[Version], policy: Policy) -> None:
    gone = dropped(policy, versions)
    left = [version for version in versions if version not in gone]
    assert dropped(policy, left) == []
    assert {version.builder_version for version in left} == {version.builder_version for version in versions}


@pytest.mark.parametrize("count", [0, -1])
def test_nothing_is_kept_by_no_rule(count: int) -> None:
    with pytest.raises(UsageError, match="1 is the least"):
        KeepLast(count)


def test_a_moment_has_a_zone() -> None:
    with pytest.raises(UsageError):
        DropBefore(datetime(2026, 6, 1))


_COUNTS = st.builds(Totals, *[st.integers(0, 9)] * 7, st.integers(0, 2**256 - 1))


@given(_COUNTS, _COUNTS)
def test_what_was_added_can_be_taken_away(one: Totals, other: Totals) -> None:
    assert one.plus(other).minus(other) == one
