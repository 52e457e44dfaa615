"""Repair: random damage of every kind, mended from another copy: the content is what it was."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import attrs
import pytest

from pithstore import blobs, records
from pithstore.copying.copy import copy
from pithstore.copying.cut import cut_now
from pithstore.digest import Digest
from pithstore.engine import Engine
from pithstore.erasing.erase import erase
from pithstore.errors import Erased, NotFound
from pithstore.keys import (
    BLOBS,
    CHECKS,
    HEAD,
    LINE,
    MANIFESTS,
    OUTCOMES,
    PACKS,
    PLACES,
    RUN,
    SPACES,
    STANDING,
    TIME,
    TOTALS,
    VERSION,
    VERSIONS,
    run_key,
    slot_key,
    source_key,
    source_slot,
    split_key,
    version_key,
)
from pithstore.model import Source
from pithstore.repairing.repair import repair
from pithstore.store import Store
from tests.store.compacting import (
    AFTER,
    BEFORE,
    LATER,
    Stepping,
    Stopped,
    make_steps_small,
    put_all,
    stopping,
    told,
)
from tests.store.shelves import (
    EngineName,
    Entries,
    delete_entry,
    entries_of,
    new_engine,
    put_entry,
    record,
    replace_entries,
)

STORES = 1000 if os.environ.get("PITHSTORE_LONG") else 20


def filled(engine: Engine, state: int) -> Store:
    """A store that is loose, compacted, or both."""
    store = Store(engine)
    put_all(store, BEFORE)
    if state:
        store.compact()
        put_all(store, AFTER)
    if state == 2:
        store.compact()
        put_all(store, LATER)
    if state == 3:
        store.compact()
    for found in store.reproduce(["k:1@1"], lambda _: record("1", x="another")):
        store.record_check(found)
    return store


def damage(engine: Engine, chance: random.Random, times: int) -> list[tuple[str, bytes, str]]:
    """Take entries away, or flip a bit in them: of each space as often as of the others."""
    done = []
    for _ in range(times):
        entries = entries_of(engine)
        space = chance.choice([space for space in SPACES if entries[space]])
        key = chance.choice(sorted(entries[space]))
        value = bytearray(entries[space][key])
        if chance.random() < 0.4 or not value:
            delete_entry(engine, space, key)
            done.append((space, key, "deleted"))
        else:
            at = chance.randrange(len(value))
            value[at] ^= 1 << chance.randrange(8)
            put_entry(engine, space, (key, bytes(value)))
            done.append((space, key, "flipped"))
    return done


def content(store: Store) -> tuple[object, object, object]:
    return told(store), list(store.recorded_checks()), sections(store)


def sections(store: Store) -> dict[str, bytes]:
    """Every blob that a version names, found by its digest: a record in a frame is read without that."""
    view = store._engine.view
    named = {
        str(section.digest): section.digest
        for source in store.sources()
        for version in store.history(source)
        for section in view(partial(records.read_manifest, version=version)).sections
    }
    return {name: view(partial(records.read_blob, digest=digest)) for name, digest in named.items()}


def mirrored(store: Store) -> Store:
    """Another store that says the same."""
    mirror = Store(new_engine("memory", Path()))
    copy(store._engine, mirror._engine, store._engine.update(cut_now))
    return mirror


@pytest.mark.parametrize("seed", range(STORES))
def test_random_damage_is_mended_from_a_copy(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(seed)
    if chance.random() < 0.5:
        make_steps_small(monkeypatch)
    name: EngineName = "lmdb" if seed % 10 == 0 else "memory"
    store = filled(new_engine(name, tmp_path / "store"), seed % 4)
    mirror = mirrored(store)
    if chance.random() < 0.5:
        mirror.compact()
    was = content(store)
    engine = store._engine
    done = damage(engine, chance, chance.choice([1, 1, 2, 3, 5, 8, 20]))
    report = repair(engine, mirror._engine)
    assert report.ok, (done, report.verified.problems)
    assert content(Store(engine)) == was, done


@pytest.mark.parametrize("state", range(4))
def test_what_the_store_says_twice_is_mended_without_a_copy(state: int) -> None:
    """Any entry of these, alone, taken away or not as it was: the rest of the store says what it was."""
    store = filled(new_engine("memory", Path()), state)
    engine, was, whole = store._engine, content(store), entries_of(store._engine)
    for space, key in said_twice(whole):
        for broken in (None, b"?" + whole[space][key][1:]):
            replace_entries(engine, whole)
            delete_entry(engine, space, key)
            if broken is not None:
                put_entry(engine, space, (key, broken))
            report = repair(engine, None)
            assert report.ok, (space, key, report.verified.problems)
            assert content(Store(engine)) == was, (space, key)


def said_twice(whole: Entries) -> Iterator[tuple[str, bytes]]:
    kinds = (HEAD, LINE, TIME, OUTCOMES, STANDING)
    yield from ((VERSIONS, key) for key in whole[VERSIONS] if split_key(key)[1] in kinds)
    yield from ((space, key) for space in (TOTALS, PLACES) for key in whole[space])


@pytest.mark.parametrize("state", range(4))
def test_what_is_lost_for_good_is_never_called_mended(state: int) -> None:
    """An entry that versions were in is gone, without a trace but the totals: the store is not called sound."""
    store = filled(new_engine("memory", Path()), state)
    engine, whole = store._engine, entries_of(store._engine)
    for key in [key for key in whole[VERSIONS] if split_key(key)[1] in (VERSION, RUN)]:
        replace_entries(engine, whole)
        delete_entry(engine, VERSIONS, key)
        for _ in range(2):  # nor the second time
            assert not repair(engine, None).ok, key


def test_what_a_copy_lacks_too_is_not_called_mended() -> None:
    store = Store(new_engine("memory", Path()))
    put_all(store, BEFORE)
    older = mirrored(store)
    put_all(store, [(record("3" * 300, kind="kind\0\n", x="newest"), None)])
    store.compact()
    delete_entry(store._engine, VERSIONS, run_key(Source("kind\0\n", "3" * 300), 2))
    assert not repair(store._engine, older._engine).ok


def lose_the_last(store: Store, source: Source) -> None:
    """Lose the run of a source, and the totals that tell of it."""
    slot = slot_key(source_slot(source))
    delete_entry(
        store._engine, VERSIONS, next(k for k in entries_of(store._engine)[VERSIONS] if run_of(k, source))
    )
    delete_entry(store._engine, TOTALS, slot)


def run_of(key: bytes, source: Source) -> bool:
    return split_key(key) == (source_key(source), RUN)


def test_what_is_lost_with_all_that_tells_of_it_comes_back() -> None:
    """Where nothing was ever forgotten, what a copy has was lost."""
    store = filled(new_engine("memory", Path()), 1)
    mirror, was = mirrored(store), content(store)
    lose_the_last(store, Source("k", "n3"))
    assert repair(store._engine, mirror._engine).ok
    assert content(store) == was


def test_a_lost_check_comes_back() -> None:
    """Nothing else in the store says that it was there, so nothing is found to be wrong."""
    store = filled(new_engine("memory", Path()), 0)
    mirror, was = mirrored(store), content(store)
    delete_entry(store._engine, CHECKS, *entries_of(store._engine)[CHECKS])
    assert list(store.recorded_checks()) == []
    assert repair(store._engine, mirror._engine).ok
    assert content(store) == was


def test_a_blob_that_frames_only_copy_is_found_again() -> None:
    """Every record is read without its entry, but the section is not."""
    store = Store(new_engine("memory", Path()))
    put_all(store, [(record(name, x=name, same="small"), None) for name in "ab"])
    store.compact()
    store.forget("k:a@1")
    store.gc()
    engine, was = store._engine, content(store)
    shared = Digest.of(b'"small"')
    assert engine.view(partial(blobs.locate_many, digests=[shared]))[0] is not None
    delete_entry(engine, BLOBS, shared)
    assert repair(engine, None).ok
    assert content(Store(engine)) == was


@pytest.mark.parametrize("state", [1, 2, 3])
def test_a_bit_in_the_frames(state: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records may still be what they were, and yet blobs be at home nowhere, or twice."""
    make_steps_small(monkeypatch)
    chance = random.Random(state)
    store = filled(new_engine("memory", Path()), state)
    mirror, was, engine, whole = mirrored(store), content(store), store._engine, entries_of(store._engine)
    for key in whole[PACKS]:
        for _ in range(3):
            replace_entries(engine, whole)
            value = bytearray(whole[PACKS][key])
            at = chance.randrange(len(value))
            value[at] ^= 1 << chance.randrange(8)
            put_entry(engine, PACKS, (key, bytes(value)))
            report = repair(engine, mirror._engine)
            assert report.ok, (key, at, report.verified.problems)
            assert content(Store(engine)) == was, (key, at)


def test_what_may_have_been_forgotten_does_not_come_back() -> None:
    """Nothing tells any more whether it was lost or forgotten: that is said, once."""
    store = filled(new_engine("memory", Path()), 1)
    mirror = mirrored(store)
    store.forget("k:n5@1")
    store.compact()
    lose_the_last(store, Source("k", "n3"))
    report = repair(store._engine, mirror._engine)
    assert {problem.code for problem in report.verified.problems} == {"history-lost"}
    assert [str(problem.source) for problem in report.verified.problems][:1] == ["k:n3"]
    with pytest.raises(NotFound, match="forgotten"):
        list(store.history("k:n5"))
    assert repair(store._engine, mirror._engine).ok


@pytest.mark.parametrize("state", range(4))
def test_what_was_erased_stays_erased(state: int) -> None:
    """Whatever is mended of a version, an older copy brings nothing of it that was erased."""
    store = filled(new_engine("memory", Path()), state)
    mirror, engine = mirrored(store), store._engine
    version = store.version("k:n3@1")
    sections = {each.name: each.digest for each in store.manifest(version).sections}
    erase(engine, sections["x"], "on demand", datetime.now(UTC), lambda _done, _all: None, everywhere=True)
    whole, said = entries_of(engine), attrs.evolve(store.stat(), stored_bytes=0)
    lost = [
        (VERSIONS, version_key(version.source, version.number)),
        (MANIFESTS, version.snapshot),
        (BLOBS, sections["source"]),
    ]
    for space, key in lost:
        replace_entries(engine, whole)
        assert key in whole[space]
        delete_entry(engine, space, key)
        report = repair(engine, mirror._engine)
        assert report.ok, (space, report.verified.problems)
        assert next(iter(store.history(version.source))) == version
        with pytest.raises(Erased):
            store.blob(sections["x"])
        assert attrs.evolve(store.stat(), stored_bytes=0) == said, space


def test_another_store_is_no_copy() -> None:
    """It has other versions under the same numbers, so what it has beside them was never here."""
    store, stranger = (Store(new_engine("memory", Path())) for _ in range(2))
    put_all(store, [(record("1", x=1), None)])
    put_all(stranger, [(record("1", x=2), None), *((record(f"n{n}", x=n), None) for n in range(100))])
    was = content(store)
    delete_entry(store._engine, TOTALS, slot_key(source_slot(Source("k", "1"))))
    assert repair(store._engine, stranger._engine).ok
    assert content(store) == was


@pytest.mark.parametrize("seed", range(STORES // 5))
def test_an_interrupted_repair_can_be_run_again(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After any of its transactions, and in the one after that too."""
    chance = random.Random(seed)
    make_steps_small(monkeypatch)
    store = filled(new_engine("memory", tmp_path / "store"), seed % 4)
    mirror, was, engine = mirrored(store), content(store), store._engine
    done = damage(engine, chance, 12)
    whole = entries_of(engine)
    steps = Stepping(engine, lambda _: None)
    repair(steps, mirror._engine)
    for step in chance.sample(range(steps.steps), 15):
        replace_entries(engine, whole)
        for stop in (step, chance.randrange(steps.steps)):
            with suppress(Stopped):
                repair(stopping(engine, stop), mirror._engine)
        report = repair(engine, mirror._engine)
        assert report.ok, (step, done, report.verified.problems)
        assert content(Store(engine)) == was, (step, done)
