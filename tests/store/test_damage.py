"""Damage of every kind: wrong bytes never come out, verify says what is wrong, and a put mends what it can."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeAlias

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pithstore import manifests, versions
from pithstore.arrivals import Arrival
from pithstore.codec import Head, LineHead, encode_head
from pithstore.counts import FileProgress
from pithstore.digest import Digest
from pithstore.engine import Engine, T, Update
from pithstore.errors import Damaged, NotFound
from pithstore.files import FileId
from pithstore.keys import (
    BLOBS,
    FILES,
    HEAD,
    LINE,
    MANIFESTS,
    META,
    SOURCES,
    TAIL,
    TIME,
    TOTALS,
    VERSION,
    VERSIONS,
    head_key,
    source_key,
    split_key,
    time_key,
    version_key,
)
from pithstore.model import Line, Manifest, Source, Version
from pithstore.references import Ref
from pithstore.report import VerifyReport
from pithstore.seal import seal
from pithstore.selectors import ByNumber
from pithstore.sources import create_many
from pithstore.store import Store
from pithstore.tail import STREAM_BYTES
from pithstore.testing.machine_store import definition
from tests.store.shelves import (
    ENGINES,
    EngineName,
    Entries,
    Record,
    delete_entry,
    entries_of,
    new_engine,
    put_entry,
    record,
    replace_entries,
)

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
FILE = FileId(b"f" * 32, "now")
SHELF: list[tuple[Record, datetime | None]] = [
    (record("1", x="a", y=[1, 2, 3]), NOON),
    (record("1", x="b", y=[1, 2, 3]), NOON + timedelta(hours=1)),
    (record("1", x="a", y=[1, 2, 3]), NOON + timedelta(hours=2)),
    (record("1", x="a", builder="b2"), NOON - timedelta(hours=1)),
    (record("2", big="0123456789" * (STREAM_BYTES // 4), x="a"), None),
    (record("3" * 300, x={"deep": [{}]}), None),
]

KINDS: dict[str, tuple[str, bytes | None]] = {
    "tail": (TAIL, None),
    "place": (BLOBS, None),
    "manifest": (MANIFESTS, None),
    "version": (VERSIONS, VERSION),
    "head": (VERSIONS, HEAD),
    "line": (VERSIONS, LINE),
    "time": (VERSIONS, TIME),
    "source": (SOURCES, None),
    "totals": (TOTALS, None),
    "meta": (META, None),
    "file": (FILES, None),
}
CONTENT = ("tail", "place", "manifest")
"""What a put of the record again mends."""

CODES = {
    "tail": {"tail-damaged", "blob-damaged", "section-damaged"},
    "place": {"place-damaged", "section-damaged"},
    "manifest": {"manifest-damaged", "manifest-missing"},
    "version": {"version-damaged", "time-wrong"},
    "head": {"head-damaged", "head-wrong", "entry-damaged"},
    "line": {"line-damaged", "line-wrong"},
    "time": {"time-damaged", "time-wrong"},
    "source": {"source-damaged", "source-empty"},
    "totals": {"totals-damaged", "totals-wrong"},
    "meta": {"meta-damaged"},
    "file": {"file-damaged"},
}
"""What verify says of damage to an entry of each kind; more may follow from it."""

QUIET = {("file", "deleted"), ("totals", "copied to a new key"), ("tail", "copied to a new key")}
"""What nothing can know of, and what nothing names."""


class Lasting:
    """An engine that stays open when a store on it is closed, or cannot be opened."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.limits, self.view, self.stored_bytes = engine.limits, engine.view, engine.stored_bytes
        self.examine, self.former = engine.examine, engine.former
        self.successor = engine.successor

    def update(self, fn: Callable[[Update], T]) -> T:
        return self._engine.update(fn)

    def close(self) -> None:
        pass


@attrs.frozen
class Shelf:
    """A store with something of everything, and what is right."""

    engine: Engine
    right: Entries
    texts: dict[tuple[Source, int], bytes]

    def store(self) -> Store:
        """The store as a process that comes later finds it."""
        return Store(Lasting(self.engine))

    def keys(self, kind: str) -> list[bytes]:
        """The keys of the entries of a kind, in order."""
        space, part = KINDS[kind]
        return [key for key in sorted(self.right[space]) if part is None or split_key(key)[1] == part]

    def put_again(self) -> None:
        """Put every record again: each is said already."""
        store = self.store()
        arrivals = [Arrival(store.prepare(one), moment) for one, moment in SHELF]
        assert not any(result.stored for result in store.put_batch(arrivals))


def fill(engine: Engine) -> Shelf:
    store = Store(engine)
    for one, moment in SHELF:
        store.put_batch([Arrival(store.prepare(one), moment)], [(FILE, FileProgress(1, 0, 1, 100))])
    texts = {
        (source, version.number): store.get_bytes(f"{source}@{version.number}")
        for source in store.sources()
        for version in store.history(source)
    }
    assert list(texts.values()).count(definition(SHELF[0][0])) == 2
    assert set(texts.values()) == {definition(one) for one, _ in SHELF}
    assert store.verify().ok
    return Shelf(engine, entries_of(engine), texts)


@pytest.fixture
def shelf(engine_name: EngineName, tmp_path: Path) -> Iterator[Shelf]:
    with closing(new_engine(engine_name, tmp_path / "store")) as engine:
        yield fill(engine)


@pytest.fixture(scope="module")
def shelves(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[EngineName, Shelf]]:
    """One shelf on each engine; whoever takes it puts the right entries back first."""
    engines = {name: new_engine(name, tmp_path_factory.mktemp("shelf") / "store") for name in ENGINES}
    yield {name: fill(engine) for name, engine in engines.items()}
    for engine in engines.values():
        engine.close()


# The ways to damage an entry: what becomes of its space.

Space: TypeAlias = dict[bytes, bytes]
Damage: TypeAlias = Callable[[Space, bytes, list[bytes]], Space]


def with_value(change: Callable[[bytes], bytes]) -> Damage:
    return lambda space, key, _: space | {key: change(space[key])}


def flipped(position: int, mask: int = 1) -> Damage:
    def flip(value: bytes) -> bytes:
        at = position % len(value)
        return value[:at] + bytes([value[at] ^ mask]) + value[at + 1 :]

    return with_value(flip)


def deleted(space: Space, key: bytes, _: list[bytes]) -> Space:
    return {other: value for other, value in space.items() if other != key}


def swapped(space: Space, key: bytes, others: list[bytes]) -> Space:
    other = others[others.index(key) - 1]
    return space | {key: space[other], other: space[key]}


def copied_over_another(space: Space, key: bytes, others: list[bytes]) -> Space:
    return space | {others[others.index(key) - 1]: space[key]}


def copied_to_a_new_key(space: Space, key: bytes, others: list[bytes]) -> Space:
    return space | {key[:-1] + bytes([key[-1] ^ 0x40]): space[key]}


WAYS: dict[str, Damage] = {
    "first byte": flipped(0),
    "last byte": flipped(-1, 0x80),
    "a middle byte": flipped(7, 0x10),
    "cut": with_value(lambda value: value[:-1]),
    "longer": with_value(lambda value: value + b"\0"),
    "emptied": with_value(lambda value: b""),
    "zeros": with_value(lambda value: bytes(len(value))),
    "deleted": deleted,
    "swapped": swapped,
    "copied over another": copied_over_another,
    "copied to a new key": copied_to_a_new_key,
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ENGINES)
def test_no_damage_gives_wrong_bytes_and_verify_names_it(
    shelves: dict[EngineName, Shelf], name: EngineName, kind: str, way: str
) -> None:
    shelf = shelves[name]
    keys = shelf.keys(kind)
    assert keys
    for key in dict.fromkeys((keys[0], keys[len(keys) // 2], keys[-1])):
        damaged = damaged_entries(shelf, kind, way, key)
        if damaged == shelf.right:
            continue
        replace_entries(shelf.engine, damaged)
        check_reads(shelf, kind, way)
        check_report(shelf, kind, way)
        if kind in CONTENT:
            shelf.put_again()
            for (source, number), text in shelf.texts.items():
                assert shelf.store().get_bytes(f"{source}@{number}") == text
            assert problems(shelf) - leftovers(way) == set()


def damaged_entries(shelf: Shelf, kind: str, way: str, key: bytes) -> Entries:
    space, _ = KINDS[kind]
    return shelf.right | {space: WAYS[way](shelf.right[space], key, shelf.keys(kind))}


def leftovers(way: str) -> set[str]:
    """What no put can mend: an entry under a key that nothing has ever named."""
    strange = {"tail-damaged", "place-damaged", "manifest-damaged", "totals-wrong"}
    return strange if way == "copied to a new key" else set()


def check_reads(shelf: Shelf, kind: str, way: str) -> None:
    """Right bytes, or an error that says whose are not; never other bytes, and never another error."""
    with suppress(Damaged):  # a store whose format is damaged does not open
        store = shelf.store()
        for (source, number), text in shelf.texts.items():
            check_read(store, (source, number), text, (kind, way))
    for ask in (lambda store: list(store.sources()), lambda store: store.stat()):
        with suppress(Damaged):
            ask(shelf.store())


def check_read(store: Store, of: tuple[Source, int], text: bytes, damage: tuple[str, str]) -> None:
    source, number = of
    try:
        assert store.get_bytes(f"{source}@{number}") == text
    except Damaged as error:
        check_words(str(error), source, number, damage[0])
    except NotFound:
        assert damage == ("version", "deleted")
    for name, section in json.loads(text).items():
        with suppress(Damaged, NotFound):
            assert store.get_bytes(Ref(source, ByNumber(number), (name,))) == definition(section)
            assert store.blob(Digest.of(definition(section))) == definition(section)
    with suppress(Damaged, NotFound):
        assert not list(store.diff(f"{source}@{number}", f"{source}@{number}"))
    with suppress(Damaged, NotFound):
        assert [entry.version.source for entry in store.log(source)][:1] == [source]


def check_words(text: str, source: Source, number: int, kind: str) -> None:
    assert f"{source} version {number}: " in text
    assert len(text.splitlines()) == 1
    assert kind not in ("tail", "place") or "section '" in text


def report_of(shelf: Shelf) -> VerifyReport | Damaged:
    try:
        return shelf.store().verify()
    except Damaged as error:
        return error


def problems(shelf: Shelf) -> set[str]:
    report = report_of(shelf)
    assert isinstance(report, VerifyReport)
    return {problem.code for problem in report.problems}


def check_report(shelf: Shelf, kind: str, way: str) -> None:
    report = report_of(shelf)
    if isinstance(report, Damaged):  # what a store says of itself cannot be read: it says so before all else
        assert kind == "meta"
        return
    if report.ok and (kind, way) in QUIET:
        return
    assert not report.ok
    assert {problem.code for problem in report.problems} & CODES[kind]
    for problem in report.problems:
        assert len(problem.message.splitlines()) == 1
        if problem.code == "section-damaged":
            assert problem.section is not None
            assert problem.source is not None
            assert f"{problem.source} version {problem.number}: section {problem.section!r}" in problem.message


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    """A store of one record, small enough to damage every byte of it."""
    with closing(new_engine("memory", tmp_path_factory.getbasetemp())) as engine:
        store = Store(engine)
        store.put(record(x=1), observed_at=NOON)
        yield Shelf(engine, entries_of(engine), {(Source("k", "1"), 1): store.get_bytes("k:1")})


def content(store: Store) -> object:
    """All that can be read of a store."""
    return [
        store.configuration,
        store.stat(),
        [
            (entry, store.get_bytes(f"{source}@{entry.version.number}"), store.manifest(source))
            for source in store.sources()
            for entry in store.log(source)
        ],
        store.version("k:1@2026-06-02"),
        store.version("k:1@builder=b1"),
        store.put(record(x=1), observed_at=NOON).stored,
        store.put(record(x=1)).stored,
        store.put(record(x=2)).version.number,
    ]


def test_every_byte_of_a_small_store_is_watched(small: Shelf) -> None:
    """Verify says so, or the store does not open, or every answer of it is the same."""
    replace_entries(small.engine, small.right)
    expected = repr(content(small.store()))
    unseen = []
    for space, values in small.right.items():
        for key, value in values.items():
            for position in range(len(value)):
                replace_entries(small.engine, small.right)
                put_entry(small.engine, space, (key, flipped(position)(values, key, [])[key]))
                if is_quiet(small) and not equals(small, expected):
                    unseen.append((space, key, position))
    assert unseen == []


def is_quiet(shelf: Shelf) -> bool:
    report = report_of(shelf)
    return isinstance(report, VerifyReport) and report.ok


def equals(shelf: Shelf, expected: str) -> bool:
    try:
        return repr(content(shelf.store())) == expected
    except (Damaged, NotFound):
        return False


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_byte_flipped_anywhere_is_seen(shelves: dict[EngineName, Shelf], data: st.DataObject) -> None:
    shelf = shelves["memory"]
    kind = data.draw(st.sampled_from(sorted(KINDS)))
    space, _ = KINDS[kind]
    key = data.draw(st.sampled_from(shelf.keys(kind)))
    value = shelf.right[space][key]
    position, mask = data.draw(st.integers(0, len(value) - 1)), data.draw(st.integers(1, 255))
    replace_entries(shelf.engine, shelf.right)
    put_entry(shelf.engine, space, (key, flipped(position, mask)(shelf.right[space], key, [])[key]))
    check_reads(shelf, kind, "flipped")
    assert not is_quiet(shelf)


# Every code of verify occurs.


def test_a_forged_manifest_is_a_snapshot_that_does_not_add_up(shelf: Shelf) -> None:
    store = shelf.store()
    right = store.manifest("k:1")
    snapshot = store.version("k:1").snapshot
    shelf.engine.update(lambda update: manifests.put_many(update, [(snapshot, Manifest(right.sections[:-1]))]))
    with pytest.raises(Damaged, match="k:1 version 4: its sections do not add up to snapshot"):
        store.get("k:1")
    assert {problem.code for problem in store.verify().problems} >= {"snapshot-mismatch"}


def test_a_version_in_the_wrong_history_is_an_identity_mismatch(shelf: Shelf) -> None:
    store = shelf.store()
    taken = attrs.evolve(store.version("k:2"), number=5, source=Source("k", "1"), builder_version="b1")
    write_version(shelf.engine, taken)
    report = store.verify()
    assert {problem.code for problem in report.problems} >= {"identity-mismatch"}
    (problem,) = [problem for problem in report.problems if problem.code == "identity-mismatch"]
    assert (problem.source, problem.number) == (Source("k", "1"), 5)


def test_a_version_that_does_not_say_what_its_record_says_is_an_identity_mismatch(shelf: Shelf) -> None:
    right = shelf.store().version("k:2")
    for wrong in (
        attrs.evolve(right, builder_version="b3"),
        attrs.evolve(right, source_version=1),
        attrs.evolve(right, source_version=""),
    ):
        write_version(shelf.engine, wrong)
        assert "identity-mismatch" in problems(shelf)


def test_a_version_whose_record_has_no_identity_is_an_identity_mismatch(shelf: Shelf) -> None:
    body, snapshot = b"1", Digest.of(b'{"x":1}')
    store = shelf.store()
    store.put(record("5", x=1))
    section = store.manifest("k:5").section("x")
    assert section is not None
    assert section.digest == Digest.of(body)
    shelf.engine.update(lambda update: manifests.put_many(update, [(snapshot, Manifest((section,)))]))
    write_version(shelf.engine, attrs.evolve(store.version("k:5"), snapshot=snapshot))
    assert store.get("k:5") == {"x": 1}
    assert "identity-mismatch" in problems(shelf)


def write_version(engine: Engine, version: Version, sections: int = 4) -> None:
    """Write a version with a right checksum and all that belongs to it, in place of what stood there."""
    line = Line(version.source, version.builder_version)
    time = time_key(line, version.observed_at, version.number)
    delete_entry(engine, VERSIONS, version_key(version.source, version.number), time)
    head = LineHead(version.builder_version, version.number, version.snapshot, sections)
    engine.update(lambda update: versions.write_many(update, [version], [(line, head)]))


def test_a_source_without_versions_is_empty(shelf: Shelf) -> None:
    shelf.engine.update(lambda update: create_many(update, [Source("k", "9")]))
    assert problems(shelf) == {"source-empty"}


def test_an_entry_of_no_kind_is_damaged(shelf: Shelf) -> None:
    put_entry(shelf.engine, VERSIONS, (source_key(Source("k", "1")) + b"\x07", b"strange"))
    assert problems(shelf) == {"entry-damaged"}


@pytest.mark.parametrize("key", [b"k", b"\0", b"\xff" * 511, b"k\0\x01", b"k\0\x011"])
def test_an_entry_of_no_source_is_named(shelf: Shelf, key: bytes) -> None:
    put_entry(shelf.engine, VERSIONS, (key, b"strange"))
    assert problems(shelf) == {"source-damaged"}
    assert shelf.store().get_bytes("k:1@1") == shelf.texts[Source("k", "1"), 1]


def test_a_head_behind_its_versions_is_wrong(shelf: Shelf) -> None:
    key = head_key(Source("k", "1"))
    put_entry(shelf.engine, VERSIONS, (key, seal(VERSIONS, key, encode_head(Head(3, NOON)))))
    assert problems(shelf) == {"head-wrong"}


def test_a_place_under_a_key_of_another_length_is_damaged(shelf: Shelf) -> None:
    put_entry(shelf.engine, BLOBS, (b"short", seal(BLOBS, b"short", b"")))
    assert "place-damaged" in problems(shelf)


# What a store does that goes on with damage in it.


def test_a_put_does_not_write_over_the_versions_of_a_source_whose_head_is_lost(shelf: Shelf) -> None:
    delete_entry(shelf.engine, VERSIONS, head_key(Source("k", "1")))
    with suppress(Damaged):
        shelf.store().put(record("1", x="new"))
    for number in range(1, 5):
        assert shelf.store().get_bytes(f"k:1@{number}") == shelf.texts[Source("k", "1"), number]


def test_a_put_does_not_write_over_a_tail_whose_count_of_writers_is_lost(shelf: Shelf) -> None:
    delete_entry(shelf.engine, META, b"writers")
    with pytest.raises(Damaged, match="tail"):
        shelf.store().put(record("1", x="new"))
    assert entries_of(shelf.engine)[TAIL] == shelf.right[TAIL]


def test_a_writer_goes_on_after_a_transaction_that_failed(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    store = shelf.store()
    store.put(record("7", x=1))

    def fail(update: Update, new: object, lines: object) -> None:
        raise RuntimeError("made up")

    with monkeypatch.context() as patched:
        patched.setattr(versions, "write_many", fail)
        with pytest.raises(RuntimeError, match="made up"):
            store.put(record("7", x=2, y="lost"))
    assert [version.number for version in store.history("k:7")] == [1]
    assert store.put(record("7", x=2, y="lost")).version.number == 2
    assert store.verify().ok


class Interrupting(Lasting):
    """An engine whose next update is durable, and interrupted before it can say so."""

    interrupts = False

    def update(self, fn: Callable[[Update], T]) -> T:
        result = self._engine.update(fn)
        if self.interrupts:
            raise KeyboardInterrupt
        return result


def test_a_writer_goes_on_after_a_put_that_was_interrupted_when_it_was_durable(shelf: Shelf) -> None:
    engine = Interrupting(shelf.engine)
    store = Store(engine)
    store.put(record("7", x=1))
    engine.interrupts = True
    with pytest.raises(KeyboardInterrupt):
        store.put(record("7", x=2, y="kept"))
    engine.interrupts = False
    assert store.put(record("7", x=3, y="next")).version.number == 3
    assert store.get("k:7@2#y") == "kept"
    assert store.verify().ok


@pytest.mark.parametrize("kind", CONTENT)
def test_a_put_mends_what_it_brings_again_also_in_another_version(shelf: Shelf, kind: str) -> None:
    """A -> B -> A with damage in between: the new version finds sound bytes, and so do the old ones."""
    space, _ = KINDS[kind]
    for key in shelf.keys(kind):
        put_entry(shelf.engine, space, (key, b"broken, and short"))
    store = shelf.store()
    for one, _ in SHELF:
        store.put(one)
    for source, number in shelf.texts:
        assert store.get_bytes(f"{source}@{number}") == shelf.texts[source, number]
    assert problems(shelf) == set()


@pytest.mark.parametrize("kind", CONTENT)
def test_lost_entries_come_back_with_a_new_version(shelf: Shelf, kind: str) -> None:
    """All but the totals: nothing remembers that what was lost had been counted."""
    space, _ = KINDS[kind]
    delete_entry(shelf.engine, space, *shelf.keys(kind))
    store = shelf.store()
    for one, _ in SHELF:
        store.put(one)
    for source, number in shelf.texts:
        assert store.get_bytes(f"{source}@{number}") == shelf.texts[source, number]
    assert problems(shelf) <= {"totals-wrong"}


def test_a_damaged_journal_is_a_file_that_was_not_put(shelf: Shelf) -> None:
    assert shelf.store().file_progress(FILE) == FileProgress(1, 0, 1, 100)
    put_entry(shelf.engine, FILES, (FILE.key, b"broken, and short"))
    assert shelf.store().file_progress(FILE) is None


def test_a_missing_newest_version_is_not_hidden_from_verify(shelf: Shelf) -> None:
    delete_entry(shelf.engine, VERSIONS, version_key(Source("k", "1"), 4))
    assert problems(shelf) >= {"line-wrong", "time-wrong"}
    assert shelf.store().put(record("1", x="new")).version.number == 5
