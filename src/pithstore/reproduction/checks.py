"""The recorded checks: what came of running builders again, for each source in the order of time."""

from __future__ import annotations

from collections.abc import Sequence

from pithstore.engine import Item, Update, View
from pithstore.errors import Damaged
from pithstore.keys import CHECKS, check_key, read_time_key, source_key
from pithstore.model import Source
from pithstore.reproduction.recorded_check import RecordedCheck, decode_check, encode_check
from pithstore.seal import seal, unseal

_SEQUENCE_BYTES = 4


def append(update: Update, check: RecordedCheck) -> None:
    """Write a check behind those that its source has at that time."""
    first = check_key(check.source, check.checked_at, 0)
    last = update.scan(CHECKS, prefix=first[:-_SEQUENCE_BYTES], limit=1, reverse=True)
    sequence = read_time_key(last[0][0])[1] + 1 if last else 0
    key = check_key(check.source, check.checked_at, sequence)
    update.put_many(CHECKS, [(key, seal(CHECKS, key, encode_check(check)))])


def lacking(view: View, items: Sequence[Item]) -> list[Item]:
    """Those of these entries of another store that this one lacks."""
    known = view.has_many(CHECKS, [key for key, _ in items])
    return [item for item, has in zip(items, known, strict=True) if not has]


def add_many(update: Update, items: Sequence[Item]) -> int:
    """Write entries of another store as they are, and leave those that are there; how many were written."""
    return update.create_many(CHECKS, items)


def page(view: View, source: Source | None = None, *, after: bytes | None = None, limit: int) -> list[Item]:
    """Entries of a source, oldest first, or of all sources one after the other; from beyond the key `after`."""
    return view.scan(CHECKS, prefix=b"" if source is None else source_key(source), after=after, limit=limit)


def read_check(item: Item) -> RecordedCheck:
    """The check that an entry holds; Damaged if it is not as it was written."""
    key, value = item
    try:
        payload = unseal(CHECKS, key, value)
        return decode_check(read_time_key(key)[0], payload)
    except Damaged as error:
        raise Damaged(f"a recorded check is damaged ({error}); the versions are not touched, run verify") from None
