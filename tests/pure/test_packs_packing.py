"""Every version goes into one frame, every large section to one home; places lead to them."""

from __future__ import annotations

from bisect import bisect_right

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pithstore.digest import Digest
from pithstore.engine import Item
from pithstore.errors import Damaged
from pithstore.keys import PLACES
from pithstore.model import Manifest, SectionEntry
from pithstore.packs.packing import (
    COPY_BYTES,
    FRAME_BYTES,
    LARGEST_FRAME_BYTES,
    RUN_VERSIONS,
    Plan,
    plan,
)
from pithstore.packs.places import PREFIX_BYTES, ROW_BYTES, blocks, cut_rows, positions, read_block, row
from pithstore.seal import SEAL_BYTES, seal

SIZES = st.sampled_from(
    [0, 1, COPY_BYTES, COPY_BYTES + 1, 9_000, FRAME_BYTES, FRAME_BYTES + 1, LARGEST_FRAME_BYTES, 3_000_000]
)


def entry(number: int, size: int) -> SectionEntry:
    """A section of that size; the number says which."""
    return SectionEntry(f"s{number:03}", Digest.of(b"%d %d" % (number, size)), size)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Manifest], set[Digest]]:
    """Versions over few sections, and which of these the source is the home of."""
    pool = draw(st.lists(st.builds(entry, st.integers(0, 6), SIZES), min_size=1, max_size=12, unique=True))
    versions = st.lists(st.sampled_from(pool), max_size=8, unique_by=lambda section: section.name)
    drawn = draw(st.lists(versions, max_size=30))
    times = draw(st.integers(1, 6))
    homes = draw(st.sets(st.sampled_from([section.digest for section in pool])))
    return [Manifest(tuple(sorted(version, key=lambda one: one.name))) for version in drawn * times], homes


def check_plans(manifests: list[Manifest], homes: set[Digest], plans: list[Plan]) -> None:
    """Assert the laws of packing."""
    assert sum(one.versions for one in plans) == len(manifests)
    start = 0
    homed: list[Digest] = []
    for one in plans:
        assert 1 <= one.versions <= RUN_VERSIONS
        sections = {
            section for manifest in manifests[start : start + one.versions] for section in manifest.sections
        }
        sizes = {section.digest: section.size for section in sections}
        assert one.home <= one.here <= sizes.keys()
        assert one.frame_bytes == sum(sizes[digest] for digest in one.here)
        if one.versions > 1:
            assert one.frame_bytes <= LARGEST_FRAME_BYTES
        elsewhere = sizes.keys() - one.here
        assert all(sizes[digest] > COPY_BYTES for digest in elsewhere)
        assert not elsewhere & homes - set(homed), "a section that is nowhere yet is put off"
        homed += one.home
        start += one.versions
    named = {section.digest for manifest in manifests for section in manifest.sections}
    assert sorted(homed) == sorted(homes & named), "each home once, and all of them"


@given(histories())
@example(([Manifest((entry(1, 100), entry(2, 10_000)))] * 500, {entry(2, 10_000).digest}))
@example(([Manifest((entry(n, 600_000),)) for n in range(5)], {entry(n, 600_000).digest for n in range(5)}))
@example(([Manifest((entry(n, 9000), entry(900, COPY_BYTES))) for n in range(90)], set()))
def test_versions_are_packed_by_the_laws(history: tuple[list[Manifest], set[Digest]]) -> None:
    manifests, homes = history
    left = set(homes)
    plans = list(plan(manifests, left))
    check_plans(manifests, homes, plans)
    assert left == homes - {section.digest for manifest in manifests for section in manifest.sections}


def test_small_records_share_a_frame_and_large_ones_that_change_little_do_too() -> None:
    small = [Manifest((entry(n, 100),)) for n in range(2 * RUN_VERSIONS)]
    assert [one.versions for one in plan(small, {m.sections[0].digest for m in small})] == [RUN_VERSIONS] * 2
    large = [Manifest((entry(1, 200_000), entry(100 + n, 9_000))) for n in range(RUN_VERSIONS)]
    homes = {section.digest for manifest in large for section in manifest.sections}
    assert [one.versions for one in plan(large, homes)] == [RUN_VERSIONS]


# Places.

PREFIXES = st.binary(min_size=PREFIX_BYTES, max_size=PREFIX_BYTES) | st.sampled_from(
    [b"a" * 6, b"b" * 6, b"\xff" * 6]
)
FULL = 336
"""About as many rows as a block has where no two are alike."""


def digest(prefix: bytes, behind: int = 0) -> Digest:
    return Digest(prefix + behind.to_bytes(26, "big"))


def found(items: list[Item], wanted: Digest) -> list[int]:
    """The positions that the block gives which is the last one not beyond the digest."""
    keys = [key for key, _ in items]
    at = bisect_right(keys, wanted[:PREFIX_BYTES]) - 1
    return positions(read_block(*items[at]), wanted) if at >= 0 else []


@given(
    st.lists(st.tuples(PREFIXES, st.integers(0, 2**48 - 1)), max_size=60),
    st.integers(0, 2 * FULL),
    st.integers(0, 2**20),
    PREFIXES,
)
def test_places_lead_to_every_row_and_to_no_other(
    given_rows: list[tuple[bytes, int]], more: int, seed: int, strange: bytes
) -> None:
    crowd = [(b"m%05d" % (seed % 1000 + n // (1 + seed % 5)), n) for n in range(more)]
    expected: dict[bytes, list[int]] = {}
    for prefix, position in sorted(given_rows + crowd):
        expected.setdefault(prefix, []).append(position)
    rows = sorted(row(digest(prefix), position) for prefix, position in given_rows + crowd)
    items = list(blocks(rows))
    assert [one for item in items for one in cut_rows(read_block(*item))] == rows
    assert [key for key, _ in items] == sorted({key for key, _ in items})
    for prefix in (*expected, strange):
        assert found(items, digest(prefix, 77)) == expected.get(prefix, [])


def test_rows_of_one_prefix_are_in_one_block_and_others_fill_a_page() -> None:
    rows = [row(digest(b"%06d" % n), n) for n in range(3 * FULL)]
    crowd = [row(digest(b"999999"), n) for n in range(2 * FULL)]
    items = list(blocks([*rows, *crowd]))
    assert found(items, digest(b"999999")) == list(range(2 * FULL))
    sizes = [len(value) for _, value in items]
    assert all(4096 - 16 - ROW_BYTES < size <= 4096 - 16 for size in sizes[:-1])


@given(st.binary(max_size=40))
def test_any_value_is_a_block_or_damaged(value: bytes) -> None:
    try:
        rows = read_block(b"a" * 6, value)
    except Damaged:
        return
    assert rows == value[:-SEAL_BYTES]


@pytest.mark.parametrize("rows", [b"", b"a" * 11, b"b" * ROW_BYTES, b"a" * 6])
def test_a_block_that_is_sealed_and_none_is_damaged(rows: bytes) -> None:
    key = b"a" * 6
    assert read_block(key, seal(PLACES, key, b"a" * ROW_BYTES)) == b"a" * ROW_BYTES
    with pytest.raises(Damaged):
        read_block(key, seal(PLACES, key, rows))
