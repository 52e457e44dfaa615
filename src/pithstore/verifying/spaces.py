"""Every value of a space against its checksum."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from pithstore.engine import Engine, Item, View
from pithstore.errors import Damaged
from pithstore.keys import CHANGED, CHECKS, DICTIONARIES, FILES, META, PACKS, REUSED, TAIL
from pithstore.meta import writers
from pithstore.report import Problem
from pithstore.seal import unseal
from pithstore.verifying.found import Found, Used

PAGE = 1024
_LONG_VALUES = 64  # of 16 KiB


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
    limit = _LONG_VALUES if space in (TAIL, PACKS) else PAGE
    for page in pages(engine, space, limit):
        for key, value in page:
            try:
                unseal(space, key, value)
            except Damaged as error:
                yield key, error


def check_seals(engine: Engine, found: Found) -> None:
    """Check the spaces of which verify looks at nothing but the checksums."""
    for space, code in SEALED.items():
        for key, error in damaged_values(engine, space):
            found(Problem(code, str(error)), used_of(space, key))


def used_of(space: str, key: bytes) -> tuple[Used, ...]:
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
