"""The garbage collection of a store: what nothing reaches goes, and nothing that anybody names.

The mark comes first: from here on each put notes what it names.  Then the whole index is walked, and the index of
blobs held against what it names.  What was not named by then, and was not noted when its turn comes, goes.  Only a
frame's own bodies are not told one by one: they are there as long as its run is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TypeAlias

from pithstore import garbage
from pithstore.collecting.marking import NAME_BYTES, mark
from pithstore.collecting.sweeping import Names, Stray, Swept, judge, read_strays, sweep
from pithstore.collecting.values import Values, pack_values, tail_values
from pithstore.engine import Engine, Item, Update, View
from pithstore.journal import without_compaction
from pithstore.keys import BLOBS
from pithstore.report import Collected
from pithstore.sorted_rows import SortedRows
from pithstore.stat import stat

_BLOBS_AT_ONCE = 4096
_VALUES_AT_ONCE = 64

Progress: TypeAlias = Callable[[int, int], None]
"""Is told how many steps are done, and of about how many: the versions and the blobs."""


def preview(engine: Engine, progress: Progress) -> Collected:
    """What `gc` would come to now, about, where others write; nothing is written."""
    return _Walk(engine, progress, None).run()


def gc(engine: Engine, progress: Progress) -> Collected:
    """What was removed; others may go on reading and putting.  An interrupted one is begun anew by the next.

    StoreBusy where somebody compacts, collects or forgets already; Damaged where nobody can tell what a version
    names, or where a blob lies: what was removed before that stays so.
    """
    with without_compaction(engine):
        return collect(engine, progress)


def collect(engine: Engine, progress: Progress = lambda _done, _all: None) -> Collected:
    """The same, for one who sees to it that nobody compacts, collects or forgets meanwhile."""
    own = garbage.begin(engine)
    try:
        found = _Walk(engine, progress, own).run()
        engine.update(partial(garbage.none_is_left, mark=own))
    finally:
        garbage.end(engine)
    return found


class _Walk:
    """One walk through the store, which removes what it finds if it has a `mark` of its own."""

    def __init__(self, engine: Engine, progress: Progress, mark: int | None) -> None:
        self._engine = engine
        self._progress = progress
        self._mark = mark
        self._done = 0
        before = stat(engine)
        self._steps = before.versions + before.blobs
        self._tail = engine.view(tail_values)
        self._packs = engine.view(pack_values)
        self._blobs = self._blob_bytes = 0

    def run(self) -> Collected:
        with SortedRows(NAME_BYTES) as rows:
            for seen in mark(self._engine):
                rows.extend(seen.names)
                for values in seen.packs:
                    self._packs.need(0, values)
                    self._packs.need(0, (0,))  # without the first one a store has no packs
                self._advance(seen.versions)
            self._sweep_blobs(Names(rows.merged()))
        removed = [self._remove(values) for values in (self._tail, self._packs)]
        return Collected(
            blobs=self._blobs,
            blob_bytes=self._blob_bytes,
            values=sum(count for count, _ in removed),
            value_bytes=sum(size for _, size in removed),
        )

    def _advance(self, steps: int) -> None:
        self._done += steps
        self._progress(self._done, max(self._done, self._steps))

    def _sweep_blobs(self, names: Names) -> None:
        after: bytes | None = None
        while items := self._engine.view(partial(_page, after=after)):
            after = items[-1][0]
            sound, strays = read_strays(items, names)
            old = [stray for stray in strays if stray.home is not None or self._tail.has(stray.place)]
            swept = self._sweep(old) if old else Swept([], [])
            for place in (*sound, *swept.left):
                self._tail.need_all_of(place)
            self._blobs += len(swept.gone)
            self._blob_bytes += sum(place.length for place in swept.gone)
            self._advance(len(items))

    def _sweep(self, strays: Sequence[Stray]) -> Swept:
        if self._mark is None:
            return self._engine.view(partial(judge, strays=strays))
        return self._engine.update(partial(sweep, strays=strays, mark=self._mark))

    def _remove(self, values: Values) -> tuple[int, int]:
        """How many of the values are needless, and how many bytes they have."""
        count = size = 0
        for keys in _chunks(values.needless(self._engine)):
            if self._mark is None:
                found = self._engine.view(partial(_lengths, space=values.space, keys=keys))
            else:
                found = self._engine.update(partial(_delete, space=values.space, keys=keys, mark=self._mark))
            count, size = count + len(found), size + sum(found)
        return count, size


def _page(view: View, after: bytes | None) -> list[Item]:
    return view.scan(BLOBS, after=after, limit=_BLOBS_AT_ONCE)


def _chunks(stretches: Iterator[list[bytes]]) -> Iterator[list[bytes]]:
    """The keys, so many at a time that the values find room in memory."""
    for keys in stretches:
        for i in range(0, len(keys), _VALUES_AT_ONCE):
            yield keys[i : i + _VALUES_AT_ONCE]


def _lengths(view: View, space: str, keys: Sequence[bytes]) -> list[int]:
    return [len(value) for value in view.get_many(space, keys) if value is not None]


def _delete(update: Update, space: str, keys: Sequence[bytes], mark: int) -> list[int]:
    garbage.check_mark(update, mark)
    found = _lengths(update, space, keys)
    update.delete_many(space, keys)
    return found
