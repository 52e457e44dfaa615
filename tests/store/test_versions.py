"""The laws on versions: what writes one, what does not, and what its numbers and times mean."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pithstore.arrivals import Arrival
from pithstore.errors import InvalidRecord, NotFound, UsageError
from pithstore.model import Source
from pithstore.pointer import Json
from pithstore.store import Store
from pithstore.testing.machine_store import Clock, definition
from pithstore.testing.strategies import records
from tests.store.shelves import ENGINES, EngineName, Record, new_store, record

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
A, B, C = record(x="a"), record(x="b"), record(x="c")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock(NOON)
    monkeypatch.setattr("pithstore.store.datetime", clock)
    return clock


def numbers(store: Store, *records_put: Record, observed_at: datetime | None = None) -> list[int]:
    return [store.put(one, observed_at=observed_at).version.number for one in records_put]


def states(store: Store, ref: str = "k:1") -> list[bytes]:
    return [store.get_bytes(f"{ref}@{version.number}") for version in store.history(ref)]


def imported(store: Store, arrivals: Sequence[tuple[Record, datetime]]) -> list[bool]:
    return [store.put(one, observed_at=moment).stored for one, moment in arrivals]


# A put of now.


def test_a_put_of_now_is_a_no_op_if_the_head_of_its_line_is_this_snapshot(store: Store) -> None:
    assert [store.put(A).stored, store.put(A).stored, store.put(A).stored] == [True, False, False]
    assert store.put(A).version == store.version("k:1")
    assert states(store) == [definition(A)]


def test_a_b_a_is_three_versions_of_two_snapshots(store: Store) -> None:
    assert numbers(store, A, B, A) == [1, 2, 3]
    assert states(store) == [definition(A), definition(B), definition(A)]
    assert (store.stat().versions, store.stat().snapshots) == (3, 2)
    assert store.verify().snapshots == 2


def test_a_b_a_in_one_batch_is_three_versions(store: Store) -> None:
    results = store.put_batch([Arrival(store.prepare(one)) for one in (A, A, B, A, A)])
    assert [(result.version.number, result.stored) for result in results] == [
        *((1, True), (1, False), (2, True), (3, True), (3, False)),
    ]
    assert [result.new_sections for result in results] == [3, 0, 1, 0, 0]


def test_lines_have_heads_of_their_own_and_numbers_in_common(store: Store) -> None:
    by = {name: record(builder=name, x="same") for name in ("b1", "b2", "b3")}
    assert numbers(store, by["b1"], by["b2"], by["b1"], by["b3"], by["b2"]) == [1, 2, 1, 3, 2]
    assert [version.builder_version for version in store.history("k:1")] == ["b1", "b2", "b3"]
    assert [store.version(f"k:1@builder={name}").number for name in by] == [1, 2, 3]


def test_the_newest_is_that_of_the_highest_number_whatever_was_observed_when(store: Store) -> None:
    numbers(store, A, observed_at=NOON)
    numbers(store, B, observed_at=NOON - HOUR)
    assert store.get("k:1") == B
    assert store.get("k:1@builder=b1") == B
    assert store.get("k:1@-1") == A
    assert not store.put(B).stored
    assert store.put(A).version.number == 3


def test_one_source_version_with_other_content_is_kept(store: Store) -> None:
    first, second = record(version={"version": 1}, x=1), record(version={"version": 1}, x=2)
    assert numbers(store, first, second) == [1, 2]
    assert [version.source_version for version in store.history("k:1")] == [1, 1]


@pytest.mark.parametrize("value", [None, True, False, 0, 0.0, -0.0, 1, 1.0, "", "1", 10**300, "\0"])
def test_a_source_version_is_any_scalar_and_comes_back_as_it_was(store: Store, value: Json) -> None:
    store.put(record(version={"version": value}))
    assert repr(store.version("k:1").source_version) == repr(value)
    assert store.verify().ok


def test_null_and_no_source_version_are_two_snapshots_of_the_same_source_version(store: Store) -> None:
    assert numbers(store, record(), record(version={"version": None})) == [1, 2]
    assert [version.source_version for version in store.history("k:1")] == [None, None]
    assert store.verify().ok


# A put with a time of its own.

SHELF = [(A, NOON), (B, NOON), (A, NOON + HOUR), (B, NOON - HOUR), (C, NOON + 2 * HOUR), (A, NOON + 2 * HOUR)]


def test_an_import_with_times_can_be_repeated(store: Store) -> None:
    assert all(imported(store, SHELF))
    before = list(store.history("k:1"))
    assert not any(imported(store, SHELF))
    assert not any(imported(store, SHELF[::-1]))
    assert list(store.history("k:1")) == before


def test_two_snapshots_at_exactly_the_same_time_are_both_kept_and_can_both_be_repeated(store: Store) -> None:
    both = [(A, NOON), (B, NOON)]
    assert imported(store, both) == [True, True]
    assert imported(store, both) == [False, False]
    assert imported(store, both[::-1]) == [False, False]


def test_times_are_those_of_the_same_batch_too(store: Store) -> None:
    arrivals = [(A, NOON), (B, NOON), (A, NOON), (B, NOON), (B, NOON - HOUR), (A, NOON - HOUR), (B, NOON - HOUR)]
    assert put_batch(store, arrivals) == [arrivals[n] for n in (0, 1, 4, 5)]
    assert put_batch(store, arrivals) == []


def test_what_the_line_says_as_of_then_is_not_written_again(store: Store) -> None:
    assert imported(store, [(A, NOON), (A, NOON + HOUR), (A, NOON + 2 * HOUR)]) == [True, False, False]
    assert imported(store, [(B, NOON + HOUR), (A, NOON + 2 * HOUR)]) == [True, True]


def test_a_back_filled_record_is_kept(store: Store) -> None:
    store.put(A, observed_at=NOON)
    assert imported(store, [(A, NOON - HOUR), (B, NOON - 2 * HOUR), (A, NOON - HOUR / 2)]) == [True, True, False]
    assert [version.number for version in store.history("k:1")] == [1, 2, 3]
    assert store.get("k:1@2026-06-01T10:00:00Z") == B
    assert store.get("k:1@2026-06-01T11:00:00Z") == A


ARRIVALS = st.lists(
    st.tuples(
        st.sampled_from([record(builder=builder, x=x) for builder in ("b1", "b2") for x in (0, 0.0, False)]),
        st.sampled_from([NOON, NOON + HOUR, NOON + HOUR + timedelta(microseconds=1)]),
    ),
    max_size=12,
)


@pytest.mark.parametrize("name", ENGINES)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arrivals=ARRIVALS, data=st.data())
def test_what_was_stored_at_its_time_is_never_stored_again(
    tmp_path_factory: pytest.TempPathFactory,
    name: EngineName,
    arrivals: list[tuple[Record, datetime]],
    data: st.DataObject,
) -> None:
    with new_store(name, tmp_path_factory.mktemp("store")) as store:
        stored = [arrival for i in range(0, len(arrivals), 2) for arrival in put_batch(store, arrivals[i : i + 2])]
        versions = list(store.history("k:1")) if arrivals else []
        assert len(versions) == len(stored)
        shuffled = data.draw(st.permutations(stored))
        assert not any(imported(store, shuffled))
        assert put_batch(store, shuffled) == []
        assert list(store.history("k:1") if arrivals else ()) == versions
        assert store.verify().ok


def put_batch(store: Store, arrivals: Sequence[tuple[Record, datetime]]) -> list[tuple[Record, datetime]]:
    """The arrivals that were stored."""
    results = store.put_batch([Arrival(store.prepare(one), moment) for one, moment in arrivals])
    return [arrival for arrival, result in zip(arrivals, results, strict=True) if result.stored]


@given(states=st.lists(st.sampled_from([A, B, C]), max_size=12), data=st.data())
def test_an_import_with_rising_times_can_be_repeated_in_any_order(
    tmp_path_factory: pytest.TempPathFactory, states: list[Record], data: st.DataObject
) -> None:
    with new_store("memory", tmp_path_factory.getbasetemp()) as store:
        arrivals = [(one, NOON + n * HOUR) for n, one in enumerate(states)]
        imported(store, arrivals)
        assert not any(imported(store, arrivals))
        assert not any(imported(store, data.draw(st.permutations(arrivals))))


def test_what_a_back_fill_has_hidden_is_stored_when_it_is_said_again(store: Store) -> None:
    assert imported(store, [(A, NOON), (A, NOON + 2 * HOUR), (B, NOON + HOUR)]) == [True, False, True]
    assert store.get("k:1@2026-06-01T14:00:00Z") == B
    assert imported(store, [(A, NOON + 2 * HOUR), (A, NOON + 2 * HOUR)]) == [True, False]
    assert store.get("k:1@2026-06-01T14:00:00Z") == A


def test_times_are_those_of_the_line_not_of_the_source(store: Store) -> None:
    other = record(builder="b2", x="a")
    assert imported(store, [(A, NOON), (other, NOON), (A, NOON), (other, NOON)]) == [True, True, False, False]
    assert store.get("k:1@2026-06-01T12:00:00Z") == other


@pytest.mark.parametrize("prefix", ["b", "b1", "b10", "b\0", "b" * 200, "b" * 201])
def test_builders_that_share_prefixes_stay_apart(store: Store, prefix: str) -> None:
    names = [prefix, prefix + "0", prefix + "\0", prefix + "\0\x01", prefix + "\U0010ffff"]
    for position, name in enumerate(names):
        store.put(record(builder=name, x=position), observed_at=NOON + position * HOUR)
    assert not any(
        store.put(record(builder=name, x=position), observed_at=NOON + 9 * HOUR).stored
        for position, name in enumerate(names)
    )
    assert [version.builder_version for version in store.history("k:1")] == names
    assert store.verify().ok


# As of.


def test_as_of_is_the_greatest_time_then_the_greatest_number_over_all_builders(store: Store) -> None:
    by = {name: record(builder=name, x=name) for name in ("b1", "b2", "b3")}
    store.put(by["b3"], observed_at=NOON)
    store.put(by["b1"], observed_at=NOON)
    store.put(by["b2"], observed_at=NOON - HOUR)
    store.put(by["b2"] | {"x": 1}, observed_at=NOON + HOUR)
    assert store.get("k:1@2026-06-01T12:00:00Z") == by["b1"]
    assert store.get("k:1@2026-06-01T11:59:59.999999Z") == by["b2"]
    assert store.get("k:1@2026-06-02") == by["b2"] | {"x": 1}
    assert store.get("k:1@2026-06-01T13:00:00+02:00") == by["b2"]
    with pytest.raises(NotFound):
        store.get("k:1@2026-06-01T10:59:59.999999Z")
    with pytest.raises(NotFound):
        store.get("k:1@2026-06-01")


def test_a_date_is_its_first_moment_in_utc(store: Store) -> None:
    store.put(A, observed_at=datetime(2026, 6, 1, tzinfo=UTC))
    store.put(B, observed_at=datetime(2026, 6, 1, 0, 0, 0, 1, tzinfo=UTC))
    assert store.get("k:1@2026-06-01") == A
    assert store.get("k:1@2026-06") == A
    assert store.get("k:1@2026-06-01T00:00:00.000001") == B


# The two times.


def test_recorded_at_never_runs_backwards_within_a_source(store: Store, clock: Clock) -> None:
    store.put(A)
    clock.moment = NOON - 5 * HOUR
    for one in (B, record(builder="b2"), record("other")):
        store.put(one)
    clock.moment = NOON + HOUR
    store.put(C)
    recorded = [version.recorded_at for version in store.history("k:1")]
    assert recorded == [NOON, NOON, NOON, NOON + HOUR]
    assert [version.observed_at for version in store.history("k:1")] == recorded
    assert store.version("k:other").recorded_at == NOON - 5 * HOUR


def test_observed_at_is_the_callers_and_recorded_at_the_stores(store: Store, clock: Clock) -> None:
    store.put(A, observed_at=NOON - 100 * HOUR)
    store.put(B)
    assert [(version.observed_at, version.recorded_at) for version in store.history("k:1")] == [
        *((NOON - 100 * HOUR, NOON), (NOON, NOON)),
    ]


def test_a_time_of_any_zone_comes_back_in_utc(store: Store) -> None:
    moment = datetime(2026, 6, 1, 14, tzinfo=timezone(2 * HOUR))
    result = store.put(A, observed_at=moment)
    assert result.version == store.version("k:1")
    assert store.version("k:1").observed_at.isoformat() == "2026-06-01T12:00:00+00:00"
    assert result.version.observed_at.isoformat() == "2026-06-01T12:00:00+00:00"
    assert not store.put(A, observed_at=NOON).stored


@pytest.mark.parametrize("moment", [datetime.min, datetime.max])
def test_every_time_that_utc_can_hold_is_kept(store: Store, moment: datetime) -> None:
    store.put(A, observed_at=moment.replace(tzinfo=UTC))
    assert store.version("k:1").observed_at == moment.replace(tzinfo=UTC)
    assert store.get("k:1@9999-12-31T23:59:59.999999Z") == A
    assert store.verify().ok


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 6, 1),
        datetime.min.replace(tzinfo=timezone(HOUR)),
        datetime.max.replace(tzinfo=timezone(-HOUR)),
    ],
    ids=["naive", "before year 1 in UTC", "after year 9999 in UTC"],
)
def test_a_time_that_utc_cannot_hold_is_refused_and_nothing_is_stored(store: Store, moment: datetime) -> None:
    with pytest.raises(UsageError):
        store.put(A, observed_at=moment)
    assert list(store.sources()) == []
    assert store.stat().blobs == 0
    assert store.put(A).version.number == 1


def test_times_are_in_no_hash(store: Store) -> None:
    first = store.put(A, observed_at=NOON).version
    store.put(B, observed_at=NOON)
    second = store.put(A, observed_at=NOON + HOUR).version
    assert (first.snapshot, first.number) == (second.snapshot, second.number - 2)


# What is refused.


def test_a_refused_record_stores_nothing_and_those_before_it_stay(store: Store) -> None:
    stream: Iterator[Record] = iter([A, B, {"source": {"kind": "k", "id": ""}, "builder_version": "b"}, C])
    with pytest.raises(InvalidRecord, match="record 3"):
        store.put_many(stream)
    assert states(store) == [definition(A), definition(B)]
    assert list(stream) == [C]
    with pytest.raises(InvalidRecord):
        store.put('{"source":{"kind":"k","id":"1"},"builder_version":"b","builder_version":"b"}')
    assert states(store) == [definition(A), definition(B)]
    assert store.verify().ok


def test_what_a_stream_raises_comes_out(store: Store) -> None:
    def stream() -> Iterator[Record]:
        yield A
        raise RuntimeError("of the caller")

    with pytest.raises(RuntimeError, match="of the caller"):
        store.put_many(stream())
    assert store.verify().ok


def test_nothing_put_is_nothing_stored(store: Store) -> None:
    assert store.put_many([]).records == 0
    assert store.put_batch([]) == []
    assert list(store.sources()) == []


@given(everything=st.lists(records(), max_size=4))
def test_any_records_come_back_byte_by_byte(
    tmp_path_factory: pytest.TempPathFactory, everything: list[Record]
) -> None:
    with new_store("memory", tmp_path_factory.getbasetemp()) as store:
        results = [store.put(one) for one in everything]
        for one, result in zip(everything, results, strict=True):
            version = result.version
            text = definition(one)
            assert store.get_bytes(f"{version.source}@{version.number}") == text
            assert definition(store.get(f"{version.source}@sha256:{version.snapshot}")) == text
        assert store.verify().ok


# Many of everything, over the pages that are read at once.


def test_many_sources_are_listed_in_order_once(store: Store) -> None:
    ids = [str(number) for number in range(600)]
    store.put_many(record(identity) for identity in ids)
    assert list(store.sources()) == [Source("k", identity) for identity in sorted(ids)]


def test_many_lines_are_looked_through(store: Store) -> None:
    arrivals = [Arrival(store.prepare(record(builder=f"b{n:04}", x=n)), NOON + n * HOUR) for n in range(600)]
    store.put_batch(arrivals)
    for n in (0, 255, 256, 257, 599):
        moment = (NOON + n * HOUR).isoformat()
        assert store.version(f"k:1@{moment}").number == n + 1


def test_a_history_read_while_it_grows_goes_on_to_its_end(store: Store) -> None:
    store.put_batch([Arrival(store.prepare(record(x=n))) for n in range(300)])
    history = store.history("k:1")
    seen = [next(history).number]
    store.put(A)
    seen += [version.number for version in history]
    assert seen == list(range(1, 302))


def test_a_log_of_many_versions_compares_over_its_pages(store: Store) -> None:
    store.put_batch([Arrival(store.prepare(record(x=n // 2, y=n))) for n in range(600)])
    changed = [entry.changed for entry in store.log("k:1")]
    assert changed == [None, *itertools.islice(itertools.cycle([("y",), ("x", "y")]), 599)]


def test_a_verify_beside_puts_is_clean(store: Store) -> None:
    numbers = itertools.count()

    def put_more(done: int, expected: int) -> None:
        n = next(numbers)
        for identity in ("1", "2", str(n)):
            store.put(record(identity, builder=f"b{n % 5}", x=n), observed_at=NOON - n * HOUR)

    for _ in range(3):
        store.put_many(record(identity, x=0) for identity in ("1", "2"))
        report = store.verify(put_more)
        assert report.problems == ()
    assert store.verify().ok


def test_verify_tells_how_far_it_has_come(store: Store) -> None:
    store.put_many(record(str(n), x=n) for n in range(10))
    told: list[tuple[int, int]] = []
    store.verify(lambda done, expected: told.append((done, expected)))
    stat = store.stat()
    everything = stat.blobs + stat.snapshots + stat.versions
    assert told[-1] == (everything, everything)
    assert told == sorted(told)
