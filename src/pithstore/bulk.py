"""Many records: in batches of bounded memory, and quickly where they say what they said before."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Generic, TypeAlias, TypeVar

from pithstore import versions
from pithstore.arrivals import Arrival, Unchanged
from pithstore.configuration import Configuration
from pithstore.engine import Engine
from pithstore.errors import InvalidRecord, PithstoreError
from pithstore.fast_path import line_of
from pithstore.model import Line
from pithstore.record import prepare
from pithstore.section_memo import SectionMemo
from pithstore.texts import text_hash

BATCH_RECORDS = 1000
BATCH_BYTES = 8 * 1024 * 1024
_SAMPLE, _WORTH_ASKING = 16, 0.1

T = TypeVar("T")


class Batch(Generic[T]):
    """What will be put in one transaction."""

    def __init__(self) -> None:
        self.items: list[T] = []
        self._bytes = 0

    def add(self, item: T, size: int) -> None:
        """Add one record, of that many bytes."""
        self.items.append(item)
        self._bytes += size

    @property
    def full(self) -> bool:
        """Whether it is time to put it."""
        return len(self.items) >= BATCH_RECORDS or self._bytes >= BATCH_BYTES


def batches(items: Iterator[T], size: Callable[[T], int]) -> Iterator[list[T]]:
    """The items in batches; what came before an error of ours comes out before the error does."""
    while True:
        batch = Batch[T]()
        try:
            while not batch.full:
                item = next(items)
                batch.add(item, size(item))
        except (StopIteration, PithstoreError) as end:
            if batch.items:
                yield batch.items
            if isinstance(end, PithstoreError):
                raise
            return
        yield batch.items


def as_bytes(record: object) -> bytes | None:
    """The UTF-8 of a text; None for what is none, or has a lone surrogate and will be refused."""
    try:
        return record.encode() if isinstance(record, str) else record if isinstance(record, bytes) else None
    except UnicodeEncodeError:
        return None


def size_of(given: bytes | Arrival) -> int:
    """How many bytes of memory a text or a prepared record stands for, about."""
    return len(given) if isinstance(given, bytes) else given.prepared.size


Taken: TypeAlias = Arrival | Unchanged | InvalidRecord
"""What a text is to a store: a record that was prepared, one that need not be, or none."""


def take_texts(
    engine: Engine, configuration: Configuration, memo: SectionMemo, texts: Sequence[bytes]
) -> list[Taken]:
    """What each text is, for puts of now in this order; what is known word for word is, as a rule, not prepared.

    Where of some of the texts few are known all are prepared: to ask of each costs a tenth of preparing it.
    Needs nothing but to read the store, and what comes out can be put by another process.
    """
    profile, limits = configuration.profile, configuration.limits
    known: Sequence[Line | None] = [None] * len(texts)
    hashes = [text_hash(text) for text in texts]
    if _known_share(engine, configuration, texts) > _WORTH_ASKING:
        known = _known_lines(engine, configuration, texts, hashes)
    changed: set[Line] = set()  # whatever comes behind a version of these finds another head, perhaps
    taken: list[Taken] = []
    for text, line, its_hash in zip(texts, known, hashes, strict=True):
        if line is not None and line not in changed:
            taken.append(Unchanged(line, its_hash, text))
            continue
        try:
            prepared = prepare(text, profile, limits, memo)
        except InvalidRecord as error:
            taken.append(error)
        else:
            changed.add(prepared.line)
            taken.append(Arrival(prepared, text_hash=its_hash))
    return taken


def _known_lines(
    engine: Engine, configuration: Configuration, texts: Sequence[bytes], hashes: Sequence[bytes]
) -> list[Line | None]:
    """The line of each text that is, by its hash, what was put last for it; None for the others."""
    lines = [line_of(text, configuration.profile, configuration.limits) for text in texts]
    asked = [line for line in lines if line is not None]
    newest = iter(engine.view(partial(versions.text_hashes, lines=asked)) if asked else ())
    return [
        line if line is not None and next(newest) == its_hash else None
        for line, its_hash in zip(lines, hashes, strict=True)
    ]


def mostly_known(engine: Engine, configuration: Configuration, texts: Sequence[bytes]) -> bool:
    """Whether of some of the texts most are word for word what was put last: then few will have to be prepared."""
    return _known_share(engine, configuration, texts) > 0.5


def _known_share(engine: Engine, configuration: Configuration, texts: Sequence[bytes]) -> float:
    """How many of some of the texts are word for word what was put last for their lines, from 0 to 1."""
    some = texts[:: 1 + len(texts) // _SAMPLE]
    known = _known_lines(engine, configuration, some, [text_hash(text) for text in some])
    return sum(line is not None for line in known) / max(1, len(known))
