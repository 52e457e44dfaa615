"""Salvage, piece by piece: what is not needed, what stands for what, and what is kept beside the versions."""

from __future__ import annotations

import random
import shutil
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import pithstore
from pithstore.codec import Head, encode_head, encode_version, write_number
from pithstore.configuration import Configuration
from pithstore.digest import Digest
from pithstore.engine.lmdb import LmdbEngine
from pithstore.engine.memory import MemoryEngine
from pithstore.keys import (
    DICTIONARIES,
    MANIFESTS,
    META,
    PACKS,
    RUN,
    SOURCES,
    SPACES,
    TAIL,
    VERSION,
    VERSIONS,
    head_key,
    source_key,
    split_key,
    version_key,
)
from pithstore.limits import Limits
from pithstore.model import Source, Version
from pithstore.packs import packed_frame
from pithstore.profile import Profile
from pithstore.salvaging.histories import histories
from pithstore.salvaging.salvage import salvage
from pithstore.salvaging.streams import pieces
from pithstore.seal import SEAL_BYTES, seal
from pithstore.store import open as open_store
from pithstore.tail import STREAM_BYTES
from tests.store.compacting import AFTER, BEFORE, FIRST, HOUR, put_all
from tests.store.salvaging import Pristine, look_at, said_by, salvaged_from
from tests.store.shelves import Entries, put_entry, record, replace_entries

PROOF = (META, VERSIONS, MANIFESTS, TAIL, PACKS, DICTIONARIES)
"""The spaces that prove all versions; of these, of VERSIONS only two kinds of entries."""


@pytest.fixture(params=["loose", "packed", "mixed"])
def pristine(request: pytest.FixtureRequest, tmp_path: Path) -> Pristine:
    """A store of many things."""
    with open_store(tmp_path / "store", create=True) as store:
        put_all(store, BEFORE)
        if request.param != "loose":
            store.compact()
        if request.param == "mixed":
            put_all(store, AFTER)
    return look_at(tmp_path / "store")


def written(directory: Path, entries: Entries) -> Path:
    """A store with these entries and no others, and nothing else in its file."""
    with closing(LmdbEngine.create(directory, SPACES)) as engine:
        replace_entries(engine, {space: entries.get(space, {}) for space in SPACES})
    return directory


def proof(entries: Entries) -> Entries:
    """What proves all versions."""
    left = {space: dict(entries[space]) for space in PROOF}
    left[VERSIONS] = {key: value for key, value in left[VERSIONS].items() if split_key(key)[1] in (VERSION, RUN)}
    return left


def test_all_that_is_derived_may_be_lost(pristine: Pristine, tmp_path: Path) -> None:
    wreck = written(tmp_path / "wreck", proof(pristine.entries))
    report = salvage(wreck, tmp_path / "into")
    assert report.ok
    assert said_by(tmp_path / "into") == pristine.said


@pytest.mark.parametrize("space", PROOF)
def test_what_proves_a_version_is_needed(
    pristine: Pristine, tmp_path: Path, space: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed_frame, "_unpackers", packed_frame._Unpackers())  # it knows the dictionary still
    wreck = written(tmp_path / "wreck", proof(pristine.entries) | {space: {}})
    report = salvage(wreck, tmp_path / "into")
    saved = said_by(tmp_path / "into")
    assert saved.items() <= pristine.said.items()
    assert (saved == pristine.said) == (space == META or not pristine.entries[space])
    assert report.configured == (space != META)


def test_a_long_name_that_is_lost_is_that_of_the_records(pristine: Pristine, tmp_path: Path) -> None:
    """The key of a source does not say a long name whole: the records do."""
    long = next(source for source, _ in pristine.said if len(source.id) > 255)
    entries = proof(pristine.entries)
    assert SOURCES not in entries
    salvage(written(tmp_path / "wreck", entries), tmp_path / "into")
    assert long in {source for source, _ in said_by(tmp_path / "into")}


def test_without_records_a_long_name_is_lost(pristine: Pristine, tmp_path: Path) -> None:
    wreck = written(tmp_path / "wreck", proof(pristine.entries) | {TAIL: {}, PACKS: {}})
    report = salvage(wreck, tmp_path / "into")
    assert report.versions == report.sources == 0
    assert {(lost.source, lost.number) for lost in report.lost} == {
        (None if len(source.id) > 255 else source, number) for source, number in pristine.said
    }


def test_a_space_whose_name_is_damaged_is_found_all_the_same(pristine: Pristine, tmp_path: Path) -> None:
    for space in PROOF:
        name = space.encode()
        damaged = pristine.file.replace(name, name[:-1] + b"!")
        (tmp_path / space).mkdir()
        report, saved = salvaged_from(pristine, damaged, tmp_path / space)
        assert report.ok
        assert saved == pristine.said


def test_without_current_every_generation_is_looked_at(pristine: Pristine, tmp_path: Path) -> None:
    wreck = tmp_path / "wreck"
    shutil.copytree(pristine.directory, wreck)
    second = wreck / "gen-000009"  # of a successor that was not finished
    second.mkdir()
    (second / "data.mdb").write_bytes(b"nothing")
    for current in (None, "gen-7\n", "gen-000077\n"):
        (wreck / "CURRENT").unlink(missing_ok=True)
        if current is not None:
            (wreck / "CURRENT").write_text(current)
        assert salvage(wreck, tmp_path / str(current)).ok
        assert said_by(tmp_path / str(current)) == pristine.said


def test_a_sound_store_has_what_it_has(pristine: Pristine, tmp_path: Path) -> None:
    """Forgotten versions still lie in free pages, and stay forgotten; their numbers are not given again."""
    store_path = pristine.directory
    with open_store(store_path) as store:
        store.forget("k:1@2", "k:n3@1", "k:n4@1")
        put_all(store, [(record("1", x="after"), None)])
    now = said_by(store_path)
    report = salvage(store_path, tmp_path / "into")
    assert report.ok
    assert said_by(tmp_path / "into") == now
    with open_store(tmp_path / "into") as store:
        assert store.put(record("n4", x="again")).version.number > 1


def test_a_version_whose_entry_is_damaged_is_lost_by_name_or_saved_by_an_old_copy(
    pristine: Pristine, tmp_path: Path
) -> None:
    """All others are saved."""
    for (space, key), where in sorted(pristine.places.items()):
        if space != VERSIONS or split_key(key)[1] not in (VERSION, RUN):
            continue
        node = pristine.file[slice(*where[0])]
        everywhere = pristine.file.replace(node, node[:-1] + bytes([node[-1] ^ 1]))
        here = bytearray(pristine.file)
        here[where[0][1] - 1] ^= 1
        for name, damaged in (("here", bytes(here)), ("everywhere", everywhere)):
            work = tmp_path / f"{name} {key.hex()[-40:]}"
            work.mkdir()
            report, saved = salvaged_from(pristine, damaged, work)
            gone = pristine.said.keys() - saved.keys()
            lost = {(lost.source, lost.number) for lost in report.lost}
            assert all(each in lost or (each[0], None) in lost for each in gone)
            assert name == "here" or gone
            assert {source_key(source) for source, _ in gone} <= {split_key(key)[0]}


def test_the_last_number_is_not_given_again(pristine: Pristine, tmp_path: Path) -> None:
    source = Source("k", "1")
    last = max(number for each, number in pristine.said if each == source)
    with open_store(pristine.directory) as store:
        key, moment = head_key(source), store.version(f"{source}@{last}").recorded_at
        put_entry(store._engine, VERSIONS, (key, seal(VERSIONS, key, encode_head(Head(last + 5, moment)))))
    salvage(pristine.directory, tmp_path / "into")
    with open_store(tmp_path / "into") as store:
        assert store.verify().ok
        assert store.put(record("1", x="the next one")).version.number == last + 6


def test_recorded_checks_are_kept(tmp_path: Path) -> None:
    with open_store(tmp_path / "store", create=True) as store:
        store.put(record("1", x=1))
        (found,) = store.reproduce(["k:1"], lambda source: record("1", x=2))
        store.record_check(found)
        checks = list(store.recorded_checks())
        assert checks
    report = salvage(tmp_path / "store", tmp_path / "into")
    assert report.checks == 1
    with open_store(tmp_path / "into") as store:
        assert list(store.recorded_checks()) == checks
        assert store.verify().ok


def test_the_configuration_is_that_of_the_store(tmp_path: Path) -> None:
    profile = Profile(source_kind="dataset", source_id="/doi", builder_version="/by", declared="none")
    with open_store(tmp_path / "store", create=True, profile=profile, limits=Limits(5000, 40)) as store:
        store.put({"doi": "10/1", "by": "b"})
        configuration = store.configuration
    assert salvage(tmp_path / "store", tmp_path / "into").configured
    with open_store(tmp_path / "into", readonly=True) as store:
        assert store.configuration == configuration != Configuration()
        assert store.get("dataset:10/1") == {"doi": "10/1", "by": "b"}


@pytest.mark.parametrize("seed", range(4))
def test_of_two_versions_with_one_number_the_later_one_counts(seed: int) -> None:
    """The other one is of a put that was interrupted, whose number was given again."""
    source, chance = Source("k", "1"), random.Random(seed)
    one, other = (
        Version(source, 1, "b", None, Digest(chance.randbytes(32)), FIRST, FIRST + hours * HOUR)
        for hours in (1, 2)
    )
    scratch = MemoryEngine((VERSIONS,))
    for version in (one, other):
        key = version_key(source, 1) + chance.randbytes(SEAL_BYTES)
        put_entry(scratch, VERSIONS, (key, encode_version(version)))
    (history,) = histories(scratch)
    assert history.versions[1].snapshot == other.snapshot


def test_it_is_one_call_in_python(pristine: Pristine, tmp_path: Path) -> None:
    steps: list[tuple[str, int, int]] = []
    report = pithstore.salvage(pristine.directory, tmp_path / "into", lambda *step: steps.append(step))
    assert isinstance(report, pithstore.Salvaged)
    assert list(dict.fromkeys(what for what, _, _ in steps)) == ["look", "index", "rebuild", "verify"]
    assert all(0 <= done <= count for _, done, count in steps)
    assert {what for what, done, count in steps if done == count} >= {"look", "index", "rebuild"}


SIZES = st.sampled_from([1, 2, 100, 127, 128, 5000, STREAM_BYTES - 3, STREAM_BYTES - 2, STREAM_BYTES, 40_000])


def cut(bodies: Sequence[bytes]) -> tuple[list[bytes], list[tuple[int, int]]]:
    """The stream that these are, as values without their seals; from where to where each lies in it."""
    stream, starts, where = b"", [], []
    for body in bodies:
        starts.append(len(stream))
        stream += write_number(len(body)) + body
        where.append((len(stream) - len(body), len(stream)))
    values = []
    for at in range(0, len(stream), STREAM_BYTES):
        first = min((start - at for start in starts if at <= start < at + STREAM_BYTES), default=0xFFFF)
        values.append(first.to_bytes(2, "big") + stream[at : at + STREAM_BYTES])
    return values, where


@given(st.lists(SIZES, min_size=1, max_size=9), st.sets(st.integers(0, 8)), st.randoms(use_true_random=False))
@example([STREAM_BYTES - 4, 200, 3], {0}, random.Random(0))  # of the second, its length alone is lost
@example([STREAM_BYTES - 3, 200, 3], {0}, random.Random(0))  # and here a part of that
def test_a_piece_whose_bytes_are_there_is_found(sizes: list[int], lost: set[int], chance: random.Random) -> None:
    bodies = [chance.randbytes(size) for size in sizes]
    values, where = cut(bodies)
    scratch = MemoryEngine((TAIL,))
    keys = [(7).to_bytes(4, "big") + number.to_bytes(4, "big") for number in range(len(values))]
    items = [(key + bytes(SEAL_BYTES), value) for key, value in zip(keys, values, strict=True)]
    put_entry(scratch, TAIL, *[item for number, item in enumerate(items) if number not in lost])
    found = {body for _, body in pieces(scratch, TAIL)}
    for body, (start, end) in zip(bodies, where, strict=True):
        if lost.isdisjoint(range(start // STREAM_BYTES, (end - 1) // STREAM_BYTES + 1)):
            assert body in found


@given(st.lists(SIZES, min_size=2, max_size=6), st.lists(SIZES, min_size=2, max_size=6), st.integers(0, 2**16))
def test_two_streams_under_the_same_keys_are_both_found(one: list[int], other: list[int], seed: int) -> None:
    chance = random.Random(seed)
    scratch = MemoryEngine((TAIL,))
    bodies = [[chance.randbytes(size) for size in sizes] for sizes in (one, other)]
    for stream in bodies:
        for number, value in enumerate(cut(stream)[0]):
            put_entry(scratch, TAIL, (number.to_bytes(8, "big") + chance.randbytes(SEAL_BYTES), value))
    assert {body for stream in bodies for body in stream} <= {body for _, body in pieces(scratch, TAIL)}
