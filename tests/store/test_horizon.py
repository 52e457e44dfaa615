"""As of a moment: what is read within a horizon is what a store would say that holds nothing beyond it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeAlias

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pithstore.arrivals import Arrival
from pithstore.digest import Digest
from pithstore.errors import Ambiguous, Damaged, NotFound, UsageError
from pithstore.history.log import LogFilter
from pithstore.horizon import Horizon
from pithstore.model import Source, Version
from pithstore.reader import Reader
from pithstore.references import Ref
from pithstore.selectors import AsOf, Before, ByBuilder, ByNumber, BySnapshot, Selector
from pithstore.store import Store
from pithstore.store import open as open_store
from pithstore.testing.machine_store import Clock, Kept
from tests.store.any_history import BUILDERS, FIRST, HISTORIES, HOUR, MOMENTS, SOURCES, VALUES, Put, fill
from tests.store.plain import Plain, differing, digest, told
from tests.store.shelves import new_store, record
from tests.store.test_format import old_store

__all__ = ["old_store"]

UNKNOWN = Source("k", "0")
TICK = timedelta(microseconds=1)
A, B, C = record(x="a"), record(x="b"), record(x="c")

Answers: TypeAlias = dict[str, object]
Question: TypeAlias = Callable[[], object]
Bounds: TypeAlias = tuple[datetime | None, datetime | None, str | None]

BOUNDS: st.SearchStrategy[Bounds] = st.tuples(
    st.none() | MOMENTS | MOMENTS.map(lambda moment: moment - TICK),
    st.none() | MOMENTS,
    st.none() | st.sampled_from((*BUILDERS, "b3")),
)


def selectors(plain: Plain, source: Source) -> Iterator[Selector | None]:
    """Every selector that could mean something, and some that mean nothing."""
    history = plain.histories.get(source, [])
    yield None
    yield from map(ByNumber, range(len(history) + 2))
    yield from map(Before, range(len(history) + 1))
    yield from map(ByBuilder, (*BUILDERS, "b3"))
    moments = {moment for kept in history for moment in (kept.observed_at, kept.recorded_at)}
    yield from (AsOf(moment - step) for moment in sorted(moments) for step in (TICK, timedelta(0)))
    yield from (BySnapshot(snapshot[:8]) for snapshot in sorted({kept.snapshot for kept in history}))


def references(plain: Plain) -> list[Ref]:
    return [Ref(source, selector) for source in (*SOURCES, UNKNOWN) for selector in selectors(plain, source)]


def said(version: Version) -> tuple[object, ...]:
    index = (version.number, version.builder_version, repr(version.source_version), str(version.snapshot))
    return (str(version.source), *index, version.observed_at, version.recorded_at)


def kept_said(source: Source, kept: Kept) -> tuple[object, ...]:
    index = (kept.number, kept.builder_version, repr(kept.source_version), kept.snapshot)
    return (str(source), *index, kept.observed_at, kept.recorded_at)


P = ParamSpec("P")


def listed(ask: Callable[P, Iterator[tuple[object, ...]]], *args: P.args, **kwargs: P.kwargs) -> object:
    return list(ask(*args, **kwargs))


def answers(questions: Iterable[tuple[str, Question]]) -> Answers:
    return {name: told(ask) for name, ask in questions}


# The same questions to a reader and to plain lists.


def of_reader(reader: Reader, refs: Iterable[Ref]) -> Iterator[tuple[str, Question]]:
    yield "sources", lambda: list(reader.sources())
    yield "latest", lambda: list(map(said, reader.latest()))
    yield "declared", lambda: {name: attrs.astuple(row) for name, row in reader.declared().sections.items()}
    for source in (None, *SOURCES, UNKNOWN):
        yield f"conflicts {source}", partial(listed, _conflicts, reader, source)
        yield f"findings {source}", partial(listed, _findings, reader, source)
    for wanted in DIGESTS:
        yield f"who {wanted}", partial(listed, _who, reader, wanted)
    for source in (*SOURCES, UNKNOWN):
        yield f"history {source}", partial(listed, _history, reader, source)
        yield f"log {source}", partial(listed, _log, reader, source)
        yield f"matrix {source}", partial(_matrix, reader, source)
    for ref in refs:
        yield from ((f"{name} {ref}", ask) for name, ask in _of_version(reader, ref))


def _of_version(reader: Reader, ref: Ref) -> Iterator[tuple[str, Question]]:
    value = attrs.evolve(ref, pointer=("x",))
    yield "version", lambda: said(reader.version(ref))
    yield "get", lambda: reader.get_bytes(ref)
    yield "value", lambda: digest(reader.get(value))
    yield "manifest", lambda: [(section.name, str(section.digest)) for section in reader.manifest(ref).sections]
    yield "blame", lambda: {one.pointer: one.version.number for one in reader.blame(ref)}
    yield "blame x", lambda: {one.pointer: one.version.number for one in reader.blame(value)}
    yield "diff", lambda: sorted({change.path.split("/")[1] for change in reader.diff(ref.source, ref)})
    yield "compare", lambda: [n for n, status in reader.compare(ref.source, ref).items() if status != "same"]


def _conflicts(reader: Reader, source: Source | None) -> Iterator[tuple[object, ...]]:
    for one in reader.conflicts(source):
        numbers = [version.number for version in one.versions]
        said_version = "null" if one.source_version is None else str(one.source_version)
        yield one.source, said_version, one.builder_version, numbers, one.snapshots, list(one.sections)


def _findings(reader: Reader, source: Source | None) -> Iterator[tuple[object, ...]]:
    for found in reader.declared_findings(source):
        yield found.version.source, found.version.number, *attrs.astuple(found.outcome)


def _who(reader: Reader, wanted: str) -> Iterator[tuple[object, ...]]:
    for holder in reader.who(Digest.from_text(wanted)):
        yield holder.version.source, holder.version.number, list(holder.sections)


def _history(reader: Reader, source: Source) -> Iterator[tuple[object, ...]]:
    return map(said, reader.history(source))


def _log(reader: Reader, source: Source) -> Iterator[tuple[object, ...]]:
    for entry in reader.log(source):
        changed = None if entry.changed is None else list(entry.changed)
        yield entry.version.number, None if entry.before is None else entry.before.number, changed


def _matrix(reader: Reader, source: Source) -> object:
    matrix = reader.matrix(source)
    return [version.number for version in matrix.versions], dict(matrix.rows)


def of_plain(plain: Plain, refs: Iterable[Ref]) -> Iterator[tuple[str, Question]]:
    yield "sources", plain.sources
    yield "latest", lambda: [kept_said(source, plain.select(source, None)) for source in plain.sources()]
    yield "declared", lambda: {name: tuple(row) for name, row in plain.declared().items()}
    for source in (None, *SOURCES, UNKNOWN):
        yield f"conflicts {source}", partial(plain.conflicts, source)
        yield f"findings {source}", partial(plain.declared_findings, source)
    for wanted in DIGESTS:
        yield f"who {wanted}", partial(plain.who, wanted)
    for source in (*SOURCES, UNKNOWN):
        yield f"history {source}", partial(listed, _plain_history, plain, source)
        yield f"log {source}", partial(listed, _plain_log, plain, source)
        yield f"matrix {source}", partial(_plain_matrix, plain, source)
    for ref in refs:
        yield from ((f"{name} {ref}", ask) for name, ask in _of_plain_version(plain, ref))


def _plain_history(plain: Plain, source: Source) -> Iterator[tuple[object, ...]]:
    return (kept_said(source, kept) for kept in plain.history(source))


def _plain_matrix(plain: Plain, source: Source) -> object:
    return [kept.number for kept in plain.history(source)], plain.matrix(source)


def _plain_log(plain: Plain, source: Source) -> Iterator[tuple[object, ...]]:
    for kept, before, changed in plain.log(source):
        yield kept.number, None if before is None else before.number, changed


def _of_plain_version(plain: Plain, ref: Ref) -> Iterator[tuple[str, Question]]:
    def chosen() -> Kept:
        return plain.select(ref.source, ref.selector)

    def changed() -> list[str]:
        return differing(plain.select(ref.source, None), chosen())

    yield "version", lambda: kept_said(ref.source, chosen())
    yield "get", lambda: chosen().text
    yield "value", lambda: digest(plain.section(chosen(), "x"))
    yield "manifest", lambda: [(name, digest(section)) for name, section in sorted(chosen().record.items())]
    yield "blame", lambda: plain.blame(ref.source, ref.selector)
    yield "blame x", lambda: plain.blame(ref.source, ref.selector, ("x",))
    yield "diff", changed
    yield "compare", changed


DIGESTS = sorted({digest(value) for values in VALUES.values() for value in values})


# The laws.


@settings(max_examples=60)
@given(puts=HISTORIES, data=st.data())
def test_a_horizon_is_a_shorter_list(
    tmp_path_factory: pytest.TempPathFactory, puts: list[Put], data: st.DataObject
) -> None:
    with new_store("memory", tmp_path_factory.getbasetemp()) as store:
        plain = fill(store, puts)
        every = references(plain)
        for at, as_recorded, builder in [(None, None, None), *data.draw(st.lists(BOUNDS, min_size=2, max_size=2))]:
            refs = [*map(Ref, SOURCES), *data.draw(st.lists(st.sampled_from(every), max_size=4))]
            reader = store.within(at=at, as_recorded=as_recorded, builder=builder)
            expected = answers(of_plain(plain.within(at, as_recorded, builder), refs))
            assert answers(of_reader(reader, refs)) == expected


@settings(max_examples=60)
@given(puts=HISTORIES, bounds=BOUNDS)
def test_every_selector_chooses_within_the_horizon(
    tmp_path_factory: pytest.TempPathFactory, puts: list[Put], bounds: Bounds
) -> None:
    with new_store("memory", tmp_path_factory.getbasetemp()) as store:
        plain = fill(store, puts)
        at, as_recorded, builder = bounds
        reader, shorter = store.within(at=at, as_recorded=as_recorded, builder=builder), plain.within(*bounds)
        for ref in references(plain):
            assert told(partial(number_of, reader, ref)) == told(partial(plain_number_of, shorter, ref)), ref


def number_of(reader: Reader, ref: Ref) -> int:
    return reader.version(ref).number


def plain_number_of(plain: Plain, ref: Ref) -> int:
    return plain.select(ref.source, ref.selector).number


@settings(max_examples=40)
@given(puts=HISTORIES, data=st.data())
def test_as_recorded_is_what_a_store_says_that_stopped_then(
    tmp_path_factory: pytest.TempPathFactory, puts: list[Put], data: st.DataObject
) -> None:
    """Whatever else bounds the horizon."""
    room = tmp_path_factory.getbasetemp()
    moment = data.draw(MOMENTS)
    at, _, builder = data.draw(BOUNDS)
    with new_store("memory", room) as store, new_store("memory", room) as stopped:
        plain = fill(store, puts)
        fill(stopped, until(puts, moment))
        refs = [*map(Ref, SOURCES), *data.draw(st.lists(st.sampled_from(references(plain)), max_size=4))]
        later = answers(of_reader(store.within(at=at, as_recorded=moment, builder=builder), refs))
        assert later == answers(of_reader(stopped.within(at=at, builder=builder), refs))
        if at is None and builder is None:
            assert later == answers(of_reader(stopped, refs))


def until(puts: Iterable[Put], moment: datetime) -> Iterator[Put]:
    """The puts up to that moment."""
    now = FIRST
    for put in puts:
        now += put[2]
        if now <= moment:
            yield put


@settings(max_examples=60)
@given(puts=HISTORIES, moment=MOMENTS, recorded=MOMENTS)
def test_as_of_is_the_greatest_time_then_the_greatest_number_of_what_was_recorded_by_then(
    tmp_path_factory: pytest.TempPathFactory, puts: list[Put], moment: datetime, recorded: datetime
) -> None:
    with new_store("memory", tmp_path_factory.getbasetemp()) as store:
        for source, history in fill(store, puts).histories.items():
            known = [kept for kept in history if kept.recorded_at <= recorded and kept.observed_at <= moment]
            greatest = max(((kept.observed_at, kept.number) for kept in known), default=None)
            reader = store.within(at=moment, as_recorded=recorded)
            if greatest is None:
                assert source not in list(reader.sources())
                with pytest.raises(NotFound):
                    reader.get(source)
            else:
                assert reader.version(source).number == greatest[1]
                assert store.within(as_recorded=recorded).version(Ref(source, AsOf(moment))).number == greatest[1]


# By hand, on both engines.


@pytest.fixture
def shelf(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Versions 1 to 4 of k:1, an hour apart: A and B by b1, C by b2, and C by b1 as of the hour of B."""
    clock = Clock(FIRST)
    monkeypatch.setattr("pithstore.store.datetime", clock)
    store.put(A)
    clock.moment += HOUR
    store.put(B)
    clock.moment += HOUR
    store.put(C | {"builder_version": "b2"})
    clock.moment += HOUR
    store.put(C, observed_at=FIRST + HOUR)
    return store


def number(reader: Reader, ref: str = "k:1") -> int | None:
    try:
        return reader.version(ref).number
    except NotFound:
        return None


def test_a_back_filled_record_is_seen_as_of_its_time_once_it_was_recorded(shelf: Store) -> None:
    assert [number(shelf.within(at=FIRST + n * HOUR)) for n in range(-1, 4)] == [None, 1, 4, 3, 3]
    assert number(shelf.within(at=FIRST + HOUR, as_recorded=FIRST + 2 * HOUR)) == 2
    assert [number(shelf.within(as_recorded=FIRST + n * HOUR)) for n in range(-1, 4)] == [None, 1, 2, 3, 4]


def test_a_builder_has_a_history_of_its_own(shelf: Store) -> None:
    alone = shelf.within(builder="b1")
    assert [entry.changed for entry in alone.log("k:1")] == [None, ("x",), ("x",)]
    assert [entry.changed for entry in shelf.log("k:1")][2:] == [("builder_version", "x"), ("builder_version",)]
    assert alone.matrix("k:1").rows["x"] == "+~~"
    assert [one.version.number for one in alone.blame("k:1#x")] == [4]
    assert [one.version.number for one in shelf.blame("k:1#x")] == [3]
    assert number(alone, "k:1@-1") == 2
    assert number(alone, "k:1@3") is None
    assert number(alone, "k:1@builder=b2") is None
    assert number(shelf.within(at=FIRST + HOUR, builder="b1")) == 4


def test_by_number_is_by_number_also_as_of_a_time(shelf: Store) -> None:
    as_of = shelf.within(at=FIRST + 2 * HOUR)
    assert number(as_of) == 3
    assert number(as_of, "k:1@-0") == 4
    assert number(as_of, "k:1@-1") == 3
    assert number(as_of, "k:1@builder=b1") == 4
    assert number(as_of, "k:1@2026-06-02") == 3


def test_a_moment_is_a_datetime_or_its_text_in_any_zone(shelf: Store) -> None:
    for at in (FIRST, "2026-06-01T12:00:00Z", "2026-06-01T14:00:00+02:00", "2026-06-01T12:00"):
        assert shelf.within(at=at).horizon == Horizon(at=FIRST)
        assert number(shelf.within(at=at)) == 1
    assert number(shelf.within(at="2026-06-01")) is None
    for moment in ("soon", "2026-13"):
        with pytest.raises(UsageError, match="not a time"):
            shelf.within(as_recorded=moment)
    for naive in (lambda: shelf.within(at=datetime(2026, 6, 1)), lambda: LogFilter(until=datetime(2026, 6, 1))):
        with pytest.raises(UsageError, match="time zone"):
            naive()


def test_what_is_not_there_yet_is_said_with_the_horizon(shelf: Store) -> None:
    reader = shelf.within(at="2026-05", as_recorded="2026-06-07", builder="b 1")
    with pytest.raises(NotFound) as error:
        reader.get("k:1@3")
    assert str(error.value) == (
        "k:1 has no version @3 made by 'b 1' and observed by 2026-05-01T00:00:00Z and recorded by "
        "2026-06-07T00:00:00Z; see 'pithstore log k:1'"
    )
    for ask in (reader.history, reader.log, reader.matrix, reader.blame, reader.manifest):
        with pytest.raises(NotFound, match="k:1 has no version made by"):
            list(ask("k:1"))  # type: ignore[arg-type]  # each of them for its error alone
    with pytest.raises(NotFound, match="there is no source k:2; "):
        reader.get("k:2")


def test_a_prefix_is_only_ambiguous_among_what_is_seen(store: Store) -> None:
    from tests.cli.test_errors import SAME_PREFIX, numbered

    for n, serial in enumerate(SAME_PREFIX):
        store.put(numbered(serial), observed_at=FIRST + n * HOUR)
    with pytest.raises(Ambiguous):
        store.get("k:i@sha256:abbb4783")
    assert number(store.within(at=FIRST), "k:i@sha256:abbb4783") == 1


def test_log_leaves_out_what_is_not_asked_for_and_compares_as_before(shelf: Store) -> None:
    everything = list(shelf.log("k:1"))
    for only, numbers in [
        (LogFilter(), [1, 2, 3, 4]),
        (LogFilter(("x",)), [1, 2, 3]),
        (LogFilter(("x", "builder_version")), [1, 2, 3, 4]),
        (LogFilter(("nothing",)), []),
        (LogFilter(since=FIRST + HOUR), [2, 3, 4]),
        (LogFilter(until=FIRST + HOUR), [1, 2, 4]),
        (LogFilter(("builder_version",), FIRST + HOUR, FIRST + HOUR), [4]),
    ]:
        entries = list(shelf.log("k:1", only))
        assert entries == [everything[n - 1] for n in numbers]


def test_sources_as_of_a_moment_are_those_that_were_there(store: Store) -> None:
    store.put_batch([Arrival(store.prepare(record(str(n))), FIRST + n * HOUR) for n in range(300)])
    names = sorted(f"k:{n}" for n in range(300))
    assert [str(source) for source in store.sources()] == names
    for count in (0, 1, 299, 300):
        reader = store.within(at=FIRST + (count - 1) * HOUR)
        assert [str(source) for source in reader.sources()] == sorted(f"k:{n}" for n in range(count))
        assert [version.source for version in reader.latest()] == list(reader.sources())


def test_a_horizon_follows_what_is_put_into_its_store(shelf: Store) -> None:
    reader = shelf.within(at=FIRST)
    assert number(reader) == 1
    shelf.put(B, observed_at=FIRST)
    assert number(reader) == 5


def test_a_damaged_version_within_the_horizon_is_said(shelf: Store) -> None:
    from pithstore.keys import VERSIONS, version_key
    from tests.store.shelves import put_entry

    put_entry(shelf._engine, VERSIONS, (version_key(Source("k", "1"), 2), b"broken, and short"))
    assert number(shelf.within(at=FIRST)) == 1
    for ask in (
        lambda: shelf.within(as_recorded=FIRST + HOUR).get("k:1"),
        lambda: list(shelf.within(builder="b1").log("k:1")),
    ):
        with pytest.raises(Damaged, match="k:1 version 2: its index entry is damaged"):
            ask()


def test_a_store_of_an_older_pithstore_answers_within_a_horizon_too(old_store: Path) -> None:
    with open_store(old_store, readonly=True) as store:
        for source in store.sources():
            for version in store.history(source):
                reader = store.within(as_recorded=version.recorded_at)
                assert version in list(reader.history(source))
                assert reader.matrix(source).versions[0].number == 1
                assert reader.blame(version)
            assert list(store.within(at="1000-01").sources()) == []
