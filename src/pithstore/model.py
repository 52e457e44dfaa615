"""The values of the store.  They are frozen and do not know how they are encoded."""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

import attrs

from pithstore.digest import Digest
from pithstore.quoting import quote_kind, quote_name

Scalar: TypeAlias = str | int | float | bool | None


@attrs.frozen(order=True, cache_hash=True)  # a transaction looks the same ones up again and again
class Source:
    """What a record is about.  Its text is its reference, quoted (`arxiv:2606.09475`)."""

    kind: str
    id: str

    def __str__(self) -> str:
        return f"{quote_kind(self.kind)}:{quote_name(self.id)}"


@attrs.frozen(cache_hash=True)
class Line:
    """The versions of one source that one builder made."""

    source: Source
    builder_version: str


@attrs.frozen(cache_hash=True)
class SectionEntry:
    """One section in a manifest: its name, the digest of its canonical bytes, and how many bytes they are."""

    name: str
    digest: Digest
    size: int


@attrs.frozen
class Manifest:
    """The recipe of a snapshot: its sections in the order of the canonical form (names by code point)."""

    sections: tuple[SectionEntry, ...]

    def section(self, name: str) -> SectionEntry | None:
        """The section of that name; None where the snapshot has none."""
        return next((section for section in self.sections if section.name == name), None)


@attrs.frozen
class Version:
    """One entry of the index.

    `number` counts from 1 within the source, over all its builders.  `source_version` is None where the record
    says null or nothing.  `observed_at` is the caller's time, `recorded_at` the store's; both are in UTC.
    """

    source: Source
    number: int
    builder_version: str
    source_version: Scalar
    snapshot: Digest
    observed_at: datetime
    recorded_at: datetime

    def _repr_html_(self) -> str:
        """The version as a table, for a notebook; all text is escaped."""
        from pithstore.rendering.markup import html_table  # most versions are never shown

        names = (field.name for field in attrs.fields(type(self)))
        return html_table(("version", str(self.source)), ((name, str(getattr(self, name))) for name in names))
