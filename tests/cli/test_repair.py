"""`pithstore repair`: what it prints, with which code it ends, and stores that do not open any more."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import ARXIV, HISTORY, ROR, SEED, Pithstore, check_refusal
from tests.cli.test_shapes import break_a_blob, check_shape, shapes
from tests.engine.lmdb_stores import data_file


@pytest.fixture
def full(pithstore: Pithstore, store: Path) -> Path:
    assert pithstore("put", SEED, HISTORY).code == 0
    assert pithstore("backup", "copy").code == 0
    assert pithstore("export", "--archive", "copy.zst").code == 0
    return store


@pytest.mark.parametrize("copy", ["copy", "copy.zst"])
def test_from_a_store_or_an_archive(pithstore: Pithstore, full: Path, copy: str) -> None:
    was = pithstore("get", ARXIV)
    break_a_blob(full)
    assert pithstore("get", ARXIV).code == 12
    done = pithstore("repair", "--from", copy)
    assert (done.code, done.err) == (0, "")
    assert done.lines[-1].startswith("ok: 9 versions")
    assert any(line.startswith("mended: ") and line.endswith(" blob-damaged") for line in done.lines), done.lines
    assert pithstore("get", ARXIV) == was
    assert pithstore("verify").code == 0
    assert pithstore("repair", "--from", copy).lines == done.lines[-1:]


def test_json(pithstore: Pithstore, full: Path) -> None:
    (shape,) = shapes("repair")
    (report,) = pithstore("repair", "--json").values
    check_shape(report, shape)
    assert (report["ok"], report["mended"], report["taken"], report["setback"]) == (True, {}, 0, None)
    break_a_blob(full)
    broken = pithstore("repair", "--json")
    assert broken.code == 1
    check_shape(broken.values[0], shape)
    assert broken.values[0]["ok"] is False
    assert broken.values[0]["problems"]
    (report,) = pithstore("repair", "--from", "copy", "--json").values
    check_shape(report, shape)
    assert (report["ok"], report["problems"]) == (True, [])
    assert report["mended"]


def test_without_a_copy_what_is_lost_is_said(pithstore: Pithstore, full: Path) -> None:
    break_a_blob(full)
    done = pithstore("repair")
    assert done.code == 1
    assert any(line.startswith("still broken: ") for line in done.lines)
    assert "--from" in done.lines[-1]


@pytest.mark.usefixtures("full")
def test_refusals(pithstore: Pithstore, tmp_path: Path) -> None:
    check_refusal(pithstore("repair", "--from", ".pithstore"), 2, "the store itself")
    check_refusal(pithstore("repair", "--from", "nowhere"), 10, "nowhere")
    check_refusal(pithstore("--store", "nowhere", "repair"), 10, "nowhere")
    (tmp_path / "torn").write_bytes((tmp_path / "copy.zst").read_bytes()[:-20])
    assert pithstore("repair", "--from", "torn").code not in (0, 1)
    assert pithstore("verify").code == 0


@pytest.fixture
def older(pithstore: Pithstore, store: Path, tmp_path: Path) -> Path:
    """A store whose data file was put back from before its history was put."""
    assert pithstore("put", SEED).code == 0
    shutil.copy(data_file(store), tmp_path / "older.mdb")
    assert pithstore("put", HISTORY).code == 0
    assert pithstore("backup", "copy").code == 0
    shutil.copy(tmp_path / "older.mdb", data_file(store))
    check_refusal(pithstore("ls"), 12, "older than its receipt", "pithstore repair")
    return store


@pytest.mark.usefixtures("older")
def test_an_older_state_is_gone_on_with(pithstore: Pithstore) -> None:
    done = pithstore("repair")
    assert (done.code, done.err) == (0, "")
    assert "is gone on with: 1 commits are missing" in done.lines[0]
    assert done.lines[-1].startswith("ok: 1 versions")
    assert pithstore("verify").code == 0
    assert pithstore("log", ROR).code == 4
    assert pithstore("put", HISTORY).code == 0


@pytest.mark.usefixtures("older")
def test_what_an_older_state_lacks_comes_from_a_copy(pithstore: Pithstore) -> None:
    (report,) = pithstore("repair", "--from", "copy", "--json").values
    check_shape(report, shapes("repair")[0])
    assert (report["ok"], report["missing_commits"], report["brought"]) == (True, 1, 8)
    for command in (("log", ROR), ("get", f"{ROR}@2"), ("ls",), ("verify",), ("log", "--json", ARXIV)):
        assert pithstore("--store", "copy", *command) == pithstore(*command)


def test_an_older_state_that_is_damaged_too(pithstore: Pithstore, older: Path) -> None:
    """Its structure is walked before anything is accepted; nothing is changed."""
    file = data_file(older)
    file.write_bytes(file.read_bytes()[:-8192])
    before = {path: path.read_bytes() for path in older.rglob("*") if path.is_file()}
    check_refusal(pithstore("repair"), 12, "salvage")
    assert before == {path: path.read_bytes() for path in before}
