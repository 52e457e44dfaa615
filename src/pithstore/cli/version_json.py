"""A version as the commands print it for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pithstore.times import write_time

if TYPE_CHECKING:
    from pithstore.model import Version
    from pithstore.pointer import Json


def version_json(version: Version) -> dict[str, Json]:
    """All that the index says of a version; the source as its reference, times in RFC 3339."""
    return {
        "source": str(version.source),
        "number": version.number,
        "builder_version": version.builder_version,
        "source_version": version.source_version,
        "snapshot": str(version.snapshot),
        "observed_at": write_time(version.observed_at),
        "recorded_at": write_time(version.recorded_at),
    }
