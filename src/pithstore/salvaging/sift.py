"""From the candidates of a data file to what is sound: what bears the seal of its space.

Nothing is overwritten here.  A page that is free keeps what lay in it, so one key may have several sound values;
the scratch keeps all, each under its key and its seal.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from itertools import islice

import attrs

from pithstore.engine import Engine, Item, Update, View
from pithstore.engine.lmdb.pages import DataPages
from pithstore.keys import CHECKS, DICTIONARIES, MANIFESTS, META, PACKS, SOURCES, TAIL, VERSIONS
from pithstore.seal import SEAL_BYTES, is_sealed

SOUND = (VERSIONS, MANIFESTS, TAIL, PACKS, SOURCES, CHECKS, DICTIONARIES, META)
"""The spaces that are sifted, the likeliest first; what is in the others follows from these."""

_ITEMS_AT_ONCE, _BYTES_AT_ONCE = 5000, 8 * 1024 * 1024


@attrs.frozen
class Sifted:
    """How many sound entries were found, and the spaces of which nothing is damaged.

    What was found of these is what they have; of the others it may be more, which the store had done with.
    """

    entries: int
    whole: frozenset[str]


def sift(pages: DataPages, scratch: Engine, progress: Callable[[int], None], *, trusted: bool) -> Sifted:
    """Put what is sound into the scratch; `progress` is told how many pages more were looked at.

    A file that is not `trusted` to be all of the store has nothing whole.
    """
    trees = pages.trees() if trusted else {}
    whole: set[str] = set()
    entries = 0
    seen = bytearray(pages.count)
    for space in SOUND:
        tree = trees.get(space.encode())
        if tree is None:  # there may be one, under a name that is damaged
            continue
        found = fill(scratch, _sound(pages, tree.leaves, (space,), progress))
        entries += found
        if found == tree.entries:
            whole.add(space)
            for number in tree.leaves:
                seen[number] = 1
    wanted = [space for space in SOUND if space not in whole]
    if wanted:
        others = (number for number in range(pages.count) if not seen[number])
        entries += fill(scratch, _sound(pages, others, wanted, progress))
    return Sifted(entries, frozenset(whole))


def _sound(
    pages: DataPages, numbers: Iterable[int], spaces: Collection[str], progress: Callable[[int], None]
) -> Iterator[tuple[str, Item]]:
    """The sound entries of these pages that belong to these spaces, as they stand in the scratch."""
    for number in numbers:
        for key, value in pages.items(number):
            space = next((space for space in spaces if is_sealed(space, key, value)), None)
            if space is not None:
                yield space, (key + value[-SEAL_BYTES:], value[:-SEAL_BYTES])
        progress(1)


def fill(scratch: Engine, found: Iterator[tuple[str, Item]]) -> int:
    """Write what the scratch has not got, in transactions of bounded memory; how many entries that were."""
    count = 0
    while page := list(_page(found)):
        count += scratch.update(partial(_create, page=page))
    return count


def _page(found: Iterator[tuple[str, Item]]) -> Iterator[tuple[str, Item]]:
    room = _BYTES_AT_ONCE
    for space, item in islice(found, _ITEMS_AT_ONCE):
        yield space, item
        room -= len(item[1])
        if room <= 0:
            return


def _create(update: Update, page: Iterable[tuple[str, Item]]) -> int:
    sorted_out: dict[str, list[Item]] = {}
    for space, item in page:
        sorted_out.setdefault(space, []).append(item)
    return sum(update.create_many(space, sorted(items)) for space, items in sorted_out.items())


def values(view: View, space: str, key: bytes) -> list[bytes]:
    """The sound values of a key, without their seals."""
    items = view.scan(space, prefix=key, limit=_FEW)
    return [value for found, value in items if len(found) == len(key) + SEAL_BYTES]


_FEW = 16


def walk(scratch: Engine, space: str, limit: int = 1000) -> Iterator[list[Item]]:
    """The entries of a space of the scratch in pages, each of one transaction."""
    after: bytes | None = None
    while items := scratch.view(partial(_scan, space=space, after=after, limit=limit)):
        yield items
        after = items[-1][0]


def _scan(view: View, space: str, after: bytes | None, limit: int) -> list[Item]:
    return view.scan(space, after=after, limit=limit)
