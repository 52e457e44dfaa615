from __future__ import annotations

from pathlib import Path

from pithstore.engine import Engine
from pithstore.engine.lmdb import LmdbEngine
from pithstore.testing.contract import EngineContract


class TestLmdbEngine(EngineContract):
    shared_between_processes = True

    @staticmethod
    def open(directory: Path, spaces: tuple[str, ...]) -> Engine:
        if directory.exists():
            return LmdbEngine.open(directory, spaces)
        return LmdbEngine.create(directory, spaces)
