"""What the tests of salvage share: stores of chance, where each entry lies in the file, and damage."""

from __future__ import annotations

import random
import shutil
import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TypeAlias

import attrs

from pithstore import records, versions
from pithstore.engine import View
from pithstore.engine.lmdb.pages import DataPages
from pithstore.engine.memory import MemoryEngine
from pithstore.errors import Damaged
from pithstore.keys import SPACES
from pithstore.model import Source, Version
from pithstore.pointer import Json
from pithstore.report import Salvaged
from pithstore.salvaging.salvage import salvage
from pithstore.store import Store
from pithstore.store import open as open_store
from tests.engine.lmdb_stores import data_file
from tests.store.shelves import Entries, Record, entries_of, record, replace_entries

Said: TypeAlias = dict[tuple[Source, int], tuple[Version, bytes]]
"""Every version with its record, by source and number."""
Places: TypeAlias = dict[tuple[str, bytes], list[tuple[int, int]]]
"""Where the bytes of each entry lie in the data file: from, to; by space and key."""

PAGE = 4096


def chance_record(chance: random.Random) -> Record:
    """A record of one of few sources, of sections that come again and again, short and long."""
    identity = chance.choice(["1", "2", "é\0", "x" * 300, str(chance.randrange(30))])
    sections: dict[str, Json] = {
        name: chance.choice("abc") * chance.choice([1, 20, 300, 600, 3000, 20000])
        for name in chance.sample("pqrstu", chance.randrange(5))
    }
    made = record(identity, builder=chance.choice(["b1", "b2"]), version={"version": 1}, n=chance.randrange(1000))
    return {**sections, **made}


def make_store(directory: Path, chance: random.Random) -> str:
    """A store of some versions: loose, compacted, or both; which of these it is."""
    shape = chance.choice(["loose", "compacted", "mixed", "compacted twice"])
    with open_store(directory, create=True) as store:
        _put_some(store, chance)
        if shape != "loose":
            store.compact()
        if shape == "compacted twice":
            _put_some(store, chance)
            store.compact()
        if shape in ("mixed", "compacted twice"):
            _put_some(store, chance)
    return shape


def _put_some(store: Store, chance: random.Random) -> None:
    for _ in range(chance.randrange(1, 6)):
        if chance.random() < 0.5:
            store.put(chance_record(chance))
        else:
            store.put_many([chance_record(chance) for _ in range(chance.randrange(1, 25))])


def said_by(directory: Path) -> Said:
    """All that a sound store says; and it verifies."""
    with open_store(directory, readonly=True) as store:
        assert [problem.message for problem in store.verify().problems] == []
        return {
            (source, version.number): (version, store.get_bytes(version))
            for source in store.sources()
            for version in store.history(source)
        }


@attrs.frozen
class Pristine:
    """A store before it is damaged: what it says, its entries, and where they lie in the file."""

    directory: Path
    said: Said
    entries: Entries
    places: Places

    @property
    def file(self) -> bytes:
        return data_file(self.directory).read_bytes()


def look_at(directory: Path) -> Pristine:
    """What there is to know of a sound store."""
    said = said_by(directory)
    with open_store(directory, readonly=True) as store:
        entries = entries_of(store._engine)
    data = data_file(directory).read_bytes()
    places = places_of(data)
    assert {(space, key) for space, found in entries.items() for key in found} == set(places)
    return Pristine(directory, said, entries, places)


def places_of(data: bytes) -> Places:
    """Where each entry lies in a sound data file."""
    found: Places = {}
    for name, tree in DataPages(BytesIO(data)).trees().items():
        for leaf in tree.leaves:
            start = leaf * PAGE
            (lower,) = struct.unpack_from("<H", data, start + 12)
            for (pointer,) in struct.iter_unpack("<H", data[start + 16 : start + lower]):
                at = start + pointer
                low, high, flags, key_bytes = struct.unpack_from("<HHHH", data, at)
                end, size = at + 8 + key_bytes, low | high << 16
                where = found[name.decode(), data[at + 8 : end]] = [(at, end + (8 if flags & 1 else size))]
                if flags & 1:
                    first = int.from_bytes(data[end : end + 8], "little") * PAGE + 16
                    where.append((first, first + size))
    return found


def untouched(places: Places, before: bytes, after: bytes) -> set[tuple[str, bytes]]:
    """The entries none of whose bytes have changed."""
    both = min(len(before), len(after))
    value = int.from_bytes(before[:both], "big") ^ int.from_bytes(after[:both], "big")
    changed = value.to_bytes(both, "big") + b"\1" * (len(before) - both)
    return {entry for entry, where in places.items() if not any(any(changed[start:end]) for start, end in where)}


def readable(pristine: Pristine, damaged: bytes) -> tuple[set[tuple[Source, int]], Said]:
    """The versions that the ordinary reader knows by the untouched entries, and those that it can read by them."""
    left: Entries = {space: {} for space in SPACES}
    for space, key in untouched(pristine.places, pristine.file, damaged):
        left[space][key] = pristine.entries[space][key]
    engine = MemoryEngine(SPACES)
    replace_entries(engine, left)
    known: set[tuple[Source, int]] = set()
    found: Said = {}

    def read(view: View, source: Source, number: int) -> None:
        (version,) = versions.need_many(view, [(source, number)])
        known.add((source, number))
        found[source, number] = version, records.read_record(view, version)

    for source, number in pristine.said:
        with suppress(Damaged):
            engine.view(partial(read, source=source, number=number))
    return known, found


def zero_metas(data: bytearray, chance: random.Random) -> None:
    data[: 2 * PAGE] = bytes(2 * PAGE)


def zero_one_meta(data: bytearray, chance: random.Random) -> None:
    at = chance.randrange(2) * PAGE
    data[at : at + PAGE] = bytes(PAGE)


def overwrite_pages(data: bytearray, chance: random.Random) -> None:
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(data) // PAGE) * PAGE
        data[at : at + PAGE] = chance.randbytes(PAGE)


def truncate(data: bytearray, chance: random.Random) -> None:
    del data[chance.randrange(len(data)) :]


def flip_bits(data: bytearray, chance: random.Random) -> None:
    for _ in range(chance.choice([1, 3, 30])):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def smash_headers(data: bytearray, chance: random.Random) -> None:
    """Write over the headers of pages: what lies behind them is all there."""
    for at in range(0, len(data), PAGE):
        if data[at : at + 8] == (at // PAGE).to_bytes(8, "little") and chance.random() < 0.3:
            data[at : at + 16] = chance.randbytes(16)


def swap_pages(data: bytearray, chance: random.Random) -> None:
    """Let two pages change places, as a write that went astray would."""
    one, other = (chance.randrange(len(data) // PAGE) * PAGE for _ in range(2))
    data[one : one + PAGE], data[other : other + PAGE] = data[other : other + PAGE], data[one : one + PAGE]


DAMAGES: Mapping[str, Callable[[bytearray, random.Random], None]] = {
    "zeroed metas": zero_metas,
    "one meta": zero_one_meta,
    "pages": overwrite_pages,
    "truncated": truncate,
    "bits": flip_bits,
    "headers": smash_headers,
    "swapped": swap_pages,
}


def salvaged_from(pristine: Pristine, damaged: bytes, work: Path) -> tuple[Salvaged, Said]:
    """What is saved of a copy of the store whose data file holds these bytes; and the copy stays as it was."""
    wreck, into = work / "wreck", work / "into"
    shutil.copytree(pristine.directory, wreck)
    data_file(wreck).write_bytes(damaged)
    before = _files(wreck)
    report = salvage(wreck, into)
    assert _files(wreck) == before
    assert sorted(path.name for path in work.iterdir()) == ["into", "wreck"]
    said = said_by(into)
    shutil.rmtree(wreck)
    shutil.rmtree(into)
    return report, said


def _files(directory: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in directory.rglob("*") if path.is_file()}
