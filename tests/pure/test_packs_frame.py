"""A frame gives back what went in; what is none is Damaged."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from contextlib import suppress

import pytest
import zstandard
from hypothesis import example, given
from hypothesis import strategies as st

from pithstore.canonical import canonical
from pithstore.codec import write_number
from pithstore.digest import Digest
from pithstore.errors import Damaged
from pithstore.packs.frame import Frame, read_name
from pithstore.packs.packed_frame import (
    LONGEST_HEADER,
    MARK_BYTES,
    NO_DICTIONARY,
    Packer,
    mark,
    read_header,
    unpack,
)
from pithstore.packs.rebuild import foreign_digests, join_members, piece_of, recipes, snapshots
from pithstore.testing.strategies import texts
from tests.pure.packed import Record, Shelf, joined, manifest, shelves, snapshot

COMMON = Shelf([{"a": b"1", "b": b"2"}], frozenset({Digest.of(b"1"), Digest.of(b"2")}), frozenset())
HEADER_BYTES = 17


def whole(*records: Record) -> Shelf:
    """These records with all that they have."""
    here = frozenset(Digest.of(body) for record in records for body in record.values())
    return Shelf(records, here, here)


@given(shelves())
def test_a_frame_gives_back_its_versions(shelf: Shelf) -> None:
    frame = shelf.frame()
    assert frame.versions == len(shelf.records)
    for row, record in enumerate(shelf.records):
        assert [read_name(name) for name in frame.names(row)] == sorted(record)
        expected = [
            (canonical(name), record[name] if Digest.of(record[name]) in shelf.here else Digest.of(record[name]))
            for name in sorted(record)
        ]
        members = frame.members(row)
        assert members == expected
        assert [type(part) for _, part in members] == [type(part) for _, part in expected]
        assert join_members(members, shelf.foreign) == joined(record)
        here = all(Digest.of(body) in shelf.here for body in record.values())
        assert frame.record(row) == (joined(record) if here else None)
    assert frame.rows == [frame.ordinals(row) for row in range(frame.versions)]
    assert frame.shapes == [frame.shape(row) for row in range(frame.versions)]


@given(shelves())
def test_a_frame_has_each_body_once_with_its_home_and_each_foreign_one_with_its_size(shelf: Shelf) -> None:
    frame = shelf.frame()
    bodies = [frame.body(ordinal) for ordinal in range(frame.bodies)]
    assert sorted(map(Digest.of, bodies)) == sorted(shelf.here)
    assert [frame.digest(ordinal) for ordinal in range(frame.bodies)] == list(map(Digest.of, bodies))
    assert frame.all_bodies() == bodies
    assert frame.homes == [ordinal for ordinal in range(frame.bodies) if frame.is_home(ordinal)]
    assert [bool(mark) for mark in frame.home_marks] == [frame.is_home(i) for i in range(frame.bodies)]
    assert frame.foreigners == len(shelf.foreign)
    assert dict(frame.elsewhere) == {digest: len(body) for digest, body in shelf.foreign.items()}
    assert {Digest.of(body) for ordinal, body in enumerate(bodies) if frame.is_home(ordinal)} == shelf.home
    named = {ordinal for row in range(frame.versions) for ordinal in frame.ordinals(row)}
    assert named == set(range(frame.bodies + len(shelf.foreign)))
    told = dict(frame.foreign(ordinal) for ordinal in named if ordinal >= frame.bodies)
    assert told == {digest: len(body) for digest, body in shelf.foreign.items()}
    assert set(foreign_digests(frame, range(frame.versions))) == set(shelf.foreign)


@given(shelves())
def test_manifests_and_snapshots_come_out_of_a_frame(shelf: Shelf) -> None:
    frame = shelf.frame()
    assert recipes(frame, range(frame.versions)) == list(map(manifest, shelf.records))
    assert list(snapshots(frame, shelf.foreign)) == list(map(snapshot, shelf.records))


@given(shelves(), st.data())
def test_a_piece_is_its_records_but_for_those_whose_sections_are_not_to_be_had(
    shelf: Shelf, data: st.DataObject
) -> None:
    frame = shelf.frame()
    whole = piece_of(frame, shelf.foreign, frame.all_bodies())
    for row, record in enumerate(shelf.records):
        assert b"".join(whole.parts(row)) == joined(record)
        assert whole.size(row) == len(joined(record))
    assert whole.total == sum(len(joined(record)) for record in shelf.records)
    assert whole.sections == sum(map(len, shelf.records))
    assert all(whole.mentions(body) for body in shelf.bodies.values())
    assert not whole.mentions(b"in no body at all")
    gone = data.draw(st.sets(st.sampled_from(sorted(shelf.foreign)))) if shelf.foreign else set()
    cut = data.draw(st.sets(st.sampled_from(sorted(gone)))) if gone else set()
    left = {
        digest: body + b"x" * (digest in cut) for digest, body in shelf.foreign.items() if digest not in gone - cut
    }
    lacking = piece_of(frame, left, frame.all_bodies())
    for row, (record, found) in enumerate(zip(shelf.records, lacking.snapshots(), strict=True)):
        if gone & {Digest.of(body) for body in record.values()}:
            assert found is None
            with pytest.raises(Damaged, match="a section"):
                lacking.parts(row)
        else:
            assert found == snapshot(record)
    if gone:
        with pytest.raises(Damaged):
            list(snapshots(frame, left))


def test_bodies_of_one_name_stand_side_by_side_oldest_first() -> None:
    frame = whole({"a": b"a1", "b": b"b1"}, {"a": b"a2", "b": b"b1"}, {"a": b"a1", "b": b"b2"}).frame()
    assert [frame.body(ordinal) for ordinal in range(frame.bodies)] == [b"a1", b"a2", b"b1", b"b2"]


@pytest.mark.parametrize(("sections", "width"), [(256, 1), (257, 2), (65536, 2), (65537, 4)])
def test_an_ordinal_is_as_wide_as_it_must_be(sections: int, width: int) -> None:
    record = {f"{n:05}": b"%d" % n for n in range(sections)}
    shelf = whole(record)
    assert shelf.encoded()[HEADER_BYTES - 1] == width
    assert join_members(shelf.frame().members(0), {}) == joined(record)


@pytest.mark.parametrize("length", [4000, 10_000])
def test_a_snapshot_follows_from_what_two_versions_have_in_common(length: int) -> None:
    long, longer = b"x" * length, b"y" * length
    records = [
        {"a": long, "b": longer, "c": b"1"},
        {"a": long, "b": longer, "c": b"2"},
        {"a": long, "b": longer},
        {"a": long, "b": longer, "c": b"2", "d": b"3"},
        {"a": b"short"},
        {"a": long, "b": longer, "c": b"2"},
        {"a": long, "bb": longer, "c": b"2"},
        {},
        {"a": longer, "b": longer},
    ]
    assert list(snapshots(whole(*records).frame(), {})) == list(map(snapshot, records))


def test_a_section_that_is_not_to_be_had_is_damaged() -> None:
    for body in (b"1", b"x" * 10_000):
        frame = Shelf([{"a": body, "b": b"y" * 10_000}], frozenset(), frozenset()).frame()
        with pytest.raises(Damaged, match=str(Digest.of(body))):
            list(snapshots(frame, {Digest.of(b"y" * 10_000): b"y" * 10_000}))


def use(raw: bytes) -> None:
    """Read all that a frame can say."""
    frame = Frame(raw)
    for row in range(frame.versions):
        frame.members(row)
        frame.record(row)
    recipes(frame, range(frame.versions))
    list(snapshots(frame, {}))


def value_or_damaged(call: Callable[[], object]) -> None:
    with suppress(Damaged):
        call()


@given(st.binary(max_size=200))
def test_any_bytes_are_a_frame_or_damaged(raw: bytes) -> None:
    value_or_damaged(lambda: use(raw))


@given(shelves(), st.data())
def test_a_frame_with_wrong_bytes_is_read_or_damaged(shelf: Shelf, data: st.DataObject) -> None:
    raw = bytearray(shelf.encoded())
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, min(len(raw), 200) - 1))] = data.draw(st.integers(0, 255))
    value_or_damaged(lambda: use(bytes(raw)))
    with pytest.raises(Damaged):
        Frame(shelf.encoded() + b"x")
    with pytest.raises(Damaged):
        Frame(shelf.encoded()[: data.draw(st.integers(0, len(shelf.encoded()) - 1))])


def test_a_frame_that_names_what_it_does_not_have_is_damaged() -> None:
    raw = COMMON.encoded()
    ordinals = HEADER_BYTES + len(b'"a"\n"b"') + 1  # behind the header, the names and the shape
    for ordinal in (2, 255):
        with pytest.raises(Damaged, match="does not have"):
            Frame(raw[: ordinals + 1] + bytes([ordinal]) + raw[ordinals + 2 :])
    nothing = bytearray(raw[: ordinals + 2])
    nothing[4:8] = bytes(4)  # no bodies at all
    with pytest.raises(Damaged, match="does not have"):
        Frame(bytes(nothing))


@given(texts() | st.text(max_size=3))
def test_a_name_reads_back(name: str) -> None:
    assert read_name(canonical(name)) == name


@given(st.binary(max_size=8))
@example(b"")
@example(b"1")
@example(b'"')
@example(b'"a" ')
@example(b'"a"x')
@example(b'"\xff"')
@example(b"[" * 100_000)
def test_any_name_is_a_text_or_damaged(name: bytes) -> None:
    value_or_damaged(lambda: read_name(name))


# As it lies in the stream.

DICTIONARY = zstandard.train_dictionary(
    2000, [b'{"n":%d,"name":"name %d","kind":["one","two","three %d"]}' % (n, n, n % 7) for n in range(2000)]
).as_bytes()


def none(name: bytes) -> bytes:
    raise AssertionError(f"nobody has a dictionary {name.hex()}")


def expanded(packed: bytes, read_dictionary: Callable[[bytes], bytes] = none) -> bytes:
    return unpack(read_header(packed[:LONGEST_HEADER]), packed, read_dictionary)


@given(st.binary(min_size=1, max_size=2000), st.sampled_from([b"", DICTIONARY]), st.binary(max_size=20))
def test_a_frame_is_packed_and_expanded(frame: bytes, dictionary: bytes, behind: bytes) -> None:
    packed = Packer(dictionary).pack(frame)
    assert packed[:MARK_BYTES] == mark(dictionary)
    header = read_header(packed + behind)
    assert (header.frame_bytes, header.start + header.packed_bytes) == (len(frame), len(packed))
    assert header.start <= LONGEST_HEADER
    assert expanded(packed + behind, lambda _: dictionary) == frame


def test_a_dictionary_makes_frames_smaller_and_is_asked_for_once() -> None:
    frame = b'{"n":12345,"name":"name 12345","kind":["one","two","three 4"]}'
    dictionary = DICTIONARY[:-1]  # one that no other test has asked for
    packed = Packer(dictionary).pack(frame)
    assert len(packed) < len(Packer().pack(frame))
    asked: list[bytes] = []

    def read(name: bytes) -> bytes:
        asked.append(name)
        return dictionary

    assert [expanded(packed, read) for _ in range(3)] == [frame] * 3
    assert asked == [mark(dictionary)]


def test_dictionaries_are_forgotten_and_asked_for_again() -> None:
    asked: list[bytes] = []
    dictionaries = {mark(content): content for content in (b"d%3d" % n * 10 for n in range(100))}

    def read(name: bytes) -> bytes:
        asked.append(name)
        return dictionaries[name]

    packed = [Packer(dictionary).pack(b"frame") for dictionary in dictionaries.values()]
    for _ in range(2):
        assert {expanded(one, read) for one in packed} == {b"frame"}
    assert len(packed) < len(asked) <= 2 * len(packed)


def test_a_dictionary_that_is_another_is_damaged() -> None:
    packed = Packer(b"one dictionary").pack(b"frame")
    with pytest.raises(Damaged, match="not what its name says"):
        expanded(packed, lambda _: b"another dictionary")


@given(st.binary(max_size=100), st.sampled_from([b"", NO_DICTIONARY, NO_DICTIONARY + b"\x05\x0e"]))
def test_any_bytes_are_a_packed_frame_or_damaged(data: bytes, start: bytes) -> None:
    value_or_damaged(lambda: expanded(start + data, lambda _: b""))


@given(st.binary(min_size=1, max_size=300), st.data())
def test_a_packed_frame_with_wrong_bytes_is_expanded_or_damaged(frame: bytes, data: st.DataObject) -> None:
    packed = bytearray(Packer().pack(frame))
    packed[data.draw(st.integers(0, len(packed) - 1))] ^= data.draw(st.integers(1, 255))
    value_or_damaged(lambda: expanded(bytes(packed), lambda _: b""))
    with pytest.raises(Damaged):
        expanded(Packer().pack(frame)[: data.draw(st.integers(0, len(packed) - 1))])


def with_lengths(frame_bytes: int, packed: bytes) -> bytes:
    return NO_DICTIONARY + write_number(frame_bytes) + write_number(len(packed)) + packed


def test_a_frame_that_says_its_length_twice_is_damaged() -> None:
    honest = zstandard.ZstdCompressor(write_content_size=False).compress(b"frame")
    assert expanded(with_lengths(5, honest)) == b"frame"
    with pytest.raises(Damaged, match="twice"):
        expanded(with_lengths(5, zstandard.ZstdCompressor(write_content_size=True).compress(b"frame")))


@pytest.mark.parametrize("frame_bytes", [0, 4, 6, 2**20, 2**32, 2**32 + 1, 2**60])
def test_a_frame_that_has_another_length_is_damaged_and_takes_no_memory(frame_bytes: int) -> None:
    packed = with_lengths(frame_bytes, zstandard.ZstdCompressor(write_content_size=False).compress(b"frame"))
    tracemalloc.start()
    try:
        with pytest.raises(Damaged):
            expanded(packed)
        assert tracemalloc.get_traced_memory()[1] < 4 * 2**20
    finally:
        tracemalloc.stop()


def test_what_expands_to_more_than_it_says_is_damaged() -> None:
    bomb = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(2**24))
    tracemalloc.start()
    try:
        with pytest.raises(Damaged):
            expanded(with_lengths(5, bomb))
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()
