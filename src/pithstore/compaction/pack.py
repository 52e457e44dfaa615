"""Runs and frames into the successor, in the order of the sources, in transactions of bounded size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

import attrs

from pithstore import blobs, records, sources
from pithstore.compaction.sources import Dense, Kept, Packing, Parcel, dense
from pithstore.compaction.state import State, write_state
from pithstore.digest import Digest
from pithstore.engine import Engine, Item, Successor, Update, View
from pithstore.keys import VERSIONS
from pithstore.model import Source
from pithstore.packs.frame import encode_frame
from pithstore.packs.frames import next_sequence, read_packed, write_frames
from pithstore.packs.packed_frame import Packer
from pithstore.packs.run import moved
from pithstore.seal import seal
from pithstore.survey import page_behind

_WRITTEN_AT_ONCE, _PACKED_AT_ONCE = 8 * 1024 * 1024, 1024 * 1024
"""Bytes of bodies in one transaction of the successor, and in one call that compresses: the latter is work for the
thread beside, so the smaller it is the sooner that begins."""
_KEPT_BYTES = 16 * 1024  # about what a frame takes that is only moved


@attrs.frozen
class _Step:
    """One run on its way into the successor; `bytes` is about what its frame takes.

    The first one of a source brings its name, and the entries that stay.  Where all versions were forgotten there
    is no run; the key is empty then.
    """

    source: bytes
    key: bytes
    run: bytes
    bytes: int
    versions: int = 0
    name: Source | None = None
    entries: Sequence[Item] = ()
    last: bool = False


@attrs.frozen
class _Begun:
    """Runs whose frames are being compressed."""

    steps: Sequence[_Step]
    frames: Future[list[bytes]]

    @property
    def bytes(self) -> int:
        return sum(step.bytes for step in self.steps)


def pack(
    engine: Engine, successor: Successor, dictionary: bytes, state: State, packing: Packing
) -> Iterator[tuple[State, int]]:
    """The states that the successor comes to, from a state on, each with how many versions more are packed.

    Frames are compressed in a thread beside, while the next ones are read and the last ones written.
    """
    packer = Packer(dictionary)
    with ThreadPoolExecutor(1) as beside:
        begun: list[_Begun] = []
        for chunk in _chunks(_sources(engine, state.key, packing)):
            frames = engine.view(partial(_frames, runs=[run for _, run in chunk if run is not None]))
            following = _Begun([step for step, _ in chunk], beside.submit(_compress, packer, frames))
            if sum(each.bytes for each in begun) >= _WRITTEN_AT_ONCE:
                state, versions = _write(successor, state, begun)
                yield state, versions
                begun = []
            begun.append(following)
        if begun:
            yield _write(successor, state, begun)


def _sources(engine: Engine, key: bytes, packing: Packing) -> Iterator[Dense]:
    while page := engine.view(partial(page_behind, key=key)):
        yield from engine.view(lambda view: list(dense(view, page, packing)))
        key = page[-1][0]


def _chunks(sources: Iterable[Dense]) -> Iterator[list[tuple[_Step, Kept | Parcel | None]]]:
    chunk: list[tuple[_Step, Kept | Parcel | None]] = []
    size = 0
    for each in sources:
        for step, run in zip(_steps(each), each.runs or (None,), strict=True):
            chunk.append((step, run))
            size += step.bytes
            if size >= _PACKED_AT_ONCE:
                yield chunk
                chunk, size = [], 0
    if chunk:
        yield chunk


def _steps(each: Dense) -> Iterator[_Step]:
    if not each.runs:
        yield _Step(each.key, b"", b"", 0, name=each.source, entries=each.entries, last=True)
    for i, run in enumerate(each.runs):
        yield _Step(
            each.key,
            run.key,
            run.run,
            run.plan.frame_bytes if isinstance(run, Parcel) else _KEPT_BYTES,
            len(run.manifests) if isinstance(run, Parcel) else 0,
            None if i else each.source,
            () if i else each.entries,
            last=run is each.runs[-1],
        )


def _frames(view: View, runs: Sequence[Kept | Parcel]) -> list[bytes | _Packed]:
    bodies = _bodies(view, [run for run in runs if isinstance(run, Parcel)])
    return [
        _frame(run, bodies) if isinstance(run, Parcel) else _Packed(read_packed(view, run.position)[1])
        for run in runs
    ]


@attrs.frozen
class _Packed:
    """A frame that is compressed already."""

    data: bytes


def _compress(packer: Packer, frames: Sequence[bytes | _Packed]) -> list[bytes]:
    fresh = iter(packer.pack_many([frame for frame in frames if not isinstance(frame, _Packed)]))
    return [frame.data if isinstance(frame, _Packed) else next(fresh) for frame in frames]


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


def _write(successor: Successor, state: State, begun: Sequence[_Begun]) -> tuple[State, int]:
    """The state of the successor with these steps in it, and how many versions they packed."""
    steps = [step for each in begun for step in each.steps]
    packed = [frame for each in begun for frame in each.frames.result()]
    ended = [step.source for step in steps if step.last]
    reached = attrs.evolve(state, key=ended[-1]) if ended else state

    def write(update: Update) -> None:
        positions = iter(write_frames(update, next_sequence(update), packed)[0])
        items: list[Item] = []
        for step in steps:
            items += step.entries
            if step.key:
                items.append((step.key, seal(VERSIONS, step.key, moved(step.run, next(positions)))))
        update.create_many(VERSIONS, items, rising=True)
        sources.create_many(update, [step.name for step in steps if step.name is not None], rising=True)
        write_state(update, reached)

    successor.update(write)
    return reached, sum(step.versions for step in steps)
