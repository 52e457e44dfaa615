"""Which sources were written to while a compaction writes the next generation; kept only then.

A compaction leaves its mark in `meta`.  While it is there every put notes the sources that it wrote to, in the
same transaction, so that the compaction can carry over what it has not seen.
"""

from __future__ import annotations

from collections.abc import Iterable

from pithstore import meta
from pithstore.codec import Reader, write_number
from pithstore.engine import Update, View
from pithstore.keys import CHANGED, META, source_key
from pithstore.model import Source
from pithstore.seal import seal, unseal

_COMPACTING = b"compacting"


def begin(update: Update) -> int:
    """The mark of a compaction that begins now; from here on puts note their sources."""
    mark = meta.new_writer(update)
    _clear(update)
    update.put_many(META, [(_COMPACTING, seal(META, _COMPACTING, write_number(mark)))])
    return mark


def mark_of(view: View) -> int | None:
    """The mark of the compaction that goes on; None where none does."""
    (value,) = view.get_many(META, [_COMPACTING])
    return None if value is None else Reader(unseal(META, _COMPACTING, value)).number()


def end(update: Update) -> None:
    """No compaction goes on any more: one that thinks so has to begin again."""
    if update.has_many(META, [_COMPACTING])[0]:
        update.delete_many(META, [_COMPACTING])
        _clear(update)


def note(update: Update, sources: Iterable[Source]) -> None:
    """Note that these sources were written to, if a compaction goes on."""
    if update.has_many(META, [_COMPACTING])[0]:
        keys = sorted(map(source_key, sources))
        update.put_many(CHANGED, [(key, seal(CHANGED, key, b"")) for key in keys])


def changed(view: View, after: bytes | None, limit: int) -> list[bytes]:
    """The keys of sources that were noted, in order, from beyond `after`."""
    return [key for key, _ in view.scan(CHANGED, after=after, limit=limit)]


def forget(update: Update, keys: Iterable[bytes]) -> None:
    """These sources have been carried over as they are now."""
    update.delete_many(CHANGED, keys)


def _clear(update: Update) -> None:
    while keys := changed(update, None, 10_000):
        forget(update, keys)
