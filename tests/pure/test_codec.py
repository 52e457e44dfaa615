"""Values ↔ bytes: what was written reads back, and any other bytes are Damaged, never another error."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from blake3 import blake3
from hypothesis import example, given
from hypothesis import strategies as st

from pithstore.codec import (
    Head,
    LineHead,
    Place,
    Reader,
    decode_head,
    decode_line_head,
    decode_manifest,
    decode_place,
    decode_section_digests,
    decode_source,
    decode_version,
    encode_head,
    encode_line_head,
    encode_manifest,
    encode_place,
    encode_source,
    encode_tombstone,
    encode_version,
    write_bytes,
    write_number,
)
from pithstore.configuration import Configuration
from pithstore.counts import (
    FileProgress,
    Totals,
    decode_file_progress,
    decode_totals,
    encode_file_progress,
    encode_totals,
)
from pithstore.digest import Digest
from pithstore.errors import Damaged
from pithstore.fingerprint import fingerprint
from pithstore.keys import BLOBS, TAIL, tail_key
from pithstore.limits import LARGEST_RECORD_BYTES, Limits
from pithstore.model import Manifest, SectionEntry, Source, Version
from pithstore.profile import Profile
from pithstore.report import Problem, Stat, VerifyReport
from pithstore.results import PutResult, PutSummary
from pithstore.seal import SEAL_BYTES, seal, seal_many, unseal
from pithstore.tail import FIRST_FRAME_BYTES, STREAM_BYTES, VALUE_BYTES, TailEnd, cut, holds, slices, write_tail
from pithstore.testing.strategies import moments, names, scalars, sources, texts
from tests.pure.laws import definition

NUMBERS = st.integers(0, 2**32 - 1) | st.sampled_from([0, 127, 128, 2**14 - 1, 2**14, 2**63, 2**64, 2**70 - 1])
DIGESTS = st.binary(min_size=32, max_size=32).map(Digest)
HOMES = st.binary(min_size=8, max_size=8)
TEXT_HASHES = st.just(b"") | st.binary(min_size=16, max_size=16)
FOUR_BYTES = st.integers(0, 2**32 - 1) | st.sampled_from([0, 127, 128, 2**14, 2**32 - 1])
LENGTHS = st.integers(0, LARGEST_RECORD_BYTES) | st.sampled_from([0, 127, 128, 2**14, LARGEST_RECORD_BYTES])
SECTIONS = st.builds(SectionEntry, texts(), DIGESTS, LENGTHS)
PLACES = st.builds(Place, FOUR_BYTES, st.integers(0, 2**31), st.integers(0, STREAM_BYTES), LENGTHS, HOMES)
MANIFESTS = st.lists(SECTIONS, max_size=5).map(lambda sections: Manifest(tuple(sections)))
VERSIONS = st.builds(
    Version, sources(), st.integers(1, 2**32 - 1), names(), scalars(), DIGESTS, moments(), moments()
)
SOURCE = Source("k", "1")
MOMENT = datetime(2026, 6, 1, tzinfo=UTC)
VERSION = Version(SOURCE, 1, "b1", "v1", Digest.of(b"{}"), MOMENT, MOMENT)


@given(VERSIONS)
def test_a_version_reads_back(version: Version) -> None:
    read = decode_version(version.source, version.number, encode_version(version))
    assert read == version
    assert repr(read.source_version) == repr(version.source_version)


def test_no_source_version_takes_no_byte() -> None:
    without = encode_version(attrs.evolve(VERSION, source_version=None))
    assert encode_version(VERSION) == without + b'"v1"'


CODECS: list[tuple[st.SearchStrategy[Any], Callable[[Any], bytes], Callable[[bytes], object]]] = [
    (sources(), encode_source, decode_source),
    (MANIFESTS, encode_manifest, decode_manifest),
    (PLACES, encode_place, decode_place),
    (st.builds(Head, FOUR_BYTES, moments()), encode_head, decode_head),
    (st.builds(LineHead, names(), FOUR_BYTES, DIGESTS, NUMBERS, TEXT_HASHES), encode_line_head, decode_line_head),
    (
        st.builds(Totals, *[NUMBERS] * 7, st.integers(0, 2**256 - 1)),
        encode_totals,
        decode_totals,
    ),
    (
        st.builds(FileProgress, NUMBERS, NUMBERS, NUMBERS, NUMBERS, st.booleans()),
        encode_file_progress,
        decode_file_progress,
    ),
]


@given(st.data())
def test_every_value_reads_back_and_nothing_less_or_more_does(data: st.DataObject) -> None:
    values, encode, decode = data.draw(st.sampled_from(CODECS))
    value = data.draw(values)
    encoded = encode(value)
    assert decode(encoded) == value
    wrong = [encoded + b"\0", *(encoded[:length] for length in range(len(encoded)))]
    for damaged in wrong:
        assert outcome(decode, damaged) != value


@given(
    st.sampled_from([*(decode for _, _, decode in CODECS), lambda data: decode_version(SOURCE, 1, data)]),
    st.data(),
)
def test_any_bytes_are_a_value_or_damaged(decode: Callable[[bytes], object], data: st.DataObject) -> None:
    outcome(decode, data.draw(st.binary(max_size=120)))


def outcome(decode: Callable[[bytes], object], data: bytes) -> object:
    """The value; None where the bytes are damaged."""
    try:
        return decode(data)
    except Damaged:
        return None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        encode_version(VERSION)[:-1],
        encode_version(VERSION) + b" x",
        encode_version(attrs.evolve(VERSION, source_version=None)) + b"[]",
        encode_version(attrs.evolve(VERSION, source_version=None)) + b"{}",
        encode_version(attrs.evolve(VERSION, source_version=None)) + b"[" * 100_000,
        encode_version(attrs.evolve(VERSION, source_version=None)) + b"9" * 5000,
        encode_version(attrs.evolve(VERSION, source_version=None)) + b"\xff",
        VERSION.snapshot + b"\x7f" * 16 + b"\0",
        VERSION.snapshot + b"\x80" + b"\0" * 15 + b"\0",
        VERSION.snapshot + b"\0" * 16 + b"\x01\xff",
        VERSION.snapshot + b"\0" * 16 + b"\xff" * 9,
        VERSION.snapshot + b"\0" * 16 + b"\xff" * 10 + b"\x01",
    ],
)
def test_a_damaged_version(data: bytes) -> None:
    with pytest.raises(Damaged):
        decode_version(SOURCE, 1, data)


@given(st.lists(st.tuples(texts(), DIGESTS, LENGTHS), unique_by=lambda section: section[0]))
def test_the_digests_of_a_manifest_are_those_of_its_sections(sections: list[tuple[str, Digest, int]]) -> None:
    manifest = Manifest(tuple(SectionEntry(*section) for section in sections))
    found = decode_section_digests(encode_manifest(manifest))
    assert list(found.items()) == [(section.name, section.digest) for section in manifest.sections]


@pytest.mark.parametrize("length", [1, 15, 17, 32])
def test_a_text_hash_of_another_length_is_damaged(length: int) -> None:
    head = LineHead("b1", 1, Digest(bytes(32)), 3, b"\xff" * length)
    with pytest.raises(Damaged, match="text hash"):
        decode_line_head(encode_line_head(head))


@given(st.lists(st.tuples(st.binary(max_size=300), HOMES)))
def test_a_blob_keeps_its_home_in_its_place(blobs: list[tuple[bytes, bytes]]) -> None:
    bodies, homes = [body for body, _ in blobs], [home for _, home in blobs]
    places, _, _ = write_tail(TailEnd(1, 0), bodies, homes=homes)
    assert [place.home for place in places] == homes
    assert [attrs.evolve(place, home=bytes(8)) for place in places] == write_tail(TailEnd(1, 0), bodies)[0]


def test_a_manifest_whose_name_is_no_text_is_damaged() -> None:
    written = encode_manifest(Manifest((SectionEntry("ab", Digest(bytes(32)), 3),)))
    for decode in (decode_manifest, decode_section_digests):
        with pytest.raises(Damaged, match="not UTF-8"):
            decode(written.replace(b"ab", b"\xff\xfe"))


@given(NUMBERS)
@example(300)
def test_numbers_are_leb128(number: int) -> None:
    groups = [number >> shift & 0x7F for shift in range(0, max(1, number.bit_length()), 7)]
    assert write_number(number) == bytes([*(group | 0x80 for group in groups[:-1]), groups[-1]])
    reader = Reader(write_number(number) + b"rest")
    assert reader.number() == number
    assert reader.raw(4) == b"rest"
    reader.end()


@given(st.binary(max_size=300))
def test_bytes_have_their_length_in_front(raw: bytes) -> None:
    assert write_bytes(raw) == write_number(len(raw)) + raw


# Seals.


@given(st.binary(min_size=1, max_size=50), st.binary(max_size=50))
def test_a_sealed_payload_comes_out(key: bytes, payload: bytes) -> None:
    sealed = seal(TAIL, key, payload)
    assert sealed[: len(payload)] == payload
    assert len(sealed) == len(payload) + SEAL_BYTES
    assert unseal(TAIL, key, sealed) == payload


@given(st.binary(min_size=2, max_size=20), st.binary(max_size=20), st.data())
def test_nothing_else_comes_out(key: bytes, payload: bytes, data: st.DataObject) -> None:
    sealed = seal(TAIL, key, payload)
    position, mask = data.draw(st.integers(0, len(sealed) - 1)), data.draw(st.integers(1, 255))
    flipped = sealed[:position] + bytes([sealed[position] ^ mask]) + sealed[position + 1 :]
    moved = [(TAIL, key + b"\0"), (TAIL, key[:-1]), (BLOBS, key), (TAIL, bytes([key[0] ^ 1]) + key[1:])]
    cases = [
        *((space, other, sealed) for space, other in moved),
        (TAIL, key, flipped),
        (TAIL, key, sealed + b"\0"),
    ]
    cases += [(TAIL, key, sealed[:length]) for length in range(len(sealed))]
    cases += [(TAIL, key + payload[:1], seal(TAIL, key, payload)[1:])] if payload else []
    for space, other, value in cases:
        with pytest.raises(Damaged, match=space):
            unseal(space, other, value)


def test_the_checksum_as_the_format_defines_it() -> None:
    head = b"\x04tail" + b"\x00\x03key"
    assert seal("tail", b"key", b"payload") == b"payload" + blake3(head + b"payload").digest(length=8)


# The tail.

BODIES = st.lists(
    st.binary(max_size=300)
    | st.integers(0, 3 * STREAM_BYTES).map(bytes)
    | st.sampled_from([STREAM_BYTES - 3]).map(bytes),
    max_size=6,
)


def read_back(place: Place, values: dict[bytes, bytes]) -> bytes:
    return b"".join(cut(values[part.key], part.start, part.stop) for part in slices(place))


@given(BODIES, st.integers(0, 2**32 - 1), st.integers(0, 2**31))
def test_blobs_in_a_tail_are_where_their_places_say(bodies: list[bytes], writer: int, sequence: int) -> None:
    end = TailEnd(writer, sequence)
    places, values, after = write_tail(end, bodies)
    assert [read_back(place, dict(values)) for place in places] == bodies
    assert [key for key, _ in values] == [tail_key(writer, sequence + n) for n in range(len(values))]
    assert after == TailEnd(writer, sequence + len(values))
    for key, value in values:
        assert unseal(TAIL, key, value)
        assert len(value) <= VALUE_BYTES
    assert all(len(value) == VALUE_BYTES for _, value in values[:-1])


@given(BODIES)
def test_a_tail_can_be_read_without_its_index(bodies: list[bytes]) -> None:
    _, values, _ = write_tail(TailEnd(1, 0), bodies)
    reader = Reader(b"".join(cut(value, 0, STREAM_BYTES) for _, value in values))
    assert [reader.raw(reader.number()) for _ in bodies] == bodies
    reader.end()


@given(BODIES)
def test_every_value_says_where_its_first_frame_starts(bodies: list[bytes]) -> None:
    _, values, _ = write_tail(TailEnd(1, 0), bodies)
    starts, at = [], 0
    for body in bodies:
        starts.append(at)
        at += len(write_bytes(body))
    for n, (_, value) in enumerate(values):
        inside = [start - n * STREAM_BYTES for start in starts if start // STREAM_BYTES == n]
        said = int.from_bytes(value[:FIRST_FRAME_BYTES], "big")
        assert said == (inside[0] if inside else 0xFFFF)


def test_a_full_value_is_whole_pages_less_their_header() -> None:
    assert VALUE_BYTES == 4 * 4096 - 24
    assert STREAM_BYTES + FIRST_FRAME_BYTES + SEAL_BYTES == VALUE_BYTES
    assert STREAM_BYTES < 0xFFFF


def test_no_blobs_are_no_values() -> None:
    assert write_tail(TailEnd(3, 4), []) == ([], [], TailEnd(3, 4))


def test_slices_of_a_place_that_starts_behind_a_value_lie_in_the_next() -> None:
    assert [(part.start, part.stop) for part in slices(Place(0, 0, STREAM_BYTES, 5))] == [(0, 5)]
    assert list(slices(Place(0, 0, 7, 0))) == []


# Sums.


@given(
    st.lists(st.builds(Totals, *[st.integers(0, 2**40)] * 7, st.integers(0, 2**256 - 1)), min_size=1, max_size=5)
)
def test_totals_add_up_field_by_field(parts: list[Totals]) -> None:
    total = Totals()
    for part in parts:
        total = total.plus(part)
    for field in attrs.fields(Totals):
        expected = sum(getattr(part, field.name) for part in parts)
        assert getattr(total, field.name) == (expected % 2**256 if field.name == "fingerprint" else expected)


@given(VERSIONS)
def test_the_fingerprint_of_a_version_as_the_format_defines_it(version: Version) -> None:
    times = [moment.isoformat().replace("+00:00", "Z") for moment in (version.observed_at, version.recorded_at)]
    said = [
        version.source.kind,
        version.source.id,
        version.number,
        version.builder_version,
        version.source_version,
    ]
    text = definition([*said, version.snapshot.hex(), *times])
    assert fingerprint(version) == int(blake3(text).hexdigest(), 16)


def test_every_field_of_a_version_is_in_its_fingerprint() -> None:
    others = [
        attrs.evolve(VERSION, source=Source("k", "2")),
        attrs.evolve(VERSION, source=Source("l", "1")),
        attrs.evolve(VERSION, number=2),
        attrs.evolve(VERSION, builder_version="b2"),
        attrs.evolve(VERSION, source_version=None),
        attrs.evolve(VERSION, snapshot=Digest(hashlib.sha256(b"x").digest())),
        attrs.evolve(VERSION, observed_at=MOMENT + timedelta(microseconds=1)),
        attrs.evolve(VERSION, recorded_at=MOMENT + timedelta(microseconds=1)),
    ]
    assert len({fingerprint(version) for version in (VERSION, *others)}) == 1 + len(attrs.fields(Version)) + 1


# What is reported.


def test_a_report_without_problems_is_ok() -> None:
    assert VerifyReport(1, 1, 1, ()).ok
    assert not VerifyReport(1, 1, 1, (Problem("blob-damaged", "why"),)).ok


def test_a_dedupe_ratio_is_of_canonical_to_unique_bytes() -> None:
    assert Stat(1, 2, 2, 3, 4, 100, 40, 5).dedupe_ratio == 2.5
    assert Stat(0, 0, 0, 0, 0, 0, 0, 5).dedupe_ratio is None


def test_a_summary_counts_what_results_say() -> None:
    summary = PutSummary(refused=1)
    summary = summary.plus(PutResult(VERSION, stored=True, sections=3, new_sections=2))
    summary = summary.plus(PutResult(VERSION, stored=False, sections=3, new_sections=0))
    assert summary == PutSummary(versions=1, unchanged=1, refused=1, sections=6, new_sections=2)
    assert summary.records == 3


def test_the_configuration_of_a_store_that_was_told_nothing() -> None:
    assert Configuration() == Configuration(Profile(), Limits())


@given(st.dictionaries(st.binary(min_size=1, max_size=4), st.binary(max_size=9)))
def test_many_are_sealed_as_one_by_one_and_in_order(entries: dict[bytes, bytes]) -> None:
    assert seal_many(TAIL, entries.items()) == sorted(
        (key, seal(TAIL, key, value)) for key, value in entries.items()
    )


@given(st.binary(max_size=40), st.integers(0, 40), st.binary(max_size=9))
def test_a_value_holds_what_can_be_cut_from_it(stream: bytes, start: int, other: bytes) -> None:
    ((_, value),) = write_tail(TailEnd(1, 0), [stream])[1]
    for piece in (cut(value, start, start + 5), other):
        assert holds(value, start, piece) == (
            cut(value, start, start + len(piece)) == piece and start <= 1 + len(stream)
        )


@given(moments(), st.integers(0, 2**60), texts())
def test_a_tombstone_reads_back(erased_at: datetime, size: int, reason: str) -> None:
    reader = Reader(encode_tombstone(erased_at, size, reason))
    assert (reader.time(), reader.number(), reader.text()) == (erased_at, size, reason)
    reader.end()
