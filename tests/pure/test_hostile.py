"""Every hostile text is refused by the right rule at the right place, and every sound one is accepted."""

from __future__ import annotations

import json
from hashlib import sha256

import pytest

from pithstore.errors import InvalidRecord
from pithstore.fault import first_fault
from pithstore.limits import DEFAULT_LIMITS, Limits
from pithstore.parse import parse, parse_value
from pithstore.record import prepare
from pithstore.refusal import Reason
from tests.pure.hostile import CASES, Case
from tests.pure.laws import definition, exactly

each_case = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])


def refusal(text: str | bytes, limits: Limits = DEFAULT_LIMITS) -> InvalidRecord:
    with pytest.raises(InvalidRecord) as caught:
        prepare(text, limits=limits)
    return caught.value


def test_the_table_has_one_row_for_each_name_and_every_reason() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
    never_of_text = {Reason.TYPE, Reason.OBSERVED_AT, Reason.ERASED}
    assert {case.reason for case in CASES} == {None, *Reason} - never_of_text


@each_case
def test_prepare_accepts_or_refuses_by_the_rule(case: Case) -> None:
    text = case.text
    if case.reason is None:
        expected = definition(json.loads(text))
        prepared = prepare(text, limits=case.limits)
        assert str(prepared.snapshot) == sha256(expected).hexdigest()
        assert prepared.size == len(expected)
    else:
        assert refusal(text, case.limits).reason == case.reason


@each_case
def test_parse_and_first_fault_agree(case: Case) -> None:
    text = case.text
    fault = first_fault(text, case.limits)
    if case.parses:
        assert fault is None
        assert exactly(parse(text, case.limits), json.loads(text))
    else:
        with pytest.raises(InvalidRecord) as caught:
            parse(text, case.limits)
        error = caught.value
        if error.reason == Reason.NOT_AN_OBJECT:
            assert fault is None
            assert exactly(parse_value(text), json.loads(text))
            return
        assert fault is not None
        assert (error.reason, error.offset, error.pointer) == (fault.reason, fault.offset, fault.pointer)


@each_case
def test_a_refusal_is_one_line_that_names_the_place(case: Case) -> None:
    if case.reason is None:
        return
    text = case.text
    error = refusal(text, case.limits)
    message = str(error)
    assert message.isprintable()
    assert message.startswith(f"{error.why} (")
    assert len(message) < 400
    if case.parses:
        assert (error.line, error.offset) == (None, None)
        assert repr(error.pointer) in message if error.pointer else "the record itself" in message
    else:
        assert error.offset is not None
        assert 0 <= error.offset <= len(text)
        assert error.line == text[: error.offset].count(b"\n") + 1
        assert f"line {error.line}, byte {error.offset}" in message
        if case.offset is not None:
            assert error.offset == case.offset


def test_text_as_str_and_as_bytes_is_refused_alike() -> None:
    for case in CASES:
        text = case.text
        if len(text) > 10_000 or case.reason in (None, Reason.INVALID_UTF_8):
            continue
        as_str = text.decode("utf-8", "surrogatepass") if case.reason != Reason.OTHER_ENCODING else None
        if as_str is not None:
            assert str(refusal(as_str, case.limits)) == str(refusal(text, case.limits))


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_lines_are_counted(line_end: str) -> None:
    lines = ["{", '"source": {"kind": "k", "id": "é\\n"},', '"builder_version": "b",', '"x": [1,', "NaN]", "}"]
    text = line_end.join(lines)
    error = refusal(text)
    assert (error.line, error.pointer, error.reason) == (5, "/x/1", Reason.NOT_FINITE)
    assert error.offset == text.encode().index(b"NaN")


@pytest.mark.parametrize(
    ("text", "pointer"),
    [
        ('{"a":{"b":[0,{"c":NaN}]}}', "/a/b/1/c"),
        ('{"a/b":{"~":[NaN]}}', "/a~1b/~0/0"),
        ('{"":{"":NaN}}', "//"),
        ('{"a":[{"x":1,"x":2}]}', "/a/0/x"),
        ('{"a":[[],[],[1,2,}', "/a/2/2"),
        ('{"a":1} x', ""),
        ("[1]", ""),
        ("{" + '"k":{' * 60 + "}", "/k" * 60),
    ],
)
def test_the_pointer_leads_to_the_fault(text: str, pointer: str) -> None:
    assert refusal(text).pointer == pointer


def test_a_pointer_too_long_to_show_is_cut_in_the_message_only() -> None:
    error = refusal('{"' + "k" * 5000 + '":NaN}')
    assert error.pointer == "/" + "k" * 5000
    assert "k…k" in str(error)


@pytest.mark.parametrize("text", ["\ud800", '{"a":"\udfff"}', '{"\ud83d\ude00":1}'])
def test_a_str_with_lone_surrogates_is_refused(text: str) -> None:
    assert refusal(text).reason == Reason.LONE_SURROGATE


def test_an_array_of_records_is_answered_with_what_to_do() -> None:
    assert "JSON Lines" in str(refusal("[{}]"))
    assert "JSON Lines" not in str(refusal("1"))
