"""Loosening: what was packed lies as it was put, and nothing is said otherwise."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pithstore import loosening
from pithstore.errors import Damaged
from pithstore.keys import PACKS, PLACES, RUN, VERSIONS, split_key, tail_key
from pithstore.loosening import loosen
from pithstore.store import Store
from tests.store.compacting import AFTER, BEFORE, FIRST, HOUR, LATER, SHARED, Put, make_steps_small, put_all, told
from tests.store.shelves import ENGINES, EngineName, entries_of, new_store, put_entry, record


def _runs(store: Store) -> list[bytes]:
    return [key for key in entries_of(store._engine)[VERSIONS] if split_key(key)[1] == RUN]


def _loosen_all(store: Store) -> None:
    for source in store.sources():
        loosen(store._engine, source, 1)


def test_a_loosened_store_says_what_it_said(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    make_steps_small(monkeypatch)
    put_all(store, BEFORE)
    said = told(store)
    store.compact()
    assert _runs(store)
    monkeypatch.setattr(loosening, "BYTES_AT_ONCE", 1)
    _loosen_all(store)
    assert told(store) == said
    assert not _runs(store)
    assert not entries_of(store._engine)[PLACES]
    store.compact()
    assert told(store) == said


@pytest.mark.parametrize("packed_twice", [False, True])
def test_only_what_is_asked_for_is_loosened(
    store: Store, monkeypatch: pytest.MonkeyPatch, packed_twice: bool
) -> None:
    make_steps_small(monkeypatch)
    put_all(store, BEFORE)
    store.compact()
    put_all(store, AFTER)
    if packed_twice:
        store.compact()
    said, runs = told(store), len(_runs(store))
    for source in store.sources():
        last = list(store.history(source))[-1].number
        assert loosen(store._engine, source, last + 1) == 0
        assert told(store) == said
        assert loosen(store._engine, source, last) in range(5)
        assert told(store) == said
    assert len(_runs(store)) < runs
    put_all(store, LATER)
    told(store)
    store.compact()
    told(store)


def _puts(numbers: list[tuple[int, int, int]]) -> list[Put]:
    """Records of few sources whose sections, some of them large, come and go."""
    return [
        (record(str(source), builder=f"b{n % 3}", x=n, small=n % 2 * "s", big=[SHARED, big]), FIRST + n * HOUR)
        for n, (source, big, _) in enumerate(numbers)
    ]


@pytest.mark.parametrize("engine_name", ENGINES)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(0, 9)), min_size=1, max_size=30))
def test_whatever_is_loosened_when(
    engine_name: EngineName, tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int, int]]
) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        make_steps_small(monkeypatch)
        with new_store(engine_name, tmp_path_factory.mktemp("stores") / "store") as store:
            chance = random.Random(len(steps))
            for put, (_, _, what) in zip(_puts(steps), steps, strict=True):
                put_all(store, [put])
                if what == 0:
                    store.compact()
                elif what == 1:
                    said = told(store)
                    source = chance.choice(list(store.sources()))
                    loosen(store._engine, source, chance.choice(list(store.history(source))).number)
                    assert told(store) == said
            told(store)


def test_a_damaged_frame_is_not_loosened(store: Store, tmp_path: Path) -> None:
    put_all(store, BEFORE)
    store.compact()
    before = entries_of(store._engine)
    first = bytearray(before[PACKS][tail_key(0, 0)])
    first[100:200] = bytes(100)
    put_entry(store._engine, PACKS, (tail_key(0, 0), bytes(first)))
    damaged = entries_of(store._engine)
    with pytest.raises(Damaged, match="is damaged; run verify"):
        _loosen_all(store)
    assert entries_of(store._engine) == damaged


def test_what_is_loosened_is_put_as_it_was(store: Store) -> None:
    """A text that is the head of its line is still told by its hash."""
    text = '{"source":{"kind":"k","id":"1"},"builder_version":"b","x":1}'
    store.put(text)
    store.compact()
    (source,) = store.sources()
    assert loosen(store._engine, source, 1) == 1
    summary = store.put_many([text])
    assert (summary.versions, summary.unchanged, summary.sections) == (0, 1, 3)
