from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pithstore.store import Store
from tests.store.shelves import ENGINES, EngineName, new_store


@pytest.fixture(params=ENGINES)
def engine_name(request: pytest.FixtureRequest) -> EngineName:
    name: EngineName = request.param
    return name


@pytest.fixture
def store(engine_name: EngineName, tmp_path: Path) -> Iterator[Store]:
    """A new store on each engine."""
    with new_store(engine_name, tmp_path / "store") as store:
        yield store
