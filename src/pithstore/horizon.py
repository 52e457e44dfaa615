"""Which part of history is looked at: what had been observed, what the store knew, and what a builder made."""

from __future__ import annotations

from datetime import datetime

import attrs

from pithstore.model import Version
from pithstore.times import to_utc, write_time


def _moment(moment: datetime | None) -> datetime | None:
    return None if moment is None else to_utc(moment)


@attrs.frozen
class Horizon:
    """The versions observed by `at`, recorded by `as_recorded` and made by `builder`; None sets no bound."""

    at: datetime | None = attrs.field(default=None, converter=_moment)
    as_recorded: datetime | None = attrs.field(default=None, converter=_moment)
    builder: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether it holds every version."""
        return self.at is None and self.as_recorded is None and self.builder is None

    def holds(self, version: Version) -> bool:
        """Whether the version is within it."""
        if self.builder is not None and version.builder_version != self.builder:
            return False
        observed = self.at is None or version.observed_at <= self.at
        return observed and (self.as_recorded is None or version.recorded_at <= self.as_recorded)

    def __str__(self) -> str:
        moments = [("observed", self.at), ("recorded", self.as_recorded)]
        parts = [f"{word} by {write_time(moment)}" for word, moment in moments if moment is not None]
        return " and ".join(parts if self.builder is None else [f"made by {self.builder!r}", *parts])


OPEN = Horizon()
"""The horizon that holds everything."""
