"""`pithstore reproduce`: what it prints, its reports, and that it leaves nothing behind however it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

import pytest

from pithstore.engine.lmdb import LmdbEngine
from pithstore.keys import CHECKS, SPACES
from tests.cli.conftest import (
    ARXIV,
    HISTORY,
    SEED,
    Done,
    Pithstore,
    check_refusal,
    finish,
    on_a_terminal,
    spawn,
    wait_until,
)
from tests.cli.test_shapes import TYPES, section, shapes
from tests.cli.test_terminal import DANGEROUS, NASTY, nasty
from tests.fixtures.planted_builder import SECRET, record_of

__all__ = ["nasty"]

SCRIPT = Path(__file__).parent.parent / "fixtures" / "planted_builder.py"
SAME = f"cat '{SEED}'"
OTHER = f"sed 's/\"critical\": *0/\"critical\":1/' '{SEED}'"
TYPES_HERE = {**TYPES, "string or null": (str, type(None))}


@pytest.fixture
def planted(pithstore: Pithstore, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A store of what the planted builder makes of three sources; the command of that builder."""
    monkeypatch.delenv("PYTHONHASHSEED", raising=False)
    (tmp_path / "state").mkdir()
    path = tmp_path / "made.jsonl"
    path.write_text("\n".join(json.dumps(record_of({"kind": "k", "id": f"s{n}", "version": n})) for n in range(3)))
    assert pithstore("put", path).code == 0
    return f"'{sys.executable}' '{SCRIPT}' '{tmp_path / 'state'}'"


def shape_of(value: Mapping[str, object], shape: dict[str, str]) -> None:
    """Assert that an object has exactly these names, with values of these types."""
    assert list(value) == list(shape)
    for name, kind in shape.items():
        assert type(value[name]) in TYPES_HERE[kind], (name, value[name])


@pytest.mark.usefixtures("store")
def test_a_builder_that_still_makes_it_is_identical(pithstore: Pithstore) -> None:
    pithstore("put", SEED)
    for ref in (ARXIV, f"{ARXIV}@1", f"{ARXIV}@-0", f"{ARXIV}@builder=pith-number-builder-2026-05-17-v1"):
        done = pithstore("reproduce", ref, "--run", SAME)
        assert (done.code, done.err) == (0, "")
        assert done.lines == [
            f"{ARXIV}@1  identical",
            "1 version: 1 identical, 0 differs, 0 nondeterministic, 0 failed",
        ]


@pytest.mark.usefixtures("store")
def test_another_record_differs_with_the_diff_under_it(pithstore: Pithstore) -> None:
    pithstore("put", SEED)
    done = pithstore("reproduce", ARXIV, "--run", OTHER)
    assert done.code == 1
    assert done.lines == [
        f"{ARXIV}@1  differs in integrity",
        "    ~ /integrity/summary/critical",
        "        - 0",
        "        + 1",
        "1 version: 0 identical, 1 differs, 0 nondeterministic, 0 failed",
    ]
    done = pithstore("reproduce", ARXIV, "--run", OTHER, "--ignore", "/integrity/summary/critical")
    assert done.code == 0
    assert done.lines[0] == f"{ARXIV}@1  identical; ignored /integrity/summary/critical"


@pytest.mark.process
def test_another_builder_is_named(pithstore: Pithstore, planted: str) -> None:
    done = pithstore("reproduce", "k:s0", "--run", f"{planted} other-builder")
    assert done.code == 0
    assert done.lines[0] == "k:s0@1  identical; made by builder-1, now by builder-2"


@pytest.mark.process
def test_nondeterminism_is_found_by_running_twice(pithstore: Pithstore, planted: str) -> None:
    done = pithstore("reproduce", "k:s1", "k:s0", "--twice", "--run", f"{planted} float-noise missing-section")
    assert done.code == 1
    noise = ["~ /score/mean", "    - 0.6000000000000001", "    + 0.6"]
    assert [line.removeprefix("    ") for line in done.lines[1:4]] == ["- /notes", done.lines[2][4:], noise[0]]
    assert done.lines[0] == "k:s1@1  nondeterministic in notes, score"
    assert [line[4:] for line in done.lines[3:6]] == noise
    assert done.lines[-1] == "2 versions: 0 identical, 0 differs, 2 nondeterministic, 0 failed"


@pytest.mark.process
def test_a_builder_that_fails_shows_what_it_said_last(pithstore: Pithstore, planted: str) -> None:
    done = pithstore("reproduce", "k:s0", "--run", f"{planted} exit")
    assert done.code == 1
    assert done.lines == [
        "k:s0@1  failed: exit status 1",
        "    | first line",
        f"    | no luck with {SECRET}\\x1b[31m",
        "1 version: 0 identical, 0 differs, 0 nondeterministic, 1 failed",
    ]
    (value,) = pithstore("reproduce", "k:s0", "--json", "--run", f"{planted} sleep", "--timeout", "0.3").values
    assert (value["verdict"], value["failure"], value["why"]) == (
        "failed",
        "time-out",
        "not done within 0.3 s; ended",
    )


@pytest.mark.process
def test_one_after_the_other_and_beside_each_other_say_the_same(pithstore: Pithstore, planted: str) -> None:
    refs = ("k:s2", "k:s0", "k:s1", "k:s0@1")
    one = pithstore("reproduce", *refs, "--run", f"{planted} other-builder")
    many = pithstore("reproduce", *refs, "--run", f"{planted} other-builder", "--jobs", "3")
    assert one == many
    assert [line.partition(" ")[0] for line in one.lines[:-1]] == ["k:s2@1", "k:s0@1", "k:s1@1", "k:s0@1"]


@pytest.mark.usefixtures("store")
def test_a_long_diff_is_cut_and_its_json_is_not(pithstore: Pithstore, tmp_path: Path) -> None:
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    for path, sign in ((old, 1), (new, -1)):
        values = {f"m{n:03}": sign * (n + 1) for n in range(100)}
        names = {f"section-{n:02}": sign for n in range(30)}
        path.write_text(
            json.dumps({"source": {"kind": "k", "id": "1"}, "builder_version": "b", "a": values, **names})
        )
    pithstore("put", old)
    done = pithstore("reproduce", "k:1", "--run", f"cat '{new}'")
    assert len(done.lines) == 1 + 3 * 20 + 1 + 1
    assert done.lines[0].endswith(", section-08 and 21 more")
    assert done.lines[-2] == "    … and 110 more changes"
    (value,) = pithstore("reproduce", "k:1", "--run", f"cat '{new}'", "--json").values
    assert isinstance(value["changes"], list)
    assert isinstance(value["sections"], list)
    assert (len(value["changes"]), len(value["sections"])) == (130, 31)


# Shapes


@pytest.mark.process
def test_json_has_the_names_and_types_of_the_reference(pithstore: Pithstore, planted: str) -> None:
    of_result, of_change, of_check = shapes("reproduce")
    seen = set()
    for faults, options in (
        ("", ()),
        ("timestamp", ()),
        ("timestamp", ("--ignore", "/meta/built_at")),
        ("timestamp set-order missing-section", ("--twice",)),
        ("exit", ()),
    ):
        done = pithstore("reproduce", "k:s0", "--json", "--record", "--run", f"{planted} {faults}", *options)
        (value,) = done.values
        assert done.out.isascii()
        shape_of(value, of_result)
        for changes in (value["changes"], value["observed"]):
            assert isinstance(changes, list)
            for change in changes:
                shape_of(change, of_change)
        seen.add(value["verdict"])
    assert seen == {"identical", "differs", "nondeterministic", "failed"}
    checks = pithstore("reproduce", "--log", "--json").values
    assert len(checks) == 5
    for check in checks:
        shape_of(check, of_check)


def test_every_verdict_and_reason_is_in_the_reference() -> None:
    from typing import get_args

    from pithstore.reproduction.verdict import FailureReason, Outcome

    for header, words in (("verdict", get_args(Outcome)), ("failure", get_args(FailureReason))):
        table = section("reproduce").partition(f"| {header} | meaning |")[2].split("\n\n")[0]
        assert re.findall(r"^\| `([\w-]+)` \|", table, re.MULTILINE) == list(words)


# JUnit


@pytest.mark.process
def test_the_junit_report_has_a_case_a_version(pithstore: Pithstore, planted: str, tmp_path: Path) -> None:
    pithstore("put", SEED)
    report = tmp_path / "report.xml"
    script = tmp_path / "build.sh"
    script.write_text(
        f"read -r source\ncase $source in\n*s1*) echo 'bad \x01 ]]> & <news>' >&2; exit 3;;\n"
        f"*s2*) echo \"$source\" | {planted} timestamp;;\n*) cat '{SEED}';;\nesac\n"
    )
    done = pithstore(
        "reproduce", ARXIV, "k:s1", "k:s2", "--run", f"sh '{script}'", "--junit", report, "--ignore", "/paper/doi"
    )
    assert done.code == 1
    root = ElementTree.parse(report).getroot()
    assert root.tag == "testsuites"
    (suite,) = root
    counts = {"tests": "3", "failures": "1", "errors": "1", "skipped": "0"}
    assert suite.attrib == {"name": "pithstore reproduce", **counts}
    cases = {case.get("classname"): case for case in suite}
    assert {case.get("name") for case in suite} == {"@1"}
    assert [case.tag for case in suite] == ["testcase"] * 3
    assert [child.tag for child in cases[ARXIV]] == ["system-out"]
    (error,) = cases["k:s1"]
    assert (error.tag, error.get("type"), error.get("message")) == ("error", "failed", "failed: exit status 3")
    assert error.text == "| bad \\x01 ]]> & <news>"
    (failure,) = cases["k:s2"]
    assert (failure.tag, failure.get("type"), failure.get("message")) == ("failure", "differs", "differs in meta")
    assert (failure.text or "").startswith('~ /meta/built_at\n    - "2026-01-01T00:00:00Z"\n    + ')


def test_a_nasty_record_makes_a_report_that_can_be_read(
    nasty: str, pithstore: Pithstore, store: Path, tmp_path: Path
) -> None:
    record = json.loads(pithstore("get", f"{nasty}@1").out)
    record[NASTY] = {"\x00\uffff\ufffe]]>": ["\ud7ff\U0010ffff", NASTY]}
    path = tmp_path / "other.json"
    path.write_text(json.dumps(record))
    done = pithstore("reproduce", f"{nasty}@1", "--run", f"cat '{path}'", "--junit", "r.xml")
    assert done.code == 1
    ((case,),) = ElementTree.parse(tmp_path / "r.xml").getroot()
    assert case.get("classname") == nasty
    (failure,) = case
    assert "\\uffff\\ufffe]]>" in (failure.text or "")
    assert not DANGEROUS.search((failure.text or "") + str(failure.attrib))
    for option in ("--twice", "--json", "--record"):
        shown = on_a_terminal("reproduce", f"{nasty}@1", "--run", f"cat '{path}'", option, NO_COLOR="1")
        assert shown.code == 1
        assert not DANGEROUS.search(shown.text.replace("\r\n", "\n"))
    for arguments in (("--log",), ("--log", "--json")):
        shown = on_a_terminal("reproduce", nasty, *arguments, NO_COLOR="1")
        assert shown.text.count("\n") == 1
        assert not DANGEROUS.search(shown.text.replace("\r\n", "\n"))


@pytest.mark.usefixtures("store")
def test_an_old_report_is_never_left_for_a_new_one(pithstore: Pithstore, tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text("old")
    assert pithstore("reproduce", "k:none", "--run", "cat", "--junit", report).code == 4
    assert report.read_text() == ""


# Recorded checks


@pytest.mark.process
def test_results_are_kept_when_asked_for(pithstore: Pithstore, planted: str) -> None:
    pithstore("reproduce", "k:s0", "k:s1", "--run", planted)
    assert pithstore("reproduce", "--log").lines == []
    pithstore("reproduce", "k:s0", "k:s1", "--record", "--run", f"{planted} timestamp")
    pithstore("reproduce", "k:s0", "--record", "--run", f"{planted} other-builder", "--ignore", "/meta/built_at")
    pithstore("reproduce", "k:s0", "--record", "--run", f"{planted} exit")
    shown = [re.sub(r"  \S+Z  ", "  ", line) for line in pithstore("reproduce", "--log").lines]
    assert shown[0] == "k:s0@1  differs in meta; at /meta/built_at; by builder-1"
    assert re.fullmatch(r"k:s0@1  identical; by a builder unknown here \([0-9a-f]{12}\)", shown[1])
    assert shown[2:] == ["k:s0@1  failed; exit", "k:s1@1  differs in meta; at /meta/built_at; by builder-1"]
    assert len(pithstore("reproduce", "--log", "k:s0").lines) == 3
    assert len(pithstore("reproduce", "--log", "k:s1", "k:s2").lines) == 1
    path = Path("more.json")
    path.write_text(json.dumps({**record_of({"kind": "k", "id": "s0", "version": 0}), "more": 1}))
    pithstore("put", path)
    pithstore("reproduce", "k:s0", "--record", "--run", planted)
    assert [len(pithstore("reproduce", "--log", f"k:s0@{n}").lines) for n in (1, 2)] == [3, 1]
    assert pithstore("verify").code == 0


def test_a_damaged_check_is_an_error_in_one_line(pithstore: Pithstore, store: Path) -> None:
    pithstore("put", SEED)
    pithstore("reproduce", ARXIV, "--run", SAME, "--record")
    engine = LmdbEngine.open(store, SPACES)
    ((key, value),) = engine.view(lambda view: view.scan(CHECKS, limit=2))
    engine.update(lambda update: update.put_many(CHECKS, [(key, value[:-1])]))
    engine.close()
    check_refusal(pithstore("reproduce", "--log"), 12, "a recorded check is damaged")
    assert pithstore("get", ARXIV).code == 0


# Calls that make no sense


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((ARXIV,), 2, "--run COMMAND"),
        (("--run", "cat"), 2, "references"),
        ((ARXIV, "--run", ""), 2, "the command is empty"),
        ((ARXIV, "--run", "cat 'x"), 2, "no closing quotation"),
        ((ARXIV, "--run", f"no-such{NASTY}"), 2, "no program"),
        ((ARXIV, "--run", "cat", "--timeout", "0"), 2, "above 0"),
        ((ARXIV, "--run", "cat", "--timeout", "x"), 2, "not a valid float"),
        ((ARXIV, "--run", "cat", "--jobs", "0"), 2, "at least 1 job"),
        ((ARXIV, "--run", "cat", "--ignore", NASTY), 2, "starts with '/'"),
        ((ARXIV, "--run", "cat", "--junit", "no/such/place"), 2, "No such file or directory"),
        ((f"{ARXIV}#paper", "--run", "cat"), 2, "leave out '#'"),
        ((f"{ARXIV}@7", "--run", "cat"), 4, "its newest is 1"),
        ((ARXIV, "k:i", "--run", "cat"), 4, "no source k:i"),
        (("--log", "k:i"), 4, "no source k:i"),
        (("--log", f"{ARXIV}#paper"), 2, "leave out '#'"),
        (("--log", "--run", "cat"), 2, "runs nothing"),
        (("--log", "--twice"), 2, "runs nothing"),
    ],
)
@pytest.mark.usefixtures("store")
def test_what_makes_no_sense_is_refused_before_anything_runs(
    pithstore: Pithstore, arguments: tuple[str, ...], code: int, words: str
) -> None:
    pithstore("put", SEED)
    check_refusal(pithstore("reproduce", *arguments), code, words)


def test_an_empty_store_has_no_checks_and_nothing_to_build(pithstore: Pithstore, store: Path) -> None:
    assert pithstore("reproduce", "--log") == Done(0, b"", "")
    check_refusal(pithstore("reproduce", ARXIV, "--run", "cat"), 4, "no source")


# However it ends


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.process
@pytest.mark.parametrize(("told", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_ending_it_ends_the_builders_and_leaves_a_valid_store(
    pithstore: Pithstore, store: Path, tmp_path: Path, told: signal.Signals, code: int
) -> None:
    pithstore("put", SEED, HISTORY)
    (tmp_path / "report.xml").write_text("old")
    script = tmp_path / "build.sh"
    script.write_text(
        f"read -r source\ncase $source in\n*arxiv*) cat '{SEED}';;\n*) sleep 100 & echo $! >pid$$; wait;;\nesac\n"
    )
    refs = (ARXIV, "ror:005k7hp45@1", "ror:005k7hp45@2", "ror:005k7hp45@3")
    process = spawn(
        "reproduce", *refs, "--record", "--jobs", "2", "--run", f"sh '{script}'", "--junit", "report.xml"
    )
    assert process.stdout is not None
    assert process.stdout.readline() == f"{ARXIV}@1  identical\n".encode()
    wait_until(lambda: sum(path.read_text().endswith("\n") for path in tmp_path.glob("pid*")) == 2)
    pids = [int(path.read_text()) for path in tmp_path.glob("pid*")]
    assert all(map(alive, pids))
    process.send_signal(told)
    done = finish(process)
    assert (done.code, done.lines) == (code, [])
    assert done.err == ("pithstore: interrupted; what was acknowledged stays\n" if told == signal.SIGINT else "")
    wait_until(lambda: not any(map(alive, pids)))
    assert (tmp_path / "report.xml").read_text() == ""
    assert pithstore("verify").code == 0
    assert len(pithstore("reproduce", "--log").lines) == 1


@pytest.mark.process
def test_a_closed_pipe_ends_it_quietly(pithstore: Pithstore, store: Path, tmp_path: Path) -> None:
    pithstore("put", SEED)
    process = spawn("reproduce", *[ARXIV] * 50, "--run", SAME, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    assert (process.stderr.read(), process.wait(60)) == (b"", 0)
    process.stderr.close()


@pytest.mark.process
def test_progress_shows_where_the_results_go_elsewhere(pithstore: Pithstore, store: Path) -> None:
    pithstore("put", SEED)
    shown = on_a_terminal("reproduce", ARXIV, "--run", SAME, NO_COLOR="1").text
    assert "[" not in shown
    assert shown.startswith(f"{ARXIV}@1  identical\r\n")


def test_its_help_imports_nothing_that_runs() -> None:
    from tests.cli.test_startup import imported

    assert not imported("reproduce", "--help") & {
        "lmdb",
        "subprocess",
        "concurrent.futures",
        "xml",
        "json",
        "attrs",
    }
    assert os.path.exists(SCRIPT)
