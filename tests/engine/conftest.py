"""Stores on LMDB, and media to put them on."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pithstore.engine.lmdb import LmdbEngine
from pithstore.testing.engine_tests import SPACES, bump, put


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def engine(directory: Path) -> Iterator[LmdbEngine]:
    with closing(LmdbEngine.create(directory, SPACES)) as engine:
        yield engine


@pytest.fixture
def at_rest(directory: Path) -> Path:
    """A store of a few hundred KB that nobody has open."""
    with closing(LmdbEngine.create(directory, SPACES)) as engine:
        put(engine, *((b"%06d" % n, b"v" * 1000) for n in range(400)))
        engine.update(bump)
    return directory


@pytest.fixture
def mount() -> Iterator[Callable[..., None]]:
    """Mount as told, and unmount at the end; the test is skipped where that is not permitted."""
    mounted: list[str] = []

    def call(*arguments: str) -> None:
        done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"mount is not permitted here: {done.stderr.strip()}")
        mounted.append(arguments[-1])

    if shutil.which("mount") is None:
        pytest.skip("there is no mount here")
    yield call
    for target in dict.fromkeys(reversed(mounted)):
        subprocess.run(["umount", "--lazy", target], check=True)
