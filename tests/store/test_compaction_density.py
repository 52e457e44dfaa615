"""How small a compacted store is, as laws of its bytes; dictionaries; and when a compaction pays."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from pithstore.compaction import advice, dictionary
from pithstore.compaction.dictionary import tail_values, train
from pithstore.errors import UsageError
from pithstore.keys import DICTIONARIES, PACKS, TAIL
from pithstore.pointer import Json
from pithstore.store import Store
from pithstore.store import open as open_store
from pithstore.tail import STREAM_BYTES
from tests.store.compacting import told
from tests.store.shelves import Record, entries_of, new_store, record

WORDS = [f"word{n * n}" for n in range(200)]


def versions(sources: int, count: int, seed: int = 1) -> Iterator[Record]:
    """A history of sources whose records have much in common, and change a little from version to version."""
    chance = random.Random(seed)

    def value() -> Json:
        return {"name": chance.choice(WORDS), "value": chance.random()}

    state: dict[int, dict[str, list[Json]]] = {
        source: {f"section {n}": [value() for _ in range(6)] for n in range(6)} for source in range(sources)
    }
    for _ in range(count):
        for source, sections in state.items():
            sections[f"section {chance.randrange(6)}"][chance.randrange(6)] = value()
            yield {**{name: [*values] for name, values in sections.items()}, **record(f"{seed} {source}")}


def bytes_in(store: Store, *spaces: str) -> int:
    entries = entries_of(store._engine)
    return sum(len(key) + len(value) for space in spaces for key, value in entries[space].items())


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Store]:
    with new_store("memory", tmp_path / "memory") as store:
        yield store


def test_versions_that_change_a_little_take_a_little(plain: Store) -> None:
    plain.put_many(versions(10, 20))
    loose = plain.stat().stored_bytes
    plain.compact()
    stat = plain.stat()
    assert stat.stored_bytes < stat.unique_bytes / 2
    assert stat.stored_bytes < loose / 6


def test_many_compactions_come_near_to_one(plain: Store, tmp_path: Path) -> None:
    all_of_it = list(versions(10, 24))
    for start in range(0, len(all_of_it), 30):
        plain.put_many(all_of_it[start : start + 30])
        plain.compact()
    with new_store("memory", tmp_path / "at once") as at_once:
        at_once.put_many(all_of_it)
        at_once.compact()
        assert plain.stat().stored_bytes < 1.5 * at_once.stat().stored_bytes
        assert [v.snapshot for s in plain.sources() for v in plain.history(s)] == [
            v.snapshot for s in at_once.sources() for v in at_once.history(s)
        ]


# Dictionaries.


def test_the_tail_is_counted_where_a_writer_went_on_after_a_compaction(store: Store) -> None:
    for seed in range(3):
        store.put_many(versions(4, 4, seed))
        assert store._engine.view(tail_values) == len(entries_of(store._engine)[TAIL])
        store.compact()
        assert store._engine.view(tail_values) == 0


def test_small_records_of_many_sources_share_a_dictionary(plain: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dictionary, "_LEAST", 2000)
    plain.put_many(versions(150, 1))
    assert plain._engine.view(train)
    said = told(plain)
    plain.compact()
    assert told(plain) == said
    with_one = bytes_in(plain, PACKS, DICTIONARIES)
    assert len(entries_of(plain._engine)[DICTIONARIES]) == 1
    plain.put_many(versions(5, 1, 2))
    plain.compact()
    assert len(entries_of(plain._engine)[DICTIONARIES]) == 1, "few records are packed with the one that is there"
    plain.put_many(versions(900, 1, 3))
    said = told(plain)
    plain.compact()
    assert len(entries_of(plain._engine)[DICTIONARIES]) == 2, "many more get one of their own"
    assert told(plain) == said
    monkeypatch.setattr(dictionary, "_LEAST", 10**9)
    with new_store("memory", Path("without")) as without:
        without.put_many(versions(150, 1))
        without.compact()
        assert not entries_of(without._engine)[DICTIONARIES]
        assert with_one < bytes_in(without, PACKS)


def test_what_has_nothing_in_common_gets_no_dictionary(plain: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert plain._engine.view(train) == b""
    monkeypatch.setattr(dictionary, "_LEAST", 10)
    plain.put(record("1", x="a" * 1000))
    plain._engine.view(train)
    plain.compact()
    told(plain)


# When it pays.


def test_a_compaction_pays_where_much_is_loose(plain: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    plain.put_many(versions(10, 10))
    assert plain.loose_bytes() == 0, "a small store is no matter"
    monkeypatch.setattr(advice, "_LEAST_BYTES", 20_000)
    assert plain.loose_bytes() == plain.stat().stored_bytes
    plain.compact()
    packed = len(entries_of(plain._engine)[PACKS]) * STREAM_BYTES
    stored = plain.stat().stored_bytes
    assert plain.loose_bytes() == (stored - packed if packed < stored / 2 else 0)
    assert packed > stored / 2
    plain.put_many(versions(30, 10, 2))
    assert plain.loose_bytes() == plain.stat().stored_bytes - packed


def is_compacted(store: Store) -> bool:
    entries = entries_of(store._engine)
    return bool(entries[PACKS]) and not entries[TAIL]


def test_auto_compact_looks_when_a_put_many_ends_and_when_the_store_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(advice, "_LEAST_BYTES", 50_000)
    path = tmp_path / "store"
    records = list(versions(30, 2))
    with open_store(path, create=True, auto_compact=True) as store:
        for one in records[:30]:
            store.put(one)
        assert not is_compacted(store)
    with open_store(path) as store:
        assert is_compacted(store)
        store.put_many(versions(60, 4, 2))
        assert not is_compacted(store)
    with open_store(path, auto_compact=True) as store:
        store.put_many(records[30:31])
        assert is_compacted(store)
        told(store)


def test_auto_compact_leaves_alone_what_does_not_pay_what_fails_and_what_others_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "store"
    with open_store(path, create=True, auto_compact=True) as store:
        store.put_many(versions(30, 2))
    with open_store(path) as store:
        assert not is_compacted(store)
    monkeypatch.setattr(advice, "_LEAST_BYTES", 50_000)
    with pytest.raises(KeyError), open_store(path, auto_compact=True) as store:
        raise KeyError
    with open_store(path, auto_compact=True) as store:
        assert not is_compacted(store)
        other = store._engine.successor()
        store.put_many(versions(1, 1, 2))
        store.close()
        store.close()
        other.close()
    with open_store(path, readonly=True) as store:
        assert not is_compacted(store)
    with pytest.raises(UsageError, match="readonly"):
        open_store(path, readonly=True, auto_compact=True)
