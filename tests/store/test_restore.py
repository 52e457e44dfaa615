"""Restoring: interrupted it goes on, disturbed it says so, and what is no sound archive changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TypeVar
from unittest.mock import patch as patched

import pytest

from pithstore.arrivals import Restored
from pithstore.configuration import Configuration
from pithstore.engine import Engine, Update
from pithstore.errors import (
    Damaged,
    FormatUnknown,
    InvalidRecord,
    PithstoreError,
    StorageFailed,
    StoreBusy,
    StoreExists,
    UsageError,
)
from pithstore.export.archive_file import ArchiveFile, Contents
from pithstore.export.restore import restore, restore_archive
from pithstore.limits import Limits
from pithstore.meta import check_format
from pithstore.results import PutSummary
from pithstore.store import Store
from pithstore.store import open as open_store
from tests.pure.laws import definition
from tests.pure.test_archive import forged
from tests.store.exports import FIRST, archive_at, exported, logged, restored
from tests.store.shelves import EngineName, entries_of, new_engine, record

T = TypeVar("T")


@pytest.fixture
def text() -> bytes:
    """An archive of nine versions of three sources."""
    engine = new_engine("memory", Path())
    with Store(engine) as store:
        store.put_many(
            [record(str(i % 3), n=i, version={"version": i}) for i in range(9)],
            observed_at=FIRST + timedelta(days=1),
        )
        return exported(engine)[0]


@pytest.fixture
def archive(text: bytes, tmp_path: Path) -> ArchiveFile:
    return archive_at(tmp_path / "a.jsonl", text)


@pytest.fixture
def engine(engine_name: EngineName, tmp_path: Path) -> Iterator[Engine]:
    engine = new_engine(engine_name, tmp_path / "restored")
    yield engine
    engine.close()


class Stopping:
    """The same engine, which does so many updates and is interrupted in the next."""

    def __init__(self, engine: Engine, updates: int) -> None:
        self.limits, self.view, self.stored_bytes = engine.limits, engine.view, engine.stored_bytes
        self.examine, self.former = engine.examine, engine.former
        self.close, self.successor = engine.close, engine.successor
        self._engine = engine
        self._left = updates

    def update(self, fn: Callable[[Update], T]) -> T:
        if self._left == 0:
            raise KeyboardInterrupt
        self._left -= 1
        return self._engine.update(fn)


def test_an_interrupted_restore_says_so_and_goes_on(engine: Engine, archive: ArchiveFile, text: bytes) -> None:
    said: list[str] = []
    with patched("pithstore.bulk.BATCH_RECORDS", 2):  # nine versions are five batches, with a beginning and an end
        for updates in (0, 1, 2, 2, 3, 2):
            with pytest.raises(KeyboardInterrupt):
                restored(Stopping(engine, updates), archive, said.append)
            if updates:
                with pytest.raises(FormatUnknown, match="put --from-archive"):
                    engine.view(check_format)
        assert restored(engine, archive, said.append).versions == 0
    assert said == [f"{archive.name}: was restored up to version {n}; going on behind it" for n in (2, 4, 8, 9)]
    assert exported(engine)[0] == text
    assert Store(engine).verify().problems == ()


def test_a_restore_that_was_interrupted_keeps_others_out(
    engine: Engine, archive: ArchiveFile, text: bytes, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        restored(Stopping(engine, 1), archive)
    other = archive_at(tmp_path / "b.jsonl", forged(text.splitlines(keepends=True)[:5]))
    with pytest.raises(StoreExists, match="another archive is being restored"):
        restored(engine, other)
    assert restored(engine, archive).versions == 9


def test_a_restored_archive_is_skipped_also_when_it_is_compressed_anew(
    engine: Engine, archive: ArchiveFile, text: bytes, tmp_path: Path
) -> None:
    import gzip

    restored(engine, archive)
    with Store(engine) as store:
        store.put(record("9"))
        before = entries_of(engine)
        said: list[str] = []
        again = archive_at(tmp_path / "again", gzip.compress(text))
        assert restored(engine, again, said.append) == PutSummary()
        assert said == [f"{tmp_path / 'again'}: was restored completely before; skipped"]
        assert entries_of(engine) == before


def test_a_store_that_holds_something_is_refused_and_stays(engine: Engine, archive: ArchiveFile) -> None:
    with Store(engine) as store:
        store.put(record("0"))
        before = entries_of(engine)
        with pytest.raises(StoreExists, match="holds versions"):
            restored(engine, archive)
        assert entries_of(engine) == before


def test_a_store_of_another_configuration_is_refused_and_stays(
    engine_name: EngineName, archive: ArchiveFile, tmp_path: Path
) -> None:
    engine = new_engine(engine_name, tmp_path / "other", Configuration(limits=Limits(1000)))
    before = entries_of(engine)
    with pytest.raises(UsageError, match="does not exist yet"):
        restored(engine, archive)
    assert entries_of(engine) == before


def test_a_store_of_a_later_format_is_refused(engine: Engine, archive: ArchiveFile) -> None:
    from pithstore import meta

    engine.update(lambda update: meta._write_features(update, {"later"}))
    with pytest.raises(FormatUnknown, match="newer pithstore"):
        restored(engine, archive)


class Meddling(ArchiveFile):
    """An archive during whose restore something else happens."""

    def __init__(self, name: str, happens: Callable[[], object]) -> None:
        super().__init__(name)
        self._happens = happens

    def arrivals(self, contents: Contents, skip: int) -> Iterator[Restored]:
        for number, arrival in enumerate(super().arrivals(contents, skip)):
            if number == 4:
                self._happens()
            yield arrival


@pytest.mark.parametrize(
    ("identity", "error", "words"),
    [("other", Damaged, "somebody wrote"), ("2", StoreExists, "cannot be restored")],
)
def test_a_put_in_between_is_seen_and_the_store_says_that_it_is_not_whole(
    engine: Engine, archive: ArchiveFile, identity: str, error: type[Exception], words: str
) -> None:
    store = Store(engine)  # it was opened before the restore began
    meddling = Meddling(archive.name, lambda: store.put(record(identity)))
    with patched("pithstore.bulk.BATCH_RECORDS", 2), pytest.raises(error, match=words):
        restored(engine, meddling)
    with pytest.raises(FormatUnknown):
        engine.view(check_format)


def test_two_restores_at_once_do_not_mix(engine: Engine, archive: ArchiveFile, text: bytes) -> None:
    meddling = Meddling(archive.name, lambda: restored(engine, archive))
    with patched("pithstore.bulk.BATCH_RECORDS", 2), pytest.raises(StoreBusy, match="somebody else is restoring"):
        restored(engine, meddling)
    assert exported(engine)[0] == text  # the other one came to its end


def test_an_archive_that_changes_while_it_is_read_is_not_taken_for_whole(
    engine: Engine, archive: ArchiveFile, text: bytes
) -> None:
    contents = archive.check()
    lines = text.splitlines(keepends=True)[:5]
    Path(archive.name).write_bytes(forged(lines))
    with pytest.raises(Damaged, match="changed while it was read"):
        restore(engine, archive, contents, print)
    with pytest.raises(FormatUnknown):
        engine.view(check_format)


def line_of(record_text: bytes, **other: object) -> bytes:
    """A line of an archive with that record, of source k:1 by b1 where nothing else is said."""
    from hashlib import sha256

    said = {
        "kind": "k",
        "id": "1",
        "number": 1,
        "builder_version": "b1",
        "source_version": None,
        "observed_at": "2026-01-01T00:00:00Z",
        "recorded_at": "2026-01-01T00:00:00Z",
        "snapshot": sha256(record_text).hexdigest(),
        **other,
    }
    return json.dumps(said, separators=(",", ":")).encode()[:-1] + b',"record":' + record_text + b"}\n"


PLAIN = definition(record("1"))


@pytest.mark.parametrize(
    ("line", "error", "words"),
    [
        (line_of(PLAIN.replace(b":", b": ")), Damaged, "not in canonical form"),
        (line_of(PLAIN, id="2"), Damaged, "says another source"),
        (line_of(PLAIN, builder_version="b2"), Damaged, "says another source"),
        (line_of(PLAIN, source_version=0), Damaged, "says another source"),
        (line_of(definition(record("1", version={"version": 1})), source_version=True), Damaged, "says another"),
        (line_of(definition(record("1", version={"version": 1})), source_version=1.0), Damaged, "says another"),
        (line_of(b'{"a":1}'), InvalidRecord, "the source kind is missing"),
        (line_of(b'{"a":NaN}'), InvalidRecord, "NaN"),
        (line_of(b'{"a":1,"a":1}'), InvalidRecord, "a"),
        (line_of(b"[]"), InvalidRecord, "JSON object"),
        (line_of(definition(record("1", x="x" * 2000))), InvalidRecord, "over the limit"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_record_that_the_store_would_not_have_taken_is_refused_by_line(
    tmp_path: Path, line: bytes, error: type[Exception], words: str
) -> None:
    configuration = Configuration(limits=Limits(1000))
    header = exported(new_engine("memory", Path(), configuration))[0].splitlines(keepends=True)[0]
    archive = archive_at(tmp_path / "a.jsonl", forged([header, line]))
    engine = new_engine("memory", Path(), configuration)
    with pytest.raises(error, match=words) as caught:
        restored(engine, archive)
    assert str(caught.value).startswith(f"{archive.name}:2: ")
    with pytest.raises(FormatUnknown):
        engine.view(check_format)


@pytest.mark.parametrize(
    ("configuration", "error"),
    [
        (b"null", Damaged),
        (b'{"limits":{"record_bytes":1000,"nesting":9},"more":1}', Damaged),
        (b'{"profile":{},"limits":{"record_bytes":1000,"nesting":9000}}', PithstoreError),
    ],
)
def test_a_configuration_that_is_none_is_refused_before_anything_is_written(
    tmp_path: Path, configuration: bytes, error: type[Exception]
) -> None:
    header = (
        b'{"archive":"pithstore","format":1,"canonical_form":"pith-json-1","configuration":%b,"selection":null}\n'
    )
    archive = archive_at(tmp_path / "a.jsonl", forged([header % configuration]))
    with pytest.raises(error) as caught:
        restore_archive(tmp_path / "new", archive, print)
    assert str(caught.value).startswith(f"{archive.name}:1: ")
    assert not (tmp_path / "new").exists()


def test_a_store_that_is_not_there_is_created_with_the_configuration_of_the_archive(tmp_path: Path) -> None:
    configuration = Configuration(limits=Limits(1000, 9))
    engine = new_engine("memory", Path(), configuration)
    Store(engine).put(record("1"))
    archive = archive_at(tmp_path / "a.jsonl", exported(engine)[0])
    assert restore_archive(tmp_path / "new", archive, print).versions == 1
    with open_store(tmp_path / "new") as store:
        assert store.configuration == configuration
        assert logged(store) == logged(Store(engine))


def test_a_place_that_is_no_store_and_not_empty_is_left_alone(archive: ArchiveFile, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    for place in ("full", "full/file", "scheme://x"):
        with pytest.raises(PithstoreError):
            restore_archive(str(tmp_path / place) if "://" not in place else place, archive, print)
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["file"]


def test_what_is_no_file_is_refused_by_name(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "missing", "", "."):
        with pytest.raises(UsageError, match=r"cannot be read|is not a file"):
            ArchiveFile(str(tmp_path / name) if name else "")


@pytest.mark.parametrize("keep", [0.3, 0.9])
def test_a_cut_compressed_archive_is_refused_before_anything_is_written(
    text: bytes, tmp_path: Path, keep: float
) -> None:
    import gzip

    import zstandard

    for compressed in (gzip.compress(text), zstandard.compress(text)):
        archive = archive_at(tmp_path / "a", compressed[: int(len(compressed) * keep)])
        with pytest.raises((StorageFailed, Damaged)):
            restore_archive(tmp_path / "new", archive, print)
    assert not (tmp_path / "new").exists()
