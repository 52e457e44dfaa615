"""Texts that other processes prepare: what becomes of them is the same, and nobody is left behind."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pithstore import bulk, taking
from pithstore.configuration import Configuration
from pithstore.errors import InvalidRecord, PithstoreError, StorageFailed, UsageError
from pithstore.limits import Limits
from pithstore.pointer import Json
from pithstore.profile import Profile
from pithstore.put_files import FilePut, Listener, ObservedAt
from pithstore.section_memo import SectionMemo
from pithstore.store import Store
from pithstore.store import open as open_store
from pithstore.taking import in_turn
from pithstore.texts import AnyText, prepare_texts
from pithstore.workers import crew
from pithstore.workers.crew import AHEAD, Workers
from pithstore.workers.messages import Hearing, Telling, read_texts, write_texts
from tests.cli.conftest import wait_until
from tests.store.any_history import FIRST
from tests.store.shelves import Record, new_store, record
from tests.store.test_unchanged import told

Given: TypeAlias = bytes | str | Record

LONG = "long enough to be split into sections and kept " * 100
DECLARED: Json = {"detectors_run": [], "findings": [1], "snapshot_sha256": "0" * 64}
STATES = [
    record(identity, builder=builder, x=x, same=["s"] * 9, long=LONG if x else "", integrity=DECLARED)
    for identity in "123"
    for builder in ("b1", "b2")
    for x in (0, 1)
]
SPELLED = [json.dumps(one, indent=indent).encode() for one in STATES for indent in (None, 1)]
OTHERS: list[Given] = [
    STATES[0],
    SPELLED[2].decode(),
    b'{"source":{"kind":"k","id":"1","version":%d},"builder_version":"b1"}' % 10**80,
    b'{"source":{"kind":"k","id":"\xc3\xa9","version":-0.0},"builder_version":"b\\u0007","":[1e-7]}',
    '{"source":{"kind":"k","id":"1","version":null},"builder_version":"b1"}',
]
BAD: list[Given] = [
    b"",
    b"{",
    b'{"a":1,\n"a":2}',
    b"\xff",
    '"\ud800"',
    b'{"a":"\\ud800"}',
    b"[]",
    b'{"source":{"kind":"k","id":1},"builder_version":"b1"}',
    b"[" * 600,
    {"source": 1},
]
GIVEN = st.one_of(st.sampled_from(SPELLED), st.sampled_from(SPELLED), st.sampled_from(OTHERS))


def said(error: PithstoreError) -> tuple[object, ...]:
    fields = ("reason", "why", "line", "offset", "pointer")
    return type(error), str(error), *(getattr(error, name, None) for name in fields)


def comparable(found: AnyText) -> object:
    return said(found) if isinstance(found, InvalidRecord) else found


# What they tell each other.


@settings(max_examples=100)
@given(
    batches=st.lists(st.lists(st.sampled_from([*SPELLED, *(one for one in BAD if isinstance(one, bytes))]))),
    limit=st.sampled_from([0, 4000, 10**9]),
    profile=st.sampled_from([Profile(), Profile(source_id="/builder_version", declared="none")]),
)
def test_what_is_told_is_what_was_found(batches: list[list[bytes]], limit: int, profile: Profile) -> None:
    telling, hearing = Telling(limit), Hearing()
    configuration, memo = Configuration(profile, Limits(record_bytes=6000)), SectionMemo()
    for texts in batches:
        message = write_texts(texts)
        assert list(read_texts(memoryview(message))) == texts
        found = prepare_texts(texts, configuration, memo)
        heard = hearing.read(memoryview(telling.write(found)))
        assert [comparable(each) for each in heard] == [comparable(each) for each in found]


def test_a_section_is_told_once() -> None:
    telling, found = Telling(10**9), prepare_texts([SPELLED[2]], Configuration(), SectionMemo())
    assert len(telling.write(found)) > len(LONG)
    assert len(telling.write(found)) < 300


# The order.


@given(st.lists(st.integers()), st.integers(1, 4), st.booleans())
def test_items_are_told_in_turn_and_few_have_begun(items: list[int], ahead: int, fails: bool) -> None:
    begun, ended = [], 0

    def stream() -> Iterator[int]:
        yield from items
        if fails:
            raise ZeroDivisionError

    def begin(item: int) -> Callable[[], int]:
        begun.append(item)
        assert len(begun) - ended <= ahead
        return lambda: item

    told = []
    try:
        for item in in_turn(stream(), begin, ahead):
            ended += 1
            told.append(item)
    except ZeroDivisionError:
        assert fails
    assert told == begun == items


# The law: what becomes of records does not depend on who prepares them.


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "BATCH_RECORDS", 3)


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """The workers that were started."""
    started: list[subprocess.Popen[bytes]] = []
    real = crew._start

    def start(*given: object) -> subprocess.Popen[bytes]:
        started.append(real(*given))  # type: ignore[arg-type]
        return started[-1]

    monkeypatch.setattr(crew, "_start", start)
    return started


def put_many(store: Store, records: Sequence[Given], observed_at: datetime | None, workers: int | None) -> object:
    try:
        return store.put_many(iter(records), observed_at=observed_at, workers=workers)
    except InvalidRecord as error:
        return said(error)


FEW_EXAMPLES = settings(max_examples=15)


@pytest.mark.process
@pytest.mark.usefixtures("small_batches")
def test_records_by_workers_are_records_by_oneself(
    tmp_path_factory: pytest.TempPathFactory, processes: list[subprocess.Popen[bytes]]
) -> None:
    puts = st.lists(
        st.tuples(
            st.lists(GIVEN, min_size=9, max_size=25),
            st.lists(st.sampled_from(BAD), max_size=1),
            st.sampled_from([None, FIRST]),
        ),
        min_size=1,
        max_size=3,
    )

    @FEW_EXAMPLES
    @given(puts=puts, workers=st.integers(1, 3), tail=st.lists(GIVEN, max_size=7))
    def law(puts: list[tuple[list[Given], list[Given], datetime | None]], workers: int, tail: list[Given]) -> None:
        with (
            new_store("memory", tmp_path_factory.mktemp("store")) as alone,
            new_store("lmdb", tmp_path_factory.mktemp("store") / "s") as helped,
        ):
            for records, bad, observed_at in puts:
                given = [*records, *bad, *tail]
                expected = put_many(alone, given, observed_at, None)
                assert put_many(helped, given, observed_at, workers) == expected
            assert told(helped) == told(alone)
            assert helped.verify().problems == ()

    law()
    assert len(processes) > 20
    assert all(process.returncode is not None for process in processes)


class Heard:
    """All that a listener was told, in order."""

    def __init__(self) -> None:
        self.all: list[object] = []

    def listener(self) -> Listener:
        return Listener(
            lambda name, line, error: self.all.append((name, line, said(error))), self.all.append, lambda _: None
        )


Call: TypeAlias = tuple[list[str], ObservedAt, bool, bool]
"""Which files are put, when they were observed, again, stop."""


def put_files(store: Store, folder: Path, call: Call, workers: int) -> object:
    names, rule, again, stop = call
    heard = Heard()
    work = FilePut(store, rule, heard.listener(), again=again, stop=stop, workers=workers)
    try:
        work.put(str(folder / name) for name in names)
    except PithstoreError as error:
        heard.all.append(said(error))
    return work.summary, work.stopped, work.accepted_before, heard.all


def timed(text: bytes) -> bytes:
    """The record with a time in it."""
    return json.dumps({**json.loads(text), "observed": f"2026-01-{1 + len(text) % 28:02}"}).encode()


@pytest.mark.process
@pytest.mark.usefixtures("small_batches")
def test_files_by_workers_are_files_by_oneself(
    tmp_path_factory: pytest.TempPathFactory, processes: list[subprocess.Popen[bytes]]
) -> None:
    good = [*SPELLED[::2], *map(timed, SPELLED[::2])]
    bad = [b"{", b'{"a":1,"a":2}']
    lines = st.lists(st.one_of(st.sampled_from(good), st.sampled_from([*good, *bad])), min_size=6, max_size=15)
    rules = [ObservedAt(), ObservedAt(), ObservedAt(moment=FIRST), ObservedAt(pointer="/observed")]
    names = st.lists(st.sampled_from("abcm"), min_size=1, max_size=4)  # there is no m
    calls = st.tuples(names, st.sampled_from(rules), st.booleans(), st.booleans())

    @FEW_EXAMPLES
    @given(files=st.tuples(lines, lines, lines), calls=st.lists(calls, min_size=1, max_size=3))
    def law(files: tuple[list[bytes], ...], calls: list[Call]) -> None:
        root = tmp_path_factory.mktemp("files")
        for name, texts in zip("abc", files, strict=True):
            (root / name).write_bytes(b"".join(text + b"\n" for text in texts))
        with new_store("memory", root / "alone") as alone, new_store("memory", root / "helped") as helped:
            for call in calls:
                assert put_files(helped, root, call, 2) == put_files(alone, root, call, 0)
            assert told(helped) == told(alone)
            assert helped.verify().problems == ()

    law()
    assert len(processes) > 20


# Who is started, and when.


@pytest.mark.parametrize(
    "records",
    [
        [],
        [json.dumps(record(str(n))) for n in range(taking.LEAST_BATCHES * 3 - 1)],
        [record(str(n)) for n in range(20)],
    ],
)
def test_few_texts_and_mappings_start_nobody(
    store: Store, records: list[Given], monkeypatch: pytest.MonkeyPatch, processes: list[subprocess.Popen[bytes]]
) -> None:
    monkeypatch.setattr(bulk, "BATCH_RECORDS", 3)
    assert store.put_many(records, workers=2).versions == len(records)
    assert processes == []


@pytest.mark.usefixtures("small_batches")
def test_records_that_did_not_change_start_nobody(store: Store, processes: list[subprocess.Popen[bytes]]) -> None:
    texts = [json.dumps(record(str(n))) for n in range(20)]
    store.put_many(texts)
    assert store.put_many(texts, workers=2).unchanged == 20
    assert processes == []


@pytest.mark.parametrize("workers", [-1, 65])
def test_a_number_of_workers_that_makes_no_sense(store: Store, workers: int) -> None:
    with pytest.raises(UsageError, match="1 to 64"):
        store.put_many([SPELLED[0]], workers=workers)


def test_the_versions_of_a_source_come_to_one_worker_unless_that_is_too_much(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(crew, "_Worker", lambda _: open(os.devnull))  # noqa: SIM115 - something that can be closed
    with Workers(3, Configuration()) as workers:
        texts = [json.dumps(record(str(n % 50), x=n)).encode() for n in range(1000)]
        shares = workers._share_out(texts)
        assert sorted(i for share in shares for i in share) == list(range(1000))
        whose = [{who for who, share in enumerate(shares) for i in share if i % 50 == n} for n in range(50)]
        assert sum(len(who) == 1 for who in whose) > 30
        assert max(map(len, shares)) < 450
        shares = workers._share_out(texts[::50])
        assert min(map(len, shares)) >= 5


# What can go wrong.


def first_numbers(store: Store, count: int) -> list[int]:
    """What the first versions say, in the order in which they were given."""
    return [json.loads(store.get_bytes(f"k:{n % 7}@{1 + n // 7}"))["n"] for n in range(count)]


NUMBERED = [json.dumps(record(str(n % 7), n=n)).encode() for n in range(60)]


@pytest.mark.process
@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("workers", [1, 2])
def test_a_worker_that_is_killed_is_told_and_what_came_before_is_stored(
    store: Store, processes: list[subprocess.Popen[bytes]], workers: int
) -> None:
    def texts() -> Iterator[bytes]:
        yield from NUMBERED[:30]
        processes[0].kill()
        yield from NUMBERED[30:]

    with pytest.raises(StorageFailed, match=r"worker process has ended \(signal 9\)"):
        store.put_many(texts(), workers=workers)
    assert all(process.returncode is not None for process in processes)
    stored = store.stat().versions
    assert 30 - 3 * AHEAD <= stored < 60
    assert first_numbers(store, stored) == list(range(stored))
    assert store.put_many(NUMBERED[stored:], workers=workers).versions == 60 - stored
    assert store.verify().ok


def program(monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    """Let workers do that before they serve."""
    start = "import sys; sys.path[:] = sys.argv[2:]; from pithstore.workers import worker; "
    monkeypatch.setattr(crew, "_PROGRAM", f"{start}{line}; worker.main()")


@pytest.mark.process
@pytest.mark.usefixtures("small_batches")
def test_an_error_of_a_worker_comes_out_as_it_is(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    program(monkeypatch, "worker.prepare_texts = lambda *_: {}['of a worker']")
    with pytest.raises(KeyError, match="of a worker") as caught:
        store.put_many(NUMBERED, workers=2)
    assert "in a worker process" in "".join(caught.value.__notes__)
    assert store.stat().versions == 3
    local = "E = type('E', (Exception,), {}); "
    program(monkeypatch, local + "worker.prepare_texts = lambda *_: (_ for _ in ()).throw(E('x'))")
    with pytest.raises(RuntimeError, match="E: x"):
        store.put_many(NUMBERED[3:], workers=2)


@pytest.mark.process
@pytest.mark.usefixtures("small_batches")
def test_a_worker_that_cannot_start_says_why(
    store: Store, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    program(monkeypatch, "import no_such_module")
    with pytest.raises(StorageFailed, match=r"\(exit status 1: ModuleNotFoundError: No module named 'no_such"):
        store.put_many(NUMBERED, workers=2)
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(StorageFailed, match="No such file"):
        store.put_many(NUMBERED, workers=2)
    for name, value in (("frozen", True), ("executable", "")):
        monkeypatch.setattr(sys, name, value, raising=False)
        with pytest.raises(UsageError, match=r"sys\.executable"):
            store.put_many(NUMBERED, workers=2)
    assert capfd.readouterr() == ("", "")


@pytest.mark.usefixtures("small_batches")
def test_a_process_that_may_open_no_more_files_has_no_workers(store: Store, tmp_path: Path) -> None:
    store.put(NUMBERED[0])  # whatever a put opens and imports is there
    most = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.open(tmp_path, os.O_RDONLY)
    os.close(free)
    try:
        for files in (0, 3, 8):
            resource.setrlimit(resource.RLIMIT_NOFILE, (free + files, most[1]))
            with pytest.raises(StorageFailed, match="Too many open files; put with fewer workers"):
                store.put_many(NUMBERED, workers=2)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, most)
    assert os.open(tmp_path, os.O_RDONLY) == free
    os.close(free)


# Programs that put with workers: without a guard of their main module, interrupted, killed.

PROGRAM = """
import json, sys
import pithstore
from pithstore import bulk
from pithstore.workers import crew

bulk.BATCH_RECORDS = 3
start = crew._start

def started(*given):
    process = start(*given)
    print(process.pid, flush=True)
    return process

crew._start = started

def text(n):
    return json.dumps({"source": {"kind": "k", "id": str(n % 7)}, "builder_version": "b", "n": n})

with pithstore.open(sys.argv[1], create=True) as store:
    print("put", store.put_many(map(text, range(COUNT)), workers=2).versions)
"""


def run_program(path: Path, count: str, store: Path) -> subprocess.Popen[str]:
    path.write_text(PROGRAM.replace("COUNT", count))
    return subprocess.Popen(
        [sys.executable, str(path), str(store)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def is_running(pid: int) -> bool:
    """Whether the process is there and not one that has ended and waits to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def ignores_interrupts(pid: int) -> bool:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (ignored,) = [line.split()[1] for line in lines if line.startswith("SigIgn:")]
    return bool(int(ignored, 16) & 1 << signal.SIGINT - 1)


@pytest.mark.process
def test_a_program_needs_no_guard_of_its_main_module(tmp_path: Path) -> None:
    done = run_program(tmp_path / "program.py", "100", tmp_path / "store")
    out, err = done.communicate(timeout=60)
    assert (done.returncode, err) == (0, "")
    *pids, last = out.splitlines()
    assert (len(pids), last) == (2, "put 100")


@pytest.mark.process
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_no_worker_is_left_behind(tmp_path: Path, how: signal.Signals) -> None:
    path = tmp_path / "store"
    program = run_program(tmp_path / "program.py", "10**9", path)
    assert program.stdout is not None
    pids = [int(line) for line in islice(program.stdout, 2)]
    for pid in pids:
        wait_until(partial(ignores_interrupts, pid))
        os.kill(pid, signal.SIGINT)  # as if the whole session were told
    with open_store(path, readonly=True) as store:
        wait_until(lambda: store.stat().versions > 100)
    program.send_signal(how)
    _, err = program.communicate(timeout=60)
    assert program.returncode == -how
    assert ("KeyboardInterrupt" in err) == (how == signal.SIGINT)
    wait_until(lambda: not any(map(is_running, pids)))
    with open_store(path) as store:
        assert store.verify().ok
        stored = store.stat().versions
        assert first_numbers(store, 50) == list(range(50))
        assert stored % 3 == 0
