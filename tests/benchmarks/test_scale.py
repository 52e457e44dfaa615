"""A case is put, read, verified and compacted, and two stores take turns."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import large_store
import pytest
import scale
import streamed

import pithstore


@pytest.mark.process
def test_a_case_has_every_figure_in_both_forms(tmp_path: Path) -> None:
    found = scale.measure(scale.Case("tiny", "small", 3, 4), tmp_path)
    assert found["put"]["records"] == 12
    assert found["put"]["bytes"] == sum(map(len, streamed.lines(0, 3, 4, "small")))
    tail, packed = found["forms"].values()
    assert packed.keys() - tail.keys() == {"compact_seconds", "compact_megabytes"}
    assert tail["stored"] == packed["stored"] == 12
    assert min(packed[f"{name}_megabytes"] for name in ("read", "verify", "compact")) > 1
    for table in scale.tables([found]):
        assert "tiny, compacted" in table.text()


def test_what_is_put_in_turns_was_put_into_neither_store_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "large.pith").mkdir()
    put: list[range] = []

    def ask(action: str, *given: object, stream: list[str] | None = None) -> scale.Row:
        if stream and (action, given[0]) != ("put", tmp_path / "small.pith"):
            first, sources = (int(stream[stream.index(name) + 1]) for name in ("--first", "--sources"))
            put.append(range(first, first + sources))
        return {}

    monkeypatch.setattr(scale, "ask", ask)
    case = scale.Case("compared", "small", 10_000, 10, compared=True)
    found = scale.measure(case, tmp_path)
    assert [len(each) for each in put] == [10_000, 2 * case.added, 2 * case.added]
    assert sum(map(len, put)) == len(set[int]().union(*put))
    stored = [form["stored"] for form in found["forms"].values()]
    assert stored == [100_000, 100_000 + large_store.ROUNDS * large_store.ROUND]


@pytest.mark.process
def test_a_question_that_fails_ends_the_run(tmp_path: Path) -> None:
    scale.ask("put", tmp_path / "one.pith", stream=scale.Case("tiny", "small", 1, 2).stream(0, 1))
    with pytest.raises(SystemExit, match="ended with 1"):
        scale.ask("read", tmp_path / "one.pith", 1, 3)  # there are two versions


def test_two_stores_take_turns_with_the_same_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = tmp_path / "small.pith", tmp_path / "large.pith"
    for path, count in zip(paths, (2, 4), strict=True):
        with pithstore.open(path, create=True) as store:
            store.put_many(streamed.lines(0, count, 5, "small"))
    monkeypatch.setattr(large_store, "ROUND", 20)
    monkeypatch.setattr(large_store, "CHUNK_RECORDS", 10)
    lines = b"".join(streamed.lines(4, 2 * large_store.ROUNDS * 20 // 5, 5, "small"))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines)))
    found = large_store.drift(paths[0], 2, paths[1], 4, 5)
    assert found["put_ratio"] == pytest.approx(found["put_small"] / found["put_large"])
    assert found["get_ratio"] == pytest.approx(found["get_large_us"] / found["get_small_us"])
    counts = []
    for path in paths:
        with pithstore.open(path, readonly=True) as store:
            counts.append(sum(len(list(store.history(source))) for source in store.sources()))
    assert counts == [10 + 20 * large_store.ROUNDS, 20 + 20 * large_store.ROUNDS]


def test_each_round_says_what_each_store_took_whichever_was_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []

    def put_round(store: pithstore.Store, _: object) -> float:
        order.append(name := "less" if store is less else "more")
        return {"less": 1.0, "more": 2.0}[name]

    monkeypatch.setattr(large_store, "put_round", put_round)
    with (
        pithstore.open(tmp_path / "less.pith", create=True) as less,
        pithstore.open(tmp_path / "more.pith", create=True) as more,
    ):
        assert list(large_store.put_in_turns(less, more)) == [(1.0, 2.0)] * large_store.ROUNDS
    assert order.count("less") == order.count("more") == large_store.ROUNDS
    assert order[:4] == ["less", "more", "more", "less"]


def test_a_rate_is_of_the_versions_before_the_mark() -> None:
    times = [(10_000, 1.0), (10_000, 1.0), (10_000, 4.0), (10_000, 6.0)]
    assert large_store.rate(times, 20_000) == 10_000
    assert large_store.rate(times, 40_000) == 2_000
