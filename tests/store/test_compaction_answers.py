"""A compacted store answers everything as before, and what is put later as if it had never been compacted."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TypeAlias
from unittest.mock import patch as patched

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pithstore.diff.comparison import Diff
from pithstore.digest import Digest
from pithstore.engine import Engine, Update
from pithstore.errors import Damaged
from pithstore.horizon import Horizon
from pithstore.keys import PACKS, RUN, VERSIONS
from pithstore.model import Source, Version
from pithstore.packs import frames, runs
from pithstore.packs.packed_frame import Header, unpack
from pithstore.pointer import Json
from pithstore.reader import Reader
from pithstore.references import Ref
from pithstore.results import PutResult
from pithstore.selectors import ByNumber
from pithstore.store import Store
from pithstore.testing.machine_store import Clock
from tests.store import any_history
from tests.store.answers import Answers, answers, differences
from tests.store.any_history import HISTORIES, fill
from tests.store.compacting import make_steps_small
from tests.store.shelves import EngineName, Record, entries_of, new_engine, new_store, put_entry, record
from tests.store.test_horizon import BOUNDS, Bounds, of_plain, of_reader, references
from tests.store.test_horizon import answers as told

FIRST = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
BUILDERS = ("b1", "b2", "a third, which comes late")
SHARED = [f"a long section that several sources have, number {n} " * 30 for n in range(4)]
RIGHT = sha256(b'{"payload":[]}').hexdigest()
LONG = "long " * 80
"""An id that is cut in keys."""

SOURCE_VERSIONS: tuple[Record, ...] = ({}, {"version": None}, {"version": 1}, {"version": 1.0}, {"version": "1"})

Put: TypeAlias = tuple[Record, datetime | None]


def claims(chance: random.Random) -> Json:
    """A section that mostly declares a digest of itself, rightly or wrongly."""
    declared: dict[str, Json] = {"snapshot_sha256": chance.choice((RIGHT, "0" * 64))}
    return {"items": [chance.randrange(3)], **chance.choice((declared, declared, {}))}


def some_record(chance: random.Random, identity: str, builders: Sequence[str]) -> Record:
    sections: dict[str, Json] = {
        "x": {"n": chance.randrange(40), "same": "s" * 90} if chance.random() < 0.5 else chance.randrange(3),
        "shared": chance.choice(SHARED),
        "": [],
        "a/b~\n\0é": {"deep": [chance.randrange(2)]},
    }
    if chance.random() < 0.6:
        sections["claims"] = claims(chance)
    if chance.random() < 0.3:
        sections["big"] = f"a section that no frame copies, number {chance.randrange(12)} " * 40
    version = chance.choice(SOURCE_VERSIONS)
    return {**record(identity, builder=chance.choice(builders), version=version), **sections}


def puts(seed: int, identities: Sequence[str], count: int, builders: Sequence[str] = BUILDERS[:2]) -> list[Put]:
    """Records in any order, many of them again and again, some back-dated."""
    chance = random.Random(seed)
    made = [some_record(chance, chance.choice(identities), builders) for _ in range(count)]
    again = [chance.choice(made) for _ in range(count // 3)]
    every = [*made, *again]
    chance.shuffle(every)
    return [
        (each, None if chance.random() < 0.7 else FIRST + chance.randrange(-9, 9) * HOUR / 2) for each in every
    ]


IDENTITIES = ("of one version", "few", LONG + "1", LONG + "2", "é/@ #")
BEFORE = [
    (some_record(random.Random(0), IDENTITIES[0], BUILDERS[:1]), None),
    *puts(1, ("of many versions",), 100),
    *puts(2, IDENTITIES[1:], 30),
]
AFTER = [
    *puts(1, ("of many versions",), 100)[::6],  # old states again, at other times
    *puts(3, ("of many versions", *IDENTITIES, "0 before all others", "new"), 40, BUILDERS),
]
LATER = puts(4, ("of many versions", *IDENTITIES, "newest"), 30, BUILDERS[1:])


def put_all(stores: Sequence[Store], given: Sequence[Put], start: datetime) -> None:
    """Put the records into each store, at the same moments; each says the same of them."""
    said: list[list[PutResult]] = []
    for store in stores:
        clock = Clock(start)
        results: list[PutResult] = []
        with patched("pithstore.store.datetime", clock):
            for batch in (given[i : i + 7] for i in range(0, len(given), 7)):
                clock.moment += HOUR / 7
                results += store.put_batch([store.arrival(each, observed_at) for each, observed_at in batch])
        said.append(results)
    for same in zip(*said, strict=True):
        assert len({repr(result) for result in same}) == 1


HORIZONS = (
    Horizon(at=FIRST + HOUR),
    Horizon(as_recorded=FIRST + 2 * HOUR, builder="b1"),
    Horizon(at=FIRST + 3 * HOUR, as_recorded=FIRST + 40 * HOUR, builder="b2"),
)


def all_answers(store: Store, horizon: Horizon) -> list[Answers]:
    """What the store answers, and what it answers within that horizon."""
    found = [answers(reader, BUILDERS) for reader in (store, Reader(store._engine, horizon))]
    assert all(len(each) > 100 for each in found)
    return found


def agree(expected: Sequence[Answers], found: Sequence[Answers]) -> None:
    """Every question was answered in the same way."""
    assert [differences(one, other) for one, other in zip(expected, found, strict=True)] == [[], []]


@pytest.fixture(params=["as it is", "in small steps"])
def steps(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames as large as they are, and so small that a history has many."""
    if request.param == "in small steps":
        make_steps_small(monkeypatch)


@pytest.mark.usefixtures("steps")
def test_a_compacted_store_answers_as_one_that_never_was(engine_name: EngineName, tmp_path: Path) -> None:
    with new_store(engine_name, tmp_path / "one") as store, new_store("memory", tmp_path / "two") as other:
        for day, (given_puts, horizon) in enumerate(zip((BEFORE, AFTER, LATER), HORIZONS, strict=True)):
            put_all([store, other], given_puts, FIRST + day * 24 * HOUR)
            (checked,) = store.reproduce(["k:few"], lambda source: {"source": source, "builder_version": "b1"})
            with patched("pithstore.store.datetime", Clock(FIRST)):
                assert store.record_check(checked) == other.record_check(checked)
            expected = all_answers(other, horizon)
            agree(expected, all_answers(store, horizon))
            store.compact()
            agree(expected, all_answers(store, horizon))


places = st.sets(st.integers(0, 10), min_size=1)


@settings(max_examples=60)
@given(given_puts=HISTORIES, compacted=places, bounds=BOUNDS, data=st.data())
def test_any_history_compacted_anywhere_is_what_plain_lists_say(
    tmp_path_factory: pytest.TempPathFactory,
    given_puts: list[any_history.Put],
    compacted: set[int],
    bounds: Bounds,
    data: st.DataObject,
) -> None:
    with new_store("memory", tmp_path_factory.getbasetemp()) as store:
        plain = fill(store, given_puts, compacted)
        if data.draw(st.booleans()):
            store.compact()
        refs = [
            *map(Ref, any_history.SOURCES),
            *data.draw(st.lists(st.sampled_from(references(plain)), max_size=6)),
        ]
        at, as_recorded, builder = bounds
        for reader, lists in (
            (store, plain),
            (store.within(at=at, as_recorded=as_recorded, builder=builder), plain.within(*bounds)),
        ):
            assert told(of_reader(reader, refs)) == told(of_plain(lists, refs))


# The ledger.


def compacted_store(engine: Engine, given_puts: Sequence[Put] = BEFORE) -> Store:
    store = Store(engine)
    put_all([store], given_puts, FIRST)
    store.compact()
    return store


def test_the_ledger_of_a_compacted_store_is_counted_anew(engine_name: EngineName, tmp_path: Path) -> None:
    with compacted_store(new_engine(engine_name, tmp_path / "store")) as store:
        put_all([store], AFTER, FIRST + 24 * HOUR)
        expected, entries = answers(store, BUILDERS), entries_of(store._engine)
        assert "Finding" in expected["findings"]
        sources = list(store.sources())

        def forget(update: Update) -> None:
            for source in sources:
                runs.write_outcomes(update, source, {})

        store._engine.update(forget)
        assert "findings" in differences(expected, answers(store, BUILDERS))
        store.rebuild_ledger()
        assert differences(expected, answers(store, BUILDERS)) == []
        assert entries_of(store._engine) == entries


# How much is read.


def frames_of(engine: Engine) -> set[int]:
    """The positions of all frames."""
    found = entries_of(engine)[VERSIONS]
    return {runs.decode_run(key, value).position for key, value in found.items() if key[-5:-4] == RUN}


def test_a_walk_expands_each_frame_once(
    engine_name: EngineName, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or, where a page ends within a frame, twice; whatever of it is asked for."""
    make_steps_small(monkeypatch)
    expanded: list[bytes] = []

    def counted(header: Header, data: bytes, read_dictionary: Callable[[bytes], bytes]) -> bytes:
        expanded.append(data)
        return unpack(header, data, read_dictionary)

    monkeypatch.setattr("pithstore.packs.frames.unpack", counted)
    with compacted_store(
        new_engine(engine_name, tmp_path / "store"), puts(1, ("of many versions",), 170)
    ) as store:
        source = Source("k", "of many versions")
        every = len(frames_of(store._engine))
        assert every > 40
        walks: list[tuple[str, Callable[[], object], int]] = [
            ("log", lambda: list(store.log(source)), 1),
            ("matrix", lambda: store.matrix(source), 2),  # for the manifests, then for the states
            ("versions", lambda: list(store.table_rows("versions")), 1),
            ("changes", lambda: list(store.table_rows("changes")), 1),
            ("conflicts", lambda: list(store.conflicts()), 1),
            ("findings", lambda: list(store.declared_findings()), 1),
            ("who", lambda: list(store.who(Digest.of(b"0"))), 1),
            ("compare builders", lambda: store.compare_builders("b1", "b2").pairs, 1),
            ("export", lambda: store.export_archive(lambda _: None), LEANING),
            ("blobs", lambda: list(store.table_rows("blobs")), LEANING),
            ("patches", lambda: list(patches(store, source)), LEANING + 2),
        ]
        for name, walk, times in walks:
            expanded.clear()
            monkeypatch.setattr(frames, "_recent", frames._Recent())
            walk()
            assert 0 < len(expanded) <= times * every + 3, name


LEANING = 4
"""A large section lies in one frame, and in this history each frame has a few that lie in others."""


def patches(store: Store, source: Source) -> Iterator[Diff]:
    return (store.diff(entry.before, entry.version) for entry in store.log(source) if entry.before is not None)


# What is damaged.


def read_all(store: Store, versions: Sequence[Version]) -> list[object]:
    """Every record, manifest and section; None where it says that it is damaged."""
    found: list[object] = []
    for version in versions:
        ref = Ref(version.source, ByNumber(version.number))
        value = Ref(version.source, ByNumber(version.number), ("x",))
        for ask in (partial(store.get_bytes, ref), partial(store.manifest, ref), partial(store.get_bytes, value)):
            try:
                found.append(ask())
            except Damaged:
                found.append(None)
    return found


def test_damage_in_a_frame_is_never_read_as_something_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_steps_small(monkeypatch)
    with compacted_store(new_engine("memory", tmp_path), [*BEFORE[:8], *puts(2, IDENTITIES[1:3], 12)]) as store:
        versions = [version for source in store.sources() for version in store.history(source)]
        sound = read_all(store, versions)
        assert None not in sound
        damaged_answers = 0
        for key, value in entries_of(store._engine)[PACKS].items():
            for place in range(0, len(value), 97):
                flipped = bytearray(value)
                flipped[place] ^= 1 << place % 8
                put_entry(store._engine, PACKS, (key, bytes(flipped)))
                now = read_all(store, versions)
                assert all(one in (None, other) for one, other in zip(now, sound, strict=True)), place
                damaged_answers += now.count(None)
            put_entry(store._engine, PACKS, (key, value))
        assert damaged_answers
        assert read_all(store, versions) == sound


def test_what_lies_beside_damage_in_a_frame_is_still_told(tmp_path: Path) -> None:
    """A value of the stream has many versions, some of them untouched by what happened to it."""
    with compacted_store(new_engine("memory", tmp_path)) as store:
        versions = [version for source in store.sources() for version in store.history(source)]
        sound = read_all(store, versions)
        (first, *_) = items = sorted(entries_of(store._engine)[PACKS].items())
        put_entry(store._engine, PACKS, *((key, value[:-1] + bytes([value[-1] ^ 1])) for key, value in items))
        assert read_all(store, versions) == sound
        put_entry(store._engine, PACKS, *items)
        put_entry(store._engine, PACKS, (first[0], first[1][:-1]))
        assert [one for one in read_all(store, versions) if one is not None]
