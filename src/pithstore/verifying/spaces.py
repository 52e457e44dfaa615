"""Every value of a space against its checksum."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

from pithstore.engine import Engine, Item, View
from pithstore.errors import Damaged
from pithstore.keys import CHANGED, CHECKS, DICTIONARIES, ERASED, FILES, META, PACKS, REUSED, TAIL
from pithstore.meta import writers
from pithstore.report import Problem
from pithstore.seal import unseal
from pithstore.verifying.found import Found, Used

PAGE = 1024
LONG_VALUES = 64  # of 16 KiB


def pages(engine: Engine, space: str, limit: int = PAGE) -> Iterator[list[Item]]:
    """The items of a space in pages, each of one transaction."""
    after: bytes | None = None
    while items := engine.view(partial(_scan, space=space, after=after, limit=limit)):
        yield items
        after = items[-1][0]


def _scan(view: View, space: str, after: bytes | None, limit: int) -> list[Item]:
    return view.scan(space, after=after, limit=limit)


def damaged_values(engine: Engine, space: str) -> Iterator[tuple[bytes, Damaged]]:
    """The keys of those values of a space that do not match their checksum."""
    for page in pages(engine, space, _limit(space)):
        yield from _damaged(space, page)


def _limit(space: str) -> int:
    return LONG_VALUES if space in (TAIL, PACKS) else PAGE


def _damaged(space: str, items: Iterable[Item]) -> Iterator[tuple[bytes, Damaged]]:
    for key, value in items:
        try:
            unseal(space, key, value)
        except Damaged as error:
            yield key, error


def check_seals(engine: Engine, found: Found, spaces: Iterable[str] | None = None) -> None:
    """Check the spaces, or these of them, of which verify looks at nothing but the checksums."""
    for space in SEALED if spaces is None else spaces:
        for page in pages(engine, space, _limit(space)):
            _say_damaged(space, page, found)


def check_seals_behind(engine: Engine, space: str, after: bytes | None, found: Found) -> bytes | None:
    """Check a page of such a space from beyond that key; its last key, None at the end."""
    page = engine.view(partial(_scan, space=space, after=after, limit=_limit(space)))
    _say_damaged(space, page, found)
    return page[-1][0] if page else None


def _say_damaged(space: str, page: Iterable[Item], found: Found) -> None:
    for key, error in _damaged(space, page):
        found(Problem(SEALED[space], str(error)), _used(space, key))


def _used(space: str, key: bytes) -> tuple[Used, ...]:
    """What versions use of a value of one of these spaces."""
    if space == PACKS:
        return (("pack", int.from_bytes(key[4:], "big")),)
    return (("dictionary", key),) if space == DICTIONARIES else ()


SEALED = {
    META: "meta-damaged",
    FILES: "file-damaged",
    CHECKS: "check-damaged",
    CHANGED: "changed-damaged",
    REUSED: "reused-damaged",
    ERASED: "tombstone-damaged",
    PACKS: "pack-damaged",
    DICTIONARIES: "dictionary-damaged",
}
"""The spaces of which only the checksums are looked at, and the codes of what is damaged there."""


def check_writers(engine: Engine, found: Found) -> None:
    """Every writer in the tail has been counted: else its number would be given again."""
    if engine.view(_is_uncounted):
        found(Problem("meta-damaged", "the count of writers is behind the tail; a put could not go on"))


def _is_uncounted(view: View) -> bool:
    last = view.scan(TAIL, limit=1, reverse=True)
    try:
        return bool(last) and int.from_bytes(last[0][0][:4], "big") >= writers(view)
    except Damaged:  # said already
        return False
