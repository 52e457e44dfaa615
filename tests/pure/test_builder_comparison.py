"""One builder against another: pairs of manifests counted, places generalised, and the answer written out."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser
from random import Random

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pithstore.builders import pair_tally, pointer_counts
from pithstore.builders.comparison import BuilderComparison
from pithstore.builders.pair_tally import PairTally, Sample
from pithstore.builders.pointer_counts import PointerTally, generalised, places
from pithstore.builders.section_comparison import (
    MadeAlone,
    OperationCount,
    PairExample,
    PointerCount,
    SectionComparison,
)
from pithstore.codec import decode_section_digests, encode_manifest, write_bytes
from pithstore.diff.changes import Change, patch
from pithstore.diff.values import diff
from pithstore.digest import Digest
from pithstore.errors import Damaged
from pithstore.model import Manifest, SectionEntry, Source
from pithstore.pointer import Json, list_position, read_pointer
from pithstore.references import Ref, read_ref
from pithstore.rendering.builder_html import comparison_page
from pithstore.rendering.builder_markdown import comparison_markdown
from pithstore.rendering.builder_text import comparison_lines
from pithstore.rendering.builder_words import percent
from pithstore.selectors import ByNumber
from tests.pure.value_pairs import pairs as value_pairs

OWN = "builder_version"
ENTRY = write_bytes(OWN.encode()) + b"d" * 32 + b"\x07"
NAMES = ["a", "b.d", "bcd", OWN, "", "x" * 200, "(.*)\n\x00[", "é", ENTRY.decode()]
HOSTILE = "<script>alert('1')</script>|`\x1b[31m\u202e$x$ @me &amp;"

Recipe = dict[str, tuple[int, int]]
"""Section name → which digest, and its size."""

recipes = st.dictionaries(
    st.sampled_from(NAMES), st.tuples(st.integers(0, 2), st.sampled_from([0, 127, 128, 2**40])), max_size=6
)


def stored(recipe: Recipe) -> bytes:
    """The recipe as a manifest is stored; equal digests may have other sizes, which then count for nothing."""
    entries = [
        SectionEntry(name, Digest(bytes([which]) * 32), size) for name, (which, size) in sorted(recipe.items())
    ]
    return encode_manifest(Manifest(tuple(entries)))


@given(given_pairs=st.lists(st.tuples(recipes, recipes), max_size=12), few=st.booleans())
def test_pairs_are_counted_as_a_plain_comparison_of_dicts_counts_them(
    given_pairs: list[tuple[Recipe, Recipe]], few: bool
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        if few:
            patched.setattr(pair_tally, "_MOST_PATTERNS", 1)
            patched.setattr(pair_tally, "_MOST_FATES", 1)
        tally: PairTally[int] = PairTally(OWN, 3)
        ranks = [rank.to_bytes(4, "big") for rank in Random(len(given_pairs)).sample(range(99), len(given_pairs))]
        for i, (before, after) in enumerate(given_pairs):
            tally.add(ranks[i], i, stored(before), stored(after))
    check_tally(tally, given_pairs, ranks)


def check_tally(tally: PairTally[int], given_pairs: list[tuple[Recipe, Recipe]], ranks: list[bytes]) -> None:
    digests = [({k: v[0] for k, v in old.items()}, {k: v[0] for k, v in new.items()}) for old, new in given_pairs]
    same = sum(
        {k: v for k, v in old.items() if k != OWN} == {k: v for k, v in new.items() if k != OWN}
        for old, new in digests
    )
    assert (tally.pairs, tally.same) == (len(digests), same)
    names = sorted({name for old, new in digests for name in (*old, *new)})
    assert list(tally.sections) == names
    for name, section in tally.sections.items():
        both = [(old.get(name), new.get(name)) for old, new in digests if name in old or name in new]
        assert section.pairs == len(both)
        assert section.added == sum(old is None for old, _ in both)
        assert section.removed == sum(new is None for _, new in both)
        assert section.differing == sum(old != new for old, new in both)
        differing = [i for i, (old, new) in enumerate(digests) if old.get(name) != new.get(name)]
        assert section.sample.items() == sorted(differing, key=lambda i: ranks[i])[:3]


def test_nothing_is_expected_of_a_store_whose_builder_is_part_of_a_section() -> None:
    tally: PairTally[int] = PairTally(None, 3)
    tally.add(b"1", 1, stored({OWN: (0, 1)}), stored({OWN: (1, 1)}))
    assert (tally.pairs, tally.same) == (1, 0)


def test_a_manifest_with_the_names_of_the_last_one_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[bytes] = []

    def decode(data: bytes) -> dict[str, bytes]:
        decoded.append(data)
        return decode_section_digests(data)

    monkeypatch.setattr(pair_tally, "decode_section_digests", decode)
    tally: PairTally[int] = PairTally(OWN, 3)
    for which in range(256):
        before, after = (dict.fromkeys(NAMES, (which, 1 << size)) for size in (which % 40, 3))
        tally.add(bytes([which]), which, stored(before), stored({**after, "new": (1, 1)}))
    assert len(decoded) == 2
    assert tally.sections["new"].added == 256


@pytest.mark.parametrize("cut", [1, 20, 40])
def test_a_manifest_that_is_cut_short_is_damaged(cut: int) -> None:
    whole = stored({"a": (0, 1), "b": (1, 1)})
    tally: PairTally[int] = PairTally(OWN, 3)
    tally.add(b"1", 1, whole, whole)
    for before, after in ((whole[:-cut], whole), (whole, whole[:-cut])):
        with pytest.raises(Damaged):
            tally.add(b"2", 2, before, after)
    assert tally.pairs == 1


@given(ranks=st.sets(st.binary(max_size=3), max_size=60), limit=st.integers(1, 8))
def test_a_sample_has_the_lowest_ranks_whatever_the_order(ranks: set[bytes], limit: int) -> None:
    for order in (sorted(ranks), sorted(ranks, reverse=True), list(ranks)):
        sample: Sample[bytes] = Sample(limit)
        for rank in order:
            sample.offer(rank, b"item" + rank)
        assert sample.items() == [b"item" + rank for rank in sorted(ranks)[:limit]]


def test_a_pointer_has_a_star_for_what_is_a_position_where_it_is_applied() -> None:
    stars = 0
    for old, new, keys in value_pairs(7, 400):
        value: Json = {"s": old}
        for change in diff(old, new, ("s",), keys):
            expected = starred(value, change)
            assert generalised(change.path, new) == expected
            stars += expected.count("/*")
            value = patch(value, [change])
    assert stars > 100


def starred(value: Json, change: Change) -> str:
    """The pointer with stars, told from the value as it is when the change is made."""
    parts: list[str] = []
    for part, token in zip(change.path.split("/")[1:], read_pointer(change.path), strict=True):
        parts.append("*" if isinstance(value, list) else part)
        if isinstance(value, dict):
            value = value.get(token)
        elif isinstance(value, list):
            position = list_position(token, len(value))
            value = None if position is None else value[position]
    return "".join(f"/{part}" for part in parts)


def test_names_that_look_like_positions_stay() -> None:
    old: Json = {"0": {"1": [[{"2": 3}]]}}
    new: Json = {"0": {"1": [[{"2": 4}, 5]]}}
    found = places(diff(old, new, ("names",)), new)
    assert set(found) == {("/names/0/1/*/*", "add"), ("/names/0/1/*/*/2", "replace")}
    assert generalised("/names", None) == "/names"


def test_the_first_change_at_a_place_stands_for_it() -> None:
    changes = [Change("add", "/s/0", value=1), Change("add", "/s/1", value=2), Change("remove", "/s/5", old=3)]
    assert places(changes, [1, 2]) == {("/s/*", "add"): changes[0], ("/s/*", "remove"): changes[2]}


def test_pointers_are_counted_by_pair_and_by_what_was_done() -> None:
    tally = PointerTally()
    pairs: list[tuple[Json, Json]] = [([1, 2], [1, "é"]), ([1], [1, 2, 3]), ([1, 2], [1]), ([1], [1, "z" * 200])]
    for old, new in pairs:
        tally.add(places(diff(old, new, ("s",)), new))
    (counted,) = tally.most_common(9)
    assert (counted.pointer, counted.count) == ("/s/*", 4)
    assert counted.operations == (
        OperationCount("add", 2, None, "2"),
        OperationCount("remove", 1, "2", None),
        OperationCount("replace", 1, "2", '"é"'),
    )


def test_values_that_are_long_are_shortened() -> None:
    tally = PointerTally()
    tally.add({("/s", "move"): Change("move", "/s", "z" * 200, "z" * 200, "/t")})
    ((done,),) = [counted.operations for counted in tally.most_common(1)]
    assert done.old == done.new == '"' + "z" * 78 + "…"


def test_the_most_frequent_pointers_come_first_and_of_equal_ones_in_order() -> None:
    tally = PointerTally()
    for names in ("ba", "ca", "b", "d"):
        tally.add({(f"/{name}", "add"): Change("add", f"/{name}") for name in names})
    assert [(each.pointer, each.count) for each in tally.most_common(3)] == [("/a", 2), ("/b", 2), ("/c", 1)]


def test_no_more_pointers_are_kept_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pointer_counts, "_MOST_POINTERS", 10)
    tally = PointerTally()
    for i in range(50):
        tally.add({(f"/{name}", "add"): Change("add", f"/{name}") for name in ("often", f"once{i}")})
    counted = tally.most_common(100)
    assert (counted[0].pointer, counted[0].count) == ("/often", 50)
    assert len(counted) <= 10


@given(whole=st.integers(1, 10**6), part=st.integers(0, 10**6))
def test_a_share_is_none_or_all_only_when_it_is(whole: int, part: int) -> None:
    part = min(part, whole)
    text = percent(part, whole)
    assert (text == "0.0 %") == (part == 0)
    assert (text == "100.0 %") == (part == whole)
    number = float(re.sub(r"[^\d.]", "", text))
    assert abs(number - 100 * part / whole) <= 0.1


def ref(number: int, identity: str = "1") -> Ref:
    return Ref(Source("k", identity), ByNumber(number))


def section(name: str, changed: int, **given: object) -> SectionComparison:
    whole = {
        "section": name,
        "pairs": 1000,
        "changed": changed,
        "added": 0,
        "removed": 0,
        "sampled": changed,
        "pointers": (),
        "examples": (PairExample(ref(1), ref(2)),) if changed else (),
    }
    return SectionComparison(**{**whole, **given})  # type: ignore[arg-type]


def pointer(name: str, count: int, *operations: OperationCount) -> PointerCount:
    return PointerCount(name, count, operations or (OperationCount("replace", count, "1", "2"),))


COMPARED = BuilderComparison(
    before="b1",
    after="b2",
    pairs=1000,
    same=400,
    shared_sources=900,
    sections=(
        section("gone", 1000, removed=1000),
        section(
            "mid",
            600,
            added=100,
            sampled=500,
            pointers=(
                pointer(
                    "/mid/*", 500, OperationCount("move", 300, "7", "7"), OperationCount("add", 250, None, "8")
                ),
                *(pointer(f"/mid/x{i}", 20 - i) for i in range(20)),
            ),
        ),
        section("little", 1, pointers=(pointer("/little/a", 1, OperationCount("remove", 1, "null", None)),)),
        section("same", 0),
        section(OWN, 1000, sampled=0, names_builder=True),
    ),
    only_before=MadeAlone(12345, 7, (ref(3, "odd id"),)),
    only_after=MadeAlone(0, 0, ()),
)
NOTHING = attrs.evolve(COMPARED, pairs=0, same=0, shared_sources=3, sections=())


def hostile() -> BuilderComparison:
    """A comparison in which everything that comes from a record would do harm if it could."""
    done = OperationCount("replace", 3, f'"{HOSTILE}"', f'"{HOSTILE}"')
    examples = (PairExample(ref(1, HOSTILE), ref(2, HOSTILE)),)
    sections = (
        section(HOSTILE, 3, pointers=(pointer(f"/{HOSTILE}", 3, done),), examples=examples),
        section("x\n| a | b |\n```", 3, removed=3, examples=examples),
    )
    alone = MadeAlone(1, 1, (ref(1, HOSTILE),))
    return attrs.evolve(COMPARED, before=HOSTILE, after=f"{HOSTILE}2", sections=sections, only_before=alone)


def test_the_share_of_a_section() -> None:
    assert [each.share for each in COMPARED.sections] == [1.0, 0.6, 0.001, 0.0, 1.0]
    assert section("none", 0, pairs=0).share == 0.0
    assert str(PairExample(ref(1, "a b"), ref(2))) == "k:a%20b@1 → k:1@2"


def test_the_text_says_it_all() -> None:
    assert (
        "\n".join(comparison_lines(COMPARED))
        == """\
b1 → b2

 1,000  source versions made by both, and compared
   400  of them the same but for the builder's name (40.0 %)
12,345  source versions made by b1 alone (7 sources have nothing by b2): k:odd%20id@3
     0  source versions made by b2 alone

section              pairs    changed     share
gone                 1,000      1,000   100.0 %  ████████████████████████  removed in all
mid                  1,000        600    60.0 %  ██████████████▍           added in 100
little               1,000          1     0.1 %  ▏
same                 1,000          0     0.0 %
builder_version      1,000      1,000   100.0 %                            names the builder

mid: where, in 500 of the 600 pairs that differ
      300  > /mid/*   7
      250  + /mid/*   8
       20  ~ /mid/x0  1 → 2
       19  ~ /mid/x1  1 → 2
       18  ~ /mid/x2  1 → 2
       17  ~ /mid/x3  1 → 2
       16  ~ /mid/x4  1 → 2
       15  ~ /mid/x5  1 → 2
        …  14 more
           pithstore diff k:1@1 k:1@2

little: where, in the one pair that differs
        1  - /little/a  null
           pithstore diff k:1@1 k:1@2"""
    )


def test_the_text_says_why_nothing_was_compared() -> None:
    assert (
        "\n".join(comparison_lines(NOTHING))
        == """\
b1 → b2

     0  source versions made by both: there is nothing to compare
     3  sources made by both, each in other source versions
12,345  source versions made by b1 alone (7 sources have nothing by b2): k:odd%20id@3
     0  source versions made by b2 alone

'pithstore diff SOURCE@builder=b1 SOURCE@builder=b2' compares a source as each made it last"""
    )


def test_nothing_of_a_record_commands_a_terminal() -> None:
    lines = list(comparison_lines(hostile()))
    assert all(line.isprintable() for line in lines)
    assert any("\\x1b[31m\\u202e" in line for line in lines)


def test_commands_are_quoted_for_the_shell() -> None:
    (line,) = [line for line in comparison_lines(hostile()) if "pithstore diff" in line]
    before = re.search(r"diff '(.*@1)' '", line)
    assert before is not None
    assert read_ref(before[1].replace("'\"'\"'", "'")) == ref(1, HOSTILE)


def test_the_markdown_says_it_all() -> None:
    assert (
        comparison_markdown(COMPARED)
        == """\
### Builder `b1` → `b2`

- **1,000** source versions made by both, and compared
- **400** of them the same but for the builder's name (40.0 %)
- **12,345** source versions made by `b1` alone (7 sources have nothing by `b2`)
- **0** source versions made by `b2` alone

| section | pairs | changed | share | where, in how many of the pairs looked into |
| --- | --- | --- | --- | --- |
| gone | 1,000 | 1,000 | 100.0 % | removed in all |
| mid | 1,000 | 600 | 60.0 % | added in 100, `> /mid/*` 300, `+ /mid/*` 250, `~ /mid/x0` 20 of 500, and 19 more |
| little | 1,000 | 1 | 0.1 % | `- /little/a` 1 of 1 |
| same | 1,000 | 0 | 0.0 % |  |
| builder\\_version | 1,000 | 1,000 | 100.0 % | names the builder |

```text
pithstore diff k:1@1 k:1@2
```
"""
    )
    assert "|" not in comparison_markdown(NOTHING)
    bare = attrs.evolve(COMPARED, sections=(section("a", 2, pointers=()),))
    assert comparison_markdown(bare).splitlines()[9] == "| a | 1,000 | 2 | 0.2 % |  |"


def test_nothing_of_a_record_is_markdown() -> None:
    text = comparison_markdown(hostile())
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 4
    for row in rows:
        assert len(re.findall(r"(?<!\\)\|", row)) == 6
        assert "<script>" not in re.sub(r"(`+).*?\1", "", row)
    assert "\x1b" not in text


class Page(HTMLParser):
    """The tags and the text of a page; it fails where tags do not close."""

    VOID = ("meta", "br")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.text.append(data)


ALLOWED = {
    *("html", "head", "meta", "title", "style", "body", "main", "div", "h1", "h2", "p", "dl", "dt", "dd", "span"),
    *("table", "thead", "tbody", "tr", "th", "td", "svg", "rect", "code", "ul", "li", "br"),
}


@pytest.mark.parametrize("compared", [COMPARED, NOTHING, hostile()], ids=["usual", "nothing", "hostile"])
def test_the_page_stands_alone_and_does_nothing(compared: BuilderComparison) -> None:
    text = comparison_page(compared)
    page = Page(text)
    assert set(page.tags) <= ALLOWED
    assert not {name for name, _ in page.attributes} & {"src", "href", "onclick", "onload", "style"}
    assert "http://" not in text
    assert "https://" not in text
    assert "prefers-color-scheme:dark" in text
    assert "default-src &#39;none&#39;" in text or "default-src 'none'" in text
    assert compared._repr_html_() in text
    assert "\x1b" not in text


def test_each_bar_has_its_number_beside_it() -> None:
    text = comparison_page(COMPARED)
    row = re.search(r'<tr><th scope="row">mid</th>(.*?)</tr>', text)
    assert row is not None
    widths = re.findall(r'<rect class="(\w+)" x="([\d.]+)%" width="([\d.]+)%"', row[1])
    assert widths == [("changed", "0.00", "50.00"), ("added", "50.00", "10.00")]
    assert re.findall(r'<td class="number">(.*?)</td>', row[1]) == ["60.0 %", "600", "1,000"]
    assert "added in 100" in row[1]
    little = re.search(r'<tr><th scope="row">little</th>(.*?)</tr>', text)
    assert little is not None
    assert 'width="0.30%"' in little[1]  # too small to be seen otherwise
    own = re.search(rf'<tr><th scope="row">{OWN}</th>(.*?)</tr>', text)
    assert own is not None
    assert "<rect" not in own[1]


def test_the_page_names_places_examples_and_what_came_or_went() -> None:
    text = "".join(Page(comparison_page(COMPARED)).text)
    assert "Where, in 500 of the 600 pairs that differ" in text
    assert "and 10 more" in text
    assert "pithstore diff k:1@1 k:1@2" in text
    assert "gone: removed in all, as in" in text
    assert "k:odd%20id@3" in text
    assert "made by both: there is nothing to compare" in "".join(Page(comparison_page(NOTHING)).text)


def test_a_page_of_very_many_sections_details_the_first() -> None:
    many = tuple(section(f"s{i:03}", 2, pointers=(pointer(f"/s{i:03}/a", 2),)) for i in range(60))
    text = comparison_page(attrs.evolve(COMPARED, sections=many))
    assert text.count("<h2>s0") == 50
    assert "and 10 more sections that changed less often" in text
    assert text.count('<th scope="row">s0') == 60


def test_nothing_of_a_record_is_html() -> None:
    page = Page(comparison_page(hostile()))
    assert page.tags["script"] == 0
    assert any("<script>alert('1')</script>" in text for text in page.text)
