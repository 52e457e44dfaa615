"""What the streams hold, under the hashes of it: sections by their digests, versions in frames by their snapshots.

Whatever index led there in the store is not asked: what is found here is proved by what it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import repeat

from pithstore.codec import Reader, write_number
from pithstore.digest import Digest
from pithstore.engine import Engine, Item, View
from pithstore.errors import Damaged
from pithstore.keys import DICTIONARIES, PACKS, TAIL
from pithstore.packs.frame import Frame
from pithstore.packs.packed_frame import mark, read_header, unpack
from pithstore.packs.rebuild import foreign_digests, piece_of
from pithstore.salvaging.sift import fill, values, walk
from pithstore.salvaging.streams import Extent, decode_extent, encode_extent, pieces, read_extent

BODIES, FRAMES, ROWS = "bodies", "frames", "rows"
"""Spaces of the scratch: a section's digest → where it lies; frames, numbered; a snapshot hash → frame and row."""

_FRAMES_AT_ONCE = 16
_KEPT = 8
_LOOSE = 0
"""What stands for a body in the tail, where the ordinal would stand, plus one, of a body in a frame."""


class Bodies:
    """The sections and frames of a scratch: found once, then read."""

    def __init__(self, scratch: Engine) -> None:
        self._scratch = scratch
        self._frames: dict[Extent, Frame] = {}

    def index(self, progress: Callable[[int, int], None]) -> None:
        """Find all that the streams hold; `progress` is told (steps done, steps in all)."""
        steps = (
            (BODIES, self._loose()),
            (FRAMES, self._packed()),
            (BODIES, self._in_frames()),
            (ROWS, self._rows()),  # at last: sections of a version may lie anywhere
        )
        for done, (space, found) in enumerate(steps, 1):
            fill(self._scratch, zip(repeat(space), found, strict=False))
            progress(done, len(steps))

    def _loose(self) -> Iterator[Item]:
        for extent, body in pieces(self._scratch, TAIL):
            yield Digest.of(body), write_number(_LOOSE) + encode_extent(extent)

    def _packed(self) -> Iterator[Item]:
        for number, (extent, _) in enumerate(pieces(self._scratch, PACKS)):
            yield number.to_bytes(8, "big"), encode_extent(extent)

    def _each_frame(self) -> Iterator[tuple[Extent, Frame]]:
        """The pieces of the stream of packs that are frames."""
        for page in walk(self._scratch, FRAMES, _FRAMES_AT_ONCE):
            for _, value in page:
                extent = decode_extent(value)
                try:
                    yield extent, self._scratch.view(partial(self.frame, extent=extent))
                except Damaged:
                    continue

    def _in_frames(self) -> Iterator[Item]:
        for extent, frame in self._each_frame():
            for ordinal in range(frame.bodies):
                yield frame.digest(ordinal), write_number(ordinal + 1) + encode_extent(extent)

    def _rows(self) -> Iterator[Item]:
        for extent, frame in self._each_frame():
            foreign = foreign_digests(frame, range(frame.versions))
            bodies = self._scratch.view(partial(self.read, digests=foreign))
            for row, snapshot in enumerate(piece_of(frame, bodies, frame.all_bodies()).snapshots()):
                if snapshot is not None:
                    yield snapshot, write_number(row) + encode_extent(extent)

    def frame(self, view: View, extent: Extent) -> Frame:
        """The frame that lies there; Damaged where it is none."""
        frame = self._frames.get(extent)
        if frame is None:
            data = read_extent(view, PACKS, extent)
            frame = Frame(unpack(read_header(data), data, partial(_dictionary, view)))
            if len(self._frames) >= _KEPT:
                del self._frames[next(iter(self._frames))]
            self._frames[extent] = frame
        return frame

    def read(self, view: View, digests: list[Digest]) -> dict[Digest, bytes]:
        """Those of the sections that were found, by their digests, which their bytes were found to have."""
        known = zip(digests, view.get_many(BODIES, digests), strict=True)
        return {digest: self._body(view, value) for digest, value in known if value is not None}

    def _body(self, view: View, value: bytes) -> bytes:
        ordinal, extent = _split(value)
        return read_extent(view, TAIL, extent) if ordinal == _LOOSE else self.frame(view, extent).body(ordinal - 1)

    def row(self, view: View, snapshot: Digest) -> tuple[Frame, int] | None:
        """The frame and the row that were found to have that snapshot; None where none were."""
        (value,) = view.get_many(ROWS, [snapshot])
        if value is None:
            return None
        row, extent = _split(value)
        return self.frame(view, extent), row


def _split(value: bytes) -> tuple[int, Extent]:
    reader = Reader(value)
    number = reader.number()
    return number, decode_extent(value[reader.at :])


def _dictionary(view: View, name: bytes) -> bytes:
    found = (value for value in values(view, DICTIONARIES, name) if mark(value) == name)
    content = next(found, None)
    if content is None:
        raise Damaged(f"dictionary {name.hex()} is lost")
    return content
