"""Damage and compaction: wrong bytes never come out, nothing is packed that is not sound, and a put mends."""

from __future__ import annotations

import random
from datetime import datetime
from pathlib import Path

import pytest

from pithstore.blobs import read_place
from pithstore.errors import Damaged
from pithstore.keys import (
    BLOBS,
    DICTIONARIES,
    MANIFESTS,
    META,
    PACKS,
    PLACES,
    RUN,
    TAIL,
    VERSIONS,
    run_key,
    split_key,
    tail_key,
)
from pithstore.model import Source
from pithstore.packs.runs import decode_run
from pithstore.store import Store
from pithstore.tail import FIRST_FRAME_BYTES, STREAM_BYTES
from tests.store.compacting import AFTER, BEFORE, make_steps_small, put_all, told
from tests.store.shelves import (
    EngineName,
    Entries,
    delete_entry,
    entries_of,
    new_store,
    put_entry,
    replace_entries,
)

ONE = Source("k", "1")


@pytest.fixture
def packed(engine_name: EngineName, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A compacted store of many frames, and what it says."""
    make_steps_small(monkeypatch)
    store = new_store(engine_name, tmp_path / "store")
    put_all(store, BEFORE)
    store.compact()
    return store


def records_of(store: Store) -> dict[tuple[str, int], tuple[bytes, datetime]]:
    """Every record and when it was observed, by source and number."""
    return {
        (str(source), version.number): (store.get_bytes(f"{source}@{version.number}"), version.observed_at)
        for source in store.sources()
        for version in store.history(source)
    }


def put_again(store: Store, records: dict[tuple[str, int], tuple[bytes, datetime]]) -> None:
    """Put every record as it was put: each is said already."""
    for text, observed_at in records.values():
        assert not store.put(text, observed_at=observed_at).stored


def flip(store: Store, space: str, key: bytes, at: int) -> None:
    """Let one bit of a value be another."""
    value = bytearray(entries_of(store._engine)[space][key])
    value[at] ^= 1
    put_entry(store._engine, space, (key, bytes(value)))


def damage_frame(store: Store, source: Source, last: int) -> None:
    """Flip a bit in the middle of the frame of the run that ends with that version."""
    key = run_key(source, last)
    position = decode_run(key, entries_of(store._engine)[VERSIONS][key]).position
    sequence, offset = divmod(position, STREAM_BYTES)
    flip(store, PACKS, sorted(entries_of(store._engine)[PACKS])[sequence], FIRST_FRAME_BYTES + offset + 30)


def last_numbers(store: Store, source: Source) -> list[int]:
    """The last version of each run of a source."""
    entries = entries_of(store._engine)[VERSIONS]
    prefix = run_key(source, 0)[:-4]
    return [int.from_bytes(key[-4:], "big") for key in sorted(entries) if key.startswith(prefix)]


def untouched(store: Store) -> Entries:
    """All but the numbers of writers, of which a compaction takes one."""
    return {space: items for space, items in entries_of(store._engine).items() if space != META}


def test_a_put_of_a_packed_record_again_writes_nothing(packed: Store) -> None:
    before = entries_of(packed._engine)
    put_again(packed, records_of(packed))
    assert entries_of(packed._engine) == before


@pytest.mark.parametrize("which", [0, -1])
def test_a_damaged_frame_is_told_and_mended_by_a_put(packed: Store, which: int) -> None:
    said, records = told(packed), records_of(packed)
    last = last_numbers(packed, ONE)[which]
    damage_frame(packed, ONE, last)
    with pytest.raises(Damaged, match=f"k:1 version {last}"):
        packed.get(f"k:1@{last}")
    assert not packed.verify().ok
    before = untouched(packed)
    with pytest.raises(Damaged, match=r"k:1 versions? .*cannot be packed.*--again"):
        packed.compact()
    assert untouched(packed) == before
    put_again(packed, records)
    assert records_of(packed) == records
    packed.compact()
    assert told(packed) == said


def test_a_section_whose_home_is_damaged_is_told_by_name(packed: Store) -> None:
    said, records = told(packed), records_of(packed)
    home = Source("kind\0\n", "3" * 300)
    damage_frame(packed, home, 1)
    with pytest.raises(Damaged, match=r"k:4 version 1: section 'huge'"):
        packed.get("k:4@1")
    put_again(packed, {("k:4", 1): records["k:4", 1]})  # not the record whose source is the home
    packed.get("k:4@1")
    with pytest.raises(Damaged, match="version 1 cannot be packed"):
        packed.compact()
    put_again(packed, {(str(home), 1): records[str(home), 1]})
    assert records_of(packed) == records
    for _ in range(2):
        packed.compact()
        assert told(packed) == said


@pytest.mark.parametrize("space", [TAIL, BLOBS, MANIFESTS])
@pytest.mark.parametrize("gone", [False, True])
def test_what_is_damaged_is_not_packed(
    engine_name: EngineName, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, space: str, gone: bool
) -> None:
    make_steps_small(monkeypatch)
    chance = random.Random(space)
    with new_store(engine_name, tmp_path / "store") as store:
        put_all(store, BEFORE)
        said, records = told(store), records_of(store)
        for _ in range(3):
            key = chance.choice(sorted(entries_of(store._engine)[BLOBS if space == TAIL else space]))
            at = 5
            if space == TAIL:
                place = read_place(key, entries_of(store._engine)[BLOBS][key])
                key, at = tail_key(place.writer, place.sequence), FIRST_FRAME_BYTES + place.offset
            if gone:
                delete_entry(store._engine, space, key)
            else:
                flip(store, space, key, at)
            before = untouched(store)
            with pytest.raises(Damaged, match=r"versions? \d+.*--again"):
                store.compact()
            assert untouched(store) == before
            put_again(store, records)
        store.compact()
        assert told(store) == said


def test_no_flipped_bit_of_a_compacted_store_gives_wrong_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_steps_small(monkeypatch)
    chance = random.Random(7)
    with new_store("memory", tmp_path / "store") as store:
        put_all(store, BEFORE)
        store.compact()
        put_all(store, AFTER)
        store.compact()
        records, right = records_of(store), entries_of(store._engine)
        places = [
            (space, key, at)
            for space in (PACKS, PLACES, DICTIONARIES, VERSIONS)
            for key, value in right[space].items()
            if space != VERSIONS or split_key(key)[1] == RUN
            for at in chance.sample(range(len(value)), min(len(value), 8))
        ]
        refused = 0
        for space, key, at in places:
            flip(store, space, key, at)
            for (source, number), (record, _) in records.items():
                try:
                    assert store.get_bytes(f"{source}@{number}") == record
                except Damaged:
                    refused += 1
            try:
                store.compact()
                assert records_of(store) == records
            except Damaged:
                refused += 1
            replace_entries(store._engine, right)
        assert refused > len(places) / 2
