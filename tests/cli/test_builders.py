"""`pithstore builders`: the list, the comparison, and each form in which it is given."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli import test_shapes
from tests.cli.conftest import HISTORY, SEED, Pithstore, check_refusal, environment, on_a_terminal
from tests.cli.test_shapes import check_shape, shapes

V1, V2, V3 = "ror-schema-1.0", "ror-schema-2.0", "ror-schema-2.1"
EVIL = "<b>\x1b[31m\u202e|`x`"


@pytest.fixture
def ror(pithstore: Pithstore, store: Path) -> Path:
    """A store with the history of one organisation by three builders, and one record by another."""
    pithstore("put", "--at", "2026-06-09", SEED)
    pithstore("put", "--at", "2026-06-10", HISTORY)
    return store


@pytest.mark.usefixtures("ror")
def test_the_builders_are_listed_by_when_they_came(pithstore: Pithstore) -> None:
    shape = shapes("builders")[0]
    done = pithstore("builders", "--json")
    for value in done.values:
        check_shape(value, shape)
    counts = [(value["builder_version"], value["versions"], value["sources"]) for value in done.values]
    assert counts[0] == ("pith-number-builder-2026-05-17-v1", 1, 1)
    assert sorted(counts[1:]) == [(V1, 5, 1), (V2, 2, 1), (V3, 1, 1)]
    assert {value["first_observed"] for value in done.values[1:]} == {"2026-06-10T00:00:00Z"}
    text = pithstore("builders").lines
    assert text[0].split() == ["builder", "versions", "sources", "observed", "recorded"]
    assert text[1].startswith("pith-number-builder-2026-05-17-v1          1          1  2026-06-09 to 2026-06-09")
    assert len(text) == 5


@pytest.mark.usefixtures("ror")
def test_the_comparison_has_the_names_and_types_of_the_reference(
    pithstore: Pithstore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(test_shapes.TYPES, "number", (float,))
    _, of_section, of_place, of_example = shapes("builders")
    done = pithstore("builders", V1, V2, "--json")
    assert done.code == 0
    assert done.out.isascii()
    for value in done.values:
        check_shape(value, of_section)
        for listed, shape in ((value["pointers"], of_place), (value["examples"], of_example)):
            assert isinstance(listed, list)
            for each in listed:
                check_shape(each, shape)
    by_name = {str(value["section"]): value for value in done.values}
    assert list(by_name)[-2:] == ["source", "builder_version"]
    names, types, own = by_name["names"], by_name["types"], by_name["builder_version"]
    assert (names["pairs"], names["changed"], names["share"], names["added"]) == (2, 2, 1.0, 2)
    assert types["pointers"] == [{"pointer": "/types/*", "count": 2}]
    assert (own["changed"], own["sampled"], own["pointers"]) == (2, 0, [])
    assert (by_name["source"]["changed"], by_name["source"]["share"]) == (0, 0.0)


@pytest.mark.usefixtures("ror")
def test_an_example_can_be_pasted_into_diff(pithstore: Pithstore) -> None:
    value = next(v for v in pithstore("builders", V1, V2, "--json").values if v["section"] == "types")
    examples = value["examples"]
    assert isinstance(examples, list)
    done = pithstore("diff", examples[0]["before"], examples[0]["after"], "--json")
    assert "/types/0" in {change["path"] for change in done.values}
    command = next(line.split() for line in pithstore("builders", V1, V2).lines if "pithstore diff" in line)
    assert pithstore(*command[1:]).code == 1


@pytest.mark.usefixtures("ror")
def test_text_markdown_and_the_page_say_the_same(pithstore: Pithstore, tmp_path: Path) -> None:
    text = pithstore("builders", V1, V2)
    assert text.lines[0] == f"{V1} → {V2}"
    assert "2  source versions made by both, and compared" in text.lines
    assert any(re.fullmatch(r"names +2 +2 +100\.0 % +█{24}  added in all", line) for line in text.lines)
    markdown = pithstore("builders", V1, V2, "--md")
    assert "| names | 2 | 2 | 100.0 % | added in all |" in markdown.lines
    page = tmp_path / "page.html"
    done = pithstore("builders", V1, V2, "--html", page)
    assert done.lines == [f"{page}: 2 source versions made by both, and compared"]
    written = page.read_text()
    assert written.startswith("<!doctype html>")
    assert f"<title>{V1} → {V2}: what the builder changed</title>" in written
    both = pithstore("builders", V1, V2, "--html", page, "--md")
    assert both.out == markdown.out
    assert page.read_text() == written
    assert len(pithstore("builders", V1, V2, "--html", page, "--json").values) == 17


@pytest.mark.usefixtures("ror")
def test_that_no_source_version_was_made_by_both_is_said(pithstore: Pithstore) -> None:
    text = pithstore("builders", V2, V3)
    assert text.code == 0
    assert "0  source versions made by both: there is nothing to compare" in text.lines
    assert "1  sources made by both, each in other source versions" in text.lines
    printed = pithstore("builders", V2, V3, "--json")
    assert (printed.code, printed.out) == (0, b"")
    assert printed.err == "no source version was made by both: there is nothing to compare\n"


@pytest.mark.usefixtures("ror")
def test_the_answers_are_as_of_a_moment(pithstore: Pithstore) -> None:
    assert len(pithstore("builders", "--at", "2026-06-09", "--json").values) == 1
    assert pithstore("builders", "--at", "2026-06-08").lines == ["there are no versions"]
    assert pithstore("builders", "--as-recorded", "2001-01-01", "--json").out == b""
    check_refusal(pithstore("builders", V1, V2, "--at", "2026-06-09"), 4, V1, "observed by 2026-06-09")
    assert pithstore("builders", V1, V2, "--at", "2026-06-10").out == pithstore("builders", V1, V2).out


@pytest.mark.usefixtures("ror")
def test_what_makes_no_sense_is_refused(pithstore: Pithstore, tmp_path: Path) -> None:
    check_refusal(pithstore("builders", V1, "ror-schema-2"), 4, "'ror-schema-2'", "'ror-schema-2.0'")
    check_refusal(pithstore("builders", V1), 2, "is one builder")
    check_refusal(pithstore("builders", V1, V1), 2, "given twice")
    check_refusal(pithstore("builders", "--md"), 2, "give two builders")
    check_refusal(pithstore("builders", "--html", "x.html"), 2, "give two builders")
    check_refusal(pithstore("builders", V1, V2, "--md", "--json"), 2, "two formats")
    check_refusal(pithstore("builders", V1, V2, "--html", tmp_path / "no" / "x.html"), 2, "cannot be written")
    kept = tmp_path / "kept.html"
    kept.write_text("before")
    check_refusal(pithstore("builders", V1, "nobody", "--html", kept), 4, "nobody")
    assert kept.read_text() == "before"
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".part")] == []


@pytest.mark.usefixtures("store")
def test_an_empty_store_has_no_builders(pithstore: Pithstore) -> None:
    assert pithstore("builders").lines == ["there are no versions"]
    assert pithstore("builders", "--json").out == b""
    check_refusal(pithstore("builders", "a", "b"), 4, "there are no versions")


def test_the_name_of_a_builder_commands_nothing(pithstore: Pithstore, store: Path, tmp_path: Path) -> None:
    for builder, n in ((EVIL, 1), (EVIL + "2", 2)):
        record = {"source": {"kind": EVIL, "id": EVIL}, "builder_version": builder, EVIL: {EVIL: n}}
        pithstore("put", "-", input=json.dumps(record).encode())
    shown = [pithstore("builders"), pithstore("builders", EVIL, EVIL + "2")]
    for done in (*shown, pithstore("builders", EVIL, EVIL + "2", "--md")):
        assert done.code == 0
        assert "\x1b" not in done.text
        assert "\u202e" not in done.text
    page = tmp_path / "page.html"
    pithstore("builders", EVIL, EVIL + "2", "--html", page)
    assert "<b>" not in page.read_text()
    assert "\x1b" not in page.read_text()


@pytest.mark.usefixtures("ror")
def test_progress_shows_on_a_terminal_and_the_answer_stays_the_same(pithstore: Pithstore) -> None:
    plain = pithstore("builders", V1, V2).lines
    shown = on_a_terminal("builders", V1, V2).out.decode()
    assert "sources" in shown
    assert plain[-1] in shown


def test_the_benchmark_checks_its_answers_and_prints_its_limits() -> None:
    script = Path(__file__).parents[2] / "benchmarks" / "builders.py"
    command = [sys.executable, str(script), "--sources", "150"]
    table = subprocess.run(command, capture_output=True, check=True, timeout=60, env=environment()).stdout.decode()
    assert "150 sources, 300 versions" in table
    printed = subprocess.run([*command, "--json"], capture_output=True, check=True, timeout=60, env=environment())
    measured = json.loads(printed.stdout)
    assert [entry["command"] for entry in measured["commands"]] == ["builders", "builders A B"]
    assert (measured["seconds_limit"], measured["megabytes_limit"]) == (60.0, 300.0)
    assert all(0 < entry["megabytes"] < 300 for entry in measured["commands"])
