"""A diff as people read it says every change where it is, counts what it folds, and stays short."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import UTC, datetime

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pithstore.diff.changes import Change, patch
from pithstore.diff.comparison import Diff
from pithstore.model import Source
from pithstore.pointer import Json, follow, read_pointer, write_pointer
from pithstore.rendering.diff_html import diff_html
from pithstore.rendering.diff_markdown import diff_markdown
from pithstore.rendering.diff_stat import count_changes, stat_lines, summary
from pithstore.rendering.diff_text import diff_lines
from pithstore.rendering.legible import legible
from pithstore.rendering.outline import WIDTH, brief, outline, whole
from pithstore.rendering.styled import Line, Span, line, shortened
from pithstore.rendering.text_change import text_change
from pithstore.testing.strategies import json_values
from tests.pure.archives import naughty_strings
from tests.pure.diffs import FIRST, SECOND, Record, compared, version
from tests.pure.laws import definition
from tests.pure.test_markup import HIDDEN, HOSTILE, Page, rendered
from tests.pure.value_pairs import pairs

NOTE = re.compile(r"  · ([\d,]+) (member|element)s? the same$")


def as_text(lines: list[Line]) -> list[str]:
    """The lines as a terminal has them, without colour."""
    return [f"{'  ' * each.level}{each.sign}{' ' if each.sign else ''}{each.text}" for each in lines]


def text_of(old: Record, new: Record) -> list[str]:
    """The lines without the headings."""
    return as_text(list(diff_lines(compared(old, new), headings=False)))


def diffs(seed: int, count: int) -> list[Diff]:
    """Diffs of records that hold what a diff trips over."""
    made = []
    for old, new, keys in pairs(seed, count):
        if isinstance(old, dict) and isinstance(new, dict):
            made.append(compared(old, new, keys=keys))
    return made


def test_a_diff_looks_like_this() -> None:
    old: Record = {
        "authors": ["Ada", "Grace", "Emmy", "Rosalind"],
        "gone": {"a": 1},
        "paper": {"abstract": ABSTRACT, "lang": "en", "score": 0.5, "title": "A"},
        "references": {"sample": [{"doi": "10.1/a", "year": 1999, "cited": True}, {"doi": "10.1/b"}]},
        "same": 1,
        "same too": [2],
    }
    new: Record = {
        "authors": ["Emmy", "Ada", "Rosalind"],
        "new": [1, 2],
        "paper": {"abstract": ABSTRACT.replace("quickly", "surely"), "score": 0.25, "title": "A"},
        "references": {"sample": [{"doi": "10.1/a", "year": 2000, "cited": True}, {"doi": "10.1/b"}]},
        "same": 1,
        "same too": [2],
    }
    assert as_text(list(diff_lines(compared(old, new)))) == [
        f"--- ror:005k7hp45@1  {str(FIRST.snapshot)[:12]}  2026-06-10  b-1",
        f"+++ ror:005k7hp45@2  {str(SECOND.snapshot)[:12]}  2026-06-10  b-1",
        "  2 sections the same",
        "~ authors",
        '  - /authors/1  "Grace"  · 2 elements the same',
        '  > /authors/1 → /authors/0  "Emmy"',
        '- gone  {"a": 1}',
        "+ new  [1, 2]",
        "~ paper",
        '  - /paper/lang  "en"  · 1 member the same',
        "  ~ /paper/abstract",
        '      "… the method of the paper converges [-quickly-]{+surely+} on every input that was tried, and …"',
        "  ~ /paper/score  0.5 → 0.25",
        "~ references",
        "  ~ /references/sample/0/year  1999 → 2000  · 2 members the same",
    ]


ABSTRACT = (
    "We show that under assumptions that are mild the method of the paper converges quickly on every input that "
    "was tried, and that it does so without a bound on the memory that other methods need."
)


def test_nothing_differs_in_no_lines() -> None:
    diff = compared({"a": 1, "b": [2]}, {"a": 1, "b": [2]})
    assert list(diff_lines(diff)) == []
    assert list(stat_lines(diff)) == []
    assert summary(diff) == "nothing differs"
    assert "Nothing differs." in diff_markdown(diff)
    assert "```" not in diff_markdown(diff)
    assert Page(diff_html(diff)).text == "nothing differs"


def test_the_headings_name_both_versions_in_columns() -> None:
    seen = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
    other = attrs.evolve(version(12, Source("a", "x y"), "another builder"), observed_at=seen)
    one, two = as_text(list(diff_lines(compared({"a": 1}, {"a": 2}, FIRST, other))))[:2]
    assert one.split("  ")[0] == "--- ror:005k7hp45@1"
    assert two.startswith("+++ a:x%20y@12")
    assert two.endswith("  2026-01-02T03:04:05Z  another builder")
    assert one.index("  b-1") == two.index("  another builder")


def test_every_change_is_told_where_it_is() -> None:
    for diff in diffs(1, 1000):
        told = Counter(
            each.text.removesuffix(each.spans[-1].text) if NOTE.search(each.text) else each.text
            for each in diff_lines(diff)
            if each.level < 2
        )
        starts = list(told.elements())
        for section in diff.sections:
            for change in section.changes:
                if change.path == write_pointer((section.name,)):
                    assert any(text == section.name or text.startswith(f"{section.name}  ") for text in starts)
                else:
                    path = change.path if change.source is None else f"{change.source} → {change.path}"
                    assert any(text == path or text.startswith(f"{path}  ") for text in starts), (path, starts)


def test_the_lines_of_changes_are_as_many_as_the_changes() -> None:
    for diff in diffs(2, 1000):
        lines = [each for each in diff_lines(diff, headings=False) if each.sign.strip() and each.level < 2]
        whole_sections = sum(
            1 for section in diff.sections for c in section.changes if c.path == write_pointer((section.name,))
        )
        opened = sum(1 for section in diff.sections if section.status != "same") - whole_sections
        assert len(lines) == len(diff) + opened


def above(path: str) -> str:
    return path.rpartition("/")[0]


def last(path: str) -> str:
    return path.rpartition("/")[2]


def test_what_is_folded_and_what_is_told_add_up_to_what_is_there() -> None:
    """In each object and list with a change directly in it."""
    folded = Counter[str]()
    for diff in diffs(3, 3000):
        before = {section.name: section.before for section in diff.sections}
        after = {section.name: section.after for section in diff.sections}
        notes = told_notes(diff)
        for place in {above(change.path) for change in diff} - {""}:
            told = notes.get(place, 0)
            there = follow(after, read_pointer(place))
            direct = [change for change in diff if above(change.path) == place]
            ops = Counter(change.op for change in direct)
            inside = {
                change.path[len(place) + 1 :].split("/")[0]
                for change in diff
                if change.path.startswith(f"{place}/") and (above(change.path) != place or change.op == "replace")
            }
            if isinstance(there, dict):
                assert told + len(inside) + ops["add"] == len(there)
                if len(read_pointer(place)) == 1:  # further down it may have stood elsewhere
                    was = follow(before, read_pointer(place))
                    assert isinstance(was, dict)
                    assert told + len(inside) + ops["remove"] == len(was)
                    assert told == sum(1 for name in was if name in there and exactly(was[name], there[name]))
            else:
                assert isinstance(there, list)
                elements = followed(len(there) - ops["add"] + ops["remove"], direct)
                assert len(elements) == len(there)
                stayed = [n for n, element in enumerate(elements) if isinstance(element, int)]
                assert told == sum(1 for n in stayed if str(n) not in inside)
                assert stayed == sorted(stayed, key=lambda n: str(elements[n]).zfill(3))
            folded[type(there).__name__] += told
    assert min(folded["dict"], folded["list"]) > 500


def followed(length: int, changes: list[Change]) -> list[Json]:
    """Which element of a list of that length stands where after the changes, "moved" and "new" in their places."""
    elements: Json = list(range(length))
    for change in changes:
        place = f"/{last(change.path)}"
        if change.op == "move":
            gone = Change("remove", f"/{last(change.source or '')}")
            elements = patch(elements, [gone, Change("add", place, value="moved")])
        elif change.op != "replace":
            elements = patch(elements, [Change(change.op, place, value="new")])
    assert isinstance(elements, list)
    return elements


def exactly(one: Json, other: Json) -> bool:
    return definition(one) == definition(other)


def told_notes(diff: Diff) -> dict[str, int]:
    """How many are told to be the same, by the path of what holds them."""
    notes: dict[str, int] = {}
    for each in diff_lines(diff):
        found = NOTE.search(each.text)
        if found and each.level == 1 and each.sign:
            path = each.spans[0].text.rpartition(" → ")[2]
            assert above(path) not in notes
            notes[above(path)] = int(found[1].replace(",", ""))
    return notes


def test_what_a_list_loses_is_told_from_the_front() -> None:
    old: Record = {"list": ["keep", *"abcdefghijkl"], "map": dict.fromkeys(("10", "9", "x"), 1)}
    lines = text_of(old, {"list": ["keep"], "map": {"x": 1}})
    assert [text.split()[1] for text in lines if "/list/" in text] == [f"/list/{n}" for n in range(1, 13)]
    assert [text.split()[1] for text in lines if "/map/" in text] == ["/map/10", "/map/9"]


def test_short_values_stand_beside_their_path_and_long_ones_below() -> None:
    short, long = "x" * 20, "y" * 50
    assert text_of({"s": {"a": short}}, {"s": {"a": 1}}) == ["~ s", f'  ~ /s/a  "{short}" → 1']
    assert text_of({"s": {"a": long}}, {"s": {"a": [long]}}) == [
        "~ s",
        "  ~ /s/a",
        f'    - "{long}"',
        f'    + ["{long}"]',
    ]
    deep = "n" * 200
    assert text_of({"s": {deep: 1}}, {"s": {deep: 2}})[1] == f"  ~ /s/{deep}  1 → 2"
    assert text_of({"s": {}}, {"s": {deep: short + long}})[1:] == [f"  + /s/{deep}", f'    + "{short + long}"']
    assert text_of({"s": 1}, {"s": 1.0}) == ["~ s  1 → 1.0"]
    assert text_of({}, {"s": None}) == ["+ s  null"]


# Values in few lines


@given(json_values())
def test_a_small_value_is_shown_whole_and_a_large_one_is_bounded(value: Json) -> None:
    lines = outline(value)
    assert 1 <= len(lines) <= 16
    assert max(map(len, lines)) <= 600
    assert len(brief(value)) <= 3 * WIDTH
    if len(definition(value)) < 40:
        assert exactly(json.loads(lines[0]), value)
        assert brief(value) == lines[0]
    text = whole(value, WIDTH)
    assert text is None or exactly(json.loads(text), value)
    assert (text is None) == (len(json.dumps(value, ensure_ascii=False)) > WIDTH)


@given(json_values())
def test_an_outline_that_leaves_nothing_out_is_the_value(value: Json) -> None:
    text = "\n".join(outline(value))
    if "…" not in text:
        assert exactly(json.loads(text), value)


def test_what_is_left_out_is_counted() -> None:
    numbers: Json = {f"name {n:03}": n for n in range(1000)}
    lines = outline(numbers)
    assert len(lines) == 16
    assert (lines[0], lines[-2:]) == ("{", ["  … 987 more members", "}"])
    assert len(json.loads("".join([*lines[:-2], "}"]).replace(",}", "}"))) == 13
    elements: Json = list(range(10_000, 10_100))
    assert outline(elements)[-2] == "  … 87 more elements"
    assert brief(elements, 30) == "[10000, 10001, 10002, 10003, … 96 more]"
    assert brief({"a": "x" * 50, "b": {"c": elements}}) == (
        '{"a": "' + "x" * 40 + '…" (10 more characters), "b": {… 1 member}}'
    )
    assert outline("é" * 1000) == ['"' + "é" * 400 + '…" (600 more characters)']
    assert outline(10**1000) == ["1" + "0" * 399 + "… (601 more characters)"]
    assert outline([10**100, 1])[1] == "  1" + "0" * 93 + "… (7 more characters),"


def test_the_first_of_several_large_values_gets_the_lines_that_are_left() -> None:
    large: Json = {"id": "x" * 60, "text": "y" * 60}
    assert outline([large, large, {"only": [1]}]) == [
        "[",
        "  {",
        f'    "id": "{"x" * 60}",',
        f'    "text": "{"y" * 60}"',
        "  },",
        "  {",
        f'    "id": "{"x" * 60}",',
        f'    "text": "{"y" * 60}"',
        "  },",
        '  {"only": [1]}',
        "]",
    ]
    many = outline([large] * 30)
    assert len(many) == 16
    assert many[-2] == "  … 17 more elements"
    assert many[1] == '  {"id": "' + "x" * 40 + '…" (20 more characters), … 1 more},'


def test_a_value_of_many_levels_is_shown_to_some_depth() -> None:
    deep: Json = "bottom" * 20
    for _ in range(400):
        deep = [deep]
    assert len(outline(deep)) <= 16
    assert len(brief(deep)) < 200


# Texts by words


def test_a_long_text_is_compared_by_words_in_one_line() -> None:
    new = ABSTRACT.replace("We show", "We do not show").replace("memory", "time")
    spans = text_change(ABSTRACT, new)
    assert spans is not None
    assert [span.text for span in spans if span.role == "removed"] == ["[-memory-]"]
    assert [span.text for span in spans if span.role == "added"] == ["{+do not +}", "{+time+}"]
    shown = "".join(span.text for span in spans)
    assert shown.startswith('"We {+do not +}show that under ')
    assert shown.endswith('{+time+} that other methods need."')
    assert shown.count("…") == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("short", "long"),
        (1, "x" * 100),
        ("x" * 100, None),
        ("alpha " * 20, "beta " * 30),
    ],
    ids=["short", "no text", "no longer a text", "nothing in common"],
)
def test_other_values_stand_one_under_the_other(old: Json, new: Json) -> None:
    assert text_change(old, new) is None


def test_a_late_difference_of_unlike_texts_is_shown() -> None:
    spans = text_change("x " * 150 + "alpha " * 500, "x " * 150 + "beta " * 500)
    assert spans is not None
    shown = "".join(span.text for span in spans)
    assert "[-alpha alpha " in shown
    assert shown.count("more characters-]") == 1
    assert shown.count("more characters+}") == 1
    assert len(shown) < 1000


def test_a_text_with_many_changes_is_bounded() -> None:
    words = [f"word{n} and some more that stay as they were" for n in range(200)]
    spans = text_change(" ".join(words), " ".join(words).replace("word", "term"))
    assert spans is not None
    assert spans[-2] == Span("… 352 more", "muted")
    assert sum(1 for span in spans if span.role in ("added", "removed")) == 48


@given(st.text(min_size=30), st.text(min_size=30), st.text(min_size=30))
def test_the_line_of_a_text_is_one_line(one: str, two: str, three: str) -> None:
    spans = text_change(one + two + one + three, one + three + one + two)
    assert not any("\n" in span.text for span in spans or ())


# Numbers


def test_the_numbers_look_like_this() -> None:
    old: Record = {"list": [1, 2, 3, "a", "b"], "gone": 1, "few": 1, "same": 1}
    new: Record = {"list": ["a", 3, 2, "b", 1, 4], "few": 2, "same": 1}
    lines = list(stat_lines(compared(old, new)))
    assert as_text(lines)[:2] == [
        "~ few         ~1     ▇",
        "- gone     -1        ▇",
    ]
    assert as_text(lines)[-1] == summary(compared(old, new))
    assert as_text(lines)[-1].startswith("6 changes in 3 of 4 sections: 1 added, 1 removed, 1 replaced, 3 moved")


def test_the_numbers_add_up() -> None:
    for diff in diffs(4, 500):
        lines = list(stat_lines(diff))
        differing = [section for section in diff.sections if section.status != "same"]
        assert len(lines) == len(differing) + bool(differing)
        for each, section in zip(lines, differing, strict=False):
            found = count_changes(section.changes)
            assert found.total == len(section.changes)
            assert each.text.count("▇") == found.total <= 30
            told = "".join(span.text for span in each.spans[1:] if span.role != "plain")
            assert told.replace("▇", "").split() == str(found).split()
        if differing:
            assert summary(diff).startswith(f"{len(diff):,} change")
            numbers = [int(number) for number in re.findall(r"(\d+) \w+(?:,|$)", summary(diff).partition(":")[2])]
            assert sum(numbers) == len(diff)


def test_the_bars_are_bounded_and_nobody_loses_the_last_block() -> None:
    old: Record = {"many": {f"{n:03}": n for n in range(300)}, "one": 1, "s" * 100: 1}
    new: Record = {"many": {f"x{n:03}": n for n in range(30)}, "one": 2, "s" * 100: 2}
    many, one, long, _ = list(stat_lines(compared(old, new)))
    bars = [span for span in many.spans if "▇" in span.text]
    assert [(span.role, len(span.text)) for span in bars] == [("added", 3), ("removed", 27)]
    assert one.text.endswith("  ▇")
    assert long.spans[0].text == "s" * 39 + "…"
    assert str(count_changes(compared(old, new))) == "+30 -300 ~2"


# Markdown and HTML


def hostile_records() -> tuple[Record, Record]:
    """Two records with every naughty string as a section, a name and a value."""
    strings = list(dict.fromkeys([*HOSTILE, *naughty_strings()]))
    old: Record = {string: {string: string, "x": [string]} for string in strings}
    new: Record = {string: {string + "!": string + string, "x": [string, string + "!"]} for string in strings}
    return old | {"gone" + string: string for string in strings}, new | {"new" + s: [s] for s in strings}


@pytest.fixture(scope="module")
def hostile() -> list[Diff]:
    """One diff of all strings, and one of each with nothing but it."""
    old, new = hostile_records()
    strings = list(dict.fromkeys([*HOSTILE, *naughty_strings()]))
    return [compared(old, new)] + [
        compared(
            {string: {string: string}},
            {string: {string: f"{string}{string}", f"{string}!": 1}},
            version(1, Source(string, string), string),
            version(2, Source(string, string), string),
        )
        for string in strings
    ]


def test_nothing_from_a_record_does_anything_in_markdown(hostile: list[Diff]) -> None:
    for diff in hostile:
        text = diff_markdown(diff)
        assert not HIDDEN.search(text.replace("\n", ""))
        page = rendered(text.replace("<details><summary>", "").replace("</summary>", "").replace("</details>", ""))
        assert set(page.elements) <= {"h3", "code", "p", "pre", "table", "thead", "tbody", "tr", "th", "td"}
        assert page.elements.count("pre") == page.elements.count("h3") == page.elements.count("table") == 1
        assert set(page.attributes) <= {("class", "language-diff")}


def test_outside_of_code_there_is_nothing_that_github_looks_for(hostile: list[Diff]) -> None:
    for diff in hostile:
        for token in rendered_tokens(diff_markdown(diff)):
            assert not re.search(r"#|www\.|://|\bgh-\d|[0-9a-f]{7}|:\w+:", token, re.IGNORECASE), token
            assert not re.search(r"@(?!\d+( |$))", token), token


def rendered_tokens(text: str) -> list[str]:
    """The texts in a page that are not code."""
    from tests.pure.test_markup import markdown

    return [
        child.content for token in markdown.parse(text) for child in token.children or () if child.type == "text"
    ]


def test_nothing_from_a_record_does_anything_in_html(hostile: list[Diff]) -> None:
    for diff in hostile:
        html = diff._repr_html_()
        assert not HIDDEN.search(html)
        page = Page(html)
        assert set(page.elements) == {"div", "span"}
        assert {name for name, _ in page.attributes} == {"style"}
        assert all(value and re.fullmatch(r"[\w:;.,()#% -]+", value) for _, value in page.attributes)


def test_html_has_the_lines_of_the_text() -> None:
    diff = compared({"a": {"b": 1, "c": 2}, "d": 1}, {"a": {"b": 2, "c": 2}, "d": 1})
    text = "".join(legible(each) for each in as_text(list(diff_lines(diff))))
    assert Page(diff_html(diff)).text == text
    many = compared({"s": {}}, {"s": {f"{n:04}": n for n in range(1000)}})
    page = Page(diff_html(many))
    assert page.text.endswith("… 503 more lines")
    assert page.elements.count("div") == 502


def test_markdown_looks_like_this() -> None:
    old: Record = {"builder_version": "b-1", "relationships": [1, 2], "same": 1}
    new: Record = {"builder_version": "b-2", "relationships": [1, 2, {"id": "x"}], "same": 1}
    assert diff_markdown(compared(old, new)) == MARKDOWN.format(
        str(FIRST.snapshot)[:12], str(SECOND.snapshot)[:12]
    )


MARKDOWN = """\
### Changes from `ror:005k7hp45` @1 to `ror:005k7hp45` @2

| section | status | changes |
| --- | --- | --- |
| builder\\_version | changed | `~1` |
| relationships | changed | `+1` |

2 changes in 2 of 3 sections: 1 added, 1 replaced.

```diff
--- ror:005k7hp45@1  {}  2026-06-10  b-1
+++ ror:005k7hp45@2  {}  2026-06-10  b-1
    1 section the same
@@ builder_version  "b-1" → "b-2" @@
@@ relationships @@
+   /relationships/2  {{"id": "x"}}  · 2 elements the same
```
"""


def test_many_lines_are_folded_away_and_too_many_left_out() -> None:
    some = diff_markdown(compared({"s": {}}, {"s": {f"{n}": n for n in range(40)}}))
    assert "<details><summary>Show 43 lines</summary>\n\n```diff\n" in some
    assert some.endswith("```\n\n</details>\n")
    sections: Record = {f"section {n}": {"x" * 500 + str(m): m for m in range(10)} for n in range(100)}
    many = diff_markdown(compared({name: {} for name in sections}, sections))
    assert len(many) < 65_000
    assert "\n\n… and 60 more sections.\n\n" in many
    (left,) = re.findall(r"\nLeft out: ([\d,]+) of 1,102 lines; `pithstore diff` shows all of them.\n$", many)
    (shown,) = re.findall(r"Show ([\d,]+) lines", many)
    assert int(left.replace(",", "")) + int(shown.replace(",", "")) == 1102
    assert max(map(len, many.splitlines())) < 320


def test_markdown_stays_within_what_github_takes_whatever_the_names_are() -> None:
    names = [f"{n:04}" + "\x1b" * 5000 for n in range(60)]
    text = diff_markdown(compared(dict.fromkeys(names, 1), dict.fromkeys(names, "`" * 500)))
    assert len(text) < 65_536


def test_a_line_is_shortened_within_its_stretches() -> None:
    whole_line = Line(1, "~", (Span("abc", "added"), Span("def", "removed"), Span("ghi")))
    assert shortened(whole_line, 9) == whole_line
    assert shortened(whole_line, 5).text == "abcde…"
    assert shortened(whole_line, 3).spans == (Span("abc", "added"), Span("…", "muted"))
    assert (whole_line.role, line(0, "", "x").role) == ("changed", "plain")


def test_a_move_is_told_with_a_hint_of_what_moved() -> None:
    element: Json = {"doi": "10.1/a", "title": "x" * 100}
    lines = text_of({"l": [1, 2, 3, element]}, {"l": [element, 1, 2, 3]})
    assert lines == [
        "~ l",
        '  > /l/3 → /l/0  {"doi": "10.1/a", "title": "'
        + "x" * 40
        + '…" (60 more characters)}  · 3 elements the same',
    ] or lines[1].startswith('  > /l/3 → /l/0  {"doi": "10.1/a"')


def test_a_change_that_replaces_the_whole_section_stands_beside_its_name() -> None:
    change = Change("replace", "/s", old={"a": 1}, value=[1])
    assert compared({"s": {"a": 1}}, {"s": [1]}).sections[0].changes == (change,)
    assert text_of({"s": {"a": 1}}, {"s": [1]}) == ['~ s  {"a": 1} → [1]']
