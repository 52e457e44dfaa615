"""Upstream's published facts: snapshot hashes, Pith Numbers and declared digests, and what a profile reads."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
from typing import Any

import attrs
import pytest
from hypothesis import given

from pithstore.digest import Digest
from pithstore.errors import InvalidRecord, NotFound, UsageError
from pithstore.model import Line, Source
from pithstore.parse import parse
from pithstore.pointer import Json, write_pointer
from pithstore.profile import PITH, Profile, check_declared, identify
from pithstore.record import prepare, snapshot_hash, value_at
from pithstore.refusal import Reason
from pithstore.testing.strategies import json_values, records
from tests.pure.archives import canonical_records, seed_text
from tests.pure.laws import complaint, hash_of

SEED_HASH = "5b021deda6015e49dbfe590f4b9dcf50735fe318fc44a95a61bc647f239b685f"
ALL_MATCH = dict.fromkeys(("author_claims", "claims", "formal_canon", "integrity", "references"), "match")


def seed() -> dict[str, Any]:
    return parse(seed_text())


def test_the_snapshot_hash_of_the_seed() -> None:
    prepared = prepare(seed_text())
    assert str(prepared.snapshot) == str(snapshot_hash(seed_text())) == SEED_HASH
    assert prepared.line == Line(Source("arxiv", "2606.09475"), "pith-number-builder-2026-05-17-v1")
    assert prepared.source_version == 1
    assert str(prepared.line.source) == "arxiv:2606.09475"


def test_anyone_recomputes_it_with_the_standard_library() -> None:
    record = json.loads(seed_text())
    text = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(text.encode()).hexdigest() == SEED_HASH


def test_the_snapshot_hash_is_that_of_the_file_of_canonical_bytes() -> None:
    prepared = prepare(seed_text())
    names = [section.name for section in prepared.manifest.sections]
    members = [json.dumps(name).encode() + b":" + body for name, body in zip(names, prepared.bodies, strict=True)]
    assert hashlib.sha256(b"{" + b",".join(members) + b"}").hexdigest() == SEED_HASH


@pytest.mark.parametrize("vector", canonical_records(), ids=lambda vector: str(vector["pith_number"]))
def test_published_records_have_their_published_hashes(vector: dict[str, Any]) -> None:
    digest = snapshot_hash(vector["canonical_record"])
    assert str(digest) == vector["canonical_sha256"]
    year = vector["canonical_record"]["metadata"]["submitted_at"][:4]
    assert f"pith:{year}:{base64.b32encode(digest).decode()[:26]}" == vector["pith_number"]


def test_all_forty_are_there() -> None:
    assert len({str(vector["pith_number"]) for vector in canonical_records()}) == 40


def test_the_five_declared_digests_of_the_seed_match() -> None:
    assert check_declared(seed()) == ALL_MATCH
    assert list(check_declared(seed())) == sorted(ALL_MATCH)


def test_a_declared_digest_does_not_cover_its_section() -> None:
    record = seed()
    record["integrity"]["summary"]["critical"] = 1
    assert check_declared(record) == ALL_MATCH
    assert str(snapshot_hash(record)) != SEED_HASH


@pytest.mark.parametrize("part", ["findings", "detectors_run"])
def test_what_it_covers_cannot_be_changed_unseen(part: str) -> None:
    record = seed()
    record["integrity"][part] = [{"kind": "planted"}]
    assert check_declared(record) == {**ALL_MATCH, "integrity": "mismatch"}


def test_the_rule_of_integrity_holds_where_there_are_findings() -> None:
    record = seed()
    section = record["integrity"]
    section["findings"], section["detectors_run"] = [{"x": 1.5}], ["é"]
    section["snapshot_sha256"] = hash_of({"payload": {"detectors": ["é"], "findings": [{"x": 1.5}]}})
    assert check_declared(record)["integrity"] == "match"


@pytest.mark.parametrize("part", ["findings", "detectors_run"])
def test_integrity_without_a_part_is_under_no_known_rule(part: str) -> None:
    record = seed()
    del record["integrity"][part]
    assert check_declared(record)["integrity"] == "unknown rule"


@pytest.mark.parametrize(
    ("section", "change"),
    [
        ("claims", {"count": 1, "items": [{"text": "we claim"}]}),
        ("claims", {"items": [None]}),
        ("references", {"resolved_work": 2}),
        ("formal_canon", {"evidence_count": 1}),
        ("author_claims", {"strong_count": 1}),
        ("author_claims", {"note": "text"}),
        ("claims", {"note": None}),
        ("claims", {"note": {}}),
        ("claims", {"reviewed": False}),
        ("claims", {"count": -0.0}),
    ],
)
def test_a_section_that_is_not_empty_is_under_no_known_rule(section: str, change: dict[str, Json]) -> None:
    record = seed()
    record[section].update(change)
    assert check_declared(record) == {**ALL_MATCH, section: "unknown rule"}


@pytest.mark.parametrize("declared", ["0" * 64, "", "match", 5, True, ["x"], {}])
def test_a_false_claim_is_a_mismatch(declared: Json) -> None:
    record = seed()
    record["claims"]["snapshot_sha256"] = declared
    assert check_declared(record) == {**ALL_MATCH, "claims": "mismatch"}


def test_a_claim_in_capitals_is_a_mismatch() -> None:
    record = seed()
    record["claims"]["snapshot_sha256"] = record["claims"]["snapshot_sha256"].upper()
    assert check_declared(record)["claims"] == "mismatch"


def test_only_sections_that_declare_are_answered_for() -> None:
    record = seed()
    del record["claims"]["snapshot_sha256"]
    record["references"]["snapshot_sha256"] = None
    record["paper"]["snapshot_sha256"] = "0" * 64
    record["list"] = [{"snapshot_sha256": "0" * 64}]
    kept = {name: "match" for name in ALL_MATCH if name not in ("claims", "references")}
    assert check_declared(record) == {**kept, "paper": "unknown rule"}


def test_a_profile_without_declared_rules_answers_nothing() -> None:
    assert check_declared(seed(), Profile(declared="none")) == {}
    assert PITH.declared == "pith"


@given(records())
def test_a_record_is_about_the_source_that_it_says(record: dict[str, Any]) -> None:
    identity = identify(record)
    assert identity.line.source == Source(record["source"]["kind"], record["source"]["id"])
    assert identity.line.builder_version == record["builder_version"]
    assert repr(identity.source_version) == repr(record["source"].get("version"))


@given(records(), json_values(max_leaves=4))
def test_checking_claims_changes_nothing(record: dict[str, Any], claims: Json) -> None:
    record = {**record, "claims": {"snapshot_sha256": "0" * 64, "items": claims}}
    before = copy.deepcopy(record)
    verdict = check_declared(record)["claims"]
    assert repr(record) == repr(before)
    empty = claims == [] or (claims == 0 and type(claims) is int)
    assert verdict == ("mismatch" if empty else "unknown rule")


OTHER_FAMILY = Profile("ror", "/id", "/admin/last_modified/date", "/locations/0/built~1by")


def test_a_profile_says_where_to_look() -> None:
    record: dict[str, Json] = {
        "id": "0006s4z66",
        "admin": {"last_modified": {"date": "2024-01-01"}},
        "locations": [{"built/by": "ror-schema-2"}],
    }
    identity = identify(record, OTHER_FAMILY)
    assert identity.line == Line(Source("ror", "0006s4z66"), "ror-schema-2")
    assert identity.source_version == "2024-01-01"
    assert prepare(record, OTHER_FAMILY).line == identity.line
    assert identify(record, Profile("a", "b", "1", "c")).source_version == "1"


@pytest.mark.parametrize(
    ("change", "pointer", "why"),
    [
        ({"id": 5}, "/id", "of type number"),
        ({"id": ""}, "/id", "an empty string"),
        ({"id": [1]}, "/id", "of type array"),
        ({"id": {}}, "/id", "of type object"),
        ({"id": None}, "/id", "of type null"),
        ({"id": False}, "/id", "of type boolean"),
        ({"id": 1.5}, "/id", "of type number"),
        ({"locations": []}, "/locations/0/built~1by", "is missing"),
        ({"admin": {"last_modified": {"date": []}}}, "/admin/last_modified/date", "of type array"),
    ],
)
def test_what_the_profile_does_not_find_is_named(change: dict[str, Json], pointer: str, why: str) -> None:
    record: dict[str, Json] = {"id": "x", "admin": {}, "locations": [{"built/by": "b"}], **change}
    with pytest.raises(InvalidRecord, match=why) as caught:
        identify(record, OTHER_FAMILY)
    assert (caught.value.reason, caught.value.pointer) == (Reason.IDENTITY, pointer)
    assert repr(pointer) in str(caught.value)


RULES = [field.name for field in attrs.fields(Profile) if field.name not in ("declared", "list_keys")]


@pytest.mark.parametrize("rule", ["", "/~2", "/a~", "\ud800", "/\udfff"])
@pytest.mark.parametrize("name", RULES)
def test_a_rule_that_cannot_be_is_refused(name: str, rule: str) -> None:
    message = complaint(lambda: Profile(**{name: rule}))  # type: ignore[arg-type]
    assert message is not None
    assert message.isprintable()


def test_a_profile_names_the_sections_that_identify() -> None:
    assert PITH.sections() == {"source", "builder_version"}
    assert OTHER_FAMILY.sections() == {"id", "admin", "locations"}
    assert Profile("a", "/", "/x~1y/0", "/x~1y/1").sections() == {"", "x/y"}


@given(records())
def test_a_prepared_record_answers_by_pointer(record: dict[str, Any]) -> None:
    prepared = prepare(record)
    for name, section in record.items():
        assert hash_of(value_at(prepared, write_pointer([name]))) == hash_of(section)
    assert value_at(prepared, "/source/id") == record["source"]["id"]


@pytest.mark.parametrize("pointer", ["/x", "/source/x", "/builder_version/0", "/sourc", "/source/id/0"])
def test_a_pointer_that_leads_nowhere_in_a_prepared_record(pointer: str) -> None:
    with pytest.raises(NotFound, match=pointer.rpartition("/")[2]):
        value_at(prepare(seed_text()), pointer)


HEX = "0123456789abcdef" * 4


def test_a_digest_is_32_bytes_and_its_text_64_digits() -> None:
    digest = Digest.from_text(HEX)
    assert digest == bytes.fromhex(HEX) == Digest(bytes.fromhex(HEX))
    assert str(digest) == HEX == str(Digest.from_text(HEX.upper()))
    assert repr(digest) == f"Digest('{HEX}')"
    assert Digest.of(b"a", b"", b"bc") == Digest.of(b"abc") == hashlib.sha256(b"abc").digest()
    assert sorted([digest, Digest(b"\0" * 32)]) == [Digest(b"\0" * 32), digest]
    for size in (0, 31, 33):
        with pytest.raises(ValueError, match="32 bytes"):
            Digest(b"x" * size)


@pytest.mark.parametrize(
    "text", ["", HEX[1:], HEX + "0", "g" + HEX[1:], " " + HEX[1:], HEX + "\n", "０" * 64, "0x" + HEX]
)
def test_what_is_no_digest_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not a digest"):
        Digest.from_text(text)
