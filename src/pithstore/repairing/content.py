"""Records that cannot be put together: their sections and manifests, from another copy, each hashed again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial

import attrs

from pithstore import blobs, journal, manifests, meta, records, tombstones
from pithstore.arrivals import Restored
from pithstore.blobs import Blob
from pithstore.canonical import join
from pithstore.configuration import Configuration
from pithstore.digest import Digest
from pithstore.engine import Engine, Update, View
from pithstore.errors import Damaged, Erased, InvalidRecord, NotFound
from pithstore.keys import RUN, VERSION, source_mark, version_key
from pithstore.model import Version
from pithstore.packs.runs import read_run
from pithstore.repairing.another import Another
from pithstore.restored import restored
from pithstore.survey import Entries, index_pages, items_of_kind, source_names
from pithstore.tail import TailEnd
from pithstore.versions import read_version

_BYTES_AT_ONCE = 8 * 1024 * 1024
_VERSIONS_AT_ONCE = 256


@attrs.frozen
class Taken:
    """A version, and its record as it will be written; whether it has no frame, or one that it will not keep."""

    version: Version
    arrival: Restored
    lost: bool


class Content:
    """Writes what records are made of, in transactions of bounded size."""

    def __init__(self, engine: Engine, other: Another, configuration: Configuration) -> None:
        self._engine, self._other, self._configuration = engine, other, configuration
        self._end: TailEnd | None = None
        self._waiting: list[Taken] = []
        self._size = 0
        self.taken = 0

    def take(self, version: Version, *, lost: bool = False) -> bool:
        """Whether the record of that version is to be had; if so, all that it is made of is there at the end."""
        arrival = self._arrival(version)
        if arrival is None:
            return False
        self._waiting.append(Taken(version, arrival, lost))
        self._size += arrival.prepared.size
        if self._size >= _BYTES_AT_ONCE:
            self.flush()
        return True

    def bodies(self, version: Version) -> dict[Digest, bytes]:
        """The sections of a version, hashed; none where its record is not to be had."""
        arrival = self._arrival(version)
        if arrival is None:
            return {}
        sections = arrival.prepared.manifest.sections
        return {section.digest: body for section, body in zip(sections, arrival.prepared.bodies, strict=True)}

    def _arrival(self, version: Version) -> Restored | None:
        record = self._record(version)
        with suppress(Damaged, InvalidRecord):
            return None if record is None else restored(version, record, self._configuration)
        return None

    def _record(self, version: Version) -> bytes | None:
        with suppress(Damaged, Erased, NotFound):
            return self._engine.view(partial(records.read_record, version=version))
        return self._other.record(version) or self._pieced(version)

    def _pieced(self, version: Version) -> bytes | None:
        """The record of a version whose manifest is here and whose sections are here or there."""
        try:
            manifest = self._engine.view(partial(records.read_manifest, version=version))
        except (Damaged, NotFound):
            return None
        digests = [section.digest for section in manifest.sections]
        here = zip(digests, self._engine.view(partial(records.read_bodies, digests=digests)), strict=True)
        found = {digest: body for digest, body in here if Digest.of(body) == digest}
        found |= self._other.bodies([digest for digest in digests if digest not in found])
        if len(found) < len(set(digests)):
            return None
        record = b"".join(join((section.name, found[section.digest]) for section in manifest.sections))
        return record if Digest.of(record) == version.snapshot else None

    def by_snapshot(self, snapshot: Digest) -> bytes:
        """The record with that snapshot hash, by the manifest of its own; Damaged where it has none."""
        (manifest,) = self._engine.view(partial(manifests.read_many, snapshots=[snapshot]))
        if manifest is None:
            raise Damaged(f"the manifest of snapshot {snapshot} is damaged or missing")
        digests = [section.digest for section in manifest.sections]
        bodies = self._engine.view(partial(records.read_bodies, digests=digests))
        names = [section.name for section in manifest.sections]
        record = b"".join(join(zip(names, bodies, strict=True)))
        if Digest.of(record) != snapshot:
            raise Damaged(f"a section of snapshot {snapshot} is damaged or missing")
        return record

    def flush(self) -> None:
        """Write what was taken and is not written yet."""
        if self._waiting:
            self._end = self._engine.update(partial(_write, taken=self._waiting, end=self._end))
            self.taken += len(self._waiting)
            self._waiting, self._size = [], 0

    def mend_all(self) -> int:
        """How many versions cannot be read, nor be mended; all that can be is mended."""
        lost = 0
        for page in index_pages(self._engine):
            for chunk in _chunks(self._engine.view(partial(sound_versions, page=page))):
                lost += sum(not self.take(version) for version in _unreadable(self._engine, chunk))
                self.flush()
        return lost


def sound_versions(view: View, page: Sequence[Entries]) -> list[Version]:
    """The versions whose entries are sound, of the sources of a page that have their names."""
    found: list[Version] = []
    for key, items in page:
        try:
            (source,) = source_names(view, [key])
        except (Damaged, NotFound):
            continue
        for item in items_of_kind(items, RUN):
            with suppress(Damaged, NotFound):
                run = read_run(source, item)
                found += [run.version(source, row) for row in range(run.count)]
        for item in items_of_kind(items, VERSION):
            with suppress(Damaged, NotFound):
                found.append(read_version(source, item))
    return found


def _chunks(versions: Sequence[Version]) -> Iterator[Sequence[Version]]:
    for i in range(0, len(versions), _VERSIONS_AT_ONCE):
        yield versions[i : i + _VERSIONS_AT_ONCE]


def _unreadable(engine: Engine, wanted: Sequence[Version]) -> list[Version]:
    """Those of the versions whose record or manifest is not to be had."""
    found: list[Version] = []
    while wanted:
        try:
            read = engine.view(partial(_read_some, wanted=wanted))
        except (Damaged, Erased, NotFound):
            found += engine.view(partial(_bad, version=wanted[0]))
            read = 1
        wanted = wanted[read:]
    return found


def _read_some(view: View, wanted: Sequence[Version]) -> int:
    read = len(records.read_many(view, wanted, _BYTES_AT_ONCE))
    records.read_manifests(view, wanted[:read])
    return read


def _bad(view: View, version: Version) -> list[Version]:
    try:
        manifest = records.read_manifest(view, version)
        gone = tombstones.find(view, [section.digest for section in manifest.sections])
        if gone:  # what is left of it is to be had, or not
            left = [section for section in manifest.sections if section.digest not in gone]
            records.read_sections(view, version, left)
        else:
            records.read_record(view, version)
    except (Damaged, NotFound):
        return [version]
    return []


def _write(update: Update, taken: Sequence[Taken], end: TailEnd | None) -> TailEnd | None:
    """Write the sections that the store lacks, then the manifests; where the writer goes on.

    What a frame has too gets a second home by this at times; `mend_homes` takes that away.
    """
    bodies: dict[Digest, bytes] = {}
    homes: dict[Digest, bytes] = {}
    lost: set[Digest] = set()
    for each in taken:
        prepared = each.arrival.prepared
        for section, body in zip(prepared.manifest.sections, prepared.bodies, strict=True):
            bodies[section.digest] = body
            homes.setdefault(section.digest, source_mark(each.version.source))
            if each.lost:
                lost.add(section.digest)
    for digest in tombstones.find(update, bodies):  # another copy may have what was erased here
        del bodies[digest]
        lost.discard(digest)
    lacking = blobs.lacking(update, bodies, None)
    ordered = sorted(lost)
    alone = {digest for digest, has in zip(ordered, blobs.has_many(update, ordered), strict=True) if not has}
    if wanted := sorted(lacking.new | lacking.unsound.keys() | alone):
        new = [Blob(digest, bodies[digest], lacking.unsound.get(digest) or homes[digest]) for digest in wanted]
        end = blobs.write_many(update, end or TailEnd(meta.new_writer(update), 0), new, None)
    _write_manifests(update, taken)
    journal.note(update, {each.version.source for each in taken})
    return end


def _write_manifests(update: Update, taken: Sequence[Taken]) -> None:
    known = [(each, each.version.snapshot, each.arrival.prepared.manifest) for each in taken]
    manifests.put_many(update, [(snapshot, manifest) for each, snapshot, manifest in known if each.lost])
    manifests.mend_known(
        update,
        [
            (version_key(each.version.source, each.version.number), snapshot, manifest)
            for each, snapshot, manifest in known
            if not each.lost
        ],
    )
