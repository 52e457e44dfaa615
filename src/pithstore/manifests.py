"""The manifests: the recipe of each snapshot, found by its snapshot hash."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pithstore.codec import decode_manifest, decode_section_digests, encode_manifest
from pithstore.digest import Digest
from pithstore.engine import Update, View
from pithstore.errors import Damaged
from pithstore.keys import MANIFESTS
from pithstore.model import Manifest
from pithstore.seal import seal, unseal


def get_many(view: View, snapshots: Sequence[Digest]) -> list[Manifest | None]:
    """The manifest of each snapshot; None where there is no sound one."""
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


def digests_many(view: View, snapshots: Sequence[Digest]) -> list[dict[str, bytes] | None]:
    """The digest of each section of each snapshot, by name; None where there is no sound manifest."""
    values = view.get_many(MANIFESTS, snapshots)
    return [None if value is None else _digests(key, value) for key, value in zip(snapshots, values, strict=True)]


def _digests(key: bytes, value: bytes) -> dict[str, bytes] | None:
    try:
        return decode_section_digests(unseal(MANIFESTS, key, value))
    except Damaged:
        return None


def has_many(view: View, snapshots: Sequence[Digest]) -> list[bool]:
    """Whether there is an entry for each snapshot, sound or not."""
    return view.has_many(MANIFESTS, snapshots)


def put_many(update: Update, entries: Iterable[tuple[Digest, Manifest]]) -> None:
    """Write the manifests, in place of what stood there."""
    items = [(snapshot, seal(MANIFESTS, snapshot, encode_manifest(manifest))) for snapshot, manifest in entries]
    update.put_many(MANIFESTS, sorted(items))
