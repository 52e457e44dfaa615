"""The ledger of declared digests: kept with every put, counted anew, and looked at by verify."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TypeAlias
from unittest.mock import patch as patched

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pithstore.arrivals import Arrival
from pithstore.canonical import CANONICAL_FORM, canonical
from pithstore.configuration import Configuration
from pithstore.declared.declarations import DRIFTS, VERDICTS, Drift
from pithstore.declared.ledger import Tally, encode_ledger
from pithstore.engine import Engine, Update
from pithstore.engine.lmdb import LmdbEngine
from pithstore.errors import Damaged, FormatUnknown, NotFound, UsageError
from pithstore.keys import (
    CHECKS,
    LATER_SPACES,
    META,
    OUTCOMES,
    SLOTS,
    SPACES,
    STANDING,
    TOTALS,
    VERSION,
    VERSIONS,
    ledger_key,
    outcomes_key,
    source_slot,
    split_key,
    standing_key,
    version_key,
)
from pithstore.meta import FORMAT, LEDGER, write_first
from pithstore.model import Source
from pithstore.pointer import Json
from pithstore.profile import Profile, Verdict
from pithstore.seal import seal
from pithstore.store import Store
from pithstore.store import open as open_store
from pithstore.testing.machine_store import Clock
from tests.fixtures.make_format_2 import fill as fill_fixture
from tests.store.any_history import FIRST, HISTORIES, HOUR, RIGHT, WRONG, Put, fill
from tests.store.counting import Counting
from tests.store.plain import Plain
from tests.store.shelves import (
    EngineName,
    Record,
    delete_entry,
    entries_of,
    new_engine,
    new_store,
    put_entry,
    record,
)
from tests.store.test_format import old_store

__all__ = ["old_store"]

K1 = Source("k", "1")
LedgerEntries: TypeAlias = dict[bytes, bytes]


def claims(items: Sequence[Json] = (), declared: Json = RIGHT, identity: str = "1") -> Record:
    return record(identity, claims={"items": [*items], "snapshot_sha256": declared})


def counts(store: Store) -> dict[str, list[int]]:
    """What the ledger says, as `Plain.declared` does."""
    return {name: list(attrs.astuple(row)) for name, row in store.declared().sections.items()}


def findings(store: Store) -> list[tuple[object, ...]]:
    return [
        (found.version.source, found.version.number, *attrs.astuple(found.outcome))
        for found in store.declared_findings()
    ]


def ledger_of(engine: Engine) -> LedgerEntries:
    """Every entry that the ledger consists of."""
    entries = entries_of(engine)
    kinds = (OUTCOMES, STANDING)
    of_sources = {key: value for key, value in entries[VERSIONS].items() if split_key(key)[1] in kinds}
    return of_sources | {key: value for key, value in entries[TOTALS].items() if key[0] >= SLOTS}


def check(store: Store, plain: Plain) -> None:
    """Assert that the ledger says what all records say that are gone through again, and that verify agrees."""
    assert store.declared().state == "complete"
    assert counts(store) == plain.declared()
    assert findings(store) == plain.declared_findings()
    assert store.verify().problems == ()


def make_old(engine: Engine, keep: Iterable[bytes] = ()) -> None:
    """Make a store one of an older pithstore: no feature and no ledger, but for these entries of it."""
    said: Json = {"canonical_form": CANONICAL_FORM, "features": [], "format": FORMAT}
    put_entry(engine, META, (b"format", seal(META, b"format", canonical(said))))
    gone = ledger_of(engine).keys() - set(keep)
    delete_entry(engine, VERSIONS, *(key for key in gone if len(key) > 1))
    delete_entry(engine, TOTALS, *(key for key in gone if len(key) == 1))


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page of the index holds a source or two."""
    monkeypatch.setattr("pithstore.survey._PAGE", 8)
    monkeypatch.setattr("pithstore.survey._PAGE_BYTES", 1)


# Kept with every put.


@pytest.mark.parametrize(("name", "examples"), [("memory", 80), ("lmdb", 8)])
def test_the_ledger_is_what_a_recount_says(
    tmp_path_factory: pytest.TempPathFactory, name: EngineName, examples: int
) -> None:
    @settings(max_examples=examples)
    @given(puts=HISTORIES)
    def law(puts: list[Put]) -> None:
        with new_store(name, tmp_path_factory.mktemp("store") / "store") as store:
            check(store, fill(store, puts))

    law()


@settings(max_examples=60)
@given(puts=HISTORIES, data=st.data())
def test_batches_enter_what_single_puts_enter(
    tmp_path_factory: pytest.TempPathFactory, puts: list[Put], data: st.DataObject
) -> None:
    room = tmp_path_factory.getbasetemp()
    one_by_one, batched = new_engine("memory", room), new_engine("memory", room)
    store, other = Store(one_by_one), Store(batched)
    puts = [(one, observed_at or FIRST, timedelta(0)) for one, observed_at, _ in puts]
    fill(store, puts)
    cut = data.draw(st.integers(0, len(puts)))
    with patched("pithstore.store.datetime", Clock(FIRST)):
        for part in (puts[:cut], puts[cut:]):
            other.put_batch([Arrival(other.prepare(one), moment) for one, moment, _ in part])
    assert ledger_of(batched) == ledger_of(one_by_one)


def test_each_outcome_is_counted_and_found(store: Store) -> None:
    planted: list[tuple[Record, Verdict, Drift | None]] = [
        (claims(), "match", None),
        (claims(declared=WRONG), "mismatch", "same though declared changed"),
        (claims([1], WRONG), "unknown rule", "changed though declared the same"),
        (claims([2], RIGHT), "unknown rule", None),
        (record(), "match", None),
        (claims([2], RIGHT), "unknown rule", None),
        (claims(), "match", "changed though declared the same"),
    ]
    for n, (one, _, _) in enumerate(planted):
        store.put(one, observed_at=FIRST + n * HOUR)
    store.put(claims(identity="2"))
    expected = [
        (K1, n, "claims", verdict, drift)
        for n, (_, verdict, drift) in enumerate(planted, 1)
        if n != 5  # it declares nothing, and what comes behind it has nothing before it
    ]
    assert findings(store) == [*expected, (Source("k", "2"), 1, "claims", "match", None)]
    assert store.declared().sections == {"claims": Tally(3, 1, 3, 2, 1)}
    for outcome in (*VERDICTS, *DRIFTS):
        numbers = [found.version.number for found in store.declared_findings("k:1", outcome=outcome)]
        assert numbers == [number for _, number, _, verdict, drift in expected if outcome in (verdict, drift)]
    assert list(store.declared_findings(section="references")) == []
    assert len(list(store.declared_findings(section="claims"))) == 7
    assert len(list(store.declared_findings("k:2", section="claims", outcome="match"))) == 1
    with pytest.raises(NotFound, match="there is no source k:3"):
        store.declared_findings("k:3")
    assert store.verify().ok


def test_a_put_that_writes_nothing_enters_nothing(store: Store) -> None:
    store.put(claims())
    before = entries_of(store._engine)
    assert not store.put(claims()).stored
    assert entries_of(store._engine) == before


def test_records_that_declare_nothing_leave_nothing(store: Store) -> None:
    store.put(record(x={"snapshot_sha256": None}, y=["snapshot_sha256"]))
    assert ledger_of(store._engine) == {}
    assert (counts(store), findings(store)) == ({}, [])
    store.put(claims())
    assert {split_key(key)[1] for key in ledger_of(store._engine) if len(key) > 1} == {OUTCOMES, STANDING}
    store.put(record())
    assert {split_key(key)[1] for key in ledger_of(store._engine) if len(key) > 1} == {OUTCOMES}
    assert store.verify().ok


def test_a_store_without_declared_rules_keeps_none(engine_name: EngineName, tmp_path: Path) -> None:
    with new_store(engine_name, tmp_path / "store", Configuration(Profile(declared="none"))) as store:
        store.put(claims())
        store.rebuild_ledger()
        assert ledger_of(store._engine) == {}
        assert store.declared().state == "complete"
        assert store.verify().ok


def test_counts_are_read_and_not_made(tmp_path: Path) -> None:
    """As many reads for 3,000 versions as for one, and none of the index."""
    engine = Counting(new_engine("memory", tmp_path))
    with Store(engine) as store:
        looks = []
        for many in (range(1), range(1, 3000)):
            store.put_batch(
                [Arrival(store.prepare(claims([n], identity=str(n % 70))), FIRST + n * HOUR) for n in many]
            )
            engine.reset()
            assert sum(counts(store)["claims"][:3]) == many.stop
            looks.append((dict(engine.keys), dict(engine.items), engine.views))
    assert looks[0] == looks[1]
    assert looks[0][0].keys() == {META, TOTALS}
    assert looks[0][0][TOTALS] == SLOTS
    assert looks[0][1] == {}


# Counted anew.


@pytest.mark.usefixtures("small_pages")
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(puts=HISTORIES)
def test_what_is_counted_anew_is_what_was_kept_from_the_start(
    tmp_path_factory: pytest.TempPathFactory, puts: list[Put]
) -> None:
    engine = new_engine("memory", tmp_path_factory.getbasetemp())
    store = Store(engine)
    plain = fill(store, puts)
    right = ledger_of(engine)
    make_old(engine)
    assert store.declared().state == "none"
    done: list[int] = []
    store.rebuild_ledger(done.append)
    assert ledger_of(engine) == right
    assert sum(done) == store.stat().versions
    check(store, plain)


WAYS: dict[str, Callable[[bytes], bytes | None]] = {
    "deleted": lambda _: None,
    "garbage": lambda _: b"broken, and short",
    "flipped": lambda value: bytes([value[0] ^ 1]) + value[1:],
}


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(puts=HISTORIES, data=st.data())
def test_it_is_counted_anew_whatever_the_ledger_says(
    tmp_path_factory: pytest.TempPathFactory, way: str, puts: list[Put], data: st.DataObject
) -> None:
    """Any of its entries may be gone or damaged, of the sources and of the slots."""
    engine = new_engine("memory", tmp_path_factory.getbasetemp())
    store = Store(engine)
    plain = fill(store, puts)
    right = ledger_of(engine)
    for key in data.draw(st.sets(st.sampled_from(sorted(right)))) if right else ():
        space, value = TOTALS if len(key) == 1 else VERSIONS, WAYS[way](right[key])
        delete_entry(engine, space, key)
        if value is not None:
            put_entry(engine, space, (key, value))
    store.rebuild_ledger()
    assert ledger_of(engine) == right
    check(store, plain)


def test_entries_of_no_version_and_wrong_ones_are_taken_away(store: Store) -> None:
    store.put(claims())
    right = ledger_of(store._engine)
    plant(store, VERSIONS, outcomes_key(K1, 9), b"\x01")
    plant(store, VERSIONS, outcomes_key(K1, 1), b"\x00\x03")
    for slot in range(SLOTS):
        plant(store, TOTALS, ledger_key(slot), encode_ledger({"x": Tally(7)}))
    store.rebuild_ledger()
    assert ledger_of(store._engine) == right


def plant(store: Store, space: str, key: bytes, payload: bytes) -> None:
    """Write an entry with a right checksum."""
    put_entry(store._engine, space, (key, seal(space, key, payload)))


def many(count: int, state: int) -> Iterator[Record]:
    """A record of each of so many sources; `state` chooses what they declare."""
    for n in range(count):
        yield claims([state % 3] if (n + state) % 2 else [], (RIGHT, WRONG)[(n + state) // 2 % 2], f"{n:02}")


def put_all(store: Store, records: Iterable[Record], hours: int = 0) -> None:
    store.put_batch([Arrival(store.prepare(one), FIRST + hours * HOUR) for one in records])


class Stopped(Exception):
    """What interrupts a rebuild."""


@pytest.mark.usefixtures("small_pages")
def test_an_interrupted_rebuild_is_said_and_can_be_done_again(engine_name: EngineName, tmp_path: Path) -> None:
    with new_store(engine_name, tmp_path / "store") as store:
        for state in range(4):
            put_all(store, many(9, state), state)
        right = ledger_of(store._engine)
        make_old(store._engine)
        for allowed in (0, 1, 3):
            steps: list[int] = []

            def progress(done: int, steps: list[int] = steps, allowed: int = allowed) -> None:
                if len(steps) == allowed:
                    raise Stopped
                steps.append(done)

            with pytest.raises(Stopped):
                store.rebuild_ledger(progress)
            assert store.declared().state == "partial"
            assert store.verify().problems == ()
            put_all(store, many(9, 3), 3)  # nothing new
        store.rebuild_ledger()
        assert ledger_of(store._engine) == right
        assert store.declared().state == "complete"
        assert store.verify().ok


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("seed", range(6))
def test_a_put_in_between_is_counted_once(engine_name: EngineName, tmp_path: Path, seed: int) -> None:
    """Of a source that was counted already, of one still to come, and of new ones before, between and behind."""
    chance = random.Random(seed)
    with new_store(engine_name, tmp_path / "store") as store, new_store("memory", tmp_path) as kept:
        batches = [
            [claims([chance.randrange(3)], chance.choice((RIGHT, WRONG)), f"{chance.randrange(40):02}")]
            for _ in range(60)
        ]
        for hours, batch in enumerate(batches):
            put_all(kept, batch, hours)
        left = iter(list(enumerate(batches)))
        for _, (hours, batch) in zip(range(30), left, strict=False):
            put_all(store, batch, hours)
        make_old(store._engine)

        def progress(_: int) -> None:
            for hours, batch in left:
                put_all(store, batch, hours)
                break

        while store.declared().state != "complete" or store.stat().versions < kept.stat().versions:
            store.rebuild_ledger(progress)
        assert ledger_of(store._engine) == ledger_of(kept._engine)
        assert store.verify().ok


@pytest.mark.usefixtures("small_pages")
def test_two_rebuilds_at_a_time_end_right(store: Store) -> None:
    for state in range(3):
        put_all(store, many(9, state), state)
    right = ledger_of(store._engine)
    begun: list[int] = []

    def progress(done: int) -> None:
        begun.append(done)
        if len(begun) == 2:
            store.rebuild_ledger()

    store.rebuild_ledger(progress)
    assert ledger_of(store._engine) == right
    assert store.declared().state == "complete"


def test_a_version_that_cannot_be_read_ends_it_with_its_name(store: Store) -> None:
    put_all(store, [claims(), claims(identity="2")])
    put_entry(store._engine, VERSIONS, (version_key(K1, 1), b"broken, and short"))
    with pytest.raises(Damaged, match="k:1 version 1"):
        store.rebuild_ledger()
    assert store.declared().state == "partial"


# Stores of an older pithstore.


def test_a_store_without_a_ledger_goes_on_so_until_it_is_asked_for(old_store: Path, tmp_path: Path) -> None:
    with open_store(old_store) as store:
        make_old(store._engine)
    with open_store(old_store, readonly=True) as store:
        assert (store.declared().state, counts(store), findings(store)) == ("none", {}, [])
        assert entries_of(store._engine)[CHECKS] == {}
        assert list(store.recorded_checks()) == []
        with pytest.raises(UsageError, match="read-only"):
            store.rebuild_ledger()
    with (
        open_store(tmp_path / "kept", create=True) as kept,
        patched("pithstore.store.datetime", Clock(FIRST)) as clock,
    ):
        fill_fixture(kept, clock)
        with open_store(old_store) as store:
            for each in (store, kept):
                put_all(each, [claims(), claims(declared=WRONG, identity="@a/b #%\n")])
                each.put(claims([1]))
            assert ledger_of(store._engine) == {}
            assert store.declared().state == "none"
            assert store.verify().problems == ()
            store.rebuild_ledger()
            assert ledger_of(store._engine) == ledger_of(kept._engine) != {}
            store.put(claims([2]))
            kept.put(claims([2]))
            assert ledger_of(store._engine) == ledger_of(kept._engine)
            assert counts(store) == counts(kept)
            assert store.verify().problems == ()


def test_the_space_that_an_older_store_lacks_is_made_when_it_is_opened_for_writing(tmp_path: Path) -> None:
    import lmdb

    old_store = tmp_path / "store"
    first = partial(write_first, configuration=Configuration())
    LmdbEngine.create(old_store, [space for space in SPACES if space not in LATER_SPACES], first).close()

    def spaces() -> set[bytes]:
        environment = lmdb.open(str(old_store / "gen-000001"), readonly=True, lock=False, lib_version=0)
        with environment, environment.begin() as transaction:
            return set(transaction.cursor().iternext(values=False))

    assert b"checks" not in spaces()
    for _ in range(2):
        with open_store(old_store, readonly=True) as store:
            assert store.verify().problems == ()
    assert b"checks" not in spaces()
    with open_store(old_store) as store:
        assert store.verify().problems == ()
    assert b"checks" in spaces()
    with open_store(old_store, readonly=True) as store:
        assert list(store.recorded_checks()) == []


def test_a_store_with_a_ledger_says_so_and_one_with_more_is_refused(
    engine_name: EngineName, tmp_path: Path
) -> None:
    engine = new_engine(engine_name, tmp_path / "store")
    said = entries_of(engine)[META][b"format"]
    assert said.startswith(canonical({"canonical_form": CANONICAL_FORM, "features": [LEDGER], "format": FORMAT}))
    more: Json = {"canonical_form": CANONICAL_FORM, "features": [LEDGER, "more"], "format": FORMAT}
    put_entry(engine, META, (b"format", seal(META, b"format", canonical(more))))
    with pytest.raises(FormatUnknown, match="more"):
        Store(engine)


# What verify says of it, and what a put does.


@pytest.fixture
def shelf(store: Store) -> Store:
    """Four versions of k:1 and one of k:2 that declare, and one of k:3 that does not."""
    for hours, one in enumerate([claims(), claims([1]), record(), claims(declared=WRONG)]):
        put_all(store, [one], hours)
    put_all(store, [claims(identity="2"), record("3")])
    return store


Damage: TypeAlias = Callable[[Store], None]
SLOT = source_slot(K1)

DAMAGE: dict[str, tuple[Damage, set[tuple[str, str | None, int | None]]]] = {
    "a missing entry": (
        lambda store: delete_entry(store._engine, VERSIONS, outcomes_key(K1, 2)),
        {("declared-wrong", "k:1", 2)},
    ),
    "a wrong entry": (
        lambda store: plant(store, VERSIONS, outcomes_key(K1, 2), b"\x00\x01"),
        {("declared-wrong", "k:1", 2)},
    ),
    "an entry of a version that declares nothing": (
        lambda store: plant(store, VERSIONS, outcomes_key(K1, 3), b"\x01"),
        {("declared-wrong", "k:1", 3)},
    ),
    "an entry of no version": (
        lambda store: plant(store, VERSIONS, outcomes_key(K1, 9), b"\x01"),
        {("declared-wrong", "k:1", 9)},
    ),
    "a damaged entry": (
        lambda store: put_entry(store._engine, VERSIONS, (outcomes_key(K1, 2), b"broken, and short")),
        {("declared-damaged", "k:1", 2)},
    ),
    "no standing": (
        lambda store: delete_entry(store._engine, VERSIONS, standing_key(K1)),
        {("declared-wrong", "k:1", None)},
    ),
    "another standing": (
        lambda store: plant(store, VERSIONS, standing_key(K1), b"\x06claims\x00" + b"m" * 32),
        {("declared-wrong", "k:1", None)},
    ),
    "a standing of what declares nothing": (
        lambda store: plant(store, VERSIONS, standing_key(Source("k", "3")), b"\x06claims\x00" + b"m" * 32),
        {("declared-wrong", "k:3", None)},
    ),
    "a damaged standing": (
        lambda store: put_entry(store._engine, VERSIONS, (standing_key(K1), b"broken, and short")),
        {("declared-damaged", "k:1", None)},
    ),
    "a missing slot": (
        lambda store: delete_entry(store._engine, TOTALS, ledger_key(SLOT)),
        {("declared-wrong", None, None)},
    ),
    "a wrong slot": (
        lambda store: plant(store, TOTALS, ledger_key(SLOT), encode_ledger({"claims": Tally(3, 1, 1, 1, 1)})),
        {("declared-wrong", None, None)},
    ),
    "a slot too many": (
        lambda store: plant(store, TOTALS, ledger_key((SLOT + 1) % SLOTS), encode_ledger({"x": Tally(1)})),
        {("declared-wrong", None, None)},
    ),
    "a damaged slot": (
        lambda store: put_entry(store._engine, TOTALS, (ledger_key(SLOT), b"broken, and short")),
        {("totals-damaged", None, None)},
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_verify_says_what_is_wrong_and_nothing_else_and_a_rebuild_mends_it(shelf: Store, name: str) -> None:
    assert shelf.verify().problems == ()
    right = ledger_of(shelf._engine)
    damage, expected = DAMAGE[name]
    damage(shelf)
    problems = shelf.verify().problems
    assert {
        (one.code, None if one.source is None else str(one.source), one.number) for one in problems
    } == expected
    assert len(problems) == 1
    assert problems[0].message.isprintable()
    shelf.rebuild_ledger()
    assert shelf.verify().problems == ()
    assert ledger_of(shelf._engine) == right


@pytest.mark.parametrize("name", ["a damaged standing", "a damaged slot"])
def test_a_put_that_would_build_on_damage_says_how_to_mend_it(shelf: Store, name: str) -> None:
    DAMAGE[name][0](shelf)
    before = entries_of(shelf._engine)
    with pytest.raises(Damaged, match="'pithstore declared --rebuild' counts anew"):
        shelf.put(claims([5]))
    assert entries_of(shelf._engine) == before
    shelf.rebuild_ledger()
    assert shelf.put(claims([5])).stored
    assert shelf.verify().ok


def test_what_cannot_be_read_is_said_with_its_name(shelf: Store) -> None:
    DAMAGE["a damaged entry"][0](shelf)
    with pytest.raises(Damaged, match="k:1 version 2: its entry in the ledger of declared digests is damaged"):
        findings(shelf)
    DAMAGE["a damaged slot"][0](shelf)
    with pytest.raises(Damaged, match=f"slot {SLOT} of the ledger"):
        shelf.declared()


@pytest.mark.parametrize("number", range(1, 5))
def test_damage_to_a_version_is_not_taken_for_damage_to_the_ledger(shelf: Store, number: int) -> None:
    put_entry(shelf._engine, VERSIONS, (version_key(K1, number), b"broken, and short"))
    codes = {problem.code for problem in shelf.verify().problems}
    assert "version-damaged" in codes
    assert not {code for code in codes if code.startswith("declared-")}


@pytest.mark.parametrize("ref", ["k:1@1", "k:1@2", "k:1@4"])
def test_damage_to_a_record_is_not_taken_for_damage_to_the_ledger(shelf: Store, ref: str) -> None:
    from pithstore.keys import BLOBS, MANIFESTS

    snapshot, section = shelf.version(ref).snapshot, shelf.manifest(ref).section("claims")
    assert section is not None
    right = entries_of(shelf._engine)
    for space, key, code in [
        (BLOBS, section.digest, "section-damaged"),
        (MANIFESTS, snapshot, "manifest-missing"),
    ]:
        put_entry(shelf._engine, space, (key, b"broken, and short"))
        codes = {problem.code for problem in shelf.verify().problems}
        assert code in codes
        assert not {code for code in codes if code.startswith("declared-")}
        put_entry(shelf._engine, space, (key, right[space][key]))
    assert shelf.verify().ok


def test_verify_looks_at_the_ledger_while_others_write(shelf: Store) -> None:
    """What was written meanwhile is not taken for wrong."""
    written = iter(range(100))

    def progress(done: int, of: int) -> None:
        put_all(shelf, [claims([next(written)], identity="new"), claims([next(written)])], 20 + next(written))

    assert shelf.verify(progress).problems == ()
    assert shelf.verify().ok


def test_versions_deleted_by_hand_are_orphans(shelf: Store) -> None:
    def drop(update: Update) -> None:
        update.delete_many(VERSIONS, [version_key(K1, 4)])

    assert split_key(version_key(K1, 4))[1] == VERSION
    shelf._engine.update(drop)
    found = {(problem.code, problem.number) for problem in shelf.verify().problems}
    assert ("declared-wrong", 4) in found
