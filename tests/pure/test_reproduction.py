"""Verdicts on rebuilt records: exactly what differs beside what is left out, and what is kept of it."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pithstore.canonical import canonical
from pithstore.codec import write_bytes, write_number
from pithstore.diff.values import patch
from pithstore.digest import Digest
from pithstore.errors import Damaged, UsageError
from pithstore.keys import CHECKS, SPACES, check_key, read_time_key, source_key
from pithstore.limits import DEFAULT_LIMITS
from pithstore.model import Source, Version
from pithstore.pointer import Json, read_pointer, write_pointer
from pithstore.profile import PITH, Profile
from pithstore.record import Prepared, prepare
from pithstore.reproduction.leave_out import Pointer, leave_out
from pithstore.reproduction.recorded_check import (
    MOST_CHARACTERS,
    MOST_TEXTS,
    RecordedCheck,
    builder_digest,
    check_of,
    decode_check,
    encode_check,
)
from pithstore.reproduction.verdict import (
    Failure,
    FailureReason,
    Outcome,
    Output,
    Reproduction,
    Rules,
    Side,
    check_output,
    judge,
    rules_of,
    source_of,
)
from pithstore.testing.strategies import moments, sources, texts
from tests.pure.laws import definition

Object = dict[str, Json]
MOMENT = datetime(2026, 6, 1, tzinfo=UTC)
IDENTITY: Object = {"source": {"kind": "k", "id": "1"}, "builder_version": "b1"}

SCALARS = st.sampled_from([None, 0, 0.0, -0.0, 1, True, "", "a", "b"])
VALUES: st.SearchStrategy[Json] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=12) | st.dictionaries(st.sampled_from("abc01"), inner, max_size=3),
    max_leaves=20,
)
SECTIONS = st.dictionaries(st.sampled_from("abc01"), VALUES, max_size=3)
DIGESTS = st.binary(min_size=32, max_size=32).map(Digest)


def ready(sections: Object, builder: str = "b1") -> Prepared:
    return prepare({**sections, **IDENTITY, "builder_version": builder})


def version_of(prepared: Prepared) -> Version:
    return Version(
        prepared.line.source,
        1,
        prepared.line.builder_version,
        prepared.source_version,
        prepared.snapshot,
        MOMENT,
        MOMENT,
    )


def stored(prepared: Prepared) -> Side:
    bodies = dict(zip([entry.name for entry in prepared.manifest.sections], prepared.bodies, strict=True))
    return Side(prepared.manifest, lambda name: json.loads(bodies[name]))


def verdict_on(
    old: Object, new: Object, *ignore: str, builder: str = "b1", second: Object | None = None
) -> Reproduction:
    """What is said of a stored record of b1 when a builder makes a new one of it, or two."""
    before = ready(old)
    again = None if second is None else ready(second)
    return judge(version_of(before), stored(before), ready(new, builder), again, rules_of(ignore, PITH))


# An oracle that knows nothing of diffs: each value as what stands at each of its places.


def flat(value: Json, at: Pointer = ()) -> Iterator[tuple[Pointer, str]]:
    if isinstance(value, dict):
        yield at, "object"
        for key, member in value.items():
            yield from flat(member, (*at, key))
    elif isinstance(value, list):
        yield at, "array"
        for position, element in enumerate(value):
            yield from flat(element, (*at, str(position)))
    else:
        yield at, repr(value)


def below(place: Pointer, pointers: list[Pointer]) -> bool:
    return any(place[: len(pointer)] == pointer for pointer in pointers)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Object, Object, list[Pointer]]:
    """Two objects that are alike here and there, and places in them or beside them."""
    old = draw(SECTIONS)
    new = copy.deepcopy(old)
    for _ in range(draw(st.integers(0, 4))):
        places = [place for place, _ in flat(new) if place]
        if places:
            put(new, draw(st.sampled_from(places)), draw(VALUES), draw(st.booleans()))
    if draw(st.booleans()):
        new |= draw(SECTIONS)
    everywhere = [place for value in (old, new) for place, _ in flat(value) if place]
    some = st.sampled_from(everywhere) if everywhere else st.just(("a",))
    return old, new, draw(st.lists(some | st.just(("a", "9")) | st.just(("a", "b", "-")), max_size=4, unique=True))


def put(root: Json, place: Pointer, value: Json, cut: bool) -> None:
    """Put another value there, or end the list there."""
    for token in place[:-1]:
        root = root[int(token)] if isinstance(root, list) else root[token]  # type: ignore[index]
    if isinstance(root, list) and cut:
        del root[int(place[-1]) :]
    elif isinstance(root, list):
        root[int(place[-1])] = value
    elif isinstance(root, dict):
        root[place[-1]] = value


@given(pairs())
@example(({"a": [1, 2, 3]}, {"a": [1]}, [("a", "1"), ("a", "2")]))
@example(({"a": list(range(12))}, {"a": list(range(2))}, [("a", str(n)) for n in range(2, 12)]))
@example(({"a": [{"b": 1}, 2]}, {"a": [{"b": 2}]}, [("a", "0", "b"), ("a", "1")]))
@example(({"a": [5]}, {"a": {"0": 6}}, [("a", "0")]))
@example(({"a": [None]}, {"a": []}, []))
@example(({"a": {"b": 1}}, {}, [("a", "b")]))
@example(({"a": {"b": 1}}, {}, [("a",), ("a", "b")]))
def test_identical_means_equal_at_every_place_that_is_not_ignored(
    case: tuple[Object, Object, list[Pointer]],
) -> None:
    old, new, ignored = case
    found = verdict_on(old, new, *map(write_pointer, ignored))
    before, after = ({at: what for at, what in flat(value) if not below(at, ignored)} for value in (old, new))
    assert (found.verdict == "identical") == (before == after)
    assert found.verdict in ("identical", "differs")
    differing = {at[0] for at in before.keys() | after.keys() if at and before.get(at) != after.get(at)}
    assert set(found.sections) == differing
    assert {read_pointer(change.path)[0] for change in found.changes} == differing
    whole = {pointer for pointer in ignored if len(pointer) == 1}
    for pointer in ignored:
        inside = [{at: what for at, what in flat(value) if below(at, [pointer])} for value in (old, new)]
        if len(pointer) == 1 or pointer[:1] not in whole:  # a section that is left out is not looked into
            assert (write_pointer(pointer) in found.ignored) == (inside[0] != inside[1])


@given(SECTIONS, SECTIONS)
def test_the_changes_lead_from_what_is_stored_to_what_came(old: Object, new: Object) -> None:
    found = verdict_on(old, new)
    assert definition(patch({**old, **IDENTITY}, found.changes)) == definition({**new, **IDENTITY})
    assert (found.verdict == "identical") == (definition(old) == definition(new)) == (found.changes == ())
    assert found.rebuilt == ready(new).snapshot
    assert (found.observed, found.failure, found.ignored) == ((), None, ())


@given(SECTIONS, SECTIONS, SECTIONS)
def test_two_runs_that_differ_are_not_held_against_what_is_stored(old: Object, one: Object, two: Object) -> None:
    found = verdict_on(old, one, second=two)
    if definition(one) == definition(two):
        assert found == verdict_on(old, one)
    else:
        assert (found.verdict, found.changes) == ("nondeterministic", ())
        assert definition(patch({**one, **IDENTITY}, found.observed)) == definition({**two, **IDENTITY})
        assert found.sections == verdict_on(one, two).sections
        assert found.rebuilt == ready(one).snapshot


def test_what_is_hidden_between_runs_and_from_what_is_stored_is_told_of_both() -> None:
    found = verdict_on({"a": 1, "b": 1}, {"a": 1, "b": 2}, "/a", "/b", "/c", second={"a": 2, "b": 2})
    assert (found.verdict, found.ignored) == ("identical", ("/a", "/b"))


def test_the_builder_that_is_named_counts_between_two_runs_only() -> None:
    found = verdict_on({"a": 1}, {"a": 1}, builder="b2")
    assert (found.verdict, found.rebuilt_by, found.ignored, found.changes) == ("identical", "b2", (), ())
    found = verdict_on({"a": 1}, {"a": 1}, builder="b2", second={"a": 1})
    assert (found.verdict, found.sections) == ("nondeterministic", ("builder_version",))
    assert [change.path for change in found.observed] == ["/builder_version"]


def test_equal_digests_are_not_read() -> None:
    def refuse(name: str) -> Json:
        raise AssertionError(name)

    before = ready({"a": [1], "b": 2})
    side = Side(before.manifest, refuse)
    cases: tuple[tuple[Object, tuple[str, ...]], ...] = (
        ({"a": [1], "b": 2}, ()),
        ({"a": [2], "b": 2}, ("/a",)),
        ({"b": 2}, ("/a", "/a/0")),
    )
    for new, ignore in cases:
        found = judge(version_of(before), side, ready(new), None, rules_of(ignore, PITH))
        assert (found.verdict, found.ignored) == ("identical", ignore[:1])
    with pytest.raises(AssertionError):
        judge(version_of(before), side, ready({"a": [2], "b": 2}), None, Rules())


def test_elements_of_lists_are_known_as_the_profile_says() -> None:
    old: Object = {"references": {"sample": [{"doi": "1", "n": 1}, {"doi": "2", "n": 2}]}}
    new: Object = {"references": {"sample": [{"doi": "2", "n": 3}, {"doi": "1", "n": 4}]}}
    found = verdict_on(old, new)
    assert {change.op for change in found.changes} == {"move", "replace"}
    assert {change.path for change in found.changes if change.op == "replace"} <= {
        "/references/sample/0/n",
        "/references/sample/1/n",
    }


def test_elements_that_both_have_keep_the_places_of_the_others() -> None:
    old: Json = {"l": [1, 2, 3]}
    new: Json = {"l": [1, 9, 3, 4, 5]}
    assert leave_out(old, new, [("l", "1"), ("l", "4"), ("x", "y"), ("l", "7")]) == {("l", "1"), ("l", "4")}
    assert (old, new) == ({"l": [1, None, 3]}, {"l": [1, None, 3, 4]})


def test_what_is_left_out_is_named_by_pointers_and_by_the_profile() -> None:
    rules = rules_of(["/a", "/b~1c/0", "/a"], Profile(builder_version="/meta/pipeline", list_keys=()))
    assert rules == Rules((("a",), ("b/c", "0")), (("meta", "pipeline"),))
    assert rules_of([], Profile(builder_version="always")) == Rules(keys=Profile().list_keys)
    for text in ("a", "", "/~2"):
        with pytest.raises(UsageError):
            rules_of(["/a", text], PITH)


# What a builder gave


def given_for(output: str | bytes | Object | Output | Failure, about: Object | None = None) -> Prepared | Failure:
    source: Json = about if about is not None else {"kind": "k", "id": "1", "version": 3}
    version = version_of(prepare({"source": source, "builder_version": "b"}))
    return check_output(version, output, PITH, DEFAULT_LIMITS)


def record_about(**source: Json) -> Object:
    return {"source": {"kind": "k", "id": "1", **source}, "builder_version": "b"}


def test_a_record_about_the_source_is_taken_in_any_form() -> None:
    record = record_about(version=3)
    text = json.dumps(record)
    for output in (record, text, text.encode() + b"\n", Output(text), Output(record, ("said",))):
        assert given_for(output) == prepare(record)


@pytest.mark.parametrize(
    ("output", "reason", "words"),
    [
        ("", "no-output", "gave no record"),
        (b" \n", "no-output", "gave no record"),
        ("{", "invalid-record", "the record is refused, syntax: "),
        ('{"a":NaN}', "invalid-record", "the record is refused, not-finite: "),
        ({"a": object()}, "invalid-record", "the record is refused, type: "),
        ({"a": 1}, "invalid-record", "the record is refused, identity: "),
        (record_about(version=4), "wrong-source", '"version":4}, not about {"id":"1","kind":"k","version":3}'),
        (record_about(version=3.0), "wrong-source", '"version":3.0}'),
        (record_about(version="3"), "wrong-source", '"version":"3"}'),
        (record_about(), "wrong-source", '"version":null}'),
        (record_about(version=3, id="2"), "wrong-source", '{"id":"2",'),
        (record_about(version=3, kind="j"), "wrong-source", '"kind":"j"'),
    ],
)
def test_what_is_no_record_about_the_source_is_a_failure(output: str | Object, reason: str, words: str) -> None:
    for given_so, log in ((output, ()), (Output(output, ("said", "last")), ("said", "last"))):
        failure = given_for(given_so)
        assert isinstance(failure, Failure)
        assert (failure.reason, failure.log) == (reason, log)
        assert words in failure.why


def test_a_failure_stays_one() -> None:
    failure = Failure("exit", "exit status 3", ("said",))
    assert given_for(failure) is failure


def test_a_source_without_a_version_is_one_whose_version_is_null() -> None:
    abouts: tuple[Object, ...] = ({"kind": "k", "id": "1"}, {"kind": "k", "id": "1", "version": None})
    for stored_so in abouts:
        for output in (record_about(), record_about(version=None)):
            assert isinstance(given_for(output, about=stored_so), Prepared)
    version = version_of(prepare(record_about()))
    assert source_of(version) == {"kind": "k", "id": "1", "version": None}


# What is kept

REASONS = st.none() | st.sampled_from(get_args(FailureReason))
LISTS = st.lists(texts(), max_size=4).map(tuple)
CHECKED = st.builds(
    RecordedCheck,
    sources(),
    st.integers(1, 2**32 - 1),
    moments(),
    DIGESTS,
    st.sampled_from(get_args(Outcome)),
    st.none() | DIGESTS,
    st.none() | DIGESTS,
    REASONS,
    st.integers(0, 2**40),
    LISTS,
    LISTS,
    LISTS,
)


@given(CHECKED)
def test_a_check_reads_back(check: RecordedCheck) -> None:
    assert decode_check(check.checked_at, encode_check(check)) == check


@given(CHECKED, st.data())
def test_any_other_bytes_are_damaged_or_another_check(check: RecordedCheck, data: st.DataObject) -> None:
    encoded = encode_check(check)
    cut = data.draw(st.integers(0, len(encoded) - 1))
    with pytest.raises(Damaged):
        decode_check(check.checked_at, encoded[:cut])
    with pytest.raises(Damaged):
        decode_check(check.checked_at, encoded + b"\0")
    place = data.draw(st.integers(0, len(encoded) - 1))
    broken = encoded[:place] + bytes([encoded[place] ^ data.draw(st.integers(1, 255))]) + encoded[place + 1 :]
    with suppress(Damaged):
        assert decode_check(check.checked_at, broken) != check


def test_the_encoding_of_a_check_is_that_of_the_format() -> None:
    digest = Digest.of(b"x")
    check = RecordedCheck(
        *(Source("k", "1"), 258, MOMENT, digest, "differs", digest, None, None, 1, ("a",), ("/a/é",), ())
    )
    expected = (
        *(b"\x01k", b"\x011", b"\x07differs", b"\x00", b"\x82\x02", b"\x01", digest, b"\x20", digest, b"\x00"),
        *(b"\x01\x01a", b"\x01\x05/a/\xc3\xa9", b"\x00"),
    )
    assert encode_check(check) == b"".join(expected)


@pytest.mark.parametrize(("verdict", "failure"), [("equal", ""), ("failed", "bored"), ("", "")])
def test_words_that_are_not_known_are_damaged(verdict: str, failure: str) -> None:
    words = b"".join(write_bytes(word.encode()) for word in ("k", "1", verdict, failure))
    rest = write_number(1) + write_number(0) + bytes(32) + bytes(5)
    with pytest.raises(Damaged, match="not known"):
        decode_check(MOMENT, words + rest)
    sound = b"".join(write_bytes(word.encode()) for word in ("k", "1", "failed", "exit"))
    assert decode_check(MOMENT, sound + rest).failure == "exit"
    short = write_number(1) + write_number(0) + bytes(32) + b"\x01x" + bytes(4)
    with pytest.raises(Damaged, match="length"):
        decode_check(MOMENT, sound + short)


def test_what_is_kept_are_digests_names_and_pointers() -> None:
    found = verdict_on({"a": "secret 1", "c": 1}, {"a": "secret 2", "c": 2}, "/c", builder="secret b")
    check = check_of(found, MOMENT)
    assert check == RecordedCheck(
        source=Source("k", "1"),
        number=1,
        checked_at=MOMENT,
        snapshot=ready({"a": "secret 1", "c": 1}).snapshot,
        verdict="differs",
        rebuilt=ready({"a": "secret 2", "c": 2}, "secret b").snapshot,
        builder=Digest.of(canonical("secret b")),
        changes=1,
        sections=("a",),
        pointers=("/a",),
        ignored=("/c",),
    )
    assert builder_digest("secret b") == check.builder
    assert b"secret" not in encode_check(check)
    failed = Reproduction(found.version, "failed", failure=Failure("exit", "secret", ("secret",)))
    kept = check_of(failed, MOMENT)
    assert (kept.failure, kept.rebuilt, kept.builder) == ("exit", None, None)
    assert b"secret" not in encode_check(kept)
    between = check_of(verdict_on({}, {"a": 1}, second={"a": 2}), MOMENT)
    assert (between.verdict, between.changes, between.pointers) == ("nondeterministic", 1, ("/a",))


def test_what_is_kept_is_bounded() -> None:
    many: Object = {f"m{n:03}": n for n in range(300)}
    check = check_of(verdict_on({}, many), MOMENT)
    assert (check.changes, len(check.pointers), len(check.sections)) == (300, MOST_TEXTS, MOST_TEXTS)
    assert check.sections == tuple(many)[:MOST_TEXTS]
    long: Object = {"a": {"x" * MOST_CHARACTERS: 1}, "b": 1}
    check = check_of(verdict_on({"a": {}}, long), MOMENT)
    assert (check.changes, check.pointers, check.sections) == (2, (), ("a", "b"))


@given(sources(), sources(), moments(), moments(), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_checks_order_by_source_time_and_sequence(
    one: Source, two: Source, early: datetime, late: datetime, first: int, last: int
) -> None:
    keys = (check_key(one, early, first), check_key(two, late, last))
    by = ((source_key(one), early, first), (source_key(two), late, last))
    assert (keys[0] < keys[1]) == (by[0] < by[1])
    assert read_time_key(keys[0]) == (early, first)
    assert keys[0].startswith(source_key(one))
    assert len(keys[0]) <= 511


def test_a_key_of_a_check_as_the_format_defines_it() -> None:
    epoch = datetime.fromisoformat("1970-01-01T00:00:00.000001+00:00")
    assert check_key(Source("k", "1"), epoch, 2) == (
        b"k\x00\x011\x00\x01\x80\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x02"
    )
    assert CHECKS in SPACES
