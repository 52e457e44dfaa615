"""The structural walk: nothing is found in what honest histories leave, and each kind of damage is."""

from __future__ import annotations

import random
import shutil
import struct
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import lmdb.verify
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pithstore.engine import Update
from pithstore.engine.lmdb import LmdbEngine
from pithstore.engine.lmdb.walk import Finding, walk
from pithstore.errors import Damaged, UsageError
from pithstore.testing.engine_tests import SPACES, bump, put
from pithstore.testing.successor_contract import renew
from tests.engine.lmdb_stores import data_file, keep_writing, process, refused

PAGE = 4096
BRANCH, LEAF, OVERFLOW = 1, 2, 4

Change = Callable[[bytearray], None]


@pytest.fixture
def deep(directory: Path) -> Path:
    """A store with branches, overflow pages and free pages, at rest."""
    with closing(LmdbEngine.create(directory, SPACES)) as engine:
        for step in range(3):
            put(engine, *((b"key%06d" % n, b"v" * (300 + (n * 7 + step) % 900)) for n in range(step, 1500, 3)))
            put(engine, (b"large%d" % step, bytes(30_000)))
        engine.update(lambda tx: tx.delete_many("left", [b"key%06d" % n for n in range(200, 500)]))
    return directory


def pages(content: bytes | bytearray, kind: int) -> list[int]:
    """Where the pages of a kind are, those among them that are free."""
    found = []
    for at in range(2 * PAGE, len(content), PAGE):
        number, flags = struct.unpack_from("=Q2xH", content, at)
        if number == at // PAGE and flags == kind:
            found.append(at)
    return found


def findings(directory: Path) -> list[Finding]:
    return walk(str(data_file(directory)))


def test_a_sound_store(deep: Path) -> None:
    """At rest, and open by either handle; by whichever way it is asked for."""
    assert findings(deep) == LmdbEngine.walk_at_rest(deep) == []
    for readonly in (True, False):
        with closing(LmdbEngine.open(deep, SPACES, readonly=readonly)) as engine:
            assert engine.walk() == []
            with refused(UsageError, deep, "open in this process"):
                LmdbEngine.walk_at_rest(deep)


@pytest.mark.process
@pytest.mark.parametrize("readonly", [True, False])
def test_beside_a_writer(deep: Path, readonly: bool) -> None:
    """No false alarm, whether the writer is held up or not."""
    with process(keep_writing, deep), closing(LmdbEngine.open(deep, SPACES, readonly=readonly)) as engine:
        for _ in range(15):
            assert engine.walk() == []


KEYS = st.integers(0, 60)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sets(KEYS), st.sampled_from([1, 300, 1900, 3000, 9000])),
        st.tuples(st.just("delete"), st.sets(KEYS), st.just(0)),
        st.tuples(st.just("renew"), st.just(set()), st.just(0)),
    ),
    max_size=12,
)


@given(STEPS)
def test_honest_histories(steps: list[tuple[str, set[int], int]]) -> None:
    with tempfile.TemporaryDirectory() as room:
        with closing(LmdbEngine.create(Path(room) / "store", SPACES)) as engine:
            for what, numbers, size in steps:
                if what == "renew":
                    renew(engine)
                else:
                    engine.update(lambda tx, step=(what, numbers, size): change(tx, *step))  # type: ignore[misc]
        assert findings(Path(room) / "store") == []


def change(tx: Update, what: str, numbers: set[int], size: int) -> None:
    for space in SPACES:
        keys = [b"%03d" % number * 9 for number in sorted(numbers)]
        if what == "put":
            tx.put_many(space, [(key, bytes(size)) for key in keys])
        else:
            tx.delete_many(space, keys)
    bump(tx)


# Damage.


def a_branch_that_leads_past_keys(content: bytearray) -> None:
    """A separator that is lower: keys of the page before are sought behind it.  `lmdb.verify` sees nothing."""
    change_separator(content, lower=True)


def a_branch_that_leads_past_a_first_key(content: bytearray) -> None:
    change_separator(content, lower=False)


def change_separator(content: bytearray, *, lower: bool) -> None:
    for at in pages(content, BRANCH):
        (end,) = struct.unpack_from("=H", content, at + 12)
        if end < 16 + 2 * 4:
            continue
        (node,) = struct.unpack_from("=H", content, at + 16 + 2 * 2)
        last = at + node + 8 + struct.unpack_from("=H", content, at + node + 6)[0] - 1
        content[last] += -1 if lower else 1


def another_number(content: bytearray) -> None:
    for at in pages(content, LEAF):
        content[at] ^= 1


def a_zeroed_page(content: bytearray) -> None:
    for at in pages(content, LEAF):
        content[at : at + PAGE] = bytes(PAGE)


def swapped_keys(content: bytearray) -> None:
    for at in pages(content, LEAF):
        content[at + 16 : at + 18], content[at + 18 : at + 20] = (
            content[at + 18 : at + 20],
            content[at + 16 : at + 18],
        )


def an_overflow_header(content: bytearray) -> None:
    for at in pages(content, OVERFLOW):
        content[at + 12] ^= 1


def a_count(content: bytearray) -> None:
    """In the meta pages: how many entries the main database has."""
    for meta in (0, PAGE):
        content[meta + 16 + 24 + 48 + 32] ^= 1


def meta_pages_apart(content: bytearray) -> None:
    """One transaction number is three less, as after a flip: the store is one commit older, and looks sound."""
    at = newest_meta(content) + 144
    (number,) = struct.unpack_from("=Q", content, at)
    struct.pack_into("=Q", content, at, number - 4)


def newest_meta(content: bytearray) -> int:
    return max((0, PAGE), key=lambda at: struct.unpack_from("=Q", content, at + 144)[0])


def garbage(content: bytearray) -> None:
    content[:] = random.Random(3).randbytes(len(content))


def half(content: bytearray) -> None:
    del content[len(content) // 2 :]


def nothing(content: bytearray) -> None:
    content.clear()


DAMAGES: list[Change] = [a_branch_that_leads_past_keys, a_branch_that_leads_past_a_first_key, another_number]
DAMAGES += [a_zeroed_page, swapped_keys, an_overflow_header, a_count, meta_pages_apart, garbage, half, nothing]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_damage_is_found(deep: Path, damage: Change) -> None:
    file = data_file(deep)
    content = bytearray(file.read_bytes())
    damage(content)
    file.write_bytes(content)
    found = findings(deep)
    assert found
    assert LmdbEngine.walk_at_rest(deep) == found
    assert all(each.words.isprintable() for each in found)
    assert file.read_bytes() == content


@pytest.mark.parametrize("lower", [True, False])
def test_a_separator_is_named_with_its_page(deep: Path, lower: bool) -> None:
    """And nobody else sees it: each page for itself is sound."""
    file = data_file(deep)
    content = bytearray(file.read_bytes())
    change_separator(content, lower=lower)
    file.write_bytes(content)
    assert lmdb.verify.verify(str(file), subdir=False) == []
    branches = {at // PAGE for at in pages(content, BRANCH)}
    assert {finding.page for finding in findings(deep)} <= branches
    assert findings(deep)


def test_any_flip_is_survived(deep: Path) -> None:
    """Whatever is flipped, the walk says something or nothing, and never fails."""
    file = data_file(deep)
    content, chance = file.read_bytes(), random.Random(17)
    for _ in range(150):
        flipped = bytearray(content)
        for _ in range(chance.choice((1, 1, 40))):
            flipped[chance.randrange(len(flipped))] ^= 1 << chance.randrange(8)
        file.write_bytes(flipped)
        findings(deep)


def test_where_there_is_none(deep: Path) -> None:
    shutil.rmtree(data_file(deep).parent)
    with refused(Damaged, deep, "missing"):
        LmdbEngine.walk_at_rest(deep)


def test_what_is_used_of_py_lmdb_is_there() -> None:
    """Private names: a new py-lmdb may have others."""
    for name in ("verify", "load_metas", "err", "_read_meta", "_walk_page", "_walk_branch", "_walk_leaf"):
        assert callable(getattr(lmdb.verify._Verifier, name))
    for name in ("_numkeys", "_node_off", "_pg_lower"):
        assert callable(getattr(lmdb.verify._Verifier, name))
