"""The manifests of versions that lie in frames."""

from __future__ import annotations

from collections.abc import Sequence

from pithstore.digest import Digest
from pithstore.engine import View
from pithstore.errors import Damaged
from pithstore.model import Manifest
from pithstore.packs import homes, runs
from pithstore.packs.frame import Frame
from pithstore.packs.frames import read_frame, read_sealed_frame
from pithstore.packs.rebuild import join_members, recipes
from pithstore.packs.run import Run


def read_many(view: View, version_keys: Sequence[bytes]) -> list[Manifest | None]:
    """The manifest of each version, by the key that it would have in the index; None where no sound frame has it.

    Each frame is expanded once, and what lies in it hashed.
    """
    found: dict[int, tuple[Run, dict[int, list[int]]]] = {}  # position → run, row → which of the keys
    for i, place in enumerate(runs.find_many(view, version_keys)):
        if place is not None:
            found.setdefault(place[0].position, (place[0], {}))[1].setdefault(place[1], []).append(i)
    manifests: list[Manifest | None] = [None] * len(version_keys)
    for run, wanted in found.values():
        for row, manifest in _recipes(view, run, list(wanted)).items():
            for i in wanted[row]:
                manifests[i] = manifest
    return manifests


def _recipes(view: View, run: Run, rows: Sequence[int]) -> dict[int, Manifest]:
    try:
        return dict(zip(rows, recipes(read_sealed_frame(view, run.position), rows), strict=True))
    except (Damaged, IndexError):  # a frame of fewer versions than its run
        return _rebuilt(view, run, rows)


def _rebuilt(view: View, run: Run, rows: Sequence[int]) -> dict[int, Manifest]:
    """The manifests of those versions that come out of a frame as they were, though it does not lie there so."""
    try:
        frame = read_frame(view, run.position)
    except Damaged:
        return {}
    sound = [row for row in rows if row < frame.versions and _is_sound(view, frame, row, run.snapshot(row))]
    return dict(zip(sound, recipes(frame, sound), strict=True))


def _is_sound(view: View, frame: Frame, row: int, snapshot: Digest) -> bool:
    sizes = dict(frame.foreign(ordinal) for ordinal in frame.ordinals(row) if ordinal >= frame.bodies)
    found = zip(sizes, homes.read_many(view, list(sizes)), strict=True)
    bodies = {digest: body for digest, body in found if body is not None and len(body) == sizes[digest]}
    try:
        return Digest.of(join_members(frame.members(row), bodies)) == snapshot
    except Damaged:
        return False
