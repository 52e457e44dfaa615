"""What may be left that nothing reaches, and what puts name again while a gc looks.

Whoever takes versions away says that something may be left.  While a gc is at work, its mark is in `meta`, and
every put notes the sections that its new versions name, in the same transaction: what nothing reached may be in
use again, and the gc leaves it alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pithstore.codec import Reader, write_number
from pithstore.digest import Digest
from pithstore.engine import Engine, Update, View
from pithstore.errors import Damaged, StoreBusy
from pithstore.keys import META, REUSED, source_mark
from pithstore.meta import new_writer
from pithstore.model import Manifest, Source
from pithstore.seal import seal, seal_many, unseal

_LEFT, _COLLECTING = b"garbage", b"collecting"
_NOTES_AT_ONCE = 10_000


def leave(update: Update) -> None:
    """Say that something is taken away, and that something may be left that nothing reaches."""
    _write(update, times(update) + 1, left=True)


def is_left(view: View) -> bool:
    """Whether something may be left that nothing reaches; if not, nothing is."""
    return _read(view)[1]


def times(view: View) -> int:
    """How often something was taken away: if that is another number, what was read before may not be there."""
    return _read(view)[0]


def _read(view: View) -> tuple[int, bool]:
    (value,) = view.get_many(META, [_LEFT])
    if value is None:
        return 0, False
    try:
        reader = Reader(unseal(META, _LEFT, value))
        return reader.number(), bool(reader.number())
    except Damaged:  # verify says so; what it said is not needed to go on
        return 0, True


def _write(update: Update, count: int, *, left: bool) -> None:
    payload = write_number(count) + write_number(left)
    update.put_many(META, [(_LEFT, seal(META, _LEFT, payload))])


def begin(engine: Engine) -> int:
    """The mark of a gc that begins now, where no other one is at work; what one that died left is taken away."""
    end(engine)
    return engine.update(_mark)


def _mark(update: Update) -> int:
    mark = new_writer(update)
    update.put_many(META, [(_COLLECTING, seal(META, _COLLECTING, write_number(mark)))])
    return mark


def check_mark(view: View, mark: int) -> None:
    """Return if puts still note what they name for the gc with that mark."""
    (value,) = view.get_many(META, [_COLLECTING])
    if value is None or Reader(unseal(META, _COLLECTING, value)).number() != mark:
        raise StoreBusy("another gc or a compaction began meanwhile; run gc again")


def end(engine: Engine) -> None:
    """No gc is at work any more."""
    engine.update(stop_noting)
    while engine.update(_clear_some):
        pass


def none_is_left(update: Update, mark: int) -> None:
    """The gc with that mark has removed all that nothing reached."""
    check_mark(update, mark)
    if is_left(update):
        _write(update, times(update), left=False)


def stop_noting(update: Update) -> None:
    """Puts note nothing any more."""
    if update.has_many(META, [_COLLECTING])[0]:
        update.delete_many(META, [_COLLECTING])


def _clear_some(update: Update) -> int:
    return update.delete_many(REUSED, [key for key, _ in update.scan(REUSED, limit=_NOTES_AT_ONCE)])


def note(update: Update, named: Iterable[tuple[Source, Manifest]]) -> None:
    """Note the sections that new versions name, each with one source that does, if a gc is at work."""
    if update.has_many(META, [_COLLECTING])[0]:
        by = {section.digest: source_mark(source) for source, manifest in named for section in manifest.sections}
        update.create_many(REUSED, seal_many(REUSED, by.items()))


def noted(view: View, digests: Sequence[Digest]) -> list[bytes | None]:
    """The mark of a source that has named each digest since the gc began; None where none was noted."""
    values = view.get_many(REUSED, digests)
    return [
        None if value is None else unseal(REUSED, key, value) for key, value in zip(digests, values, strict=True)
    ]
