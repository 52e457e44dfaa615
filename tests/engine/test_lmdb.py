"""What is particular to LMDB: growth, the two locks, damage, and the words for all of it."""

from __future__ import annotations

import contextlib
import errno
import multiprocessing
import multiprocessing.connection
import multiprocessing.process
import multiprocessing.queues
import os
import pwd
import resource
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import lmdb
import pytest

from pithstore.engine import Item, Update, View
from pithstore.engine.generations import WRITE_LOCK
from pithstore.engine.lmdb import LmdbEngine
from pithstore.errors import Damaged, NoStore, PithstoreError, StorageFailed, StoreBusy, StoreExists, UsageError
from pithstore.testing.engine_tests import (
    SPACES,
    bump,
    count,
    items_of,
    put,
    run_processes,
)
from tests.engine.lmdb_stores import (
    assert_speakable,
    data_file,
    keep_writing,
    process,
    refused,
    stay_in_update,
    stay_in_view,
)

LONG = bool(os.environ.get("PITHSTORE_LONG"))
MIB = 2**20


# What runs in other processes.


def wait_to_update(arrived: threading.Event, directory: Path, go: Path) -> None:
    with closing(LmdbEngine.open(directory, SPACES, patience=60)) as engine:
        arrived.set()
        try:
            while not go.exists():
                time.sleep(0.01)
            engine.update(bump)
        except KeyboardInterrupt:
            sys.exit(42 if engine.view(count) == 0 else 43)


def wait_to_open(arrived: threading.Event, directory: Path, _: Path) -> None:
    arrived.set()
    try:
        LmdbEngine.open(directory, SPACES, patience=60).update(bump)
    except KeyboardInterrupt:
        sys.exit(42)


def entry(writer: int, number: int) -> Item:
    """An entry of 2 to 6 KB, the same whenever it is asked for."""
    key = b"%02d-%06d" % (writer, number)
    return key, key * (200 + (writer * 7 + number * 13) % 400)


def write_entries(directory: Path, map_size: int | None, writer: int, entries: int, batch: int) -> None:
    with closing(LmdbEngine.open(directory, SPACES, map_size=map_size)) as engine:
        for start in range(0, entries, batch):
            items = [entry(writer, number) for number in range(start, start + batch)]
            engine.update(lambda tx, items=items: write_batch(tx, items))  # type: ignore[misc]


def write_batch(tx: Update, items: list[Item]) -> None:
    tx.put_many("left", items)
    tx.put_many("right", [(key, b"%d" % len(value)) for key, value in items])
    bump(tx)


def read_entries(directory: Path, map_size: int | None, reader: int, last: int) -> None:
    """See whole updates only, until that many were seen."""
    with closing(LmdbEngine.open(directory, SPACES, readonly=reader % 2 == 0, map_size=map_size)) as engine:
        seen = 0
        while seen < last:
            number = engine.view(lambda view, start=b"%02d-%06d" % (reader, seen): read_some(view, start))  # type: ignore[misc]
            assert number >= seen
            seen = number
            time.sleep(0.002)


def read_some(view: View, start: bytes) -> int:
    for reverse in (False, True):
        items = view.scan("left", prefix=b"0", after=start, limit=5, reverse=reverse)
        lengths = view.get_many("right", [key for key, _ in items])
        assert lengths == [b"%d" % len(value) for _, value in items]
        assert all(value == key * (len(value) // len(key)) for key, value in items)
    return count(view)


# Growth.


@pytest.mark.process
@pytest.mark.parametrize("map_size", [MIB, None], ids=["from 1 MiB", "reserved"])
def test_growth_among_processes(directory: Path, map_size: int | None) -> None:
    """Four writers and four readers on a map that starts too small: nothing is lost, torn or raised."""
    entries, batch = (32_000, 50) if LONG else (4_000, 50)
    with closing(LmdbEngine.create(directory, SPACES, map_size=map_size)) as engine:
        updates = 4 * entries // batch
        writers = [(write_entries, (directory, map_size, writer, entries, batch)) for writer in range(4)]
        readers = [(read_entries, (directory, map_size, reader, updates)) for reader in range(4)]
        run_processes(*writers, *readers, seconds=220)
        assert engine.view(count) == updates
        for writer in range(4):
            prefix = b"%02d-" % writer
            found = engine.view(lambda view, prefix=prefix: view.scan("left", prefix=prefix, limit=entries + 1))  # type: ignore[misc]
            assert found == [entry(writer, number) for number in range(entries)]
        assert engine.stored_bytes() > 4 * entries * 3000


def test_one_update_larger_than_many_doublings(directory: Path) -> None:
    """The function runs again until its update fits, and counts once."""
    LmdbEngine.create(directory, SPACES).close()
    runs: list[int] = []

    def fn(tx: Update) -> int:
        runs.append(0)
        tx.put_many("left", [(b"large", bytes(20 * MIB))])
        return bump(tx)

    with closing(LmdbEngine.open(directory, SPACES, map_size=MIB)) as engine:
        assert engine.update(fn) == 1
        assert engine.view(count) == 1
        assert len(runs) > 1


def test_growth_waits_for_views_of_this_process(directory: Path) -> None:
    """A view goes on undisturbed while another thread's update needs a larger map."""
    LmdbEngine.create(directory, SPACES).close()
    with closing(LmdbEngine.open(directory, SPACES, map_size=MIB)) as engine:
        put(engine, (b"a", b"before"))
        grow = threading.Thread(target=put, args=(engine, (b"a", b"after"), (b"large", bytes(8 * MIB))))

        def fn(view: View) -> None:
            grow.start()
            grow.join(0.3)
            assert view.get_many("left", [b"a", b"large"]) == [b"before", None]

        engine.view(fn)
        grow.join(30)
        assert engine.view(lambda view: view.get_many("left", [b"a"])) == [b"after"]


def grow_in_little_address_space(directory: Path) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    LmdbEngine.create(directory, SPACES).close()
    for number, map_size in enumerate((None, MIB, 2**50), 1):
        with closing(LmdbEngine.open(directory, SPACES, map_size=map_size)) as engine:
            for part in range(10):
                put(engine, (b"%d-%d" % (number, part), bytes(2 * MIB)))
            assert engine.update(bump) == number


@pytest.mark.process
def test_little_address_space(directory: Path) -> None:
    """Under `ulimit -v` it takes what it gets, and grows."""
    run_processes((grow_in_little_address_space, (directory,)))
    with closing(LmdbEngine.open(directory, SPACES)) as engine:
        assert len(items_of(engine)) == 31


def test_a_reserved_terabyte_takes_no_room(engine: LmdbEngine, directory: Path) -> None:
    """Address space is reserved; neither the file nor the disk knows of it."""
    assert data_file(directory).stat().st_size <= 64 * 1024
    assert 0 < engine.stored_bytes() <= 128 * 1024
    if sys.platform == "linux" and resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY:
        virtual_pages = int(Path("/proc/self/statm").read_text().split()[0])
        assert virtual_pages * resource.getpagesize() >= 2**40


def test_files_are_for_their_owner(engine: LmdbEngine, directory: Path) -> None:
    """Whoever creates a store decides who else may read it."""
    for path in (directory, *directory.rglob("*")):
        if path.name != "lock.mdb":
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


DEFAULT_ENGINE_SCRIPT = """
import sys
from pathlib import Path
from pithstore.engine.lmdb import LmdbEngine
from pithstore.testing.engine_tests import (SPACES, bump)
for name, opener in zip(sys.argv[1:], (LmdbEngine.create, LmdbEngine.open)):
    engine = opener(Path(name), SPACES)
    print(engine.update(bump))
    engine.close()
"""


@pytest.mark.process
def test_the_environment_does_not_choose_the_format(at_rest: Path, tmp_path: Path) -> None:
    """LMDB 0.9's format, whatever LMDB_DEFAULT_LIB_VERSION says."""
    done = subprocess.run(
        [sys.executable, "-c", DEFAULT_ENGINE_SCRIPT, str(tmp_path / "new"), str(at_rest)],
        env=os.environ | {"LMDB_DEFAULT_LIB_VERSION": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("1\n2\n", "")
    with closing(LmdbEngine.open(tmp_path / "new", SPACES)) as engine:
        assert engine.update(bump) == 2
    for directory in (tmp_path / "new", at_rest):
        with lmdb.open(str(data_file(directory).parent), lib_version=0, readonly=True, max_dbs=4) as raw:
            assert raw.info()["last_txnid"] > 0


# The write lock.


@pytest.mark.process
def test_busy(engine: LmdbEngine, directory: Path) -> None:
    """A writer waits as long as it was told, then says who is in the way; readers do not wait."""
    with process(stay_in_update, directory) as holder:
        with closing(LmdbEngine.open(directory, SPACES, patience=0.4)) as waiting:
            start = time.monotonic()
            with refused(StoreBusy, holder.pid, directory):
                waiting.update(bump)
            assert 0.35 < time.monotonic() - start < 5
            assert waiting.view(count) == 0
        holder.kill()
        holder.join()
        assert engine.update(bump) == 1, "the lock outlived its holder"


@pytest.mark.process
def test_no_patience(engine: LmdbEngine, directory: Path) -> None:
    """With no patience at all a free lock is taken, and a held one refused at once."""
    with closing(LmdbEngine.open(directory, SPACES, patience=0)) as hasty:
        assert hasty.update(bump) == 1
        with process(stay_in_update, directory) as holder:
            start = time.monotonic()
            with refused(StoreBusy, holder.pid):
                hasty.update(bump)
            assert time.monotonic() - start < 1


def test_busy_with_a_thread(engine: LmdbEngine, directory: Path) -> None:
    """A thread of the same process is waited for, and named, just the same."""
    inside, leave = threading.Event(), threading.Event()

    def fn(tx: Update) -> int:
        inside.set()
        leave.wait(30)
        return bump(tx)

    holder = threading.Thread(target=engine.update, args=(fn,))
    holder.start()
    assert inside.wait(30)
    with closing(LmdbEngine.open(directory, SPACES, patience=0.2)) as waiting:
        with refused(StoreBusy, directory):
            waiting.update(bump)
        leave.set()
        holder.join(30)
        assert waiting.update(bump) == 2


@pytest.mark.process
@pytest.mark.parametrize("wait", [wait_to_update, wait_to_open])
def test_waiting_answers_ctrl_c(directory: Path, tmp_path: Path, wait: Callable[..., None]) -> None:
    """Ctrl-C ends the waiting at once, and the engine is as good as before."""
    LmdbEngine.create(directory, SPACES).close()
    with contextlib.ExitStack() as stack:
        if wait is wait_to_open:
            stack.enter_context(process(stay_in_update, directory))
        waiting = stack.enter_context(process(wait, directory, tmp_path / "go"))
        if wait is wait_to_update:
            stack.enter_context(process(stay_in_update, directory))
        (tmp_path / "go").touch()
        time.sleep(0.3)
        start = time.monotonic()
        assert waiting.pid is not None
        os.kill(waiting.pid, signal.SIGINT)
        waiting.join(10)
        assert waiting.exitcode == 42
        assert time.monotonic() - start < 2


@pytest.mark.process
def test_opening_beside_a_writer(at_rest: Path) -> None:
    """Readers open at once while another process writes; a writer opens, or is told who is in the way."""
    with process(stay_in_update, at_rest) as holder:
        start = time.monotonic()
        with closing(LmdbEngine.open(at_rest, SPACES, readonly=True)) as reader:
            assert reader.view(count) == 1
        assert time.monotonic() - start < 1
        with refused(StoreBusy, holder.pid, at_rest):
            LmdbEngine.open(at_rest, SPACES, patience=0.3).update(bump)


@pytest.mark.process
def test_a_busy_store_does_not_hold_up_another(at_rest: Path, tmp_path: Path) -> None:
    """While a thread waits for one store, others open and close other stores."""
    LmdbEngine.create(tmp_path / "free", SPACES).close()

    def wait() -> None:
        with refused(StoreBusy):
            LmdbEngine.open(at_rest, SPACES, patience=3).update(bump)

    with process(stay_in_update, at_rest), ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(wait)
        time.sleep(0.3)
        start = time.monotonic()
        with closing(LmdbEngine.open(tmp_path / "free", SPACES)) as free:
            assert free.update(bump) == 1
        seconds = time.monotonic() - start
        waiting.result(30)
    assert seconds < 1


def write_without_pause(arrived: threading.Event, directory: Path) -> None:
    with closing(LmdbEngine.open(directory, SPACES)) as engine:
        while True:
            engine.update(bump)
            arrived.set()


@pytest.mark.process
def test_everybody_gets_a_turn(engine: LmdbEngine, directory: Path) -> None:
    """A writer that never pauses does not starve one that writes now and then."""
    with process(write_without_pause, directory):
        slowest = 0.0
        for _ in range(20):
            start = time.monotonic()
            engine.update(bump)
            slowest = max(slowest, time.monotonic() - start)
            if slowest > 1:
                break
            time.sleep(0.01)
    assert slowest < 1


def fork_while_writing(arrived: threading.Event, directory: Path, pids: multiprocessing.queues.Queue[int]) -> None:
    """A writer with a forked child that does nothing, such as a pool worker; both stay."""

    def fn(tx: Update) -> None:
        bump(tx)
        child = os.fork()
        if child:
            pids.put(child)
            time.sleep(0.2)  # the queue sends in a thread of its own
            arrived.set()
        time.sleep(60)
        os._exit(0)

    LmdbEngine.open(directory, SPACES).update(fn)


@pytest.mark.process
def test_a_forked_child_does_not_keep_the_lock(engine: LmdbEngine, directory: Path) -> None:
    """When a writer is killed its lock is free, though a child that it forked lives on."""
    pids = multiprocessing.get_context("spawn").Queue()
    with process(fork_while_writing, directory, pids) as holder:
        orphan = pids.get(timeout=10)
        try:
            holder.kill()
            holder.join()
            with closing(LmdbEngine.open(directory, SPACES, patience=2)) as other:
                assert other.update(bump) == 1
        finally:
            os.kill(orphan, signal.SIGKILL)
            pids.close()


def fork_beside_a_view(directory: Path) -> None:
    """Fork while another thread is inside a view; the child tells by its exit code how opening went."""
    inside, leave = threading.Event(), threading.Event()

    def fn(_: View) -> None:
        inside.set()
        leave.wait(30)

    with closing(LmdbEngine.open(directory, SPACES)) as engine, ThreadPoolExecutor(1) as pool:
        reading = pool.submit(engine.view, fn)
        assert inside.wait(30)
        child = os.fork()
        if child == 0:
            os._exit(open_in_child(directory))
        _, status = os.waitpid(child, 0)
        leave.set()
        reading.result(30)
        engine.update(bump)
        assert os.waitstatus_to_exitcode(status) == 0


def open_in_child(directory: Path) -> int:
    try:
        with closing(LmdbEngine.open(directory, SPACES)) as engine:
            engine.view(count)
    except UsageError as error:
        sys.stderr.write(f"{error}\n")
        return 0 if "spawn" in str(error) else 1
    except BaseException as error:  # noqa: BLE001 it must not run into the parent's code
        sys.stderr.write(f"{error!r}\n")
        return 2
    return 0


@pytest.mark.process
def test_fork_beside_a_view(at_rest: Path) -> None:
    """A child forked beside another thread's view opens the store, or is told to be spawned: not to open again."""
    run_processes((fork_beside_a_view, (at_rest,)))


# Handles of one process.


def test_two_handles(engine: LmdbEngine, directory: Path, tmp_path: Path) -> None:
    """A store opened twice in one process is one store, by whatever path; closing one handle leaves the other."""
    (tmp_path / "link").symlink_to(directory)
    for path in (directory, tmp_path / "link", directory / ".." / "store"):
        second = LmdbEngine.open(path, SPACES)
        before = engine.update(bump)
        assert second.update(bump) == engine.view(count) == before + 1
        second.close()
        with refused(UsageError, "closed"):
            second.view(count)
        assert engine.update(bump) == before + 2


def test_two_handles_know_of_each_other(engine: LmdbEngine, directory: Path) -> None:
    """A transaction of one inside a transaction of the other would wait for itself too."""
    with closing(LmdbEngine.open(directory, SPACES)) as second:
        for outer in (engine.view, engine.update):
            with refused(UsageError, "transaction"):
                outer(lambda _: second.update(bump))
            with refused(UsageError, "transaction"):
                outer(lambda _: second.view(count))
    assert engine.update(bump) == 1


def open_files_below(directory: Path) -> list[str]:
    names = []
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the descriptor that lists the others
            names.append(os.readlink(link))
    return [name for name in names if name.startswith(str(directory))]


def test_handles_leave_nothing_open(at_rest: Path) -> None:
    """Opening and closing, also in vain, leaves no file open."""
    if not Path("/proc/self/fd").exists():
        pytest.skip("this system does not list a process's open files")
    LmdbEngine.open(at_rest, SPACES).close()
    before = open_files_below(at_rest)
    for _ in range(5):
        with closing(LmdbEngine.open(at_rest, SPACES)) as engine, closing(LmdbEngine.open(at_rest, SPACES)):
            engine.update(bump)
        with pytest.raises(PithstoreError):
            LmdbEngine.open(at_rest, ("no such space",))
    assert open_files_below(at_rest) == before == []


def test_read_only_handle(engine: LmdbEngine, directory: Path) -> None:
    """A read-only handle reads, also beside a writing one, and refuses to write."""
    engine.update(bump)
    with closing(LmdbEngine.open(directory, SPACES, readonly=True)) as reader:
        assert reader.view(count) == 1
        with refused(UsageError, "read-only"):
            reader.update(bump)
        engine.update(bump)
        assert reader.view(count) == 2


def test_read_only_handle_alone(at_rest: Path) -> None:
    """A handle that reads only changes nothing in the directory, and does not stand in a later writer's way."""
    before = {path: path.read_bytes() for path in at_rest.rglob("*") if path.is_file() and path.name != "lock.mdb"}
    with closing(LmdbEngine.open(at_rest, SPACES, readonly=True)) as reader:
        assert reader.view(count) == 1
        with refused(UsageError, "read-only"):
            reader.update(bump)
    assert before == {path: path.read_bytes() for path in before}
    with closing(LmdbEngine.open(at_rest, SPACES)) as writer:
        assert writer.update(bump) == 2


# Media and accounts.


def test_read_only_medium(at_rest: Path, tmp_path: Path, mount: Callable[..., None]) -> None:
    """A store on a medium that cannot be written is read as well as any; writing there is refused in words."""
    place = tmp_path / "medium"
    place.mkdir()
    mount("--bind", str(at_rest), str(place))
    mount("-o", "remount,ro,bind", str(place))
    with closing(LmdbEngine.open(place, SPACES, readonly=True)) as engine:
        assert engine.view(count) == 1
        assert len(items_of(engine)) == 401
    with refused(StorageFailed, place, "read-only"):
        LmdbEngine.open(place, SPACES).update(bump)
    with refused(StorageFailed, place, "read-only"):
        LmdbEngine.create(place / "inner", SPACES)


def test_full_medium(tmp_path: Path, mount: Callable[..., None]) -> None:
    """A full disk refuses the update whole; what was stored before it is there, and can be read."""
    place = tmp_path / "small"
    place.mkdir()
    mount("-t", "tmpfs", "-o", "size=3m", "none", str(place))
    written = 0
    with closing(LmdbEngine.create(place / "store", SPACES)) as engine:

        def add(tx: Update) -> int:
            tx.put_many("left", [(b"%d" % count(tx), bytes(50_000))])
            return bump(tx)

        def fill() -> None:
            nonlocal written
            while True:
                written = engine.update(add)

        with refused(StorageFailed, place / "store", "full"):
            fill()
        assert engine.view(count) == written > 10
    with closing(LmdbEngine.open(place / "store", SPACES)) as engine:
        assert engine.view(count) == written
        assert len(items_of(engine)) == written + 1


def act_as_nobody(directory: Path, what: str, answer: multiprocessing.connection.Connection) -> None:
    """Become another user when everything is imported, for Python itself may be closed to that one."""
    nobody = pwd.getpwnam("nobody")
    with tempfile.TemporaryDirectory() as rehearsal:
        act(Path(rehearsal), "create")
        act(Path(rehearsal) / "inner", "write")
    os.setgroups([])
    os.setgid(nobody.pw_gid)
    os.setuid(nobody.pw_uid)
    try:
        act(directory, what)
    except PithstoreError as error:
        answer.send(f"{type(error).__name__} {error}")
    else:
        answer.send("works")


def act(directory: Path, what: str) -> None:
    if what == "create":
        LmdbEngine.create(directory / "inner", SPACES).close()
        return
    with closing(LmdbEngine.open(directory, SPACES, readonly=what == "read")) as engine:
        for _ in range(50):
            engine.view(count)
            if what == "write":
                engine.update(bump)


def as_nobody(directory: Path, what: str) -> str:
    """What another account is told, or "works"; the test is skipped where there is none to be had."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    receiver, sender = multiprocessing.get_context("spawn").Pipe(duplex=False)
    with receiver, sender:
        run_processes((act_as_nobody, (directory, what, sender)), seconds=30)
        answer: str = receiver.recv()
    return answer


@pytest.fixture
def public() -> Iterator[Path]:
    """A directory that other accounts can reach."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield Path(name)


@pytest.mark.process
@pytest.mark.parametrize("shared", ["nothing", "to read", "to read and lock", "everything"])
@pytest.mark.parametrize("what", ["read", "write", "create"])
def test_another_user(public: Path, shared: str, what: str) -> None:
    """Beside a live writer another account works, or is told what to do."""
    directory = public / "store"
    LmdbEngine.create(directory, SPACES).close()
    with process(keep_writing, directory):
        share(directory, shared)
        answer = as_nobody(directory, what)
    if answer == "works":
        assert shared != "nothing"
    else:
        assert answer.split()[0] in ("StorageFailed", "UsageError" if what == "create" else "StorageFailed")
        assert_speakable(answer, directory)
    if what == "read" and shared in ("to read and lock", "everything"):
        assert answer == "works"
    if what == "write":
        assert (answer == "works") == (shared == "everything")


def share(directory: Path, what: str) -> None:
    for path in (directory, *directory.rglob("*")):
        mode = 0o700 if path.is_dir() else 0o600
        if what != "nothing":
            mode |= 0o055 if path.is_dir() else 0o044
        if what == "everything" or (what == "to read and lock" and path.name == "lock.mdb"):
            mode |= 0o077 if path.is_dir() else 0o066
        path.chmod(mode)


# Damage, and what is no store at all.


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def halved(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def cut_by_a_page(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 4096)


def cut_in_the_first_page(path: Path) -> None:
    os.truncate(path, 100)


def cut_in_the_second_page(path: Path) -> None:
    os.truncate(path, 5000)


def garbage(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * (path.stat().st_size // 256))


def text(path: Path) -> None:
    path.write_text("hello")


def zeroed_start(path: Path) -> None:
    with open(path, "r+b") as file:
        file.write(bytes(4096))


def zeroed_second_page(path: Path) -> None:
    with open(path, "r+b") as file:
        file.seek(4096)
        file.write(bytes(4096))


def missing(path: Path) -> None:
    path.unlink()


DAMAGES = [emptied, halved, cut_by_a_page, cut_in_the_first_page, cut_in_the_second_page, garbage, text]
DAMAGES += [zeroed_start, zeroed_second_page, missing]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("readonly", [False, True], ids=["to write", "to read"])
def test_damaged_data_file(at_rest: Path, damage: Callable[[Path], None], readonly: bool) -> None:
    """A data file that is not whole is called damaged, is left as it is, and never taken for a new store."""
    file = data_file(at_rest)
    damage(file)
    left = file.read_bytes() if file.exists() else None
    for _ in range(2):
        with refused(Damaged, at_rest):
            LmdbEngine.open(at_rest, SPACES, readonly=readonly)
    assert left == (file.read_bytes() if file.exists() else None)


@pytest.mark.parametrize(
    "content",
    ["", "\n", "nonsense", "gen-1", "../../etc", "gen-000001\ngen-000002", "gen-000001\0", "gen-0000٣1"],
)
def test_current_with_nonsense(at_rest: Path, content: str) -> None:
    """CURRENT names one generation, or the store is damaged."""
    (at_rest / "CURRENT").write_text(content)
    with refused(Damaged, at_rest, "CURRENT"):
        LmdbEngine.open(at_rest, SPACES)


@pytest.mark.parametrize("readonly", [False, True], ids=["to write", "to read"])
def test_current_names_what_is_not_there(at_rest: Path, readonly: bool) -> None:
    """A generation that is gone is damage, and said at once."""
    (at_rest / "CURRENT").write_text("gen-000009\n")
    with refused(Damaged, at_rest, "gen-000009"):
        LmdbEngine.open(at_rest, SPACES, readonly=readonly)


def open_and_count(directory: Path, readonly: bool) -> None:
    try:
        with closing(LmdbEngine.open(directory, SPACES, readonly=readonly)) as engine:
            assert engine.view(count) == 1
    except PithstoreError as error:
        assert_speakable(str(error), directory)


@pytest.mark.process
@pytest.mark.parametrize("name", ["gen-000001/lock.mdb", WRITE_LOCK])
@pytest.mark.parametrize("readonly", [False, True], ids=["to write", "to read"])
def test_without_the_files_of_the_living(at_rest: Path, name: str, readonly: bool) -> None:
    """A copy that left out lock files opens, or says what is missing; it does not hang."""
    (at_rest / name).unlink()
    run_processes((open_and_count, (at_rest, readonly)), seconds=15)


def test_a_space_that_the_store_lacks(at_rest: Path) -> None:
    """Opening with another space than it was made with is refused, and adds nothing."""
    with refused(PithstoreError, at_rest):
        LmdbEngine.open(at_rest, (*SPACES, "third"))
    with closing(LmdbEngine.open(at_rest, SPACES)) as engine:
        assert engine.view(count) == 1


def test_no_store(at_rest: Path, tmp_path: Path) -> None:
    """Where no store is, or one was not finished, opening says so and leaves nothing behind."""
    (at_rest / "RECEIPT").unlink()
    (at_rest / "CURRENT").unlink()
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").write_text("mine")
    for readonly in (False, True):
        for path in (
            at_rest,
            tmp_path / "empty",
            tmp_path / "other",
            tmp_path / "absent",
            tmp_path / "other/file",
        ):
            with refused(NoStore, path):
                LmdbEngine.open(path, SPACES, readonly=readonly)
    assert not (tmp_path / "absent").exists()
    assert os.listdir(tmp_path / "empty") == []
    assert os.listdir(tmp_path / "other") == ["file"]


def test_create_where_something_is(at_rest: Path, tmp_path: Path) -> None:
    """A store is created in an absent or empty directory, nowhere else."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").write_text("mine")
    LmdbEngine.create(tmp_path / "empty", SPACES).close()
    for path in (at_rest, tmp_path / "empty"):
        with refused(StoreExists, path):
            LmdbEngine.create(path, SPACES)
    with refused(UsageError, tmp_path / "other"):
        LmdbEngine.create(tmp_path / "other", SPACES)
    for path in (tmp_path / "other" / "file", tmp_path / "other" / "file" / "below"):
        with refused(PithstoreError, path):
            LmdbEngine.create(path, SPACES)
    assert os.listdir(tmp_path / "other") == ["file"]
    with closing(LmdbEngine.open(at_rest, SPACES)) as engine:
        assert engine.view(count) == 1


def test_create_whole_or_not_at_all(directory: Path) -> None:
    """A creation whose first update fails is no store, and can be done again."""

    def fails(tx: Update) -> None:
        bump(tx)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        LmdbEngine.create(directory, SPACES, fails)
    with refused(NoStore, directory):
        LmdbEngine.open(directory, SPACES)
    with closing(LmdbEngine.create(directory, SPACES, bump)) as engine:
        assert engine.view(count) == 1


def create_and_bump(directory: Path) -> None:
    try:
        engine = LmdbEngine.create(directory, SPACES, bump)
    except StoreExists:
        engine = LmdbEngine.open(directory, SPACES)
    with closing(engine):
        engine.update(bump)


@pytest.mark.process
def test_create_among_processes(directory: Path) -> None:
    """Of several who create at once one does, and the others are told that there is a store."""
    run_processes(*[(create_and_bump, (directory,))] * 4)
    with closing(LmdbEngine.open(directory, SPACES)) as engine:
        assert engine.view(count) == 5


# Readers that die.


@pytest.mark.process
def test_a_killed_reader_does_not_make_the_file_grow(engine: LmdbEngine, directory: Path) -> None:
    """What a dead reader pinned is used again."""
    items = [(b"%03d" % n, bytes(2000)) for n in range(500)]
    put(engine, *items)
    with process(stay_in_view, directory) as reader:
        reader.kill()
        reader.join()
        for _ in range(60):
            put(engine, *items)
    assert data_file(directory).stat().st_size < 10 * MIB


@pytest.mark.process
def test_a_store_that_vanished(engine: LmdbEngine, directory: Path, tmp_path: Path) -> None:
    """A directory that was moved away under an open engine is reported in words."""
    directory.rename(tmp_path / "elsewhere")
    with refused(PithstoreError, directory):
        engine.view(count)
    with refused(PithstoreError, directory):
        engine.update(bump)


def test_errno_is_never_the_message(engine: LmdbEngine) -> None:
    """The system's own errors, raised inside a function, come out as they are."""

    def fn(_: View) -> None:
        raise FileNotFoundError(errno.ENOENT, "no such file", "mine")

    for call in (engine.view, engine.update):
        with pytest.raises(FileNotFoundError, match="mine"):
            call(fn)
