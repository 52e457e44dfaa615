"""`diff` in each of its forms says the same, and what a machine gets can be applied."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

import jsonpatch
import pytest

from pithstore.diff.merge_patch import apply_merge_patch
from tests.cli.conftest import ARXIV, HISTORY, ROR, SEED, Done, Pithstore, check_refusal, on_a_terminal
from tests.cli.test_shapes import break_a_blob, check_shape, shapes
from tests.cli.test_terminal import DANGEROUS, NASTY
from tests.pure.laws import definition

VERSIONS = 8


@pytest.fixture
def history(pithstore: Pithstore, store: Path) -> Pithstore:
    assert pithstore("put", "--at", "2026-06-10", HISTORY).code == 0
    return pithstore


def put_records(pithstore: Pithstore, *sections: Mapping[str, object]) -> None:
    """Versions 1, 2… of k:1 with these sections."""
    for number, more in enumerate(sections, 1):
        path = Path(f"{number}.json")
        path.write_text(json.dumps({"source": {"kind": "k", "id": "1"}, "builder_version": "b", **more}))
        assert pithstore("put", path).code == 0


def difference(pithstore: Pithstore, *options: str) -> Done:
    return pithstore("diff", "k:1@1", "k:1@2", *options)


def test_the_text_names_versions_sections_and_changes(history: Pithstore) -> None:
    done = history("diff", f"{ROR}@1", f"{ROR}@2")
    assert (done.code, done.err) == (1, "")
    assert done.lines == [
        "--- ror:005k7hp45@1  068ea1b11e1d  2026-06-10  ror-schema-1.0",
        "+++ ror:005k7hp45@2  ab3690f12749  2026-06-10  ror-schema-1.0",
        "  11 sections the same",
        "~ relationships",
        "  + /relationships/2  · 2 elements the same",
        "    + {",
        '    +   "id": "https://ror.org/00f5hjx88",',
        '    +   "label": "Górnośląskie Centrum Zdrowia Dziecka w Katowicach",',
        '    +   "type": "Related"',
        "    + }",
        "~ source",
        "  ~ /source/version  1 → 2  · 2 members the same",
    ]


FORMS = ("", "--json", "--format patch", "--format merge", "--format md", "--stat", "--check-only")
UNCHANGED = {"--format patch": "[]\n", "--format merge": "{}\n"}


@pytest.mark.parametrize("form", FORMS)
def test_what_is_the_same_is_said_in_few_words_with_code_0(history: Pithstore, form: str) -> None:
    done = history("diff", f"{ROR}@3", f"{ROR}@3", *form.split())
    assert (done.code, done.err) == (0, "")
    assert "Nothing differs." in done.text if "md" in form else done.text == UNCHANGED.get(form, "")


@pytest.mark.parametrize("form", FORMS)
def test_every_form_ends_with_code_1_where_anything_differs(history: Pithstore, form: str) -> None:
    done = history("diff", f"{ROR}@1", f"{ROR}@3", *form.split())
    assert (done.code, done.err) == (1, "")
    assert done.out


def test_patch_and_merge_lead_from_each_version_to_each_other(history: Pithstore) -> None:
    records = {n: json.loads(history("get", f"{ROR}@{n}").out) for n in range(1, VERSIONS + 1)}
    merged = 0
    for old in records:
        for new in records:
            pair = (f"{ROR}@{old}", f"{ROR}@{new}")
            patch = json.loads(history("diff", *pair, "--format", "patch").out)
            assert definition(jsonpatch.apply_patch(records[old], patch)) == definition(records[new])
            merge = history("diff", *pair, "--format", "merge")
            if merge.code != 2:
                merged += 1
                assert definition(apply_merge_patch(records[old], json.loads(merge.out))) == definition(
                    records[new]
                )
    assert merged > VERSIONS


def test_a_patch_of_some_sections_changes_these_alone(history: Pithstore) -> None:
    old, new = (json.loads(history("get", f"{ROR}@{n}").out) for n in (1, 3))
    options = ("--section", "types", "--section", "names", "--section", "country")
    wanted = {name: value for name, value in old.items() if name not in ("types", "country")}
    wanted |= {name: new[name] for name in ("types", "names")}
    done = history("diff", f"{ROR}@1", f"{ROR}@3", "--format", "patch", *options)
    assert definition(jsonpatch.apply_patch(old, json.loads(done.out))) == definition(wanted)
    merge = history(
        "diff", f"{ROR}@1", f"{ROR}@3", "--format", "merge", "--section", "types", "--section", "country"
    )
    assert set(json.loads(merge.out)) == {"types", "country"}


def test_a_null_that_no_merge_can_set_is_refused_by_its_place(pithstore: Pithstore, store: Path) -> None:
    put_records(pithstore, {"a": {"b/c": 1}}, {"a": {"b/c": None}})
    check_refusal(difference(pithstore, "--format", "merge"), 2, "/a/b~1c", "RFC 6902")
    assert difference(pithstore, "--format", "patch").out == b'[{"op":"replace","path":"/a/b~1c","value":null}]\n'


def test_a_section_that_is_null_is_not_one_that_is_missing(pithstore: Pithstore, store: Path) -> None:
    put_records(pithstore, {"a": None}, {"b": 1})
    assert json.loads(difference(pithstore, "--format", "merge").out) == {"a": None, "b": 1}
    assert difference(pithstore).lines[3:] == ["- a  null", "+ b  1"]


def test_json_is_the_format_json(history: Pithstore) -> None:
    pair = (f"{ROR}@1", f"{ROR}@7")
    assert history("diff", *pair, "--json") == history("diff", *pair, "--format", "json")
    assert history("diff", *pair, "--stat", "--json") == history("diff", *pair, "--stat", "--format", "json")
    for form in ("patch", "merge"):
        assert history("diff", *pair, "--json", "--format", form) == history("diff", *pair, "--format", form)


def test_a_move_says_from_where_in_json_and_in_text(pithstore: Pithstore, store: Path) -> None:
    put_records(pithstore, {"list": ["a", "b", "c", "d"]}, {"list": ["d", "a", "b", "c"]})
    (move,) = difference(pithstore, "--json").values
    check_shape(move, shapes("diff")[0])
    assert move == {
        "section": "list",
        "op": "move",
        "path": "/list/0",
        "from": "/list/3",
        "old": "d",
        "value": "d",
    }
    assert difference(pithstore).lines[-1] == '  > /list/3 → /list/0  "d"  · 3 elements the same'
    assert difference(pithstore, "--format", "patch").out == b'[{"op":"move","from":"/list/3","path":"/list/0"}]\n'
    assert difference(pithstore, "--stat").lines == ["~ list  >1  ▇", "1 change in 1 of 3 sections: 1 moved"]


def test_a_key_tells_which_element_is_which(pithstore: Pithstore, store: Path) -> None:
    one = {"list": [{"doi": "1", "n": {"x": 1, "y": 2}}, {"doi": "2", "n": {"x": 3, "y": 4}}]}
    two = {"list": [{"doi": "2", "n": {"x": 1, "y": 2}}, {"doi": "1", "n": {"x": 3, "y": 4}}]}
    put_records(pithstore, one, two)
    keyed = difference(pithstore, "--key", "/list=doi", "--json").values
    assert [change["op"] for change in keyed].count("move") == 1
    assert {str(change["path"]) for change in keyed} >= {
        "/list/0/n/x",
        "/list/0/n/y",
        "/list/1/n/x",
        "/list/1/n/y",
    }
    assert not any(str(change["path"]).endswith("doi") for change in keyed)
    assert any(str(change["path"]).endswith("doi") for change in difference(pithstore, "--json").values)
    whole = difference(pithstore, "--key", "/list=", "--json").values
    assert {change["op"] for change in whole} == {"remove", "add"}


def test_only_the_sections_that_were_asked_for_are_told(history: Pithstore) -> None:
    pair = (f"{ROR}@1", f"{ROR}@2")
    text = history("diff", *pair, "--section", "source", "--section", "country", "--section", "source")
    assert text.lines[2:] == [
        "  1 section the same",
        "~ source",
        "  ~ /source/version  1 → 2  · 2 members the same",
    ]
    assert history("diff", *pair, "--section", "country").code == 0
    assert history("diff", *pair, "--section", "country").out == b""
    checked = history("diff", *pair, "--check-only", "--section", "source", "--section", "country", "--json")
    assert checked.values == [
        {"section": "country", "status": "same"},
        {"section": "source", "status": "changed"},
    ]
    for more in ((), ("--check-only",), ("--stat",), ("--format", "patch")):
        check_refusal(history("diff", *pair, "--section", "nobody", *more), 4, "'nobody'", "source")


def test_what_the_digests_tell_needs_no_section(pithstore: Pithstore, store: Path) -> None:
    pithstore("put", SEED)
    changed = json.loads(SEED.read_bytes()) | {"new": 1}
    del changed["verdict"]
    changed["author_claims"] = {}
    Path("changed.json").write_text(json.dumps(changed))
    pithstore("put", "changed.json")
    sound = pithstore("diff", f"{ARXIV}@1", ARXIV, "--check-only")
    assert (sound.code, sound.lines) == (1, ["~ author_claims", "+ new", "- verdict"])
    break_a_blob(store)  # of author_claims
    assert pithstore("diff", f"{ARXIV}@1", ARXIV, "--check-only") == sound
    assert pithstore("diff", f"{ARXIV}@1", ARXIV).code == 12


def test_the_numbers_and_the_sections_have_the_shapes_of_the_reference(history: Pithstore) -> None:
    pair = (f"{ROR}@1", f"{ROR}@3")
    _, of_stat, of_check = shapes("diff")
    counted, checked = history("diff", *pair, "--stat", "--json"), history("diff", *pair, "--check-only", "--json")
    assert counted.code == checked.code == 1
    for value in counted.values:
        check_shape(value, of_stat)
    for value in checked.values:
        check_shape(value, of_check)
    assert [(value["section"], value["status"]) for value in counted.values] == [
        (value["section"], value["status"]) for value in checked.values
    ]
    changes = history("diff", *pair, "--json").values
    for word, op in {"added": "add", "removed": "remove", "replaced": "replace", "moved": "move"}.items():
        total = sum(int(str(value[word])) for value in counted.values)
        assert total == sum(1 for change in changes if change["op"] == op)
    assert history("diff", *pair, "--stat").lines[-1] == (
        "23 changes in 17 sections: 7 added, 9 removed, 7 replaced"
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--stat --check-only", ("--stat", "--check-only")),
        ("--json --format text", ("--json", "text")),
        ("--json --format md", ("--json", "md")),
        ("--stat --format patch", ("--stat", "patch")),
        ("--check-only --format md", ("--check-only", "md")),
        ("--check-only --key /a=b", ("--key",)),
        ("--key a=b", ("'a=b'", "/path=field")),
        ("--key /a", ("'/a'",)),
        ("--format html", ("html",)),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    history: Pithstore, options: str, words: tuple[str, ...]
) -> None:
    check_refusal(history("diff", f"{ROR}@1", f"{ROR}@2", *options.split()), 2, *words)


def test_the_versions_may_be_of_different_sources(history: Pithstore) -> None:
    history("put", "--at", "2026-06-09", SEED)
    done = history("diff", ARXIV, f"{ROR}@1")
    assert done.code == 1
    assert [line.split()[1] for line in done.lines[:2]] == [f"{ARXIV}@1", f"{ROR}@1"]
    source = done.lines.index("~ source")
    assert done.lines[source + 1 : source + 3] == [
        '  ~ /source/id  "2606.09475" → "005k7hp45"  · 1 member the same',
        '  ~ /source/kind  "arxiv" → "ror"',
    ]


def test_versions_beyond_the_horizon_are_not_compared(pithstore: Pithstore, store: Path) -> None:
    for number, day in ((1, "2026-01-01"), (2, "2026-02-01")):
        Path("r.json").write_text(
            json.dumps({"source": {"kind": "k", "id": "1"}, "builder_version": "b", "n": number})
        )
        assert pithstore("put", "--at", day, "r.json").code == 0
    assert pithstore("diff", "k:1@1", "k:1").code == 1
    assert pithstore("diff", "k:1@1", "k:1", "--at", "2026-01-15").code == 0


def test_markdown_is_printed_as_it_is(history: Pithstore) -> None:
    done = history("diff", f"{ROR}@1", f"{ROR}@2", "--format", "md")
    assert done.lines[0] == "### Changes from `ror:005k7hp45` @1 to `ror:005k7hp45` @2"
    assert "| relationships | changed | `+1` |" in done.lines
    assert "!   /source/version  1 → 2  · 2 members the same" in done.lines
    assert done.text.count("```") == 2
    assert done.out.endswith(b"```\n")


def test_long_texts_are_compared_by_words(pithstore: Pithstore, store: Path) -> None:
    text = "It was the best of times, it was the worst of times, it was the age of wisdom and of foolishness."
    put_records(pithstore, {"text": text}, {"text": text.replace("worst", "strangest")})
    assert difference(pithstore).lines[-2:] == [
        "~ text",
        '      "It was the best of times, it was the [-worst-]{+strangest+} of times, it was the age of wisdom …"',
    ]


def test_each_kind_of_line_has_its_colour(pithstore: Pithstore, store: Path) -> None:
    one: dict[str, object] = {
        "gone": 1,
        "list": ["a", "b", "c", "x"],
        "map": {"a": 1, "b": "old", "c": 3, "same": 0},
    }
    two: dict[str, object] = {
        "new": 1,
        "list": ["c", "a", "b", "x"],
        "map": {"b": "new", "c": 3, "d": 4, "same": 0},
    }
    put_records(pithstore, one, two)
    shown = on_a_terminal("diff", "k:1@1", "k:1@2").text
    for styled in (
        "\x1b[1m--- k:1@1",
        "\x1b[2m2 sections the same\x1b[0m",
        "\x1b[31m-\x1b[0m \x1b[1mgone\x1b[0m  \x1b[31m1\x1b[0m",
        "\x1b[32m+\x1b[0m \x1b[1mnew\x1b[0m  \x1b[32m1\x1b[0m",
        "\x1b[36m>\x1b[0m /list/2 → /list/0",
        '\x1b[31m"old"\x1b[0m → \x1b[32m"new"\x1b[0m',
    ):
        assert styled in shown
    plain = difference(pithstore).text
    assert re.sub("\x1b\\[\\d+m", "", shown).replace("\r\n", "\n") == plain
    assert "\x1b" not in on_a_terminal("diff", "k:1@1", "k:1@2", NO_COLOR="1").text


@pytest.mark.parametrize("form", ["--format md", "--stat", "--check-only", "--format merge", "--section x"])
def test_nothing_from_a_record_reaches_a_terminal_raw(pithstore: Pithstore, store: Path, form: str) -> None:
    put_records(
        pithstore,
        {NASTY: {NASTY: NASTY, "long": NASTY * 9}, f"gone{NASTY}": NASTY},
        {NASTY: {f"x{NASTY}": [NASTY], "long": f"{NASTY * 5} x {NASTY * 4}"}, f"new{NASTY}": [NASTY]},
    )
    shown = on_a_terminal("diff", "k:1@1", "k:1@2", *form.split(), NO_COLOR="1").text
    assert shown.strip()
    assert not DANGEROUS.search(shown.replace("\r\n", "\n"))
    assert not DANGEROUS.search(difference(pithstore, *form.split()).text)


def test_the_help_names_the_shape_of_json(pithstore: Pithstore) -> None:
    shown = pithstore("diff", "--help").text
    assert all(f'"{name}"' in shown for name in shapes("diff")[0])
