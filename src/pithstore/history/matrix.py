"""The sections of a source against its versions: where each was new, changed, went, or came back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Literal, TypeAlias

import attrs

from pithstore import blobs, manifests, versions
from pithstore.codec import Place
from pithstore.digest import Digest
from pithstore.engine import Engine, View
from pithstore.horizon import Horizon
from pithstore.model import Source, Version
from pithstore.packs import homes
from pithstore.rendering.markup import html_table

Mark: TypeAlias = Literal["+", "~", ".", "<", "-", " ", "!"]
"""New, changed, same, back to an earlier state, gone, not there, damaged."""

_PAGE = 256
_BYTES_AT_ONCE = 8 * 1024 * 1024


@attrs.frozen
class Matrix:
    """One mark for each section and version of a source.

    `rows` has a text by section name, in order; character i of it is the mark of `versions[i]`.  A mark says
    what became of the section since the version before by number: `+` it is new, `~` changed, `.` the same,
    `<` back to a state that it had before, `-` gone; a blank where it is not there, `!` where it is damaged.
    """

    source: Source
    versions: tuple[Version, ...]
    rows: Mapping[str, str]

    def _repr_html_(self) -> str:
        """The matrix as a table, for a notebook; all text is escaped."""
        heads = ("section", *(f"@{version.number}" for version in self.versions))
        return html_table(heads, ((name, *marks) for name, marks in self.rows.items()))


def matrix(engine: Engine, source: Source, horizon: Horizon) -> Matrix:
    """The matrix of the versions within the horizon; each distinct state of a section is read and hashed once."""
    marks = _Marks()
    after: int | None = None
    while page := engine.view(partial(versions.page, source=source, after=after, limit=_PAGE)):
        after = page[-1].number
        seen = [version for version in page if horizon.holds(version)]
        for version, recipe in zip(seen, engine.view(partial(manifests.digests_of, wanted=seen)), strict=True):
            marks.add(version, recipe)
    return marks.matrix(source, frozenset(_damaged(engine, marks.states)))


def _damaged(engine: Engine, states: Sequence[bytes]) -> Iterator[bytes]:
    """Those digests whose bytes are not what they should be."""
    for start in range(0, len(states), _PAGE):
        chunk = [Digest(state) for state in states[start : start + _PAGE]]
        yield from engine.view(partial(_damaged_of, digests=chunk))


def _damaged_of(view: View, digests: Sequence[Digest]) -> list[Digest]:
    located = list(zip(digests, blobs.locate_many(view, digests), strict=True))
    packed = [digest for digest, place in located if place is None]
    sound = {digest for digest, _ in homes.find(view, packed)}
    damaged = [digest for digest in packed if digest not in sound]
    for group in _groups((digest, place) for digest, place in located if place is not None):
        bodies = blobs.read_many(view, [place for _, place in group])
        damaged += [digest for (digest, _), body in zip(group, bodies, strict=True) if Digest.of(body) != digest]
    return damaged


def _groups(located: Iterable[tuple[Digest, Place]]) -> Iterator[list[tuple[Digest, Place]]]:
    """The blobs in groups whose bytes fit in memory together."""
    group: list[tuple[Digest, Place]] = []
    size = 0
    for digest, place in located:
        group.append((digest, place))
        size += place.length
        if size >= _BYTES_AT_ONCE:
            yield group
            group, size = [], 0
    yield group


class _Marks:
    """The matrix as it grows, version by version."""

    def __init__(self) -> None:
        self._versions: list[Version] = []
        self._before: list[tuple[Mark, bytes]] = []  # the row of a section that has not been there yet
        self._rows: dict[str, list[tuple[Mark, bytes]]] = {}
        self._past: dict[str, set[bytes]] = {}
        self._states: dict[bytes, None] = {}
        self._now: dict[str, bytes] = {}

    @property
    def states(self) -> list[bytes]:
        """Every digest that any section had, in the order in which they came up: so do they lie in the store."""
        return list(self._states)

    def add(self, version: Version, recipe: dict[str, bytes] | None) -> None:
        """Mark one more version; None for a damaged manifest: no section of it is known."""
        new = () if recipe is None else recipe.keys() - self._rows.keys()
        self._rows.update((name, list(self._before)) for name in new)
        for name, row in self._rows.items():
            row.append(("!", b"") if recipe is None else self._mark(name, recipe.get(name)))
        self._before.append(("!" if recipe is None else " ", b""))
        self._versions.append(version)
        if recipe is not None:
            self._states.update(dict.fromkeys(recipe.values()))
            for name, digest in recipe.items() - self._now.items():
                self._past.setdefault(name, set()).add(digest)
            self._now = recipe

    def _mark(self, name: str, digest: bytes | None) -> tuple[Mark, bytes]:
        before = self._now.get(name)
        if digest is None:
            return (" " if before is None else "-"), b""
        if digest == before:
            return ".", digest
        if digest in self._past.get(name, ()):
            return "<", digest
        return ("+" if before is None else "~"), digest

    def matrix(self, source: Source, damaged: frozenset[bytes]) -> Matrix:
        """The matrix, with `!` where a section has one of these digests."""
        rows = {
            name: "".join("!" if digest in damaged else mark for mark, digest in row)
            for name, row in sorted(self._rows.items())
        }
        return Matrix(source, tuple(self._versions), rows)
