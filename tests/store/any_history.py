"""Random histories of few sources, builders, times and states, so that they meet; put into a store and a model."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TypeAlias
from unittest.mock import patch as patched

from hypothesis import strategies as st

from pithstore.model import Source
from pithstore.pointer import Json
from pithstore.store import Store
from pithstore.testing.machine_store import Clock, Model, Record
from tests.store.plain import Plain, digest

FIRST = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
SOURCES = (Source("k", "1"), Source("k", "2 é/@"))
BUILDERS = ("b1", "b2")
RIGHT = digest({"payload": []})
WRONG = "0" * 64
NESTED: Json = {"snapshot_sha256": RIGHT}

VALUES: Mapping[str, tuple[Json, ...]] = {
    "x": (0, 0.0, False, "a", {}, [], {"p": 0, "q": {"r": None}}, {"p": 0, "q": {"r": 1}}, ["e"], [{"y": 1}]),
    "claims": (
        {"items": [], "snapshot_sha256": RIGHT},
        {"items": [], "snapshot_sha256": WRONG},
        {"items": [1], "snapshot_sha256": RIGHT},
        {"items": [2], "snapshot_sha256": RIGHT},
        {"n": NESTED, "snapshot_sha256": RIGHT},
        {"n": NESTED, "snapshot_sha256": WRONG},
        {"items": []},
    ),
    "z": ({"a": 1, "snapshot_sha256": 1, "z": 12}, {"a": 1, "snapshot_sha256": 12, "z": 12}, 1),
}
"""States of each section.  No two lists at one place have different elements, so that all stay where they are."""

Put: TypeAlias = tuple[Record, datetime | None, timedelta]
"""A record, when it was observed, and how much later than the last one it is put."""

_STATES = {name: st.sampled_from(values) for name, values in VALUES.items()}
_SECTIONS: st.SearchStrategy[Record] = st.fixed_dictionaries(
    {"claims": _STATES["claims"]}, optional={"x": _STATES["x"], "z": _STATES["z"]}
)
_SOURCE_VERSIONS: st.SearchStrategy[Record] = st.sampled_from(({}, {"version": 1}, {"version": 1.0}))


def _record(source: Source, builder: str, version: Record, sections: Record) -> Record:
    said: Record = {"kind": source.kind, "id": source.id, **version}
    return {**sections, "source": said, "builder_version": builder}


RECORDS = st.builds(
    _record, st.sampled_from((SOURCES[0], *SOURCES)), st.sampled_from(BUILDERS), _SOURCE_VERSIONS, _SECTIONS
)
MOMENTS: st.SearchStrategy[datetime] = st.integers(-2, 3).map(lambda hours: FIRST + hours * HOUR)
HISTORIES: st.SearchStrategy[list[Put]] = st.lists(
    st.tuples(RECORDS, st.none() | MOMENTS, st.sampled_from((timedelta(0), HOUR / 2, HOUR))),
    min_size=1,
    max_size=10,
)


def fill(store: Store, puts: Iterable[Put], compacted: Collection[int] = ()) -> Plain:
    """Put them, each at its moment; the same as plain lists.

    The store is compacted before the puts at these places.
    """
    model, clock = Model(), Clock(FIRST)
    with patched("pithstore.store.datetime", clock):
        for place, (record, observed_at, step) in enumerate(puts):
            if place in compacted:
                store.compact()
            clock.moment += step
            kept, stored = model.put(record, observed_at, clock.moment)
            result = store.put(json.dumps(record), observed_at=observed_at)
            assert result.stored == stored
            assert result.version.number in {each.number for each in kept}
    return Plain(model.histories)
