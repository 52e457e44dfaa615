from __future__ import annotations

from pathlib import Path

from pithstore.engine import Engine
from pithstore.engine.memory import MemoryEngine
from pithstore.testing.contract import EngineContract


class TestMemoryEngine(EngineContract):
    shared_between_processes = False

    @staticmethod
    def open(directory: Path, spaces: tuple[str, ...]) -> Engine:
        return MemoryEngine(spaces)
