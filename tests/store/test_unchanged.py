"""Texts that say what they said before: quickly told, and never told wrongly; and where a blob has its home."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pithstore import blobs, bulk
from pithstore.arrivals import AnyArrival, Arrival, HintPassed, Unchanged
from pithstore.digest import Digest
from pithstore.engine import Update
from pithstore.errors import Damaged, InvalidRecord
from pithstore.ingest import store as store_in
from pithstore.keys import BLOBS, TAIL, source_mark, tail_key
from pithstore.limits import Limits
from pithstore.meta import writers
from pithstore.model import Line, Source
from pithstore.profile import Profile
from pithstore.put_files import FilePut, Listener, ObservedAt
from pithstore.record import Prepared, prepare
from pithstore.results import PutSummary
from pithstore.section_memo import SectionMemo
from pithstore.store import Store
from pithstore.tail import FIRST_FRAME_BYTES
from pithstore.testing.machine_store import definition
from pithstore.texts import text_hash
from pithstore.versions import line_heads
from tests.store.any_history import FIRST
from tests.store.shelves import EngineName, Record, delete_entry, entries_of, new_store, put_entry, record

K1 = Source("k", "1")
LINE = Line(K1, "b1")
A, B = json.dumps(record(x="a", y=1)).encode(), json.dumps(record(x="b", y=1)).encode()
A_SPELLED = json.dumps(record(x="a", y=1), indent=1).encode()


def numbers(store: Store) -> list[int]:
    return [version.number for version in store.history(K1)]


def head_hash(store: Store, line: Line = LINE) -> bytes | None:
    (head,) = store._engine.view(partial(line_heads, lines=[line]))
    return None if head is None else head.text_hash


@pytest.fixture
def unprepared(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The texts that had to be prepared, as `take_texts` goes on."""
    prepared: list[bytes] = []

    def prepare_and_note(text: bytes, profile: Profile, limits: Limits, memo: SectionMemo | None) -> Prepared:
        prepared.append(text)
        return prepare(text, profile, limits, memo)

    monkeypatch.setattr(bulk, "prepare", prepare_and_note)
    return prepared


# The law: putting texts by the many is putting them one by one.

STATES = [
    (record(identity, builder=builder, x=x), indent)
    for identity in "12"
    for builder in ("b1", "b2")
    for x in (1, 2)
    for indent in (None, 1)
]
TEXTS = st.sampled_from([json.dumps(one, indent=indent).encode() for one, indent in STATES])
PUTS: TypeAlias = list[list[bytes]]


@pytest.mark.parametrize(("name", "examples"), [("memory", 150), ("lmdb", 15)])
def test_texts_by_the_many_are_texts_one_by_one(
    tmp_path_factory: pytest.TempPathFactory, name: EngineName, examples: int
) -> None:
    @settings(max_examples=examples)
    @given(puts=st.lists(st.lists(TEXTS, min_size=1, max_size=8), max_size=6), size=st.integers(1, 4))
    def law(puts: PUTS, size: int) -> None:
        root = tmp_path_factory.mktemp("store")
        with (
            new_store("memory", root / "one") as one,
            new_store(name, root / "many") as many,
            pytest.MonkeyPatch.context() as patched,
        ):
            patched.setattr(bulk, "BATCH_RECORDS", size)
            for texts in puts:
                expected = PutSummary().plus(*[one.put(text) for text in texts])
                assert many.put_many(texts) == expected
            assert told(many) == told(one)
            assert many.verify().problems == ()

    law()


def told(store: Store) -> list[tuple[object, ...]]:
    return [
        (source, version.number, version.builder_version, version.snapshot)
        for source in store.sources()
        for version in store.history(source)
    ]


@pytest.mark.parametrize("together", [True, False])
def test_a_state_that_comes_back_is_a_version_byte_for_byte(store: Store, together: bool) -> None:
    store.put_many([A])
    for texts in [[A, B, A, A]] if together else [[A], [B], [A], [A]]:
        store.put_many(texts)
    assert numbers(store) == [1, 2, 3]
    assert [store.get_bytes(f"k:1@{n}") for n in (1, 2, 3)] == [definition(json.loads(text)) for text in (A, B, A)]
    assert store.verify().ok


# What is quick.


def test_a_text_that_was_put_last_is_not_prepared_again(store: Store, unprepared: list[bytes]) -> None:
    store.put(A)
    texts = [A, json.dumps(record("2")).encode(), A]
    assert store.put_many(texts) == PutSummary(versions=1, unchanged=2, sections=10, new_sections=1)
    assert unprepared == texts[1:2]
    store.put_many([B])
    unprepared.clear()
    store.put_many([A])
    assert unprepared == [A]


def test_another_spelling_is_quick_the_next_time(store: Store, unprepared: list[bytes]) -> None:
    store.put(A)
    for text in (A_SPELLED, A):
        unprepared.clear()
        assert store.put_many([text]) == PutSummary(unchanged=1, sections=4)
        assert unprepared == [text]
        assert head_hash(store) == text_hash(text)
        unprepared.clear()
        assert store.put_many([text]) == PutSummary(unchanged=1, sections=4)
        assert unprepared == []
    assert numbers(store) == [1]
    assert store.verify().ok


def test_the_head_of_a_line_has_the_hash_of_its_text(store: Store) -> None:
    store.put(json.loads(A))
    assert head_hash(store) == b""
    store.put(A.decode())
    assert head_hash(store) == text_hash(A)
    store.put(json.loads(A))
    assert head_hash(store) == text_hash(A)
    store.put(B, observed_at=FIRST)
    assert head_hash(store) == text_hash(B)
    store.put(json.loads(A))
    assert head_hash(store) == b""


def test_the_hint_is_not_for_a_put_with_a_time(store: Store, unprepared: list[bytes]) -> None:
    moment = FIRST
    store.put(A, observed_at=moment)
    assert store.put_many([A, A], observed_at=moment + timedelta(hours=1)).unchanged == 2
    assert store.put_many([A, A], observed_at=moment - timedelta(hours=1)).versions == 1
    assert numbers(store) == [1, 2]
    assert unprepared == []


# When the hint does not hold.


def hint(text: bytes) -> Unchanged:
    return Unchanged(LINE, text_hash(text), text)


@pytest.mark.parametrize("before", [[], [B], [A, B], [json.loads(A)], [A_SPELLED]])
def test_a_hint_that_does_not_hold_writes_nothing_and_is_prepared(
    store: Store, before: list[bytes | Record]
) -> None:
    for one in before:
        store.put(one)
    entries = entries_of(store._engine)
    arrivals: list[AnyArrival] = [store.arrival(record("2")), hint(A)]

    def write(update: Update) -> object:
        return store_in(update, arrivals, FIRST, None)

    with pytest.raises(HintPassed):
        store._engine.update(write)
    assert entries_of(store._engine) == entries
    said = store.version(K1) if before and before[-1] is not B else None
    (result,) = store.put_batch([hint(A)])
    assert result.stored == (said is None)
    assert result.version == (said or store.version(K1))
    assert store.get_bytes("k:1") == definition(json.loads(A))
    assert store.verify().ok


def test_a_hint_is_tested_where_it_stands_in_its_batch(store: Store) -> None:
    store.put(A)
    results = store.put_batch([hint(A), Arrival(store.prepare(B), text_hash=text_hash(B)), hint(A), hint(A)])
    assert [result.stored for result in results] == [False, True, True, False]
    assert [result.version.number for result in results] == [1, 2, 3, 3]
    results = store.put_batch([Arrival(store.prepare(B), text_hash=text_hash(B)), hint(B)])
    assert [(result.stored, result.version.number) for result in results] == [(True, 4), (False, 4)]


def test_a_hint_of_a_store_that_others_write_to(store: Store) -> None:
    store.put(A)
    other = Store(store._engine)
    taken = store.taking().begin([A])()
    assert [type(each) for each in taken] == [Unchanged]
    other.put(B)
    (outcome,) = store.put_all([each for each in taken if not isinstance(each, InvalidRecord)])
    assert (outcome.stored, outcome.number) == (True, 3)
    assert store._engine.view(writers) == 2  # a hint that does not hold costs no number of a writer
    assert store.put_many([A]).unchanged == 1


def test_an_empty_hash_is_no_hint(store: Store) -> None:
    store.put(json.loads(A))
    (result,) = store.put_batch([Unchanged(LINE, b"", B)])
    assert result.stored
    assert store.get_bytes("k:1") == definition(json.loads(B))


# Refused, mended.


@pytest.mark.parametrize("texts", [[A, B, b"{", A], [A, B.decode(), '"\ud800"', A], [A, json.loads(B), [], A]])
def test_the_first_text_that_is_refused_is_named(store: Store, texts: list[str | bytes | Record]) -> None:
    store.put(A)
    with pytest.raises(InvalidRecord, match=r"^record 3: "):
        store.put_many(iter(texts))
    assert numbers(store) == [1, 2]


class Files:
    """Puts texts as one file of JSON Lines after the other."""

    def __init__(self, store: Store, path: Path) -> None:
        self._store = store
        self._path = path

    def put(self, texts: Sequence[bytes], *, again: bool = False) -> PutSummary:
        self._path.write_bytes(b"".join(text + b"\n" for text in texts))
        listener = Listener(lambda *_: None, lambda _: None, lambda _: None)
        work = FilePut(self._store, ObservedAt(), listener, again=again, stop=False)
        work.put([str(self._path)])
        return work.summary


@pytest.fixture
def files(store: Store, tmp_path: Path) -> Files:
    return Files(store, tmp_path / "file.jsonl")


def test_files_take_the_hint(store: Store, files: Files, unprepared: list[bytes]) -> None:
    other = json.dumps(record("2")).encode()
    assert files.put([A, other]).versions == 2
    unprepared.clear()
    assert files.put([other, A]) == PutSummary(unchanged=2, sections=6)
    assert unprepared == []
    assert files.put([B, A, other, A]) == PutSummary(versions=2, unchanged=2, sections=14, new_sections=1)
    assert numbers(store) == [1, 2, 3]
    assert files.put([b"{", A]) == PutSummary(unchanged=1, refused=1, sections=4)


def damage(store: Store, digest: Digest) -> None:
    """Let one bit of a blob be another."""
    (place,) = store._engine.view(partial(blobs.locate_many, digests=[digest]))
    assert place is not None
    key = tail_key(place.writer, place.sequence)
    value = bytearray(entries_of(store._engine)[TAIL][key])
    value[FIRST_FRAME_BYTES + place.offset + 1] ^= 1
    put_entry(store._engine, TAIL, (key, bytes(value)))


@pytest.mark.parametrize("again", [True, False])
def test_put_again_mends_and_a_hint_does_not(store: Store, files: Files, again: bool) -> None:
    text = json.dumps(record(x="a long enough text")).encode()
    files.put([text])
    damage(store, Digest.of(b'"a long enough text"'))
    assert not store.verify().ok
    assert files.put([text, text], again=again).unchanged == 2
    assert store.verify().ok == again
    assert not store.put(text).stored
    assert store.verify().ok


# The home of a blob.


def home(store: Store, body: bytes) -> bytes:
    (place,) = store._engine.view(partial(blobs.locate_many, digests=[Digest.of(body)]))
    assert place is not None
    return place.home


def marks(*identities: str) -> Iterator[bytes]:
    return (source_mark(Source("k", identity)) for identity in identities)


def test_the_home_of_a_blob_is_the_source_that_brought_it_first(store: Store) -> None:
    store.put_batch([store.arrival(record(identity, shared="s", own=identity)) for identity in "213"])
    store.put(record("0", shared="s", own="0"))
    one, two, none = marks("1", "2", "0")
    assert home(store, b'"s"') == two
    assert [home(store, b'"1"'), home(store, b'"2"'), home(store, b'"0"')] == [one, two, none]
    assert all(len(mark) == 8 for mark in (one, two, none))


def test_a_blob_that_is_mended_keeps_its_home_where_that_is_known(store: Store) -> None:
    body = b'"said by both"'
    store.put(record("1", shared="said by both"))
    store.put(record("2", shared="said by both"))
    digest = Digest.of(body)
    one, two = marks("1", "2")
    damage(store, digest)
    assert not store.put(record("2", shared="said by both")).stored
    assert (home(store, body), store.blob(digest)) == (one, body)
    entry = entries_of(store._engine)[BLOBS][digest]
    put_entry(store._engine, BLOBS, (digest, entry[:-1] + bytes([entry[-1] ^ 1])))
    store.put(record("2", shared="said by both"))
    assert (home(store, body), store.blob(digest)) == (two, body)
    delete_entry(store._engine, BLOBS, digest)
    store.put(record("1", shared="said by both"))
    assert (home(store, body), store.blob(digest)) == (one, body)
    assert store.verify().ok


def test_what_one_store_wrote_or_compared_another_compares_once(store: Store) -> None:
    body = b'"said by all"'
    digest, shared = Digest.of(body), "said by all"
    store.put_many([record("1", shared=shared)])
    for identity in "234":
        damage(store, digest)
        store.put_many([record(identity, shared=shared)])
        with pytest.raises(Damaged):
            store.blob(digest)
        other = Store(store._engine)
        other.put_many([record(identity, own="x", shared=shared)])
        assert store.blob(digest) == body
        damage(store, digest)
        other.put_many([record(identity, own="y", shared=shared)])
        with pytest.raises(Damaged):
            store.blob(digest)
        other.put(record(identity, own="y", shared=shared))
        assert store.blob(digest) == body
        store.put_many([record(identity, own="z", shared=shared)])
