"""From a frame back to what its versions are named by: snapshot hashes and the digests of sections.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING

from pithstore.digest import Digest
from pithstore.errors import Damaged
from pithstore.model import Manifest, SectionEntry
from pithstore.packs.frame import Frame, Member, read_name

if TYPE_CHECKING:
    from _hashlib import HASH

_LONG = 4096
"""From so many bytes on it is quicker to go on from what two versions have in common than to hash it again."""


def join_members(members: Iterable[Member], foreign: Mapping[Digest, bytes]) -> bytes:
    """The canonical form of a record with these sections; `foreign` has the bodies that lie elsewhere."""
    return b"{" + b",".join([name + b":" + _body(part, foreign) for name, part in members]) + b"}"


def _body(part: bytes | Digest, foreign: Mapping[Digest, bytes]) -> bytes:
    if not isinstance(part, Digest):
        return part
    try:
        return foreign[part]
    except KeyError:
        raise Damaged(f"blob {part} is damaged or missing") from None


def foreign_digests(frame: Frame, rows: Iterable[int]) -> list[Digest]:
    """The digests of the sections of these versions that lie elsewhere, each once."""
    ordinals = dict.fromkeys(ordinal for row in rows for ordinal in frame.ordinals(row) if ordinal >= frame.bodies)
    return [frame.foreign(ordinal)[0] for ordinal in ordinals]


def snapshots(frame: Frame, foreign: Mapping[Digest, bytes]) -> Iterator[Digest]:
    """The snapshot hash of each version of the frame, in order; Damaged where a section is not to be had.

    What a version has in common with the one before, from its start on, is hashed once.
    """
    names: list[bytes] = []
    ordinals: tuple[int, ...] = ()
    states: list[HASH] = []  # after each section of the version before, where that was long
    for row in range(frame.versions):
        members = frame.members(row)
        if sum(len(part) for _, part in members) < _LONG:
            states.clear()
            yield Digest.of(join_members(members, foreign))
            continue
        del states[_common(names, frame.names(row), ordinals, frame.ordinals(row)) :]
        names, ordinals = frame.names(row), frame.ordinals(row)
        for i in range(len(states), len(members)):
            name, part = members[i]
            state = states[-1].copy() if states else sha256()
            state.update(b"%b%b:%b" % (b"," if i else b"{", name, _body(part, foreign)))
            states.append(state)
        state = states[-1].copy()
        state.update(b"}")
        yield Digest(state.digest())


def _common(names: list[bytes], now: list[bytes], ordinals: tuple[int, ...], ordinals_now: tuple[int, ...]) -> int:
    """How many sections two versions have in common, from the first on."""
    count = 0
    for name, name_now, ordinal, ordinal_now in zip(names, now, ordinals, ordinals_now, strict=False):
        if ordinal != ordinal_now or name != name_now:
            break
        count += 1
    return count


def recipes(frame: Frame, rows: Iterable[int]) -> list[Manifest]:
    """The manifests of these versions; each body is hashed once."""
    entries: dict[tuple[bytes, int], SectionEntry] = {}
    found: list[Manifest] = []
    for row in rows:
        keys = list(zip(frame.names(row), frame.ordinals(row), strict=True))
        for name, ordinal in keys:
            if (name, ordinal) not in entries:
                entries[name, ordinal] = _entry(frame, name, ordinal)
        found.append(Manifest(tuple([entries[key] for key in keys])))
    return found


def _entry(frame: Frame, name: bytes, ordinal: int) -> SectionEntry:
    if ordinal >= frame.bodies:
        return SectionEntry(read_name(name), *frame.foreign(ordinal))
    return SectionEntry(read_name(name), frame.digest(ordinal), len(frame.body(ordinal)))
