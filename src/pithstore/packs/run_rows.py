"""A run made of what the entries of versions say, without what that stands for: for walks over millions.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple, TypeVar

from pithstore.codec import LineHead, read_name, read_number, write_bytes, write_number
from pithstore.digest import DIGEST_BYTES
from pithstore.errors import Damaged

T = TypeVar("T")

_MADE_AT = DIGEST_BYTES + 16  # behind the two times


class BareRow(NamedTuple):
    """A version of a run.

    Times are in microseconds; `made` are builder and source version as an entry of its own has them.
    """

    number: int
    snapshot: bytes
    observed_at: int
    recorded_at: int
    made: bytes
    outcomes: bytes


def bare_row(number: int, payload: bytes, outcomes: bytes) -> BareRow:
    """The version with that number, whose own entry holds this payload."""
    if len(payload) <= _MADE_AT:
        raise Damaged("an encoded value is cut short")
    return BareRow(
        number,
        payload[:DIGEST_BYTES],
        int.from_bytes(payload[DIGEST_BYTES : DIGEST_BYTES + 8], "big", signed=True),
        int.from_bytes(payload[DIGEST_BYTES + 8 : _MADE_AT], "big", signed=True),
        payload[_MADE_AT:],
        outcomes,
    )


@lru_cache(maxsize=1024)  # the versions of a store are by few builders
def read_made(made: bytes) -> tuple[str, bytes]:
    """The builder, and the source version as it is encoded."""
    try:
        length, at = read_number(made, 0)
    except IndexError:
        raise Damaged("an encoded value is cut short") from None
    if at + length > len(made):
        raise Damaged("an encoded value is cut short")
    return read_name(made[at : at + length]), made[at + length :]


def write_run(position: int, rows: Sequence[BareRow], heads: Mapping[str, LineHead]) -> bytes:
    """The entry of these rows, as `run.encode_run` gives it.

    Rows are by rising number, `heads` of those builders whose newest version is here.
    """
    numbers, snapshots, observed, recorded, made, outcomes = zip(*rows, strict=True)
    makers = list(map(read_made, made))
    builders = _places(builder for builder, _ in makers)
    source_versions = _places(source_version for _, source_version in makers)
    known = _places(outcomes)
    columns = [
        _column(values)
        for values in (
            [number - i for i, number in enumerate(numbers)],
            [builders[builder] for builder, _ in makers],
            [source_versions[source_version] for _, source_version in makers],
            [known[outcome] for outcome in outcomes],
            recorded,
            [at - then for at, then in zip(observed, recorded, strict=True)],
        )
    ]
    return b"".join(
        [
            write_number(position),
            write_number(len(rows)),
            *[head for head, _ in columns],
            write_number(len(builders)),
            *[_builder(builder, heads.get(builder)) for builder in builders],
            write_number(len(source_versions)),
            *map(write_bytes, source_versions),
            write_number(len(known)),
            *map(write_bytes, known),
            *[rest for _, rest in columns],
            *snapshots,
        ]
    )


def _places(values: Iterable[T]) -> dict[T, int]:
    """Where each distinct value stands in a table of them."""
    return {value: place for place, value in enumerate(dict.fromkeys(values))}


def _builder(builder: str, head: LineHead | None) -> bytes:
    sections, text_hash = (head.sections, head.text_hash) if head else (0, b"")
    return b"".join((write_bytes(builder.encode()), write_number(sections), write_bytes(text_hash)))


def _column(values: Sequence[int]) -> tuple[bytes, bytes]:
    """A column as it is written: its least value with the width, and the rest."""
    least, most = min(values), max(values)
    width = (most - least).bit_length() + 7 >> 3
    head = write_number(least << 1 if least >= 0 else (-least << 1) - 1) + bytes((width,))
    return head, b"".join([(value - least).to_bytes(width, "little") for value in values]) if width else b""
