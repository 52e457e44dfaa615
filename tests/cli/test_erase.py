"""`pithstore erase`, and what other commands say of what was erased."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import ARXIV, HISTORY, ROR, SEED, Pithstore, check_refusal
from tests.cli.test_shapes import check_shape, shapes
from tests.store.erasing_children import hold_open
from tests.store.test_processes import process, received


@pytest.fixture
def full(pithstore: Pithstore, store: Path) -> Path:
    assert pithstore("put", "--at", "2026-06-10", SEED, HISTORY).code == 0
    return store


@pytest.mark.usefixtures("full")
def test_what_was_erased_is_refused_by_all_who_need_it(pithstore: Pithstore, tmp_path: Path) -> None:
    number = pithstore("stat", "--json").values[0]["versions"]
    digest = next(row["digest"] for row in pithstore("ls", ARXIV, "--json").values if row["section"] == "claims")
    done = pithstore("erase", ARXIV, "--reason", "a court said so", "--json")
    assert done.code == 0
    (report,) = done.values
    check_shape(report, shapes("erase")[0])
    assert str(digest) in str(report["erased"])
    for command in (("get", ARXIV), ("get", f"{ARXIV}#claims"), ("cat", str(digest))):
        refused = pithstore(*command)
        assert (refused.code, refused.out) == (13, b"")
        assert "a court said so" in refused.err
    for command in (("log", ARXIV), ("ls", ARXIV), ("matrix", ARXIV), ("who", str(digest)), ("get", ROR)):
        assert pithstore(*command).code == 0
    assert pithstore("stat", "--json").values[0]["versions"] == number
    verified = pithstore("verify")
    assert verified.code == 0
    assert "a section that was erased" in verified.out.decode()
    again = pithstore("put", "--again", "--at", "2026-06-11", SEED, HISTORY)
    assert again.code == 3
    assert "refused, erased: this section was erased on" in again.err
    archive = pithstore("export", "--archive", str(tmp_path / "a.jsonl"))
    assert archive.code == 3
    assert "left out: " in archive.err
    nothing = pithstore("erase", ARXIV, "--reason", "another")
    assert nothing.code == 0
    assert nothing.out.startswith(b"0 sections (0 bytes) erased; ")


@pytest.mark.usefixtures("full")
def test_what_cannot_be_erased_is_said(pithstore: Pithstore) -> None:
    check_refusal(pithstore("erase", "arxiv:0000.00000", "--reason", "x"), 4, "arxiv:0000.00000")
    check_refusal(pithstore("erase", "0" * 64, "--reason", "x"), 4, "0" * 64)
    check_refusal(pithstore("erase", f"{ARXIV}@1", "--reason", "x"), 2, "erase a source")
    check_refusal(pithstore("erase", ARXIV, "--reason", " "), 2, "--reason")


@pytest.mark.process
def test_bytes_that_another_process_holds_are_said(pithstore: Pithstore, full: Path) -> None:
    with process(hold_open, full) as (_, pipe):
        received(pipe)
        done = pithstore("erase", ARXIV, "--reason", "a court said so")
        assert done.code == 11
        assert "another process still holds files" in done.err
    assert pithstore("erase", ARXIV, "--reason", "a court said so").code == 0
