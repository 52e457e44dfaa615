"""The builders of a store and what one changed against another, against a plain count over what was put."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeAlias

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pithstore.arrivals import Arrival
from pithstore.builders import compare as comparing
from pithstore.builders.compare import compare_builders
from pithstore.builders.comparison import BuilderComparison, BuilderSummary
from pithstore.builders.listing import builders
from pithstore.canonical import canonical
from pithstore.configuration import Configuration
from pithstore.engine import Engine
from pithstore.errors import Damaged, NotFound, UsageError
from pithstore.horizon import OPEN, Horizon
from pithstore.keys import MANIFESTS, TAIL, VERSIONS, version_key
from pithstore.model import Scalar, Source, Version
from pithstore.pointer import Json
from pithstore.profile import PITH, Profile
from pithstore.store import Store
from tests.store.shelves import (
    ENGINES,
    EngineName,
    Record,
    delete_entry,
    entries_of,
    new_store,
    put_entry,
    record,
)

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
A, B, C = "builder-1", "builder-2", "x" * 200
SHARED = Profile(builder_version="/made/by")
"""A profile whose builder stands in a section beside other members."""

Told: TypeAlias = list[tuple[Version, Record]]
"""Every version that was made, with its record."""

Making: TypeAlias = tuple[str, str, Scalar, dict[str, Json]]
"""Source id, builder, source version, sections."""

_AT_ONCE = 5  # records in a transaction

values = st.sampled_from([0, 0.0, False, "a", [1], [1, {"k": 2}], {"k": [3]}])
records = st.builds(
    lambda source, builder, version, sections: (source, builder, version, sections),
    st.sampled_from(["1", "2", "3"]),
    st.sampled_from([A, B, B, C]),
    st.sampled_from([None, 1, 1.0, "1"]),
    st.dictionaries(st.sampled_from(["a", "b", "ü"]), values, max_size=3),
)
histories = st.lists(st.tuples(records, st.integers(0, 5)), max_size=14)


@pytest.mark.parametrize("engine_name", ENGINES)
@pytest.mark.parametrize("profile", [PITH, SHARED], ids=["whole", "shared"])
@given(history=histories, at=st.none() | st.integers(0, 5), late=st.booleans())
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_both_answers_are_what_a_plain_count_gives(
    engine_name: EngineName,
    profile: Profile,
    history: list[tuple[Making, int]],
    at: int | None,
    late: bool,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with new_store(engine_name, tmp_path_factory.mktemp("s") / "store", Configuration(profile)) as store:
        told = put_all(store, history, profile)
        moment = None if at is None else NOON + timedelta(hours=at)
        as_recorded = told[-1][0].recorded_at if told and late else None
        horizon = Horizon(moment, as_recorded)
        seen = [(version, value) for version, value in told if horizon.holds(version)]
        assert builders(store._engine, horizon) == summaries(seen)
        known = {version.builder_version for version, _ in seen}
        if {A, B} <= known:
            check_comparison(compare_builders(store._engine, A, B, horizon, profile), seen, profile)
        else:
            with pytest.raises(NotFound):
                compare_builders(store._engine, A, B, horizon, profile)


def put_all(store: Store, history: list[tuple[Making, int]], profile: Profile) -> Told:
    told: dict[tuple[Source, int], tuple[Version, Record]] = {}
    made = [(made_of(each, profile), NOON + timedelta(hours=hours)) for each, hours in history]
    for start in range(0, len(made), _AT_ONCE):
        some = made[start : start + _AT_ONCE]
        results = store.put_batch([Arrival(store.prepare(value), moment) for value, moment in some])
        for (value, _), result in zip(some, results, strict=True):
            told.setdefault((result.version.source, result.version.number), (result.version, value))
    return [told[key] for key in sorted(told)]


def made_of(told: Making, profile: Profile) -> Record:
    identity, builder, source_version, sections = told
    version: dict[str, Json] = {} if source_version is None else {"version": source_version}
    made = {**record(identity, builder=builder, version=version), **sections}
    return made | {"made": {"by": builder, "with": sections.get("a")}} if profile == SHARED else made


def summaries(seen: Told) -> list[BuilderSummary]:
    made: dict[str, list[Version]] = {}
    for version, _ in seen:
        made.setdefault(version.builder_version, []).append(version)
    listed = [
        BuilderSummary(
            name,
            len(group),
            len({version.source for version in group}),
            min(version.observed_at for version in group),
            max(version.observed_at for version in group),
            min(version.recorded_at for version in group),
            max(version.recorded_at for version in group),
        )
        for name, group in made.items()
    ]
    return sorted(listed, key=lambda each: (each.first_recorded, each.builder_version))


def newest(seen: Told, builder: str) -> dict[tuple[Source, bytes], tuple[Version, Record]]:
    found: dict[tuple[Source, bytes], tuple[Version, Record]] = {}
    for version, value in sorted(seen, key=lambda each: each[0].number):
        if version.builder_version == builder:
            found[version.source, canonical(version.source_version)] = (version, value)
    return found


def written(value: Record) -> dict[str, bytes]:
    return {name: canonical(section) for name, section in value.items()}


def check_comparison(compared: BuilderComparison, seen: Told, profile: Profile) -> None:
    before, after = newest(seen, A), newest(seen, B)
    keys = before.keys() & after.keys()
    pairs = [(written(before[key][1]), written(after[key][1])) for key in keys]
    own = "made" if profile == SHARED else "builder_version"
    expected = set() if profile == SHARED else {own}
    assert (compared.before, compared.after, compared.pairs) == (A, B, len(pairs))
    assert compared.same == sum(differing(old, new) <= expected for old, new in pairs)
    check_alone(compared, before, after)
    counts = {name: Counter(status(old, new, name) for old, new in pairs) for name in names_of(pairs)}
    assert {section.section for section in compared.sections} == set(counts)
    for section in compared.sections:
        count = counts[section.section]
        assert section.pairs == count.total() - count["nowhere"]
        assert (section.added, section.removed) == (count["added"], count["removed"])
        assert section.changed == count["added"] + count["removed"] + count["changed"]
        assert section.names_builder == (section.section == own)
        check_examples(compared, section.section, before, after, keys)
        expects_sample = section.changed if section.section not in expected else 0
        assert section.sampled == expects_sample
        assert all(1 <= each.count <= section.sampled for each in section.pointers)
        assert all(each.pointer != profile.builder_version for each in section.pointers)
    order = [(section.names_builder, -section.changed, section.section) for section in compared.sections]
    assert order == sorted(order)


def names_of(pairs: list[tuple[dict[str, bytes], dict[str, bytes]]]) -> set[str]:
    return {name for old, new in pairs for name in (*old, *new)}


def status(old: dict[str, bytes], new: dict[str, bytes], name: str) -> str:
    if name not in old:
        return "added" if name in new else "nowhere"
    if name not in new:
        return "removed"
    return "same" if old[name] == new[name] else "changed"


def differing(old: dict[str, bytes], new: dict[str, bytes]) -> set[str]:
    return {name for name in (*old, *new) if old.get(name) != new.get(name)}


Newest: TypeAlias = dict[tuple[Source, bytes], tuple[Version, Record]]


def check_alone(compared: BuilderComparison, before: Newest, after: Newest) -> None:
    assert compared.shared_sources == len({source for source, _ in before} & {source for source, _ in after})
    both = ((compared.only_before, before, after), (compared.only_after, after, before))
    for alone, mine, theirs in both:
        own, other = {source for source, _ in mine}, {source for source, _ in theirs}
        without = {mine[key][0] for key in mine.keys() - theirs.keys()}
        assert (alone.source_versions, alone.sources) == (len(without), len(own - other))
        assert {str(ref) for ref in alone.examples} <= {
            f"{version.source}@{version.number}" for version in without
        }
        assert len(alone.examples) == min(3, len(without))


def check_examples(
    compared: BuilderComparison, name: str, before: Newest, after: Newest, keys: set[tuple[Source, bytes]]
) -> None:
    (section,) = [section for section in compared.sections if section.section == name]
    possible = {
        f"{before[key][0].source}@{before[key][0].number} → {after[key][0].source}@{after[key][0].number}"
        for key in keys
        if written(before[key][1]).get(name) != written(after[key][1]).get(name)
    }
    assert {str(example) for example in section.examples} <= possible
    if section.sampled:
        assert len(section.examples) == min(3, section.changed)


def test_places_are_counted_in_pairs_with_stars_for_positions(store: Store) -> None:
    for i in range(6):
        store.put(record(str(i), builder=A, names=[{"lang": "en", "value": "x"}, {"lang": "de", "value": "y"}]))
        languages: list[Json] = [{"lang": "EN" if i < 4 else "en", "value": "x"}, {"lang": "DE", "value": "y"}]
        store.put(record(str(i), builder=B, names=languages))
    (names, *_) = compare_builders(store._engine, A, B).sections
    (place,) = names.pointers
    assert (names.section, names.changed, names.sampled) == ("names", 6, 6)
    assert (place.pointer, place.count) == ("/names/*/lang", 6)
    assert [(done.op, done.count) for done in place.operations] == [("replace", 6)]


def test_the_lists_of_the_profile_are_compared_by_their_keys(store: Store) -> None:
    sample: list[Json] = [{"doi": "1", "n": 1}, {"doi": "2", "n": 1}]
    store.put(record(builder=A, references={"sample": sample}))
    store.put(record(builder=B, references={"sample": [{"doi": "0", "n": 5}, {"doi": "2", "n": 2}]}))
    (references, *_) = compare_builders(store._engine, A, B, OPEN, store.configuration.profile).sections
    assert {(each.pointer, done.op) for each in references.pointers for done in each.operations} == {
        ("/references/sample/*", "add"),
        ("/references/sample/*", "remove"),
        ("/references/sample/*/n", "replace"),
    }


def test_no_more_pairs_are_read_than_the_sample_has(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(60):
        store.put(record(str(i), builder=A, a=1, b=1))
        store.put(record(str(i), builder=B, a=2, b=2 if i < 7 else 1))
    monkeypatch.setattr(comparing, "_MOST_PAIRS", 20)
    by_name = {section.section: section for section in compare_builders(store._engine, A, B).sections}
    assert (by_name["a"].changed, by_name["a"].sampled, by_name["a"].pointers[0].count) == (60, 20, 20)
    assert (by_name["b"].changed, by_name["b"].sampled) == (7, 7)
    monkeypatch.setattr(comparing, "_BODIES", 24)
    monkeypatch.setattr(comparing, "_LEAST_PAIRS", 5)
    by_name = {section.section: section for section in compare_builders(store._engine, A, B).sections}
    assert (by_name["a"].sampled, by_name["b"].sampled) == (12, 7)
    monkeypatch.setattr(comparing, "_BODIES", 2)
    by_name = {section.section: section for section in compare_builders(store._engine, A, B).sections}
    assert (by_name["a"].sampled, by_name["b"].sampled) == (5, 5)


def test_the_answer_does_not_depend_on_the_engine_or_the_order(tmp_path: Path) -> None:
    made = [record(str(i), builder=builder, a=i * (builder == B) % 7) for i in range(40) for builder in (A, B)]
    answers: list[BuilderComparison] = []
    for name, records_ in zip((*ENGINES, ENGINES[0]), (made, made, sorted(made, key=str)), strict=True):
        with new_store(name, tmp_path / f"{len(answers)}") as store:
            store.put_many(records_, observed_at=NOON)
            answers.append(compare_builders(store._engine, A, B))
    assert answers[0] == answers[1]
    assert [attrs.evolve(each, examples=()) for each in answers[0].sections] == [
        attrs.evolve(each, examples=()) for each in answers[2].sections
    ]


def test_more_sources_than_a_page_has_are_all_counted_and_told_of(store: Store) -> None:
    count = 900
    made = (record(f"{i:04}", builder=builder, a=i) for i in range(count) for builder in (A, B))
    store.put_many(made)
    told: list[int] = []
    compared = compare_builders(store._engine, A, B, progress=told.append)
    assert (compared.pairs, compared.same) == (count, count)
    assert len(told) > 1
    assert sum(told) == count
    told.clear()
    assert [each.sources for each in builders(store._engine, progress=told.append)] == [count, count]
    assert sum(told) == count


def test_an_empty_store_has_no_builders(store: Store) -> None:
    assert builders(store._engine) == []
    with pytest.raises(NotFound, match="no version was made by 'builder-1'; there are no versions"):
        compare_builders(store._engine, A, B)


def test_an_unknown_builder_is_named_with_those_that_are_near(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for builder in ("schema-1.0", "schema-2.0", *(f"other{i}" for i in range(7))):
        store.put(record(builder=builder))
    with pytest.raises(NotFound) as caught:
        compare_builders(store._engine, "schema-1.0", "schema-2")
    assert str(caught.value) == (
        "no version was made by 'schema-2'; there are 'schema-2.0', 'schema-1.0' and others; "
        "'pithstore builders' lists the builders"
    )
    with pytest.raises(NotFound, match=r"'zzz'; there are 'other0', 'other1', .* and others"):
        compare_builders(store._engine, "zzz", "schema-2.0")
    with pytest.raises(NotFound, match=r"by 'schema-1.0' \(observed by 2001-01-01T00:00:00Z\); there are no"):
        compare_builders(store._engine, "schema-1.0", "schema-2.0", Horizon(datetime(2001, 1, 1, tzinfo=UTC)))
    monkeypatch.setattr(comparing, "_MOST_OTHERS", 3)
    with pytest.raises(NotFound, match=r"'zzz'; there are 'other0', 'other1', 'schema-1.0', 'schema-2.0'; "):
        compare_builders(store._engine, "zzz", "schema-2.0")
    with pytest.raises(UsageError, match="given twice"):
        compare_builders(store._engine, "other1", "other1")


def test_a_horizon_with_a_builder_holds_what_it_made(store: Store) -> None:
    for builder in (A, B):
        store.put(record(builder=builder))
    (only,) = builders(store._engine, Horizon(builder=B))
    assert (only.builder_version, only.versions) == (B, 1)
    with pytest.raises(NotFound, match="builder-1"):
        compare_builders(store._engine, A, B, Horizon(builder=B))


def test_a_long_name_of_a_builder_is_one_name(store: Store) -> None:
    long = "é" * 20_000
    for builder in (long, long + "2"):
        store.put(record(builder=builder, a=1))
    assert [each.builder_version for each in builders(store._engine)] == [long, long + "2"]
    compared = compare_builders(store._engine, long, long + "2")
    assert (compared.pairs, compared.same) == (1, 1)


@pytest.fixture
def pair(store: Store) -> tuple[Engine, Version, Version]:
    """A store with one pair among others, whose section a differs."""
    for i in range(3):
        store.put(record(str(i), builder=A, a="old"))
        store.put(record(str(i), builder=B, a="new" if i == 1 else "old"))
    return store._engine, store.version("k:1@1"), store.version("k:1@2")


def flipped(value: bytes, at: int) -> bytes:
    return value[:at] + bytes([value[at] ^ 1]) + value[at + 1 :]


@pytest.mark.parametrize("missing", [True, False])
@pytest.mark.parametrize("which", [0, 1])
def test_a_damaged_manifest_is_named_and_never_counted(
    pair: tuple[Engine, Version, Version], missing: bool, which: int
) -> None:
    engine, *versions = pair
    snapshot = versions[which].snapshot
    if missing:
        delete_entry(engine, MANIFESTS, snapshot)
    else:
        put_entry(engine, MANIFESTS, (snapshot, flipped(entries_of(engine)[MANIFESTS][snapshot], 9)))
    with pytest.raises(Damaged, match=rf"k:1 version {which + 1}: the manifest of snapshot {snapshot}"):
        compare_builders(engine, A, B)
    assert [each.versions for each in builders(engine)] == [3, 3]  # these read no manifest


@pytest.mark.parametrize("at", range(0, 90, 7))
def test_a_damaged_manifest_that_nothing_else_would_read_is_found(
    pair: tuple[Engine, Version, Version], at: int
) -> None:
    engine, *_ = pair
    snapshot = Store(engine).version("k:0@2").snapshot  # the same as k:0@1 but for the builder's name
    put_entry(engine, MANIFESTS, (snapshot, flipped(entries_of(engine)[MANIFESTS][snapshot], at)))
    with pytest.raises(Damaged, match=rf"k:0 version 2: the manifest of snapshot {snapshot}"):
        compare_builders(engine, A, B)


@pytest.mark.parametrize("at", range(0, 60, 7))
def test_a_damaged_version_is_named_and_never_counted(pair: tuple[Engine, Version, Version], at: int) -> None:
    engine, version, _ = pair
    key = version_key(version.source, version.number)
    put_entry(engine, VERSIONS, (key, flipped(entries_of(engine)[VERSIONS][key], at)))
    for answer in (lambda: builders(engine), lambda: compare_builders(engine, A, B)):
        with pytest.raises(Damaged, match="k:1 version 1: its index entry is damaged"):
            answer()


def test_a_damaged_body_of_the_sample_is_named(pair: tuple[Engine, Version, Version]) -> None:
    engine, *_ = pair
    for key, value in entries_of(engine)[TAIL].items():
        put_entry(engine, TAIL, (key, value.replace(b'"new"', b'"now"')))
    with pytest.raises(Damaged, match=r"k:1 version 2: section 'a' .* is damaged"):
        compare_builders(engine, A, B)
