"""The part of the contract of an engine that is about what it keeps: what is written is there, in order."""

from __future__ import annotations

import itertools
import random

import pytest

from pithstore.engine import Engine, Item, Update, View
from pithstore.testing.engine_tests import (
    EVERYTHING,
    EngineTests,
    count,
    items_of,
    number_key,
    put,
)


class DataContract(EngineTests):
    """What was written is there, in order, and nothing else."""

    def test_empty(self, engine: Engine) -> None:
        """A new store holds nothing."""
        assert engine.view(lambda view: view.get_many("left", [b"a", b"b"])) == [None, None]
        assert engine.view(lambda view: view.has_many("left", [b"a", b"b"])) == [False, False]
        assert items_of(engine) == []
        assert engine.view(count) == 0

    def test_no_keys(self, engine: Engine) -> None:
        """Every batch may be empty."""
        assert engine.view(lambda view: (view.get_many("left", []), view.has_many("left", []))) == ([], [])
        counts = engine.update(lambda tx: (tx.create_many("left", []), tx.delete_many("left", [])))
        put(engine)
        assert counts == (0, 0)

    def test_put_and_overwrite(self, engine: Engine) -> None:
        """A put replaces; the last value of a key in one call stays; batches answer in their own order."""
        put(engine, (b"a", b"old"), (b"b", b"2"))
        put(engine, (b"a", b"new"), (b"c", b"first"), (b"c", b"last"))
        keys = [b"c", b"none", b"a", b"b", b"a"]
        assert engine.view(lambda view: view.get_many("left", keys)) == [b"last", None, b"new", b"2", b"new"]
        assert engine.view(lambda view: view.has_many("left", keys)) == [True, False, True, True, True]

    def test_create_once(self, engine: Engine) -> None:
        """A create leaves what is there, keeps the first value of a key in one call, and counts what it wrote."""
        put(engine, (b"a", b"old"))
        items = [(b"a", b"new"), (b"b", b"first"), (b"b", b"second"), (b"c", b"3")]
        assert engine.update(lambda tx: tx.create_many("left", iter(items))) == 2
        assert items_of(engine) == [(b"a", b"old"), (b"b", b"first"), (b"c", b"3")]

    def test_delete(self, engine: Engine) -> None:
        """A delete counts the keys that were there, each once; they can be written again."""
        put(engine, (b"a", b"1"), (b"b", b"2"), (b"c", b"3"))
        assert engine.update(lambda tx: tx.delete_many("left", iter([b"b", b"none", b"b", b"c"]))) == 2
        assert items_of(engine) == [(b"a", b"1")]
        put(engine, (b"b", b"again"))
        assert items_of(engine) == [(b"a", b"1"), (b"b", b"again")]

    def test_spaces_are_apart(self, engine: Engine) -> None:
        """One key in two spaces is two entries."""
        put(engine, (b"a", b"1"))
        put(engine, (b"a", b"2"), (b"b", b"3"), space="right")
        engine.update(lambda tx: tx.delete_many("right", [b"a"]))
        assert items_of(engine) == [(b"a", b"1")]
        assert items_of(engine, "right") == [(b"b", b"3")]

    def test_reads_its_own_writes(self, engine: Engine) -> None:
        """An update sees what it did so far, whichever way it looks."""

        def fn(tx: Update) -> None:
            tx.put_many("left", [(b"a", b"1"), (b"b", b"2")])
            assert tx.get_many("left", [b"a"]) == [b"1"]
            assert tx.create_many("left", [(b"b", b"no"), (b"c", b"3")]) == 1
            assert tx.delete_many("left", [b"a"]) == 1
            assert tx.has_many("left", [b"a", b"b", b"c"]) == [False, True, True]
            assert tx.delete_many("left", [b"a"]) == 0
            assert tx.create_many("left", [(b"a", b"back")]) == 1
            assert tx.scan("left", limit=9) == [(b"a", b"back"), (b"b", b"2"), (b"c", b"3")]

        engine.update(fn)
        assert items_of(engine) == [(b"a", b"back"), (b"b", b"2"), (b"c", b"3")]

    @pytest.mark.parametrize("rising", [True, False])
    def test_order_is_that_of_bytes(self, engine: Engine, rising: bool) -> None:
        """Keys come in byte order, the shorter of two first; a wrong hint costs nothing but time."""
        chance = random.Random(7)  # noqa: S311 nothing is secret here
        model = {
            chance.randbytes(chance.randint(1, 40)): chance.randbytes(chance.randint(0, 9)) for _ in range(500)
        }
        model |= {
            bytes(head): b"x" for n in (1, 2, 3) for head in itertools.product((0, 1, 127, 128, 255), repeat=n)
        }
        items = list(model.items())
        for start in range(0, len(items), 100):
            batch = items[start : start + 100]
            assert engine.update(lambda tx, b=batch: tx.create_many("left", b, rising=rising)) == len(batch)  # type: ignore[misc]
        assert items_of(engine) == sorted(model.items())
        assert engine.view(lambda v: v.scan("left", limit=EVERYTHING, reverse=True)) == sorted(model.items())[::-1]

    def test_rising_hint(self, engine: Engine) -> None:
        """Right, repeated, or wrong, the hint changes nothing of what is stored or counted."""

        def create(*items: Item) -> int:
            return engine.update(lambda tx: tx.create_many("left", items, rising=True))

        assert create((b"b", b"1"), (b"d", b"2")) == 2
        assert create((b"d", b"no"), (b"e", b"3"), (b"e", b"no")) == 1
        assert create((b"a", b"0"), (b"b", b"no"), (b"c", b"4"), (b"f", b"5"), (b"bb", b"6")) == 4
        assert b"".join(value for _, value in items_of(engine)) == b"0164235"

    def test_nothing_is_wrong(self, engine: Engine) -> None:
        """Of a store that nobody damaged nothing is said, however deep one looks."""
        for number in range(3):
            put(engine, *[(number_key(n), bytes(100 * number)) for n in range(200)])
            assert engine.examine(deep=False) == engine.examine(deep=True) == []

    def test_many_keys(self, engine: Engine) -> None:
        """One update takes many entries, and long walks are pages."""
        items = [(number_key(n), b"%d" % n) for n in range(20_000)]
        assert engine.update(lambda tx: tx.create_many("left", items, rising=True)) == len(items)
        assert engine.update(lambda tx: tx.delete_many("left", [key for key, _ in items[::2]])) == len(items) // 2
        found: list[Item] = []
        page = engine.view(lambda view: view.scan("left", limit=999))
        while page:
            found += page
            page = engine.view(lambda view, last=found[-1][0]: view.scan("left", after=last, limit=999))  # type: ignore[misc]
        assert found == items[1::2]

    # Scans.

    @pytest.mark.parametrize("reverse", [False, True])
    def test_scan_equals_the_definition(self, engine: Engine, reverse: bool) -> None:
        """Every prefix with every `after` and limit, 0xff bytes, missing keys and overlong ones among them."""
        model = {
            b"".join(key): b"v" for n in (1, 2, 3) for key in itertools.product((b"\0", b"a", b"\xff"), repeat=n)
        }
        model |= {b"\xff" * 511: b"longest", b"a" * 511: b"longest"}
        put(engine, *model.items())
        probes = [*model, b"", b"\0\1", b"b", b"a\xfe", b"\xff" * 512, b"a" * 512]

        def compare(view: View) -> None:
            for prefix, after, limit in itertools.product(probes, [None, *probes], (0, 2, EVERYTHING)):
                found = view.scan("left", prefix=prefix, after=after, limit=limit, reverse=reverse)
                assert found == _defined_scan(model, prefix, after, reverse)[:limit], (prefix, after, limit)

        engine.view(compare)

    def test_scan_goes_on_beside_updates(self, engine: Engine) -> None:
        """A walk in pages goes on after its last key, though that key is gone and others came."""
        put(engine, *((number_key(n), b"") for n in range(0, 100, 10)))
        first = engine.view(lambda view: view.scan("left", limit=4))
        engine.update(lambda tx: tx.delete_many("left", [number_key(30), number_key(50)]))
        put(engine, (number_key(5), b""), (number_key(35), b""))
        rest = engine.view(lambda view: view.scan("left", after=first[-1][0], limit=EVERYTHING))
        assert [int.from_bytes(key, "big") for key, _ in rest] == [35, 40, 60, 70, 80, 90]
        back = engine.view(lambda view: view.scan("left", after=number_key(50), limit=3, reverse=True))
        assert [int.from_bytes(key, "big") for key, _ in back] == [40, 35, 20]

    # Values.

    def test_values_stay(self, engine: Engine) -> None:
        """Values are bytes, possibly none at all, and stay valid after the transaction and the engine."""
        put(engine, (b"empty", b""), (b"key", b"v" * 5000))
        empty, value = engine.view(lambda view: view.get_many("left", [b"empty", b"key"]))
        items = items_of(engine)
        read_in_update = engine.update(lambda tx: tx.get_many("left", [b"key"]))
        put(engine, (b"key", b"w" * 5000))
        engine.close()
        assert (empty, value, read_in_update) == (b"", b"v" * 5000, [b"v" * 5000])
        assert items == [(b"empty", b""), (b"key", b"v" * 5000)]
        assert {type(part) for item in items for part in item} | {type(value)} == {bytes}

    def test_large_value(self, engine: Engine) -> None:
        """A value of 10 MB, or as large as the limits allow, is kept whole; the medium takes what it must."""
        caps = (engine.limits.value_bytes, engine.limits.transaction_bytes, 10_000_000)
        value = random.Random(8).randbytes(min(cap for cap in caps if cap))  # noqa: S311 nothing is secret here
        before = engine.stored_bytes()
        put(engine, (b"large", value))
        assert items_of(engine) == [(b"large", value)]
        assert engine.stored_bytes() > before >= 0

    @pytest.mark.parametrize("name", ["get_many", "has_many", "create_many", "put_many", "delete_many"])
    @pytest.mark.parametrize("length", [0, None], ids=["empty", "overlong"])
    def test_bad_key(self, engine: Engine, name: str, length: int | None) -> None:
        """A key has 1 to `key_bytes` bytes; a call with another does nothing, even where its error is caught."""
        longest = engine.limits.key_bytes or 511
        bad = b"k" * (longest + 1 if length is None else length)
        if len(bad) > longest and engine.limits.key_bytes is None:
            pytest.skip("this engine takes keys of any length")
        put(engine, (b"k" * longest, b"longest"))
        keys: list[bytes] | list[Item] = [b"k" * longest, bad]
        if name in ("create_many", "put_many"):
            keys = [(b"a", b"trace"), (bad, b"")]

        def fn(tx: Update) -> None:
            with pytest.raises(ValueError, match="key"):
                getattr(tx, name)("left", keys)
            tx.put_many("left", [(b"b", b"after")])

        engine.update(fn)
        assert items_of(engine) == [(b"b", b"after"), (b"k" * longest, b"longest")]
        with pytest.raises(ValueError, match="key"):
            engine.update(lambda tx: getattr(tx, name)("left", keys))
        assert items_of(engine) == [(b"b", b"after"), (b"k" * longest, b"longest")]


def _defined_scan(model: dict[bytes, bytes], prefix: bytes, after: bytes | None, reverse: bool) -> list[Item]:
    """What `View.scan` promises, word for word."""
    found = sorted((item for item in model.items() if item[0].startswith(prefix)), reverse=reverse)
    if after is None:
        return found
    return [item for item in found if (item[0] < after if reverse else item[0] > after)]
