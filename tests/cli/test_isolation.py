"""A command runs in a child of the process that was called: told and heard as if it were one process."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
from pathlib import Path

import pytest

from pithstore import cli
from tests.cli.conftest import ARXIV, SEED, Pithstore, check_refusal, environment, finish, spawn, wait_until

pytestmark = pytest.mark.process


def child_of(process: subprocess.Popen[bytes]) -> int:
    """The process that runs the command."""
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    wait_until(lambda: listed.read_text().split())
    return int(listed.read_text().split()[0])


def state(pid: int) -> str:
    """As in proc(5): R, S, T (stopped), Z; nothing where it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def waiting(store: Path, **options: object) -> tuple[subprocess.Popen[bytes], int]:
    """A put that waits for its input, and the process that runs it."""
    process = spawn("--store", store, "put", "-", stdin=subprocess.PIPE, **options)
    assert process.stdin is not None
    process.stdin.write(SEED.read_bytes())
    process.stdin.flush()
    child = child_of(process)
    wait_until(lambda: process.poll() is not None or any("data.mdb" in link for link in open_files(child)))
    assert process.poll() is None, finish(process)
    return process, child


def open_files(pid: int) -> list[str]:
    try:
        return [os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir()]
    except OSError:  # it opens and closes meanwhile
        return []


@pytest.mark.parametrize("fault", [signal.SIGBUS, signal.SIGSEGV, signal.SIGABRT])
@pytest.mark.parametrize("where", ["--store", "$PITHSTORE", "nearest"])
def test_reading_that_ends_the_process(
    pithstore: Pithstore, store: Path, fault: signal.Signals, where: str
) -> None:
    before: list[str | Path] = ["--store", store] if where == "--store" else []
    given = environment({"PITHSTORE": str(store)} if where == "$PITHSTORE" else {})
    process = spawn(*before, "put", "-", stdin=subprocess.PIPE, env=given, cwd=store.parent)
    os.kill(child_of(process), fault)
    check_refusal(finish(process), 12, str(store), fault.name, "verify --deep", "salvage")
    assert pithstore("put", SEED).code == 0


@pytest.mark.parametrize("told", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2])
def test_any_other_signal_that_ends_the_child_ends_both(store: Path, told: signal.Signals) -> None:
    process, child = waiting(store)
    os.kill(child, told)
    done = finish(process)
    assert (done.code, done.out, done.err) == (-told, b"", "")


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_what_is_told_is_told_to_the_child(store: Path, told: signal.Signals) -> None:
    """To the process that was called alone, as by `kill`; Ctrl-C is answered, once."""
    process, child = waiting(store)
    process.send_signal(told)
    done = finish(process)
    wait_until(lambda: not state(child))
    if told == signal.SIGINT:
        check_refusal(done, 130, "interrupted")
    else:
        assert (done.code, done.out, done.err) == (-told, b"", "")


def test_the_terminal_tells_both(store: Path) -> None:
    """Ctrl-C is answered once; what was stopped goes on."""
    ours, theirs = pty.openpty()
    # A session of its own, of which this is the terminal.
    process = spawn("--store", store, "put", "-", stdin=theirs, start_new_session=True, preexec_fn=take_terminal)
    os.close(theirs)
    child = child_of(process)
    wait_until(lambda: any("data.mdb" in link for link in open_files(child)))
    os.killpg(process.pid, signal.SIGSTOP)  # SIGTSTP is nothing to a session of one
    wait_until(lambda: state(child) == state(process.pid) == "T")
    os.killpg(process.pid, signal.SIGCONT)
    wait_until(lambda: state(child) == state(process.pid) == "S")
    os.write(ours, b"\x03")
    check_refusal(finish(process), 130, "interrupted")
    os.close(ours)


def take_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.mark.parametrize("told", [signal.SIGKILL, signal.SIGUSR1])
def test_the_child_ends_with_its_parent(pithstore: Pithstore, store: Path, told: signal.Signals) -> None:
    process, child = waiting(store)
    process.send_signal(told)
    done = finish(process)
    assert (done.code, done.out, done.err) == (-told, b"", "")
    wait_until(lambda: state(child) in ("", "Z"), 5)
    assert pithstore("ls").lines == []


def ignore_children() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)


def test_an_inherited_disregard_for_children(pithstore: Pithstore, store: Path) -> None:
    """Some daemons leave SIGCHLD ignored: a child is then gone before it can be waited for."""
    assert pithstore("put", SEED).code == 0
    assert (
        finish(spawn("--store", store, "get", ARXIV, preexec_fn=ignore_children)).out
        == pithstore("get", ARXIV).out
    )
    assert finish(spawn("--store", store, "get", "k:no", preexec_fn=ignore_children)).code == 4


@pytest.mark.parametrize(
    ("arguments", "opens"),
    [
        ("", False),
        ("--version", False),
        ("--help", False),
        ("put --help", False),
        ("log -h", False),
        ("hash a.json", False),
        ("--json check a.json", False),
        ("get hash", True),
        ("--store hash get a", True),
        ("--store=hash --json get a", True),
        ("--store x check a.json", False),
        ("nonsense", True),
    ],
)
def test_what_opens_no_store_is_not_forked(arguments: str, opens: bool) -> None:
    assert cli._opens_store(arguments.split()) is opens
