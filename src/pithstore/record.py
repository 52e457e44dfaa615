"""Where a record comes in: text or mapping → sections, digests, identity.  Pure: no store, no clock."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import attrs

from pithstore.canonical import canonical, canonical_sections, decode, join
from pithstore.check_value import check_value
from pithstore.declared.declarations import Declaration
from pithstore.digest import Digest
from pithstore.errors import NotFound
from pithstore.limits import DEFAULT_LIMITS, Limits
from pithstore.model import Line, Manifest, Scalar
from pithstore.parse import parse
from pithstore.pointer import Json, follow, read_pointer
from pithstore.profile import PITH, Profile, identify
from pithstore.reading import Reading, read_record
from pithstore.refusal import Reason, refuse_value

if TYPE_CHECKING:
    from pithstore.section_memo import SectionMemo


@attrs.frozen
class Prepared:
    """A record ready to be stored: what it is about, its recipe, and the canonical bytes of its sections.

    `bodies` are in the order of `manifest.sections`; `size` is the number of bytes of the whole canonical form;
    `declarations` are what its sections declare of themselves.
    """

    line: Line
    source_version: Scalar
    snapshot: Digest
    manifest: Manifest
    bodies: tuple[bytes, ...]
    size: int
    declarations: tuple[Declaration, ...] = ()


def prepare(
    record: str | bytes | dict[str, Json],
    profile: Profile = PITH,
    limits: Limits = DEFAULT_LIMITS,
    memo: SectionMemo | None = None,
) -> Prepared:
    """The record in canonical form with its digests; InvalidRecord where any rule is broken.

    Text passes `parse`, a mapping passes `check_value`: both end with the same bytes for the same record.  A memo
    changes nothing but the time that texts take of which most sections were prepared before.
    """
    reading = _read(record, limits, profile.sections(), memo, profile.source_id)
    if reading:
        identity = identify(reading.values, profile)
    else:
        value = load(record, limits)
        _check_count(value, limits)
        identity = identify(value, profile)
        reading = read_record(value, canonical_sections(value))
    size = len(reading.whole)
    if size > limits.record_bytes:
        why = f"the canonical form has {size} bytes, over the limit of {limits.record_bytes}"
        raise refuse_value(Reason.TOO_LARGE, why, "")
    return Prepared(
        line=identity.line,
        source_version=identity.source_version,
        snapshot=Digest.of(reading.whole),
        manifest=Manifest(reading.entries),
        bodies=reading.bodies,
        size=size,
        declarations=reading.declarations if profile.declared == "pith" else (),
    )


def _check_count(value: dict[str, Json], limits: Limits) -> None:
    if len(value) > limits.sections:
        why = f"the record has {len(value)} sections, over the limit of {limits.sections}"
        raise refuse_value(Reason.TOO_LARGE, why, "")


def load(record: str | bytes | dict[str, Json], limits: Limits = DEFAULT_LIMITS) -> dict[str, Json]:
    """The record as a checked mapping, whether it came as text or as one."""
    if isinstance(record, str | bytes):
        return parse(record, limits)
    if type(record) is not dict:
        why = f"a record is a dict, str or bytes, not {type(record).__name__}"
        raise refuse_value(Reason.NOT_AN_OBJECT, why, "")
    check_value(record, limits)
    return record


def _read(
    record: str | bytes | dict[str, Json],
    limits: Limits,
    wanted: Collection[str] = (),
    memo: SectionMemo | None = None,
    source_id: str = PITH.source_id,
) -> Reading | None:
    if not isinstance(record, str | bytes):
        return None
    from pithstore import fast_path  # brings orjson and msgspec, which nothing but a text needs

    return fast_path.read(record, limits, wanted, memo, source_id)


def snapshot_hash(record: str | bytes | dict[str, Json], limits: Limits = DEFAULT_LIMITS) -> Digest:
    """The SHA-256 of the record's canonical form; upstream publishes exactly this."""
    quick = _read(record, limits)
    return Digest.of(quick.whole) if quick else Digest.of(*join(canonical_sections(load(record, limits))))


def manifest_digest(manifest: Manifest) -> Digest:
    """The SHA-256 of the canonical form of {section name: section digest}.

    It binds the sections to the snapshot one by one, so that what is left of a record can still be proved when
    one section is gone.
    """
    return Digest.of(canonical({section.name: str(section.digest) for section in manifest.sections}))


def value_at(prepared: Prepared, pointer: str) -> Json:
    """The value that a JSON Pointer into a section leads to; NotFound where it leads nowhere."""
    tokens = read_pointer(pointer)
    if not tokens:
        raise NotFound("the record itself is not a value in one of its sections")
    bodies = zip(prepared.manifest.sections, prepared.bodies, strict=True)
    members: dict[str, Json] = {entry.name: decode(body) for entry, body in bodies if entry.name in tokens[:1]}
    return follow(members, tokens)
