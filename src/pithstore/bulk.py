"""Many records, in batches of bounded memory."""

from __future__ import annotations

from collections.abc import Iterator

from pithstore.errors import PithstoreError
from pithstore.ingest import Arrival

BATCH_RECORDS = 1000
BATCH_BYTES = 8 * 1024 * 1024


class Batch:
    """Arrivals that will be put in one transaction."""

    def __init__(self) -> None:
        self.arrivals: list[Arrival] = []
        self._bytes = 0

    def add(self, arrival: Arrival) -> None:
        """Add one arrival."""
        self.arrivals.append(arrival)
        self._bytes += arrival.prepared.size

    @property
    def full(self) -> bool:
        """Whether it is time to put it."""
        return len(self.arrivals) >= BATCH_RECORDS or self._bytes >= BATCH_BYTES


def batches(arrivals: Iterator[Arrival]) -> Iterator[Batch]:
    """The arrivals in batches; what came before an error of ours comes out before the error does."""
    while True:
        batch = Batch()
        try:
            while not batch.full:
                batch.add(next(arrivals))
        except (StopIteration, PithstoreError) as end:
            if batch.arrivals:
                yield batch
            if isinstance(end, PithstoreError):
                raise
            return
        yield batch
