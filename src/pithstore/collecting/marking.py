"""Who names which section, told from manifests and from frames; and where the frames lie that are of a run.

A section of a version whose run has a sound frame is at home there, or foreign, or a copy: the first are there as
long as the run is, so only the others are told.  Where a frame is damaged, manifests tell what its versions name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final

import attrs

from pithstore import manifests, records
from pithstore.digest import Digest
from pithstore.engine import Engine, View
from pithstore.errors import Damaged
from pithstore.keys import RUN, VERSION, source_mark, version_key
from pithstore.model import Source, Version
from pithstore.packs.frame import Frame
from pithstore.packs.frames import read_packed, read_sealed_frame
from pithstore.packs.rebuild import foreign_digests
from pithstore.packs.run import Run
from pithstore.packs.runs import read_run
from pithstore.survey import Entries, index_pages, items_of_kind, source_names
from pithstore.tail import STREAM_BYTES
from pithstore.versions import read_version

PREFIX_BYTES, MARK_BYTES = 8, 8
"""Two digests that start alike are told apart by nobody: then one may stay that nobody names."""
NAME_BYTES: Final = PREFIX_BYTES + MARK_BYTES + 1
LOOSE, PACKED = b"\x00", b"\x01"


@attrs.frozen
class Marked:
    """What a page of the index shows: rows of names, how many versions, and the values of packs that are needed.

    A name is the start of a digest, the mark of the source whose version names it, and whether that version has an
    entry of its own or lies in a frame.
    """

    names: list[bytes]
    versions: int
    packs: list[range]


def mark(engine: Engine) -> Iterator[Marked]:
    """What the index shows, page by page; Damaged names a version of which nobody knows what it names."""
    for page in index_pages(engine):
        yield engine.view(partial(_mark_page, page=page))


def _mark_page(view: View, page: Sequence[Entries]) -> Marked:
    found = Marked([], 0, [])
    count = 0
    names = source_names(view, [key for key, _ in page])
    loose: list[Version] = []
    for source, (_, items) in zip(names, page, strict=True):
        own = [read_version(source, item) for item in items_of_kind(items, VERSION)]
        loose += own
        count += len(own)
        for item in items_of_kind(items, RUN):
            run = read_run(source, item)
            count += run.count
            found.names.extend(_named_by_run(view, source, run))
            found.packs.append(_values(view, run))
    found.names.extend(_named_by(view, loose, LOOSE))
    return attrs.evolve(found, versions=count)


def _named_by(view: View, versions: Sequence[Version], kind: bytes) -> set[bytes]:
    named: set[bytes] = set()
    wanted = [(version_key(version.source, version.number), version.snapshot) for version in versions]
    for version, digests in zip(versions, manifests.digests_many(view, wanted), strict=True):
        if digests is None:
            records.read_manifest(view, version)  # says what is damaged
        end = source_mark(version.source) + kind
        named.update(digest[:PREFIX_BYTES] + end for digest in (digests or {}).values())
    return named


def _named_by_run(view: View, source: Source, run: Run) -> set[bytes]:
    end = source_mark(source) + PACKED
    try:
        frame = read_sealed_frame(view, run.position)
        return {digest[:PREFIX_BYTES] + end for digest in _not_at_home(frame)}
    except Damaged:
        return _named_by(view, [run.version(source, row) for row in range(run.count)], PACKED)


def _not_at_home(frame: Frame) -> Iterator[Digest]:
    yield from foreign_digests(frame, range(frame.versions))
    yield from (frame.digest(ordinal) for ordinal in range(frame.bodies) if not frame.is_home(ordinal))


def _values(view: View, run: Run) -> range:
    """The values of the stream of packs that the frame of a run lies in; of a damaged one the first alone."""
    first = run.position // STREAM_BYTES
    try:
        header, _ = read_packed(view, run.position)
    except Damaged:
        return range(first, first + 1)
    return range(first, (run.position + header.start + header.packed_bytes - 1) // STREAM_BYTES + 1)
