"""From a snapshot hash to the record, where all of it is there; hashed before it counts."""

from __future__ import annotations

from collections.abc import Iterator

from pithstore.canonical import join
from pithstore.codec import decode_manifest
from pithstore.digest import Digest
from pithstore.engine import View
from pithstore.errors import Damaged
from pithstore.keys import MANIFESTS
from pithstore.model import Manifest
from pithstore.packs.rebuild import foreign_digests, join_members
from pithstore.salvaging.bodies import Bodies
from pithstore.salvaging.sift import values


def read_record(view: View, bodies: Bodies, snapshot: Digest) -> bytes:
    """The canonical bytes of the record with that SHA-256; Damaged says what of it is lacking."""
    framed = _framed(view, bodies, snapshot)
    if framed is not None:
        return framed
    lacking = "how it is put together: its manifest, or the frame that it lies in"
    for manifest in _manifests(view, snapshot):
        digests = list(dict.fromkeys(section.digest for section in manifest.sections))
        found = bodies.read(view, digests)
        gone = [section.name for section in manifest.sections if section.digest not in found]
        if not gone:
            pairs = ((section.name, found[section.digest]) for section in manifest.sections)
            record = b"".join(join(pairs))
            if Digest.of(record) == snapshot:
                return record
        lacking = f"sections {', '.join(map(repr, gone))}"
    raise Damaged(lacking)


def _framed(view: View, bodies: Bodies, snapshot: Digest) -> bytes | None:
    """The record out of a frame."""
    found = bodies.row(view, snapshot)
    if found is None:
        return None
    frame, row = found
    record = join_members(frame.members(row), bodies.read(view, foreign_digests(frame, [row])))
    return record if Digest.of(record) == snapshot else None


def _manifests(view: View, snapshot: Digest) -> Iterator[Manifest]:
    for value in values(view, MANIFESTS, snapshot):
        try:
            yield decode_manifest(value)
        except Damaged:  # it bears its seal, and is none: no pithstore wrote it
            continue
