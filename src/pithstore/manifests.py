"""The manifests: the recipe of each version, found by its snapshot hash, or in the frame that has the version."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pithstore.codec import decode_manifest, decode_section_digests, encode_manifest
from pithstore.digest import Digest
from pithstore.engine import Update, View
from pithstore.errors import Damaged
from pithstore.keys import MANIFESTS, version_key
from pithstore.model import Manifest, Version
from pithstore.packs import recipes
from pithstore.seal import seal_many, unseal


def get_many(view: View, wanted: Sequence[Version]) -> list[Manifest | None]:
    """The manifest of each version; None where there is no sound one."""
    found = read_many(view, [version.snapshot for version in wanted])
    lacking = [i for i, manifest in enumerate(found) if manifest is None]
    if lacking:
        keys = [version_key(wanted[i].source, wanted[i].number) for i in lacking]
        for i, manifest in zip(lacking, recipes.read_many(view, keys), strict=True):
            found[i] = manifest
    return found


def read_many(view: View, snapshots: Sequence[Digest]) -> list[Manifest | None]:
    """The manifest that stands under each snapshot hash; None where there is no sound one, or it is in a frame."""
    values = view.get_many(MANIFESTS, snapshots)
    return [None if value is None else _manifest(key, value) for key, value in zip(snapshots, values, strict=True)]


def _manifest(key: bytes, value: bytes) -> Manifest | None:
    try:
        return read_manifest(key, value)
    except Damaged:
        return None


def read_manifest(key: bytes, value: bytes) -> Manifest:
    """The manifest that an entry holds; Damaged if it is not as it was written."""
    return decode_manifest(unseal(MANIFESTS, key, value))


def payloads_many(view: View, wanted: Sequence[tuple[bytes, bytes]]) -> list[bytes | None]:
    """The manifest of each version as an entry of its own holds it, unsealed; None where there is no sound one.

    A version is given by its key in the index and its snapshot hash: this is for walks that compare millions.
    """
    snapshots = [snapshot for _, snapshot in wanted]
    values = view.get_many(MANIFESTS, snapshots)
    found = [None if value is None else _payload(key, value) for key, value in zip(snapshots, values, strict=True)]
    lacking = [i for i, payload in enumerate(found) if payload is None]
    if lacking:
        for i, manifest in zip(lacking, recipes.read_many(view, [wanted[i][0] for i in lacking]), strict=True):
            found[i] = None if manifest is None else encode_manifest(manifest)
    return found


def _payload(key: bytes, value: bytes) -> bytes | None:
    try:
        return unseal(MANIFESTS, key, value)
    except Damaged:
        return None


def digests_many(view: View, wanted: Sequence[tuple[bytes, bytes]]) -> list[dict[str, bytes] | None]:
    """The digest of each section of each version, by name; None where there is no sound manifest.

    A version is given by its key in the index and its snapshot hash.  The digests are bare bytes: this is for
    walks that compare millions of them and show few.
    """
    snapshots = [snapshot for _, snapshot in wanted]
    values = view.get_many(MANIFESTS, snapshots)
    found = [None if value is None else _digests(key, value) for key, value in zip(snapshots, values, strict=True)]
    lacking = [i for i, digests in enumerate(found) if digests is None]
    if lacking:
        packed = recipes.read_many(view, [wanted[i][0] for i in lacking])
        for i, manifest in zip(lacking, packed, strict=True):
            if manifest is not None:
                found[i] = {section.name: section.digest for section in manifest.sections}
    return found


def digests_of(view: View, wanted: Sequence[Version]) -> list[dict[str, bytes] | None]:
    """The same as `digests_many`, for versions."""
    return digests_many(view, [(version_key(each.source, each.number), each.snapshot) for each in wanted])


def _digests(key: bytes, value: bytes) -> dict[str, bytes] | None:
    try:
        return decode_section_digests(unseal(MANIFESTS, key, value))
    except Damaged:
        return None


def has_many(view: View, snapshots: Sequence[Digest]) -> list[bool]:
    """Whether an entry stands under each snapshot hash, sound or not."""
    return view.has_many(MANIFESTS, snapshots)


def mend_many(update: Update, recipes: Mapping[Digest, Manifest]) -> set[bytes]:
    """Write those of the manifests that are missing or not as they should be; which of them were missing."""
    items = seal_many(MANIFESTS, ((snapshot, encode_manifest(recipe)) for snapshot, recipe in recipes.items()))
    found = list(zip(items, update.get_many(MANIFESTS, [key for key, _ in items]), strict=True))
    update.put_many(MANIFESTS, [item for item, value in found if value != item[1]])
    return {key for (key, _), value in found if value is None}


def mend_known(update: Update, known: Iterable[tuple[bytes, Digest, Manifest]]) -> None:
    """Write those of the manifests of stored versions that are nowhere as they should be.

    A version is given by its key in the index and its snapshot hash.
    """
    wanted = {key: (snapshot, manifest) for key, snapshot, manifest in known}
    loose = read_many(update, [snapshot for snapshot, _ in wanted.values()])
    unknown = [key for key, found in zip(wanted, loose, strict=True) if found != wanted[key][1]]
    packed = zip(unknown, recipes.read_many(update, unknown), strict=True)
    put_many(update, [wanted[key] for key, found in packed if found != wanted[key][1]])


def put_many(update: Update, entries: Iterable[tuple[Digest, Manifest]]) -> None:
    """Write the manifests, in place of what stood there."""
    encoded = ((snapshot, encode_manifest(manifest)) for snapshot, manifest in entries)
    update.put_many(MANIFESTS, seal_many(MANIFESTS, encoded))


def delete_many(update: Update, snapshots: Iterable[Digest]) -> None:
    """Take the manifests of snapshots away that no version has any more."""
    update.delete_many(MANIFESTS, snapshots)
