"""The receipt: an old copy that was put back is seen, and nothing else is taken for one."""

from __future__ import annotations

import contextlib
import functools
import multiprocessing
import os
import random
import shutil
import signal
import stat
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import attrs
import lmdb
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, rule

import pithstore.engine.lmdb as engine_module
from pithstore.configuration import Configuration
from pithstore.engine import Update
from pithstore.engine.lmdb import LmdbEngine, environment, successor
from pithstore.engine.lmdb.receipt import ReceiptState
from pithstore.errors import Damaged, NoStore, StoreBusy, StoreExists, UsageError
from pithstore.opening import open_engine
from pithstore.testing.engine_tests import SPACES, bump, count, put, run_processes
from pithstore.testing.successor_contract import renew
from tests.engine.lmdb_stores import data_file, keep_writing, process, refused

LONG = bool(os.environ.get("PITHSTORE_LONG"))
ROUNDS = 100 if LONG else 4
MIB = 2**20
SLOT = 512
KNOWN = 32  # commits of which the data file knows the hashes

Change = Callable[[Path], None]


def commit(directory: Path, times: int = 1) -> int:
    with closing(LmdbEngine.open(directory, SPACES)) as engine:
        for _ in range(times):
            number = engine.update(bump)
    return number


def opens(directory: Path) -> int:
    """The number in the store, which opens for both; whether that writes or not."""
    for readonly in (True, False):
        with closing(LmdbEngine.open(directory, SPACES, readonly=readonly)) as engine:
            number = engine.view(count)
    return number


def state(directory: Path) -> ReceiptState:
    with closing(LmdbEngine.open(directory, SPACES, readonly=True)) as engine:
        return engine.receipt_state()


def assert_refused(directory: Path, *words: str) -> None:
    """It opens for nobody, and nothing is changed by the attempt."""
    before = {path: path.read_bytes() for path in directory.rglob("*") if path.name in ("data.mdb", "RECEIPT")}
    for readonly in (True, False):
        with refused(Damaged, directory, *words):
            LmdbEngine.open(directory, SPACES, readonly=readonly)
    assert before == {path: path.read_bytes() for path in before}


def stored_commit(directory: Path) -> int:
    shared = environment.share(str(directory), SPACES, (), readonly=True, patience=9, map_size=None)
    try:
        receipt = shared.receipt(9)
    finally:
        shared.release()
    assert receipt is not None
    return receipt.commit


@contextlib.contextmanager
def raw_update(directory: Path) -> Iterator[lmdb.Transaction[bytes]]:
    """A transaction behind the engine's back."""
    with (
        closing(lmdb.open(str(data_file(directory).parent), lib_version=0, max_dbs=4)) as raw,
        raw.begin(write=True) as tx,
    ):
        yield tx


def noted_commits(directory: Path) -> list[int]:
    text = (directory / "RECEIPT").read_bytes()
    return [int.from_bytes(text[at + 28 : at + 36], "big") for at in range(0, len(text), SLOT)]


# What is seen.


@pytest.mark.parametrize("missing", [1, 2, 40])
def test_an_old_copy_put_back(at_rest: Path, tmp_path: Path, missing: int) -> None:
    """A generation of an earlier day is refused, with how much is missing; accepted, it is gone on with."""
    shutil.copytree(data_file(at_rest).parent, tmp_path / "copy")
    newest = commit(at_rest, missing)
    shutil.rmtree(data_file(at_rest).parent)
    shutil.copytree(tmp_path / "copy", at_rest / "gen-000001")
    assert_refused(at_rest, "older than its receipt", f"{missing} commits are missing")
    LmdbEngine.accept_state(at_rest)
    assert opens(at_rest) == newest - missing
    assert state(at_rest) is ReceiptState.SOUND
    assert commit(at_rest) == newest - missing + 1


def newest_meta(file: Path) -> int:
    """Where the meta page of the last transaction starts."""
    content = file.read_bytes()
    return max((0, 4096), key=lambda at: int.from_bytes(content[at + 144 : at + 152], "little"))


def write_at(file: Path, at: int, data: bytes) -> None:
    with open(file, "r+b") as opened:
        opened.seek(at)
        opened.write(data)


@pytest.mark.parametrize("change", ["zeroed", "its older self", "two transactions back"])
def test_the_newest_meta_page_is_lost(at_rest: Path, change: str) -> None:
    """LMDB would go on with the transaction before, and say nothing."""
    file = data_file(at_rest)
    commit(at_rest, 2)
    at = newest_meta(file)
    earlier = file.read_bytes()[at : at + 4096]
    commit(at_rest, 2)
    assert newest_meta(file) == at
    if change == "zeroed":
        write_at(file, at, bytes(4096))
        assert_refused(at_rest)
        return
    if change == "its older self":
        write_at(file, at, earlier)
    else:
        number = int.from_bytes(file.read_bytes()[at + 144 : at + 152], "little")
        write_at(file, at + 144, (number - 2).to_bytes(8, "little"))
    assert_refused(at_rest, "older than its receipt", "1 commits are missing")


def test_current_put_back(engine: LmdbEngine, directory: Path, tmp_path: Path) -> None:
    """The generation before a compaction, with its CURRENT, is an old copy as well."""
    engine.update(bump)
    shutil.copy(directory / "CURRENT", tmp_path / "CURRENT")
    shutil.copytree(directory / "gen-000001", tmp_path / "gen-000001")
    before = stored_commit(directory)
    renew(engine)
    assert stored_commit(directory) == before + 1
    engine.close()
    shutil.copy(tmp_path / "CURRENT", directory / "CURRENT")
    shutil.copytree(tmp_path / "gen-000001", directory / "gen-000001")
    assert_refused(directory, "1 commits are missing")


def test_the_receipt_of_another_store(at_rest: Path, tmp_path: Path) -> None:
    """Whether that one has come further or not."""
    for times in (0, 9):
        with closing(LmdbEngine.create(tmp_path / f"other{times}", SPACES)) as other:
            for _ in range(times):
                other.update(bump)
        shutil.copy(tmp_path / f"other{times}" / "RECEIPT", at_rest / "RECEIPT")
        assert_refused(at_rest, "another store")
    LmdbEngine.accept_state(at_rest)
    assert opens(at_rest) == 1


def test_a_copy_of_the_whole_is_a_store(at_rest: Path, tmp_path: Path) -> None:
    """It goes on by itself; from then on neither is taken for the other."""
    shutil.copytree(at_rest, tmp_path / "copy")
    assert commit(tmp_path / "copy", 3) == commit(at_rest, 3)
    for directory in (at_rest, tmp_path / "copy"):
        assert opens(directory) == 4
        assert state(directory) is ReceiptState.SOUND
    shutil.copy(tmp_path / "copy" / "RECEIPT", at_rest / "RECEIPT")
    assert_refused(at_rest, "another history")


def test_a_store_without_its_current(at_rest: Path) -> None:
    """It is damaged, and no new store is made over it."""
    (at_rest / "CURRENT").unlink()
    assert_refused(at_rest, "CURRENT")
    with refused(Damaged, at_rest, "CURRENT"):
        LmdbEngine.create(at_rest, SPACES)
    with refused(Damaged, at_rest, "CURRENT"):
        LmdbEngine.accept_state(at_rest)


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def missing(file: Path) -> None:
    file.unlink()


@pytest.mark.parametrize("change", [emptied, missing])
def test_never_taken_for_a_new_store(at_rest: Path, change: Change) -> None:
    """A data file of 0 bytes, or none, is damage whichever way the store is opened: LMDB would begin a new one."""
    file = data_file(at_rest)
    change(file)
    for readonly in (True, False):
        with refused(Damaged, at_rest):
            LmdbEngine.open(at_rest, SPACES, readonly=readonly)
        with refused(Damaged, at_rest):
            open_engine(at_rest, None if readonly else Configuration(), readonly=readonly, patience=9)
    with refused(StoreExists, at_rest):
        LmdbEngine.create(at_rest, SPACES)
    with refused(Damaged, at_rest):
        LmdbEngine.accept_state(at_rest)
    assert not file.exists() or file.stat().st_size == 0


@pytest.mark.parametrize("change", [emptied, missing])
def test_never_followed_into_a_new_store(engine: LmdbEngine, directory: Path, change: Change) -> None:
    """The same for whoever has the store open when CURRENT moves."""
    engine.update(bump)
    shutil.copytree(directory / "gen-000001", directory / "gen-000002")
    change(directory / "gen-000002" / "data.mdb")
    (directory / "CURRENT").write_text("gen-000002\n")
    calls: list[Callable[[], object]] = [lambda: engine.view(count), lambda: engine.update(bump)]
    for call in calls:
        with refused(Damaged, directory):
            call()


def test_an_old_copy_is_not_followed(engine: LmdbEngine, directory: Path) -> None:
    """Whoever has the store open when CURRENT moves to an old copy is told, and no commit goes there."""
    shutil.copytree(directory / "gen-000001", directory / "gen-000002")
    engine.update(bump)
    (directory / "CURRENT").write_text("gen-000002\n")
    calls: list[Callable[[], object]] = [lambda: engine.view(count), lambda: engine.update(bump)]
    for call in (*calls, engine.receipt_state):
        with refused(Damaged, directory, "1 commits are missing"):
            call()


def test_a_damaged_receipt_in_the_data_file(at_rest: Path) -> None:
    """It is never believed; accepting the state begins a new history."""
    with raw_update(at_rest) as tx:
        value = bytearray(tx.get(b"receipt") or b"")
        value[3] ^= 1
        tx.put(b"receipt", bytes(value))
    assert_refused(at_rest, "receipt", "checksum")
    LmdbEngine.accept_state(at_rest)
    assert opens(at_rest) == 1
    assert commit(at_rest) == 2
    assert state(at_rest) is ReceiptState.SOUND


# What is no reason to refuse a store.


def cut(receipt: Path) -> None:
    os.truncate(receipt, 20)


def garbage(receipt: Path) -> None:
    receipt.write_bytes(random.Random(5).randbytes(2 * SLOT))


def zeros(receipt: Path) -> None:
    receipt.write_bytes(bytes(2 * SLOT))


def of_another_version(receipt: Path) -> None:
    write_at(receipt, 11, b"\x09")
    write_at(receipt, SLOT + 11, b"\x09")


@pytest.mark.parametrize("change", [missing, emptied, cut, garbage, zeros, of_another_version])
def test_without_a_receipt(at_rest: Path, change: Change) -> None:
    """The store opens and says so, and the next commit writes it anew: from there on all is seen again."""
    commit(at_rest)
    change(at_rest / "RECEIPT")
    assert opens(at_rest) == 2
    assert state(at_rest) is ReceiptState.MISSING
    old = data_file(at_rest).read_bytes()
    commit(at_rest)
    assert state(at_rest) is ReceiptState.SOUND
    assert stat.S_IMODE((at_rest / "RECEIPT").stat().st_mode) == 0o600
    data_file(at_rest).write_bytes(old)
    assert_refused(at_rest, "1 commits are missing")


@pytest.mark.parametrize("slot", [0, 1])
@pytest.mark.parametrize("bytes_written", [0, 1, 40, 59])
def test_a_torn_slot(at_rest: Path, slot: int, bytes_written: int) -> None:
    """The other slot counts, which is one commit behind at most."""
    commit(at_rest, 2)
    old = data_file(at_rest).read_bytes()
    commit(at_rest, 2)
    torn = slot * SLOT + bytes_written
    write_at(at_rest / "RECEIPT", torn, b"\xff" * (SLOT - bytes_written))
    assert opens(at_rest) == 5
    assert state(at_rest) is ReceiptState.SOUND
    data_file(at_rest).write_bytes(old)
    assert_refused(at_rest, "commits are missing")


def test_in_its_place_is_something_else(at_rest: Path, tmp_path: Path) -> None:
    """What cannot be written stops no commit, and a link is not followed."""
    (tmp_path / "mine").write_text("mine")
    receipt = at_rest / "RECEIPT"
    receipt.unlink()
    receipt.symlink_to(tmp_path / "mine")
    assert commit(at_rest) == 2
    assert (tmp_path / "mine").read_text() == "mine"
    receipt.unlink()
    receipt.mkdir()
    assert commit(at_rest) == 3
    assert state(at_rest) is ReceiptState.MISSING


@pytest.mark.parametrize("behind", [1, KNOWN - 1, KNOWN, KNOWN + 9])
def test_a_receipt_that_lags(at_rest: Path, behind: int) -> None:
    """As after a power loss: RECEIPT is not synced with each commit."""
    earlier = (at_rest / "RECEIPT").read_bytes()
    newest = commit(at_rest, behind)
    (at_rest / "RECEIPT").write_bytes(earlier)
    assert opens(at_rest) == newest
    assert state(at_rest) is ReceiptState.SOUND
    commit(at_rest)
    assert max(noted_commits(at_rest)) == stored_commit(at_rest)


def without_receipts(directory: Path) -> None:
    """As it was written before there were receipts."""
    with raw_update(directory) as tx:
        assert tx.delete(b"receipt")
    (directory / "RECEIPT").unlink()


@pytest.mark.parametrize("how", ["commit", "renew", "accept"])
def test_a_store_from_before_there_were_receipts(at_rest: Path, how: str) -> None:
    """It opens, and its next commit gives it one; an older copy, without any, is seen then."""
    without_receipts(at_rest)
    old = data_file(at_rest).read_bytes()
    assert opens(at_rest) == 1
    assert state(at_rest) is ReceiptState.MISSING
    if how == "commit":
        commit(at_rest)
    elif how == "renew":
        with closing(LmdbEngine.open(at_rest, SPACES)) as engine:
            renew(engine)
    else:
        LmdbEngine.accept_state(at_rest)
    assert state(at_rest) is ReceiptState.SOUND
    data_file(at_rest).write_bytes(old)
    assert_refused(at_rest, "1 commits are missing")


# When it is written.


def test_a_new_store_has_its_receipt(directory: Path) -> None:
    """From its creation on, which is its first commit."""
    LmdbEngine.create(directory, SPACES, begin).close()
    assert stored_commit(directory) == max(noted_commits(directory)) == 1
    assert stat.S_IMODE((directory / "RECEIPT").stat().st_mode) == 0o600
    assert state(directory) is ReceiptState.SOUND


def test_each_commit_counts_once(directory: Path) -> None:
    """However often its function ran; and slots take turns."""
    LmdbEngine.create(directory, SPACES).close()
    runs: list[int] = []

    def fn(tx: Update) -> None:
        runs.append(bump(tx))
        tx.put_many("left", [(b"large", bytes(len(runs) * 9 * MIB))])

    with closing(LmdbEngine.open(directory, SPACES, map_size=MIB)) as engine:
        engine.update(fn)
    assert len(runs) > 1
    assert stored_commit(directory) == 2
    for number in range(3, 9):
        commit(directory)
        assert sorted(noted_commits(directory)) == [number - 1, number]


def fail(tx: Update) -> None:
    bump(tx)
    raise ZeroDivisionError


def test_what_writes_nothing_is_no_commit(at_rest: Path) -> None:
    """A put of what is there already must stay as cheap as it is: nothing is written and nothing synced."""
    before = data_file(at_rest).read_bytes(), (at_rest / "RECEIPT").read_bytes()
    with closing(LmdbEngine.open(at_rest, SPACES)) as engine:
        assert engine.update(lambda tx: tx.create_many("left", [(b"000001", b"other")])) == 0
        assert engine.update(lambda tx: tx.delete_many("left", [b"no such key"])) == 0
        engine.update(lambda tx: tx.put_many("left", []))
        engine.update(count)
        with pytest.raises(ZeroDivisionError):
            engine.update(fail)
    assert before == (data_file(at_rest).read_bytes(), (at_rest / "RECEIPT").read_bytes())
    writes: list[Callable[[Update], object]] = [
        lambda tx: tx.create_many("left", [(b"new", b"")]),
        lambda tx: tx.put_many("left", [(b"new", b"newer")]),
        lambda tx: tx.delete_many("left", [b"new"]),
    ]
    for write in writes:
        number = stored_commit(at_rest)
        with closing(LmdbEngine.open(at_rest, SPACES)) as engine:
            engine.update(write)
        assert stored_commit(at_rest) == max(noted_commits(at_rest)) == number + 1


def test_a_successor_carries_it_on(engine: LmdbEngine, directory: Path) -> None:
    """What an unfinished successor commits does not count; its taking over counts once."""
    number = stored_commit(directory)
    with closing(engine.successor()) as next_one:
        next_one.update(lambda tx: tx.put_many("left", [(b"a", b"1")]))
        put(engine, (b"a", b"2"))
        assert stored_commit(directory) == number + 1
        next_one.take_over(lambda view, tx: tx.put_many("left", view.scan("left", limit=9)))
    assert stored_commit(directory) == max(noted_commits(directory)) == number + 2
    assert engine.receipt_state() is ReceiptState.SOUND


@pytest.mark.process
def test_accepting_waits_for_writers(engine: LmdbEngine, directory: Path) -> None:
    """It keeps out who writes, and is refused where this process has the store open."""
    with refused(UsageError, directory, "open in this process"):
        LmdbEngine.accept_state(directory)
    engine.close()
    with process(keep_writing, directory):
        LmdbEngine.accept_state(directory)
    assert opens(directory) == commit(directory) - 1
    with refused(NoStore, directory / "absent"):
        LmdbEngine.accept_state(directory / "absent")


def go_on(directory: Path) -> None:
    with closing(LmdbEngine.open(directory, SPACES)) as engine:
        engine.update(bump)
        renew(engine)
        engine.update(bump)


@pytest.mark.process
@pytest.mark.parametrize("step", ["noted_receipt", "hold_current", "check_data_file", "OpenGeneration"])
def test_opening_while_others_go_on(at_rest: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """Commits and a compaction after any step of opening: what is opened is no old copy."""
    real: Callable[..., object] = getattr(environment, step)

    def paused(*arguments: object, **options: object) -> object:
        found = real(*arguments, **options)
        run_processes((go_on, (at_rest,)))
        return found

    monkeypatch.setattr(environment, step, paused)
    with closing(LmdbEngine.open(at_rest, SPACES, readonly=True)) as engine:
        monkeypatch.undo()
        assert engine.view(count) == 3
        assert engine.receipt_state() is ReceiptState.SOUND


# All of it, in any order.


@attrs.frozen
class Copy:
    data: bytes
    commits: tuple[int, ...]


class Receipts(RuleBasedStateMachine):
    """The store against a list of its commits: it is refused where RECEIPT knows of one that is not there."""

    copies = Bundle("copies")

    def __init__(self) -> None:
        super().__init__()
        self.stack = contextlib.ExitStack()
        self.serial = 0

    @initialize()
    def create(self) -> None:
        self.directory = Path(self.stack.enter_context(tempfile.TemporaryDirectory())) / "store"
        LmdbEngine.create(self.directory, SPACES).close()
        self.commits: tuple[int, ...] = (0,)
        self.slots: dict[int, tuple[int, ...]] = {1: self.commits}

    def noted(self) -> tuple[int, ...] | None:
        return max(self.slots.values(), key=len, default=None)

    def sound(self) -> bool:
        noted = self.noted()
        if noted is None:
            return True
        known = len(self.commits) - len(noted) < KNOWN
        return len(noted) <= len(self.commits) and (not known or self.commits[: len(noted)] == noted)

    def go_on(self) -> None:
        self.serial += 1
        self.commits = (*self.commits, self.serial)
        self.slots[len(self.commits) % 2] = self.commits

    @rule(times=st.sampled_from([1, 1, 2, 3, KNOWN]))
    def commit(self, times: int) -> None:
        if not self.sound():
            assert_refused(self.directory)
            return
        commit(self.directory, times)
        for _ in range(times):
            self.go_on()

    @rule()
    def renew(self) -> None:
        if not self.sound():
            assert_refused(self.directory)
            return
        with closing(LmdbEngine.open(self.directory, SPACES)) as engine:
            renew(engine)
        self.go_on()

    @rule()
    def ask(self) -> None:
        if self.sound():
            assert state(self.directory) is (ReceiptState.SOUND if self.slots else ReceiptState.MISSING)
        else:
            assert_refused(self.directory)

    @rule(target=copies)
    def copy(self) -> Copy:
        return Copy(data_file(self.directory).read_bytes(), self.commits)

    @rule(saved=copies)
    def put_back(self, saved: Copy) -> None:
        data_file(self.directory).write_bytes(saved.data)
        self.commits = saved.commits

    @rule(saved=consumes(copies))
    def put_back_once(self, saved: Copy) -> None:
        self.put_back(saved)

    @rule(slot=st.sampled_from([0, 1]))
    def tear(self, slot: int) -> None:
        write_at(self.directory / "RECEIPT", slot * SLOT + 30, b"\xff" * 9)
        self.slots.pop(slot, None)

    @rule()
    def accept(self) -> None:
        LmdbEngine.accept_state(self.directory)
        self.slots = {len(self.commits) % 2: self.commits}

    def teardown(self) -> None:
        self.stack.close()


TestReceipts = Receipts.TestCase
TestReceipts.settings = settings(max_examples=300 if LONG else 25, stateful_step_count=20, deadline=None)


# Processes that die.


def begin(tx: Update) -> None:
    """The number 1, whatever an attempt that did not finish has left."""
    for space in SPACES:
        tx.put_many(space, [(b"counter", (1).to_bytes(8, "big"))])


def die_at(directory: Path, what: str, where: str, after: bool) -> None:
    """Write, and be killed before or after the step of that name."""
    module, _, name = where.partition(":")
    place = {
        "environment": environment,
        "successor": successor,
        "engine": engine_module,
    }
    real = getattr(place[module], name)

    @functools.wraps(real)
    def fatal(*arguments: object, **options: object) -> object:
        if after:
            real(*arguments, **options)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("this process is dead")

    if what == "create":
        setattr(place[module], name, fatal)
        LmdbEngine.create(directory, SPACES, begin)
    with closing(LmdbEngine.open(directory, SPACES)) as engine:
        engine.update(bump)
        setattr(place[module], name, fatal)
        if what == "renew":
            renew(engine)
        elif what == "update":
            engine.update(bump)


@pytest.mark.process
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("what", "where"),
    [
        ("create", "engine:store_receipt"),
        ("create", "engine:move_current"),
        ("create", "engine:note_receipt"),
        ("update", "environment:note_receipt"),
        ("close", "environment:sync_receipt"),
        ("renew", "successor:move_current"),
        ("renew", "environment:note_receipt"),
        ("renew", "successor:sync_receipt"),
    ],
)
def test_killed_at(directory: Path, what: str, where: str, after: bool) -> None:
    """Whichever step was the last: it is no old copy, and an old copy is one afterwards."""
    if what != "create":
        LmdbEngine.create(directory, SPACES, begin).close()
    context = multiprocessing.get_context("spawn")
    child = context.Process(target=die_at, args=(directory, what, where, after))
    child.start()
    child.join(30)
    assert child.exitcode == -signal.SIGKILL
    if what == "create":
        with contextlib.suppress(StoreExists):
            LmdbEngine.create(directory, SPACES, begin).close()
    assert opens(directory) == {"create": 1, "update": 3, "close": 2, "renew": 2}[what]
    old = data_file(directory).read_bytes()
    commit(directory)
    assert state(directory) is ReceiptState.SOUND
    data_file(directory).write_bytes(old)
    assert_refused(directory, "1 commits are missing")


def write_for_ever(arrived: threading.Event, directory: Path) -> None:
    while True:
        with closing(LmdbEngine.open(directory, SPACES)) as engine:
            for _ in range(20):
                engine.update(bump)
                arrived.set()


def renew_now_and_then(arrived: threading.Event, directory: Path) -> None:
    with closing(LmdbEngine.open(directory, SPACES)) as engine:
        while True:
            with contextlib.suppress(StoreBusy):
                renew(engine)
            arrived.set()
            time.sleep(0.01)


@pytest.mark.process
def test_killed_at_any_moment(directory: Path) -> None:
    """Writers, one that compacts, and whoever opens meanwhile: nobody is told that the store is an old copy."""
    LmdbEngine.create(directory, SPACES).close()
    chance = random.Random(7)
    for _ in range(ROUNDS):
        with contextlib.ExitStack() as stack:
            children = [stack.enter_context(process(write_for_ever, directory)) for _ in range(3)]
            children.append(stack.enter_context(process(renew_now_and_then, directory)))
            end = time.monotonic() + chance.uniform(0.1, 0.5)
            while time.monotonic() < end:
                assert state(directory) is ReceiptState.SOUND
            for child in chance.sample(children, len(children)):
                child.kill()
                child.join()
        assert opens(directory) > 0
    before = commit(directory)
    assert stored_commit(directory) == max(noted_commits(directory)) > before
