"""The files of a store are for its owner alone, and lie where its directory is, whatever was planted there."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from pithstore.engine.lmdb import LmdbEngine
from pithstore.errors import PithstoreError, UsageError
from pithstore.store import open as open_store
from pithstore.testing.engine_tests import SPACES, bump
from tests.engine.lmdb_stores import refused
from tests.store.shelves import record

PLANTED = ("CURRENT", "CURRENT.tmp", "write.lock", "RECEIPT", "gen-000001", "gen-000002")


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def modes(directory: Path) -> dict[str, int]:
    """The permissions of a directory and of all that is in it."""
    found = [directory, *directory.rglob("*")]
    return {str(path.relative_to(directory)): stat.S_IMODE(path.lstat().st_mode) for path in found}


def contents(directory: Path) -> dict[str, bytes | None]:
    return {str(path): None if path.is_dir() else path.read_bytes() for path in sorted(directory.rglob("*"))}


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_what_a_store_is_made_of_is_for_its_owner_alone(directory: Path, mask: int) -> None:
    with umask(mask), open_store(directory / "deep" / "store", create=True) as store:
        for n in range(3):
            store.put(record(x=n))
        store.compact()
        store.put(record(x=3))
    found = modes(directory)
    assert {"deep/store/CURRENT", "deep/store/write.lock", "deep/store/gen-000002/data.mdb"} <= found.keys()
    for name, mode in found.items():
        assert mode == (0o700 if (directory / name).is_dir() else 0o600), name


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_what_is_exported_has_the_permissions_that_its_owner_wants(directory: Path, mask: int) -> None:
    from pithstore.export.new_file import new_file

    directory.mkdir()
    with umask(mask), new_file(str(directory / "out")) as stream:
        stream.write(b"x")
    assert modes(directory)["out"] == 0o666 & ~mask


@pytest.mark.parametrize("target", ["nowhere", "elsewhere"])
@pytest.mark.parametrize("slash", ["", "/"])
def test_a_store_is_not_created_at_the_end_of_a_link(tmp_path: Path, target: str, slash: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "store").symlink_to(tmp_path / target)
    with refused(UsageError, tmp_path / "store", "link"):
        LmdbEngine.create(f"{tmp_path / 'store'}{slash}", SPACES)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere", "store"]
    assert not any((tmp_path / "elsewhere").iterdir())


@pytest.mark.parametrize("name", PLANTED)
@pytest.mark.parametrize("target", ["nowhere", "file", "elsewhere"])
def test_a_link_that_was_planted_is_not_followed(directory: Path, name: str, target: str) -> None:
    outside = directory.parent / "outside"
    (outside / "elsewhere").mkdir(parents=True)
    (outside / "file").write_text("gen-000001\n")
    directory.mkdir()
    (directory / name).symlink_to(outside / target)
    before = contents(outside)
    with refused(UsageError, directory, name):
        LmdbEngine.create(directory, SPACES)
    assert contents(outside) == before
    assert [path.name for path in directory.iterdir()] == [name]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_what_somebody_else_planted_is_not_gone_on_with(directory: Path) -> None:
    directory.mkdir()
    (directory / "gen-000001").mkdir()
    os.chown(directory / "gen-000001", 12345, 12345)
    with refused(UsageError, directory, "gen-000001"):
        LmdbEngine.create(directory, SPACES)


def test_a_store_that_is_there_may_be_reached_through_a_link(directory: Path) -> None:
    LmdbEngine.create(directory, SPACES).close()
    link = directory.parent / "link"
    link.symlink_to(directory)
    with closing(LmdbEngine.open(link, SPACES)) as engine:
        engine.update(bump)
    with open_store(directory.parent / "real", create=True):
        pass
    (directory.parent / "other").symlink_to("real")
    with open_store(directory.parent / "other", create=True) as store:
        assert store.put(record()).stored


@pytest.mark.parametrize("name", ["write.lock", "RECEIPT"])
def test_a_link_in_place_of_a_file_of_a_store_is_not_written_through(directory: Path, name: str) -> None:
    LmdbEngine.create(directory, SPACES).close()
    outside = directory.parent / "outside"
    outside.write_text("precious")
    (directory / name).unlink(missing_ok=True)
    (directory / name).symlink_to(outside)
    with suppress(PithstoreError), closing(LmdbEngine.open(directory, SPACES)) as engine:
        engine.update(bump)
    assert outside.read_text() == "precious"
