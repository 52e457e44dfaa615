"""Laws 1, 3 and 4: one byte string for each value, made of its sections, whatever way it was written."""

from __future__ import annotations

import json
import random
from hashlib import sha256

import pytest
import rfc8785
from hypothesis import assume, example, given
from hypothesis import strategies as st

from pithstore.canonical import canonical, canonical_sections, join
from pithstore.check_value import check_value
from pithstore.digest import Digest
from pithstore.errors import UsageError
from pithstore.limits import DEFAULT_LIMITS, Limits
from pithstore.model import Manifest, SectionEntry
from pithstore.parse import parse
from pithstore.pointer import Json
from pithstore.record import manifest_digest, prepare, snapshot_hash
from pithstore.testing.strategies import json_values, objects, records, texts
from tests.pure.laws import definition, exactly, hash_of


def shuffled(value: Json, order: random.Random) -> Json:
    """The same value with the members of every object in another order."""
    if isinstance(value, dict):
        keys = list(value)
        order.shuffle(keys)
        return {key: shuffled(value[key], order) for key in keys}
    if isinstance(value, list):
        return [shuffled(item, order) for item in value]
    return value


@given(json_values())
def test_canonical_form_is_the_definition(value: Json) -> None:
    check_value(value)
    assert canonical(value) == definition(value)


@given(objects())
def test_canonical_form_is_a_fixed_point(value: dict[str, Json]) -> None:
    once = canonical(value)
    again = parse(once)
    assert canonical(again) == once
    assert canonical(parse(once.decode())) == once


@given(objects())
def test_a_record_is_its_sections_joined(record: dict[str, Json]) -> None:
    sections = canonical_sections(record)
    assert b"".join(join(sections)) == definition(record)
    assert [name for name, _ in sections] == sorted(record)
    assert [body for _, body in sections] == [definition(record[name]) for name in sorted(record)]


def test_the_join_of_no_sections_is_the_empty_object() -> None:
    assert b"".join(join([])) == b"{}" == definition({})


@given(objects(), st.randoms(use_true_random=False), st.sampled_from([None, 0, 3, "\t"]), st.booleans())
def test_order_white_space_and_escapes_do_not_count(
    record: dict[str, Json], order: random.Random, indent: int | str | None, ensure_ascii: bool
) -> None:
    text = json.dumps(shuffled(record, order), indent=indent, ensure_ascii=ensure_ascii)
    assert canonical(parse(text)) == definition(record)
    assert canonical(parse(" \r\n\t" + text + "\n")) == definition(record)


SAFE = st.integers(1 - 2**53, 2**53 - 1) | st.booleans() | st.none() | st.text()
BMP_KEYS = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]))


@given(
    st.recursive(SAFE, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(BMP_KEYS, inner, max_size=4))
)
def test_it_agrees_with_rfc_8785_where_the_two_forms_agree(value: Json) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@pytest.mark.parametrize("value", [1.0, 1e-7, {"\U00010000": 1, "\uffff": 2}, -0.0])
def test_it_is_not_rfc_8785(value: Json) -> None:
    assert canonical(value) == definition(value) != rfc8785.dumps(value)
    assert canonical(2**53 + 1) == b"9007199254740993"
    with pytest.raises(rfc8785.IntegerDomainError):
        rfc8785.dumps(2**53 + 1)


@given(st.lists(json_values(max_leaves=4), min_size=2, max_size=6))
def test_two_values_share_their_bytes_only_if_they_are_the_same(values: list[Json]) -> None:
    for left in values:
        for right in values:
            assert (canonical(left) == canonical(right)) == exactly(by_name(left), by_name(right))


def by_name(value: Json) -> Json:
    """The value with the members of every object in the order of their names."""
    if isinstance(value, dict):
        return {key: by_name(value[key]) for key in sorted(value)}
    return [by_name(item) for item in value] if isinstance(value, list) else value


def test_close_scalars_have_bytes_of_their_own() -> None:
    values: list[Json] = [0, 0.0, -0.0, False, None, "", "0", [], {}, [0], "null", 1, 1.0, True, 1e16, 10**16]
    assert len({canonical(value) for value in values}) == len(values)


@given(records())
def test_prepare_hashes_sections_and_record(record: dict[str, Json]) -> None:
    prepared = prepare(record)
    bodies = {name: definition(section) for name, section in record.items()}
    assert [section.name for section in prepared.manifest.sections] == sorted(bodies)
    for section, body in zip(prepared.manifest.sections, prepared.bodies, strict=True):
        assert body == bodies[section.name]
        assert section.size == len(body)
        assert section.digest == sha256(body).digest()
    assert str(prepared.snapshot) == hash_of(record)
    assert prepared.size == len(definition(record))
    assert prepared.snapshot == snapshot_hash(record) == snapshot_hash(json.dumps(record))


@given(records(), st.booleans())
def test_mapping_str_and_bytes_give_the_same(record: dict[str, Json], ensure_ascii: bool) -> None:
    text = json.dumps(record, ensure_ascii=ensure_ascii)
    before = repr(record)
    assert prepare(record) == prepare(text) == prepare(text.encode())
    assert repr(record) == before


@given(records(), texts(), json_values(max_leaves=3))
def test_another_content_is_another_snapshot(record: dict[str, Json], name: str, section: Json) -> None:
    assume(name not in ("source", "builder_version"))
    other = {**record, name: section}
    assume(not exactly(by_name(other), by_name(record)))
    assert prepare(other).snapshot != prepare(record).snapshot
    assert manifest_digest(prepare(other).manifest) != manifest_digest(prepare(record).manifest)


@given(records())
def test_the_manifest_digest_binds_names_to_digests(record: dict[str, Json]) -> None:
    recipe = {name: hash_of(section) for name, section in record.items()}
    assert str(manifest_digest(prepare(record).manifest)) == hash_of(recipe)


def test_a_manifest_finds_its_sections_by_name() -> None:
    entry = SectionEntry("a", Digest.of(b"1"), 1)
    assert Manifest((entry,)).section("a") is entry
    assert Manifest((entry,)).section("b") is None


@given(objects())
@example({"a": [1.5, [True, None], "x\u0000é😀"]})
def test_json_values_pass_the_check(value: dict[str, Json]) -> None:
    check_value(value)
    check_value(value, Limits(record_bytes=max(2, len(definition(value)))))


@pytest.mark.parametrize("wrong", [{"record_bytes": 0}, {"nesting": 0}, {"nesting": 513}, {"record_bytes": -1}])
def test_limits_that_make_no_sense_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong))):
        Limits(**wrong)


def test_the_default_limits() -> None:
    assert DEFAULT_LIMITS == Limits(16 * 1024 * 1024, 512) == Limits()
    assert Limits(1, 1) != DEFAULT_LIMITS
