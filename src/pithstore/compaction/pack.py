"""Runs and frames into the successor, in the order of the sources, in transactions of bounded size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

import attrs

from pithstore import blobs, records, sources
from pithstore.compaction.sources import Dense, Kept, Parcel, dense
from pithstore.compaction.state import State, write_state
from pithstore.digest import Digest
from pithstore.engine import Engine, Item, Successor, Update, View
from pithstore.keys import VERSIONS, run_key
from pithstore.model import Source
from pithstore.packs.frame import encode_frame
from pithstore.packs.frames import next_sequence, read_packed, write_frames
from pithstore.packs.packed_frame import Packer
from pithstore.packs.run import encode_run, moved
from pithstore.seal import seal
from pithstore.survey import page_behind

_BYTES_AT_ONCE = 8 * 1024 * 1024
_KEPT_BYTES = 16 * 1024  # about what a frame takes that is only moved


@attrs.frozen
class _Step:
    """One run on its way into the successor.

    The first one of a source brings its name, and the entries that stay.
    """

    key: bytes
    run: Kept | Parcel
    name: Source | None = None
    entries: Sequence[Item] = ()
    last: bool = False

    @property
    def bytes(self) -> int:
        return self.run.plan.frame_bytes if isinstance(self.run, Parcel) else _KEPT_BYTES

    @property
    def versions(self) -> int:
        return len(self.run.rows) if isinstance(self.run, Parcel) else 0


_Begun = tuple[list[_Step], list["Future[bytes]"]]


def pack(engine: Engine, successor: Successor, dictionary: bytes, state: State) -> Iterator[tuple[State, int]]:
    """The states that the successor comes to, from a state on, each with how many versions more are packed.

    Frames are compressed in a thread beside, while the next ones are read and the last ones written.
    """
    packer = Packer(dictionary)
    with ThreadPoolExecutor(1) as beside:
        begun: _Begun | None = None
        for steps in _chunks(_steps(engine, state.key)):
            frames = engine.view(partial(_frames, steps=steps))
            following = steps, [beside.submit(_compress, packer, frame) for frame in frames]
            if begun is not None:
                state = _write(successor, state, *begun)
                yield state, sum(step.versions for step in begun[0])
            begun = following
        if begun is not None:
            state = _write(successor, state, *begun)
            yield state, sum(step.versions for step in begun[0])


def _steps(engine: Engine, key: bytes) -> Iterator[_Step]:
    while page := engine.view(partial(page_behind, key=key)):
        for each in engine.view(lambda view: list(dense(view, page))):
            yield from _source_steps(each)
        key = page[-1][0]


def _source_steps(each: Dense) -> Iterator[_Step]:
    for i, run in enumerate(each.runs):
        last = i == len(each.runs) - 1
        yield _Step(each.key, run, last=last) if i else _Step(each.key, run, each.source, each.entries, last)


def _chunks(steps: Iterable[_Step]) -> Iterator[list[_Step]]:
    chunk: list[_Step] = []
    size = 0
    for step in steps:
        chunk.append(step)
        size += step.bytes
        if size >= _BYTES_AT_ONCE:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _frames(view: View, steps: Sequence[_Step]) -> list[bytes | _Packed]:
    bodies = _bodies(view, [step.run for step in steps if isinstance(step.run, Parcel)])
    return [
        _frame(step.run, bodies)
        if isinstance(step.run, Parcel)
        else _Packed(read_packed(view, step.run.position)[1])
        for step in steps
    ]


@attrs.frozen
class _Packed:
    """A frame that is compressed already."""

    data: bytes


def _compress(packer: Packer, frame: bytes | _Packed) -> bytes:
    return frame.data if isinstance(frame, _Packed) else packer.pack(frame)


def _bodies(view: View, parcels: Iterable[Parcel]) -> dict[Digest, bytes]:
    """The bodies that the frames of these parcels hold, but for those that have been read already."""
    places = {
        digest: parcel.places.get(digest)
        for parcel in parcels
        for digest in parcel.plan.here
        if digest not in parcel.bodies
    }
    bodies = dict(zip(places, blobs.read_many(view, list(places.values())), strict=True))
    packed = [digest for digest, place in places.items() if place is None]
    bodies.update(zip(packed, records.read_bodies(view, packed), strict=True))
    return bodies


def _frame(parcel: Parcel, bodies: Mapping[Digest, bytes]) -> bytes:
    known = {**bodies, **parcel.bodies} if parcel.bodies else bodies
    return encode_frame(parcel.manifests, known, parcel.plan.here, parcel.plan.home)


def _write(successor: Successor, state: State, steps: Sequence[_Step], frames: Sequence[Future[bytes]]) -> State:
    """The state of the successor with these steps in it."""
    packed = [frame.result() for frame in frames]
    ended = [step.key for step in steps if step.last]
    reached = attrs.evolve(state, key=ended[-1]) if ended else state

    def write(update: Update) -> None:
        positions, _ = write_frames(update, next_sequence(update), packed)
        items: list[Item] = []
        for step, position in zip(steps, positions, strict=True):
            items += [*step.entries, _run_item(step.run, position)]
        update.create_many(VERSIONS, items, rising=True)
        sources.create_many(update, [step.name for step in steps if step.name is not None], rising=True)
        write_state(update, reached)

    successor.update(write)
    return reached


def _run_item(run: Kept | Parcel, position: int) -> Item:
    if isinstance(run, Kept):
        key, payload = run.key, moved(run.run, position)
    else:
        key = run_key(run.source, run.rows[-1].version.number)
        payload = encode_run(position, run.rows, run.heads)
    return key, seal(VERSIONS, key, payload)
