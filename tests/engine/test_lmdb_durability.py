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
    fsync, rename = os.fsync, os.rename

    def synced(descriptor: int) -> None:
        fsync(descriptor)
        steps.append(f"sync {os.readlink(f'/proc/self/fd/{descriptor}')}")

    def renamed(old: str, new: str) -> None:
        rename(old, new)
        steps.append(f"rename to {new}")

    store = tmp_path / "store"
    with closing(LmdbEngine.create(store, ["space"])) as engine, closing(engine.successor()) as successor:
        monkeypatch.setattr(os, "fsync", synced)
        monkeypatch.setattr(os, "rename", renamed)
        successor.take_over(lambda _, tx: steps.append(f"write {tx.create_many('space', [(b'key', b'value')])}"))
    before = {f"sync {name}" for name in (store / "gen-000002", store, store / "CURRENT.tmp")}
    moved = steps.index(f"rename to {store / 'CURRENT'}")
    assert steps[0] == "write 1"
    assert set(steps[1:moved]) == before
    assert steps[moved + 1 :] == [f"sync {store}"]
