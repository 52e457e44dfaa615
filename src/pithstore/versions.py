"""The versioned index: what each source said, by number, by builder and by time.

All of it lies in one space, side by side for each source: its head, its versions by number, its lines, and the
times of each line.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from typing import TypeVar

from pithstore.codec import (
    TEXT_HASH_BYTES,
    Head,
    LineHead,
    decode_head,
    decode_line_head,
    decode_version,
    encode_head,
    encode_line_head,
    encode_version,
)
from pithstore.engine import Item, Update, View
from pithstore.errors import Damaged
from pithstore.keys import (
    MAX_NUMBER,
    VERSIONS,
    head_key,
    line_key,
    lines_prefix,
    read_time_key,
    time_key,
    times_prefix,
    version_key,
    versions_prefix,
)
from pithstore.model import Line, Source, Version
from pithstore.packs import runs
from pithstore.seal import SEAL_BYTES, seal_many, unseal

T = TypeVar("T")

_HASH = slice(-SEAL_BYTES - TEXT_HASH_BYTES, -SEAL_BYTES)  # an entry of a line without one has other bytes there

_LATELY = 8192
_heads: dict[bytes, tuple[bytes, Head]] = {}
_line_heads: dict[bytes, tuple[bytes, LineHead]] = {}
"""What was written lately, by key, with its entry: who finds that very entry knows what it says."""


def read_version(source: Source, item: Item) -> Version:
    """The version that an item of the index holds; Damaged names the source and the number."""
    key, value = item
    try:
        payload = unseal(VERSIONS, key, value)
    except Damaged as error:
        raise _damaged(source, int.from_bytes(key[-4:], "big"), error) from None
    return decode_item(source, (key, payload))


def decode_item(source: Source, item: Item) -> Version:
    """The version whose key and unsealed payload these are; Damaged names the source and the number."""
    number = int.from_bytes(item[0][-4:], "big")
    try:
        return decode_version(source, number, item[1])
    except Damaged as error:
        raise _damaged(source, number, error) from None


def _damaged(source: Source, number: int, error: Damaged) -> Damaged:
    return Damaged(f"{source} version {number}: its index entry is damaged ({error}); run verify")


def heads(view: View, sources: Sequence[Source]) -> list[Head | None]:
    """The head of each source; None for a source that has no version yet."""
    keys = [head_key(source) for source in sources]
    found = zip(sources, keys, view.get_many(VERSIONS, keys), strict=True)
    packed = runs.any_packs(view)
    return [
        (runs.head(view, source) if packed else None)
        if value is None
        else _known(_heads, key, value) or _read_head(source, key, value)
        for source, key, value in found
    ]


def _read_head(source: Source, key: bytes, value: bytes) -> Head:
    try:
        return decode_head(unseal(VERSIONS, key, value))
    except Damaged as error:
        raise Damaged(f"{source}: its head is damaged ({error}); run verify") from None


def line_heads(view: View, lines: Sequence[Line]) -> list[LineHead | None]:
    """The head of each line; None for a line that has no version."""
    keys = [line_key(line) for line in lines]
    found = zip(lines, keys, view.get_many(VERSIONS, keys), strict=True)
    packed = runs.any_packs(view)
    return [
        (runs.line_head(view, line) if packed else None)
        if value is None
        else _known(_line_heads, key, value) or read_line_head(line.source, (key, value))
        for line, key, value in found
    ]


def _known(lately: dict[bytes, tuple[bytes, T]], key: bytes, value: bytes) -> T | None:
    found = lately.get(key)
    return None if found is None or found[0] != value else found[1]


def text_hashes(view: View, lines: Sequence[Line]) -> list[bytes]:
    """The text hash in the head of each line, as it lies there: a hint, whose checksum nobody has looked at."""
    keys = [line_key(line) for line in lines]
    values = zip(lines, view.get_many(VERSIONS, keys), strict=True)
    packed = runs.any_packs(view)
    return [
        (_packed_hash(view, line) if packed else b"") if value is None else value[_HASH] for line, value in values
    ]


def _packed_hash(view: View, line: Line) -> bytes:
    head = runs.line_head(view, line)
    return b"" if head is None else head.text_hash


def read_line_head(source: Source, item: Item) -> LineHead:
    """The line head that an item of the index holds; Damaged names the source."""
    key, value = item
    try:
        return decode_line_head(unseal(VERSIONS, key, value))
    except Damaged as error:
        raise Damaged(f"{source}: the head of one of its lines is damaged ({error}); run verify") from None


def get_many(view: View, wanted: Sequence[tuple[Source, int]]) -> list[Version | None]:
    """The versions with these sources and numbers; None where there is none."""
    keys = [version_key(source, number) for source, number in wanted]
    found = zip(wanted, keys, view.get_many(VERSIONS, keys), strict=True)
    return [
        _packed(view, source, number) if value is None else read_version(source, (key, value))
        for (source, number), key, value in found
    ]


def _packed(view: View, source: Source, number: int) -> Version | None:
    found = runs.find(view, source, number)
    return None if found is None else found[0].version(source, found[1])


def need_many(view: View, wanted: Sequence[tuple[Source, int]]) -> list[Version]:
    """The versions that other entries name; Damaged where one of them is not there."""
    found = get_many(view, wanted)
    for (source, number), version in zip(wanted, found, strict=True):
        if version is None:
            raise Damaged(f"{source} version {number}: its index entry is missing; run verify")
    return [version for version in found if version is not None]


def page(
    view: View, source: Source, *, after: int | None = None, limit: int, reverse: bool = False
) -> list[Version]:
    """Versions of a source by number, upwards or downwards from beyond `after`."""
    if reverse:
        found = _unpacked(view, source, after, limit, reverse=True)
        left = limit - len(found)
        return found + runs.page(view, source, after, left, reverse=True) if left else found
    packed = runs.page(view, source, after, limit, reverse=False)
    left = limit - len(packed)
    return packed + _unpacked(view, source, after, left, reverse=False) if left else packed


def _unpacked(view: View, source: Source, after: int | None, limit: int, *, reverse: bool) -> list[Version]:
    """Versions that are in no run; their numbers are above those of all that are."""
    items = view.scan(
        VERSIONS,
        prefix=versions_prefix(source),
        after=None if after is None else version_key(source, after),
        limit=limit,
        reverse=reverse,
    )
    return [read_version(source, item) for item in items]


def left(view: View, sources: Sequence[Source]) -> list[Source]:
    """Those of the sources, which the store has all had versions of, that have one left."""
    keys = [head_key(source) for source in sources]
    values = view.get_many(VERSIONS, keys)
    heads = {  # where there is no head, there is a run
        source: _read_head(source, key, value)
        for source, key, value in zip(sources, keys, values, strict=True)
        if value is not None
    }
    newest = [version_key(source, head.number) for source, head in heads.items()]
    known = zip(heads, view.has_many(VERSIONS, newest), strict=True)
    emptied = {source for source, has_newest in known if not has_newest and not page(view, source, limit=1)}
    return [source for source in sources if source not in emptied]


def lines(view: View, source: Source) -> list[Line]:
    """The lines of a source, by builder."""
    names = runs.builders(view, source)
    prefix, after = lines_prefix(source), None
    while items := view.scan(VERSIONS, prefix=prefix, after=after, limit=256):
        names.update(read_line_head(source, item).builder_version for item in items)
        after = items[-1][0]
    return sorted((Line(source, name) for name in names), key=line_key)


def line_as_of(view: View, line: Line, moment: datetime, last: int = MAX_NUMBER) -> tuple[datetime, int] | None:
    """The greatest (observed_at, number) of a line with observed_at ≤ moment and number ≤ last; None for none."""
    packed = runs.as_of(view, line.source, (line.builder_version,), moment, last)
    return max(filter(None, (packed, _unpacked_as_of(view, line, moment, last))), default=None)


def _unpacked_as_of(view: View, line: Line, moment: datetime, last: int) -> tuple[datetime, int] | None:
    end = time_key(line, moment, MAX_NUMBER)
    while items := view.scan(VERSIONS, prefix=times_prefix(line), after=end, limit=1, reverse=True):
        found = _read_time(line, items[0])
        if found[1] <= last:
            return found
        end = items[0][0]
    return None


def line_at(view: View, line: Line, moment: datetime) -> list[int]:
    """The numbers of the versions of a line that were observed at exactly that moment, by rising number."""
    first = time_key(line, moment, 0)
    items = view.scan(VERSIONS, prefix=first[:-4], after=first, limit=MAX_NUMBER)
    return runs.at(view, line, moment) + [_read_time(line, item)[1] for item in items]


def _read_time(line: Line, item: Item) -> tuple[datetime, int]:
    key, value = item
    try:
        unseal(VERSIONS, key, value)
        return read_time_key(key)
    except Damaged as error:
        raise Damaged(f"{line.source}: one of its times is damaged ({error}); run verify") from None


def as_of(
    view: View, source: Source, builders: Collection[str], moment: datetime, last: int = MAX_NUMBER
) -> Version | None:
    """The version with the greatest (observed_at, number) with observed_at ≤ moment, over these builders.

    Only versions up to number `last` count.
    """
    lines = [Line(source, builder) for builder in builders]
    times = [runs.as_of(view, source, builders, moment, last)]
    times += [_unpacked_as_of(view, line, moment, last) for line in lines]
    found = max(filter(None, times), default=None)
    return None if found is None else need_many(view, [(source, found[1])])[0]


def last_recorded(view: View, source: Source, moment: datetime) -> int:
    """The number of the last version of a source with recorded_at ≤ moment; 0 where there is none.

    recorded_at never runs backwards within a source, so the versions that were there by then come first.
    """
    newest = page(view, source, limit=1, reverse=True)
    low, high = 0, newest[0].number if newest else 0  # version `low` was there by then
    while low < high:
        middle = (low + high + 1) // 2
        (found,) = page(view, source, after=middle - 1, limit=1)
        if found.recorded_at <= moment:
            low = max(middle, found.number)
        else:
            high = middle - 1
    return low


def write_many(update: Update, new: Iterable[Version], lines: Iterable[tuple[Line, LineHead]]) -> None:
    """Write the versions with their times, the heads of their sources, and the heads of these lines.

    The versions of a source come by rising number.
    """
    once: list[Item] = []
    heads: dict[bytes, Head] = {}
    for version in new:
        source, number = version.source, version.number
        once.append((version_key(source, number), encode_version(version)))
        once.append((time_key(Line(source, version.builder_version), version.observed_at, number), b""))
        heads[head_key(source)] = Head(number, version.recorded_at)
    if update.create_many(VERSIONS, seal_many(VERSIONS, once)) != len(once):
        raise Damaged("a version stands where none was written yet; run verify")
    _write_over(update, heads, encode_head, _heads)
    _write_over(update, {line_key(line): head for line, head in lines}, encode_line_head, _line_heads)


def _write_over(
    update: Update, values: dict[bytes, T], encode: Callable[[T], bytes], lately: dict[bytes, tuple[bytes, T]]
) -> None:
    entries = seal_many(VERSIONS, ((key, encode(value)) for key, value in values.items()))
    update.put_many(VERSIONS, entries)
    if len(lately) > _LATELY:
        lately.clear()
    lately.update((key, (entry, values[key])) for key, entry in entries)
