"""Which part of history is looked at: what had been observed, and what the store knew, by some moment."""

from __future__ import annotations

from datetime import datetime

import attrs

from pithstore.model import Version
from pithstore.times import to_utc, write_time


def _moment(moment: datetime | None) -> datetime | None:
    return None if moment is None else to_utc(moment)


@attrs.frozen
class Horizon:
    """The versions observed by `at` and recorded by `as_recorded`; None sets no bound."""

    at: datetime | None = attrs.field(default=None, converter=_moment)
    as_recorded: datetime | None = attrs.field(default=None, converter=_moment)

    @property
    def is_open(self) -> bool:
        """Whether it holds every version."""
        return self.at is None and self.as_recorded is None

    def holds(self, version: Version) -> bool:
        """Whether the version was observed and recorded by then."""
        observed = self.at is None or version.observed_at <= self.at
        return observed and (self.as_recorded is None or version.recorded_at <= self.as_recorded)

    def __str__(self) -> str:
        parts = [("observed", self.at), ("recorded", self.as_recorded)]
        return " and ".join(f"{word} by {write_time(moment)}" for word, moment in parts if moment is not None)


OPEN = Horizon()
"""The horizon that holds everything."""
