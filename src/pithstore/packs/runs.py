"""The runs of a source, as they lie in the index beside its other entries."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from itertools import islice

from pithstore.codec import Head, LineHead
from pithstore.digest import Digest
from pithstore.engine import Item, Update, View
from pithstore.errors import Damaged
from pithstore.keys import MAX_NUMBER, PACKS, RUN, VERSIONS, run_key, runs_prefix, tail_key
from pithstore.model import Line, Source, Version
from pithstore.packs.run import Row, Run, encode_run
from pithstore.packs.run import locate as locate_in_run
from pithstore.seal import seal_many, unseal

_FIRST_PACK = tail_key(0, 0)
_KEPT = 256  # runs: a few kilobytes each


def find(view: View, source: Source, number: int) -> tuple[Run, int] | None:
    """The run that has the version with that number, and its row there; None where none has it."""
    prefix = runs_prefix(source)
    after = prefix + min(max(number - 1, 0), MAX_NUMBER).to_bytes(4, "big")
    items = view.scan(VERSIONS, prefix=prefix, after=after, limit=1)
    if not items:
        return None
    found = read_run(source, items[0])
    row = found.row(number)
    return None if row is None else (found, row)


def locate(view: View, source: Source, number: int) -> tuple[int, int, bytes] | None:
    """Where the frame of a version lies, its row there and its snapshot hash; None where it is in no run.

    Damaged where the run is not as it was written.  It decodes nothing else.
    """
    prefix = runs_prefix(source)
    after = prefix + min(max(number - 1, 0), MAX_NUMBER).to_bytes(4, "big")
    items = view.scan(VERSIONS, prefix=prefix, after=after, limit=1)
    return locate_in_run(unseal(VERSIONS, *items[0]), number) if items else None


def find_many(view: View, version_keys: Iterable[bytes]) -> Iterator[tuple[Run, int] | None]:
    """The run with the version that would stand under each key, and its row; None where no sound one has it.

    Quicker where versions of one run come one after the other.
    """
    source, run = b"", None
    for key in version_keys:
        number = int.from_bytes(key[-4:], "big")
        row = run.row(number) if run is not None and key.startswith(source) else None
        if row is None:
            source, run = key[:-4], _sound_run(view, key[:-5] + RUN, number)
            row = None if run is None else run.row(number)
        yield None if run is None or row is None else (run, row)


def _sound_run(view: View, prefix: bytes, number: int) -> Run | None:
    items = view.scan(VERSIONS, prefix=prefix, after=prefix + max(number - 1, 0).to_bytes(4, "big"), limit=1)
    try:
        return decode_run(*items[0]) if items else None
    except Damaged:
        return None


def forwards(view: View, source: Source, after: int = 0, *, limit: int = 64) -> Iterator[Run]:
    """The runs of a source that reach beyond that number, in order; `limit` is how many are read at once."""
    key = run_key(source, min(after, MAX_NUMBER))
    while items := view.scan(VERSIONS, prefix=runs_prefix(source), after=key, limit=limit):
        yield from (read_run(source, item) for item in items)
        key = items[-1][0]


def backwards(view: View, source: Source, before: int | None = None) -> Iterator[Run]:
    """The runs of a source, last first; with `before` those that begin below that number."""
    key: bytes | None = None
    if before is not None and before <= MAX_NUMBER:
        found = next(forwards(view, source, before - 1, limit=1), None)
        if found is not None:
            if found.number(0) < before:
                yield found
            key = run_key(source, found.number(found.count - 1))
    while items := view.scan(VERSIONS, prefix=runs_prefix(source), after=key, limit=1, reverse=True):
        yield read_run(source, items[0])
        key = items[0][0]


def read_run(source: Source, item: Item) -> Run:
    """The run that an item of the index holds; Damaged names the source and the last number."""
    return _ending(source, item, decode_run)


def read_run_once(source: Source, item: Item) -> Run:
    """The same, for whoever goes through all runs and will not ask for one again."""
    return _ending(source, item, _decode_run)


def _ending(source: Source, item: Item, decode: Callable[[bytes, bytes], Run]) -> Run:
    """The run in an item, which ends where its key says."""
    try:
        run = decode(*item)
        if run.count and run.number(run.count - 1) == int.from_bytes(item[0][-4:], "big"):
            return run
        raise Damaged("it does not end where its key says")
    except Damaged as error:
        number = int.from_bytes(item[0][-4:], "big")
        raise Damaged(f"{source}: the run up to version {number} is damaged ({error}); run verify") from None


@lru_cache(maxsize=_KEPT)  # whoever resolves a reference reads the record next
def decode_run(key: bytes, value: bytes) -> Run:
    """The run that an entry holds; Damaged where it is not as it was written."""
    return _decode_run(key, value)


def _decode_run(key: bytes, value: bytes) -> Run:
    return Run(unseal(VERSIONS, key, value))


def any_packs(view: View) -> bool:
    """Whether the store has packs at all, and so may have runs."""
    return view.has_many(PACKS, [_FIRST_PACK])[0]


def has_snapshot(view: View, source: Source, snapshot: Digest) -> bool:
    """Whether a version of the source that is in a run has that snapshot hash."""
    return any(run.snapshot(row) == snapshot for run in forwards(view, source) for row in range(run.count))


def head(view: View, source: Source) -> Head | None:
    """The last number and recorded_at in the runs of a source; None where it has none."""
    last = next(backwards(view, source), None)
    return None if last is None else Head(last.number(last.count - 1), last.recorded_at(last.count - 1))


def line_head(view: View, line: Line) -> LineHead | None:
    """The newest version of a line that is in a run."""
    heads = (head for run in backwards(view, line.source) for head in run.line_heads())
    return next((head for head in heads if head.builder_version == line.builder_version), None)


def builders(view: View, source: Source) -> set[str]:
    """The builders that have a version in the runs of a source."""
    return {name for run in forwards(view, source) for name in run.builders}


def as_of(
    view: View, source: Source, builders: Collection[str], moment: datetime, last: int
) -> tuple[datetime, int] | None:
    """The greatest (observed_at, number) in runs by these builders with observed_at ≤ moment and number ≤ last."""
    found: list[tuple[datetime, int]] = []
    for times in _times(view, source, builders):
        end = bisect_right(times, (moment, MAX_NUMBER))
        found += islice((time for time in reversed(times[:end]) if time[1] <= last), 1)
    return max(found, default=None)


def at(view: View, line: Line, moment: datetime) -> list[int]:
    """The numbers of the versions of a line in runs that were observed at exactly that moment, rising."""
    found = (
        (bisect_left(times, (moment, 0)), bisect_right(times, (moment, MAX_NUMBER)), times)
        for times in _times(view, line.source, (line.builder_version,))
    )
    return [number for start, end, times in found for _, number in times[start:end]]


def _times(view: View, source: Source, builders: Collection[str]) -> Iterator[list[tuple[datetime, int]]]:
    for run in forwards(view, source):
        times = _sorted_times(run)
        yield from (times[builder] for builder in builders if builder in times)


@lru_cache(maxsize=_KEPT)  # whoever puts records of past times asks for each of them
def _sorted_times(run: Run) -> dict[str, list[tuple[datetime, int]]]:
    """(observed_at, number) of the versions of each builder in a run, rising."""
    times: dict[str, list[tuple[datetime, int]]] = {builder: [] for builder in run.builders}
    for row in range(run.count):
        times[run.builder_version(row)].append((run.observed_at(row), run.number(row)))
    return {builder: sorted(found) for builder, found in times.items()}


def write_outcomes(update: Update, source: Source, outcomes: Mapping[int, bytes]) -> int:
    """Give the versions in runs these outcomes, by number, and those that are not named none; the last number."""
    entries: list[Item] = []
    last = 0
    for run in forwards(update, source):
        rows = [
            Row(version, outcomes.get(version.number, b""))
            for version in (run.version(source, row) for row in range(run.count))
        ]
        last = rows[-1].version.number
        heads = {head.builder_version: head for head in run.line_heads()}
        entries.append((run_key(source, last), encode_run(run.position, rows, heads)))
    update.put_many(VERSIONS, seal_many(VERSIONS, entries))
    return last


def page(view: View, source: Source, after: int | None, limit: int, *, reverse: bool) -> list[Version]:
    """Versions of a source that are in runs, upwards or downwards from beyond that number."""
    found: list[Version] = []
    for run in backwards(view, source, after) if reverse else forwards(view, source, after or 0):
        rows = reversed(range(run.count)) if reverse else range(run.count)
        beyond = [
            row
            for row in rows
            if after is None or (run.number(row) < after if reverse else run.number(row) > after)
        ]
        found.extend(run.version(source, row) for row in beyond[: limit - len(found)])
        if len(found) >= limit:
            break
    return found
