"""The matrix of a source: each mark is what the whole history before it says."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given, settings

from pithstore.errors import NotFound, UsageError
from pithstore.keys import BLOBS, MANIFESTS, TAIL
from pithstore.model import Source
from pithstore.store import Store
from tests.store.any_history import FIRST, HISTORIES, HOUR, Put, fill
from tests.store.shelves import Record, delete_entry, entries_of, new_store, put_entry, record

A, B = record(x="a"), record(x="b")


def put(store: Store, *records: Record) -> None:
    for n, one in enumerate(records):
        store.put(one, observed_at=FIRST + n * HOUR)


def rows(store: Store, ref: str = "k:1") -> dict[str, str]:
    return dict(store.matrix(ref).rows)


@settings(max_examples=80)
@given(puts=HISTORIES)
def test_any_matrix_is_what_plain_lists_say(tmp_path_factory: pytest.TempPathFactory, puts: list[Put]) -> None:
    with new_store("memory", tmp_path_factory.getbasetemp()) as store:
        plain = fill(store, puts)
        for source in plain.sources():
            matrix = store.matrix(source)
            assert matrix.source == source
            assert list(matrix.versions) == list(store.history(source))
            assert dict(matrix.rows) == plain.matrix(source)


def test_a_long_history_is_that_of_plain_lists_too(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Longer than a page, with states that come back from far."""
    states: list[Record] = [record(x=n % 90) | ({"y": n % 7} if n % 5 else {}) for n in range(400)]
    puts: list[Put] = [(one, FIRST + n * HOUR, HOUR) for n, one in enumerate(states)]
    with new_store("memory", tmp_path_factory.getbasetemp()) as store:
        plain = fill(store, puts)
        assert rows(store) == plain.matrix(Source("k", "1"))


def test_one_version_is_new_and_nothing_else(store: Store) -> None:
    put(store, A)
    assert rows(store) == {"builder_version": "+", "source": "+", "x": "+"}
    assert list(rows(store)) == sorted(rows(store))


def test_a_b_a_is_back_and_not_new(store: Store) -> None:
    put(store, A, B, A, A | {"builder_version": "b2"}, B)
    assert rows(store) == {"builder_version": "+..~<", "source": "+....", "x": "+~<.<"}


def test_sections_come_and_go(store: Store) -> None:
    put(store, A, record(), A, record(y=1), record(y=1, x="b"), record(y=2), record(x="b"))
    assert rows(store) == {
        "builder_version": "+......",
        "source": "+......",
        "x": "+-<-+-<",
        "y": "   +.~-",
    }


def test_a_source_is_asked_for_and_not_a_version(store: Store) -> None:
    with pytest.raises(NotFound, match="there is no source k:1"):
        store.matrix("k:1")
    put(store, A)
    for ref in ("k:1@1", "k:1#x"):
        with pytest.raises(UsageError, match="a history is of a source: k:1"):
            store.matrix(ref)


# Damage.


def break_manifest(store: Store, ref: str) -> None:
    put_entry(store._engine, MANIFESTS, (store.version(ref).snapshot, b"broken, and short"))


def break_blobs(store: Store, digests: Iterable[bytes]) -> None:
    put_entry(store._engine, BLOBS, *((digest, b"broken, and short") for digest in digests))


@pytest.mark.parametrize("lost", [False, True])
def test_a_damaged_manifest_is_said_for_every_section(store: Store, lost: bool) -> None:
    """Also for those that come later: they may have been there."""
    put(store, A, B, record(x="b", y=1), record(y=1))
    snapshot = store.version("k:1@2").snapshot
    put_entry(store._engine, MANIFESTS, (snapshot, b"broken, and short"))
    if lost:
        delete_entry(store._engine, MANIFESTS, snapshot)
    assert rows(store) == {"builder_version": "+!..", "source": "+!..", "x": "+!~-", "y": " !+."}


def test_a_damaged_manifest_of_the_first_version_is_said_for_every_section(store: Store) -> None:
    put(store, A, B, record(y=1))
    break_manifest(store, "k:1@1")
    assert rows(store) == {"builder_version": "!+.", "source": "!+.", "x": "!+-", "y": "! +"}
    break_manifest(store, "k:1@3")
    assert rows(store) == {"builder_version": "!+!", "source": "!+!", "x": "!+!"}


def test_a_damaged_section_is_said_in_each_version_that_has_it(store: Store) -> None:
    put(store, A, record(x="a", y=1), B, A, record(y=1))
    broken = store.manifest("k:1@1").section("x")
    assert broken is not None
    break_blobs(store, [broken.digest])
    assert rows(store) == {"builder_version": "+....", "source": "+....", "x": "!!~!-", "y": " +- <"}


def test_bytes_that_are_others_are_damage(store: Store) -> None:
    put(store, A, B)
    for key, value in entries_of(store._engine)[TAIL].items():
        put_entry(store._engine, TAIL, (key, value[:2] + bytes(len(value) - 10) + value[-8:]))
    assert set("".join(rows(store).values())) == {"!"}
    for one in (A, B):
        store.put(one, observed_at=FIRST + (one is B) * HOUR)
    assert rows(store) == {"builder_version": "+.", "source": "+.", "x": "+~"}


def test_a_large_section_is_read_like_a_small_one(store: Store) -> None:
    big = "0123456789" * 500_000
    put(store, *(record(x=big[n:]) for n in range(4)), *(record(x=n) for n in range(3)))
    assert rows(store)["x"] == "+~~~~~~"
    third = store.manifest("k:1@3").section("x")
    assert third is not None
    break_blobs(store, [third.digest])
    assert rows(store)["x"] == "+~!~~~~"


# In a notebook.


def test_a_matrix_is_a_table_whose_text_is_escaped(store: Store) -> None:
    put(store, record() | {"<b>": 1}, record() | {"<b>": 2})
    text = store.matrix("k:1")._repr_html_()
    assert "&lt;b&gt;" in text
    assert "<b>" not in text
    assert text.count("@1") == 1
    assert text.count("@2") == 1
