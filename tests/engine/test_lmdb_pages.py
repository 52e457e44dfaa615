"""Pages read as bytes: every node whose own bytes are there is found, and no bytes do any harm."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterable, Sequence
from contextlib import closing
from functools import partial
from io import BytesIO

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pithstore.engine import Item, Update
from pithstore.engine.lmdb import LmdbEngine
from pithstore.engine.lmdb.pages import DataPages
from tests.engine.lmdb_stores import data_file
from tests.store.salvaging import Places, places_of, untouched

SPACES = ("some", "many", "none")
PAGE = 4096
Entries = dict[tuple[str, bytes], bytes]


def items_of(data: bytes) -> set[Item]:
    pages = DataPages(BytesIO(data))
    return {item for number in range(pages.count) for item in pages.items(number)}


def wanted(entries: Entries, found: Iterable[tuple[str, bytes]]) -> set[Item]:
    return {(key, entries[space, key]) for space, key in found}


@attrs.frozen
class Written:
    """A data file with branches, overflow runs and free pages; what is in it, and where."""

    data: bytes
    entries: Entries
    places: Places


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    chance = random.Random(1)
    entries: Entries = {}
    directory = tmp_path_factory.mktemp("pages") / "store"
    with closing(LmdbEngine.create(directory, SPACES)) as engine:
        for _ in range(20):
            space = chance.choice(SPACES[:2])
            batch = {chance.randbytes(chance.choice([1, 8, 300, 511])): _some_bytes(chance) for _ in range(20)}
            known = sorted(key for known, key in entries if known == space)
            gone = set(chance.sample(known, len(known) // 4)) - batch.keys()
            engine.update(partial(_write, space=space, batch=batch, gone=gone))
            entries |= {(space, key): value for key, value in batch.items()}
            entries = {
                entry: value for entry, value in entries.items() if entry[1] not in gone or entry[0] != space
            }
    data = data_file(directory).read_bytes()
    return Written(data, entries, places_of(data))


def _some_bytes(chance: random.Random) -> bytes:
    return chance.randbytes(chance.choice([0, 1, 9, 500, 2000, 5000, 16360]))


def _write(update: Update, space: str, batch: dict[bytes, bytes], gone: set[bytes]) -> None:
    update.put_many(space, batch.items())
    update.delete_many(space, gone)


def test_the_trees_of_a_sound_file_have_its_entries_and_no_others(written: Written) -> None:
    pages = DataPages(BytesIO(written.data))
    trees = pages.trees()
    assert set(trees) == {space.encode() for space in SPACES}
    for space in SPACES:
        tree = trees[space.encode()]
        found = [item for leaf in tree.leaves for item in pages.items(leaf)]
        assert tree.entries == len(found)
        assert set(found) == wanted(written.entries, (entry for entry in written.entries if entry[0] == space))
    assert any(len(tree.leaves) > 1 for tree in trees.values())
    assert len(items_of(written.data)) > len(written.entries), "there are no free pages to be told apart"


DAMAGE = st.lists(
    st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=40) | st.just(b"\0" * 16) | st.just(b"\xff" * 5000)),
    max_size=12,
)


@given(DAMAGE, st.none() | st.floats(0, 1))
def test_an_entry_whose_bytes_are_there_is_found_whatever_else_is_wrong(
    written: Written, damage: Sequence[tuple[float, bytes]], cut: float | None
) -> None:
    data = bytearray(written.data)
    for where, garbage in damage:
        at = int(where * len(data))
        data[at : at + len(garbage)] = garbage[: len(data) - at]
    if cut is not None:
        del data[int(cut * len(data)) :]
    found = items_of(bytes(data))
    assert wanted(written.entries, untouched(written.places, written.data, bytes(data))) <= found


def test_without_any_page_header_all_entries_are_found(written: Written) -> None:
    data = bytearray(written.data)
    for at in range(0, len(data), PAGE):
        if data[at : at + 8] == (at // PAGE).to_bytes(8, "little"):
            data[at : at + 16] = bytes(16)
    assert DataPages(BytesIO(bytes(data))).trees() == {}
    assert wanted(written.entries, written.entries) <= items_of(bytes(data))


@given(st.binary(max_size=5 * PAGE) | st.lists(st.sampled_from([bytes(PAGE), b"\1\0" * 2048])).map(b"".join))
def test_no_bytes_do_any_harm(data: bytes) -> None:
    DataPages(BytesIO(data)).trees()
    items_of(data)


def test_a_meta_page_that_leads_elsewhere_is_noticed(written: Written) -> None:
    sound = DataPages(BytesIO(written.data)).trees()
    noticed = 0
    for start in (0, PAGE):
        for at in (*range(80, 88), *range(128, 152)):  # root of the free pages, root, last page, transaction
            for bit in range(8):
                data = bytearray(written.data)
                data[start + at] ^= 1 << bit
                trees = DataPages(BytesIO(bytes(data))).trees()
                assert trees in ({}, sound)
                noticed += not trees
    assert noticed > 300


def test_a_meta_page_that_leads_to_an_old_state_is_noticed(written: Written) -> None:
    """Pages that were the root once are free, and say what was then."""
    pages = DataPages(BytesIO(written.data))
    old = [number for number in range(pages.count) if _NAME + b"many" in pages.page(number)]
    assert len(old) > 2
    sound = pages.trees()
    for root in old:
        data = bytearray(written.data)
        for start in (0, PAGE):
            data[start + 128 : start + 136] = root.to_bytes(8, "little")
        assert DataPages(BytesIO(bytes(data))).trees() in ({}, sound)


def test_pages_that_nothing_leads_to_are_noticed(written: Written) -> None:
    """The database is said to be one of its own leaves."""
    pages = DataPages(BytesIO(written.data))
    first, *others = pages.trees()[b"many"].leaves
    assert others
    data = bytearray(written.data)
    for number in range(pages.count):
        at = number * PAGE + pages.page(number).find(_NAME + b"many")
        if at >= number * PAGE:
            data[at + 48 : at + 56] = first.to_bytes(8, "little")
    assert data != written.data
    assert DataPages(BytesIO(bytes(data))).trees() == {}


_NAME = struct.pack("<HH", 2, 4)  # the node of a database: its flags, the bytes of its name


@pytest.mark.parametrize("page_bytes", [0x1000, 0x2000, 0x4000, 0x8000, 0x10000])
def test_pages_may_have_another_size(page_bytes: int) -> None:
    """A file without meta pages: a leaf with a short value and a long one, which lies behind it."""
    nodes = struct.pack("<HHHH", 3, 0, 0, 2) + b"k1" + b"abc\0" + struct.pack("<HHHH", 9000, 0, 1, 2) + b"k2"
    nodes += (5).to_bytes(8, "little")
    upper = page_bytes - len(nodes)
    leaf = struct.pack("<QHHHHHH", 4, 0, 2, 20, upper, upper, upper + 14)
    run = struct.pack("<QHHI", 5, 0, 4, -(-9016 // page_bytes)) + b"x" * 9000
    data = bytes(4 * page_bytes) + leaf.ljust(upper, b"\0") + nodes + run
    assert DataPages(BytesIO(data)).page_bytes == page_bytes
    assert set(DataPages(BytesIO(data)).items(4)) == {(b"k1", b"abc"), (b"k2", b"x" * 9000)}
