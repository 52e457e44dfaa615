"""The script that reads a store without pithstore says of every version what pithstore says."""

from __future__ import annotations

import ast
import subprocess
import sys
import tarfile
from pathlib import Path
from unittest.mock import patch

import pytest

from pithstore.compaction import dictionary
from pithstore.engine.lmdb import LmdbEngine
from pithstore.keys import DICTIONARIES, SPACES, TAIL
from pithstore.references import read_ref
from pithstore.store import Store
from pithstore.store import open as open_store
from tests.store.compacting import AFTER, BEFORE, make_steps_small, put_all
from tests.store.shelves import entries_of, put_entry

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "docs" / "read_store.py"


def read_by_hand(path: Path) -> list[tuple[object, int, str, str]]:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(path)], capture_output=True, check=True, text=True, timeout=60
    )
    lines = [line.split(" ") for line in done.stdout.splitlines()]
    return sorted((read_ref(source).source, int(number), digest, word) for source, number, digest, word in lines)


def said(store: Store) -> list[tuple[object, int, str, str]]:
    """What pithstore says of each version."""
    return sorted(
        (source, version.number, str(version.snapshot), "ok")
        for source in store.sources()
        for version in store.history(source)
    )


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store with everything that the format knows: tails, manifests, runs, frames, a dictionary."""
    make_steps_small(monkeypatch)
    path = tmp_path / "store"
    with open_store(path, create=True) as store, patch.object(dictionary, "_LEAST", 256):
        put_all(store, BEFORE)
        store.compact()
        put_all(store, AFTER)
        assert entries_of(store._engine)[DICTIONARIES]
    return path


@pytest.mark.process
def test_it_reads_what_pithstore_reads(path: Path) -> None:
    with open_store(path, readonly=True) as store:
        assert read_by_hand(path) == said(store) != []


@pytest.mark.process
def test_it_reads_the_store_of_the_first_release(tmp_path: Path) -> None:
    with tarfile.open(ROOT / "tests" / "fixtures" / "format-2.tar.gz") as tar:
        tar.extractall(tmp_path, filter="data")
    found = read_by_hand(tmp_path / "format-2")
    with open_store(tmp_path / "format-2", readonly=True) as store:
        assert found == said(store)


@pytest.mark.process
def test_it_tells_what_was_erased(path: Path) -> None:
    with open_store(path) as store:
        store.erase("k:1", reason="a court said so")
        erased = {version.number for version in store.history("k:1")}
        found = read_by_hand(path)
    assert {number for source, number, _, word in found if word == "erased"} == erased
    assert "WRONG" not in {word for *_, word in found}


@pytest.mark.process
def test_it_tells_wrong_bytes(path: Path) -> None:
    engine = LmdbEngine.open(path, SPACES)
    value = bytearray(entries_of(engine)[TAIL][last := max(entries_of(engine)[TAIL])])
    value[-20] ^= 1  # the end of the last blob
    put_entry(engine, TAIL, (last, bytes(value)))
    engine.close()
    assert [word for *_, word in read_by_hand(path)].count("WRONG") == 1


def test_it_needs_no_pithstore() -> None:
    tree = ast.parse(SCRIPT.read_text())
    imported = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported - set(sys.stdlib_module_names) == {"lmdb", "zstandard"}
