"""`log -p` and `--stat`: what a diff of each version with the one before shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import HISTORY, ROR, Pithstore, check_refusal


@pytest.fixture(autouse=True)
def history(pithstore: Pithstore, store: Path) -> None:
    assert pithstore("put", HISTORY).code == 0


def numbers(pithstore: Pithstore, *options: str) -> list[int]:
    return [int(str(entry["number"])) for entry in pithstore("log", ROR, "--json", *options).values]


def test_a_patch_of_each_version_is_the_diff_with_the_one_before(pithstore: Pithstore) -> None:
    shown = pithstore("log", "-p", ROR).text
    for number in range(2, 9):
        diff = pithstore("diff", f"{ROR}@{number - 1}", f"{ROR}@{number}").text
        body = diff.split("\n", 3)[3]  # below the headings and the count of what is the same
        assert f"@{number}  " in shown
        assert body in shown
    assert shown.startswith("@1  ")


def test_changes_in_json_are_those_of_the_diff(pithstore: Pithstore) -> None:
    first, *others = pithstore("log", "-p", ROR, "--json").values
    assert first["changes"] is None
    for entry in others:
        number = int(str(entry["number"]))
        diff = pithstore("diff", f"{ROR}@{number - 1}", f"{ROR}@{number}", "--json").values
        assert entry["changes"] == diff
        assert entry["changed"] == sorted({str(change["section"]) for change in diff})


def test_only_the_sections_that_are_asked_for_are_shown(pithstore: Pithstore) -> None:
    entries = pithstore("log", "-p", ROR, "--json", "--section", "relationships", "--section", "links").values
    shown = {change["section"] for entry in entries[1:] for change in entry["changes"]}  # type: ignore[attr-defined]
    assert shown == {"relationships", "links"}
    text = pithstore("log", "-p", ROR, "--section", "relationships").text
    assert "/source/version" not in text
    assert "/relationships/2" in text


def test_of_one_builder_the_version_before_is_its_own(pithstore: Pithstore) -> None:
    entries = pithstore("log", "-p", ROR, "--json", "--builder", "ror-schema-1.0").values
    assert [entry["number"] for entry in entries] == [1, 2, 4, 6, 8]
    diff = pithstore("diff", f"{ROR}@2", f"{ROR}@4", "--json").values
    assert entries[2]["changes"] == diff


def test_the_stat_of_each_version_is_that_of_the_diff(pithstore: Pithstore) -> None:
    shown = pithstore("log", "--stat", ROR, "--oneline").text
    for number in range(2, 9):
        assert f"{ROR}@{number - 1}" not in shown
        summary = pithstore("diff", f"{ROR}@{number - 1}", f"{ROR}@{number}", "--stat").lines[-1]
        changes = summary.partition(" in ")[0]
        assert changes in shown


def test_since_and_until_are_moments_of_observation(pithstore: Pithstore) -> None:
    assert numbers(pithstore, "--since", "2000-01-01") == list(range(1, 9))
    assert numbers(pithstore, "--until", "2000-01-01") == []
    assert numbers(pithstore, "--since", "2000-01-01", "--section", "names") == [3, 4, 5, 6, 7, 8]


def test_a_stat_has_no_json(pithstore: Pithstore) -> None:
    check_refusal(pithstore("log", "--stat", ROR, "--json"), 2, "--stat", "-p")
