"""Builders run again for versions of a store: a planted fault is named, and nothing else is."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from pithstore.configuration import Configuration
from pithstore.engine import Update
from pithstore.errors import Damaged, NotFound, UsageError
from pithstore.keys import BLOBS, CHECKS, SPACES, TAIL
from pithstore.limits import Limits
from pithstore.model import Source
from pithstore.pointer import Json
from pithstore.profile import Profile
from pithstore.references import read_ref
from pithstore.reproduction.builder_process import CommandBuilder
from pithstore.reproduction.checks import append
from pithstore.reproduction.recorded_check import RecordedCheck, check_of
from pithstore.reproduction.reproduce import builder_named, record_check, recorded_checks, reproduce
from pithstore.reproduction.verdict import Build, Failure, Output, Record, Reproduction
from pithstore.store import Store
from tests.fixtures.planted_builder import SECRET, record_of
from tests.store.shelves import EngineName, delete_entry, entries_of, new_store, put_entry

SCRIPT = Path(__file__).parent.parent / "fixtures" / "planted_builder.py"
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def random_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONHASHSEED", raising=False)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Where the planted builder counts."""
    (tmp_path / "state").mkdir()
    return tmp_path / "state"


def made(serial: int, **sections: Json) -> dict[str, Json]:
    """What the planted builder makes of a source without a fault."""
    source: dict[str, object] = {"kind": "k", "id": f"s{serial}", "version": serial}
    value: dict[str, Json] = json.loads(json.dumps(record_of(source)))
    return value | sections


def command(state: Path, *faults: str) -> str:
    return " ".join([f"'{sys.executable}'", f"'{SCRIPT}'", f"'{state}'", *faults])


def rebuild(
    store: Store,
    build: Build,
    *refs: str,
    ignore: Iterable[str] = (),
    twice: bool = False,
    jobs: int | None = None,
) -> list[Reproduction]:
    given = map(read_ref, refs or ("k:s0",))
    found = reproduce(store._engine, store.configuration, given, build, ignore=ignore, twice=twice, jobs=jobs)
    return list(found)


def giving(record: Record | Output | Failure) -> Build:
    """A builder that always gives this."""
    return lambda source: record


def run(
    store: Store, state: Path, *faults: str, timeout: float = 60, twice: bool = False, ignore: Iterable[str] = ()
) -> Reproduction:
    """What the planted builder with these faults comes to for the newest version of the first source."""
    most = store.configuration.limits.record_bytes
    with CommandBuilder(command(state, *faults), timeout=timeout, record_bytes=most) as build:
        (reproduction,) = rebuild(store, build, twice=twice, ignore=ignore)
    return reproduction


def places(reproduction: Reproduction) -> set[tuple[str, str]]:
    return {(change.op, change.path) for change in (*reproduction.changes, *reproduction.observed)}


PLANTED: dict[str, tuple[tuple[str, ...], set[tuple[str, str]]]] = {
    "timestamp": (("meta",), {("replace", "/meta/built_at")}),
    "float-noise": (("score",), {("replace", "/score/mean")}),
    "missing-section": (("notes",), {("remove", "/notes")}),
}


@pytest.mark.process
@pytest.mark.parametrize("fault", PLANTED)
def test_planted_nondeterminism_is_named_and_nothing_else(store: Store, state: Path, fault: str) -> None:
    store.put(made(0))
    sections, expected = PLANTED[fault]
    found = run(store, state, fault, twice=True)
    assert (found.verdict, found.sections, places(found)) == ("nondeterministic", sections, expected)
    assert (found.changes, found.failure, found.ignored) == ((), None, ())
    assert found.rebuilt_by == "builder-1"


@pytest.mark.process
def test_the_order_of_a_set_is_named_as_moves(store: Store, state: Path) -> None:
    store.put(made(0))
    found = run(store, state, "set-order", twice=True)
    assert (found.verdict, found.sections) == ("nondeterministic", ("tags",))
    assert {op for op, _ in places(found)} == {"move"}
    assert {path.rpartition("/")[0] for _, path in places(found)} == {"/tags/all"}


@pytest.mark.process
def test_all_planted_faults_at_once_are_named(store: Store, state: Path) -> None:
    store.put(made(0))
    found = run(store, state, *PLANTED, "set-order", twice=True)
    assert (found.verdict, found.sections) == ("nondeterministic", ("meta", "notes", "score", "tags"))
    elsewhere = {place for place in places(found) if not place[1].startswith("/tags/all/")}
    assert elsewhere == set.union(*(expected for _, expected in PLANTED.values()))


@pytest.mark.process
def test_a_builder_that_agrees_with_itself_is_held_against_what_is_stored(store: Store, state: Path) -> None:
    store.put(made(0))
    for twice in (False, True):
        found = run(store, state, twice=twice)
        assert found == Reproduction(
            found.version, "identical", rebuilt=found.version.snapshot, rebuilt_by="builder-1"
        )
    store.put(made(0, verdict="accept"))
    found = run(store, state, twice=True)
    assert (found.verdict, found.sections, places(found)) == ("differs", ("verdict",), {("remove", "/verdict")})


@pytest.mark.process
def test_one_run_of_a_builder_with_a_time_in_it_differs_from_what_is_stored(store: Store, state: Path) -> None:
    store.put(made(0))
    found = run(store, state, "timestamp")
    assert (found.verdict, found.sections, places(found)) == ("differs", *PLANTED["timestamp"])
    (change,) = found.changes
    assert change.old == "2026-01-01T00:00:00Z"


@pytest.mark.process
def test_what_is_ignored_does_not_count_and_is_told(store: Store, state: Path) -> None:
    store.put(made(0))
    ignore = ["/meta/built_at", "/score/mean", "/notes", "/paper/title", "/no/such"]
    found = run(store, state, *PLANTED, twice=True, ignore=ignore)
    assert (found.verdict, found.sections, places(found)) == ("identical", (), set())
    assert found.ignored == ("/meta/built_at", "/score/mean", "/notes")
    found = run(store, state, *PLANTED, twice=True, ignore=ignore[1:])
    assert (found.verdict, places(found)) == ("nondeterministic", PLANTED["timestamp"][1])


@pytest.mark.process
def test_another_builder_is_told_and_is_no_difference(store: Store, state: Path) -> None:
    store.put(made(0))
    found = run(store, state, "other-builder", twice=True)
    assert (found.verdict, found.rebuilt_by, found.sections) == ("identical", "builder-2", ())
    assert found.rebuilt != found.version.snapshot


def test_a_builder_that_names_itself_anew_in_each_run_is_nondeterministic(store: Store) -> None:
    store.put(made(0))
    names = iter("abcdef")
    build: Build = lambda source: made(0) | {"builder_version": next(names)}  # noqa: E731
    (found,) = rebuild(store, build, twice=True)
    assert (found.verdict, found.sections) == ("nondeterministic", ("builder_version",))
    (found,) = rebuild(store, build, twice=True, ignore=["/builder_version"])
    assert (found.verdict, found.rebuilt_by, found.ignored) == ("identical", "c", ("/builder_version",))


FAILURES: dict[str, tuple[str, str]] = {
    "exit": ("exit", "exit status 1"),
    "garbage": ("invalid-record", "the record is refused, syntax: "),
    "not-finite": ("invalid-record", "the record is refused, not-finite: "),
    "wrong-source": ("wrong-source", 'the record is about {"id":"another","kind":"k","version":null}, not about '),
    "nothing": ("no-output", "the builder gave no record"),
    "large": ("invalid-record", "the record is refused, too-large: over the limit of 1000000 bytes"),
    "sleep": ("time-out", "not done within 0.5 s; ended"),
}


@pytest.mark.process
@pytest.mark.parametrize("fault", FAILURES)
def test_a_builder_that_fails_is_told_why(engine_name: EngineName, state: Path, fault: str) -> None:
    configuration = Configuration(limits=Limits(record_bytes=1_000_000))
    with new_store(engine_name, state / "store", configuration) as store:
        store.put(made(0))
        found = run(store, state, fault, timeout=0.5 if fault == "sleep" else 60)
    reason, why = FAILURES[fault]
    assert found.failure is not None
    assert (found.verdict, found.failure.reason, found.failure.why[: len(why)]) == ("failed", reason, why)
    assert found == Reproduction(found.version, "failed", failure=found.failure)
    expected = ("first line", f"no luck with {SECRET}\x1b[31m") if fault == "exit" else ()
    assert found.failure.log == expected


@pytest.mark.process
def test_the_rest_goes_on_and_results_come_in_order(store: Store, state: Path) -> None:
    store.put_many(made(n) for n in range(6))
    by_hand = f"""'{sys.executable}' -c '
import json, os, sys
source = json.load(sys.stdin)
if source["version"] == 2: sys.exit(3)
if source["version"] == 3: os.kill(os.getpid(), 15)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
'"""
    refs = [f"k:s{n}" for n in (4, 2, 0, 3, 1)]
    with CommandBuilder(by_hand) as build:
        found = rebuild(store, build, *refs, jobs=2)
    assert [f"{each.version.source}" for each in found] == refs
    whys = {str(each.version.source): each.failure.why for each in found if each.failure is not None}
    assert whys["k:s2"] == "exit status 3"
    assert whys["k:s3"] == "ended by signal 15 (SIGTERM)"
    assert whys["k:s0"] == "the builder gave no record"


def test_beside_each_other_is_as_one_after_the_other(store: Store) -> None:
    store.put_many(made(n) for n in range(40))
    store.put_many(made(n, verdict=str(n)) for n in range(0, 40, 3))

    def build(source: dict[str, Json]) -> dict[str, Json]:
        serial = source["version"]
        assert isinstance(serial, int)
        if serial % 7 == 0:
            raise ValueError(f"no {serial}")
        return made(serial, more=[serial]) if serial % 5 == 0 else made(serial)

    refs = [*(f"k:s{n}" for n in range(40)), "k:s3@1", "k:s3@-0"]
    one_by_one = rebuild(store, build, *refs)
    assert {each.verdict for each in one_by_one} == {"identical", "differs", "failed"}
    for jobs in (1, 2, 5):
        found = rebuild(store, build, *refs, jobs=jobs)
        assert [without_log(each) for each in found] == [without_log(each) for each in one_by_one]


def without_log(reproduction: Reproduction) -> tuple[object, ...]:
    failure = reproduction.failure
    said = None if failure is None else (failure.reason, failure.why)
    return (reproduction.version, reproduction.verdict, places(reproduction), reproduction.rebuilt, said)


def test_what_a_builder_raises_is_the_verdict_on_it(store: Store) -> None:
    store.put(made(0))

    def build(source: dict[str, Json]) -> dict[str, Json]:
        raise LookupError(f"no {source['id']}")

    (found,) = rebuild(store, build)
    assert found.failure is not None
    assert (found.verdict, found.failure.reason) == ("failed", "raised")
    assert found.failure.why == "the builder raised LookupError: no s0"
    assert found.failure.log[-1] == "LookupError: no s0"


def test_a_builder_in_python_may_give_text_bytes_or_a_mapping(store: Store) -> None:
    store.put(made(0))
    text = json.dumps(made(0))
    records: tuple[Record | Output, ...] = (made(0), text, text.encode(), Output(text, ("said",)))
    for given in records:
        (found,) = rebuild(store, giving(given))
        assert found.verdict == "identical"
    (found,) = rebuild(store, giving(Failure("exit", "why", ("said",))))
    assert found.failure == Failure("exit", "why", ("said",))
    (found,) = rebuild(store, giving(7))  # type: ignore[arg-type]
    assert found.failure is not None
    assert (found.failure.reason, "not int" in found.failure.why) == ("invalid-record", True)


def test_a_builder_is_told_the_source_and_no_more(store: Store) -> None:
    store.put(made(0))
    store.put({"source": {"kind": "k", "id": "é \x00"}, "builder_version": "b"})
    told: list[dict[str, Json]] = []

    def build(source: dict[str, Json]) -> str:
        told.append(source)
        return ""

    rebuild(store, build, "k:s0", str(Source("k", "é \x00")))
    assert told == [{"kind": "k", "id": "s0", "version": 0}, {"kind": "k", "id": "é \x00", "version": None}]


def test_the_version_of_the_source_is_exactly_that_one(store: Store) -> None:
    versions: list[Json] = [1, 1.0, True, "1", None]
    for version in versions:
        store.put({"source": {"kind": "k", "id": "s", "version": version}, "builder_version": "b"})
    for made_of in versions:
        record: dict[str, Json] = {
            "source": {"kind": "k", "id": "s", "version": made_of},
            "builder_version": "b",
        }
        found = rebuild(store, giving(record), *(f"k:s@{n}" for n in range(1, 6)))
        failed = [None if each.failure is None else each.failure.reason for each in found]
        assert failed == [None if repr(made_of) == repr(version) else "wrong-source" for version in versions]


def test_the_builder_may_stand_anywhere_in_a_record(engine_name: EngineName, tmp_path: Path) -> None:
    profile = Profile(source_kind="d", source_id="/doi", builder_version="/meta/pipeline", declared="none")
    record: dict[str, Json] = {"doi": "1", "meta": {"pipeline": "p1", "rows": 1}}
    with new_store(engine_name, tmp_path / "store", Configuration(profile)) as store:
        store.put(record)
        (found,) = rebuild(store, lambda source: record | {"meta": {"pipeline": "p2", "rows": 1}}, "d:1")
        assert (found.verdict, found.rebuilt_by, found.ignored) == ("identical", "p2", ())
        (found,) = rebuild(store, lambda source: record | {"meta": {"pipeline": "p2", "rows": 2}}, "d:1")
        assert (found.verdict, places(found)) == ("differs", {("replace", "/meta/rows")})


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda store: rebuild(store, dict, "k:nobody"), NotFound, "no source k:nobody"),
        (lambda store: rebuild(store, dict, "k:s0@9"), NotFound, "no version @9"),
        (lambda store: rebuild(store, dict, "k:s0#tags"), UsageError, "leave out '#'"),
        (lambda store: rebuild(store, dict, jobs=0), UsageError, "at least 1 job"),
        (lambda store: rebuild(store, dict, ignore=["tags"]), UsageError, "starts with '/'"),
        (lambda store: rebuild(store, dict, ignore=[""]), UsageError, "'' is all of it"),
        (lambda store: CommandBuilder(" "), UsageError, "the command is empty"),
        (lambda store: CommandBuilder("a 'b"), UsageError, "no closing quotation"),
        (lambda store: CommandBuilder("no-such-program-here x"), UsageError, "no-such-program-here"),
        (lambda store: CommandBuilder("cat", timeout=0), UsageError, "above 0, not 0"),
        (lambda store: CommandBuilder("cat", timeout=float("nan")), UsageError, "not nan"),
    ],
)
def test_calls_that_make_no_sense_are_refused(
    store: Store, call: Callable[[Store], object], error: type[Exception], words: str
) -> None:
    store.put(made(0))
    with pytest.raises(error, match=words):
        call(store)


def test_references_are_looked_up_before_anything_runs(store: Store) -> None:
    store.put(made(0))
    ran: list[dict[str, Json]] = []

    def build(source: dict[str, Json]) -> str:
        ran.append(source)
        return ""

    with pytest.raises(NotFound):
        rebuild(store, build, "k:s0", "k:nobody")
    assert ran == []


def test_no_more_is_built_than_is_soon_looked_at(store: Store) -> None:
    store.put(made(0))
    built = threading.Semaphore(0)

    def build(source: dict[str, Json]) -> dict[str, Json]:
        built.release()
        return made(0)

    results = reproduce(store._engine, store.configuration, [read_ref("k:s0")] * 100, build, jobs=2)
    assert next(results).verdict == "identical"
    time.sleep(0.05)
    results.close()
    assert sum(built.acquire(blocking=False) for _ in range(101)) <= 4


def test_what_waits_is_not_built_when_nobody_wants_it_any_more(store: Store) -> None:
    store.put_many(made(n) for n in range(6))
    go_on, built = threading.Event(), set()

    def build(source: dict[str, Json]) -> str:
        built.add(source["id"])
        assert source["id"] == "s0" or go_on.wait(20)
        return ""

    refs = [read_ref(f"k:s{n}") for n in range(6)]
    results = reproduce(store._engine, store.configuration, refs, build, jobs=2)
    assert next(results).verdict == "failed"
    wait_until(lambda: built == {"s0", "s1", "s2"})
    results.close()
    go_on.set()
    wait_until(lambda: not any(thread.name.startswith("reproduce") for thread in threading.enumerate()))
    assert built == {"s0", "s1", "s2"}


def test_sections_that_are_equal_are_not_read(store: Store) -> None:
    """Damage every blob but the one that must be read: equal digests say enough."""
    store.put(made(0))
    for space in (TAIL, BLOBS):
        delete_entry(store._engine, space, *entries_of(store._engine)[space])
    assert rebuild(store, giving(made(0)))[0].verdict == "identical"
    (found,) = rebuild(store, lambda source: made(0, notes=[]), ignore=["/notes"])
    assert (found.verdict, found.ignored) == ("identical", ("/notes",))
    with pytest.raises(Damaged, match="k:s0 version 1: section 'notes'"):
        rebuild(store, lambda source: made(0, notes=[]))


# Processes


def alive(pid: int) -> bool:
    """Whether the process runs; one that has ended and was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.005)


def call(
    text: str, source: dict[str, Json] | None = None, *, timeout: float = 60, record_bytes: int = 10_000_000
) -> Output | Failure:
    with CommandBuilder(text, timeout=timeout, record_bytes=record_bytes) as build:
        return build(source or {"kind": "k", "id": "i", "version": None})


@pytest.mark.process
def test_the_source_is_on_the_input_and_its_reference_in_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OF_THE_CALLER", "kept")
    monkeypatch.chdir(tmp_path)
    source: dict[str, Json] = {"kind": "k:", "id": "a b@é\x00", "version": 1.5}
    assert call("cat", source) == Output('{"id":"a b@é\\u0000","kind":"k:","version":1.5}\n'.encode())
    told = call("sh -c 'echo $PITHSTORE_SOURCE $OF_THE_CALLER; pwd'", source)
    assert told == Output(f"k%3A:a%20b%40é%00 kept\n{tmp_path}\n".encode())


@pytest.mark.process
def test_no_shell_reads_the_command() -> None:
    assert call("printf '%s|' '$HOME' \"a b\" `x` ; '' #c") == Output(b"$HOME|a b|`x`|;||#c|")


@pytest.mark.process
def test_a_builder_need_not_read_and_may_say_much() -> None:
    large: dict[str, Json] = {"kind": "k", "id": "x" * 100_000, "version": None}
    assert call("printf done", large) == Output(b"done")
    echoed = call("cat", large | {"version": "y" * 1_000_000})
    assert isinstance(echoed, Output)
    assert len(echoed.record) > 1_100_000
    noisy = call("sh -c 'seq 300000 >&2; echo done'")
    assert noisy == Output(b"done\n", tuple(map(str, range(299_991, 300_001))))
    long = call("sh -c 'head -c 100000 /dev/zero | tr \"\\0\" x >&2; exit 2'")
    assert long == Failure("exit", "exit status 2", ("x" * 300,))


@pytest.mark.process
def test_a_record_of_exactly_the_limit_may_end_its_line() -> None:
    for end in ("", "\\n", "\\r\\n"):
        output = call(f"printf '12345678{end}'", record_bytes=8)
        assert isinstance(output, Output), end
    assert isinstance(call("printf '12345678901'", record_bytes=8), Failure)


@pytest.mark.process
def test_a_command_that_is_gone_was_not_started(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    with CommandBuilder(str(program)) as build:
        program.unlink()
        failure = build({"kind": "k", "id": "i", "version": None})
    assert failure == Failure("not-started", f"{program} cannot be run: No such file or directory")


@pytest.mark.process
@pytest.mark.parametrize(
    "rest",
    ["wait", "exec >&- 2>&-; wait", "exit"],
    ids=["that listens", "that closed its streams", "whose first process has ended"],
)
def test_a_time_out_ends_the_whole_group_and_nothing_else(tmp_path: Path, rest: str) -> None:
    pid = tmp_path / "pid"
    bystander = os.spawnlp(os.P_NOWAIT, "sleep", "sleep", "100")
    try:
        began = time.monotonic()
        failure = call(f"sh -c 'sleep 100 & echo $! >{pid}; {rest}'", timeout=1)
        assert time.monotonic() - began < 10
        assert failure == Failure("time-out", "not done within 1 s; ended")
        wait_until(lambda: not alive(int(pid.read_text())))
        assert alive(bystander)
    finally:
        os.kill(bystander, 9)
        os.waitpid(bystander, 0)


@pytest.mark.process
def test_closing_a_builder_ends_what_runs_and_what_is_asked_later(tmp_path: Path) -> None:
    found: list[Output | Failure] = []
    build = CommandBuilder(f"sh -c 'echo $$ >>{tmp_path}/pids; sleep 100'")
    source: dict[str, Json] = {"kind": "k", "id": "i", "version": None}
    threads = [threading.Thread(target=lambda: found.append(build(source))) for _ in range(3)]
    for thread in threads:
        thread.start()
    wait_until(lambda: (tmp_path / "pids").exists() and (tmp_path / "pids").read_text().count("\n") == 3)
    build.close()
    assert not any(alive(int(pid)) for pid in (tmp_path / "pids").read_text().split())
    for thread in threads:
        thread.join(20)
    found.append(build(source))
    build.close()
    assert found == [Failure("stopped", "the builder was stopped")] * 4


@pytest.mark.process
def test_a_run_leaves_no_descriptor_open() -> None:
    before = len(os.listdir("/proc/self/fd"))
    call("cat")
    call("sleep 100", timeout=0.1)
    call("yes", record_bytes=10)
    assert len(os.listdir("/proc/self/fd")) == before


# Recorded checks


@pytest.fixture
def checked(store: Store) -> Store:
    """A store of two sources, each checked some times."""
    store.put(made(0))
    store.put(made(1))
    builds: list[Build] = [
        giving(made(0)),
        lambda source: made(0, paper={"secret": SECRET + "2"}, verdict=SECRET),
        lambda source: Failure("exit", SECRET, (SECRET,)),
        lambda source: made(0) | {"builder_version": "builder-9"},
    ]
    for minutes, build in enumerate(builds):
        (found,) = rebuild(store, build, ignore=["/paper/title"])
        record_check(store._engine, found, NOON + timedelta(minutes=minutes))
    (found,) = rebuild(store, lambda source: made(1), "k:s1")
    store._engine.update(lambda update: append_often(update, check_of(found, NOON)))
    return store


def append_often(update: Update, check: RecordedCheck) -> None:
    for _ in range(300):
        append(update, check)


def test_checks_are_kept_in_the_order_of_time(checked: Store) -> None:
    first = list(recorded_checks(checked._engine, Source("k", "s0")))
    assert [check.verdict for check in first] == ["identical", "differs", "failed", "identical"]
    assert [check.checked_at for check in first] == [NOON + timedelta(minutes=n) for n in range(4)]
    assert [check.failure for check in first] == [None, None, "exit", None]
    assert first[1].sections == ("paper", "verdict")
    assert set(first[1].pointers) == {"/paper/authors", "/paper/secret", "/verdict"}
    assert (first[1].changes, first[1].ignored) == (3, ("/paper/title",))
    assert first[0].rebuilt == first[0].snapshot == checked.version("k:s0").snapshot
    named = [None if check.builder is None else builder_named(checked._engine, check) for check in first]
    assert named == ["builder-1", "builder-1", None, None]
    assert (first[2].builder is None, first[3].builder is None) == (True, False)
    everything = list(recorded_checks(checked._engine))
    assert everything[:4] == first
    assert len(everything) == 304
    assert all(each.checked_at <= other.checked_at for each, other in pairwise(everything[4:]))
    assert list(recorded_checks(checked._engine, Source("k", "s2"))) == []
    assert checked.verify().ok


def test_a_check_of_an_earlier_moment_comes_before(store: Store) -> None:
    store.put(made(0))
    (found,) = rebuild(store, giving(made(0)))
    moments = [NOON, NOON - timedelta(days=20_000), NOON + timedelta(microseconds=1), NOON]
    kept = [record_check(store._engine, found, moment) for moment in moments]
    assert list(recorded_checks(store._engine)) == sorted(kept, key=lambda check: check.checked_at)
    with pytest.raises(UsageError, match="no time zone"):
        record_check(store._engine, found, NOON.replace(tzinfo=None))


def test_checks_hold_no_value_of_a_record(checked: Store) -> None:
    entries = entries_of(checked._engine)
    assert any(SECRET.encode() in value for value in entries["tail"].values())
    raw = b"".join(key + value for key, value in entries[CHECKS].items())
    assert len(entries[CHECKS]) == 304
    for word in (SECRET, "Ada", "builder-1", "builder-9", "On s0"):
        assert word.encode() not in raw
    assert b"/paper/secret" in raw


def test_what_a_check_keeps_is_bounded(store: Store) -> None:
    store.put(made(0, many={f"m{n}": n for n in range(5000)}))
    (found,) = rebuild(store, lambda source: made(0, many={f"m{n}": -1 - n for n in range(5000)}))
    check = record_check(store._engine, found, NOON)
    assert (check.changes, len(check.pointers), len(found.changes)) == (5000, 100, 5000)
    (kept,) = recorded_checks(store._engine)
    assert kept == check
    (found,) = rebuild(store, lambda source: made(0, **{"x" * 20_000: 1}))
    check = record_check(store._engine, found, NOON)
    assert (check.changes, check.sections, check.pointers) == (2, ("many",), ("/many",))


def test_a_check_touches_no_other_space(store: Store) -> None:
    store.put(made(0))
    before = entries_of(store._engine)
    (found,) = rebuild(store, giving(made(0)))
    record_check(store._engine, found, NOON)
    after = entries_of(store._engine)
    assert {space for space in SPACES if before[space] != after[space]} == {CHECKS}


def test_a_damaged_check_is_said_to_be_one(checked: Store) -> None:
    key, value = list(entries_of(checked._engine)[CHECKS].items())[2]
    for broken in (value[:-1], b"", bytes([value[0] ^ 1]) + value[1:]):
        put_entry(checked._engine, CHECKS, (key, broken))
        read = recorded_checks(checked._engine, Source("k", "s0"))
        assert [next(read).verdict, next(read).verdict] == ["identical", "differs"]
        with pytest.raises(Damaged, match="a recorded check is damaged") as error:
            next(read)
        assert len(str(error.value).splitlines()) == 1
    moved = key[:-1] + b"\x07"
    put_entry(checked._engine, CHECKS, (key, value), (moved, value))
    with pytest.raises(Damaged):
        list(recorded_checks(checked._engine, Source("k", "s0")))
