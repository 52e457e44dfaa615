"""What sections declare, how it fits with what they are and were, and how both are counted and kept."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any, get_args

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pithstore.declared.declarations import (
    DRIFTS,
    VERDICTS,
    Declaration,
    Drift,
    Outcome,
    declarations,
    declaring_sections,
    outcomes,
)
from pithstore.declared.ledger import (
    Tally,
    add,
    decode_declarations,
    decode_ledger,
    decode_outcomes,
    encode_declarations,
    encode_ledger,
    encode_outcomes,
    encode_since,
    outcome_code,
    tally,
)
from pithstore.digest import Digest
from pithstore.errors import Damaged
from pithstore.model import Manifest, SectionEntry
from pithstore.parse import parse
from pithstore.pointer import Json
from pithstore.profile import Profile, Verdict, check_declared
from pithstore.record import prepare
from pithstore.testing.strategies import json_values, objects, texts
from tests.pure.archives import seed_text
from tests.pure.laws import definition, hash_of

RIGHT = hash_of({"payload": []})
SAME: Drift = "changed though declared the same"
OTHER: Drift = "same though declared changed"
DECLARED = "snapshot_sha256"
NO_MARK = b"\0" * 16


def of(section: Json, name: str = "claims") -> tuple[Declaration, ...]:
    """What one section declares."""
    return declarations({name: section}, {name: definition(section)})


def drift(before: Json, after: Json) -> Drift | None:
    """What became of the declaration of a section that goes from one state to another."""
    ((outcome,)) = outcomes(of(before), of(after))
    return outcome.drift


# Declarations.


def test_those_of_the_seed_are_those_that_check_tells() -> None:
    record: dict[str, Any] = parse(seed_text())
    found = prepare(seed_text()).declarations
    assert {each.section: each.verdict for each in found} == check_declared(record)
    assert [each.section for each in found] == sorted(check_declared(record))
    assert len({each.declared for each in found}) == 2  # four sections of a payload that is empty
    assert len({each.content for each in found}) == 5


def test_a_profile_without_rules_has_none() -> None:
    record = parse(seed_text())
    bodies = {name: definition(section) for name, section in record.items()}
    assert declarations(record, bodies, Profile(declared="none")) == ()


@given(objects())
def test_what_cannot_declare_need_not_be_parsed(record: dict[str, Json]) -> None:
    record = {**record, "claims": {DECLARED: RIGHT, "items": []}, "text": DECLARED, "list": [{DECLARED: RIGHT}]}
    bodies = {name: definition(section) for name, section in record.items()}
    few = declaring_sections(bodies)
    assert {"claims", "text", "list"} <= few.keys() <= record.keys()
    assert declarations(few, bodies) == declarations(record, bodies)


def test_the_marks_are_of_the_declared_digest_and_of_all_the_rest() -> None:
    (found,) = of({"a": 1, DECLARED: RIGHT, "z": [2]})
    assert found.declared == Digest.of(definition(RIGHT))[:16]
    assert found.content == Digest.of(b'{"a":1,,"z":[2]}')[:16]


CONTENTS = objects(8).map(lambda members: {name: value for name, value in members.items() if name != DECLARED})


@given(content=CONTENTS, declared=st.lists(json_values(3).filter(lambda value: value is not None), max_size=2))
def test_a_drift_is_one_that_went_without_the_other(content: dict[str, Json], declared: list[Json]) -> None:
    """Also where the same member stands deeper inside, or a name ends as it starts."""
    one, other = declared[0] if declared else RIGHT, declared[-1] if declared else "0" * 64
    inner: dict[str, Json] = {"inner": {DECLARED: one}, f'x"{DECLARED}': one, "zz": [{DECLARED: other}]}
    for before in (content, {**content, **inner}):
        after: dict[str, Json] = {**before, "and": 1}
        changed = definition(one) != definition(other)
        content_changed = definition(before) != definition(after)
        assert drift({**before, DECLARED: one}, {**before, DECLARED: one}) is None
        assert drift({**before, DECLARED: one}, {**before, DECLARED: other}) == (OTHER if changed else None)
        assert drift({**before, DECLARED: one}, {**after, DECLARED: one}) == (SAME if content_changed else None)
        if changed and content_changed:
            assert drift({**before, DECLARED: one}, {**after, DECLARED: other}) is None


@pytest.mark.parametrize("declared", [1, 12, "1", ["1"], {"1": 1}, True, 1.0])
def test_a_declared_value_that_starts_like_another_is_another(declared: Json) -> None:
    inner: Json = {"n": [{DECLARED: 12}, {DECLARED: 1}, {DECLARED: [1]}], "z": {DECLARED: declared}}
    assert isinstance(inner, dict)
    assert drift({**inner, DECLARED: declared}, {**inner, DECLARED: 123}) == OTHER
    assert drift({**inner, DECLARED: declared}, {**inner, "z": 1, DECLARED: declared}) == SAME


def test_a_member_that_moves_inside_is_a_change() -> None:
    """The declared digest is taken out where it stands, and not another that says the same."""
    before: dict[str, Json] = {"a": {DECLARED: RIGHT}, DECLARED: RIGHT, "z": {}}
    after: dict[str, Json] = {"a": {}, DECLARED: RIGHT, "z": {DECLARED: RIGHT}}
    assert drift(before, after) == SAME


# Outcomes.


def test_a_declaration_that_is_new_has_no_drift() -> None:
    (new,) = of({DECLARED: RIGHT})
    (other,) = of({DECLARED: RIGHT, "count": 0}, "references")
    assert outcomes((), (new,)) == (Outcome("claims", "match"),)
    assert outcomes((other,), (new,)) == (Outcome("claims", "match"),)
    assert outcomes((new,), ()) == ()
    assert outcomes((new, other), (new, other)) == (Outcome("claims", "match"), Outcome("references", "match"))


def test_verdict_and_drift_are_told_of_each_section_by_itself() -> None:
    before = [of({DECLARED: RIGHT, "items": []}), of({DECLARED: RIGHT, "items": []}, "references")]
    after = [of({DECLARED: RIGHT, "items": [1]}), of({DECLARED: "0" * 64, "items": []}, "references")]
    assert outcomes(before[0] + before[1], after[0] + after[1]) == (
        Outcome("claims", "unknown rule", SAME),
        Outcome("references", "mismatch", OTHER),
    )


# Tallies.

OUTCOMES = st.builds(Outcome, texts(), st.sampled_from(VERDICTS), st.none() | st.sampled_from(DRIFTS))


def test_there_is_a_count_for_each_outcome() -> None:
    assert get_args(Verdict) == VERDICTS
    assert get_args(Drift) == DRIFTS
    names = [field.name.replace("_", " ") for field in attrs.fields(Tally)]
    assert names == [*VERDICTS, "changed though declared same", "same though declared changed"]


@given(st.lists(OUTCOMES))
def test_a_tally_counts_each_verdict_and_each_drift(found: list[Outcome]) -> None:
    ledger = tally(found)
    assert set(ledger) == {outcome.section for outcome in found}
    for name, row in ledger.items():
        own = [outcome for outcome in found if outcome.section == name]
        verdicts = [sum(outcome.verdict == verdict for outcome in own) for verdict in VERDICTS]
        drifts = [sum(outcome.drift == drift for outcome in own) for drift in DRIFTS]
        assert attrs.astuple(row) == (*verdicts, *drifts)
        assert row.match + row.mismatch + row.unknown_rule == len(own)


@given(st.lists(OUTCOMES), st.lists(OUTCOMES))
def test_the_ledger_of_both_is_the_sum_of_both(first: list[Outcome], second: list[Outcome]) -> None:
    assert add(tally(first), tally(second)) == tally([*first, *second])
    assert add({}, tally(first)) == add(tally(first), {}) == tally(first)


# Encodings.

COUNTS = st.integers(0, 2**63)
LEDGERS = st.dictionaries(texts(), st.builds(Tally, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS), max_size=4)
MARKS = st.binary(min_size=16, max_size=16)
DECLARATIONS = st.builds(Declaration, texts(), st.sampled_from(VERDICTS), MARKS, MARKS)


@given(LEDGERS)
def test_a_ledger_comes_back(ledger: dict[str, Tally]) -> None:
    assert decode_ledger(encode_ledger(ledger)) == ledger
    assert encode_ledger(dict(reversed(ledger.items()))) == encode_ledger(ledger)


@given(st.lists(DECLARATIONS, max_size=4).map(tuple))
def test_declarations_come_back(declared: tuple[Declaration, ...]) -> None:
    assert decode_declarations(encode_declarations(declared)) == declared


def manifest(names: list[str]) -> Manifest:
    return Manifest(tuple(SectionEntry(name, Digest(b"\0" * 32), 0) for name in sorted(names)))


@given(st.lists(texts(), unique=True, max_size=6), st.data())
def test_outcomes_come_back_with_the_names_of_the_manifest(names: list[str], data: st.DataObject) -> None:
    which = data.draw(st.lists(st.sampled_from(sorted(names)), unique=True)) if names else []
    found = tuple(attrs.evolve(data.draw(OUTCOMES), section=name) for name in sorted(which))
    encoded = encode_outcomes(found, manifest(names))
    assert decode_outcomes(encoded, sorted(names)) == found
    assert len(encoded) <= len(names)
    assert encoded == encoded.rstrip(b"\0")


def test_the_bytes_are_those_of_the_document_of_the_format() -> None:
    names = manifest(["a", "b", "c", "d"])
    found = [Outcome("b", "unknown rule", SAME), Outcome("c", "match", OTHER)]
    assert encode_outcomes(found, names) == bytes([0x00, 0x13, 0x21])
    assert encode_outcomes([Outcome("a", "mismatch")], names) == b"\x02"
    assert encode_outcomes([], names) == b""
    assert encode_ledger({"é": Tally(1, 2, 300, 0, 5)}) == b"\x02\xc3\xa9\x01\x02\xac\x02\x00\x05"
    mark, rest = b"m" * 16, b"r" * 16
    assert encode_declarations([Declaration("x", "mismatch", mark, rest)]) == b"\x01x\x01" + mark + rest


@given(st.binary(max_size=60))
def test_any_bytes_are_a_value_or_damaged(data: bytes) -> None:
    for decode in (decode_ledger, decode_declarations, lambda data: decode_outcomes(data, ["a", "b", "c"])):
        with suppress(Damaged):
            decode(data)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\x01\x01", "more outcomes than sections"),
        (b"\x04", "an outcome of section 'a' is not one"),
        (b"\x10", "an outcome of section 'a' is not one"),
        (b"\x31", "an outcome of section 'a' is not one"),
    ],
)
def test_an_outcome_that_is_none_is_damaged(data: bytes, why: str) -> None:
    with pytest.raises(Damaged, match=why):
        decode_outcomes(data, ["a"])


def test_a_verdict_that_is_none_is_damaged() -> None:
    with pytest.raises(Damaged, match="an encoded verdict is not one"):
        decode_declarations(b"\x01x\x03" + NO_MARK + NO_MARK)
    with pytest.raises(Damaged, match="cut short"):
        decode_declarations(b"\x01x\x02" + NO_MARK)
    with pytest.raises(Damaged, match="cut short"):
        decode_ledger(b"\x01x\x01\x01")


def test_a_record_that_is_prepared_from_text_or_mapping_declares_the_same() -> None:
    assert prepare(seed_text()).declarations == prepare(json.loads(seed_text())).declarations


@given(st.data())
def test_the_outcomes_of_a_version_are_encoded_at_once_as_one_by_one(data: st.DataObject) -> None:
    names = data.draw(st.lists(st.sampled_from("abcdef"), unique=True).map(sorted))
    marks = st.sampled_from([b"x" * 16, b"y" * 16])
    declaring = st.sampled_from(VERDICTS).flatmap(
        lambda verdict: st.builds(Declaration, st.just(""), st.just(verdict), marks, marks)
    )
    by_name = st.dictionaries(st.sampled_from(names), declaring) if names else st.just({})
    before, after = (
        tuple(attrs.evolve(each, section=name) for name, each in data.draw(by_name).items()) for _ in range(2)
    )
    kept = data.draw(st.lists(st.sampled_from(before), unique=True)) if before else []
    after = tuple({each.section: each for each in (*after, *kept)}.values())
    manifest = Manifest(tuple(SectionEntry(name, Digest.of(name.encode()), 1) for name in names))
    told = outcomes(before, after)
    assert encode_since(before, after, manifest) == encode_outcomes(told, manifest)
    assert set(encode_outcomes(told, manifest)) - {0} == {outcome_code(each.verdict, each.drift) for each in told}


@given(st.lists(st.sampled_from(VERDICTS), max_size=5), st.integers(0, 5))
def test_so_many_of_a_tally_are_its_sum(verdicts: list[Verdict], count: int) -> None:
    once = tally(Outcome("a", verdict) for verdict in verdicts)
    many = tally(Outcome("a", verdict) for _ in range(count) for verdict in verdicts)
    assert {name: each.times(count) for name, each in once.items() if count} == many
