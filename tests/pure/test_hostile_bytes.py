"""No bytes make a decoder do anything but return a value or raise an error of ours, nor take more than they hold.

The decoders, and what they are asked, are the targets of the fuzzers (`tests.fuzz`): what one of them accepts can
be written again.  A seal stands before most of them; these bytes are what a bug or an attacker would seal.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Mapping
from contextlib import suppress
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pithstore.codec import Place, decode_manifest, decode_place, encode_place, write_number
from pithstore.declared.ledger import decode_declarations, decode_ledger
from pithstore.errors import Damaged, PithstoreError
from pithstore.packs.frame import Frame
from pithstore.packs.packed_frame import Packer, read_header, unpack
from pithstore.packs.run import Row, Run, encode_run
from pithstore.reproduction.recorded_check import decode_check
from pithstore.tail import STREAM_BYTES, slices
from tests.fuzz import codecs, packs, references
from tests.fuzz.harness import mutations
from tests.fuzz.make_seeds import CODECS, FRAME, MOMENT, PACKS, REFERENCES
from tests.pure.packed import Shelf, shelves
from tests.pure.test_packs_run import heads_of, rows_of_a_run

DECODERS = {**codecs.DECODERS, **packs.DECODERS, **references.DECODERS}
SAMPLES = [*CODECS.values(), *PACKS.values(), *REFERENCES.values()]
FIELDS = ("writer", "sequence", "offset", "length")
HUGE = [2**31, 2**32 - 1, 2**32, 2**60, 2**70 - 1]


def survives(read: Callable[[bytes], object], data: bytes) -> None:
    with suppress(PithstoreError):
        read(data)


@st.composite
def accidents(draw: st.DrawFn, encoded: bytes) -> bytes:
    """What is left of an encoding after a few accidents."""
    random = Random(draw(st.integers(0, 2**64)))
    return (
        next(mutations([encoded, *SAMPLES], random)) if draw(st.booleans()) else next(mutations([encoded], random))
    )


@pytest.mark.parametrize("name", DECODERS)
@given(st.binary(max_size=200) | st.sampled_from(SAMPLES), st.integers(0, 200))
def test_any_bytes_and_every_start_of_a_valid_encoding(name: str, data: bytes, length: int) -> None:
    survives(DECODERS[name], data)
    survives(DECODERS[name], data[:length])


@pytest.mark.parametrize("name", DECODERS)
@given(st.sampled_from(SAMPLES).flatmap(accidents))
def test_a_valid_encoding_after_accidents(name: str, data: bytes) -> None:
    survives(DECODERS[name], data)


@given(st.data(), shelves())
def test_any_frame_after_accidents(data: st.DataObject, shelf: Shelf) -> None:
    encoded = shelf.encoded()
    packs.read_frame(encoded)
    damaged = data.draw(accidents(encoded))
    survives(packs.read_frame, damaged)
    survives(packs.read_packed_frame, Packer().pack(damaged))


@given(st.data(), rows_of_a_run())
def test_any_run_after_accidents(data: st.DataObject, rows: list[Row]) -> None:
    encoded = encode_run(5, rows, heads_of(rows))
    packs.read_run(encoded)
    survives(packs.read_run, data.draw(accidents(encoded)))


# Lengths that nobody may believe.


def counts(number: int) -> Mapping[str, tuple[Callable[[bytes], object], bytes]]:
    """For each decoder bytes that claim so many of something."""
    claim, four = write_number(number), min(number, 2**32 - 1).to_bytes(4, "little")
    return {
        "versions of a run": (packs.read_run, b"\x01" + claim + b"\x02\x00" * 6 + b"\x00" * 99),
        "builders of a run": (packs.read_run, b"\x01\x01" + b"\x02\x00" * 6 + claim + b"\x00" * 99),
        "position of a run": (packs.read_run, claim + b"\x01" + b"\x02\x00" * 6 + b"\x00" * 99),
        **{f"field {at} of a frame": (Frame, FRAME[:at] + four + FRAME[at + 4 :]) for at in range(0, 16, 4)},
        "bytes of a frame": (unpacked, bytes(8) + claim + b"\x04" + b"abcd"),
        "packed bytes of a frame": (unpacked, bytes(8) + b"\x04" + claim + b"abcd"),
        "texts of a check": (lambda data: decode_check(MOMENT, data), CODECS["check"][:-7] + claim + b"\x00" * 9),
        "name of a section": (decode_manifest, claim + b"\x00" * 60),
        "name in a ledger": (decode_ledger, claim + b"\x00" * 60),
        "name in declarations": (decode_declarations, claim + b"\x00" * 60),
    }


def unpacked(data: bytes) -> bytes:
    return unpack(read_header(data), data, lambda _: b"")


@pytest.mark.parametrize("number", HUGE)
@pytest.mark.parametrize("name", counts(0))
def test_a_claim_takes_no_memory(name: str, number: int) -> None:
    read, data = counts(number)[name]
    tracemalloc.start()
    try:
        survives(read, data)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("number", HUGE)
def test_a_place_that_no_tail_can_have_is_damaged(field: str, number: int) -> None:
    writer, sequence, offset, length = [number if name == field else 1 for name in FIELDS]
    place = Place(writer, sequence, offset, length)
    if field in ("writer", "sequence") and number < 2**32:
        assert decode_place(encode_place(place)) == place
    else:
        with pytest.raises(Damaged):
            decode_place(encode_place(place))


@given(st.integers(0, 2**16 - 1), st.integers(0, 10**6))
def test_the_slices_of_a_place_have_its_length(offset: int, length: int) -> None:
    parts = list(slices(Place(1, 2, offset, length)))
    assert sum(part.stop - part.start for part in parts) == length
    assert len(parts) <= 2 + length // STREAM_BYTES


def test_bodies_that_overlap_are_damaged() -> None:
    """Else each of many could be as long as the frame."""
    bodies = 1000
    ends = b"".join((64_000 if i % 2 or i == bodies - 1 else 0).to_bytes(4, "little") for i in range(bodies))
    header = (0).to_bytes(4, "little") + bodies.to_bytes(4, "little") + bytes(8) + b"\x01"
    with pytest.raises(Damaged, match="before it starts"):
        Frame(header + ends + bytes(bodies) + bytes(64_000))


@pytest.mark.parametrize("width", [9, 255])
def test_a_column_wider_than_any_is_damaged(width: int) -> None:
    with pytest.raises(Damaged):
        Run(b"\x01\x01" + b"\x02\x00" * 5 + b"\x00" + bytes([width]) + bytes(900))
