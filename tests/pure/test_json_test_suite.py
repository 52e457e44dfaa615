"""nst/JSONTestSuite: each file as a whole text, and as the member of an object."""

from __future__ import annotations

import json

import pytest

from pithstore.errors import InvalidRecord
from pithstore.fault import first_fault
from pithstore.limits import DEFAULT_LIMITS
from pithstore.parse import parse, parse_value
from pithstore.refusal import Reason
from tests.pure.archives import json_test_suite
from tests.pure.laws import exactly, refused_for

MUST_ACCEPT = json_test_suite("y_")
MUST_REFUSE = json_test_suite("n_")
EITHER = json_test_suite("i_")

REFUSED_BY_LAW_2 = {
    "y_object_duplicated_key.json": Reason.DUPLICATE_KEY,
    "y_object_duplicated_key_and_value.json": Reason.DUPLICATE_KEY,
}
"""The suite takes these; a record does not hold two equal keys."""

EXPECTED_OF_EITHER: dict[str, Reason | None] = {
    "i_number_double_huge_neg_exp.json": Reason.NUMBER_UNDERFLOW,
    "i_number_huge_exp.json": Reason.NUMBER_OVERFLOW,
    "i_number_neg_int_huge_exp.json": Reason.NUMBER_OVERFLOW,
    "i_number_pos_double_huge_exp.json": Reason.NUMBER_OVERFLOW,
    "i_number_real_neg_overflow.json": Reason.NUMBER_OVERFLOW,
    "i_number_real_pos_overflow.json": Reason.NUMBER_OVERFLOW,
    "i_number_real_underflow.json": Reason.NUMBER_UNDERFLOW,
    "i_number_too_big_neg_int.json": None,
    "i_number_too_big_pos_int.json": None,
    "i_number_very_big_negative_int.json": None,
    "i_object_key_lone_2nd_surrogate.json": Reason.LONE_SURROGATE,
    "i_string_1st_surrogate_but_2nd_missing.json": Reason.LONE_SURROGATE,
    "i_string_1st_valid_surrogate_2nd_invalid.json": Reason.LONE_SURROGATE,
    "i_string_UTF-16LE_with_BOM.json": Reason.INVALID_UTF_8,
    "i_string_UTF-8_invalid_sequence.json": Reason.INVALID_UTF_8,
    "i_string_UTF8_surrogate_U+D800.json": Reason.LONE_SURROGATE,
    "i_string_incomplete_surrogate_and_escape_valid.json": Reason.LONE_SURROGATE,
    "i_string_incomplete_surrogate_pair.json": Reason.LONE_SURROGATE,
    "i_string_incomplete_surrogates_escape_valid.json": Reason.LONE_SURROGATE,
    "i_string_invalid_lonely_surrogate.json": Reason.LONE_SURROGATE,
    "i_string_invalid_surrogate.json": Reason.LONE_SURROGATE,
    "i_string_invalid_utf-8.json": Reason.INVALID_UTF_8,
    "i_string_inverted_surrogates_U+1D11E.json": Reason.LONE_SURROGATE,
    "i_string_iso_latin_1.json": Reason.INVALID_UTF_8,
    "i_string_lone_second_surrogate.json": Reason.LONE_SURROGATE,
    "i_string_lone_utf8_continuation_byte.json": Reason.INVALID_UTF_8,
    "i_string_not_in_unicode_range.json": Reason.INVALID_UTF_8,
    "i_string_overlong_sequence_2_bytes.json": Reason.INVALID_UTF_8,
    "i_string_overlong_sequence_6_bytes.json": Reason.INVALID_UTF_8,
    "i_string_overlong_sequence_6_bytes_null.json": Reason.INVALID_UTF_8,
    "i_string_truncated-utf-8.json": Reason.INVALID_UTF_8,
    "i_string_utf16BE_no_BOM.json": Reason.INVALID_UTF_8,
    "i_string_utf16LE_no_BOM.json": Reason.INVALID_UTF_8,
    "i_structure_500_nested_arrays.json": None,
    "i_structure_UTF-8_BOM_empty_object.json": Reason.SYNTAX,
}
"""What becomes of each as the member of an object; as a whole text, encodings are told by their first bytes."""

EXPECTED_OF_WHOLE = {
    "i_string_UTF-16LE_with_BOM.json": Reason.OTHER_ENCODING,
    "i_string_utf16BE_no_BOM.json": Reason.OTHER_ENCODING,
    "i_string_utf16LE_no_BOM.json": Reason.OTHER_ENCODING,
    "i_structure_UTF-8_BOM_empty_object.json": Reason.BYTE_ORDER_MARK,
}


def as_member(text: bytes) -> bytes:
    return b'{"a":' + text + b"}"


def outcome(text: bytes) -> Reason | None:
    """The reason for which the text is refused, None where it is accepted; `first_fault` must say the same."""
    fault = first_fault(text, DEFAULT_LIMITS)
    reason = None if fault is None else fault.reason
    assert refused_for(text) == reason
    return reason


def test_the_suite_is_whole() -> None:
    assert (len(MUST_ACCEPT), len(MUST_REFUSE), len(EITHER)) == (95, 188, 35)
    assert EITHER.keys() == EXPECTED_OF_EITHER.keys()


@pytest.mark.parametrize("name", MUST_REFUSE)
def test_what_is_not_json_is_refused(name: str) -> None:
    assert outcome(MUST_REFUSE[name]) is not None
    assert outcome(as_member(MUST_REFUSE[name])) is not None


@pytest.mark.parametrize("name", MUST_ACCEPT)
def test_what_is_json_is_accepted_or_refused_by_a_documented_rule(name: str) -> None:
    text = MUST_ACCEPT[name]
    expected = REFUSED_BY_LAW_2.get(name)
    assert outcome(text) == outcome(as_member(text)) == expected
    if expected is None:
        assert exactly(parse_value(text), json.loads(text))
        assert exactly(parse(as_member(text)), json.loads(as_member(text)))


@pytest.mark.parametrize("name", EITHER)
def test_what_may_be_either_has_one_documented_outcome(name: str) -> None:
    expected = EXPECTED_OF_EITHER[name]
    assert outcome(as_member(EITHER[name])) == expected
    assert outcome(EITHER[name]) == EXPECTED_OF_WHOLE.get(name, expected)


@pytest.mark.parametrize("name", [name for name, text in MUST_ACCEPT.items() if not text.strip().startswith(b"{")])
def test_only_an_object_is_a_record(name: str) -> None:
    with pytest.raises(InvalidRecord) as caught:
        parse(MUST_ACCEPT[name])
    assert caught.value.reason == Reason.NOT_AN_OBJECT
