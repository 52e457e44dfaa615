"""Where blobs are at home: frames that are not as they were written lose theirs, and each blob gets one."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial

from pithstore import blobs, journal, meta, records, tombstones
from pithstore.blobs import NOBODY, Blob
from pithstore.digest import Digest
from pithstore.engine import Engine, Item, Update, View
from pithstore.errors import Damaged, NotFound
from pithstore.keys import BLOBS, RUN, VERSIONS
from pithstore.model import Source, Version
from pithstore.packs import homes, runs
from pithstore.packs.frames import read_sealed_frame
from pithstore.packs.run import Run, moved
from pithstore.packs.runs import read_run
from pithstore.repairing.content import Content, sound_versions
from pithstore.repairing.source import NOWHERE
from pithstore.seal import seal, unseal
from pithstore.survey import Entries, index_pages, items_of_kind, source_names
from pithstore.tail import TailEnd

_VERSIONS_AT_ONCE = 64


def leave_damaged_frames(engine: Engine, content: Content) -> None:
    """Let runs have no frame, whose frames do not bear their seals: what versions are made of lies beside them.

    A frame that gives the records that it should may still say of the wrong bodies that they are at home in it.
    """
    for page in index_pages(engine):
        for source, item, run in engine.view(partial(_damaged, page=page)):
            if all(content.take(run.version(source, row), lost=True) for row in range(run.count)):
                content.flush()
                engine.update(partial(_leave_frame, source=source, item=item))
            content.flush()


def _damaged(view: View, page: Sequence[Entries]) -> list[tuple[Source, Item, Run]]:
    found: list[tuple[Source, Item, Run]] = []
    for key, items in page:
        with suppress(Damaged):
            (source,) = source_names(view, [key])
            for item in items_of_kind(items, RUN):
                with suppress(Damaged):
                    run = read_run(source, item)
                    if run.position != NOWHERE and not _is_sealed(view, run.position):
                        found.append((source, item, run))
    return found


def _is_sealed(view: View, position: int) -> bool:
    try:
        read_sealed_frame(view, position)
    except Damaged:
        return False
    return True


def _leave_frame(update: Update, source: Source, item: Item) -> None:
    key, value = item
    if update.get_many(VERSIONS, [key]) == [value]:
        update.put_many(VERSIONS, [(key, seal(VERSIONS, key, moved(unseal(VERSIONS, key, value), NOWHERE)))])
        journal.note(update, [source])


def mend_homes(engine: Engine, content: Content) -> None:
    """Let each blob that a version names have one home: the frame of a run, or else an entry of its own.

    What frames hold as copies alone is found by reading a record, but not by its digest.
    """
    known = {position for page in index_pages(engine) for position in _positions(page)}
    end: TailEnd | None = None
    for page in index_pages(engine):
        versions = engine.view(partial(sound_versions, page=page))
        for at in range(0, len(versions), _VERSIONS_AT_ONCE):
            some = versions[at : at + _VERSIONS_AT_ONCE]
            homeless = engine.update(partial(_one_home, versions=some, known=known))
            bodies = {digest: body for version in homeless for digest, body in content.bodies(version).items()}
            if bodies:
                end = engine.update(partial(_write, bodies=bodies, known=known, end=end))


def _positions(page: Sequence[Entries]) -> Iterator[int]:
    for _, items in page:
        for item in items_of_kind(items, RUN):
            with suppress(Damaged):
                yield runs.decode_run(*item).position


def _one_home(update: Update, versions: Sequence[Version], known: Collection[int]) -> list[Version]:
    """Those of the versions that name a blob without a home; one that has two keeps its frame."""
    named: dict[Digest, Version] = {}
    for version in versions:
        with suppress(Damaged, NotFound):
            for section in records.read_manifest(update, version).sections:
                named.setdefault(section.digest, version)
    loose, packed = _homes(update, list(named), known)
    if twice := sorted(loose & packed):
        update.delete_many(BLOBS, twice)
    here = loose | packed | tombstones.find(update, list(named)).keys()
    return list({named[digest]: None for digest in named if digest not in here})


def _homes(view: View, digests: Sequence[Digest], known: Collection[int]) -> tuple[set[Digest], set[Digest]]:
    """Which of the blobs have an entry of their own, and which have their home in one of these frames."""
    loose = {digest for digest, has in zip(digests, blobs.has_many(view, digests), strict=True) if has}
    return loose, homes.at_home(view, digests, known)


def _write(
    update: Update, bodies: Mapping[Digest, bytes], known: Collection[int], end: TailEnd | None
) -> TailEnd | None:
    loose, packed = _homes(update, list(bodies), known)
    here = loose | packed | tombstones.find(update, list(bodies)).keys()  # another copy may have what was erased
    new = [Blob(digest, body, NOBODY) for digest, body in bodies.items() if digest not in here]
    return blobs.write_many(update, end or TailEnd(meta.new_writer(update), 0), new, None) if new else end
