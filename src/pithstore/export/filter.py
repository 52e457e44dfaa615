"""What of a store is exported."""

from __future__ import annotations

from datetime import datetime

import attrs

from pithstore.horizon import OPEN, Horizon
from pithstore.model import Source, Version
from pithstore.pointer import Json
from pithstore.times import write_time


@attrs.frozen
class ExportFilter:
    """Which versions are exported: within the horizon, of these sources, by this builder.

    `sections` are the sections that are exported of them, where sections are.  () and None ask for nothing.
    """

    horizon: Horizon = OPEN
    sources: tuple[Source, ...] = ()
    builder_version: str | None = None
    sections: tuple[str, ...] = ()

    def holds(self, version: Version) -> bool:
        """Whether the version is wanted, if its source is and if it lies within the horizon."""
        return self.builder_version is None or version.builder_version == self.builder_version

    def holds_section(self, name: str) -> bool:
        """Whether sections of that name are wanted."""
        return not self.sections or name in self.sections

    def to_json(self) -> Json:
        """What versions it leaves, for people who find an archive; None where it leaves all."""
        if self.horizon.is_open and not self.sources and self.builder_version is None:
            return None
        return {
            "at": _time(self.horizon.at),
            "as_recorded": _time(self.horizon.as_recorded),
            "sources": [str(source) for source in self.sources],
            "builder_version": self.builder_version,
        }


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else write_time(moment)
