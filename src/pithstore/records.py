"""How a record comes out: version → manifest → blobs → canonical bytes, hashed before they leave."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from itertools import accumulate, groupby, repeat

from pithstore import blobs, manifests, tombstones, versions
from pithstore.canonical import join
from pithstore.digest import Digest
from pithstore.engine import View
from pithstore.errors import Damaged, Erased, NotFound
from pithstore.keys import version_key
from pithstore.model import Manifest, SectionEntry, Source, Version
from pithstore.packs import homes, runs
from pithstore.packs.frame import Frame
from pithstore.packs.frames import read_frame
from pithstore.packs.rebuild import foreign_digests, join_members, snapshots
from pithstore.packs.run import Run

_ROOM, _AT_ONCE = 4 * 1024 * 1024, 64


def read_manifest(view: View, version: Version) -> Manifest:
    """The recipe of a version; Damaged where the store has none that is sound."""
    return read_manifests(view, (version,))[0]


def read_manifests(view: View, wanted: Sequence[Version]) -> list[Manifest]:
    """The recipe of each version; Damaged where the store has none that is sound.

    NotFound where the version was forgotten since it was read.
    """
    found = manifests.get_many(view, wanted)
    for version, manifest in zip(wanted, found, strict=True):
        if manifest is None:
            if versions.get_many(view, [(version.source, version.number)]) == [None]:
                raise NotFound(f"{version.source} version {version.number} was forgotten meanwhile")
            raise Damaged(
                f"{version.source} version {version.number}: the manifest of snapshot {version.snapshot} is "
                "damaged or missing; put the record again with --again, or run verify"
            )
    return [manifest for manifest in found if manifest is not None]


def read_record(view: View, version: Version) -> bytes:
    """The canonical bytes of a version, whose SHA-256 is its snapshot hash; Damaged where they are not."""
    packed = runs.find(view, version.source, version.number)
    if packed is None:
        return _joined(view, version)
    return _packed(view, packed[0].position, [packed[1]], [version], 0)[0]


def read_packed(view: View, source: Source, number: int) -> bytes | None:
    """The canonical bytes of a version that lies in a frame; None where it does not, or not as it was.

    Nothing of the version is decoded but where its frame is, and its snapshot hash.
    """
    try:
        found = runs.locate(view, source, number)
        if found is None:
            return None
        position, row, snapshot = found
        record = _from_frame(view, read_frame(view, position), row, {})
    except (Damaged, IndexError):  # a frame of fewer versions than its run
        return None
    return record if sha256(record).digest() == snapshot else None


def read_many(view: View, wanted: Sequence[Version], room: int = _ROOM) -> list[bytes]:
    """What `read_record` gives for the first of these versions: for one at least, then until `room` is full.

    Each frame is expanded once.  Whoever asks for the rest in another transaction walks in bounded memory;
    `room` is in bytes.
    """
    found: list[bytes] = []
    for position, rows in _stretches(view, wanted):
        versions = wanted[len(found) : len(found) + len(rows)]
        read = _loose(view, versions, room) if position is None else _packed(view, position, rows, versions, room)
        found += read
        room -= sum(map(len, read))
        if room <= 0 or len(read) < len(rows):
            break
    return found


def _stretches(view: View, wanted: Sequence[Version]) -> Iterator[tuple[int | None, list[int]]]:
    """Versions in a row that are in one frame, its position and their rows; None for those that are in none."""
    places: Iterable[tuple[Run, int] | None] = repeat(None, len(wanted))
    if runs.any_packs(view):
        places = runs.find_many(view, (version_key(version.source, version.number) for version in wanted))
    for position, stretch in groupby(places, lambda place: None if place is None else place[0].position):
        yield position, [0 if place is None else place[1] for place in stretch]


def _loose(view: View, wanted: Sequence[Version], room: int) -> list[bytes]:
    """The records of the first of these versions, put together section by section."""
    versions = wanted[:_AT_ONCE]
    recipes = read_manifests(view, versions)
    sizes = accumulate(sum(section.size for section in recipe.sections) for recipe in recipes)
    recipes = recipes[: 1 + sum(size < room for size in sizes)]
    distinct = list(dict.fromkeys(section.digest for recipe in recipes for section in recipe.sections))
    bodies = dict(zip(distinct, read_bodies(view, distinct), strict=True))
    joined = (
        b"".join(join((section.name, bodies[section.digest]) for section in recipe.sections)) for recipe in recipes
    )
    return [
        record if Digest.of(record) == version.snapshot else _joined(view, version)
        for version, record in zip(versions, joined, strict=False)
    ]


def _joined(view: View, version: Version) -> bytes:
    """The record put together section by section; Damaged says which one is not as it was."""
    manifest = read_manifest(view, version)
    bodies = read_bodies(view, [section.digest for section in manifest.sections])
    names = [section.name for section in manifest.sections]
    record = b"".join(join(zip(names, bodies, strict=True)))
    if Digest.of(record) != version.snapshot:
        refuse_erased(view, version, manifest.sections)
        raise Damaged(_which_section(version, manifest, bodies))
    return record


def refuse_erased(view: View, version: Version, sections: Sequence[SectionEntry]) -> None:
    """Return if none of these sections of a version was erased; Erased names one that was."""
    graves = tombstones.find(view, [section.digest for section in sections])
    for section in sections:
        if section.digest in graves:
            where = f"{version.source} version {version.number}: section {section.name!r}"
            raise Erased(
                f"{where} (blob {section.digest}) was {graves[section.digest].words}; "
                f"'pithstore ls' shows what is left: {version.source}@{version.number}#SECTION"
            )


def _packed(view: View, position: int, rows: Sequence[int], versions: Sequence[Version], room: int) -> list[bytes]:
    """The records of the first of these versions, which have these rows in a frame."""
    try:
        frame = read_frame(view, position)
        foreign = _foreign(view, frame, rows, room)
    except (Damaged, IndexError):  # a frame of fewer versions than its run
        return [_joined(view, versions[0])]
    found: list[bytes] = []
    for row, version in zip(rows, versions, strict=True):
        record = _from_frame(view, frame, row, foreign)
        if Digest.of(record) != version.snapshot:
            record = _joined(view, version)  # a record in a frame that is damaged may have been put again
        found.append(record)
        room -= len(record)
        if room <= 0:
            break
    return found


def _foreign(view: View, frame: Frame, rows: Iterable[int], room: int) -> dict[Digest, bytes]:
    """The sections of these versions of a frame that lie elsewhere, those that fit into that room."""
    ordinals = dict.fromkeys(ordinal for row in rows for ordinal in frame.ordinals(row) if ordinal >= frame.bodies)
    sizes = dict(map(frame.foreign, ordinals))
    ends = accumulate(sizes.values())
    digests = [digest for digest, end in zip(sizes, ends, strict=True) if end <= room]
    return dict(zip(digests, read_bodies(view, digests), strict=True)) if digests else {}


def _from_frame(view: View, frame: Frame, row: int, foreign: dict[Digest, bytes]) -> bytes:
    """The record in that row of a frame, not hashed yet; `foreign` learns what it lacks."""
    record = frame.record(row)
    if record is not None:
        return record
    members = frame.members(row)
    lacking = [part for _, part in members if isinstance(part, Digest) and part not in foreign]
    if lacking:
        foreign.update(zip(lacking, read_bodies(view, lacking), strict=True))
    return join_members(members, foreign)


def read_section(view: View, version: Version, name: str) -> bytes:
    """The canonical bytes of one section of a version, whose SHA-256 is its digest."""
    manifest = read_manifest(view, version)
    tombstones.check_proof(view, version, manifest)
    section = manifest.section(name)
    if section is None:
        raise NotFound(f"{version.source} version {version.number} has no section {name!r}")
    return read_sections(view, version, [section])[0]


def read_sections(view: View, version: Version, wanted: Sequence[SectionEntry]) -> list[bytes]:
    """The canonical bytes of these sections of a version; Damaged where they are not what their digests say."""
    bodies = read_bodies(view, [section.digest for section in wanted])
    for section, body in zip(wanted, bodies, strict=True):
        if Digest.of(body) != section.digest:
            refuse_erased(view, version, [section])
            raise Damaged(_damaged_section(version, section))
    return bodies


def read_blob(view: View, digest: Digest) -> bytes:
    """The bytes whose SHA-256 the digest is; NotFound where the store has never had them."""
    if blobs.has_many(view, [digest])[0] or homes.has_many(view, [digest])[0]:
        (body,) = read_bodies(view, [digest])
        if Digest.of(body) == digest:
            return body
        raise Damaged(f"blob {digest} is damaged; put a record that holds it with --again, or run verify")
    if grave := tombstones.find(view, [digest]).get(digest):
        raise Erased(f"blob {digest} was {grave.words}; 'pithstore who {digest}' lists the versions that had it")
    raise NotFound(f"there is no blob {digest}; 'pithstore ls REF' shows the digests of a version")


def read_bodies(view: View, digests: Sequence[Digest]) -> list[bytes]:
    """The bytes that lie in the store under these digests; hashed by whoever takes them.  b"" where none do."""
    places = blobs.locate_many(view, digests)
    found = blobs.read_many(view, places)
    packed = [i for i, place in enumerate(places) if place is None]
    if packed:
        for i, body in zip(packed, homes.read_many(view, [digests[i] for i in packed]), strict=True):
            found[i] = body or b""
    return found


def _which_section(version: Version, manifest: Manifest, bodies: Sequence[bytes]) -> str:
    for section, body in zip(manifest.sections, bodies, strict=True):
        if Digest.of(body) != section.digest:
            return _damaged_section(version, section)
    return f"{version.source} version {version.number}: its sections do not add up to snapshot {version.snapshot}"


def _damaged_section(version: Version, section: SectionEntry) -> str:
    return (
        f"{version.source} version {version.number}: section {section.name!r} (blob {section.digest}) is damaged "
        "or missing; put the record again with --again, or run verify"
    )


def sound_frame(view: View, run: Run) -> Frame | None:
    """The frame of a run; None where not every version comes out of it as it was."""
    try:
        frame = read_frame(view, run.position)
        digests = foreign_digests(frame, range(frame.versions))
        foreign = dict(zip(digests, read_bodies(view, digests), strict=True))
        return frame if list(snapshots(frame, foreign)) == list(run.snapshots) else None
    except Damaged:
        return None
