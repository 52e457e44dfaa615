"""Bodies in frames, against the places: each body whose home is a frame has its row, and each row its body."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from operator import le

import attrs

from pithstore.canonical import decode
from pithstore.digest import Digest
from pithstore.engine import Engine, View
from pithstore.errors import Damaged, InvalidRecord
from pithstore.keys import PLACES
from pithstore.model import Source
from pithstore.packs.frame import Frame, read_name
from pithstore.packs.frames import read_frame
from pithstore.packs.places import PREFIX_BYTES, ROW_BYTES, cut_rows, positions, read_block, row
from pithstore.profile import Profile, find_line
from pithstore.report import Problem
from pithstore.verifying.entries import Stretch
from pithstore.verifying.found import Found
from pithstore.verifying.spaces import pages

_ROWS_AT_ONCE = 50_000
_BLOCKS_AT_ONCE = 256


@attrs.frozen
class Sum:
    """How many rows there are, and the sum of their hashes, which are of this process alone: the order is lost."""

    rows: int
    hashes: int


def rows_of(digests: Iterable[bytes], position: int) -> list[bytes]:
    """The rows that the places should have for the bodies whose home is the frame at that position."""
    end = row(b"", position)
    return [digest[:PREFIX_BYTES] + end for digest in digests]


def sum_places(engine: Engine, found: Found) -> Sum:
    """The sum of all rows that can be found; says which blocks are damaged, or where rows do not rise."""
    count = hashes = 0
    last = b""
    for page in pages(engine, PLACES):
        for key, value in page:
            rows = _sound_rows(key, value, last, found)
            count, hashes = count + len(rows), hashes + sum(map(hash, rows))
            last = _beyond(rows) if rows else last
    return Sum(count, hashes)


def missing_rows(view: View, about: Source, stretch: Stretch, digests: Sequence[bytes]) -> list[Problem]:
    """What to say of the bodies of a frame whose rows cannot be found; looked for as a read does."""
    problems: list[Problem] = []
    for digest in digests:
        block = view.scan(PLACES, after=digest[:PREFIX_BYTES] + b"\x00", limit=1, reverse=True)
        if stretch.run.position not in _positions(block, Digest(digest)):
            message = (
                f"{about}: blob {digest.hex()} is in the frame of {stretch.numbers}; the places do not say so"
            )
            problems.append(Problem("places-wrong", message, about, stretch.last, digest=digest.hex()))
    return problems


def _positions(block: Sequence[tuple[bytes, bytes]], digest: Digest) -> list[int]:
    try:
        return positions(read_block(*block[0]), digest) if block else []
    except Damaged:
        return []


def check_blocks_behind(
    view: View, after: bytes | None, profile: Profile, known: Collection[int], found: Found
) -> bytes | None:
    """Look at a page of blocks from beyond that key: rows rise, and lead to frames of runs; None at the end.

    `known` are the positions of the frames of all runs.
    """
    items = view.scan(PLACES, after=after, limit=_BLOCKS_AT_ONCE)
    wanted: dict[int, list[bytes]] = {}
    last = b"" if after is None else _last_of(after, view.get_many(PLACES, [after])[0] or b"")
    for key, value in items:
        rows = _sound_rows(key, value, last, found)
        last = _beyond(rows) if rows else last
        for one in rows:
            position = int.from_bytes(one[PREFIX_BYTES:], "big")
            if position not in known:
                wanted.setdefault(position, []).append(one)
    for problem in _stray_rows(view, profile, wanted, ()):
        found(problem)
    return items[-1][0] if items else None


def _last_of(key: bytes, value: bytes) -> bytes:
    try:
        return _beyond(list(cut_rows(read_block(key, value))))
    except Damaged:
        return b""


def _beyond(rows: Sequence[bytes]) -> bytes:
    """What the next block begins behind: no two have rows with the same digest part."""
    return rows[-1][:PREFIX_BYTES] + b"\xff" * ROW_BYTES


def _sound_rows(key: bytes, value: bytes, last: bytes, found: Found) -> list[bytes]:
    """The rows of a block; says where it is damaged, or they do not rise from the last one on."""
    try:
        rows = list(cut_rows(read_block(key, value)))
    except Damaged as error:
        found(Problem("places-damaged", f"a block of places is damaged ({error})"))
        return []
    if not all(map(le, [last, *rows], rows)):
        found(Problem("places-wrong", f"the rows of the block of places {key.hex()} do not rise"))
    return rows


def stray_rows(
    engine: Engine, profile: Profile, sound: Collection[int], unsound: Collection[int]
) -> Iterator[Problem]:
    """What to say of rows that lead to no body, or to a frame of no run.

    `sound` and `unsound` are the positions of the frames of all runs; rows that lead to the latter are left out.
    """
    lost: set[int] = set()
    for rows in _chunks(engine):
        wanted: dict[int, list[bytes]] = {}
        for one in rows:
            position = int.from_bytes(one[PREFIX_BYTES:], "big")
            if position not in unsound and position not in lost:
                wanted.setdefault(position, []).append(one)
        lost.update(wanted.keys() - set(sound))
        yield from engine.view(partial(_stray_rows, profile=profile, wanted=wanted, sound=sound))


def _chunks(engine: Engine) -> Iterator[list[bytes]]:
    chunk: list[bytes] = []
    for page in pages(engine, PLACES):
        for key, value in page:
            try:
                chunk += cut_rows(read_block(key, value))
            except Damaged:  # said already
                continue
            if len(chunk) >= _ROWS_AT_ONCE:
                yield chunk
                chunk = []
    yield chunk


def _stray_rows(
    view: View, profile: Profile, wanted: Mapping[int, list[bytes]], sound: Collection[int]
) -> list[Problem]:
    problems: list[Problem] = []
    for position in sorted(wanted):
        try:
            frame = read_frame(view, position)
            known = set(rows_of(map(frame.digest, frame.homes), position))
        except Damaged as error:
            problems.append(Problem("places-wrong", f"the places lead to position {position} in vain ({error})"))
            continue
        stray = [one for one in wanted[position] if one not in known]
        if stray:
            starts = ", ".join(sorted(one[:PREFIX_BYTES].hex() for one in stray)[:3])
            message = f"the places say in vain that blobs {starts} … are in the frame at position {position}"
            problems.append(Problem("places-wrong", message))
        elif position not in sound:
            source = _source_of(frame, profile)
            what = f"a frame of {frame.versions} versions at position {position} is of no sound run"
            problems.append(Problem("run-missing", what if source is None else f"{source}: {what}", source))
    return problems


def _source_of(frame: Frame, profile: Profile) -> Source | None:
    """The source of the first record of a frame, as far as it can be told by what lies there."""
    try:
        members = {read_name(name): part for name, part in frame.members(0) if not isinstance(part, Digest)}
        needed = {name: decode(members[name]) for name in profile.sections() if name in members}
        return find_line(needed, profile).source
    except (Damaged, IndexError, ValueError, InvalidRecord):
        return None
