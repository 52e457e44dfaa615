"""All versions of a store as they are stored, source by source: for what is asked of millions of them at once.

An encoded version begins with its snapshot, observed_at, recorded_at and builder_version, each where it can be
cut out; so a version is told from another without being decoded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TypeAlias

from pithstore.codec import Reader, write_bytes
from pithstore.digest import DIGEST_BYTES
from pithstore.engine import Engine, Item
from pithstore.errors import Damaged
from pithstore.horizon import Horizon
from pithstore.survey import index_pages, source_names, version_items, versions_of
from pithstore.times import to_microseconds

_RECORDED = DIGEST_BYTES + 8
BUILDER = _RECORDED + 8
"""Where in a payload the builder's field begins; behind it stands the source version."""

Progress: TypeAlias = Callable[[int], None]
"""Is told of how many more sources the versions have been looked at."""

SourcePayloads: TypeAlias = tuple[bytes, list[Item]]
"""The key of a source, and the keys and payloads of its versions within the horizon, by rising number."""


def payload_pages(
    engine: Engine, horizon: Horizon, progress: Progress | None = None
) -> Iterator[list[SourcePayloads]]:
    """Every source with its versions within the horizon, in pages; Damaged names the version that is not sound."""
    holds = None if horizon.is_open else _Bounds(horizon).holds
    for page in index_pages(engine):
        yield [(source, _payloads(engine, source, items, holds)) for source, items in page]
        if progress is not None:
            progress(len(page))


def _payloads(
    engine: Engine, source: bytes, items: Sequence[Item], holds: Callable[[bytes], bool] | None
) -> list[Item]:
    try:
        found = list(version_items(items))
    except Damaged:
        (named,) = engine.view(partial(source_names, keys=[source]))
        list(versions_of(named, items))  # raises the same, and says of which version
        raise
    return found if holds is None else [item for item in found if holds(item[1])]


class _Bounds:
    """A horizon for payloads."""

    def __init__(self, horizon: Horizon) -> None:
        self._at = None if horizon.at is None else to_microseconds(horizon.at)
        self._as_recorded = None if horizon.as_recorded is None else to_microseconds(horizon.as_recorded)
        self._builder = None if horizon.builder is None else builder_field(horizon.builder)

    def holds(self, payload: bytes) -> bool:
        """Whether the version is within it."""
        if self._builder is not None and not payload.startswith(self._builder, BUILDER):
            return False
        observed, recorded = moments(payload)
        known = self._as_recorded is None or recorded <= self._as_recorded
        return known and (self._at is None or observed <= self._at)


def moments(payload: bytes) -> tuple[int, int]:
    """observed_at and recorded_at, in microseconds since 1970."""
    observed, recorded = payload[DIGEST_BYTES:_RECORDED], payload[_RECORDED:BUILDER]
    return int.from_bytes(observed, "big", signed=True), int.from_bytes(recorded, "big", signed=True)


def builder_field(builder_version: str) -> bytes:
    """How a payload names that builder, at `BUILDER`: no field is the start of another."""
    return write_bytes(builder_version.encode())


def read_builder_field(payload: bytes) -> bytes:
    """The builder's field of a payload; Damaged where there is none."""
    length = payload[BUILDER] if len(payload) > BUILDER else 0
    if 0 < length < 0x80 and BUILDER + length < len(payload):
        return payload[BUILDER : BUILDER + 1 + length]
    return builder_field(builder_name(payload[BUILDER:]))


def builder_name(field: bytes) -> str:
    """The builder_version at the start of these bytes."""
    return Reader(field).text()
