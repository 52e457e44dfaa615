"""Which versions use what is damaged.

The index is gone through once more, with the manifests; frames are expanded where a section may lie elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

import attrs

from pithstore import manifests
from pithstore.digest import Digest
from pithstore.engine import Engine, View
from pithstore.errors import Damaged
from pithstore.packs.frames import Stream
from pithstore.references import Ref
from pithstore.report import Problem
from pithstore.tail import STREAM_BYTES
from pithstore.verifying.entries import History, PackedFrame, Stretch, read_frame_of, read_page
from pithstore.verifying.found import Findings, Used, refs
from pithstore.verifying.rebuilding import expand


def with_affected(engine: Engine, findings: Findings) -> tuple[Problem, ...]:
    """The problems, with the versions that use what is damaged; nothing is read where none is to be looked up."""
    wanted = {used for uses in findings.told.values() for used in uses}
    if not wanted:
        return tuple(findings.told)
    users: dict[Used, dict[Ref, None]] = {used: {} for used in wanted}
    for used, ref in _Users(engine, any(kind == "section" for kind, _ in wanted)).all():
        if used in users:
            users[used][ref] = None
    return tuple(
        attrs.evolve(problem, affected=_in_order(problem, [users[used] for used in uses]))
        for problem, uses in findings.told.items()
    )


def _in_order(problem: Problem, users: Iterable[Iterable[Ref]]) -> tuple[Ref, ...]:
    found = {*problem.affected, *(ref for some in users for ref in some)}
    return tuple(sorted(found, key=lambda ref: (ref.source.kind, ref.source.id, int(str(ref.selector)))))


class _Users:
    """One walk over the index: what each version uses."""

    def __init__(self, engine: Engine, sections: bool) -> None:
        self._engine = engine
        self._sections = sections
        self._dictionaries: dict[bytes, bytes | Damaged] = {}

    def all(self) -> Iterator[tuple[Used, Ref]]:
        """What is used, and by which version."""
        after: bytes | None = None
        while page := self._engine.view(partial(read_page, after=after, known=self._dictionaries.keys())):
            after = page.after
            self._dictionaries.update(page.dictionaries)
            for history in page.histories:
                yield from self._engine.view(partial(_loose, history=history))
                for stretch in history.stretches:
                    yield from self._packed(history, stretch)

    def _packed(self, history: History, stretch: Stretch) -> Iterator[tuple[Used, Ref]]:
        users = refs(history.source, stretch.columns.numbers)
        for snapshot, user in zip(stretch.columns.snapshots, users, strict=True):
            yield ("snapshot", snapshot), user
        packed = stretch.frame
        if packed is None:
            packed = self._engine.view(lambda view: read_frame_of(Stream(view), stretch.run))
        for used in _lying(stretch.run.position, packed):
            yield from ((used, user) for user in users)
        if isinstance(packed, tuple) and self._sections:
            for row, digest in self._elsewhere(packed):
                if row < len(users):
                    yield ("section", digest), users[row]

    def _elsewhere(self, packed: PackedFrame) -> Iterator[tuple[int, Digest]]:
        """Which versions of a frame have which sections elsewhere; none where nobody can tell."""
        try:
            frame = expand(packed, self._dictionaries).frame
            elsewhere = [digest for digest, _ in frame.elsewhere]
        except Damaged:
            return
        for row, ordinals in enumerate(frame.rows if elsewhere else ()):
            yield from ((row, elsewhere[at - frame.bodies]) for at in ordinals if at >= frame.bodies)


def _loose(view: View, history: History) -> list[tuple[Used, Ref]]:
    recipes = manifests.read_many(view, [Digest(said.snapshot) for said in history.loose])
    found: list[tuple[Used, Ref]] = []
    for said, recipe in zip(history.loose, recipes, strict=True):
        (user,) = refs(history.source, [said.number])
        found.append((("snapshot", said.snapshot), user))
        sections = recipe.sections if recipe is not None else ()
        found.extend((("section", section.digest), user) for section in sections)
    return found


def _lying(position: int, packed: PackedFrame | Damaged) -> Iterator[Used]:
    """The values that a frame lies in, as far as they are known, and its dictionary."""
    end = position + 1
    if isinstance(packed, tuple):
        end = position + len(packed[1])
        yield "dictionary", packed[0].dictionary
    for sequence in range(position // STREAM_BYTES, (end - 1) // STREAM_BYTES + 1):
        yield "pack", sequence
