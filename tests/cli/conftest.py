"""The command line, in this process for speed and in one of its own where that matters."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import attrs
import pytest

from pithstore.cli.commands import run

SCRIPT = str(Path(sys.executable).with_name("pithstore"))
SEED = Path(__file__).parents[2] / "examples" / "pith-2606.09475.json"
HISTORY = SEED.with_name("ror-005k7hp45.jsonl")
ARXIV = "arxiv:2606.09475"
ROR = "ror:005k7hp45"

FOREIGN = ("PITHSTORE", "NO_COLOR", "PYTHONUNBUFFERED", "PYTHONIOENCODING", "COLUMNS")
"""What a person's shell may have set, and a test has to set for itself: unbuffered output hides lost output."""


@attrs.frozen
class Done:
    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        return self.out.decode()

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @property
    def values(self) -> list[dict[str, object]]:
        """The JSON objects that were printed, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]


Pithstore = Callable[..., Done]


def environment(given: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a child: ours, without what would change what it does, and with what is given."""
    return {name: value for name, value in os.environ.items() if name not in FOREIGN} | dict(given or {})


@pytest.fixture
def pithstore(
    capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Pithstore:
    """Runs a command in an empty directory: in this process, or in its own where it is given input or env."""
    monkeypatch.chdir(tmp_path)
    for name in FOREIGN:
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: str | Path, input: bytes | None = None, env: Mapping[str, str] | None = None) -> Done:  # noqa: A002
        if input is not None or env is not None:
            return finish(spawn(*arguments, stdin=subprocess.PIPE, env=environment(env)), input or b"")
        capfdbinary.readouterr()
        code = run([str(argument) for argument in arguments])
        captured = capfdbinary.readouterr()
        return Done(code, captured.out, captured.err.decode())

    return call


@pytest.fixture
def store(pithstore: Pithstore, tmp_path: Path) -> Path:
    """An empty store, which the commands find by themselves."""
    assert pithstore("init").code == 0
    return tmp_path / ".pithstore"


def spawn(*arguments: str | Path, **options: object) -> subprocess.Popen[bytes]:
    """A command in a process of its own."""
    given: dict[str, object] = {
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "env": environment(),
        **options,
    }
    return subprocess.Popen([SCRIPT, *map(str, arguments)], **given)  # type: ignore[call-overload, no-any-return]


def finish(process: subprocess.Popen[bytes], given: bytes | None = None) -> Done:
    """What the process came to."""
    out, err = process.communicate(given, timeout=60)
    return Done(process.returncode, out, err.decode())


def on_a_terminal(*arguments: str | Path, **variables: str) -> Done:
    """A command whose three streams are a terminal of 80 columns; `out` is all that came to it."""
    ours, theirs = pty.openpty()
    given = environment({"TERM": "xterm", "COLUMNS": "80", **variables})
    process = spawn(*arguments, stdin=theirs, stdout=theirs, stderr=theirs, env=given)
    os.close(theirs)
    shown = b""
    while piece := _read(ours):
        shown += piece
    os.close(ours)
    return Done(process.wait(timeout=60), shown, "")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # on Linux the end: the other side is closed
        return b""


def wait_until(condition: Callable[[], object], seconds: float = 30) -> None:
    """Return when the condition holds; fail when it does not in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.002)


def check_refusal(done: Done, code: int, *words: str) -> None:
    """Assert that a command said no: nothing on the output, one line that says so with these words, that code."""
    assert (done.code, done.out) == (code, b""), done
    (line,) = done.err.splitlines()
    assert line.startswith("pithstore: ")
    assert line.isprintable()
    assert "MDB_" not in line
    assert "Traceback" not in line
    for word in words:
        assert word in line
