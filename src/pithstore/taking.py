"""What texts are to a store: found batch by batch, in this process or by others, and told in their order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Self, TypeAlias, TypeVar

from pithstore import bulk
from pithstore.arrivals import Arrival
from pithstore.bulk import Taken, mostly_known, take_texts
from pithstore.configuration import Configuration
from pithstore.engine import Engine
from pithstore.errors import InvalidRecord, UsageError
from pithstore.ingest import refused_ones
from pithstore.record import Prepared
from pithstore.section_memo import SectionMemo
from pithstore.texts import AnyText, prepare_texts

if TYPE_CHECKING:
    from pithstore.workers.crew import Workers

MOST_WORKERS = 64
LEAST_BATCHES = 2
"""So many full ones are to be put before workers start."""

ObservedAt: TypeAlias = Callable[[Prepared], datetime | None]
"""When a record was observed; InvalidRecord where it does not say so, None for a put of now."""

T = TypeVar("T")
R = TypeVar("R")


class Taking:
    """Takes texts batch by batch; a context manager that ends the workers, where some were needed.

    Without an `observed_at` the texts are put now, and those that are known word for word need not be prepared.
    """

    def __init__(
        self,
        engine: Engine,
        configuration: Configuration,
        memo: SectionMemo,
        observed_at: ObservedAt | None = None,
        workers: int | None = None,
    ) -> None:
        """Take how to; UsageError for a number of workers that makes no sense."""
        if workers is not None and not 0 <= workers <= MOST_WORKERS:
            raise UsageError(f"there are 1 to {MOST_WORKERS} workers, or none, not {workers}")
        self._engine = engine
        self._configuration = configuration
        self._memo = memo
        self._observed_at = observed_at
        self._wanted = workers or 0
        self._texts = self._bytes = 0
        self._workers: Workers | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._workers is not None:
            self._workers.close()

    @property
    def ahead(self) -> int:
        """How many batches may begin before the first of them is told."""
        if not self._wanted:
            return 1
        from pithstore.workers.crew import AHEAD

        return AHEAD

    def begin(self, texts: Sequence[bytes]) -> Callable[[], list[Taken]]:
        """Take a batch; what the call that is returned gives can be put if those of the begins before were."""
        if self._wanted and texts and self._are_many(texts) and not self._are_known(texts):
            return partial(self._allowed, partial(self._told, self._start().begin(texts)))
        return partial(self._allowed, partial(self._take, texts))

    def _allowed(self, take: Callable[[], list[Taken]]) -> list[Taken]:
        """The texts, but for those with a section that was erased, which are refused."""
        taken = take()
        accepted = [(i, each) for i, each in enumerate(taken) if not isinstance(each, InvalidRecord)]
        refused = self._engine.view(partial(refused_ones, arrivals=[each for _, each in accepted]))
        for at, error in refused.items():
            taken[accepted[at][0]] = error
        return taken

    def _are_many(self, texts: Sequence[bytes]) -> bool:
        """Whether there are, with those before, so many that workers pay."""
        self._texts += len(texts)
        self._bytes += sum(map(len, texts))
        full = max(self._texts / bulk.BATCH_RECORDS, self._bytes / bulk.BATCH_BYTES)
        return full >= LEAST_BATCHES

    def _are_known(self, texts: Sequence[bytes]) -> bool:
        return self._observed_at is None and mostly_known(self._engine, self._configuration, texts)

    def _start(self) -> Workers:
        from pithstore.workers.crew import Workers

        if self._workers is None:
            self._workers = Workers(self._wanted, self._configuration)
        return self._workers

    def _take(self, texts: Sequence[bytes]) -> list[Taken]:
        if self._observed_at is None:
            return take_texts(self._engine, self._configuration, self._memo, texts)
        return self._told(partial(prepare_texts, texts, self._configuration, self._memo))

    def _told(self, tell: Callable[[], list[AnyText]]) -> list[Taken]:
        return [self._arrival(each) for each in tell()]

    def _arrival(self, found: AnyText) -> Arrival | InvalidRecord:
        if isinstance(found, InvalidRecord):
            return found
        if self._observed_at is None:
            return Arrival(found.prepared, None, found.text_hash)
        try:
            return Arrival(found.prepared, self._observed_at(found.prepared), found.text_hash)
        except InvalidRecord as error:
            return error


def in_turn(items: Iterator[T], begin: Callable[[T], Callable[[], R]], ahead: int) -> Iterator[R]:
    """What the items come to, in order, while up to so many have begun; an error of the items comes last."""
    begun: deque[Callable[[], R]] = deque()
    failed: Exception | None = None
    while failed is None:
        try:
            item = next(items)
        except StopIteration:
            break
        except Exception as error:  # noqa: BLE001 - whatever it is, what came before it comes out before it
            failed = error
        else:
            begun.append(begin(item))
            if len(begun) >= ahead:
                yield begun.popleft()()
    while begun:
        yield begun.popleft()()
    if failed is not None:
        raise failed
