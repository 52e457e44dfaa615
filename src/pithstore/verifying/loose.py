"""Blobs and manifests that lie in no frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

import attrs

from pithstore import blobs
from pithstore.codec import Place
from pithstore.digest import Digest
from pithstore.engine import Engine, Item, View
from pithstore.errors import Damaged
from pithstore.keys import BLOBS, MANIFESTS, TAIL
from pithstore.packs import homes, runs
from pithstore.report import Problem
from pithstore.seal import unseal
from pithstore.tail import slices
from pithstore.verifying.erasures import erased_and_present
from pithstore.verifying.found import Found, Used
from pithstore.verifying.spaces import LONG_VALUES, damaged_values, pages

_PAGE, _PAGE_BYTES = 16_384, 64 * 1024 * 1024
"""So many places are followed in the order in which they lie: the more, the fewer values are read twice."""
_BYTES_AT_ONCE = 8 * 1024 * 1024

_Placed = tuple[Digest, Place]


class LooseCheck:
    """Reads the blobs in the tail and the manifests; counts the blobs that are in no frame, and their bytes."""

    def __init__(self, engine: Engine, found: Found) -> None:
        self._engine = engine
        self._found = found
        self._damaged_values = {key: str(error) for key, error in damaged_values(engine, TAIL)}
        self._lying: dict[bytes, set[Used]] = {}
        self.blobs = self.unique_bytes = 0

    def check_blobs(self) -> Iterator[int]:
        """Hash every blob; how many more entries are done, page by page."""
        after: bytes | None = None
        while page := self._engine.view(partial(_read_page, after=after)):
            after = page.last
            self.blobs += page.entries - page.homed
            self.unique_bytes += page.bytes
            for problem in page.problems:
                self._found(problem, [("section", bytes.fromhex(problem.digest or ""))])
            for digest, place in page.placed if self._damaged_values else ():
                for part in slices(place):
                    self._lying.setdefault(part.key, set()).add(("section", digest))
            yield page.entries
        for key, message in self._damaged_values.items():
            if key in self._lying:  # what holds no blob is not missed
                self._found(Problem("tail-damaged", message), self._lying[key])

    def check_manifests(self) -> Iterator[int]:
        """Look at every manifest; how many more are done, page by page."""
        for page in pages(self._engine, MANIFESTS):
            say_damaged_manifests(page, self._found)
            yield len(page)


def say_damaged_manifests(items: Iterable[Item], found: Found) -> None:
    """Say which of these manifests are damaged."""
    for key, value in items:
        try:
            unseal(MANIFESTS, key, value)
        except Damaged as error:
            message = f"the manifest of snapshot {key.hex()} is damaged ({error})"
            found(Problem("manifest-damaged", message, digest=key.hex()), [("snapshot", key)])


def check_blobs_behind(view: View, after: bytes | None, found: Found) -> Page | None:
    """A page of the index of blobs from beyond that key, its blobs hashed and the values that they lie in checked.

    None at the end.
    """
    page = _read_page(view, after)
    if page is not None:
        for problem in page.problems:
            found(problem, [("section", bytes.fromhex(problem.digest or ""))])
        lying: dict[bytes, set[Used]] = {}
        for digest, place in page.placed:
            for part in slices(place):
                lying.setdefault(part.key, set()).add(("section", digest))
        for key, message in _damaged_values(view, sorted(lying)):
            found(Problem("tail-damaged", message), lying[key])
    return page


def _damaged_values(view: View, keys: Sequence[bytes]) -> Iterator[tuple[bytes, str]]:
    for some in (keys[i : i + LONG_VALUES] for i in range(0, len(keys), LONG_VALUES)):
        for key, value in zip(some, view.get_many(TAIL, some), strict=True):
            try:
                unseal(TAIL, key, value or b"")
            except Damaged as error:
                if value is not None:  # else verify says it of each blob
                    yield key, str(error)


@attrs.frozen
class Page:
    """What was found in some entries of the index of blobs, in one state of the store.

    `homed` of the blobs are in a frame too; `bytes` are of the others.
    """

    last: bytes
    entries: int
    homed: int
    bytes: int
    placed: Sequence[_Placed]
    problems: Sequence[Problem]


def _read_page(view: View, after: bytes | None) -> Page | None:
    items = view.scan(BLOBS, after=after, limit=_PAGE)
    if not items:
        return None
    placed: list[_Placed] = []
    problems: list[Problem] = []
    size = read = 0
    for key, value in items:
        read += 1
        try:
            place = blobs.read_place(key, value)
            placed.append((Digest(key), place))
            size += place.length
        except (Damaged, ValueError) as error:
            message = f"the index entry of blob {key.hex()} is damaged ({error})"
            problems.append(Problem("place-damaged", message, digest=key.hex()))
        if size >= _PAGE_BYTES:
            break
    problems += _damaged_bodies(view, placed)
    problems += erased_and_present(view, [digest for digest, _ in placed])
    homed = _homed(view, placed)
    return Page(
        last=items[read - 1][0],
        entries=read,
        homed=len(homed),
        bytes=size - sum(map(len, homed)),
        placed=placed,
        problems=problems,
    )


def _lying(placed: _Placed) -> tuple[int, int, int]:
    place = placed[1]
    return place.writer, place.sequence, place.offset


def _damaged_bodies(view: View, placed: Iterable[_Placed]) -> Iterator[Problem]:
    for chunk in _chunks(sorted(placed, key=_lying)):
        bodies = blobs.read_many(view, [place for _, place in chunk])
        for (digest, _), body in zip(chunk, bodies, strict=True):
            if Digest.of(body) != digest:
                message = f"the bytes of blob {digest} are damaged"
                yield Problem("blob-damaged", message, digest=str(digest))


def _homed(view: View, placed: Iterable[_Placed]) -> list[bytes]:
    """The bytes of those blobs that have a home in a frame: such a one was put again while that was damaged."""
    if not runs.any_packs(view):
        return []
    return [body for _, body in homes.find(view, [digest for digest, _ in placed])]


def _chunks(placed: Iterable[_Placed]) -> Iterator[list[_Placed]]:
    chunk: list[_Placed] = []
    size = 0
    for each in placed:
        chunk.append(each)
        size += each[1].length
        if size >= _BYTES_AT_ONCE:
            yield chunk
            chunk, size = [], 0
    yield chunk
