"""How a record comes out: version → manifest → blobs → canonical bytes, hashed before they leave."""

from __future__ import annotations

from collections.abc import Sequence

from pithstore import blobs, manifests
from pithstore.canonical import join
from pithstore.digest import Digest
from pithstore.engine import View
from pithstore.errors import Damaged, NotFound
from pithstore.model import Manifest, SectionEntry, Version
from pithstore.packs import homes, runs
from pithstore.packs.frames import read_frame
from pithstore.packs.rebuild import join_members


def read_manifest(view: View, version: Version) -> Manifest:
    """The recipe of a version; Damaged where the store has none that is sound."""
    return read_manifests(view, (version,))[0]


def read_manifests(view: View, wanted: Sequence[Version]) -> list[Manifest]:
    """The recipe of each version; Damaged where the store has none that is sound."""
    found = manifests.get_many(view, wanted)
    for version, manifest in zip(wanted, found, strict=True):
        if manifest is None:
            raise Damaged(
                f"{version.source} version {version.number}: the manifest of snapshot {version.snapshot} is "
                "damaged or missing; put the record again, or run verify"
            )
    return [manifest for manifest in found if manifest is not None]


def read_record(view: View, version: Version) -> bytes:
    """The canonical bytes of a version, whose SHA-256 is its snapshot hash; Damaged where they are not."""
    packed = runs.find(view, version.source, version.number)
    record = None if packed is None else _expanded(view, packed[0].position, packed[1])
    if record is None or Digest.of(record) != version.snapshot:
        record = _joined(view, version)  # a record in a frame that is damaged may have been put again
    return record


def _joined(view: View, version: Version) -> bytes:
    """The record put together section by section; Damaged says which one is not as it was."""
    manifest = read_manifest(view, version)
    bodies = read_bodies(view, [section.digest for section in manifest.sections])
    names = [section.name for section in manifest.sections]
    record = b"".join(join(zip(names, bodies, strict=True)))
    if Digest.of(record) != version.snapshot:
        raise Damaged(_which_section(version, manifest, bodies))
    return record


def _expanded(view: View, position: int, row: int) -> bytes | None:
    """The record in that row of a frame, not hashed yet; None where it is not to be had."""
    try:
        frame = read_frame(view, position)
        members = frame.members(row)
        digests = [part for _, part in members if isinstance(part, Digest)]
        return join_members(members, dict(zip(digests, read_bodies(view, digests), strict=True)) if digests else {})
    except (Damaged, IndexError):  # a frame of fewer versions than its run
        return None


def read_section(view: View, version: Version, name: str) -> bytes:
    """The canonical bytes of one section of a version, whose SHA-256 is its digest."""
    section = read_manifest(view, version).section(name)
    if section is None:
        raise NotFound(f"{version.source} version {version.number} has no section {name!r}")
    return read_sections(view, version, [section])[0]


def read_sections(view: View, version: Version, wanted: Sequence[SectionEntry]) -> list[bytes]:
    """The canonical bytes of these sections of a version; Damaged where they are not what their digests say."""
    bodies = read_bodies(view, [section.digest for section in wanted])
    for section, body in zip(wanted, bodies, strict=True):
        if Digest.of(body) != section.digest:
            raise Damaged(_damaged_section(version, section))
    return bodies


def read_blob(view: View, digest: Digest) -> bytes:
    """The bytes whose SHA-256 the digest is; NotFound where the store has never had them."""
    if blobs.has_many(view, [digest])[0] or homes.has_many(view, [digest])[0]:
        (body,) = read_bodies(view, [digest])
        if Digest.of(body) == digest:
            return body
        raise Damaged(f"blob {digest} is damaged; put a record that holds it again, or run verify")
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
        "or missing; put the record again, or run verify"
    )
