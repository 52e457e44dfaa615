"""What arrives at a store to be put: records that were prepared, and what only seems to be known."""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

import attrs

from pithstore.model import Line
from pithstore.record import Prepared
from pithstore.times import to_utc


@attrs.frozen
class Arrival:
    """A prepared record and when it was observed; None for a put of now.

    `text_hash` is the first 16 bytes of the BLAKE3 of its text, empty for one that did not come as text.
    """

    prepared: Prepared
    observed_at: datetime | None = attrs.field(default=None, converter=attrs.converters.optional(to_utc))
    text_hash: bytes = b""

    @property
    def line(self) -> Line:
        """The line that it goes into."""
        return self.prepared.line


@attrs.frozen
class Restored(Arrival):
    """A version of another store, with the number and the times that it has there; it always becomes a version.

    Of sections that were erased from this store it needs no bytes, and brings none.
    """

    number: int = attrs.field(kw_only=True)
    recorded_at: datetime = attrs.field(kw_only=True, converter=to_utc)


@attrs.frozen
class Unchanged:
    """A put of now of the very text that was the newest of its line when somebody looked: nobody prepared it.

    It is a hint, and holds if that is still so when its turn comes; `text` is what to prepare if not.
    """

    line: Line
    text_hash: bytes
    text: bytes


AnyArrival: TypeAlias = Arrival | Unchanged


class HintPassed(Exception):
    """An `Unchanged` does not hold; nothing was written.  Prepare its text and put it."""
