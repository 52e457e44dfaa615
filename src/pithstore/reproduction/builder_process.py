"""A builder that is a command: the source on its standard input, the record on its standard output.

Each run is a process of its own, without a shell, in the working directory and with the environment of the caller,
to which PITHSTORE_SOURCE is added: the reference of the source.  It leads a process group; a run that is ended
early takes its group with it, and nothing else.
"""

from __future__ import annotations

import math
import os
import select
import selectors
import shlex
import shutil
import signal
import subprocess
import threading
import time
from contextlib import suppress
from typing import IO, Literal, Self, TypeAlias

from pithstore.canonical import canonical
from pithstore.errors import UsageError
from pithstore.limits import MAX_RECORD_BYTES
from pithstore.model import Source
from pithstore.pointer import Json
from pithstore.reproduction.verdict import Failure, Output

TIMEOUT = 600.0
_LOG_BYTES, _LOG_LINES, _LINE_CHARACTERS = 16 * 1024, 10, 300
_PIECE = 64 * 1024
_LINE_BREAK = 2  # bytes that may stand behind a record of exactly the limit
_NAP = 0.1  # seconds between two looks at a process that closed its streams and goes on

_Early: TypeAlias = Literal["time-out", "too-large", "stopped"]
"""Why a run was ended before it ended by itself."""


class CommandBuilder:
    """A command as a builder, which threads may call at once; a context manager that ends what runs.

    `command` is split as a shell would, and no shell runs it.  A run is ended `timeout` seconds after its start,
    or when it has written more than `record_bytes`.
    """

    def __init__(self, command: str, *, timeout: float = TIMEOUT, record_bytes: int = MAX_RECORD_BYTES) -> None:
        """Take the command; UsageError where it cannot be split, or names no program that can be run."""
        if not 0 < timeout < math.inf:
            raise UsageError(f"the time-out of a run is a number of seconds above 0, not {timeout:g}")
        self._arguments = _split(command)
        self._timeout = timeout
        self._record_bytes = record_bytes
        self._wake, self._waker = os.pipe()
        self._changed = threading.Condition()
        self._stopped = False
        self._running = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the runs that go on and wait until they have ended; later calls run nothing."""
        with self._changed:
            if self._stopped:
                return
            self._stopped = True
            os.close(self._waker)  # whoever reads from a run sees that this pipe has ended
            self._changed.wait_for(lambda: not self._running)
            os.close(self._wake)

    def __call__(self, source: dict[str, Json]) -> Output | Failure:
        """What one run of the command for that source gave."""
        with self._changed:
            if self._stopped:
                return Failure("stopped", "the builder was stopped")
            self._running += 1
        try:
            return self._run(source)
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def _run(self, source: dict[str, Json]) -> Output | Failure:
        end = time.monotonic() + self._timeout
        try:
            process = self._start(source)
        except OSError as error:
            return Failure("not-started", f"{self._arguments[0]} cannot be run: {error.strerror or error}")
        run = _Run(process, canonical(source) + b"\n", end)
        try:
            early = run.listen(self._record_bytes + _LINE_BREAK, self._wake) or run.wait(self._wake)
        finally:
            run.end()
        if early is not None:
            return self._ended(early, run.log())
        if process.returncode != 0:
            return Failure("exit", _status(process.returncode), run.log())
        return Output(bytes(run.output), run.log())

    def _start(self, source: dict[str, Json]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - the command is the caller's own
            self._arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environb, b"PITHSTORE_SOURCE": _reference(source).encode()},
            process_group=0,
            bufsize=0,
        )

    def _ended(self, early: _Early, log: tuple[str, ...]) -> Failure:
        if early == "time-out":
            return Failure("time-out", f"not done within {self._timeout:g} s; ended", log)
        if early == "too-large":
            why = f"the record is refused, too-large: over the limit of {self._record_bytes} bytes"
            return Failure("invalid-record", why, log)
        return Failure("stopped", "the builder was stopped", log)


def _split(command: str) -> list[str]:
    try:
        arguments = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"the command {command[:200]!r} cannot be split: {str(error).lower()}") from None
    if not arguments:
        raise UsageError("the command is empty; name a program and its arguments, as in 'python build.py'")
    if shutil.which(arguments[0]) is None:
        raise UsageError(f"there is no program {arguments[0][:200]!r} that can be run; no shell runs the command")
    return arguments


def _reference(source: dict[str, Json]) -> str:
    return str(Source(str(source["kind"]), str(source["id"])))


def _status(status: int) -> str:
    if status > 0:
        return f"exit status {status}"
    names = {member.value: f" ({member.name})" for member in signal.Signals}
    return f"ended by signal {-status}{names.get(-status, '')}"


class _Run:
    """One process from its start to its end, in one thread: nobody else reaps it or ends it."""

    def __init__(self, process: subprocess.Popen[bytes], given: bytes, end: float) -> None:
        self.output = bytearray()
        self._said = bytearray()
        self._process = process
        self._given = given
        self._end = end
        self._open = {stream.fileno(): stream for stream in _streams(process)}

    def listen(self, most: int, wake: int) -> _Early | None:
        """Talk with the process until it has closed both outputs; why it must be ended where it must."""
        with selectors.DefaultSelector() as selector:
            selector.register(wake, selectors.EVENT_READ)
            for descriptor, stream in self._open.items():
                os.set_blocking(descriptor, False)
                selector.register(descriptor, selectors.EVENT_READ if stream.readable() else selectors.EVENT_WRITE)
            while any(stream.readable() for stream in self._open.values()):
                if (left := self._end - time.monotonic()) <= 0:
                    return "time-out"
                for key, _ in selector.select(left):
                    if key.fd == wake:
                        return "stopped"
                    if not self._move(key.fd):
                        selector.unregister(key.fd)
                        self._open.pop(key.fd).close()
                if len(self.output) > most:
                    return "too-large"
        return None

    def _move(self, descriptor: int) -> bool:
        """Pass on what one stream has or takes; False where it has ended."""
        if not self._open[descriptor].readable():
            return self._give(descriptor)
        piece = os.read(descriptor, _PIECE)
        if self._open[descriptor] is self._process.stdout:
            self.output += piece
        else:
            self._said = (self._said + piece)[-_LOG_BYTES:]
        return piece != b""

    def _give(self, descriptor: int) -> bool:
        try:
            self._given = self._given[os.write(descriptor, self._given[:_PIECE]) :]
        except BrokenPipeError:  # a builder need not read what it is told
            return False
        return self._given != b""

    def wait(self, wake: int) -> _Early | None:
        """Wait for the end of a process that has closed its outputs; why it must be ended where it must."""
        while True:
            try:
                self._process.wait(_NAP)
            except subprocess.TimeoutExpired:
                if time.monotonic() >= self._end:
                    return "time-out"
                if select.select([wake], [], [], 0)[0]:
                    return "stopped"
            else:
                return None

    def end(self) -> None:
        """Leave nothing behind: a process that goes on is killed with its group."""
        if self._process.returncode is None:  # not reaped, so that the number is still that of its group
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        for stream in self._open.values():
            stream.close()

    def log(self) -> tuple[str, ...]:
        """The last lines of what the process said on its standard error."""
        lines = self._said.decode(errors="replace").splitlines()
        return tuple(line[:_LINE_CHARACTERS] for line in lines[-_LOG_LINES:])


def _streams(process: subprocess.Popen[bytes]) -> list[IO[bytes]]:
    return [stream for stream in (process.stdin, process.stdout, process.stderr) if stream is not None]
