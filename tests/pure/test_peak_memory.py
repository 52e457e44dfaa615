"""No text of at most the record limit takes more than 40 times as much, whatever it holds."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.pure import peak_memory

LIMIT = 2 * 1024 * 1024
MOST = 40


@pytest.fixture(scope="module")
def figures() -> dict[str, float]:
    command = [sys.executable, peak_memory.__file__, str(LIMIT)]
    measured: dict[str, float] = json.loads(
        subprocess.run(command, capture_output=True, check=True, timeout=200).stdout
    )
    return measured


@pytest.mark.process
@pytest.mark.parametrize("name", peak_memory.TEXTS)
def test_a_hostile_text_takes_a_bounded_multiple_of_the_limit(name: str, figures: dict[str, float]) -> None:
    assert figures[name] < MOST


@pytest.mark.process
def test_the_measure_sees_memory(figures: dict[str, float]) -> None:
    assert max(figures.values()) > 10
    assert figures["over the limit"] < 1
