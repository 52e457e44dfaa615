"""What a store says of itself: written anew where it is lost and can be told otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from pithstore import blobs, meta
from pithstore.codec import write_number
from pithstore.engine import Engine, Update
from pithstore.errors import Damaged
from pithstore.keys import CHANGED, META, PACKS, REUSED, RUN, tail_key
from pithstore.repairing.another import Another
from pithstore.seal import seal, unseal
from pithstore.survey import index_pages, items_of_kind

_FORMAT, _CONFIGURATION, _WRITERS = b"format", b"configuration", b"writers"
_GARBAGE, _PARTIAL = b"garbage", b"ledger-partial"
_PASSING = (b"compacting", b"collecting", b"scrub")
"""What is there only while something goes on: what is begun again does not need it."""
_UNUSED_WRITERS = 1024
"""Numbers that open stores may have been given which have written nothing yet."""
_NO_FRAME = b"\xff\xff"
_ENTRIES_AT_ONCE = 10_000


def mend_about(engine: Engine, other: Another) -> None:
    """Write anew what the store says of itself and does not bear its seal; Damaged where it cannot be told."""
    engine.update(partial(_mend_entries, other=other))
    for space in (CHANGED, REUSED):
        while engine.update(partial(_clear_unsound, space=space)):
            pass


def _mend_entries(update: Update, other: Another) -> None:
    unsound = [key for key, value in update.scan(META, limit=1000) if not is_sound(META, key, value)]
    known = dict(zip(_NEEDED, update.has_many(META, _NEEDED), strict=True))
    lost = {*unsound, *(key for key, has in known.items() if not has)}
    if _FORMAT in lost:
        meta.write_format(update)
    if _CONFIGURATION in lost:
        configuration = other.configuration()
        if configuration is None:
            raise Damaged("the configuration of the store is lost; name another copy of it, with --from")
        meta.write_configuration(update, configuration)
    if _WRITERS in unsound or _is_behind(update):
        count = max(blobs.tails(update), default=-1) + 1
        update.put_many(META, [(_WRITERS, seal(META, _WRITERS, write_number(count + _UNUSED_WRITERS)))])
    if _GARBAGE in unsound:
        update.put_many(META, [(_GARBAGE, seal(META, _GARBAGE, b""))])
    if _PARTIAL in unsound:
        meta.keep_ledger(update, b"")  # counted anew from the start
    update.delete_many(META, [key for key in _PASSING if key in unsound])


_NEEDED = (_FORMAT, _CONFIGURATION)


def _is_behind(update: Update) -> bool:
    try:
        return meta.writers(update) <= max(blobs.tails(update), default=-1)
    except Damaged:
        return True


def _clear_unsound(update: Update, space: str) -> int:
    """Take notes away that are not sound: who relied on them begins again."""
    items = update.scan(space, limit=_ENTRIES_AT_ONCE)
    unsound = [key for key, value in items if not is_sound(space, key, value)]
    if not unsound:
        return 0
    update.delete_many(META, [b"compacting", b"collecting"])
    return update.delete_many(space, [key for key, _ in items])


def mend_first_pack(engine: Engine) -> None:
    """Write an empty value where the stream of packs lost its first, by which it is told that there are runs."""
    key = tail_key(0, 0)
    if engine.view(lambda view: view.has_many(PACKS, [key]))[0]:
        return
    if any(_has_run(entries) for page in index_pages(engine) for _, entries in page):
        empty = seal(PACKS, key, _NO_FRAME)
        engine.update(lambda update: update.create_many(PACKS, [(key, empty)]))


def _has_run(items: Sequence[tuple[bytes, bytes]]) -> bool:
    return next(items_of_kind(items, RUN), None) is not None


def is_sound(space: str, key: bytes, value: bytes) -> bool:
    """Whether a value bears its seal."""
    try:
        unseal(space, key, value)
    except Damaged:
        return False
    return True
