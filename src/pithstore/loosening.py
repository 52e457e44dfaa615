"""Runs turned back into entries, manifests and blobs of their own: the store says what it said.

Whoever takes versions out of a source, or content out of the store, loosens first: a run and its frame are never
changed.  As runs come before all other versions of a source, it goes from the last run backwards; each transaction
leaves the store sound, so the rest may wait for ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

import attrs

from pithstore import blobs, garbage, journal, manifests, meta, records, versions
from pithstore.blobs import Blob
from pithstore.codec import encode_head, encode_line_head, encode_version
from pithstore.digest import Digest
from pithstore.engine import Engine, Item, Update, View
from pithstore.errors import Damaged
from pithstore.keys import VERSIONS, head_key, line_key, outcomes_key, run_key, source_mark, time_key, version_key
from pithstore.model import Line, Source
from pithstore.packs import homes, runs
from pithstore.packs.frame import Frame
from pithstore.packs.places import row as place_row
from pithstore.packs.rebuild import recipes
from pithstore.packs.run import Run
from pithstore.packs.unplacing import take_rows
from pithstore.seal import seal_many
from pithstore.tail import TailEnd

BYTES_AT_ONCE = 8 * 1024 * 1024
"""Bodies that one transaction writes, or those of one frame where these are more."""


@attrs.frozen
class Step:
    """What a transaction came to: versions loosened, bytes written, where the writer goes on, if it is done."""

    versions: int = 0
    bytes: int = 0
    end: TailEnd | None = None
    done: bool = False


def loosen(engine: Engine, source: Source, first: int) -> int:
    """How many versions were loosened: those of every run of the source that reaches to number `first` or beyond.

    Damaged where a frame cannot be read as it was; what was loosened before stays so.
    """
    step, loosened = Step(), 0
    while not step.done:
        step = engine.update(partial(loosen_some, source=source, first=first, end=step.end))
        loosened += step.versions
    return loosened


def loosen_some(update: Update, source: Source, first: int, end: TailEnd | None) -> Step:
    """The same in one transaction, as far as that may write; `end` is where the writer of its blobs goes on."""
    loosened = size = 0
    done = True
    for run in runs.backwards(update, source):
        if run.number(run.count - 1) < first:
            break
        if size >= BYTES_AT_ONCE:
            done = False
            break
        found = _sound_frame(update, source, run)
        brought = [*_homed(source, found), *_homeless(update, source, found)]
        if brought:
            end = blobs.write_many(update, end or TailEnd(meta.new_writer(update), 0), brought, None)
        manifests.put_many(update, zip(run.snapshots, recipes(found, range(found.versions)), strict=True))
        _write_entries(update, source, run)
        take_rows(update, [place_row(found.digest(ordinal), run.position) for ordinal in found.homes])
        loosened += run.count
        size += sum(len(blob.body) for blob in brought)
    if loosened:
        garbage.leave(update)  # the frames
        journal.note(update, [source])
    return Step(loosened, size, end, done)


def _sound_frame(view: View, source: Source, run: Run) -> Frame:
    frame = records.sound_frame(view, run)
    if frame is None:
        numbers = f"{run.number(0)} to {run.number(run.count - 1)}"
        raise Damaged(
            f"{source}: the frame of versions {numbers} is damaged; run verify, put what it names again with "
            "--again, then compact"
        )
    return frame


def _homed(source: Source, frame: Frame) -> Iterable[Blob]:
    mark = source_mark(source)
    return (Blob(frame.digest(ordinal), frame.body(ordinal), mark) for ordinal in frame.homes)


def _homeless(view: View, source: Source, frame: Frame) -> list[Blob]:
    """The copies of bodies that lie nowhere else: no name may lead to nothing, whatever went wrong before."""
    copies = {frame.digest(ordinal): ordinal for ordinal in range(frame.bodies) if not frame.is_home(ordinal)}
    mark = source_mark(source)
    return [Blob(digest, frame.body(copies[digest]), mark) for digest in _lacking(view, list(copies))]


def _lacking(view: View, digests: Sequence[Digest]) -> list[Digest]:
    known = zip(digests, blobs.has_many(view, digests), strict=True)
    wanted = [digest for digest, loose in known if not loose]
    packed = {digest for digest, _ in homes.find(view, wanted)}
    return [digest for digest in wanted if digest not in packed]


def _write_entries(update: Update, source: Source, run: Run) -> None:
    """The entries of the versions of a run, the last one of its source, in place of it."""
    entries: list[Item] = []
    for row in range(run.count):
        version = run.version(source, row)
        entries.append((version_key(source, version.number), encode_version(version)))
        entries.append((time_key(Line(source, version.builder_version), version.observed_at, version.number), b""))
        if outcomes := run.outcomes(row):
            entries.append((outcomes_key(source, version.number), outcomes))
    update.put_many(VERSIONS, seal_many(VERSIONS, entries))
    _write_heads(update, source, run)
    update.delete_many(VERSIONS, [run_key(source, run.number(run.count - 1))])


def _write_heads(update: Update, source: Source, run: Run) -> None:
    """The heads of the source and of its lines, where they are in the run alone."""
    heads = {line_key(Line(source, head.builder_version)): encode_line_head(head) for head in run.line_heads()}
    (head,) = versions.heads(update, [source])
    if head is not None:
        heads[head_key(source)] = encode_head(head)
    update.create_many(VERSIONS, seal_many(VERSIONS, heads.items()))
