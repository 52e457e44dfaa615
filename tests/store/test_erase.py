"""Erasing: no byte is left, what is left is proved, and everything else goes on."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pithstore import journal
from pithstore.canonical import canonical
from pithstore.compaction.compact import compact
from pithstore.digest import Digest
from pithstore.engine import Engine
from pithstore.erasing.withholding import withhold
from pithstore.errors import Damaged, Erased, InvalidRecord, NotFound, UsageError
from pithstore.export.tables import BlobRow
from pithstore.keys import BLOBS, DICTIONARIES, ERASED, MANIFESTS, META, RUN, VERSIONS
from pithstore.manifests import put_many as put_manifests
from pithstore.model import Manifest, Source
from pithstore.pointer import Json
from pithstore.report import ErasedReport
from pithstore.seal import SEAL_BYTES
from pithstore.store import Store
from pithstore.store import open as open_store
from pithstore.tombstones import Tombstone
from tests.store.compacting import Stopped, declaring, stopping
from tests.store.erasing_children import erase_in_steps, hold_open, make_erasing_small
from tests.store.shelves import Record, entries_of, record, replace_entries
from tests.store.test_processes import PATIENCE, process, received
from tests.store.traces import dictionaries, traces

TEXT = "Xq7pL2vN9sKd4RtY8wZb3Hm6Jc1Fg5Va"
REASON = "a court said so"
SECRET = Source("k", "secret")
KILLS = 8
NOW = datetime(2026, 6, 1, tzinfo=UTC)


def _secret(n: int, text: str = TEXT) -> Record:
    """Small sections that lie in frames, larger ones with one home, and one that fills many pages."""
    sections: dict[str, Json] = {
        "small": [text, n],
        "same": [text],
        "large": [n // 2, *[f"{text} {i}" for i in range(60)]],
        "huge": text * 4000,
        "noise": [_noise(n)],
        "claims": declaring([f"{text}{n}"]),
        "shared": SHARED,
    }
    return sections | record("secret", version={"version": n // 40} if n >= 40 else None, x=n)


def _noise(n: int) -> str:
    """A text that nothing else has in common with, so that it stands in frames and in no dictionary."""
    return random.Random(n).randbytes(20_000).hex()


TEXTS = [
    TEXT.encode(),
    *(_noise(n)[start : start + 32].encode() for n in range(8) for start in (50, 11_111, 33_333)),
]
SHARED: Json = ["what everybody has", "and nobody minds " * 80]


def _other(source: int, n: int) -> Record:
    words: list[Json] = [f"word {source * 7 % 11} {i * n % 13}" for i in range(120)]
    return record(f"other {source}", x=n, words=words, shared=SHARED, claims=declaring([n, source]))


def _put_some(store: Store, start: int, end: int, text: str = TEXT) -> None:
    store.put_many([_secret(n, text) for n in range(start, end)])
    store.put_many([_other(source, n) for source in range(12) for n in range(start, end)])


def _loose(store: Store) -> None:
    _put_some(store, 0, 8)


def _compacted(store: Store) -> None:
    _put_some(store, 0, 8)
    store.compact()


def _mixed(store: Store) -> None:
    _put_some(store, 0, 5)
    store.compact()
    _put_some(store, 5, 8)


SHAPES = [_loose, _compacted, _mixed]


def _erase(engine: Engine) -> ErasedReport:
    return Store(engine).erase(SECRET, reason=REASON)


def _others(store: Store) -> list[object]:
    return [
        store.get(version) for source in store.sources() if source != SECRET for version in store.history(source)
    ]


def _check_erased(store: Store, whole: Store) -> None:
    """Nothing is there of the source but what others have, and all else as in the store that is whole."""
    assert store.verify().problems == ()
    assert store.verify().erased == len(list(whole.history(SECRET)))
    assert store.scrub().problems == ()
    assert list(store.history(SECRET)) == list(whole.history(SECRET))
    assert store.stat().versions == whole.stat().versions
    assert _others(store) == _others(whole)
    for version in store.history(SECRET):
        with pytest.raises(Erased, match=f"version {version.number}: section .* erased on .*: {REASON}"):
            store.get(version)
        assert store.get(f"{version.source}@{version.number}#shared") == SHARED


# Not a byte is left.


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("small", [True, False], ids=["small steps", "as it is"])
def test_not_a_byte_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shape: Callable[[Store], None], small: bool
) -> None:
    if small:
        make_erasing_small(monkeypatch)
    path = tmp_path / "store"
    with open_store(path, create=True) as store:
        shape(store)
        known = dictionaries(store._engine)
        assert traces(path, store._engine, TEXTS, known)
        if shape is not _loose and small:
            assert any(TEXT.encode() in dictionary for dictionary in known)
        report = store.erase(SECRET, reason=REASON)
        assert report.sections == 31
        assert not report.pending
        assert traces(path, store._engine, TEXTS, known) == []
        assert store.verify().problems == ()
        store.compact()
        assert traces(path, store._engine, TEXTS, known) == []
    with open_store(path) as store:
        assert traces(path, store._engine, TEXTS, known) == []


def test_what_a_frame_holds_compressed_would_be_found(tmp_path: Path) -> None:
    path = tmp_path / "store"
    with open_store(path, create=True) as store:
        store.put_many([record("secret", x=n, small=[TEXT, n]) for n in range(8)])
        store.compact()
        assert "inflated packs" in traces(path, store._engine, TEXTS, ())


def test_a_dictionary_is_none_of_what_was_erased_and_is_of_what_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_erasing_small(monkeypatch)
    with open_store(tmp_path / "store", create=True) as store:
        _compacted(store)
        store.erase(SECRET, reason=REASON)
        (dictionary,) = dictionaries(store._engine)
        assert b"word " in dictionary


# What is left.


@pytest.mark.parametrize("shape", SHAPES)
def test_all_else_is_as_it_was(store: Store, tmp_path: Path, shape: Callable[[Store], None]) -> None:
    with open_store(tmp_path / "whole", create=True) as whole:
        shape(store)
        store.backup(tmp_path / "whole")
        store.erase(SECRET, reason=REASON)
        _check_erased(store, whole)
        store.compact()
        _check_erased(store, whole)
        assert store.stat().canonical_bytes == whole.stat().canonical_bytes


def test_what_needs_the_bytes_says_that_they_were_erased(store: Store) -> None:
    _compacted(store)
    small = store.manifest(SECRET).section("small")
    assert small is not None
    store.erase(small.digest, reason=REASON)
    for read in (
        lambda: store.get("k:secret"),
        lambda: store.get("k:secret#small"),
        lambda: store.get("k:secret#small/0"),
        lambda: store.blob(small.digest),
        lambda: store.diff("k:secret@7", "k:secret@8"),
        lambda: store.blame("k:secret#small"),
    ):
        with pytest.raises(Erased, match=REASON):
            read()
    assert store.get("k:secret@7") == _secret(6)
    assert store.get("k:secret#large/0") == 3
    assert [entry.version.number for entry in store.log(SECRET)] == list(range(1, 9))
    assert store.manifest(SECRET).section("small") == small
    assert [holder.version.number for holder in store.who(small.digest)] == [8]
    assert len(store.matrix(SECRET).versions) == 8


def test_what_is_left_is_proved(store: Store) -> None:
    _loose(store)
    store.erase(SECRET, reason=REASON)
    manifest = store.manifest("k:secret@3")
    version = store.version("k:secret@3")
    words = store.manifest("k:other%200").section("words")
    assert words is not None
    sections = [words if each.name == "x" else each for each in manifest.sections]
    sections = [type(each)("x", each.digest, each.size) if each is words else each for each in sections]
    forged = Manifest(tuple(sections))
    store._engine.update(lambda update: put_manifests(update, [(version.snapshot, forged)]))
    with pytest.raises(Damaged, match="manifest digest"):
        store.get("k:secret@3#x")
    assert "proof-wrong" in {problem.code for problem in store.verify().problems}


def test_a_blob_that_is_there_though_it_was_erased_is_a_problem(store: Store) -> None:
    _loose(store)
    before = entries_of(store._engine)
    report = store.erase(SECRET, reason=REASON)
    after = entries_of(store._engine)
    digest = report.erased[0]
    assert digest not in after[BLOBS]
    replace_entries(store._engine, {**before, ERASED: after[ERASED], META: {**before[META]}})
    found = store.verify().problems
    assert {problem.code for problem in found} == {"erased-present"}
    assert {problem.digest for problem in found} == {str(each) for each in report.erased}
    assert store.erase(SECRET, reason=REASON).sections == len(report.erased)
    assert store.verify().ok


def test_an_older_pithstore_refuses_the_store(store: Store) -> None:
    _loose(store)
    assert b'"erased"' not in entries_of(store._engine)[META][b"format"]
    store.erase(SECRET, reason=REASON)
    assert b'"erased"' in entries_of(store._engine)[META][b"format"]


# What goes.


def test_what_others_have_stays_unless_everywhere(store: Store) -> None:
    _mixed(store)
    shared = Digest.of(canonical(SHARED))
    with pytest.raises(UsageError, match=r"13 sources have blob .*k:other%200, .*--everywhere"):
        store.erase(shared, reason=REASON)
    assert ERASED not in {space for space, entries in entries_of(store._engine).items() if entries}
    report = store.erase(SECRET, reason=REASON)
    assert shared in report.kept
    assert store.erase(shared, reason=REASON, everywhere=True).versions == 8 + 12 * 8
    with pytest.raises(Erased):
        store.get("k:other%200")
    assert store.get("k:other%200#x") == 7
    assert store.verify().problems == ()
    assert store.verify().erased == 8 + 12 * 8


def test_what_is_not_there_cannot_be_erased(store: Store) -> None:
    _loose(store)
    for what in ("k:nobody", "0" * 64):
        with pytest.raises(NotFound):
            store.erase(what, reason=REASON)
    for what, reason in (("k:secret@3", REASON), ("k:secret", " "), ("k:secret", "x" * 2000)):
        with pytest.raises(UsageError):
            store.erase(what, reason=reason)
    assert store.verify().erased == 0


def test_what_says_nothing_of_its_own_stays_for_others_to_have(store: Store) -> None:
    store.put(record("alone", x=1, empty=[], flag=False, text="something"))
    assert store.erase("k:alone", reason=REASON).sections == 2  # the text, and the name of the source
    assert store.put(record("another", x=1, empty=[], flag=False)).stored
    assert [store.get(f"k:alone#{name}") for name in ("builder_version", "x", "empty", "flag")] == [
        "b1",
        1,
        [],
        False,
    ]
    with pytest.raises(Erased):
        store.get("k:alone#text")


def test_the_first_reason_stays(store: Store) -> None:
    _loose(store)
    store.erase(SECRET, reason=REASON)
    again = store.erase(SECRET, reason="another one")
    assert again.sections == 0
    with pytest.raises(Erased, match=REASON):
        store.get(SECRET)


# What was erased is not taken again.


@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_not_taken_again(store: Store, shape: Callable[[Store], None]) -> None:
    shape(store)
    store.erase(SECRET, reason=REASON)
    before = entries_of(store._engine)
    for again in (_secret(7), _secret(2), record("another", same=[TEXT]), canonical(_secret(7))):
        with pytest.raises(InvalidRecord, match=REASON) as refused:
            store.put(again)
        assert refused.value.reason == "erased"
        assert refused.value.pointer in ("/claims", "/same")
        with pytest.raises(InvalidRecord, match=REASON):
            store.put_many([again])
    assert entries_of(store._engine) == before
    new = _secret(100, "something else entirely " * 2)
    assert store.put(new).version.number == 9
    assert store.get(SECRET) == new
    assert store.verify().problems == ()
    store.compact()
    assert store.get(SECRET) == new
    assert store.verify().problems == ()


# Interrupted anywhere.


def test_one_that_is_stopped_is_gone_on_with(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_erasing_small(monkeypatch)
    _put_some(store, 0, 3)
    store.compact()
    _put_some(store, 3, 4)
    entries = entries_of(store._engine)
    with open_store(tmp_path / "whole", create=True) as whole:
        store.backup(tmp_path / "whole")
        counting = stopping(store._engine, 10**9)
        _erase(counting)
        assert counting.steps > 40
        for steps in random.Random(7).sample(range(counting.steps), 12):
            replace_entries(store._engine, entries)
            with pytest.raises(Stopped):
                _erase(stopping(store._engine, steps))
            assert {problem.code for problem in store.verify().problems} <= {"erased-present"}
            if steps % 3 == 0:
                store.compact()  # somebody compacts first
            _erase(store._engine)
            _check_erased(store, whole)
            assert b"erasing" not in entries_of(store._engine)[META]


@pytest.mark.parametrize("killed", [False, True], ids=["erase goes on", "erase is killed"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_what_an_unfinished_compaction_left_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: float, killed: bool
) -> None:
    make_erasing_small(monkeypatch)
    path = tmp_path / "store"
    with open_store(path, create=True) as store:
        store.put_many([_secret(n) for n in range(8)])  # most of the store: what is left covers little of it
        store.put(_other(0, 1))
        known = dictionaries(store._engine)
        entries = entries_of(store._engine)
        counting = stopping(store._engine, 10**9)
        compact(counting)
        replace_entries(store._engine, entries)
        with pytest.raises(Stopped):
            compact(stopping(store._engine, int(share * counting.steps)))
        assert len(list(path.glob("gen-*/data.mdb"))) == 2
        left = store._engine.successor()
        known |= {value[:-SEAL_BYTES] for _, value in left.view(lambda view: view.scan(DICTIONARIES, limit=9))}
        left.close()
        if killed:  # behind the tombstones, while it held the successor that it would have discarded
            versions = [store.manifest(version) for version in store.history(SECRET)]
            sections = {section.digest: section.size for each in versions for section in each.sections}
            store._engine.update(journal.end)
            withhold(store._engine, {digest: Tombstone(NOW, size, REASON) for digest, size in sections.items()})
            store.compact()
            assert store.verify().problems == ()
        store.erase(SECRET, reason=REASON)
        assert store.verify().problems == ()
        assert traces(path, store._engine, TEXTS, known) == []


@pytest.mark.process
def test_killed_at_any_moment_it_ends_erased(tmp_path: Path) -> None:
    chance = random.Random(11)
    with open_store(tmp_path / "whole", create=True) as whole:
        _mixed(whole)
        for trial in range(KILLS):
            path = tmp_path / f"{trial}"
            whole.backup(path)
            with open_store(path) as store:
                store.compact()
                _put_some(store, 8, 9, "nothing to hide ... and more of it")
                known = dictionaries(store._engine)
            with process(erase_in_steps, path, str(SECRET)) as (child, pipe):
                for _ in range(chance.randrange(1, 400)):
                    if received(pipe) == "erased":
                        break
                child.kill()
                child.join(PATIENCE)
            with open_store(path) as store:
                store.erase(SECRET, reason=REASON)
                assert store.verify().problems == ()
                assert traces(path, store._engine, TEXTS, known) == []


@pytest.mark.process
def test_bytes_that_another_process_holds_are_pending(tmp_path: Path) -> None:
    path = tmp_path / "store"
    with open_store(path, create=True) as store:
        _compacted(store)
        with process(hold_open, path) as (_, pipe):
            received(pipe)
            assert store.erase(SECRET, reason=REASON).pending
            assert traces(path, store._engine, TEXTS, ())
            assert store.erase(SECRET, reason=REASON).pending
            pipe.send("read again")
            received(pipe)
            assert not store.erase(SECRET, reason=REASON).pending
            assert traces(path, store._engine, TEXTS, ()) == []


# Everything else goes on.


def test_a_backup_erases_too(store: Store, tmp_path: Path) -> None:
    _mixed(store)
    early, late = tmp_path / "early", tmp_path / "late"
    store.backup(early)
    with open_store(early) as copy:
        copy.compact()
        known = dictionaries(copy._engine)
        assert traces(early, copy._engine, TEXTS, known)
    store.erase(SECRET, reason=REASON)
    store.put(_secret(50, "nothing to hide ... and more of it"))
    for path in (early, late):
        report = store.backup(path)
        assert report.ok, report.problems
        with open_store(path) as copy:
            assert copy.verify().problems == ()
            assert copy.verify().erased == 8
            assert list(copy.history(SECRET)) == list(store.history(SECRET))
            assert copy.get(SECRET) == store.get(SECRET)
            with pytest.raises(Erased, match=REASON):
                copy.get("k:secret@3")
            assert copy.get("k:secret@3#shared") == SHARED
            assert traces(path, copy._engine, TEXTS, known) == []
            with pytest.raises(InvalidRecord):
                copy.put(_secret(1))
            copy.compact()
            assert copy.verify().problems == ()


def test_an_export_leaves_out_what_was_erased(store: Store) -> None:
    _mixed(store)
    store.erase(SECRET, reason=REASON)
    gone: list[int] = []
    trailer = store.export_archive(lambda _: None, left_out=gone.append)
    assert (trailer.versions, sum(gone)) == (12 * 8, 8)
    gone.clear()
    rows = list(store.table_rows("blobs", sections=["small", "x"], left_out=gone.append))
    assert {row.section for row in rows if isinstance(row, BlobRow)} == {"x"}
    assert sum(gone) == 8


@pytest.mark.parametrize("shape", SHAPES)
def test_gc_and_forget_go_on(store: Store, shape: Callable[[Store], None]) -> None:
    shape(store)
    store.erase(SECRET, reason=REASON)
    assert store.gc(apply=True).blobs == 0
    store.forget("k:secret@2", "k:secret@8")
    assert store.verify().problems == ()
    assert store.verify().erased == 6
    store.put(_secret(60, "nothing to hide ... and more of it"))
    store.forget(keep_last=1, sources=[SECRET])
    store.gc(apply=True)
    store.rebuild_ledger()
    assert store.verify().problems == ()
    assert store.verify().erased == 0
    with pytest.raises(InvalidRecord):
        store.put(_secret(2))
    store.compact()
    assert [key for key in entries_of(store._engine)[VERSIONS] if b"secret\x00\x01" + RUN in key]
    assert store.verify().problems == ()


def test_the_ledger_can_be_counted_again(store: Store) -> None:
    _mixed(store)
    store.erase(SECRET, reason=REASON)
    store.rebuild_ledger()
    store.put(_secret(60, "nothing to hide ... and more of it"))
    assert store.verify().problems == ()


def test_a_repair_brings_nothing_back(store: Store, tmp_path: Path) -> None:
    _mixed(store)
    store.backup(tmp_path / "whole")
    store.erase(SECRET, reason=REASON)
    version = store.version("k:secret@3")
    other = store.version("k:other%203@8")
    entries = entries_of(store._engine)
    del entries[MANIFESTS][version.snapshot]
    words = store.manifest(other).section("claims")
    assert words is not None
    entries[BLOBS].pop(words.digest, None)
    replace_entries(store._engine, entries)
    assert not store.verify().ok
    report = store.repair(tmp_path / "whole")
    assert report.verified.problems == ()
    assert report.verified.erased == 8
    assert not set(store.erase(SECRET, reason=REASON).erased) & entries_of(store._engine)[BLOBS].keys()
    with pytest.raises(Erased):
        store.get(version)
