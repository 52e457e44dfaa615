"""Which sources were written to while a compaction writes the next generation; kept only then.

A compaction leaves its mark in `meta`.  While it is there every put notes the sources that it wrote to, in the
same transaction, so that the compaction can carry over what it has not seen.  A note says how often that was, so
that a source that is written to while it is carried over stays noted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from pithstore import meta
from pithstore.codec import Reader, write_number
from pithstore.engine import Engine, Item, Update, View
from pithstore.errors import StoreBusy
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


@contextmanager
def without_compaction(engine: Engine) -> Iterator[None]:
    """Nobody compacts while this goes on, nor does anybody else who asks for this; it ends with the process.

    What an interrupted compaction left is given up.  StoreBusy where somebody is at it already.
    """
    try:
        successor = engine.successor()
    except StoreBusy:
        raise StoreBusy("a compact, gc or forget of this store goes on; try again when it has ended") from None
    try:
        engine.update(end)
        yield
    finally:
        successor.discard()


def note(update: Update, sources: Iterable[Source]) -> None:
    """Note that these sources were written to, if a compaction goes on."""
    if update.has_many(META, [_COMPACTING])[0]:
        keys = sorted(map(source_key, sources))
        found = zip(keys, update.get_many(CHANGED, keys), strict=True)
        update.put_many(CHANGED, [_note(key, 1 + _times(key, value)) for key, value in found])


def _note(key: bytes, times: int) -> Item:
    return key, seal(CHANGED, key, write_number(times))


def _times(key: bytes, value: bytes | None) -> int:
    return 0 if value is None else Reader(unseal(CHANGED, key, value)).number()


def changed(view: View, after: bytes | None, limit: int) -> list[Item]:
    """The notes, in order, from beyond `after`: the key of a source, and what tells this note from a later one."""
    return view.scan(CHANGED, after=after, limit=limit)


def forget(update: Update, notes: Sequence[Item]) -> None:
    """Take off the journal what was carried over, but for sources that were noted again since."""
    keys = [key for key, _ in notes]
    now = zip(notes, update.get_many(CHANGED, keys), strict=True)
    update.delete_many(CHANGED, [key for (key, value), found in now if found == value])


def _clear(update: Update) -> None:
    while notes := changed(update, None, 10_000):
        forget(update, notes)
