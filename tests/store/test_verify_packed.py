"""Verify of stores with packs: a sound one is sound, damage is named, and nobody who writes beside is blamed."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pithstore import blobs, meta, verify
from pithstore.blobs import Blob
from pithstore.codec import LineHead, encode_line_head
from pithstore.counts import Totals, decode_totals, encode_totals
from pithstore.digest import Digest
from pithstore.engine import Engine, T, Update
from pithstore.errors import Damaged, StoreBusy
from pithstore.keys import (
    CHANGED,
    DICTIONARIES,
    FILES,
    HEAD,
    LINE,
    META,
    OUTCOMES,
    PACKS,
    PLACES,
    RUN,
    SLOTS,
    STANDING,
    TAIL,
    TOTALS,
    VERSION,
    VERSIONS,
    line_key,
    run_key,
    source_key,
    split_key,
    tail_key,
    version_key,
)
from pithstore.model import Line, Source
from pithstore.packs.frame import Frame
from pithstore.packs.frames import next_sequence, read_frame, read_packed, write_frames
from pithstore.packs.packed_frame import Packer, unpack
from pithstore.packs.places import ROW_BYTES, blocks, cut_rows, read_block, row
from pithstore.packs.run import Row, Run, encode_run
from pithstore.packs.runs import decode_run
from pithstore.report import Problem, VerifyReport
from pithstore.seal import seal, unseal
from pithstore.store import Store
from pithstore.tail import FIRST_FRAME_BYTES, STREAM_BYTES, TailEnd
from pithstore.verifying import entries, homes, loose, names, rebuilding
from tests.store.compacting import AFTER, BEFORE, LATER, Put, Stepping, make_steps_small, put_all
from tests.store.shelves import (
    EngineName,
    Entries,
    delete_entry,
    entries_of,
    new_engine,
    new_store,
    put_entry,
    replace_entries,
)
from tests.store.test_damage import Lasting

ONE, TWO = Source("k", "1"), Source("k", "2")


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few versions take many transactions, here and in the compaction."""
    make_steps_small(monkeypatch)
    monkeypatch.setattr(entries, "ROOM", 1000)
    monkeypatch.setattr(rebuilding, "_VERSIONS_AT_ONCE", 3)
    monkeypatch.setattr(homes, "_ROWS_AT_ONCE", 5)
    monkeypatch.setattr(loose, "_PAGE", 5)
    monkeypatch.setattr(names, "_SOURCES", 2)


def check_counts(report: VerifyReport, puts: Iterable[Put]) -> None:
    """Assert that nothing was found, and that all that was put was looked at; each of the puts is a version."""
    assert report.problems == ()
    records = [one for one, _ in puts]
    texts = {json.dumps(one, sort_keys=True) for one in records}
    sections = {json.dumps(section, sort_keys=True) for one in records for section in one.values()}
    assert (report.versions, report.snapshots, report.blobs) == (len(records), len(texts), len(sections))


def packed_store(engine: Engine) -> Store:
    """A store that was compacted, and compacted again after more was put, and put to since."""
    store = Store(engine)
    put_all(store, BEFORE)
    store.compact()
    put_all(store, AFTER)
    store.compact()
    put_all(store, LATER)
    return store


def test_a_sound_store_is_sound_in_every_state_and_all_of_it_is_counted(
    engine_name: EngineName, tmp_path: Path
) -> None:
    with new_store(engine_name, tmp_path / "store") as store:
        check_counts(store.verify(), [])
        put: list[Put] = []
        for more in (BEFORE, AFTER, LATER):
            put_all(store, more)
            put += more
            check_counts(store.verify(), put)
            for _ in range(2):
                store.compact()
                check_counts(store.verify(), put)


def test_a_blob_that_was_put_again_though_it_is_in_a_frame_counts_once(
    engine_name: EngineName, tmp_path: Path
) -> None:
    with packed_store(new_engine(engine_name, tmp_path / "store")) as store:
        mended = [store.blob(section.digest) for section in store.manifest("k:1@1").sections]
        put_loose(store, mended)
        check_counts(store.verify(), [*BEFORE, *AFTER, *LATER])
        store.compact()
        check_counts(store.verify(), [*BEFORE, *AFTER, *LATER])


def put_loose(store: Store, bodies: Iterable[bytes]) -> None:
    """Write blobs as a put does that finds them damaged."""
    lying = [Blob(Digest.of(body), body, bytes(8)) for body in bodies]
    store._engine.update(lambda update: blobs.write_many(update, TailEnd(meta.new_writer(update), 0), lying, None))


# Damage.


@pytest.fixture
def packed(engine_name: EngineName, tmp_path: Path) -> Store:
    return packed_store(new_engine(engine_name, tmp_path / "store"))


def codes(store: Store) -> set[str]:
    return {problem.code for problem in store.verify().problems}


def about(problems: Iterable[Problem], code: str) -> set[tuple[str | None, int | None]]:
    """Which versions the problems of one code name."""
    return {(None if one.source is None else str(one.source), one.number) for one in problems if one.code == code}


def flip(engine: Engine, space: str, key: bytes, at: int, mask: int = 1) -> None:
    """Let some bits of a value be others."""
    value = bytearray(entries_of(engine)[space][key])
    value[at] ^= mask
    put_entry(engine, space, (key, bytes(value)))


def runs_of(store: Store, source: Source) -> dict[bytes, Run]:
    """The runs of a source by their keys, in order."""
    found = entries_of(store._engine)[VERSIONS]
    prefix = run_key(source, 0)[:-4]
    return {key: decode_run(key, found[key]) for key in sorted(found) if key.startswith(prefix)}


def frame_of(store: Store, run: Run) -> Frame:
    return store._engine.view(lambda view: read_frame(view, run.position))


def numbers_of(run: Run) -> list[int]:
    return [run.number(i) for i in range(run.count)]


def damage_frame(store: Store, run: Run, at: int = 30) -> None:
    sequence, offset = divmod(run.position + at, STREAM_BYTES)
    flip(store._engine, PACKS, tail_key(0, sequence), FIRST_FRAME_BYTES + offset)


EXPECTED = {
    PACKS: "pack-damaged",
    PLACES: "places-damaged",
    DICTIONARIES: "dictionary-damaged",
    RUN: "run-damaged",
    STANDING: "declared-damaged",
    OUTCOMES: "declared-damaged",
    HEAD: "head-damaged",
    VERSION: "version-damaged",
    LINE: "line-damaged",
}


def kind_of(space: str, key: bytes) -> str | bytes:
    return split_key(key)[1] if space == VERSIONS else space


def test_a_value_that_is_not_what_it_was_is_named_and_its_kind(packed: Store) -> None:
    chance = random.Random(3)
    right = entries_of(packed._engine)
    met = set()
    for space, items in right.items():
        for key, value in items.items():
            kind = kind_of(space, key)
            if kind in EXPECTED and (kind not in met or chance.random() < 0.2):
                met.add(kind)
                flip(packed._engine, space, key, chance.randrange(len(value)), 1 << chance.randrange(8))
                found = codes(packed)
                assert EXPECTED[kind] in found, (space, key)
                assert kind not in (OUTCOMES, STANDING) or found == {"declared-damaged"}
                replace_entries(packed._engine, right)
    assert met == EXPECTED.keys()


def test_an_entry_that_is_gone_is_named(packed: Store) -> None:
    engine, right = packed._engine, entries_of(packed._engine)
    unseen = []
    for space, items in right.items():
        for key in items if space not in (META, FILES) else ():
            delete_entry(engine, space, key)
            report = packed.verify()
            if report.ok and not (space == TAIL and is_unused(right, key)):
                unseen.append((space, key))
            put_entry(engine, space, (key, items[key]))
    assert unseen == []
    assert packed.verify().ok


def is_unused(right: Entries, key: bytes) -> bool:
    """Whether nothing lies in that value of the tail."""
    return not any(key[:4] in value for value in right["blobs"].values())


def content(engine: Engine) -> object:
    """All that is read of a store."""
    store = Store(engine)
    said = [
        (entry, store.get_bytes(f"{source}@{entry.version.number}"), store.manifest(source))
        for source in store.sources()
        for entry in store.log(source)
    ]
    found = [store.blob(section.digest) for *_, manifest in said for section in manifest.sections]
    as_of = [store.version(f"{source}@{time}") for source, time in ((ONE, "9999-01-01"), (TWO, "2026-06-02"))]
    return [said, found, as_of, store.stat().versions, store.declared()]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> tuple[Engine, Entries, str]:
    with pytest.MonkeyPatch.context() as patch:
        make_steps_small(patch)
        engine = new_engine("memory", tmp_path_factory.getbasetemp())
        packed_store(engine)
    return engine, entries_of(engine), repr(content(engine))


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_any_bit_flipped_anywhere_is_seen_or_changes_nothing(
    shelf: tuple[Engine, Entries, str], data: st.DataObject
) -> None:
    engine, right, expected = shelf
    replace_entries(engine, right)
    space = data.draw(st.sampled_from(sorted(space for space, items in right.items() if items)))
    key = data.draw(st.sampled_from(sorted(right[space])))
    at = data.draw(st.integers(0, len(right[space][key]) - 1))
    flip(engine, space, key, at, data.draw(st.sampled_from([1, 2, 4, 8, 16, 32, 64, 128, 255])))
    try:
        report = Store(Lasting(engine)).verify()
    except Damaged:  # what a store says of itself cannot be read
        assert space == META
    else:
        assert not report.ok or repr(content(engine)) == expected


# What is named.


def test_each_version_of_a_frame_that_is_lost_is_named(packed: Store) -> None:
    run = list(runs_of(packed, ONE).values())[1]
    damage_frame(packed, run)
    problems = packed.verify().problems
    assert {"pack-damaged", "frame-damaged"} <= {problem.code for problem in problems}
    assert about(problems, "frame-damaged") >= {("k:1", numbers_of(run)[-1])}
    lost = about(problems, "manifest-missing") | about(problems, "section-damaged")
    for number in numbers_of(run):
        with suppress(Damaged):
            packed.get(f"k:1@{number}")
            lost.add(("k:1", number))  # it can be read though the frame is not what it was
    assert {("k:1", number) for number in numbers_of(run)} <= lost


def test_what_was_put_again_is_not_missed(packed: Store) -> None:
    texts = [packed.get_bytes(f"k:1@{number}") for number in (1, 2, 3)]
    (run, *_) = runs_of(packed, ONE).values()
    damage_frame(packed, run)
    assert about(packed.verify().problems, "manifest-missing") != set()
    put_all(packed, [(one, at) for one, at in (*BEFORE, *AFTER)])
    assert [packed.get_bytes(f"k:1@{number}") for number in (1, 2, 3)] == texts
    assert codes(packed) <= {"pack-damaged", "frame-damaged", "places-wrong", "totals-wrong"}
    assert about(packed.verify().problems, "frame-damaged") == {("k:1", numbers_of(run)[-1])}


def test_a_section_that_lies_in_a_frame_that_is_lost_is_named_where_it_is_needed(packed: Store) -> None:
    (run,) = runs_of(packed, Source("kind\0\n", "3" * 300)).values()
    huge = packed.manifest("k:4@1").section("huge")
    assert huge is not None
    damage_frame(packed, run)
    problems = packed.verify().problems
    (problem,) = [one for one in problems if one.code == "section-damaged" and str(one.source) == "k:4"]
    assert (problem.number, problem.section, problem.digest) == (1, "huge", str(huge.digest))
    assert about(problems, "frame-damaged") == {("kind%00%0A:" + "3" * 300, 1)}


def test_a_frame_is_not_blamed_for_a_section_that_lies_elsewhere(packed: Store) -> None:
    """It was put again, and is damaged there: that is what a read finds first."""
    huge = packed.manifest("k:4@1").section("huge")
    assert huge is not None
    put_loose(packed, [packed.blob(huge.digest)])
    key = max(entries_of(packed._engine)[TAIL])
    flip(packed._engine, TAIL, key, FIRST_FRAME_BYTES + 9)
    problems = packed.verify().problems
    assert {(str(one.source), one.number, one.section) for one in problems if one.code == "section-damaged"} >= {
        ("k:4", 1, "huge")
    }
    assert about(problems, "frame-damaged") == set()


def test_a_body_that_is_another_is_named_by_its_section(packed: Store) -> None:
    """A frame that is sound in itself, and holds another body than was put."""
    forge(packed, ONE, lambda frame: frame.replace(b'"' + b"s" * 300, b'"' + b"s" * 299 + b"t"))
    problems = packed.verify().problems
    named = {(one.number, one.section, one.digest) for one in problems if one.code == "section-damaged"}
    assert named >= {(number, "same", None) for number in numbers_of(next(iter(runs_of(packed, ONE).values())))}
    assert about(problems, "frame-damaged") != set()


def forge(store: Store, source: Source, change: Callable[[bytes], bytes]) -> None:
    """Write the first frame of a source anew, changed, at the end of the stream, and let its run say so."""
    key, run = next(iter(runs_of(store, source).items()))

    def write(update: Update) -> None:
        header, data = read_packed(update, run.position)
        raw = unpack(header, data, lambda mark: unseal(DICTIONARIES, mark, one(update, DICTIONARIES, mark)))
        (position,), _ = write_frames(update, next_sequence(update), [Packer().pack(change(raw))])
        update.put_many(VERSIONS, [(key, sealed_run(key, run, source, position=position))])

    store._engine.update(write)


def one(update: Update, space: str, key: bytes) -> bytes:
    (value,) = update.get_many(space, [key])
    assert value is not None
    return value


def sealed_run(
    key: bytes, run: Run, source: Source, *, position: int | None = None, rows: list[Row] | None = None
) -> bytes:
    said = [Row(run.version(source, i), run.outcomes(i)) for i in range(run.count)] if rows is None else rows
    heads = {head.builder_version: head for head in run.line_heads()}
    return seal(VERSIONS, key, encode_run(run.position if position is None else position, said, heads))


@pytest.mark.parametrize("gone", [False, True])
def test_versions_whose_dictionary_is_lost_are_named_though_this_process_remembers_it(
    packed: Store, gone: bool
) -> None:
    (mark,) = entries_of(packed._engine)[DICTIONARIES]
    lost = {
        ("k:1", number)
        for run in runs_of(packed, ONE).values()
        for number in numbers_of(run)
        if packed._engine.view(partial(read_packed, position=run.position))[0].dictionary == mark
    }
    assert len(lost) > 3
    assert packed.verify().ok
    if gone:
        delete_entry(packed._engine, DICTIONARIES, mark)
    else:
        flip(packed._engine, DICTIONARIES, mark, 99)
    problems = packed.verify().problems
    assert [one.code for one in problems].count("dictionary-damaged") == 1
    assert about(problems, "manifest-missing") >= lost


def test_a_frame_of_other_versions_than_its_run_is_damaged(packed: Store) -> None:
    first, second = list(runs_of(packed, ONE).items())[:2]
    put_entry(packed._engine, VERSIONS, (first[0], sealed_run(*first, ONE, position=second[1].position)))
    problems = packed.verify().problems
    assert about(problems, "frame-damaged") == {("k:1", numbers_of(first[1])[-1])}
    named = about(problems, "snapshot-mismatch") | about(problems, "manifest-missing")
    assert {("k:1", number) for number in numbers_of(first[1])} <= named


def test_a_run_of_too_few_versions_is_not_what_its_frame_has(packed: Store) -> None:
    key, run = next(iter(runs_of(packed, ONE).items()))
    rows = [Row(run.version(ONE, i), run.outcomes(i)) for i in range(1, run.count)]
    put_entry(packed._engine, VERSIONS, (key, sealed_run(key, run, ONE, rows=rows)))
    assert {"frame-damaged"} <= codes(packed)


def test_a_run_that_is_gone_is_named_by_its_source(packed: Store) -> None:
    key = list(runs_of(packed, ONE))[-1]
    delete_entry(packed._engine, VERSIONS, key)
    assert {str(problem.source) for problem in packed.verify().problems if problem.code == "run-missing"} == {
        "k:1"
    }


def test_a_source_whose_only_run_is_gone_is_named(packed: Store) -> None:
    delete_entry(packed._engine, VERSIONS, *runs_of(packed, Source("k", "n1")))
    assert about(packed.verify().problems, "source-empty") == {("k:n1", None)}


def test_a_damaged_run_is_named(packed: Store) -> None:
    key, run = next(iter(runs_of(packed, ONE).items()))
    flip(packed._engine, VERSIONS, key, 5)
    assert about(packed.verify().problems, "run-damaged") == {("k:1", numbers_of(run)[-1])}


def test_runs_whose_numbers_do_not_rise_are_wrong(packed: Store) -> None:
    keys = list(runs_of(packed, ONE))
    value = entries_of(packed._engine)[VERSIONS][keys[0]]
    strange = keys[0][:-1] + bytes([keys[0][-1] + 1])
    payload = unseal(VERSIONS, keys[0], value)
    version = Run(payload).version(ONE, 0)
    rows = [Row(attrs.evolve(version, number=int.from_bytes(strange[-4:], "big")))]
    put_entry(packed._engine, VERSIONS, (strange, seal(VERSIONS, strange, encode_run(0, rows, {}))))
    again = version_key(ONE, 1)
    put_entry(packed._engine, VERSIONS, (again, seal(VERSIONS, again, Run(payload).payload(0))))
    problems = packed.verify().problems
    assert ("k:1", 1) in about(problems, "run-wrong")
    assert ("k:1", 1) in about(problems, "time-wrong")


def test_a_version_that_does_not_say_what_its_record_says_is_an_identity_mismatch(packed: Store) -> None:
    key, run = next(iter(runs_of(packed, TWO).items()))
    for at in range(run.count):
        version = run.version(TWO, at)
        for wrong in (
            attrs.evolve(version, builder_version="b9"),
            attrs.evolve(version, source_version=1),
            attrs.evolve(version, source_version=""),
        ):
            rows = [Row(run.version(TWO, i), run.outcomes(i)) for i in range(run.count)]
            rows[at] = Row(wrong, rows[at].outcomes)
            put_entry(packed._engine, VERSIONS, (key, sealed_run(key, run, TWO, rows=rows)))
            assert about(packed.verify().problems, "identity-mismatch") == {("k:2", version.number)}


def test_totals_that_are_not_what_there_is_are_wrong(packed: Store) -> None:
    right = entries_of(packed._engine)[TOTALS]
    key = next(key for key in sorted(right) if key[0] < SLOTS)
    totals = decode_totals(unseal(TOTALS, key, right[key]))
    for name in attrs.fields_dict(Totals):
        wrong = attrs.evolve(totals, **{name: getattr(totals, name) + 1})
        put_entry(packed._engine, TOTALS, (key, seal(TOTALS, key, encode_totals(wrong))))
        assert codes(packed) == {"totals-wrong"}, name


def test_outcomes_in_a_run_that_the_records_do_not_declare_are_wrong(packed: Store) -> None:
    key, run = next(iter(runs_of(packed, TWO).items()))
    rows = [Row(run.version(TWO, i), run.outcomes(i)) for i in range(run.count)]
    assert rows[0].outcomes
    rows[0] = Row(rows[0].version, b"")
    put_entry(packed._engine, VERSIONS, (key, sealed_run(key, run, TWO, rows=rows)))
    assert about(packed.verify().problems, "declared-wrong") >= {("k:2", run.number(0))}


def test_a_head_of_another_number_of_sections_is_wrong(packed: Store) -> None:
    version = packed.version("k:n1")
    key = line_key(Line(version.source, version.builder_version))
    right = LineHead(version.builder_version, version.number, version.snapshot, 4)
    put_entry(packed._engine, VERSIONS, (key, seal(VERSIONS, key, encode_line_head(right))))
    assert packed.verify().ok
    for wrong in (
        LineHead(version.builder_version, version.number, version.snapshot, 5),
        LineHead(version.builder_version, version.number + 1, version.snapshot, 4),
        LineHead("b7", version.number, version.snapshot, 4),
    ):
        put_entry(packed._engine, VERSIONS, (key, seal(VERSIONS, key, encode_line_head(wrong))))
        assert codes(packed) == {"line-wrong"}


def only_packed(store: Store, versions: int) -> tuple[Source, bytes, Run]:
    """A source with so many versions, all in its last run, and that run."""
    right = entries_of(store._engine)[VERSIONS]
    for source in store.sources():
        kinds = {split_key(key)[1] for key in right if key.startswith(source_key(source))}
        runs = runs_of(store, source)
        if len(runs) == 1 and not kinds & {VERSION, HEAD, OUTCOMES, STANDING}:
            key, run = next(iter(runs.items()))
            if run.count == versions:
                return source, key, run
    raise AssertionError("there is none")


def test_a_run_that_says_outcomes_of_records_that_declare_nothing_is_wrong(packed: Store) -> None:
    source, key, run = only_packed(packed, 1)
    rows = [Row(run.version(source, 0), b"\x01")]
    put_entry(packed._engine, VERSIONS, (key, sealed_run(key, run, source, rows=rows)))
    assert about(packed.verify().problems, "declared-wrong") == {(str(source), run.number(0))}


def test_a_run_that_says_another_number_of_sections_is_wrong(packed: Store) -> None:
    source, key, run = only_packed(packed, 1)
    (head,) = run.line_heads()
    wrong = attrs.evolve(head, sections=head.sections + 1)
    payload = encode_run(run.position, [Row(run.version(source, 0))], {head.builder_version: wrong})
    put_entry(packed._engine, VERSIONS, (key, seal(VERSIONS, key, payload)))
    assert about(packed.verify().problems, "line-wrong") == {(str(source), head.number)}


@pytest.mark.parametrize("numbers", [(2, 2), (3, 2)])
def test_numbers_in_a_run_that_do_not_rise_are_wrong(packed: Store, numbers: tuple[int, ...]) -> None:
    """Of a source that has nothing else: its last run is its head."""
    source, key, run = only_packed(packed, 1)
    rows = [Row(attrs.evolve(run.version(source, 0), number=number)) for number in numbers]
    other = key[:-4] + numbers[-1].to_bytes(4, "big")
    delete_entry(packed._engine, VERSIONS, key)
    put_entry(packed._engine, VERSIONS, (other, seal(VERSIONS, other, encode_run(run.position, rows, {}))))
    assert about(packed.verify().problems, "run-wrong") == {(str(source), numbers[-1])}


# Places.


def rows_of(store: Store) -> list[bytes]:
    return [one for item in entries_of(store._engine)[PLACES].items() for one in cut_rows(read_block(*item))]


def write_rows(store: Store, rows: Iterable[bytes]) -> None:
    delete_entry(store._engine, PLACES, *entries_of(store._engine)[PLACES])
    put_entry(store._engine, PLACES, *blocks(rows))


def test_rows_that_are_missing_or_lead_nowhere_are_named(packed: Store) -> None:
    right = rows_of(packed)
    (run, *_) = runs_of(packed, TWO).values()
    frame = frame_of(packed, run)
    digest = frame.digest(frame.homes[0])
    mine = row(digest, run.position)
    write_rows(packed, [one for one in right if one != mine])
    (problem,) = packed.verify().problems
    assert (problem.code, problem.source, problem.digest) == ("places-wrong", TWO, str(digest))
    for strange in (row(b"\x01" * 32, run.position), row(digest, run.position + 1), row(digest, 2**40)):
        write_rows(packed, sorted([*right, strange]))
        assert codes(packed) == {"places-wrong"}
    write_rows(packed, sorted([*right, mine]))
    assert codes(packed) == {"places-wrong"}
    write_rows(packed, right)
    assert packed.verify().ok


def test_rows_that_say_each_others_positions_are_named(packed: Store) -> None:
    """The digests are the same and so are the positions: only together they are wrong."""
    rows = rows_of(packed)
    a, b = rows[0], next(one for one in rows if one[6:] != rows[0][6:])
    swapped = {a: a[:6] + b[6:], b: b[:6] + a[6:]}
    write_rows(packed, sorted(swapped.get(one, one) for one in rows))
    assert codes(packed) == {"places-wrong"}


def test_rows_out_of_order_are_named(packed: Store) -> None:
    rows = rows_of(packed)
    key = rows[0][:6]
    value = b"".join([rows[0], *reversed(rows[1:])])
    delete_entry(packed._engine, PLACES, *entries_of(packed._engine)[PLACES])
    put_entry(packed._engine, PLACES, (key, seal(PLACES, key, value)))
    assert len(value) == ROW_BYTES * len(rows)
    assert codes(packed) == {"places-wrong", "section-damaged"}  # what cannot be found is not to be had


def test_a_note_of_a_compaction_that_is_damaged_is_named(packed: Store) -> None:
    put_entry(packed._engine, CHANGED, (source_key(ONE), b"broken, and short"))
    assert codes(packed) == {"changed-damaged"}


# Beside others.


@pytest.mark.parametrize("before", [0, 1])
def test_a_compaction_beside_verify_raises_no_false_alarm(
    engine_name: EngineName, tmp_path: Path, before: int
) -> None:
    """Between any two transactions of verify."""
    put = [*BEFORE, *AFTER]
    steps = 0
    while True:
        path = tmp_path / str(steps)
        path.mkdir()
        engine = new_engine(engine_name, path / "store")
        with Store(engine) as store:
            put_all(store, BEFORE)
            if before:
                store.compact()
            put_all(store, AFTER)
            stepping = telling(engine, steps, store.compact)
            check_counts(verify.verify(stepping, store.configuration), put)
            if stepping.steps <= steps:
                return
        steps += 1 if engine_name == "memory" else 7


def telling(engine: Engine, step: int, act: Callable[[], object]) -> Stepping:
    """The engine, with something done before that transaction."""

    def tell(now: int) -> None:
        if now == step:
            act()

    return Stepping(engine, tell)


@pytest.mark.parametrize("compacted", [(), (20,), (5, 60)])
def test_puts_beside_verify_raise_no_false_alarm(
    engine_name: EngineName, tmp_path: Path, compacted: tuple[int, ...]
) -> None:
    """Before every transaction of verify, and a compaction now and then."""
    with packed_store(new_engine(engine_name, tmp_path / "store")) as store:

        def act(step: int) -> None:
            one, at = [*BEFORE, *AFTER, *LATER][step % 20]
            store.put(one | {"new": step % 30}, observed_at=at)
            if step in compacted:
                store.compact()

        stepping = Stepping(store._engine, act)
        assert verify.verify(stepping, store.configuration).problems == ()
        assert stepping.steps > max(compacted, default=0)


def test_compactions_without_end_are_said(tmp_path: Path) -> None:
    engine = new_engine("memory", tmp_path / "store")
    with packed_store(engine) as store:
        number = 0

        def act(_: int) -> None:
            nonlocal number
            number += 1
            if number % 20 == 19:
                store.put(BEFORE[0][0] | {"new": number})
                store.compact()

        with pytest.raises(StoreBusy, match="run verify again"):
            verify.verify(Stepping(engine, act), store.configuration)


class Rereading:
    """An engine that runs every view twice, as any engine may do."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.limits, self.stored_bytes, self.close = engine.limits, engine.stored_bytes, engine.close
        self.examine, self.former = engine.examine, engine.former
        self.update, self.successor = engine.update, engine.successor

    def view(self, fn: Callable[..., T]) -> T:
        self._engine.view(fn)
        return self._engine.view(fn)


def test_transactions_that_run_twice_count_once(packed: Store) -> None:
    report = verify.verify(Rereading(packed._engine), packed.configuration)
    check_counts(report, [*BEFORE, *AFTER, *LATER])
