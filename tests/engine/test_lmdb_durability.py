"""What kill -9 cannot show: LMDB's own, durable defaults, and what is on the medium before CURRENT moves."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import lmdb
import pytest

from pithstore.engine.lmdb import LmdbEngine


def test_nothing_is_traded_for_durability(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flags: list[dict[str, bool]] = []
    versions: list[tuple[int, ...]] = []
    real = lmdb.open

    def opened(*arguments: object, **options: object) -> lmdb.Environment:
        environment = real(*arguments, **options)  # type: ignore[arg-type]
        flags.append(dict(environment.flags()))  # type: ignore[arg-type]
        versions.append(environment.lib_version())
        return environment

    monkeypatch.setattr(lmdb, "open", opened)
    with closing(LmdbEngine.create(tmp_path / "store", ["space"])) as engine, closing(engine.successor()):
        pass
    LmdbEngine.open(tmp_path / "store", ["space"], readonly=True).close()
    assert len(flags) == 4
    for found in flags:
        durable = {"sync": True, "metasync": True, "writemap": False, "map_async": False, "lock": True}
        assert {name: found[name] for name in durable} == durable
    assert {version[:2] for version in versions} == {(0, 9)}


def test_all_is_on_the_medium_before_current_moves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power loss just after the move must find all that CURRENT leads to: its own text, and every name."""
    if not Path("/proc/self/fd").exists():
        pytest.skip("this system does not tell the name of an open file")
    steps: list[str] = []
    fsync, fdatasync, pwrite, rename = os.fsync, os.fdatasync, os.pwrite, os.rename

    def name(descriptor: int) -> str:
        return os.readlink(f"/proc/self/fd/{descriptor}")

    def synced(descriptor: int) -> None:
        fsync(descriptor)
        steps.append(f"sync {name(descriptor)}")

    def synced_data(descriptor: int) -> None:
        fdatasync(descriptor)
        steps.append(f"sync {name(descriptor)}")

    def written(descriptor: int, data: bytes, at: int) -> int:
        if name(descriptor) != str(store / "write.lock"):
            steps.append(f"write {name(descriptor)}")
        return pwrite(descriptor, data, at)

    def renamed(old: str, new: str) -> None:
        rename(old, new)
        steps.append(f"rename to {new}")

    store = tmp_path / "store"
    with closing(LmdbEngine.create(store, ["space"])) as engine, closing(engine.successor()) as successor:
        monkeypatch.setattr(os, "fsync", synced)
        monkeypatch.setattr(os, "fdatasync", synced_data)
        monkeypatch.setattr(os, "pwrite", written)
        monkeypatch.setattr(os, "rename", renamed)
        successor.take_over(lambda _, tx: steps.append(f"write {tx.create_many('space', [(b'key', b'value')])}"))
    before = {f"sync {name}" for name in (store / "gen-000002", store, store / "CURRENT.tmp")}
    moved = steps.index(f"rename to {store / 'CURRENT'}")
    assert steps[0] == "write 1"
    assert set(steps[1:moved]) == before
    receipt = store / "RECEIPT"
    noted = [f"write {receipt}", f"sync {receipt}"]  # after CURRENT, or it knows of more than CURRENT leads to
    assert steps[moved + 1 :] == [f"sync {store}", *noted, f"sync {receipt}"]


def test_what_was_noted_is_synced_when_a_writer_closes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not with each commit, which is too dear, and not by whoever wrote nothing."""
    synced: list[int] = []
    LmdbEngine.create(tmp_path / "store", ["space"]).close()
    monkeypatch.setattr(os, "fdatasync", lambda descriptor: synced.append(os.fstat(descriptor).st_ino))
    LmdbEngine.open(tmp_path / "store", ["space"]).close()
    with closing(LmdbEngine.open(tmp_path / "store", ["space"])) as engine:
        for number in range(3):
            engine.update(lambda tx, number=number: tx.put_many("space", [(b"key", b"%d" % number)]))  # type: ignore[misc]
        assert synced == []
    assert synced == [(tmp_path / "store" / "RECEIPT").stat().st_ino]
