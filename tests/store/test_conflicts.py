"""Conflicts: one builder, one source version, more than one content; and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from pithstore.arrivals import Arrival
from pithstore.errors import Damaged, NotFound
from pithstore.history.conflicts import Conflict
from pithstore.keys import MANIFESTS
from pithstore.model import Source
from pithstore.pointer import Json
from pithstore.store import Store
from tests.store.any_history import FIRST, HISTORIES, HOUR, Put, fill
from tests.store.shelves import Record, delete_entry, new_store, put_entry, record


def put_all(store: Store, *records: Record) -> None:
    store.put_batch([Arrival(store.prepare(one), FIRST + n * HOUR) for n, one in enumerate(records)])


def short(conflict: Conflict) -> tuple[str, list[int], int, list[str]]:
    numbers = [version.number for version in conflict.versions]
    return conflict.builder_version, numbers, conflict.snapshots, list(conflict.sections)


def of_version(version: Json, **sections: Json) -> Record:
    return record(version={"version": version}) | sections


@settings(max_examples=80)
@given(puts=HISTORIES)
def test_any_conflicts_are_what_plain_lists_say(tmp_path_factory: pytest.TempPathFactory, puts: list[Put]) -> None:
    with new_store("memory", tmp_path_factory.getbasetemp()) as store:
        plain = fill(store, puts)
        assert [short(one) for one in store.conflicts()] == [tuple(rest) for _, _, *rest in plain.conflicts()]
        for source in plain.sources():
            found = list(store.conflicts(source))
            assert [short(one) for one in found] == [tuple(rest) for _, _, *rest in plain.conflicts(source)]
            for one in found:
                of = {(v.source, repr(v.source_version), v.builder_version) for v in one.versions}
                assert of == {(one.source, repr(one.source_version), one.builder_version)}
                assert one.source == source


def test_an_empty_store_and_one_version_have_none(store: Store) -> None:
    assert list(store.conflicts()) == []
    with pytest.raises(NotFound):
        store.conflicts("k:1")
    put_all(store, record())
    assert list(store.conflicts()) == list(store.conflicts("k:1")) == []


def test_a_b_a_is_one_conflict_of_two_contents_in_three_versions(store: Store) -> None:
    put_all(store, *(of_version(1, x=x) for x in ("a", "b", "a")))
    assert [short(one) for one in store.conflicts()] == [("b1", [1, 2, 3], 2, ["x"])]


def test_the_sections_are_those_that_are_not_the_same_in_all(store: Store) -> None:
    put_all(
        store,
        of_version(1, same=0, x="a", gone=1),
        of_version(1, same=0, x="b", gone=1),
        of_version(1, same=0, x="b", new=2),
    )
    assert [short(one) for one in store.conflicts()] == [("b1", [1, 2, 3], 3, ["gone", "new", "x"])]


def test_another_builder_or_source_version_is_no_conflict(store: Store) -> None:
    versions: list[Json] = [None, True, False, 1, 1.0, 0, 0.0, -0.0, "1", "None", "true", "1.0", ""]
    put_all(store, *(of_version(version, x=n) for n, version in enumerate(versions)))
    put_all(store, *(of_version(version, x=n) | {"builder_version": "b2"} for n, version in enumerate(versions)))
    put_all(store, record("2", version={"version": 1}, x=99))
    assert list(store.conflicts()) == []
    put_all(store, of_version(-0.0, x="again"))
    assert [(repr(one.source_version), short(one)[1]) for one in store.conflicts()] == [("-0.0", [8, 27])]


def test_without_a_source_version_all_versions_of_a_line_are_held_against_each_other(store: Store) -> None:
    put_all(store, record(x=1), record(x=2), of_version(None, x=2))
    (one,) = store.conflicts()
    assert one.source_version is None
    assert short(one) == ("b1", [1, 2, 3], 3, ["source", "x"])


def test_those_of_all_sources_come_in_the_order_of_the_sources(store: Store) -> None:
    for identity in ("9", "10", "1"):
        put_all(store, record(identity, x=1), record(identity, x=2))
    assert [one.source.id for one in store.conflicts()] == ["1", "10", "9"]
    assert [one.source for one in store.conflicts("k:10")] == [Source("k", "10")]


@pytest.mark.parametrize("lost", [False, True])
def test_a_manifest_that_cannot_be_read_is_said_with_its_version(store: Store, lost: bool) -> None:
    """Its sections are not known, so nothing is said of those that differ."""
    put_all(store, record(x=1), record(x=2), record("2", x=1), record("2", x=2))
    snapshot = store.version("k:1@2").snapshot
    put_entry(store._engine, MANIFESTS, (snapshot, b"broken, and short"))
    if lost:
        delete_entry(store._engine, MANIFESTS, snapshot)
    with pytest.raises(Damaged, match=f"k:1 version 2: the manifest of snapshot {snapshot} is damaged or missing"):
        list(store.conflicts())
    assert [short(one) for one in store.conflicts("k:2")] == [("b1", [1, 2], 2, ["x"])]
