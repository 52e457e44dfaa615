"""The report is made from the results, and what is committed is what it makes."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
import report
from outcome import COMPACT, PLAIN
from plot import BAR, svg

from tests.benchmarks.results import outcome, results

MISSED = "time of a put at 1,000 versions ÷ at 20,000"


def committed() -> report.Results:
    found: report.Results = json.loads(report.RESULTS.read_text())
    return found


def test_the_page_shows_every_table_and_every_row_that_is_asked() -> None:
    page = report.page(results(), "")
    for claim in report.claims(results()):
        assert f"| {claim.quantity} | {claim.where} | {claim.verdict} |" in page
    for words in (
        "## typical:5: 100 records",
        "## eol: ",
        "| pithstore, compact |",
        "| pithstore --help |",
        "2026-01-01",
    ):
        assert words in page


def test_where_a_row_falls_short_the_page_says_what_was_tried() -> None:
    tried = f"Words before.\n\n## {MISSED}\n\nTwice as many slots: 1.2 to 1.25.\n\n## another\n\nNot shown.\n"
    page = report.page(results(), tried)
    where = "as it was put has 1.25 where at most 1.15 is needed; compacted has 1.25 where at most 1.15 is needed."
    assert f"### {MISSED}\n\n{where}\n\nTwice as many slots: 1.2 to 1.25.\n\n### " in page
    assert "Not shown" not in page
    assert "Words before" not in page
    assert f"### {'first ingest ÷ C'}" not in page


def test_where_nothing_falls_short_the_page_says_so() -> None:
    good = results()
    for row in good["scale"]["cases"][0]["forms"].values():
        row |= {"put_ratio": 1.15, "verify_megabytes": 300}
    good["startup"]["commands"] = good["startup"]["commands"][:1]
    assert "Nowhere: every row has at least what is needed." in report.page(good, "")


def test_the_readme_says_where_it_is_not_the_best_and_only_there() -> None:
    words = report.section(results())
    assert "**Where it is not the best:** plain LMDB gets a version in fewer µs (20 to 40)." in words
    assert "it takes 0.60 of the bytes of `git gc --aggressive`, in 1/50 of its time" in words
    best = results()
    for one in best["ingest"]["inputs"]:
        one["stores"][PLAIN]["get_p50_us"] = 50
    assert "Of these it is the best at each." in report.section(best)


def test_only_what_stands_between_the_marks_is_written() -> None:
    readme = f"# one\n\n{report.BEGIN}\n\nold\n\n{report.END}\n\n## two\n"
    made = report.filled(readme, "new")
    assert made == f"# one\n\n{report.BEGIN}\n\nnew\n\n{report.END}\n\n## two\n"
    assert report.filled(made, "new") == made


def test_a_bar_is_as_long_as_its_number_and_the_longest_fills_its_panel() -> None:
    picture = ElementTree.fromstring(svg(outcome("typical:1x1")))
    bars = [float(bar.attrib["width"]) for bar in picture.iter() if bar.attrib.get("class", "").startswith("bar")]
    count = 5  # stores of the plot that were measured
    assert len(bars) == 4 * count
    compacted, _, plain, *_ = bars[:count]
    assert plain == max(bars[:count]) == BAR
    assert compacted == pytest.approx(plain * 600 / 5000, abs=0.1)


def test_text_of_the_picture_stays_inside_it() -> None:
    wide = outcome("typical:1x1")
    wide["stores"][COMPACT]["bytes"] = 1e7 * wide["versions"]
    picture = ElementTree.fromstring(svg(wide))
    width = float(picture.attrib["width"])
    for words in picture.iter("{http://www.w3.org/2000/svg}text"):
        long = 8.0 * len(words.text or "")  # at most, in the letters that are meant
        left = float(words.attrib["x"]) - (long if words.attrib["text-anchor"] == "end" else 0)
        assert 0 <= left <= width - long, words.text


def test_parts_of_a_run_become_the_results(tmp_path: Path) -> None:
    for name, part in results().items():
        (tmp_path / f"{name}.json").write_text(json.dumps(part))
    assert json.loads(report.taken(tmp_path)) == results()


def test_the_committed_page_picture_and_readme_are_those_of_the_committed_results() -> None:
    readme = report.README.read_text()
    assert report.PAGE.read_text() == report.page(committed(), report.TRIED.read_text())
    assert report.PLOT.read_text() == svg(committed()["ingest"]["inputs"][0])
    assert readme == report.filled(readme, report.section(committed()))


def test_the_committed_results_are_of_the_whole_and_say_what_was_tried() -> None:
    found = report.claims(committed())
    assert [claim for claim in found if claim.verdict == "not measured"] == []
    texts = report.sections(report.TRIED.read_text())
    assert {claim.quantity for claim in found if claim.verdict == "missed"} <= texts.keys()
    assert committed()["ingest"]["inputs"][0]["input"] == "typical:2000x10"
    assert "--full" in committed()["scale"]["command"]
