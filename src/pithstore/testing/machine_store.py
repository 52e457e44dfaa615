"""Random histories of a store, compared step by step with plain lists."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from hashlib import sha256
from typing import TypeAlias
from unittest.mock import patch as patched

import attrs
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pithstore.diff.values import as_patch, patch
from pithstore.digest import Digest
from pithstore.errors import Ambiguous, NotFound
from pithstore.model import Manifest, SectionEntry, Source
from pithstore.pointer import Json
from pithstore.references import Ref
from pithstore.results import PutResult
from pithstore.selectors import AsOf, Before, ByBuilder, ByNumber, BySnapshot, Selector
from pithstore.store import Store
from pithstore.testing.strategies import json_values

Record: TypeAlias = dict[str, Json]
ApplyPatch: TypeAlias = Callable[[Json, list[Json]], Json]
"""What applies an RFC 6902 document to a value, written by somebody else."""


def definition(value: Json) -> bytes:
    """The canonical form `pith-json-1`, as the standard library defines it."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8")


class Clock:
    """Stands in for `datetime` in `pithstore.store`: it says what it was told."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self, zone: tzinfo | None = None) -> datetime:
        """The moment that was set."""
        return self.moment.astimezone(zone)


@attrs.frozen(eq=False)
class Kept:
    """One version as the model keeps it: the record itself, and all that the index should say of it."""

    number: int
    builder_version: str
    source_version: Json
    record: Record = attrs.field(repr=False)
    text: bytes = attrs.field(repr=False)
    observed_at: datetime
    recorded_at: datetime

    @property
    def snapshot(self) -> str:
        """The snapshot hash."""
        return sha256(self.text).hexdigest()


class Model:
    """The laws of the store, written down so plainly that they can be checked by reading them."""

    def __init__(self) -> None:
        self.histories: dict[Source, list[Kept]] = {}

    def put(self, record: Record, observed_at: datetime | None, now: datetime) -> tuple[list[Kept], bool]:
        """The versions that say it, and whether there is a new one: then it is the only one."""
        said = record["source"]
        assert isinstance(said, dict)
        source = Source(str(said["kind"]), str(said["id"]))
        builder, text = str(record["builder_version"]), definition(record)
        history = self.histories.setdefault(source, [])
        line = [version for version in history if version.builder_version == builder]
        said_before = [version for version in _said_before(line, observed_at) if version.text == text]
        if said_before:
            return said_before, False
        recorded_at = max([now, *(version.recorded_at for version in history)])
        kept = Kept(
            len(history) + 1,
            builder,
            said.get("version"),
            json.loads(text),
            text,
            observed_at or recorded_at,
            recorded_at,
        )
        history.append(kept)
        return [kept], True

    def select(self, source: Source, selector: Selector | None) -> list[Kept]:
        """The versions of different snapshots that a selector means: none, one, or several if it is ambiguous."""
        history = self.histories.get(source, [])
        fitting = [version for version in history if _fits(selector, version, len(history))]
        if isinstance(selector, BySnapshot):
            return list({version.snapshot: version for version in fitting}.values())
        if isinstance(selector, AsOf):
            fitting.sort(key=lambda version: (version.observed_at, version.number))
        return fitting[-1:]

    def sections(self) -> list[bytes]:
        """The canonical bytes of every section of every version."""
        versions = [version for history in self.histories.values() for version in history]
        return [definition(body) for version in versions for body in version.record.values()]


def _said_before(line: Sequence[Kept], observed_at: datetime | None) -> list[Kept]:
    """The versions of a line that make a put of the same record write nothing."""
    if observed_at is None:
        return list(line[-1:])
    by_then = [version for version in line if version.observed_at <= observed_at]
    as_of = sorted(by_then, key=lambda version: (version.observed_at, version.number))[-1:]
    return [*(version for version in line if version.observed_at == observed_at), *as_of]


def _fits(selector: Selector | None, version: Kept, newest: int) -> bool:
    match selector:
        case ByNumber(number):
            return version.number == number
        case Before(steps):
            return version.number == newest - steps
        case AsOf(moment):
            return version.observed_at <= moment
        case ByBuilder(builder_version):
            return version.builder_version == builder_version
        case BySnapshot(prefix):
            return version.snapshot.startswith(prefix)
        case None:
            return True


# Few sources, builders, times and values, so that they meet; some of each are awkward.
SOURCES = (Source("k", "1"), Source("k", "1 @#%/:\n\0\u202e"), Source("k\0", "l" * 300), Source("k\0", "l" * 301))
BUILDERS = ("b1", "b10", "b" * 300, "\0@ \n")
_FIRST = datetime(2026, 1, 1, tzinfo=UTC)
_SECTIONS = ("", "a", "a/b~", "\ue000", "\U00010000")
_VALUES: st.SearchStrategy[Json] = st.sampled_from((0, 0.0, -0.0, False, None, "", [], {}, [0], {"x": [1, 2]}))
TWINS = (18141, 52560)
"""Values of the section `twin` with which two records of source k:1 by b1 share 8 digits of their hashes."""


def _record(source: Source, builder: str, version: Record, sections: Record) -> Record:
    said: Record = {"kind": source.kind, "id": source.id, **version}
    return {**sections, "source": said, "builder_version": builder}


_SOURCE_VERSIONS: st.SearchStrategy[Record] = st.sampled_from(
    ({}, {"version": None}, {"version": 1}, {"version": 1.0}, {"version": "1"}, {"version": True})
)
RECORDS: st.SearchStrategy[Record] = st.one_of(
    st.builds(
        _record,
        st.sampled_from(SOURCES),
        st.sampled_from(BUILDERS),
        _SOURCE_VERSIONS,
        st.dictionaries(st.sampled_from(_SECTIONS), st.one_of(_VALUES, json_values(4)), max_size=2),
    ),
    st.sampled_from(TWINS).map(lambda twin: _record(SOURCES[0], "b1", {}, {"twin": twin})),
    st.sampled_from(TWINS).map(lambda twin: _record(SOURCES[2], "b1", {}, {"big": "x" * twin})),
)
"""Records that often say the same, or nearly."""

TIMES: st.SearchStrategy[datetime] = st.integers(-3, 3).map(lambda days: _FIRST + timedelta(days=days))
ARRIVALS = st.tuples(RECORDS, st.none() | TIMES)

_WRITINGS: tuple[Callable[[Record], str | bytes | Record], ...] = (
    lambda record: record,
    lambda record: json.dumps(record),
    lambda record: json.dumps(record, indent=1, ensure_ascii=False).encode(),
    lambda record: json.dumps(dict(reversed(record.items()))),
)
WRITINGS = st.sampled_from(_WRITINGS)
"""The same record, written in different ways."""

SELECTORS: st.SearchStrategy[Selector | None] = st.one_of(
    st.none(),
    st.builds(ByNumber, st.integers(0, 12) | st.just(2**32)),
    st.builds(Before, st.integers(0, 12) | st.just(2**40)),
    st.builds(AsOf, TIMES | TIMES.map(lambda moment: moment + timedelta(microseconds=-1))),
    st.builds(ByBuilder, st.sampled_from((*BUILDERS, "b2"))),
)


class StoreMachine(RuleBasedStateMachine):
    """Puts of every sort, questions of every sort, reopenings; every answer is that of the model."""

    def __init__(
        self, store: Store, reopen: Callable[[], Store] | None = None, apply_patch: ApplyPatch | None = None
    ) -> None:
        super().__init__()
        self._store = store
        self._open_again = reopen
        self._apply_patch = apply_patch
        self._model = Model()
        self._new_blobs = 0
        self._texts: list[tuple[Record, str | bytes]] = []
        self._clock = Clock(_FIRST)
        self._patched = patched("pithstore.store.datetime", self._clock)
        self._patched.start()

    @rule(seconds=st.sampled_from((-86400, -1, 0, 1, 86400)))
    def tick(self, seconds: int) -> None:
        """The clock goes on, or back."""
        self._clock.moment += timedelta(seconds=seconds)

    @rule(arrival=ARRIVALS, write=WRITINGS)
    def put(
        self, arrival: tuple[Record, datetime | None], write: Callable[[Record], Record | str | bytes]
    ) -> None:
        """One record."""
        record, observed_at = arrival
        self._compare([arrival], [self._store.put(write(record), observed_at=observed_at)])

    @rule(arrivals=st.lists(ARRIVALS, max_size=6))
    def put_batch(self, arrivals: list[tuple[Record, datetime | None]]) -> None:
        """Several records in one transaction, each with a time of its own or none."""
        prepared = [self._store.arrival(record, observed_at) for record, observed_at in arrivals]
        self._compare(arrivals, self._store.put_batch(prepared))

    @rule(written=st.lists(st.tuples(RECORDS, WRITINGS), max_size=6), observed_at=st.none() | TIMES)
    def put_many(
        self,
        written: list[tuple[Record, Callable[[Record], Record | str | bytes]]],
        observed_at: datetime | None,
    ) -> None:
        """Several records, with one time."""
        given = [(record, write(record)) for record, write in written]
        self._texts += [(record, text) for record, text in given if isinstance(text, str | bytes)]
        self._put_many(given, observed_at)

    @precondition(lambda self: self._texts)
    @rule(data=st.data())
    def put_texts_again(self, data: st.DataObject) -> None:
        """Texts that were put before, byte for byte, the last of their lines or not."""
        self._put_many(data.draw(st.lists(st.sampled_from(self._texts), min_size=1, max_size=6)), None)

    def _put_many(
        self, given: Sequence[tuple[Record, Record | str | bytes]], observed_at: datetime | None
    ) -> None:
        records = [record for record, _ in given]
        summary = self._store.put_many((text for _, text in given), observed_at=observed_at)
        outcomes = [self._model.put(record, observed_at, self._clock.moment) for record in records]
        assert summary.records == len(records)
        assert summary.versions == sum(new for _, new in outcomes)
        assert summary.unchanged == len(records) - summary.versions
        assert summary.refused == 0
        assert summary.sections == sum(map(len, records))
        self._new_blobs += summary.new_sections

    def _compare(self, arrivals: Iterable[tuple[Record, datetime | None]], results: Sequence[PutResult]) -> None:
        for (record, observed_at), result in zip(arrivals, results, strict=True):
            said, new = self._model.put(record, observed_at, self._clock.moment)
            assert result.stored == new
            (kept,) = [version for version in dict.fromkeys(said) if version.number == result.version.number]
            assert result.sections == len(record)
            assert str(result.version.snapshot) == kept.snapshot
            assert (result.version.observed_at, result.version.recorded_at) == (kept.observed_at, kept.recorded_at)
            self._new_blobs += result.new_sections

    @rule(source=st.sampled_from((*SOURCES, Source("k", "2"))), selector=SELECTORS)
    def select(self, source: Source, selector: Selector | None) -> None:
        """Every selector."""
        self._ask(Ref(source, selector))

    @precondition(lambda self: any(self._model.histories.values()))
    @rule(data=st.data(), digits=st.integers(8, 64))
    def select_by_snapshot(self, data: st.DataObject, digits: int) -> None:
        """A prefix of a snapshot hash, in its source and in others."""
        kept = data.draw(st.sampled_from([kept for history in self._model.histories.values() for kept in history]))
        source = data.draw(st.sampled_from(SOURCES))
        self._ask(Ref(source, BySnapshot(kept.snapshot[:digits])))

    def _ask(self, ref: Ref) -> None:
        expected = self._model.select(ref.source, ref.selector)
        for asked in (ref, str(ref)):
            if len(expected) == 1:
                version = self._store.version(asked)
                assert version.number == expected[0].number
                assert self._store.get_bytes(asked) == expected[0].text
                assert definition(self._store.get(asked)) == expected[0].text
            else:
                refused = Ambiguous if expected else NotFound
                assert _error(lambda asked=asked: self._store.get_bytes(asked)) is refused  # type: ignore[misc]

    @precondition(lambda self: any(self._model.histories.values()))
    @rule(data=st.data())
    def diff(self, data: st.DataObject) -> None:
        """The changes between two versions lead exactly from one to the other, also by another's hand."""
        refs = [
            (Ref(source, ByNumber(kept.number)), kept)
            for source, history in self._model.histories.items()
            for kept in history
        ]
        (before, old), (after, new) = data.draw(st.tuples(st.sampled_from(refs), st.sampled_from(refs)))
        changes = list(self._store.diff(before, after))
        assert (changes == []) == (old.text == new.text)
        assert definition(patch(old.record, changes)) == new.text
        if self._apply_patch is not None:
            assert definition(self._apply_patch(json.loads(old.text), as_patch(changes))) == new.text

    @precondition(lambda self: self._open_again is not None)
    @rule()
    def reopen(self) -> None:
        """Nothing is lost by closing."""
        self._store.close()
        assert self._open_again is not None
        self._store = self._open_again()

    @rule()
    def compact(self) -> None:
        """Nothing is lost or said otherwise by packing it; how many versions are packed is told."""
        versions = sum(map(len, self._model.histories.values()))
        assert self._store.compact().versions <= versions

    @rule()
    def verify(self) -> None:
        """Nothing is wrong, and everything was looked at."""
        report = self._store.verify()
        assert report.problems == ()
        texts = [kept.text for history in self._model.histories.values() for kept in history]
        assert (report.versions, report.snapshots) == (len(texts), len(set(texts)))
        assert report.blobs == len(set(self._model.sections()))

    @invariant()
    def every_history_is_that_of_the_model(self) -> None:
        """Sources in order, versions in order, what changed, every manifest and every byte."""
        known = [source for source in self._model.histories if self._model.histories[source]]
        assert list(self._store.sources()) == sorted(known)
        for source in known:
            self._compare_history(source, self._model.histories[source])

    def _compare_history(self, source: Source, history: Sequence[Kept]) -> None:
        before: Kept | None = None
        for entry, kept in zip(self._store.log(source), history, strict=True):
            version = entry.version
            assert version.source == source
            assert repr(version.source_version) == repr(kept.source_version)
            assert (version.number, version.builder_version) == (kept.number, kept.builder_version)
            assert (version.observed_at, version.recorded_at) == (kept.observed_at, kept.recorded_at)
            assert entry.changed == (None if before is None else _changed(before.record, kept.record))
            assert self._store.manifest(Ref(source, ByNumber(kept.number))) == _manifest(kept.record)
            assert self._store.get_bytes(Ref(source, ByNumber(kept.number))) == kept.text
            before = kept
        assert list(self._store.history(source)) == [entry.version for entry in self._store.log(source)]

    @invariant()
    def the_totals_are_those_of_the_model(self) -> None:
        """Every count equals one made without the store."""
        stat, blobs = self._store.stat(), set(self._model.sections())
        kept = [kept for history in self._model.histories.values() for kept in history]
        assert stat.sources == sum(map(bool, self._model.histories.values()))
        assert stat.versions == len(kept)
        assert stat.snapshots == len({version.text for version in kept})
        assert (stat.blobs, stat.sections) == (len(blobs), len(self._model.sections()))
        assert stat.blobs == self._new_blobs
        assert stat.canonical_bytes == sum(len(version.text) for version in kept)
        assert stat.unique_bytes == sum(map(len, blobs))
        assert stat.stored_bytes > 0 or not kept

    @invariant()
    def every_blob_is_found_by_its_digest(self) -> None:
        """And nothing else is."""
        for body in set(self._model.sections()):
            assert self._store.blob(Digest.of(body)) == body
        assert _error(lambda: self._store.blob(Digest.of(b"nothing"))) is NotFound

    def teardown(self) -> None:
        """Close the store."""
        self._patched.stop()
        self._store.close()


def _changed(before: Record, after: Record) -> tuple[str, ...]:
    names = sorted(before.keys() | after.keys())
    return tuple(name for name in names if _body(before, name) != _body(after, name))


def _body(record: Record, name: str) -> bytes | None:
    return definition(record[name]) if name in record else None


def _manifest(record: Record) -> Manifest:
    bodies = [(name, definition(record[name])) for name in sorted(record)]
    return Manifest(tuple(SectionEntry(name, Digest.of(body), len(body)) for name, body in bodies))


def _error(call: Callable[[], object]) -> type[Exception] | None:
    try:
        call()
    except (Ambiguous, NotFound) as error:
        return type(error)
    return None
