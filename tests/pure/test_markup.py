"""Text from records says what it says in HTML, Markdown and CSV, and does nothing there."""

from __future__ import annotations

import csv
import io
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from pithstore.quoting import quote_name
from pithstore.rendering.legible import legible
from pithstore.rendering.markup import (
    code_span,
    csv_cell,
    escape_html,
    escape_markdown,
    fence,
    html_table,
    markdown_table,
)
from tests.pure.archives import naughty_strings

HOSTILE = [
    *("", " ", "  ", " a ", "`", "``", "```", "`a", "a`", "``` a", "~~~", "|", "a|b", "\\|", "\\", "a\\", "\\`"),
    *("@bob", "a@b.de", "#12", "GH-12", "www.x.de", "https://x.de", "<https://x.de>", "[a](b)", "![a](b)", "[a]"),
    *("<b>", "</details>", "<!--", "-->", "&lt;", "&#64;", "*a*", "_a_", "__a__", "~~a~~", "$x$", ":smile:"),
    *("# a", "- a", "+ a", "1. a", "1) a", "> a", "---", "===", "    a", "\ta", "a\n\nb", "a\r\nb", "| --- |"),
    *(
        "deadbeef",
        "=1+1",
        "-1",
        "+1",
        "＝1",
        "\x1b[31m",
        "\u202egnp",
        "\u2028",
        "\x00",
        "\x9b2J",
        "\ufeff",
        "\xad",
    ),
    *("\U000e0041", "\u200b", '" onclick="x', "' onclick='x", "ror-schema-1.0", "builder_version", "C++ = 1"),
]
TEXTS = [*HOSTILE, *naughty_strings()]
HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff"
    "\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e007f]"
)

texts = (
    st.sampled_from(TEXTS)
    | st.text(alphabet=st.sampled_from("`|\\@<>[]()*_~#-+=.:/ aw1\n\t\x1b\u202e&\"'"))
    | st.text()
)

markdown = MarkdownIt("commonmark").enable(["table", "strikethrough"])


class Page(HTMLParser):
    """What a browser sees: the elements with their attributes, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        self.elements.append("comment")

    @property
    def text(self) -> str:
        return "".join(self.texts)


def rendered(text: str) -> Page:
    """What becomes of Markdown in CommonMark with GitHub's tables, by an implementation of others."""
    return Page(markdown.render(text))


@given(texts)
def test_nothing_is_hidden_and_what_shows_stays(text: str) -> None:
    shown = legible(text)
    assert not HIDDEN.search(shown)
    assert legible(shown) == shown
    if not HIDDEN.search(text):
        assert shown == text


def test_what_was_hidden_is_written_out() -> None:
    assert legible("\x1b[31m \u202e \U000e0041\n") == "\\x1b[31m \\u202e \\U000e0041\\x0a"


@given(texts)
def test_the_quoted_name_of_a_source_can_be_shown_as_it_is(text: str) -> None:
    name = text.encode(errors="ignore").decode()
    assert legible(quote_name(name)) == quote_name(name)


@given(texts)
def test_html_shows_the_text_and_nothing_else(text: str) -> None:
    page = Page(f"<p title='{escape_html(text)}' class=\"{escape_html(text)}\">{escape_html(text)}</p>")
    assert page.elements == ["p"]
    assert page.attributes == [("title", legible(text)), ("class", legible(text))]
    assert page.text == legible(text)


@given(texts)
def test_a_line_of_markdown_shows_the_text_and_nothing_else(text: str) -> None:
    page = rendered(escape_markdown(text))
    assert page.elements in (["p"], ["p", "code"])
    assert page.text.removesuffix("\n") == (legible(text) or " ")


@given(texts)
def test_whatever_github_would_make_something_of_is_code(text: str) -> None:
    """GitHub looks for mentions, links, numbers of issues and hashes of commits in the text beside code."""
    page = rendered(escape_markdown(text))
    if page.elements == ["p"]:
        assert not re.search(r"[@#:$<>&`]|www\.|gh-\d|[0-9a-f]{7}", page.text, re.IGNORECASE)


@given(texts, texts)
def test_code_between_words_shows_the_text(text: str, other: str) -> None:
    page = rendered(f"from {code_span(text)} to {code_span(other)}")
    assert page.elements == ["p", "code", "code"]
    assert page.text == f"from {legible(text) or ' '} to {legible(other) or ' '}\n"


@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=3))
def test_a_table_of_markdown_has_its_cells(rows: list[tuple[str, str]]) -> None:
    cells = [(escape_markdown(one), code_span(two)) for one, two in rows]
    table = rendered(markdown_table(("one", "two"), cells))
    assert table.elements.count("td") == 2 * len(rows)
    assert set(table.elements) <= {"table", "thead", "tbody", "tr", "th", "td", "code"}
    assert [text for text in table.texts if text.strip("\n")] == [
        "one",
        "two",
        *(legible(cell) or " " for row in rows for cell in row),
    ]


@given(st.lists(texts, min_size=1).map("\n".join), texts)
def test_a_fence_holds_all_its_lines(text: str, after: str) -> None:
    check_fence(text, after)


def test_no_naughty_string_ends_a_fence() -> None:
    for text in TEXTS:
        check_fence(f"first\n{text}\n- last", text)


def check_fence(text: str, after: str) -> None:
    page = rendered(f"{fence(text, 'diff')}\n\n{code_span(after)}\n")
    assert page.elements == ["pre", "code", "p", "code"]
    shown = "\n".join(map(legible, text.split("\n"))) + "\n"
    assert page.text.startswith(shown)
    assert ("class", "language-diff") in page.attributes


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("ror-schema-1.0", r"ror\-schema\-1\.0"),
        ("builder_version", r"builder\_version"),
        ("references", "references"),
        ("方法 é", "方法 é"),
        ("@bob", "`@bob`"),
        ("a`b", "``a`b``"),
        ("`b", "`` `b ``"),
        ("<b>", "`<b>`"),
        ("\u202e", r"`\u202e`"),
    ],
)
def test_plain_words_stay_words(text: str, written: str) -> None:
    assert escape_markdown(text) == written


@given(texts)
def test_a_spreadsheet_computes_nothing(text: str) -> None:
    cell = csv_cell(text)
    assert cell in (legible(text), f"'{legible(text)}")
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"))
    buffer = io.StringIO()
    csv.writer(buffer).writerow([cell, "end"])
    assert next(csv.reader(io.StringIO(buffer.getvalue()))) == [cell, "end"]


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"])
def test_a_formula_gets_a_quote_in_front(text: str) -> None:
    assert csv_cell(text) == f"'{legible(text)}"
    assert csv_cell(f"x{text}")[0] == "x"


@given(st.lists(st.tuples(texts, texts), max_size=3))
def test_a_table_of_html_has_its_cells(rows: list[tuple[str, str]]) -> None:
    page = Page(html_table(("<one>", "two"), rows))
    assert page.elements == ["table", "thead", "tr", "th", "th", "tbody", *["tr", "td", "td"] * len(rows)]
    assert page.text == "".join(["<one>", "two", *(legible(cell) for row in rows for cell in row)])
