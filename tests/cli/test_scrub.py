"""Verify that is quick or deep, and scrub: what is shown, how it stops, and what a store that cannot open says."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from pithstore import scrub
from pithstore.engine import View
from pithstore.engine.lmdb import LmdbEngine
from pithstore.keys import BLOBS, LATER_SPACES, SPACES
from pithstore.verifying import loose
from pithstore.verifying.found import Found
from tests.cli.conftest import ARXIV, HISTORY, ROR, SEED, Pithstore, check_refusal


@pytest.fixture
def filled(pithstore: Pithstore, store: Path) -> Path:
    assert pithstore("put", SEED, HISTORY).code == 0
    return store


def damage(store: Path) -> str:
    """Damage where the blob lies that most versions use; its digest."""
    engine = LmdbEngine.open(store, SPACES, later=LATER_SPACES)
    items = engine.view(lambda view: view.scan(BLOBS, limit=1000))
    engine.update(lambda tx: tx.put_many(BLOBS, [(key, value[:-1]) for key, value in items]))
    engine.close()
    return items[0][0].hex()


def test_a_problem_is_shown_with_whom_it_affects_and_what_mends_it(pithstore: Pithstore, filled: Path) -> None:
    damage(filled)
    for command in ("verify", "scrub"):
        shown = pithstore(command)
        assert shown.code == 1
        listed = json.loads(pithstore(command, "--json").out)["problems"]
        by_code = {problem["code"]: problem for problem in listed}
        assert by_code["place-damaged"]["remedy"] in shown.text
        used = [problem["affected"] for problem in listed if len(problem["affected"]) > 5]
        assert used
        assert f"  affects {', '.join(used[0][:5])} and {len(used[0]) - 5} more" in shown.lines
        assert {ref for refs in used for ref in refs} <= {f"{ROR}@{n}" for n in range(1, 9)} | {f"{ARXIV}@1"}
        mends = [line for line in shown.lines if line.startswith("to mend ")]
        assert len(mends) == len({problem["remedy"] for problem in listed})
    assert pithstore("put", "--again", SEED, HISTORY).code == 0
    assert pithstore("verify").code == 0


def test_quick_and_deep_exclude_each_other(pithstore: Pithstore, filled: Path) -> None:
    check_refusal(pithstore("verify", "--quick", "--deep"), 2, "--quick", "--deep")


def test_quick_does_not_see_what_no_index_says(pithstore: Pithstore, filled: Path) -> None:
    damage(filled)
    quick = pithstore("verify", "--quick")
    assert (quick.code, quick.lines) == (0, ["ok: the index of 9 versions is sound; no blob was read"])


def data_file(store: Path) -> Path:
    (found,) = store.glob("gen-*/data.mdb")
    return found


def test_deep_tells_what_is_wrong_with_a_store_that_cannot_be_opened(pithstore: Pithstore, filled: Path) -> None:
    content = data_file(filled).read_bytes()
    data_file(filled).write_bytes(bytes(8192) + content[8192:])
    plain = pithstore("verify")
    check_refusal(plain, 12)
    deep = pithstore("verify", "--deep")
    assert deep.code == 12
    assert deep.lines[0].startswith("structure-damaged: ")
    assert deep.lines[-1].endswith("problems in the structure; nothing else was read")
    assert deep.err == plain.err
    assert any("pithstore salvage DIR" in line for line in deep.lines)
    report = json.loads(pithstore("verify", "--deep", "--json").out)
    assert not report["ok"]
    assert {problem["code"] for problem in report["problems"]} == {"structure-damaged"}


def test_deep_says_what_opening_says_where_the_structure_is_sound(pithstore: Pithstore, filled: Path) -> None:
    """An older copy, put back."""
    before = data_file(filled).read_bytes()
    assert pithstore("put", "-", input=b'{"source":{"kind":"k","id":"1"},"builder_version":"b"}').code == 0
    data_file(filled).write_bytes(before)
    deep = pithstore("verify", "--deep")
    check_refusal(deep, 12, "older")
    check_refusal(pithstore("--store", "absent", "verify", "--deep"), 10)


def test_scrub_goes_on_and_says_how_far_it_is(pithstore: Pithstore, filled: Path) -> None:
    versions, began = 0, set()
    while True:
        report = json.loads(pithstore("scrub", "--max-duration", "0s", "--json").out)
        versions += report["versions"]
        began.add(report["began"])
        if report["ended"]:
            break
    assert (versions, len(began)) == (9, 1)
    assert pithstore("scrub").lines[-1].endswith(" has ended")
    assert pithstore("scrub", "--max-duration", "0").lines[-1].endswith("; the next scrub goes on")
    assert pithstore("scrub", "--sample", "100%").lines[-1] == "a sample, of 100.0% of all versions"


@pytest.mark.parametrize(
    "given",
    [
        ("--max-duration", "soon"),
        ("--max-duration", ""),
        ("--sample", "1"),
        ("--sample", "0%"),
        ("--sample", "101%"),
    ],
)
def test_what_is_no_duration_or_share(pithstore: Pithstore, filled: Path, given: tuple[str, str]) -> None:
    check_refusal(pithstore("scrub", *given), 2, given[0])


def test_ctrl_c_stops_it_behind_a_page(
    pithstore: Pithstore, filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what was found until then is said."""
    damage(filled)
    look = loose.check_blobs_behind

    def press(view: View, after: bytes | None, found: Found) -> loose.Page | None:
        os.kill(os.getpid(), signal.SIGINT)
        return look(view, after, found)

    monkeypatch.setattr(scrub, "check_blobs_behind", press)
    done = pithstore("scrub")
    assert done.code == 130
    assert done.lines[-1].endswith("; the next scrub goes on")
    assert any(line.startswith("place-damaged: ") for line in done.lines)
    assert "interrupted" in done.err
    monkeypatch.undo()
    again = pithstore("scrub", "--store", filled)
    assert again.code == 1
    assert not any(line.startswith("place-damaged: ") for line in again.lines)  # it went on behind it


def test_ctrl_c_twice_is_as_ever(pithstore: Pithstore, filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def press(_view: View, _after: bytes | None, _found: Found) -> loose.Page | None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        return None

    monkeypatch.setattr(scrub, "check_blobs_behind", press)
    check_refusal(pithstore("scrub"), 130, "interrupted")
