"""What was read of a record: its canonical bytes by section, their digests, what they declare."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs

from pithstore.canonical import canonical, join
from pithstore.declared.declarations import Declaration, digest_and_declaration
from pithstore.digest import Digest
from pithstore.model import SectionEntry
from pithstore.pointer import Json
from pithstore.profile import DECLARED

_DECLARED = DECLARED.encode()


@attrs.frozen
class Section:
    """One section: its entry in the manifest, its canonical bytes, and what it declares of itself."""

    entry: SectionEntry
    body: bytes
    declaration: Declaration | None


@attrs.frozen
class Reading:
    """A record in canonical form: entries and bytes of its sections, by name in order, and the bytes of the whole.

    `values` are those of the sections that were asked for, or of more.
    """

    entries: tuple[SectionEntry, ...]
    bodies: tuple[bytes, ...]
    declarations: tuple[Declaration, ...]
    whole: bytes
    values: dict[str, Json]


def read_section(name: str, value: Json, body: bytes, write: Callable[[Json], bytes] = canonical) -> Section:
    """The section of that name and value; `body` are its canonical bytes, `write` gives those of values in it."""
    digest, declaration = digest_and_declaration(name, value, body, write)
    return Section(SectionEntry(name, digest, len(body)), body, declaration)


def read_record(
    value: dict[str, Json], bodies: Sequence[tuple[str, bytes]], write: Callable[[Json], bytes] = canonical
) -> Reading:
    """The reading of a record; `bodies` are names and canonical bytes of its sections, by name in order."""
    whole = b"".join(join(bodies))
    if _DECLARED in whole:
        return of_sections([read_section(name, value[name], body, write) for name, body in bodies], whole, value)
    entries = tuple([SectionEntry(name, Digest.of(body), len(body)) for name, body in bodies])
    return Reading(entries, tuple([body for _, body in bodies]), (), whole, value)


def of_sections(sections: Sequence[Section], whole: bytes, values: dict[str, Json]) -> Reading:
    """The reading of a record that has these sections, by name in order."""
    return Reading(
        tuple([section.entry for section in sections]),
        tuple([section.body for section in sections]),
        tuple([section.declaration for section in sections if section.declaration is not None]),
        whole,
        values,
    )
