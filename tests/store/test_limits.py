"""Large records, many of everything, and the limits that a store is created with."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pithstore.arrivals import Arrival
from pithstore.configuration import Configuration
from pithstore.errors import InvalidRecord, UsageError
from pithstore.limits import Limits
from pithstore.pointer import Json
from pithstore.profile import Profile
from pithstore.store import Store
from pithstore.store import open as open_store
from pithstore.tail import STREAM_BYTES
from pithstore.testing.machine_store import definition
from tests.store import children
from tests.store.shelves import EngineName, new_store, record

MIB = 2**20


def check_back(store: Store, *records: dict[str, Json]) -> None:
    """Put the records as one batch; each comes back, and the store is sound."""
    results = store.put_batch([Arrival(store.prepare(one)) for one in records])
    for one, result in zip(records, results, strict=True):
        assert store.get_bytes(f"{result.version.source}@{result.version.number}") == definition(one)
    assert store.verify().problems == ()


def test_a_section_of_ten_megabytes(store: Store) -> None:
    big = record(big="".join(f"{n:08}" for n in range(10 * MIB // 8)))
    check_back(store, big)
    assert store.get("k:1#big") == big["big"]
    check_back(store, big | {"x": 1})
    assert store.stat().unique_bytes < 11 * MIB


def test_several_batches_of_large_records(store: Store) -> None:
    summary = store.put_many(record(str(n), big=str(n) * (5 * MIB)) for n in range(5))
    assert (summary.versions, summary.new_sections) == (5, 11)
    assert store.get("k:3#big") == "3" * (5 * MIB)
    assert store.verify().ok


def test_three_thousand_sections(store: Store) -> None:
    many: dict[str, Json] = {f"s{n}": {"n": n} for n in range(3000)}
    check_back(store, record() | many)
    assert len(store.manifest("k:1").sections) == 3002
    changed = record() | many | {"s77": {"n": -1}}
    assert store.put(changed).new_sections == 1
    (change,) = store.diff("k:1@1", "k:1@2")
    assert change.path == "/s77/n"


def body_of(length: int) -> str:
    """A text whose canonical form has that length."""
    return "x" * (length - 2)


def test_bodies_that_end_at_the_end_of_a_value(store: Store) -> None:
    store.put(record())  # after it, x is all that is new
    for values in (1, 2, 3):
        for more in range(-6, 7):
            check_back(store, record(x=body_of(values * STREAM_BYTES + more)))
    check_back(store, record(x="after"))


def test_bodies_that_start_at_the_end_of_a_value(store: Store) -> None:
    store.put(record())
    for n, first in enumerate(range(STREAM_BYTES - 20, STREAM_BYTES + 5)):
        check_back(store, record(a=body_of(first), b=[n], c=[n] * 10_000, d=[n, n]))


@given(lengths=st.lists(st.sampled_from([2, 127, 128, STREAM_BYTES // 2]) | st.integers(2, 40_000), max_size=8))
def test_bodies_of_any_lengths(tmp_path_factory: pytest.TempPathFactory, lengths: list[int]) -> None:
    with new_store("memory", tmp_path_factory.getbasetemp()) as store:
        check_back(store, record(x=[body_of(length) for length in lengths]))
        check_back(store, *(record(str(n), x=n, y=body_of(length)) for n, length in enumerate(lengths)))


def test_empty_sections(store: Store) -> None:
    empty: dict[str, Json] = {"string": "", "list": [], "object": {}, "null": None, "zero": 0, "": ""}
    check_back(store, record() | empty)
    assert [store.get_bytes(f"k:1#{name}") for name in empty] == [b'""', b"[]", b"{}", b"null", b"0", b'""']


def test_two_thousand_versions_of_one_source(store: Store) -> None:
    arrivals = [Arrival(store.prepare(record(builder=f"b{n % 3}", n=n))) for n in range(2000)]
    results = store.put_batch(arrivals[:1500]) + store.put_batch(arrivals[1500:])
    assert [result.version.number for result in results] == list(range(1, 2001))
    assert [version.number for version in store.history("k:1")] == list(range(1, 2001))
    assert store.get("k:1@-1999#n") == 0
    assert store.get("k:1@1024#n") == 1023
    assert sum(entry.changed == ("builder_version", "n") for entry in store.log("k:1")) == 1999
    assert store.version(f"k:1@sha256:{results[0].version.snapshot}").number == 1
    assert store.version("k:1@builder=b0").number == 1999
    assert store.verify().problems == ()


# Limits.


def test_the_limits_of_a_store_are_those_it_was_created_with(engine_name: EngineName, tmp_path: Path) -> None:
    limits = Configuration(limits=Limits(record_bytes=200, nesting=3))
    with new_store(engine_name, tmp_path / "store", limits) as store:
        used = len(definition(record(x="")))
        assert store.put(record(x="x" * (200 - used))).stored
        for refused in (record(x="x" * (201 - used)), record(x=[[[]]]), record(x={"a": {"b": {}}})):
            for written in (refused, definition(refused)):
                with pytest.raises(InvalidRecord):
                    store.put(written)
        assert store.put(record(x=[[]])).stored
        assert store.stat().versions == 2
        assert store.verify().ok


def test_limits_and_profile_are_fixed_when_a_store_is_created(tmp_path: Path) -> None:
    path, limits, profile = tmp_path / "store", Limits(record_bytes=100), Profile(source_kind="dataset")
    open_store(path, create=True, limits=limits, profile=profile).close()
    for given_limits, given_profile in ((limits, profile), (None, None)):
        with open_store(path, limits=given_limits, profile=given_profile) as store:
            assert store.configuration == Configuration(profile, limits)
    for other in (Limits(), Limits(record_bytes=101), Limits(record_bytes=100, nesting=511)):
        with pytest.raises(UsageError, match="fixed"):
            open_store(path, limits=other, profile=profile)
    for other_profile in (Profile(), Profile(source_kind="datasets")):
        with pytest.raises(UsageError, match="fixed"):
            open_store(path, limits=limits, profile=other_profile)


def test_a_profile_says_where_source_and_builder_stand(engine_name: EngineName, tmp_path: Path) -> None:
    profile = Profile("dataset", "/doi", "/revision", "/meta/pipeline")
    with new_store(engine_name, tmp_path / "store", Configuration(profile)) as store:
        one: dict[str, Json] = {"doi": "10.1/x", "revision": 2, "meta": {"pipeline": "p1"}, "x": 1}
        store.put(one)
        version = store.version("dataset:10.1/x")
        assert (version.builder_version, version.source_version) == ("p1", 2)
        assert store.get("dataset:10.1/x") == one
        assert store.verify().ok
        with pytest.raises(InvalidRecord):
            store.put(record())


# Memory.


@pytest.mark.process
def test_a_long_stream_takes_bounded_memory(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=children.put_many_small, args=(theirs, tmp_path / "store", 20_000))
    child.start()
    theirs.close()
    records, grown = ours.recv(), ours.recv()
    child.join(60)
    assert records == 20_000
    print(f"memory grew by {grown / MIB:.1f} MiB")  # noqa: T201 - shown with -rP
    assert grown < 32 * MIB
