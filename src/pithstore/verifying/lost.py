"""What does not come out of a frame as it was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from pithstore import blobs
from pithstore.digest import Digest
from pithstore.engine import View
from pithstore.errors import Damaged
from pithstore.packs import homes as packed_homes
from pithstore.packs.frame import Frame
from pithstore.packs.rebuild import Piece
from pithstore.verifying.entries import Stretch
from pithstore.verifying.ledger import names_of

Sections: TypeAlias = list[tuple[str, Digest | None]]
"""Names of sections, and their digests where those are known."""


def difference(stretch: Stretch, snapshots: Sequence[bytes | None]) -> tuple[str | None, Sequence[int]]:
    """What the versions of a frame are otherwise than its run says, and which; None where they are what it says.

    A version of which a section lies elsewhere and is not to be had is none of the frame's.
    """
    if len(snapshots) != stretch.run.count:
        return f"it has {len(snapshots)} versions, and its run {stretch.run.count}", stretch.columns.numbers
    lost = [
        number
        for number, said, found in zip(stretch.columns.numbers, stretch.columns.snapshots, snapshots, strict=True)
        if found not in (None, said)
    ]
    return (f"not what it was: version {', '.join(map(str, lost))}" if lost else None), lost


def lost_sections(view: View, piece: Piece, row: int, frame: Frame) -> Sections:
    """Name and digest of those sections of a version that are not to be had, or whose bytes nobody put.

    Nobody knows the digest that such bytes had.
    """
    try:
        names = names_of(piece.shapes[row])
    except (Damaged, ValueError):  # the names are damaged too
        return []
    lost: Sections = []
    for name, ordinal in zip(names, piece.rows[row], strict=True):
        body = piece.bodies[ordinal]
        if body is None:
            lost.append((name, frame.foreign(ordinal)[0]))
        elif not _is_known(view, Digest.of(body)):
            lost.append((name, None))
    return lost


def _is_known(view: View, digest: Digest) -> bool:
    return blobs.has_many(view, [digest])[0] or packed_homes.has_many(view, [digest])[0]
