"""The Big List of Naughty Strings, at every place of a record and in references."""

from __future__ import annotations

import json

from pithstore.model import Source
from pithstore.quoting import quote_kind, quote_name, unquote
from pithstore.record import prepare
from pithstore.references import Ref, read_ref
from pithstore.selectors import ByBuilder
from tests.pure.archives import naughty_strings
from tests.pure.laws import definition, hash_of

STRINGS = [string for string in naughty_strings() if string]


def test_the_list_is_whole() -> None:
    assert len(naughty_strings()) == 515
    assert len(STRINGS) == 514


def test_each_is_kept_as_id_builder_key_and_value() -> None:
    for string in STRINGS:
        record = {"source": {"kind": string, "id": string}, "builder_version": string, "x": {string: [string]}}
        for ensure_ascii in (True, False):
            prepared = prepare(json.dumps(record, ensure_ascii=ensure_ascii))
            assert prepared.line.source == Source(string, string)
            assert prepared.line.builder_version == string
            assert str(prepared.snapshot) == hash_of(record)
            assert prepared.bodies[-1] == definition({string: [string]})


def test_all_together_make_one_section() -> None:
    record = {"source": {"kind": "k", "id": "i"}, "builder_version": "b", "all": {s: s for s in STRINGS}}
    assert str(prepare(json.dumps(record)).snapshot) == hash_of(record)


def test_each_is_quoted_and_read_back() -> None:
    for string in STRINGS:
        assert unquote(quote_name(string)) == string
        assert unquote(quote_kind(string)) == string
        ref = Ref(Source(string, string), ByBuilder(string), (string, string))
        assert read_ref(str(ref)) == ref
