"""What expands to much is refused, or read in pieces: memory stays bounded, and the error says what is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pithstore.limits import MAX_RECORD_BYTES
from tests.store import bomb_memory

MOST = 8 * MAX_RECORD_BYTES
"""Bytes: a line of an archive has at most two records, a buffer that grows is there twice for a moment."""

SAID = {
    "a frame that holds more than it says": "Damaged: a frame cannot be expanded",
    "a long frame that holds more than it says": "Damaged: a frame has not the length that it says",
    "a frame that says a gigabyte and holds little": "Damaged: a frame has not the length that it says",
    "a frame that says more than its bytes can hold": "Damaged: a frame of 13 bytes says that it becomes",
    "a frame that says more than any holds": "Damaged: a frame says that it has 1099511627776 bytes",
    "a frame that says its size twice": "Damaged: a frame says its length twice",
    "a zstd of one line": f"a record of {MAX_RECORD_BYTES + 1} bytes",
    "a zstd of empty lines": "a record of 0 bytes",
    "a zstd of a line and empty lines": "a record of 2 bytes",
    "a gzip of one line": f"a record of {MAX_RECORD_BYTES + 1} bytes",
    "a gzip of empty lines": "a record of 0 bytes",
    "an archive whose header does not end": "archive.zst:1: the line has more than 1048576 bytes",
    "an archive of one line": "archive.zst:2: the line has more than 34603008 bytes",
    "an archive of empty lines": "archive.zst:2: this is not spelled as an archive spells a version",
}


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, int]]:
    command = [sys.executable, "-m", bomb_memory.__name__, str(tmp_path_factory.mktemp("bombs"))]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, capture_output=True, check=True, timeout=200, cwd=root)
    measured: dict[str, tuple[str, int]] = json.loads(done.stdout)
    return measured


@pytest.mark.process
@pytest.mark.parametrize("name", bomb_memory.BOMBS)
def test_a_bomb_takes_bounded_memory_and_is_named(name: str, figures: dict[str, tuple[str, int]]) -> None:
    said, grown = figures[name]
    assert SAID[name] in said
    assert grown < MOST < bomb_memory.EXPANDED // 3


@pytest.mark.process
def test_the_measure_sees_memory(figures: dict[str, tuple[str, int]]) -> None:
    assert max(grown for _, grown in figures.values()) > 2 * MAX_RECORD_BYTES
