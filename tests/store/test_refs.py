"""Which version a reference means, whatever the names in it are."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pithstore.digest import Digest
from pithstore.errors import Ambiguous, NotFound, UsageError
from pithstore.model import Source
from pithstore.pointer import Json
from pithstore.references import Ref
from pithstore.selectors import ByBuilder, ByNumber
from pithstore.store import Store
from pithstore.testing.machine_store import TWINS, definition
from pithstore.testing.strategies import AWKWARD_TEXTS, names
from tests.pure.archives import naughty_strings
from tests.store.shelves import new_store, record

LONG = 5000
NAUGHTY_IDS = (
    *("hep-th/9612146", "@scope/pkg", "a@3", "#", "a#b/c", "%", "%41", "A", "1:2", ":", "a b", " ", "\n", "a\nb"),
    *("\0", "a\0", "a\0b", "\0\x01", "\0\xff", "a\0\x01b", "\u202eabc", "\u2066", "\ufeff", "é", "e\u0301"),
    *("\uffff", "\U00010000", "\U0010ffff", "-1", "3", "2026-06-01", "builder=x", "sha256:93cf21fd"),
    *("..", "/", "~1"),
    *("x" * LONG, "x" * (LONG - 1), "x" * (LONG - 1) + "y", "é" * LONG, "\0" * LONG, "\U0001f469" * LONG),
)


def one_line(error: pytest.ExceptionInfo[Exception]) -> str:
    text = str(error.value)
    assert len(text.splitlines()) == 1, text
    return text


def test_naughty_ids_are_found_and_listed(store: Store) -> None:
    sources = [Source("k", identity) for identity in (*NAUGHTY_IDS, *naughty_strings()) if identity]
    store.put_many(record(source.id, x=n) for n, source in enumerate(sources))
    assert set(store.sources()) == set(sources)
    for source in sources:
        for ref in (source, str(source), Ref(source), f"{source}@1", f"{source}@-0", f"{source}@builder=b1"):
            assert store.version(ref).source == source
        assert store.get(f"{source}#source/id") == source.id
    assert store.verify().ok


def test_naughty_kinds_and_builders_are_found(store: Store) -> None:
    texts = [text for text in AWKWARD_TEXTS if text]
    store.put_many(record(kind=text, builder=text, x=text) for text in texts)
    for text in texts:
        source = Source(text, "1")
        assert store.version(str(source)).source == source
        assert store.version(str(Ref(source, ByBuilder(text)))).builder_version == text
    assert store.verify().ok


@given(identities=st.sets(names(300), max_size=8))
def test_sources_are_listed_by_kind_then_id(
    tmp_path_factory: pytest.TempPathFactory, identities: set[str]
) -> None:
    with new_store("memory", tmp_path_factory.getbasetemp()) as store:
        sources = [Source(kind, identity) for kind in ("k", "k\0", "l") for identity in identities]
        store.put_many(record(source.id, kind=source.kind) for source in sources)
        assert set(store.sources()) == set(sources)
        short = [source for source in sources if len(source.id.encode()) < 50]
        assert [source for source in store.sources() if source in short] == sorted(short)
        assert store.verify().ok


@pytest.mark.parametrize("length", [180, *range(214, 223), 249, 250, 251, 252, 300, LONG])
@pytest.mark.parametrize("filler", ["x", "\0", "é"])
def test_ids_that_are_cut_in_keys_stay_apart(store: Store, length: int, filler: str) -> None:
    stem = filler * length
    ids = [stem, stem + "a", stem + "b", stem + "\0", stem + "\x01", stem + "\0\x01", stem[:-1], stem[:-1] + "~"]
    for number, identity in itertools.product(range(2), ids):
        store.put(record(identity, x=[number, identity]))
    assert sorted(store.sources()) == sorted(Source("k", identity) for identity in ids)
    for identity in ids:
        history = list(store.history(Source("k", identity)))
        assert [version.number for version in history] == [1, 2]
        assert store.get(Ref(Source("k", identity), ByNumber(1))) == record(identity, x=[0, identity])
    assert store.verify().ok
    assert store.stat().sources == len(ids)


def test_a_kind_as_long_as_an_id(store: Store) -> None:
    kinds = ["k" * LONG, "k" * LONG + "1", "k" * LONG + "\0", "k" * 253, "k" * 254]
    store.put_many(record(identity, kind=kind, x=kind) for kind in kinds for identity in ("1", "k" * LONG))
    assert store.stat().sources == 10
    for kind, identity in itertools.product(kinds, ("1", "k" * LONG)):
        assert store.get(str(Source(kind, identity))) == record(identity, kind=kind, x=kind)
    assert store.verify().ok


# Selectors.


@pytest.fixture
def three(store: Store) -> Store:
    for n in (1, 2, 3):
        store.put(record(builder=f"b{n % 2}", x=n))
    return store


@pytest.mark.parametrize(
    ("selector", "x"),
    [
        *(("", 3), ("@1", 1), ("@2", 2), ("@3", 3), ("@03", 3), ("@-0", 3), ("@-1", 2), ("@-2", 1)),
        *(("@builder=b1", 3), ("@builder=b0", 2), ("@builder=%62%31", 3), ("@9999-01-01", 3)),
    ],
)
def test_selectors(three: Store, selector: str, x: int) -> None:
    assert three.get(f"k:1{selector}#x") == x


@pytest.mark.parametrize(
    ("selector", "words"),
    [
        ("@0", "its newest is 3"),
        ("@4", "its newest is 3"),
        ("@4294967295", "its newest is 3"),
        ("@4294967296", "its newest is 3"),
        ("@999999999999999999", "its newest is 3"),
        ("@-3", "its newest is 3"),
        ("@-999999999999999999", "its newest is 3"),
        ("@builder=b", "its builders are b0, b1"),
        ("@builder=b11", "its builders are b0, b1"),
        ("@1970-01-01", "had no version by"),
        ("@sha256:00000000", "no version @sha256:00000000"),
        ("#y", "no section 'y'"),
        ("#x/0", "leads nowhere"),
        ("#source/id/", "leads nowhere"),
    ],
)
def test_a_near_miss_says_what_is_there(three: Store, selector: str, words: str) -> None:
    for question in (three.get, three.get_bytes):
        with pytest.raises(NotFound) as error:
            question(f"k:1{selector}")
        assert words in one_line(error)


@pytest.mark.parametrize(
    ("asked", "advice"),
    [
        ("arxiv:2606.09476", "did you mean arxiv:2606.09475?"),
        ("arxiv:2606.9475", "did you mean arxiv:2606.09475?"),
        ("arXiv:2606.09475", "did you mean arxiv:2606.09475?"),
        ("npm:%40scope/pkh", "did you mean npm:%40scope/pkg?"),
        ("zzz:zzz", "'pithstore ls' lists the sources"),
    ],
)
def test_an_unknown_source_is_answered_with_its_neighbours(store: Store, asked: str, advice: str) -> None:
    known = (("arxiv", "2606.09475"), ("npm", "@scope/pkg"), ("k", "\n" * 5), ("k", "\u202e" * 5))
    store.put_many(record(identity, kind=kind) for kind, identity in known)
    questions: tuple[Callable[[str], object], ...] = (
        *(store.get, store.get_bytes, store.manifest, store.version),
        *(lambda ref: list(store.history(ref)), lambda ref: list(store.log(ref))),
    )
    for question in questions:
        with pytest.raises(NotFound) as error:
            question(asked)
        assert advice in one_line(error)


def test_what_is_said_of_an_empty_store(store: Store) -> None:
    with pytest.raises(NotFound, match="there is no source k:1"):
        store.get("k:1")


def test_a_name_with_an_at_sign_is_answered_with_its_quoted_form(store: Store) -> None:
    store.put(record("@scope/pkg", kind="npm"))
    with pytest.raises(UsageError) as error:
        store.get("npm:@scope/pkg")
    assert "'npm:%40scope/pkg'" in one_line(error)
    assert store.get("npm:%40scope/pkg") == record("@scope/pkg", kind="npm")


@pytest.mark.timeout(20)
@pytest.mark.parametrize("filler", ["x", "ab", "\0", "".join(map(chr, range(0x4E00, 0x5E00)))])
def test_a_near_miss_of_a_long_id_is_answered_soon(store: Store, filler: str) -> None:
    stem = (filler * LONG)[:LONG]
    store.put_many(record(f"{stem}{n}") for n in range(50))
    with pytest.raises(NotFound) as error:
        store.get(Source("k", stem + "25x"))
    one_line(error)


@pytest.mark.parametrize("name", ["a\nb", "\x1b[31m", "\u202eabc", "\r", "\u2028"])
def test_errors_are_one_line_whatever_the_names_are(store: Store, name: str) -> None:
    store.put(record(name, kind=name, builder=name) | {name: 1})
    source = Source(name, name)
    for ref in (f"{source}@9", f"{source}@builder=other", f"{source}@1970-01-01", f"{source}#other", f"{source}x"):
        with pytest.raises(NotFound) as error:
            store.get(ref)
        assert one_line(error).isprintable()


# Snapshots.


def test_a_prefix_that_fits_two_snapshots_is_ambiguous_and_lists_them(store: Store) -> None:
    twins = [record(twin=twin) for twin in TWINS]
    hashes = [str(store.put(twin).version.snapshot) for twin in twins]
    assert hashes[0][:8] == hashes[1][:8]
    with pytest.raises(Ambiguous) as error:
        store.get(f"k:1@sha256:{hashes[0][:8]}")
    for n, snapshot in enumerate(hashes, 1):
        assert f"{snapshot} (version {n})" in one_line(error)
        assert store.get(f"k:1@sha256:{snapshot[:64]}") == twins[n - 1]
        assert store.get(f"k:1@sha256:{snapshot[:20].upper()}") == twins[n - 1]


def test_one_snapshot_in_several_versions_means_the_newest(store: Store) -> None:
    a, b = record(x=1), record(x=2)
    snapshot = store.put(a).version.snapshot
    store.put(b)
    store.put(a)
    store.put(b)
    assert store.version(f"k:1@sha256:{str(snapshot)[:8]}").number == 3


def test_a_snapshot_is_looked_for_among_the_versions_of_the_source(store: Store) -> None:
    snapshot = store.put(record("1")).version.snapshot
    store.put(record("2"))
    with pytest.raises(NotFound):
        store.get(f"k:2@sha256:{snapshot}")


# What a reference is used for.


def test_pointers_lead_to_the_canonical_bytes_of_what_they_name(store: Store) -> None:
    a_list: Json = [1.0, {"": "\U0001f469"}]
    inside: Json = {"list": a_list, "a/b": {"~": -0.0}, "big": 10**400}
    store.put(record(x=inside) | {"": {"": 1}, "a/b": [1]})
    expected: dict[str, Json] = {
        "x": inside,
        "x/list": a_list,
        "x/list/1/": "\U0001f469",
        "x/a~1b/~0": -0.0,
        "x/big": 10**400,
        "": {"": 1},
        "/": 1,
        "a~1b/0": 1,
    }
    for pointer, value in expected.items():
        assert store.get_bytes(f"k:1#{pointer}") == definition(value)
        assert definition(store.get(f"k:1#{pointer}")) == definition(value)


def test_a_history_is_of_a_source(three: Store) -> None:
    for ref in ("k:1@2", "k:1#x"):
        for question in (three.history, three.log):
            with pytest.raises(UsageError, match="a history is of a source"):
                list(question(ref))
        with pytest.raises(UsageError, match="means a value"):
            three.manifest("k:1@2#x")


def test_a_diff_is_of_whole_versions(three: Store) -> None:
    for pair in (("k:1@1#x", "k:1@2"), ("k:1@1", "k:1@2#x")):
        with pytest.raises(UsageError, match="whole version"):
            three.diff(*pair)
    with pytest.raises(NotFound):
        three.diff("k:1@1", "k:1@7")
    assert [str(change) for change in three.diff("k:1@1", "k:1@2")] == ["replace /builder_version", "replace /x"]


def test_sections_that_come_and_go_are_added_and_removed_whole(store: Store) -> None:
    store.put(record(x=1, y={"a": [1]}))
    store.put(record(y={"a": [1, 2]}) | {"a/b": 1})
    changes = [(change.op, change.path) for change in store.diff("k:1@1", "k:1@2")]
    assert changes == [("add", "/a~1b"), ("remove", "/x"), ("add", "/y/a/1")]


def test_a_digest_that_the_store_never_had_is_not_found(store: Store) -> None:
    store.put(record(x=[]))
    assert store.blob(Digest.of(b"[]")) == b"[]"
    for body in (b"", b"{}", b"[1]"):
        with pytest.raises(NotFound):
            store.blob(Digest.of(body))
