"""What comes from outside while a command works: other writers, signals, closed and full outputs, full disks."""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import attrs
import pytest

from pithstore import store as stores
from tests.cli.conftest import (
    ARXIV,
    HISTORY,
    ROR,
    SCRIPT,
    SEED,
    Pithstore,
    check_refusal,
    environment,
    finish,
    spawn,
)
from tests.cli.records import BAD, record

pytestmark = pytest.mark.process


@contextmanager
def held(store: Path) -> Iterator[None]:
    """Somebody else is writing."""
    with open(store / "write.lock", "r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def test_a_writer_who_waited_in_vain_says_who_was_in_the_way(
    pithstore: Pithstore, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "open", partial(stores.open, patience=0.2))
    with held(store):
        done = pithstore("put", SEED)
        check_refusal(done, 11, "store busy", "process ", "waited 0.2 s", "try again later")
        for arguments in (("ls",), ("stat",), ("verify",)):
            assert pithstore(*arguments).code == 0
    assert pithstore("put", SEED).code == 0


def test_waiting_for_another_writer_answers_an_interrupt(store: Path) -> None:
    with held(store):
        process = spawn("--store", store, "put", SEED)
        time.sleep(0.5)
        assert process.poll() is None
        start = time.monotonic()
        process.send_signal(signal.SIGINT)
        check_refusal(finish(process), 130, "interrupted")
        assert time.monotonic() - start < 2


def test_a_writer_who_waits_goes_on_when_the_other_is_done(store: Path) -> None:
    with held(store):
        process = spawn("--store", store, "put", SEED)
        time.sleep(0.3)
        assert process.poll() is None
    assert finish(process).code == 0


@pytest.fixture
def long(pithstore: Pithstore, store: Path, tmp_path: Path) -> Path:
    """A store with so many versions that no pipe holds what `log` and `ls` print of them."""
    path = tmp_path / "many.jsonl"
    path.write_bytes(b"\n".join(record(0, step=n) for n in range(3000)))
    assert pithstore("put", path, SEED, HISTORY).code == 0
    return store


READ = ("log k:s0", "log --json k:s0", f"get {ARXIV}", f"diff {ROR}@1 {ROR}@3", "ls", "stat", "verify", "--help")


@pytest.mark.parametrize("command", READ)
def test_a_reader_that_has_seen_enough_ends_it_quietly(long: Path, command: str) -> None:
    for reader in ("head -n 1", "true"):
        piped = f"'{SCRIPT}' {command} | {reader}; exit ${{PIPESTATUS[0]}}"
        done = subprocess.run(
            ["bash", "-c", piped], capture_output=True, timeout=60, cwd=long.parent, env=environment(), check=False
        )
        assert done.stderr == b""
        assert done.returncode in ((0, 1) if command.startswith("diff") else (0,))


def test_a_closed_error_output_harms_nothing(pithstore: Pithstore, store: Path) -> None:
    piped = f"{{ '{SCRIPT}' get nonsense; echo $? >&3; }} 2>&1 | true"
    done = subprocess.run(
        ["bash", "-c", f"({piped}) 3>&1 >/dev/null"],
        capture_output=True,
        timeout=60,
        env=environment(),
        check=True,
    )
    assert (done.stdout, done.stderr) == (b"2\n", b"")


def test_a_put_goes_on_when_nobody_hears_what_is_refused(pithstore: Pithstore, store: Path) -> None:
    path = store.parent / "mixed.jsonl"
    path.write_bytes(b"\n".join(BAD if n % 2 else record(n) for n in range(4000)))
    piped = f"{{ '{SCRIPT}' put mixed.jsonl; echo $? >&3; }} 2>&1 | true"
    done = subprocess.run(
        ["bash", "-c", f"({piped}) 3>&1"],
        capture_output=True,
        timeout=60,
        cwd=store.parent,
        env=environment(),
        check=True,
    )
    assert done.stdout in (b"0\n", b"3\n")  # the summary has no reader either
    assert pithstore("stat", "--json").values[0]["versions"] == 2000


@pytest.mark.parametrize("command", [*READ, f"hash {SEED}", f"hash --canonical {SEED}", f"check {SEED}", "put -"])
def test_a_full_output_is_an_error(long: Path, command: str) -> None:
    with open("/dev/full", "wb") as full, open(SEED, "rb") as seed:
        done = finish(spawn(*command.split(), stdin=seed, stdout=full, cwd=long.parent))
    check_refusal(attrs.evolve(done, out=b""), 15, "No space left on device")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("command", [f"get {ARXIV}", "put -", "put again.json", "verify"])
def test_streams_that_are_closed_are_not_taken_for_files(
    pithstore: Pithstore, store: Path, closed: str, command: str
) -> None:
    """The next file that a process opens takes the number of a stream that is closed: the store's own data."""
    pithstore("put", SEED)
    (store.parent / "again.json").write_bytes(record(1))
    before = {path: path.read_bytes() for path in store.rglob("data.mdb")}
    done = subprocess.run(
        ["bash", "-c", f"'{SCRIPT}' {command} {closed}"],
        input=SEED.read_bytes(),
        capture_output=True,
        timeout=60,
        cwd=store.parent,
        env=environment(),
        check=False,
    )
    assert b"Traceback" not in done.stderr
    assert b"write.lock" not in done.stderr
    assert b"refused" not in done.stderr
    if ">&-" in closed.replace("2>&-", "") or (command == "put -" and "<&-" in closed):
        assert done.returncode == 15
    else:
        assert done.returncode == 0
    if not command.startswith("put"):
        assert {path: path.read_bytes() for path in store.rglob("data.mdb")} == before
    assert pithstore("verify").code == 0


def limit_files(size: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_a_disk_that_is_full_is_said_and_what_was_durable_stays(
    pithstore: Pithstore, store: Path, tmp_path: Path
) -> None:
    path = tmp_path / "many.jsonl"
    path.write_bytes(b"\n".join(record(n, noise=os.urandom(300).hex()) for n in range(6000)))
    done = finish(spawn("--store", store, "put", path, preexec_fn=limit_files(4_000_000)))
    check_refusal(done, 15, str(store))
    assert pithstore("verify").code == 0
    (stat,) = pithstore("stat", "--json").values
    assert int(str(stat["versions"])) % 1000 == 0
    more = pithstore("put", path)
    assert more.code == 0
    assert f"was put up to line {stat['versions']}; " in more.err
    (stat,) = pithstore("stat", "--json").values
    assert stat["versions"] == 6000
