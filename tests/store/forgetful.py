"""What the tests of forgetting share: a model that forgets, and records whose sections sources have in common."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

import attrs
from hypothesis import strategies as st

from pithstore.model import Source
from pithstore.pointer import Json
from pithstore.testing.machine_store import Kept, Model, Record
from tests.store.compacting import FIRST, HOUR, SHARED, declaring
from tests.store.shelves import record

IDS = ("1", "2", "3")
BUILDERS = ("b1", "b2")


def _record(identity: str, builder: str, x: int, sections: dict[str, Json]) -> Record:
    return {**sections, **record(identity, builder=builder, x=x)}


_SMALL: st.SearchStrategy[Json] = st.sampled_from(["s" * 300, "s" * 40])
_LARGE: st.SearchStrategy[Json] = st.sampled_from([[SHARED, 0], [SHARED, 1]])
_CLAIMS = st.builds(declaring, st.sampled_from([[], [1], [2]]), st.booleans())
RECORDS: st.SearchStrategy[Record] = st.builds(
    _record,
    st.sampled_from(IDS),
    st.sampled_from(BUILDERS),
    st.integers(0, 3),
    st.fixed_dictionaries({}, optional={"small": _SMALL, "big": _LARGE, "claims": _CLAIMS}),
)
"""Records of few sources that often say the same; large and small sections are common to all."""
TIMES: st.SearchStrategy[datetime] = st.integers(-3, 3).map(lambda hours: FIRST + hours * HOUR)


class Forgetful(Model):
    """A model that can forget: it keeps the last number and moment that each source was given."""

    def __init__(self) -> None:
        super().__init__()
        self.last: dict[Source, tuple[int, datetime]] = {}

    def put(self, record: Record, observed_at: datetime | None, now: datetime) -> tuple[list[Kept], bool]:
        said, new = super().put(record, observed_at, now)
        if not new:
            return said, False
        named = record["source"]
        assert isinstance(named, dict)
        source = Source(str(named["kind"]), str(named["id"]))
        number, moment = self.last.get(source, (0, now))
        moment = max(now, moment)
        kept = attrs.evolve(said[0], number=number + 1, recorded_at=moment, observed_at=observed_at or moment)
        self.histories[source][-1] = kept
        self.last[source] = number + 1, moment
        return [kept], True

    def forget(self, source: Source, numbers: Collection[int]) -> None:
        """As if they had never been, but for their numbers."""
        self.histories[source] = [kept for kept in self.histories[source] if kept.number not in numbers]

    def known(self) -> dict[Source, list[Kept]]:
        """The sources that have a version."""
        return {source: self.histories[source] for source in sorted(self.histories) if self.histories[source]}

    def keep_last(self, source: Source, count: int) -> list[int]:
        """The numbers that are not among the last of their line."""
        return [kept.number for kept in self.histories[source] if len(self._behind(source, kept)) >= count]

    def before(self, source: Source, moment: datetime) -> list[int]:
        """The numbers of what was observed before then and is not the last of its line."""
        return [
            kept.number
            for kept in self.histories[source]
            if kept.observed_at < moment and self._behind(source, kept)
        ]

    def _behind(self, source: Source, kept: Kept) -> list[Kept]:
        line = [other for other in self.histories[source] if other.builder_version == kept.builder_version]
        return [other for other in line if other.number > kept.number]


STEP = timedelta(minutes=1)
