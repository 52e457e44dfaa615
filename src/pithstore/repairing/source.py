"""What the entries of one source say, and what they should say."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import attrs

from pithstore import records
from pithstore.codec import (
    Head,
    LineHead,
    decode_head,
    decode_line_head,
    encode_head,
    encode_line_head,
    encode_version,
)
from pithstore.engine import Item, View
from pithstore.errors import Damaged, NotFound
from pithstore.keys import (
    HEAD,
    LINE,
    OUTCOMES,
    RUN,
    TIME,
    VERSION,
    VERSIONS,
    head_key,
    line_key,
    run_key,
    time_key,
    version_key,
)
from pithstore.model import Line, Source, Version
from pithstore.packs.run import Row, Run, encode_run
from pithstore.packs.runs import read_run
from pithstore.seal import seal_many, unseal
from pithstore.tail import STREAM_BYTES
from pithstore.versions import read_version

NOWHERE = 0xFFFF_FFFF * STREAM_BYTES
"""The position of no frame.  A run that was lost with it is written so: its versions have manifests of their own,
which count where there is no frame, and the next compaction packs them."""
_SCAN = 4096


@attrs.frozen
class Seen:
    """The sound entries of a source, and the keys of the others.

    `lost` are numbers that entries mention and no version has; `stretches` are those of unsound runs: the numbers
    above the first and up to the second.
    """

    source: Source
    items: Mapping[bytes, bytes]
    runs: Sequence[Run]
    loose: Mapping[int, Version]
    head: Head | None
    lines: Mapping[bytes, LineHead]
    unsound: Collection[bytes]
    lost: Collection[int]
    stretches: Sequence[tuple[int, int]]

    @property
    def packed(self) -> Iterator[Version]:
        """The versions in runs, by rising number."""
        return (run.version(self.source, row) for run in self.runs for row in range(run.count))

    @property
    def numbers(self) -> set[int]:
        """The numbers of all versions."""
        return {*self.loose, *(run.number(row) for run in self.runs for row in range(run.count))}

    @property
    def last_packed(self) -> int:
        """The last number in a run, sound or not; 0 where there is none."""
        prefix = head_key(self.source)[:-1] + RUN
        return max((int.from_bytes(key[-4:], "big") for key in self.items if key.startswith(prefix)), default=0)


def read_items(view: View, key: bytes) -> dict[bytes, bytes]:
    """All entries of the source with that key."""
    found: dict[bytes, bytes] = {}
    after: bytes | None = None
    while items := view.scan(VERSIONS, prefix=key, after=after, limit=_SCAN):
        found.update(items)
        after = items[-1][0]
    return found


def look(source: Source, items: Mapping[bytes, bytes]) -> Seen:
    """What the entries of a source say."""
    cut = len(head_key(source)) - 1
    by_kind: dict[bytes, list[Item]] = {}
    for item in sorted(items.items()):
        by_kind.setdefault(item[0][cut : cut + 1], []).append(item)
    unsound: set[bytes] = set()
    runs, stretches = _runs(source, by_kind.get(RUN, ()), unsound)
    loose: dict[int, Version] = {}
    for item in by_kind.get(VERSION, ()):
        try:
            version = read_version(source, item)
            loose[version.number] = version
        except (Damaged, NotFound):
            unsound.add(item[0])
    lines = _lines(by_kind.get(LINE, ()), unsound)
    head = _head(by_kind.get(HEAD, ()), unsound)
    mentioned = [key for kind in (VERSION, TIME, OUTCOMES) for key, _ in by_kind.get(kind, ())]
    seen = Seen(source, items, runs, loose, head, lines, unsound, (), stretches)
    numbers = {int.from_bytes(key[-4:], "big") for key in mentioned} | {line.number for line in lines.values()}
    return attrs.evolve(seen, lost=numbers - seen.numbers)


def _runs(source: Source, items: Iterable[Item], unsound: set[bytes]) -> tuple[list[Run], list[tuple[int, int]]]:
    runs: list[Run] = []
    stretches: list[tuple[int, int]] = []
    last = 0
    for item in items:
        end = int.from_bytes(item[0][-4:], "big")
        try:
            run = read_run(source, item)
            run.columns()
        except (Damaged, NotFound):
            unsound.add(item[0])
            stretches.append((last, end))
        else:
            runs.append(run)
        last = end
    return runs, stretches


def _lines(items: Iterable[Item], unsound: set[bytes]) -> dict[bytes, LineHead]:
    lines: dict[bytes, LineHead] = {}
    for key, value in items:
        try:
            lines[key] = decode_line_head(unseal(VERSIONS, key, value))
        except (Damaged, NotFound):
            unsound.add(key)
    return lines


def _head(items: Iterable[Item], unsound: set[bytes]) -> Head | None:
    for key, value in items:
        try:
            return decode_head(unseal(VERSIONS, key, value))
        except (Damaged, NotFound):
            unsound.add(key)
    return None


@attrs.frozen
class Wanted:
    """What the entries of a source should be: those to write, and the keys of those that go."""

    put: Sequence[Item]
    gone: Collection[bytes]


def entries_of(view: View, seen: Seen, back: Sequence[Version], last: Head | None, *, every_line: bool) -> Wanted:
    """What should be otherwise, given the versions that come back.

    `last` is what else is known of the last number that was given.  Every line gets a head of its own where that
    is asked for: what a run says of it may be wrong.
    """
    numbers = seen.numbers
    back = [version for version in back if version.number not in numbers]
    packed = [version for version in back if version.number < seen.last_packed]
    loose = {**seen.loose, **{each.number: each for each in back if each.number > seen.last_packed}}
    ends = {end for _, end in seen.stretches}
    packed += [version for version in back if version.number in ends and version.number == seen.last_packed]
    left = set(seen.lost) - {version.number for version in back}
    put: dict[bytes, bytes] = dict(_packed_again(view, seen, packed))
    put |= {version_key(each.source, each.number): encode_version(each) for each in back if each.number in loose}
    times = {_time_key(version): b"" for version in loose.values()}
    put |= times
    put |= _line_heads(view, seen, [*seen.packed, *packed], loose, every_line=every_line)
    put |= _new_head(seen, packed, loose, left, last)
    sealed = seal_many(VERSIONS, put.items())
    return Wanted(
        [(key, value) for key, value in sealed if seen.items.get(key) != value],
        {key for key in _strays(seen, left, times, [*seen.packed, *packed, *loose.values()]) if key not in put},
    )


def _time_key(version: Version) -> bytes:
    return time_key(Line(version.source, version.builder_version), version.observed_at, version.number)


def _packed_again(view: View, seen: Seen, back: Iterable[Version]) -> Iterator[Item]:
    """The runs of versions that come back below what is in runs: as many as lie between two of these."""
    bounds = [(run.number(0), run.number(run.count - 1)) for run in seen.runs]
    between: dict[int, list[Version]] = {}
    for version in sorted(back, key=lambda each: each.number):
        if not any(first <= version.number <= last for first, last in bounds):
            before = max((last for _, last in bounds if last < version.number), default=0)
            between.setdefault(before, []).append(version)
    newest = {version.builder_version: version.number for version in [*seen.packed, *seen.loose.values(), *back]}
    for rows in between.values():
        heads = {}
        for version in rows:
            if newest[version.builder_version] == version.number:
                heads[version.builder_version] = _line_head(view, version, None)
        known = {name: head for name, head in heads.items() if head is not None}
        yield run_key(seen.source, rows[-1].number), encode_run(NOWHERE, [Row(each) for each in rows], known)


def _line_heads(
    view: View, seen: Seen, packed: Iterable[Version], loose: Mapping[int, Version], *, every_line: bool
) -> dict[bytes, bytes]:
    newest: dict[str, Version] = {}
    for version in sorted([*packed, *loose.values()], key=lambda each: each.number):
        newest[version.builder_version] = version
    needed = {version.builder_version for version in loose.values()}
    found: dict[bytes, bytes] = {}
    for builder, version in newest.items():
        key = line_key(Line(seen.source, builder))
        if every_line or builder in needed or key in seen.items:
            head = _line_head(view, version, None if every_line else seen.lines.get(key))
            if head is not None:
                found[key] = encode_line_head(head)
    return found


def _line_head(view: View, version: Version, old: LineHead | None) -> LineHead | None:
    """The head of a line; None where its newest version cannot be read."""
    if old is not None and (old.number, old.snapshot) == (version.number, version.snapshot):
        return old
    try:
        sections = len(records.read_manifest(view, version).sections)
    except (Damaged, NotFound):
        return None
    return LineHead(version.builder_version, version.number, version.snapshot, sections)


def _new_head(
    seen: Seen, packed: Sequence[Version], loose: Mapping[int, Version], left: Iterable[int], last: Head | None
) -> dict[bytes, bytes]:
    key = head_key(seen.source)
    known = [*seen.packed, *packed, *loose.values()]
    if not (known or seen.head or last) or (not loose and seen.head is None and key not in seen.items and known):
        return {}
    heads = [head for head in (seen.head, last) if head is not None]
    numbers = [version.number for version in known] + [head.number for head in heads] + list(left)
    moments = [version.recorded_at for version in known] + [head.recorded_at for head in heads]
    return {key: encode_head(Head(max(numbers), max(moments)))}


def _strays(
    seen: Seen, left: Collection[int], times: Collection[bytes], known: Sequence[Version]
) -> Iterator[bytes]:
    """Entries that belong to no version, and none that is lost might need them."""
    cut = len(head_key(seen.source)) - 1
    lines = {line_key(Line(seen.source, version.builder_version)) for version in known}
    unknown = bool(left or seen.stretches)
    numbers = {version.number for version in known}
    for key in seen.items:
        kind, number = key[cut : cut + 1], int.from_bytes(key[-4:], "big")
        stray_time = kind == TIME and key not in times and number not in left
        replaced = kind in (VERSION, RUN) and key in seen.unsound and number in numbers
        if stray_time or replaced or (kind == LINE and key not in lines and not unknown):
            yield key
