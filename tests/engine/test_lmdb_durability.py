"""What kill -9 cannot show: the environment is opened with LMDB's own, durable defaults."""

from __future__ import annotations

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
    LmdbEngine.create(tmp_path / "store", ["space"]).close()
    LmdbEngine.open(tmp_path / "store", ["space"], readonly=True).close()
    assert len(flags) == 3
    for found in flags:
        durable = {"sync": True, "metasync": True, "writemap": False, "map_async": False, "lock": True}
        assert {name: found[name] for name in durable} == durable
    assert {version[:2] for version in versions} == {(0, 9)}
