"""Target: runs, frames, packed frames and places.  Any bytes are read to their end, or are Damaged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial

from pithstore import codec, keys
from pithstore.canonical import canonical
from pithstore.digest import Digest
from pithstore.errors import Damaged
from pithstore.fingerprint import fingerprint
from pithstore.model import Source
from pithstore.packs.frame import Frame, read_name
from pithstore.packs.packed_frame import NO_DICTIONARY, mark, read_header, unpack
from pithstore.packs.places import cut_rows, positions, read_block
from pithstore.packs.rebuild import foreign_digests, join_members, piece_of, recipes
from pithstore.packs.run import Run, moved
from pithstore.seal import seal
from pithstore.tail import FIRST_FRAME_BYTES, STREAM_BYTES, cut, holds
from tests.fuzz.harness import chosen

SOURCE = Source("k", "1")
DICTIONARY = b"of what frames have in common " * 9
BLOCK_KEY = b"\x10\x20\x30\x40\x50\x60"


def read_run(data: bytes) -> None:
    """All that a run can be asked; each answer by itself."""
    run = Run(data)
    assert run.count <= len(data)
    asked: list[Callable[[], object]] = [
        run.columns,
        lambda: [codec.decode_line_head(codec.encode_line_head(head)) for head in run.line_heads()],
        lambda: [run.sections(builder) for builder in run.builders],
        lambda: list(run.snapshots),
        lambda: Run(moved(data, 7)),
        lambda: [run.row(number) for number in (0, 1, run.number(0), 2**32 - 1)],
    ]
    for row in {0, run.count // 2, run.count - 1}:
        asked += [partial(_row, run, row), partial(run.outcomes, row)]
    for ask in asked:
        with suppress(Damaged):
            ask()


def _row(run: Run, row: int) -> None:
    version = run.version(SOURCE, row)
    payload = codec.encode_version(version)
    assert codec.decode_version(SOURCE, version.number, payload) == version
    assert payload == run.payload(row)
    keys.version_key(SOURCE, version.number)
    fingerprint(version)
    codec.write_name(run.builder_version(row))


def read_frame(data: bytes) -> None:
    """All that a frame can be asked."""
    frame = Frame(data)
    bodies = frame.all_bodies()
    assert bodies == [frame.body(ordinal) for ordinal in range(frame.bodies)]
    assert sum(map(len, bodies)) <= len(data)
    assert all(frame.is_home(ordinal) for ordinal in frame.homes)
    rows = range(min(frame.versions, 50))
    with suppress(Damaged):
        codec_of = [codec.encode_manifest(manifest) for manifest in recipes(frame, rows)]
        assert len(codec_of) == len(rows)
    foreign = dict.fromkeys(foreign_digests(frame, rows), b"{}")
    for row in rows:
        with suppress(Damaged):
            join_members(frame.members(row), foreign)
        for name in frame.names(row):
            with suppress(Damaged):
                assert canonical(read_name(name)) == name
    for _ in piece_of(frame, foreign, bodies).snapshots():
        pass


def read_packed_frame(data: bytes) -> None:
    """The frame behind a header, against the dictionary that it names."""
    frame = unpack(read_header(data), data, _read_dictionary)
    read_frame(frame)


def _read_dictionary(name: bytes) -> bytes:
    if name != mark(DICTIONARY):
        raise Damaged(f"dictionary {name.hex()} is missing")
    return DICTIONARY


def read_places(data: bytes) -> None:
    """The rows of a block that was sealed with these bytes in it."""
    rows = read_block(BLOCK_KEY, seal(keys.PLACES, BLOCK_KEY, data))
    assert b"".join(cut_rows(rows)) == data
    for start in (data[:6], data[-12:-6], b"\xff" * 6):
        assert all(position >= 0 for position in positions(rows, Digest(start.ljust(32, b"\0"))))


def read_tail_value(data: bytes) -> None:
    """What can be cut from a value of a stream."""
    stream = cut(data, 0, STREAM_BYTES)
    assert len(stream) <= max(0, len(data) - FIRST_FRAME_BYTES)
    for start, stop in ((0, 1), (5, 9), (0, 2**60), (2**40, 2**41)):
        piece = cut(data, start, stop)
        assert len(piece) <= len(stream)
        holds(data, start, piece)
    reader = codec.Reader(stream)
    with suppress(Damaged):
        while reader.at < len(stream):
            reader.raw(reader.number())


DECODERS: Mapping[str, Callable[[bytes], object]] = {
    "run": read_run,
    "frame": read_frame,
    "packed-frame": read_packed_frame,
    "places": read_places,
    "tail-value": read_tail_value,
}
assert mark(DICTIONARY) != NO_DICTIONARY


def run(data: bytes) -> None:
    """Let one decoder read; the first byte says which."""
    chosen(DECODERS, data)
