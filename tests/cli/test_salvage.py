"""`pithstore salvage`: what it prints, and with which code it ends."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from tests.cli.conftest import ARXIV, HISTORY, ROR, SEED, Done, Pithstore, check_refusal, on_a_terminal
from tests.cli.test_shapes import check_shape, shapes
from tests.engine.lmdb_stores import data_file

PAGE = 4096


@pytest.fixture
def broken(pithstore: Pithstore, store: Path) -> Path:
    """A store that nothing opens any more."""
    assert pithstore("put", SEED, HISTORY).code == 0
    file = data_file(store)
    file.write_bytes(bytes(2 * PAGE) + file.read_bytes()[2 * PAGE :])
    assert pithstore("ls").code == 12
    return store


def without_body(store: Path, text: bytes) -> None:
    """Take a piece of a record out of the file, wherever it stands."""
    file = data_file(store)
    data = file.read_bytes()
    assert text in data
    file.write_bytes(data.replace(text, bytes(len(text))))


def answers(pithstore: Pithstore) -> list[Done]:
    commands = (("ls",), ("log", ROR), ("get", f"{ROR}@2"), ("get", ARXIV), ("verify",))
    return [pithstore("--store", "saved", *command) for command in commands]


@pytest.mark.usefixtures("broken")
def test_what_is_intact_is_saved_and_counted(pithstore: Pithstore) -> None:
    done = pithstore("salvage", "saved")
    assert (done.code, done.err) == (0, "")
    assert done.lines == ["saved 9 versions of 2 sources into saved; nothing is known to be lost"]
    assert {answer.code for answer in answers(pithstore)} == {0}
    again = pithstore("salvage", "again", "--json")
    check_shape(again.values[0], shapes("salvage")[0])
    assert again.values == [{"ok": True, "sources": 2, "versions": 9, "checks": 0, "configured": True, "lost": []}]


def test_what_is_lost_is_named(pithstore: Pithstore, broken: Path) -> None:
    without_body(broken, b'"id":"2606.09475"')
    done = pithstore("salvage", "saved")
    assert done.code == 1
    assert done.lines[-1].startswith("saved ")
    assert any(line.startswith(f"lost: {ARXIV} version 1 (") for line in done.lines), done.lines
    (report,) = pithstore("salvage", "again", "--json").values
    check_shape(report, shapes("salvage")[0])
    lost = report["lost"]
    assert isinstance(lost, list)
    for each in lost:
        check_shape(each, shapes("salvage")[1])


def test_a_place_that_is_taken_is_refused(pithstore: Pithstore, broken: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").touch()
    for place in ("taken", "taken/file", ".pithstore", ".pithstore/saved"):
        check_refusal(pithstore("salvage", place), 2, place)
    assert (tmp_path / "taken" / "file").exists()
    (tmp_path / "empty").mkdir()
    assert pithstore("salvage", "empty").code == 0
    assert pithstore("--store", "empty", "verify").code == 0


def test_nothing_to_read_is_said(pithstore: Pithstore, broken: Path, tmp_path: Path) -> None:
    check_refusal(pithstore("--store", "nowhere", "salvage", "saved"), 10, "nowhere")
    (tmp_path / "hollow").mkdir()
    check_refusal(pithstore("--store", "hollow", "salvage", "saved"), 10, "hollow")
    file = data_file(broken)
    for garbage in (b"", b"text", bytes(9 * PAGE)):
        file.write_bytes(garbage)
        check_refusal(pithstore("salvage", "saved"), 12, "data.mdb")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".pithstore", "hollow"]


def test_whoever_writes_is_not_disturbed(pithstore: Pithstore, broken: Path) -> None:
    with (broken / "write.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        check_refusal(pithstore("salvage", "saved"), 11, "writing")
    assert pithstore("salvage", "saved").code == 0


def test_lost_rules_are_said_and_replaced(pithstore: Pithstore, broken: Path) -> None:
    without_body(broken, b'{"limits":{')
    done = pithstore("salvage", "saved")
    assert done.code == 0
    assert "profile" in done.err
    assert pithstore("salvage", "again", "--json").values[0]["configured"] is False


@pytest.mark.usefixtures("broken")
def test_bars_show_on_a_terminal() -> None:
    done = on_a_terminal("salvage", "saved")
    assert done.code == 0
    for step in (b"look", b"index", b"rebuild", b"verify"):
        assert step in done.out
