"""The tombstones: what is left of sections that were erased on purpose, and which versions lack one.

A tombstone says when and why.  A version that lacks a section keeps its manifest digest, which binds the names and
digests of its sections: what is left of it can still be proved.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import attrs

from pithstore import meta
from pithstore.codec import Reader, encode_tombstone
from pithstore.digest import DIGEST_BYTES, Digest
from pithstore.engine import Item, Update, View
from pithstore.errors import Damaged, InvalidRecord
from pithstore.keys import ERASED, META, erased_key, tombstone_key
from pithstore.model import Manifest, Source, Version
from pithstore.pointer import write_pointer
from pithstore.refusal import Reason, refuse_value
from pithstore.seal import is_sealed, seal, seal_many, unseal
from pithstore.times import to_utc, write_time

_DIGEST, _VERSION = b"\x00", b"\x01"
_PENDING = b"erasing"
_PAGE, _FEW = 1024, 128


@attrs.frozen
class Tombstone:
    """What is left of a section: when it was erased, how many bytes it had, and why it went."""

    erased_at: datetime = attrs.field(converter=to_utc)
    size: int
    reason: str

    @property
    def words(self) -> str:
        """When and why, for a sentence."""
        return f"erased on {write_time(self.erased_at)}: {self.reason}"


def add(update: Update, graves: Mapping[Digest, Tombstone]) -> None:
    """Write the tombstones, but for those that are there; from here on no put brings these sections."""
    meta.keep_erased(update)
    entries = [
        (tombstone_key(digest), encode_tombstone(grave.erased_at, grave.size, grave.reason))
        for digest, grave in graves.items()
    ]
    known = zip(entries, update.get_many(ERASED, [key for key, _ in entries]), strict=True)
    lacking = [entry for entry, value in known if value is None or not is_sealed(ERASED, entry[0], value)]
    if lacking:
        update.put_many(ERASED, seal_many(ERASED, lacking))
        unsettle(update)


def unsettle(update: Update) -> None:
    """Say that bytes of what was erased are left; until `settle` each compaction makes all anew."""
    update.put_many(META, [(_PENDING, seal(META, _PENDING, b""))])


def is_unsettled(view: View) -> bool:
    """Whether bytes of what was erased may be left in data, frames, dictionaries or free pages."""
    return view.has_many(META, [_PENDING])[0]


def settle(update: Update) -> None:
    """Say that this state of the store was made anew since anything was erased."""
    update.delete_many(META, [_PENDING])


def any_erased(view: View) -> bool:
    """Whether anything was erased from the store."""
    return bool(view.scan(ERASED, limit=1))


def find(view: View, digests: Iterable[Digest]) -> dict[Digest, Tombstone]:
    """Those of the sections that were erased; Damaged where a tombstone is not as it was written."""
    wanted = {tombstone_key(digest): digest for digest in digests}
    few = _all_few(view) if len(wanted) > _FEW else None
    keys = [key for key, _ in few if key in wanted] if few is not None else list(wanted)
    found = zip(keys, view.get_many(ERASED, keys), strict=True)
    return {wanted[key]: _read(key, value) for key, value in found if value is not None}


def _all_few(view: View) -> Iterable[Item] | None:
    """All tombstones where they are few: quicker to read than to ask for each of the sections of a batch."""
    items = view.scan(ERASED, prefix=_DIGEST, limit=_FEW + 1)
    return items if len(items) <= _FEW else None


def _read(key: bytes, value: bytes) -> Tombstone:
    reader = Reader(unseal(ERASED, key, value))
    tombstone = Tombstone(reader.time(), reader.number(), reader.text())
    reader.end()
    return tombstone


def refused(view: View, brought: Mapping[int, Manifest]) -> dict[int, InvalidRecord]:
    """Why those of these records are refused that would bring back what was erased."""
    graves = find(view, (section.digest for manifest in brought.values() for section in manifest.sections))
    found: dict[int, InvalidRecord] = {}
    for i, manifest in brought.items() if graves else ():
        for section in manifest.sections:
            if section.digest in graves:
                why = f"this section was {graves[section.digest].words}"
                found[i] = refuse_value(Reason.ERASED, why, write_pointer((section.name,)))
                break
    return found


def page(view: View, after: Digest | None) -> dict[Digest, Tombstone]:
    """Tombstones by rising digest, from beyond that one; none at the end."""
    key = None if after is None else tombstone_key(after)
    items = view.scan(ERASED, prefix=_DIGEST, after=key, limit=_PAGE)
    return {Digest(key[-DIGEST_BYTES:]): _read(key, value) for key, value in items}


def mark(update: Update, lacking: Iterable[tuple[Source, int, Manifest]]) -> None:
    """Keep the manifest digest of these versions, which lack a section: they stay out of frames."""
    from pithstore.record import manifest_digest  # brings what reads records in, which most reads do not need

    entries = [(erased_key(source, number), manifest_digest(manifest)) for source, number, manifest in lacking]
    update.put_many(ERASED, seal_many(ERASED, entries))


def unmark(update: Update, source: Source, numbers: Iterable[int]) -> None:
    """These versions are no more."""
    update.delete_many(ERASED, [erased_key(source, number) for number in numbers])


def are_marked(view: View, versions: Sequence[Version]) -> list[bool]:
    """Whether each version lacks a section."""
    return view.has_many(ERASED, [erased_key(version.source, version.number) for version in versions])


def check_proof(view: View, version: Version, manifest: Manifest) -> None:
    """Return if a version lacks nothing, or its sections are those that it had; else Damaged."""
    if is_proved(view, version.source, version.number, manifest) is False:
        raise Damaged(
            f"{version.source} version {version.number}: its sections are not those that its manifest digest "
            "binds; run verify"
        )


def is_proved(view: View, source: Source, number: int, manifest: Manifest) -> bool | None:
    """Whether the sections of a version that lacks one are those that it had; None where it is none that does."""
    key = erased_key(source, number)
    (value,) = view.get_many(ERASED, [key])
    if value is None:
        return None
    from pithstore.record import manifest_digest

    return unseal(ERASED, key, value) == manifest_digest(manifest)


def marked_sources(view: View) -> list[bytes]:
    """The keys of the sources with a version that lacks a section, in order."""
    found: list[bytes] = []
    while items := view.scan(ERASED, prefix=_VERSION, after=_beyond(found), limit=1):
        found.append(items[0][0][len(_VERSION) : -5])
    return found


def _beyond(found: Sequence[bytes]) -> bytes | None:
    return _VERSION + found[-1] + b"\x01" if found else None


def marked_versions(view: View) -> int:
    """How many versions lack a section."""
    count, after = 0, None
    while items := view.scan(ERASED, prefix=_VERSION, after=after, limit=_PAGE):
        count, after = count + len(items), items[-1][0]
    return count
