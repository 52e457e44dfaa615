"""`pithstore backup`."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from pithstore import store as stores
from tests.cli.conftest import (
    ARXIV,
    HISTORY,
    ROR,
    SEED,
    Pithstore,
    check_refusal,
    finish,
    on_a_terminal,
    spawn,
    wait_until,
)
from tests.cli.records import record
from tests.cli.test_shapes import break_a_blob, check_shape, shapes


@pytest.fixture
def full(pithstore: Pithstore, store: Path) -> Path:
    assert pithstore("put", SEED, HISTORY).code == 0
    return store


def test_a_backup_is_a_store_that_says_the_same(pithstore: Pithstore, full: Path) -> None:
    done = pithstore("backup", "copy")
    assert done.code == 0
    assert done.lines[0] == "9 versions of 2 sources copied; 0 were there"
    assert done.lines[1].startswith("ok: ")
    for command in (("log", ROR), ("get", f"{ROR}@2"), ("ls",), ("verify",), ("log", "--json", ARXIV)):
        assert pithstore("--store", "copy", *command) == pithstore(*command)
    assert pithstore("backup", "copy").lines[0] == "0 versions of 0 sources copied; 9 were there"


def test_the_report_has_the_names_of_the_reference(pithstore: Pithstore, full: Path) -> None:
    (shape,) = shapes("backup")
    for versions in (9, 0):
        (report,) = pithstore("backup", "copy", "--json").values
        check_shape(report, shape)
        assert (report["ok"], report["versions"], report["present"]) == (True, versions, 9 - versions)


def test_what_is_damaged_is_said_and_the_rest_is_copied(pithstore: Pithstore, full: Path) -> None:
    break_a_blob(full)
    done = pithstore("backup", "copy", "--json")
    assert done.code == 1
    report = json.loads(done.out)
    (problem,) = report["problems"]
    assert (problem["code"], problem["source"], problem["number"]) == ("copy-stopped", ARXIV, 1)
    assert (report["ok"], report["versions"]) == (False, 8)
    done = pithstore("backup", "copy")
    assert done.code == 1
    assert f"{ARXIV} is copied up to what is damaged: {ARXIV} version 1" in done.lines[0]
    assert done.lines[-1] == "the copy does not have every version of the store; mend it and back up again"
    assert pithstore("--store", "copy", "verify").code == 0
    assert pithstore("put", SEED, "--again").code == 0
    assert pithstore("backup", "copy").lines[0] == "1 version of 1 source copied; 8 were there"


def test_another_store_is_refused(pithstore: Pithstore, full: Path) -> None:
    check_refusal(pithstore("backup", full), 2, "is the store itself")
    assert pithstore("--store", "other", "init", "--nesting", "9").code == 0
    check_refusal(pithstore("backup", "other"), 2, "other", "another profile or other limits")
    assert pithstore("--store", "third", "init").code == 0
    assert pithstore("--store", "third", "put", HISTORY).code == 0
    check_refusal(pithstore("backup", "third"), 2, "third", "not a backup of this store", ROR)
    check_refusal(pithstore("backup", SEED), 2, "cannot be a directory")
    check_refusal(pithstore("backup", "sftp://host/x"), 2, "give the path of a directory")


@pytest.fixture
def many(pithstore: Pithstore, store: Path, tmp_path: Path) -> Path:
    path = tmp_path / "many.jsonl"
    path.write_bytes(b"\n".join(record(n, noise=os.urandom(600).hex()) for n in range(3000)))
    assert pithstore("put", path).code == 0
    return store


@pytest.mark.process
def test_a_backup_shows_how_far_it_has_come(many: Path) -> None:
    done = on_a_terminal("--store", many, "backup", many.parent / "copy")
    assert done.code == 0
    assert b"backup" in done.out
    assert b"100%" in done.out


@pytest.mark.process
def test_ctrl_c_leaves_a_copy_that_is_gone_on_with(pithstore: Pithstore, many: Path, tmp_path: Path) -> None:
    child = spawn("--store", many, "backup", tmp_path / "copy")
    wait_until(lambda: (tmp_path / "copy" / "CURRENT").exists())
    child.send_signal(signal.SIGINT)
    done = finish(child)
    assert done.code in (0, 130)
    if done.code == 130:
        assert "interrupted" in done.err
    assert pithstore("--store", tmp_path / "copy", "verify").code == 0
    assert pithstore("backup", tmp_path / "copy").code == 0
    stat, copied = (pithstore("--store", each, "stat", "--json").values[0] for each in (many, tmp_path / "copy"))
    assert {**stat, "stored_bytes": 0} == {**copied, "stored_bytes": 0}


def test_the_words_on_an_interruption(pithstore: Pithstore, full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(stores.Store, "backup", interrupted)
    done = pithstore("backup", "copy")
    assert done.code == 130
    assert "what was copied stays in copy; the next backup goes on behind it" in done.err
