"""Who holds a blob: every version of the store, and no other."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from pithstore.arrivals import Arrival
from pithstore.digest import Digest
from pithstore.errors import Damaged
from pithstore.keys import BLOBS, MANIFESTS, SOURCES, TAIL, VERSIONS, source_key, version_key
from pithstore.model import Source
from pithstore.store import Store
from tests.store.any_history import FIRST, HISTORIES, HOUR, VALUES, Put, fill
from tests.store.plain import digest
from tests.store.shelves import Record, delete_entry, entries_of, new_store, put_entry, record


def who(store: Store, wanted: str) -> list[tuple[Source, int, list[str]]]:
    return [
        (holder.version.source, holder.version.number, list(holder.sections))
        for holder in store.who(Digest.from_text(wanted))
    ]


def put_all(store: Store, *records: Record) -> None:
    store.put_batch([Arrival(store.prepare(one), FIRST + n * HOUR) for n, one in enumerate(records)])


@settings(max_examples=60)
@given(puts=HISTORIES)
def test_any_blob_is_found_wherever_it_is(tmp_path_factory: pytest.TempPathFactory, puts: list[Put]) -> None:
    with new_store("memory", tmp_path_factory.getbasetemp()) as store:
        plain = fill(store, puts)
        bodies = [
            section for history in plain.histories.values() for kept in history for section in kept.record.values()
        ]
        for wanted in {digest(section) for section in bodies} | {digest(value) for value in VALUES["x"]}:
            assert who(store, wanted) == plain.who(wanted)


def test_sections_of_one_version_may_be_the_same_blob(store: Store) -> None:
    put_all(store, record(a=1, b=2, c=1), record(a=2, b=2), record("2", z=1))
    assert who(store, digest(1)) == [(Source("k", "1"), 1, ["a", "c"]), (Source("k", "2"), 1, ["z"])]
    assert who(store, digest(2)) == [(Source("k", "1"), 1, ["b"]), (Source("k", "1"), 2, ["a", "b"])]
    assert who(store, digest("b1")) == [
        (source, number, ["builder_version"])
        for source, number in [(Source("k", "1"), 1), (Source("k", "1"), 2), (Source("k", "2"), 1)]
    ]


def test_what_is_no_section_is_held_by_nobody(store: Store) -> None:
    assert who(store, digest(1)) == []
    put_all(store, record(a={"b": 1}))
    assert who(store, str(store.version("k:1").snapshot)) == []
    assert who(store, digest(1)) == []
    assert who(store, digest({"b": 1})) == [(Source("k", "1"), 1, ["a"])]


def test_a_name_that_is_the_digest_in_a_manifest_is_not_the_blob(store: Store) -> None:
    """The bytes of the digest are looked for in the whole manifest first, where names stand too."""
    name = "0" * 32
    put_all(store, record() | {name: 1})
    assert who(store, str(Digest(name.encode()))) == []


def test_the_whole_index_is_walked_however_it_falls_into_pages(store: Store) -> None:
    """One source that takes more than a page by itself, between many small ones."""
    small = [record(f"{n:04}", x="same") for n in range(1100)]
    large = [record("0700", x="same" if n % 100 == 0 else n) for n in range(4300)]
    put_all(store, *small, *large)
    expected = [(Source("k", f"{n:04}"), 1, ["x"]) for n in range(1100)]
    of_large = [(Source("k", "0700"), 1 + n, ["x"]) for n in range(0, 4300, 100) if n]
    expected[701:701] = of_large
    assert who(store, digest("same")) == expected


@pytest.mark.parametrize("lost", [False, True])
def test_a_manifest_that_cannot_be_read_is_said_with_its_version(store: Store, lost: bool) -> None:
    put_all(store, record(x=1), record(x=2), record("2", x=1))
    snapshot = store.version("k:1@2").snapshot
    put_entry(store._engine, MANIFESTS, (snapshot, b"broken, and short"))
    if lost:
        delete_entry(store._engine, MANIFESTS, snapshot)
    with pytest.raises(Damaged, match=f"k:1 version 2: the manifest of snapshot {snapshot} is damaged or missing"):
        who(store, digest(1))


def test_an_entry_that_cannot_be_read_is_said_with_its_version(store: Store) -> None:
    put_all(store, record(x=1), record(x=2))
    put_entry(store._engine, VERSIONS, (version_key(Source("k", "1"), 2), b"broken, and short"))
    with pytest.raises(Damaged, match="k:1 version 2: its index entry is damaged"):
        who(store, digest(1))


def test_a_source_that_has_lost_its_name_is_said(store: Store) -> None:
    put_all(store, record(x=1), record("2", x=2))
    delete_entry(store._engine, SOURCES, source_key(Source("k", "1")))
    assert who(store, digest(2)) == [(Source("k", "2"), 1, ["x"])]
    with pytest.raises(Damaged, match=r"the source of key \w+ is missing; run verify"):
        who(store, digest(1))


def test_no_blob_is_read(store: Store) -> None:
    put_all(store, record(x=1))
    for space in (BLOBS, TAIL):
        delete_entry(store._engine, space, *entries_of(store._engine)[space])
    assert who(store, digest(1)) == [(Source("k", "1"), 1, ["x"])]
