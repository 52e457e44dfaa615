"""Scrub finds in one round what verify finds, however often it is stopped; and verify that is quick, or deep."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pithstore import scrub
from pithstore.digest import Digest
from pithstore.engine.lmdb import LmdbEngine
from pithstore.errors import Damaged, StoreBusy, UsageError
from pithstore.keys import (
    BLOBS,
    DICTIONARIES,
    MANIFESTS,
    META,
    PACKS,
    PLACES,
    SPACES,
    TAIL,
    VERSIONS,
    split_key,
)
from pithstore.remedies import REMEDIES
from pithstore.report import How, Problem, ScrubReport
from pithstore.store import Store
from pithstore.verifying import entries, homes, loose, names, rebuilding, spaces
from tests.store.compacting import AFTER, BEFORE, LATER, Stepping, make_steps_small, put_all
from tests.store.counting import Counting
from tests.store.shelves import (
    EngineName,
    delete_entry,
    entries_of,
    new_engine,
    new_store,
    put_entry,
    record,
    replace_entries,
)
from tests.store.test_damage import Lasting
from tests.store.test_verify_packed import put_loose

SUMS = {"totals-wrong", "declared-wrong"}
"""What is left to verify: it needs all of a store at once."""


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few versions take many pages."""
    make_steps_small(monkeypatch)
    monkeypatch.setattr(entries, "ROOM", 1000)
    monkeypatch.setattr(rebuilding, "_VERSIONS_AT_ONCE", 3)
    monkeypatch.setattr(loose, "_PAGE", 5)
    monkeypatch.setattr(names, "_SOURCES", 2)
    monkeypatch.setattr(spaces, "PAGE", 3)
    monkeypatch.setattr(scrub, "PAGE", 3)
    monkeypatch.setattr(homes, "_BLOCKS_AT_ONCE", 1)


def fill(store: Store) -> Store:
    put_all(store, BEFORE)
    store.compact()
    put_all(store, AFTER)
    store.compact()
    put_all(store, LATER)
    return store


@pytest.fixture
def store(engine_name: EngineName, tmp_path: Path) -> Store:
    return fill(Store(new_engine(engine_name, tmp_path / "store")))


def round_of(store: Store, stop: Callable[[], bool] = lambda: True) -> list[ScrubReport]:
    """The scrubs of one round, each stopped when `stop` says so."""
    reports = [store.scrub(stop=stop)]
    while not reports[-1].ended:
        reports.append(store.scrub(stop=stop))
    return reports


def told(reports: list[ScrubReport]) -> set[str]:
    return {problem.message for report in reports for problem in report.problems}


def kept(store: Store) -> bytes | None:
    """Where the store says that its round stands."""
    return entries_of(store._engine)[META].get(b"scrub")


# A round.


def test_the_scrubs_of_a_round_look_at_all_that_a_verify_does(store: Store) -> None:
    """Whether stopped behind every page, now and then, or never; and the next one begins anew."""
    right = store.verify()
    chance = random.Random(5)
    for stop in (lambda: True, lambda: chance.random() < 0.3, lambda: False):
        assert kept(store) is None
        reports = round_of(store, stop)
        assert all(report.ok for report in reports)
        for name in ("versions", "snapshots", "blobs"):
            assert sum(getattr(report, name) for report in reports) == getattr(right, name), name
        assert len({report.began for report in reports}) == 1
        covered = [report.covered for report in reports]
        assert covered == sorted(covered)
        assert covered[-1] == 1
        assert all(each < 1 for each in covered[:-1])
    assert len(round_of(store)) > 20
    assert len(round_of(store, lambda: False)) == 1


def test_an_empty_store_is_covered(engine_name: EngineName, tmp_path: Path) -> None:
    with new_store(engine_name, tmp_path / "empty") as empty:
        report = empty.scrub()
        assert (report.ok, report.ended, report.covered, report.versions) == (True, True, 1.0, 0)


def test_it_goes_on_in_a_process_that_comes_later(tmp_path: Path) -> None:
    fill(Store(new_engine("lmdb", tmp_path / "store"))).close()
    versions = 0
    while True:
        with Store(LmdbEngine.open(tmp_path / "store", SPACES)) as later:
            report = later.scrub(stop=lambda: True)
            versions += report.versions
            if report.ended:
                break
            assert later.verify().ok
    assert versions == len([*BEFORE, *AFTER, *LATER])


def test_a_duration_that_has_passed_stops_behind_one_page(store: Store) -> None:
    report = store.scrub(max_duration=0)
    assert not report.ended
    assert kept(store) is not None
    assert store.scrub(max_duration=1000).ended


def test_what_stops_it_within_a_page_loses_no_more_than_that(store: Store) -> None:
    """As Ctrl-C does that is pressed twice, or kill -9."""
    right = store.verify().versions
    versions, steps = 0, 0

    class Killed(BaseException):
        pass

    def kill(step: int) -> None:
        if step > 25:
            raise Killed

    while True:
        try:
            before = kept(store)
            report = Store(Stepping(Lasting(store._engine), kill)).scrub(stop=lambda: True)
        except Killed:
            assert kept(store) in (before, kept(store))
            report = store.scrub(stop=lambda: True)
        versions += report.versions
        steps += 1
        if report.ended:
            break
    assert versions == right


# Damage.

DAMAGED = (TAIL, BLOBS, MANIFESTS, VERSIONS, PACKS, PLACES, DICTIONARIES, "sources", "totals", META, "checks")


def found_by(store: Store) -> tuple[dict[str, Problem], set[str]]:
    """The problems of verify but for the sums, by what they say; and what a round of scrubs says."""
    verified = {each.message: each for each in store.verify().problems if each.code not in SUMS}
    return verified, told(round_of(store))


def is_stray(problem: Problem) -> bool:
    """Whether it is of a row of the places that is too many: these are counted as a whole."""
    return problem.code == "places-wrong" and ("in vain" in problem.message or "bodies" in problem.message)


@pytest.mark.parametrize("space", DAMAGED)
@pytest.mark.parametrize("way", ["flip", "delete"])
def test_each_damage_that_verify_finds_a_round_finds(store: Store, space: str, way: str) -> None:
    right = entries_of(store._engine)
    chance = random.Random(space)
    keys = sorted(right[space])
    met = 0
    for key in chance.sample(keys, min(len(keys), 12)):
        if way == "delete":
            delete_entry(store._engine, space, key)
        else:
            value = bytearray(right[space][key])
            value[chance.randrange(len(value))] ^= 1 << chance.randrange(8)
            put_entry(store._engine, space, (key, bytes(value)))
        try:
            later = Store(Lasting(store._engine))
            verified, scrubbed = found_by(later)
        except Damaged:  # what a store says of itself cannot be read
            assert space == META
        else:
            missed = {message for message, problem in verified.items() if not is_stray(problem)} - scrubbed
            assert missed == set(), key
            met += bool(verified)
        replace_entries(store._engine, right)
    assert met or space in (META, "checks", "totals")


def test_a_run_that_is_gone_is_found(store: Store) -> None:
    for key in [key for key in entries_of(store._engine)[VERSIONS] if split_key(key)[1] == b"\6"]:
        right = entries_of(store._engine)
        delete_entry(store._engine, VERSIONS, key)
        codes = {problem.code for report in round_of(store) for problem in report.problems}
        assert codes & {"run-missing", "source-empty"}, key
        replace_entries(store._engine, right)


def test_a_position_that_is_damaged_is_said_and_the_round_begun_anew(store: Store) -> None:
    store.scrub(stop=lambda: True)
    standing = kept(store)
    assert standing is not None
    put_entry(store._engine, META, (b"scrub", standing[:-1] + bytes([standing[-1] ^ 1])))
    assert [problem.code for problem in store.verify().problems] == ["meta-damaged"]
    reports = round_of(store)
    assert "meta-damaged" in {problem.code for problem in reports[0].problems}
    assert sum(report.versions for report in reports) == store.verify().versions


# Others at work.


def test_nobody_is_blamed_who_puts_compacts_or_forgets_meanwhile(store: Store) -> None:
    chance = random.Random(7)
    reports: list[ScrubReport] = []
    for number in range(3):
        for step in range(10_000):
            reports.append(store.scrub(stop=lambda: chance.random() < 0.5))
            if reports[-1].ended:
                break
            if step % 5 == 0:
                store.put(record(f"m{number}", x=step, big=["shared" * 300, step // 2]))
            if step % 17 == 0:
                store.compact()
            if step % 23 == 22:
                store.forget("k:1@1" if number == 0 else f"m{number - 1}:1@1") if number == 0 else None
                store.gc(apply=True)
    assert told(reports) == set()


@pytest.mark.parametrize("when", range(6))
def test_a_compaction_that_ends_within_a_page(store: Store, when: int) -> None:
    """The page is looked at again."""
    done = False

    def compact(step: int) -> None:
        nonlocal done
        if step >= 60 + 15 * when and not done:
            done = True
            put_all(store, [(record("late", x=1), None)])
            store.compact()

    assert Store(Stepping(Lasting(store._engine), compact)).scrub().problems == ()
    assert done


def test_where_pages_are_never_left_in_peace(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    number = iter(range(1000))
    monkeypatch.setattr(scrub, "read_generation", lambda _: ([], next(number)))
    with pytest.raises(StoreBusy, match="scrub"):
        store.scrub()


# A sample.


def test_a_sample_looks_at_some_sources_whole_and_leaves_the_round(store: Store) -> None:
    store.scrub(stop=lambda: True)
    standing = kept(store)
    whole = store.scrub(sample=1)
    assert (whole.ok, whole.versions, whole.began, whole.covered) == (True, store.verify().versions, None, 1.0)
    counts = {store.scrub(sample=0.5).versions for _ in range(12)}
    assert len(counts) > 1
    assert all(count < whole.versions for count in counts - {whole.versions})
    assert kept(store) == standing


def test_a_sample_of_all_finds_what_is_damaged(store: Store) -> None:
    key = next(key for key in entries_of(store._engine)[VERSIONS] if split_key(key)[1] == b"\6")
    value = entries_of(store._engine)[VERSIONS][key]
    put_entry(store._engine, VERSIONS, (key, value[:-1] + bytes([value[-1] ^ 1])))
    assert "run-damaged" in {problem.code for problem in store.scrub(sample=1).problems}


@pytest.mark.parametrize("share", [0, -1, 1.1])
def test_a_share_that_is_none(store: Store, share: float) -> None:
    with pytest.raises(UsageError, match="share"):
        store.scrub(sample=share)


# Which versions are affected.


def users(store: Store, digest: str) -> set[str]:
    return {f"{each.version.source}@{each.version.number}" for each in store.who(Digest(bytes.fromhex(digest)))}


def test_a_damaged_blob_names_the_versions_that_use_it(store: Store) -> None:
    right = entries_of(store._engine)
    looked = 0
    for key in right[BLOBS]:
        expected = users(store, key.hex())
        value = right[BLOBS][key]
        put_entry(store._engine, BLOBS, (key, value[:-1] + bytes([value[-1] ^ 1])))
        for problems in (store.verify().problems, [p for r in round_of(store) for p in r.problems]):
            (found,) = [each for each in problems if each.code == "place-damaged"]
            assert {str(ref) for ref in found.affected} == expected
            assert found.digest == key.hex()
        looked += bool(expected)
        put_entry(store._engine, BLOBS, (key, value))
    assert looked >= 3


def test_a_damaged_blob_names_the_versions_in_frames_that_name_it_from_there(store: Store) -> None:
    huge = store.manifest("k:4@1").section("huge")
    assert huge is not None
    put_loose(store, [store.blob(huge.digest)])
    value = entries_of(store._engine)[BLOBS][huge.digest]
    put_entry(store._engine, BLOBS, (huge.digest, value[:-1] + bytes([value[-1] ^ 1])))
    (found,) = [each for each in store.verify().problems if each.code == "place-damaged"]
    at_home = "kind%00%0A:" + "3" * 300 + "@1"  # it lies in the frame of this one
    assert {str(ref) for ref in found.affected} == users(store, huge.digest.hex()) - {at_home}
    assert "k:4@1" in map(str, found.affected)


def test_damaged_values_name_the_versions_in_them(store: Store) -> None:
    everything = {f"{source}@{each.number}" for source in store.sources() for each in store.history(source)}
    for space, code in ((TAIL, "tail-damaged"), (PACKS, "pack-damaged"), (DICTIONARIES, "dictionary-damaged")):
        named: set[str] = set()
        for key, value in entries_of(store._engine)[space].items():
            put_entry(
                store._engine, space, (key, value[:-1] + bytes([value[-1] ^ 1]))
            )  # the seal: all is readable
            for problem in store.verify().problems:
                if problem.code == code:
                    named |= {str(ref) for ref in problem.affected}
            put_entry(store._engine, space, (key, value))
        assert named <= everything
        if space == PACKS:  # a version is in a frame, or it was put since
            assert len(everything - named) <= len(LATER)
        assert named


def test_a_lost_frame_names_its_versions_and_a_lost_manifest_those_of_its_snapshot(store: Store) -> None:
    key = next(iter(entries_of(store._engine)[PACKS]))
    delete_entry(store._engine, PACKS, key)
    verified = store.verify().problems
    frames = {str(ref) for each in verified if each.code == "frame-damaged" for ref in each.affected}
    lost = {f"{each.source}@{each.number}" for each in verified if each.code == "manifest-missing"}
    assert lost
    assert lost <= frames
    snapshot, value = next(iter(entries_of(store._engine)[MANIFESTS].items()))
    put_entry(store._engine, MANIFESTS, (snapshot, value[:-1]))
    (problem,) = [each for each in store.verify().problems if each.code == "manifest-damaged"]
    assert {store.version(ref).snapshot for ref in problem.affected} == {snapshot}


def test_nothing_is_looked_up_where_nothing_is_damaged(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    counting = Counting(store._engine)
    assert Store(Lasting(counting)).verify().ok
    items = counting.items[VERSIONS]
    assert items < 3 * len(entries_of(store._engine)[VERSIONS])


def test_every_code_has_a_remedy() -> None:
    """And none but those is given: a problem of another code cannot be made."""
    assert all(text.startswith(("pithstore ", "any command")) for text in REMEDIES.values())
    for code, remedy in REMEDIES.items():
        assert Problem(code, "message").remedy == remedy
    with pytest.raises(KeyError):
        Problem("something-else", "message")


# Quick and deep.


def test_quick_reads_no_body_and_finds_damage_of_the_index(store: Store) -> None:
    counting = Counting(store._engine)
    later = Store(Lasting(counting))
    report = later.verify(how="quick")
    assert (report.ok, report.versions) == (True, store.verify().versions)
    bodies = (BLOBS, MANIFESTS, PLACES, DICTIONARIES)
    assert {space: counting.keys[space] + counting.items[space] for space in bodies} == dict.fromkeys(bodies, 0)
    assert (counting.items[TAIL], counting.items[PACKS]) == (1, 0)  # whether its writer was counted
    assert counting.keys[TAIL] + counting.keys[PACKS] == 0
    chance = random.Random(3)
    right = entries_of(store._engine)
    for space in (VERSIONS, "sources"):
        for key, value in right[space].items():
            damaged = bytearray(value)
            damaged[chance.randrange(len(value))] ^= 1 << chance.randrange(8)
            put_entry(store._engine, space, (key, bytes(damaged)))
            quick = {problem.message for problem in store.verify(how="quick").problems}
            assert quick, (space, key)
            assert quick <= {problem.message for problem in store.verify().problems}
            put_entry(store._engine, space, (key, value))


def test_how_is_one_of_three(store: Store) -> None:
    typed: Any = "thorough"
    with pytest.raises(UsageError, match="quick"):
        store.verify(how=typed)


def test_deep_finds_what_the_walk_finds_and_reads_nothing_then(tmp_path: Path) -> None:
    fill(Store(new_engine("lmdb", tmp_path / "store"))).close()
    with Store(LmdbEngine.open(tmp_path / "store", SPACES, readonly=True)) as store:
        assert store.verify(how="deep") == store.verify()
    (data,) = (tmp_path / "store").glob("gen-*/data.mdb")
    content = bytearray(data.read_bytes())
    page = next(at for at in range(8192, len(content), 4096) if content[at + 10] & 2)  # a leaf
    content[page] ^= 4  # its own number
    data.write_bytes(content)
    walked = LmdbEngine.walk_at_rest(tmp_path / "store")
    assert walked
    with Store(LmdbEngine.open(tmp_path / "store", SPACES, readonly=True)) as store:
        report = store.verify(how="deep")
    assert {problem.message for problem in report.problems} == {finding.words for finding in walked}
    assert {problem.code for problem in report.problems} == {"structure-damaged"}
    assert (report.versions, report.blobs) == (0, 0)


@pytest.mark.parametrize("how", ["quick", "all", "deep"])
def test_a_receipt_that_is_missing_is_a_warning_until_the_next_commit(tmp_path: Path, how: How) -> None:
    with fill(Store(new_engine("lmdb", tmp_path / "store"))) as store:
        assert store.verify(how=how).warnings == ()
        (tmp_path / "store" / "RECEIPT").unlink()
        report = store.verify(how=how)
        assert report.ok
        assert [warning.code for warning in report.warnings] == ["receipt-missing"]
        store.put(record("more", x=1))
        assert store.verify(how=how).warnings == ()
