"""A memo of sections changes nothing but time: what is prepared or refused and why, in any order of texts."""

from __future__ import annotations

import json
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any
from unittest import mock

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from pithstore import fast_path
from pithstore.canonical import canonical
from pithstore.errors import InvalidRecord
from pithstore.fast_path import line_of
from pithstore.limits import DEFAULT_LIMITS, Limits
from pithstore.pointer import Json
from pithstore.profile import PITH, Profile
from pithstore.reading import Section, read_section
from pithstore.record import prepare
from pithstore.section_memo import OVERHEAD, Known, Layout, SectionMemo, charge_of
from pithstore.testing.strategies import json_values, records
from tests.pure.archives import seed_text
from tests.pure.hostile import CASES, Case
from tests.pure.laws import with_room
from tests.pure.spellings import escaped, leaf_text, object_text, text_value, value_text
from tests.pure.test_fast_path import every_text_is_split, outcome

SECTIONS = (
    *(
        b"[]",
        b"0",
        b"-0",
        b"0.0",
        b"-0.0",
        b"1e16",
        b"1E-7",
        b"123456789012345678901",
        b'"\\u00e9"',
        '"é"'.encode(),
    ),
    *(b'{"b":1,"a":2}', b'{ "a" : 2, "b" : 1 }', b'{"a":1,"a":2}', b'{"a":{"b":1,"b":1}}', b'{"\\u0061":1}'),
    *(b'{"snapshot_sha256":"x","items":[]}', b'{"items": [],"snapshot_sha256":null}', b'"snapshot_sha256"'),
    *(b'{"snapshot_sha256":1e-7,"z":{"snapshot_sha256":1e-7}}', b'{"\\u0073napshot_sha256":"x","count":0}'),
    *(
        b'{"\\u003a":":"}',
        b'{"a":"\\u003a"}',
        b"1e400",
        b"1e-400",
        b"NaN",
        b'"\\ud800"',
        b'"\xff"',
        b"[1",
        b"",
        b"1 2",
    ),
    *(
        b"[" * 6 + b"]" * 6,
        b"[" * 300 + b"]" * 300,
        b'"[[[[[[[["',
        b"[[],[],[]]",
        b'{"detectors_run":[],"findings":[]}',
    ),
)
"""Texts of sections: some say the same, some are not what they seem, some are refused."""

SOURCES = (
    *(b'{"kind":"k","id":"i"}', b'{"id":"i","kind":"k"}', b'{"kind":"k","id":"i","version":1e-7}'),
    *(b'{"kind":"k","kind":"k","id":"i"}', b'{"kind":"k","id":5}', b'{"kind":"k"}', b"[]"),
)
NAMES = ("claims", "integrity", "x", "a:b", "\\u0061", "a", "a\\u003ab", "é")
SPACES = (b"", b"", b"", b" ", b"\n  ", b"     ")


@st.composite
def spelled(draw: st.DrawFn) -> bytes:
    """The text of a record, with any spaces, names that come twice, and sections of other records."""
    members = [("source", draw(st.sampled_from(SOURCES))), ("builder_version", b'"b"')]
    members += draw(st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(SECTIONS)), max_size=4))
    members = draw(st.permutations(members))
    space, around = draw(st.sampled_from(SPACES)), draw(st.sampled_from(SPACES))
    pairs = [b'"%b"%b:%b%b' % (name.encode(), space, space, text) for name, text in members]
    return b"%b{%b%b%b}%b" % (around, space, (space + b"," + space).join(pairs), space, around)


LIMITS = st.sampled_from([DEFAULT_LIMITS, DEFAULT_LIMITS, Limits(nesting=5), Limits(record_bytes=90)])


@given(st.lists(st.tuples(spelled(), LIMITS), max_size=8), st.sampled_from([0, 20_000, 10**6]))
@example([(b'{"source":{"kind":"k","id":"i"},"builder_version":"b","x":1,"x":[]}', DEFAULT_LIMITS)] * 2, 10**6)
@example([(b'{"source":{"kind":"k","id":"i"},"builder_version":"b","x":[],"x":1}', DEFAULT_LIMITS)] * 2, 10**6)
def test_texts_that_share_sections_in_any_order(texts: list[tuple[bytes, Limits]], size: int) -> None:
    memo = SectionMemo(size)
    for text, limits in texts:
        expected = outcome(text, limits)
        with every_text_is_split():
            assert outcome(text, limits, memo) == expected
            assert outcome(text.decode(errors="surrogateescape"), limits, memo) == (
                outcome(text.decode(errors="surrogateescape"), limits)
            )
        assert outcome(text, limits, memo) == expected
        assert memo.held_bytes <= size


def versions() -> SearchStrategy[list[dict[str, Json]]]:
    """Records of which each has some sections of the first."""
    changes = st.dictionaries(st.sampled_from(["x", "y", "claims"]), json_values(4), max_size=2)
    return st.tuples(records(), st.lists(changes, max_size=5)).map(
        lambda drawn: [drawn[0] | more for more in drawn[1]]
    )


@given(versions(), st.sampled_from([None, 1]), st.booleans())
def test_versions_of_one_record(history: list[dict[str, Json]], indent: int | None, sort_keys: bool) -> None:
    memo = SectionMemo()
    for record in history:
        text = json.dumps(record, indent=indent, sort_keys=sort_keys)
        with every_text_is_split():
            assert prepare(text, memo=memo) == prepare(text) == prepare(record)


def test_a_memo_of_one_profile_and_limits_serves_any_other() -> None:
    memo = SectionMemo()
    deep = b'{"source":{"kind":"k","id":"i"},"builder_version":"b","x":%b%b}' % (b"[" * 20, b"]" * 20)
    profiles = [
        PITH,
        Profile(declared="none"),
        Profile("seed", "/builder_version", "/x", "b"),
        Profile(source_id="/no"),
    ]
    with every_text_is_split():
        for text in (seed_text(), deep):
            for profile in profiles:
                for limits in (DEFAULT_LIMITS, Limits(nesting=20), Limits(record_bytes=len(text) - 1)):
                    assert told(text, profile, limits, memo) == told(text, profile, limits)


def test_a_profile_without_rules_is_told_of_no_declaration() -> None:
    memo = SectionMemo()
    with every_text_is_split():
        for profile in (PITH, Profile(declared="none"), PITH):
            found = [prepare(seed_text(), profile, memo=memo), prepare(seed_text(), profile)]
            assert [len(prepared.declarations) for prepared in found] == [5 * (profile is PITH)] * 2


def test_a_text_with_more_arrays_than_allowed_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast_path, "_DECODER", None)
    monkeypatch.setattr(fast_path, "_SPLITTER", None)
    text = f'{{"x":[{"[]," * 1001}0]}}'
    with every_text_is_split():
        assert fast_path.read(text, Limits(record_bytes=8000)) is None
        assert fast_path.read(text, Limits(record_bytes=8000), memo=SectionMemo()) is None


@pytest.mark.parametrize("levels", [254, 255, 256, 511, 512, 513])
def test_a_deep_text_is_what_the_definition_says_it_is(levels: int) -> None:
    shallow = b'{"source":{"kind":"k","id":"i"},"builder_version":"b","x":[]}'
    deep = shallow.replace(b"[]", b"[" * (levels - 1) + b"]" * (levels - 1))
    with every_text_is_split():
        for limits in (DEFAULT_LIMITS, Limits(nesting=255), Limits(nesting=254), Limits(nesting=100)):
            memo = SectionMemo()
            for text in (shallow, deep, deep):
                assert outcome(text, limits, memo) == outcome(text, limits)
                with mock.patch.object(fast_path, "read", return_value=None):
                    expected = outcome(text, limits)
                assert outcome(text, limits, memo) == expected


FOLLOWED = (
    *(b'"x":1,"y":2', b'"x":12,"y":2', b'"x":1 ,"y":2', b'"x":1,"y":2,"z":3', b'"x":1', b'"y":2,"x":1', b""),
    *(b'"x":{"a":1,"y":2},"y":2', b'"x":[1,"y"],"y":2', b'"x":",\\"y\\":","y":2', b'"x":1,"x":1,"y":2'),
    *(b'"x":1,"y":2,"y":2', b'"x":,"y":2', b'"x":1,"y":', b'"x":1}{"y":2', b'"x":1,"y":2}', b'"x":1,,"y":2'),
    *(b'"x":01,"y":2', b'"x":1,"y":2e', b'"x":1,"\\u0079":2', b'"x":1, "y":2', b'"x":{"a":1,"a":1},"y":2'),
)
"""Members behind those that identify: what follows one of them as the next version of it may be anything."""


@pytest.mark.parametrize("style", [(b",", b":"), (b", ", b": ")])
def test_a_text_that_seems_to_follow_another_is_read_as_if_it_came_alone(style: tuple[bytes, bytes]) -> None:
    comma, colon = style
    head = b'{"source":{"kind":"k","id":"i"},"builder_version":"b"'
    texts = [head + (b"," + members if members else b"") + b"}" for members in FOLLOWED]
    texts = [text.replace(b":", colon).replace(b",", comma) + end for text in texts for end in (b"", b"\n", b" 1")]
    memo = SectionMemo()
    with every_text_is_split():
        for before in texts:
            for text in texts:
                assert outcome(before, DEFAULT_LIMITS, memo) == outcome(before, DEFAULT_LIMITS)
                assert outcome(text, DEFAULT_LIMITS, memo) == outcome(text, DEFAULT_LIMITS)


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_of_a_version_that_follows_another_only_what_changed_is_parsed(
    separators: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    record = json.loads(seed_text())
    texts = [json.dumps(record | {"claims": [i, "y"]}, separators=separators) + "\n" for i in range(3)]
    memo, learned = SectionMemo(), list[str]()
    learn = fast_path._learn

    def noted(name: str, text: bytes) -> Section:
        learned.append(name)
        return learn(name, text)

    with every_text_is_split():
        prepare(texts[0], memo=memo)
        monkeypatch.setattr(fast_path, "_SPLITTER", None)
        monkeypatch.setattr(fast_path, "_learn", noted)
        for text in (texts[1], texts[1], texts[2], texts[1]):
            assert prepare(text, memo=memo).size == len(json.dumps(json.loads(text), separators=(",", ":")))
    assert learned == ["claims"] * 3


def told(text: str | bytes, profile: Profile, limits: Limits, memo: SectionMemo | None = None) -> object:
    """What is prepared, or why not."""
    try:
        return prepare(text, profile, limits, memo)
    except InvalidRecord as error:
        return str(error), error.reason, error.offset, error.pointer


@pytest.mark.parametrize("count", [998, 999, 1000, 1001])
def test_more_sections_and_arrays_than_allowed_are_refused_by_the_definition(count: int) -> None:
    limits, memo = Limits(record_bytes=100_000), SectionMemo()
    members = [f'"x{i}":[]' for i in range(count - 2)]
    few = f'{{"source":{{"kind":"k","id":"i"}},"builder_version":"b",{",".join(members)}}}'
    deep = f'{{"source":{{"kind":"k","id":"i"}},"builder_version":"b","x":[{"[]," * 12498}0],"y":[[[]]]}}'
    for text in (few, deep, few):
        expected = outcome(text, limits)
        with every_text_is_split():
            assert outcome(text, limits, memo) == expected


def test_a_section_that_is_known_is_not_parsed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    memo, fresh = SectionMemo(), prepare(seed_text())
    with every_text_is_split():
        prepare(seed_text(), memo=memo)
        monkeypatch.setattr(fast_path, "_learn", None)
        assert prepare(seed_text(), memo=memo) == fresh


def test_a_small_text_and_one_of_a_lone_section_are_parsed_as_a_whole() -> None:
    memo = SectionMemo()
    head = '{"source":{"kind":"k","id":"i"},"builder_version":"b","x":'
    prepare(head + '["",""],"y":[]}', memo=memo)
    prepare(head + json.dumps(["lone"] * 2000) + "}", memo=memo)
    assert memo.held_bytes == 0
    halves = json.dumps(["half"] * 1000)
    assert prepare(f'{head}{halves},"y":{halves}}}', memo=memo) == prepare(f'{head}{halves},"y":{halves}}}')
    assert memo.held_bytes > 0


def kept(name: str, size: int) -> Known:
    """What is known of a source of one section."""
    body = canonical("x" * size)
    section = read_section(name, "x" * size, body)
    return Known(Layout((name,), (), (0,), []), (body,), (section,), charge_of(body, section))


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3000)), max_size=60), st.integers(0, 40_000))
def test_a_memo_holds_no_more_than_its_bound(keys: list[tuple[str, int]], limit: int) -> None:
    memo = SectionMemo(limit)
    for name, size in keys:
        known = kept(name, size)
        memo.keep(name.encode(), known)
        assert memo.find(name.encode()) is (None if OVERHEAD + 4 + size + 2 > limit // 16 else known)
        assert memo.find(name.encode() + b"'") is None
        assert memo.held_bytes <= limit
        found = [memo.find(each.encode()) for each in "abc"]
        assert memo.held_bytes == sum([0 if each is None else each.charge for each in found])


def test_what_it_counts_is_the_memory_that_it_takes() -> None:
    limit = 4 * 1024 * 1024
    members = ",".join(f'"s{i}":{{"snapshot_sha256":"{"0" * 64}","n":@,"items":[ ]}}' for i in range(5))
    text = f'{{"source":{{"kind":"k","id":"@"}},"builder_version":"b",{members}}}'
    texts = [text.replace("@", str(i)).encode() for i in range(3000)]
    memo = SectionMemo(limit)
    with every_text_is_split():
        prepare(texts[0], memo=SectionMemo())  # what is kept for good
        tracemalloc.start()
        for each in texts:
            fast_path.read(each, memo=memo)
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert limit / 4 < held <= memo.held_bytes <= limit


def test_a_source_that_is_used_stays() -> None:
    memo = SectionMemo(100_000)
    used = kept("used", 1000)
    memo.keep(b"used", used)
    for number in range(500):
        memo.keep(b"%d" % number, kept("once", 2000))
        assert memo.find(b"used") is used
    assert memo.find(b"0") is None


def test_threads_share_a_memo() -> None:
    memo, limit = SectionMemo(200_000), 200_000
    random = Random(20260613)
    bodies = [value_text(random, 4, leaf_text) for _ in range(200)]
    texts = [
        f'{{"source":{{"kind":"k","id":"{i}"}},"builder_version":"b",'
        f'"x":{random.choice(bodies)},"y":{random.choice(bodies)}}}'
        for i in range(1000)
    ]
    alone = [outcome(text, DEFAULT_LIMITS) for text in texts]
    with every_text_is_split(), ThreadPoolExecutor(8) as threads:
        together = list(threads.map(lambda text: outcome(text, DEFAULT_LIMITS, memo), texts))
    assert together == alone
    assert 0 < memo.held_bytes <= limit


def test_no_room_on_the_stack_is_left_to_the_definition() -> None:
    text = b'{"source":{"kind":"k","id":"i"},"builder_version":"b","x":%b%b}' % (b"[" * 200, b"]" * 200)
    with every_text_is_split():
        assert with_room(60, lambda: fast_path.read(text, memo=SectionMemo())) is None
        assert fast_path.read(text, memo=SectionMemo()) is not None


# The line that a text is about.


def same_line(text: bytes, profile: Profile = PITH, limits: Limits = DEFAULT_LIMITS) -> bool:
    """Hold the line of a text against what is prepared; whether there is one."""
    found = line_of(text, profile, limits)
    try:
        prepared = prepare(text, profile, limits)
    except InvalidRecord:
        return False
    assert found in (prepared.line, None)
    return found is not None


@given(spelled(), LIMITS)
def test_a_text_is_about_the_line_that_prepare_finds(text: bytes, limits: Limits) -> None:
    same_line(text, limits=limits)


@given(records(), st.sampled_from([None, 1]), st.booleans())
def test_the_line_of_a_record(record: dict[str, Any], indent: int | None, ensure_ascii: bool) -> None:
    assert same_line(json.dumps(record, indent=indent, ensure_ascii=ensure_ascii).encode())


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_line_of_hostile_texts(case: Case) -> None:
    same_line(case.text, limits=case.limits)


def test_the_line_by_another_profile() -> None:
    assert same_line(seed_text(), Profile("seed", "/builder_version", "/paper/title", "b"))
    assert same_line(seed_text(), Profile("seed", "all", "1", "b"))
    assert not same_line(seed_text(), Profile(source_id="/no"))


def test_the_line_of_a_large_text() -> None:
    source = {"kind": "k", "id": "i", "more": "x" * 100_000}
    text = json.dumps({"source": source, "builder_version": "b"}).encode()
    assert line_of(text) == prepare(text).line
    assert line_of(text, limits=Limits(record_bytes=1000)) is None


def test_rules_that_lead_into_lists_or_texts_find_no_line() -> None:
    text = b'{"source":["k",{"id":"i"}],"builder_version":"b"}'
    assert prepare(text, listed := Profile("k", "/source/1/id")).line.source.id == "i"
    assert line_of(text, listed) is None
    assert not same_line(seed_text(), Profile("/builder_version", "/builder_version/0"))
    assert same_line(seed_text(), Profile("/builder_version", "/builder_version"))


def test_many_spellings_of_names_are_one_line() -> None:
    random = Random(20260614)
    for _ in range(300):
        kind, identity, builder = (text_value(random) or "k" for _ in range(3))
        source = object_text(random, [("kind", escaped(kind, random)), ("id", escaped(identity, random))])
        text = object_text(random, [("source", source), ("builder_version", escaped(builder, random))])
        assert same_line(text.encode())
