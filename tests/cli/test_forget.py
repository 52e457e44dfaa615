"""`pithstore forget` and `pithstore gc`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import ARXIV, HISTORY, ROR, SEED, Pithstore, check_refusal, on_a_terminal
from tests.cli.test_shapes import check_shape, shapes


@pytest.fixture
def full(pithstore: Pithstore, store: Path) -> Path:
    assert pithstore("put", "--at", "2026-06-10", SEED, HISTORY).code == 0
    return store


def numbers(pithstore: Pithstore) -> list[object]:
    return [version["number"] for version in pithstore("log", ROR, "--json").values]


@pytest.mark.usefixtures("full")
def test_a_dry_run_says_what_forget_then_does(pithstore: Pithstore) -> None:
    before = numbers(pithstore)
    would = pithstore("forget", "--keep-last", "1", "--dry-run", "--json")
    assert numbers(pithstore) == before
    done = pithstore("forget", "--keep-last", "1", "--json")
    assert (would.code, done.code) == (0, 0)
    assert would.out == done.out
    assert (done.values[0]["source"], done.values[0]["number"]) == (ROR, 1)
    assert numbers(pithstore) == [n for n in before if n not in {value["number"] for value in done.values}]
    assert "forgotten; 'pithstore gc'" in done.err
    nothing = pithstore("forget", "--keep-last", "1")
    assert (nothing.code, nothing.out, nothing.err) == (0, b"", "there is nothing to forget\n")
    for value in done.values:
        check_shape(value, shapes("forget")[0])


@pytest.mark.usefixtures("full")
def test_rules_keep_to_what_is_named(pithstore: Pithstore) -> None:
    assert pithstore("forget", "--before", "2026-06-11", "--source", ARXIV).out == b""
    assert pithstore("forget", "--before", "2026-06-10").out == b""
    assert len(pithstore("forget", "--before", "2026-06-11", "--source", ROR, "--source", ARXIV).lines) > 2


@pytest.mark.usefixtures("full")
def test_all_of_a_source_may_be_named(pithstore: Pithstore) -> None:
    done = pithstore("forget", f"{ARXIV}@1", f"{ARXIV}@builder=pith-1", f"{ARXIV}@-0")
    assert done.code == 4  # one of them is not there: nothing is forgotten
    assert pithstore("get", ARXIV).code == 0
    assert pithstore("forget", f"{ARXIV}@1", f"{ARXIV}@-0").err.startswith("1 version of 1 source forgotten")
    check_refusal(pithstore("get", ARXIV), 4, "every version", "forgotten", "number 2")
    assert pithstore("ls").lines == [ROR]
    assert pithstore("verify").code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "say which versions"),
        ((ROR,), "names no version"),
        ((f"{ROR}@1#names",), "names no version"),
        (("--keep-last", "1", f"{ROR}@1"), "say which versions"),
        (("--keep-last", "1", "--before", "2026-01-01"), "one of them at a time"),
        (("--keep-last", "0"), "--keep-last"),
        (("--before", "yesterday"), "yesterday"),
        (("--source", ROR), "say which versions"),
        (("--source", ROR, f"{ROR}@1"), "leave out the sources"),
        (("--keep-last", "1", "--source", f"{ROR}@1"), "--source takes a source"),
    ],
)
@pytest.mark.usefixtures("full")
def test_what_makes_no_sense_forgets_nothing(pithstore: Pithstore, arguments: tuple[str, ...], words: str) -> None:
    check_refusal(pithstore("forget", *arguments), 2, words)
    assert len(numbers(pithstore)) == 8


@pytest.mark.usefixtures("full")
def test_gc_says_what_it_then_removes(pithstore: Pithstore) -> None:
    assert pithstore("gc").lines == ["everything is reached; there is nothing to remove"]
    pithstore("forget", f"{ROR}@1", f"{ROR}@2")
    before = pithstore("stat", "--json").values[0]
    (would,) = pithstore("gc", "--json").values
    assert pithstore("stat", "--json").values[0] == before
    (done,) = pithstore("gc", "--apply", "--json").values
    assert done == {**would, "applied": True}
    check_shape(done, shapes("gc")[0])
    after = pithstore("stat", "--json").values[0]
    assert after["blobs"] == before["blobs"] - done["blobs"]  # type: ignore[operator]
    assert after["unique_bytes"] == before["unique_bytes"] - done["blob_bytes"]  # type: ignore[operator]
    assert pithstore("gc").lines == ["everything is reached; there is nothing to remove"]
    assert pithstore("verify").code == 0


@pytest.mark.usefixtures("full")
def test_on_a_terminal_gc_shows_how_far_it_is(pithstore: Pithstore) -> None:
    pithstore("forget", f"{ROR}@1")
    shown = on_a_terminal("gc", "--apply").out
    assert b"100%" in shown
    assert b"removed" in shown
