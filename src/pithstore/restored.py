"""A version that comes from elsewhere, made ready to be stored here as that version."""

from __future__ import annotations

from pithstore.arrivals import Restored
from pithstore.canonical import canonical
from pithstore.configuration import Configuration
from pithstore.errors import Damaged
from pithstore.model import Line, Version
from pithstore.record import prepare
from pithstore.section_memo import SectionMemo


def restored(
    version: Version, record: bytes, configuration: Configuration, memo: SectionMemo | None = None
) -> Restored:
    """The version with its record in canonical form, every hash of it computed again.

    InvalidRecord or Damaged where the store would not have taken the record as that version.
    """
    prepared = prepare(record, configuration.profile, configuration.limits, memo)
    if prepared.snapshot != version.snapshot:
        raise Damaged("the record is not in canonical form")
    line = Line(version.source, version.builder_version)
    said, claimed = canonical(prepared.source_version), canonical(version.source_version)
    if (prepared.line, said) != (line, claimed):
        raise Damaged("the record says another source, source version or builder than the version that it is of")
    return Restored(prepared, version.observed_at, number=version.number, recorded_at=version.recorded_at)
