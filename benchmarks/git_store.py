"""git: a file for each section, a commit for each version, written by fast-import with a checkpoint each batch.

What git has no place for (which commit is which version) is kept beside it and not counted in its size.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, unquote

from contender import BATCH
from sections import Head, Step, cutter, fast, join, new_versions, read_head, write_head

BRANCH = "refs/heads/main"
SUFFIX = ".json"


def place(source: str) -> str:
    """The folder of a source, in one of 256 folders, so that no tree is long."""
    return f"{hashlib.sha256(source.encode()).hexdigest()[:2]}/{quote(source, safe='')}"


class Git:
    packs: tuple[str, ...] = ("gc", "gc --aggressive")

    def __init__(self, folder: Path) -> None:
        self._repo, aside = folder / "archive.git", folder.with_name(f"{folder.name}-aside")
        self._marks, self._index = aside / "marks", aside / "index.json"
        if not self._repo.exists():
            aside.mkdir()
            subprocess.run(
                ["git", "init", "-q", "--bare", "--template=", "-b", "main", str(self._repo)], check=True
            )
            self._git("config", "core.fsync", "committed,reference")
            self._git("config", "gc.auto", "0")
            self._index.write_text("{}")
        self._heads: dict[str, str] = {}
        self._numbers: dict[str, list[int]] = {}

    def _git(self, *arguments: str) -> bytes:
        command = ["git", "-C", str(self._repo), *arguments]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout

    def _load_index(self) -> None:
        for source, (head, marks) in json.loads(self._index.read_text()).items():
            self._heads[source], self._numbers[source] = head, marks

    def put(self, lines: Iterable[bytes]) -> int:
        self._load_index()
        first = sum(map(len, self._numbers.values()))
        command = ["git", "-C", str(self._repo), "fast-import", "--quiet", f"--export-marks={self._marks}"]
        if first:
            command.append(f"--import-marks={self._marks}")
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        assert process.stdin
        count = 0
        if first:
            process.stdin.write(f"reset {BRANCH}\nfrom {BRANCH}^0\n\n".encode())
        for count, step in enumerate(new_versions(map(cutter(*fast()), lines), self._head), 1):
            self._write(process.stdin, step, first + count)
            if count % BATCH == 0:
                process.stdin.write(b"checkpoint\n\n")
        process.stdin.close()
        if process.wait():
            raise SystemExit("git fast-import failed")
        entries = {source: (head, self._numbers[source]) for source, head in self._heads.items()}
        self._index.write_text(json.dumps(entries))
        return count

    def _head(self, source: str) -> Head | None:
        return read_head(self._heads[source].encode()) if source in self._heads else None

    def _write(self, out: IO[bytes], step: Step, mark: int) -> None:
        source, folder = step.cut.source, place(step.cut.source)
        before = self._head(source)
        message = f"{source} {step.cut.builder}".encode()
        out.write(f"commit {BRANCH}\nmark :{mark}\ncommitter pith <> {mark} +0000\n".encode())
        out.write(b"data %d\n%b\n" % (len(message), message))
        for name, body, _ in step.changed:
            path = f"{folder}/{quote(name, safe='')}{SUFFIX}"
            out.write(f"M 100644 inline {path}\n".encode() + b"data %d\n%b\n" % (len(body), body))
        for name in before.sections.keys() - step.head.sections.keys() if before else ():
            out.write(f"D {folder}/{quote(name, safe='')}{SUFFIX}\n".encode())
        self._heads[source] = write_head(step.head).decode()
        self._numbers.setdefault(source, []).append(mark)

    def pack(self, how: str) -> None:
        self._git(*how.split(), "--quiet", "--prune=now")
        self._git("commit-graph", "write", "--reachable", "--changed-paths")

    def open(self) -> None:
        self._load_index()
        lines = self._marks.read_text().splitlines()
        self._commits = {int(mark[1:]): commit for mark, commit in map(str.split, lines)}
        self._start_reader()

    def _start_reader(self) -> None:
        command = ["git", "-C", str(self._repo), "cat-file", "--batch"]
        self._reader = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def _objects(self, names: list[str]) -> list[bytes]:
        asked, answered = self._reader.stdin, self._reader.stdout
        assert asked
        assert answered
        asked.write("".join(f"{name}\n" for name in names).encode())
        asked.flush()
        found = []
        for _ in names:
            size = int(answered.readline().split()[-1])
            found.append(answered.read(size))
            answered.read(1)
        return found

    def _commit(self, source: str, number: int) -> str:
        return self._commits[self._numbers[source][number - 1]]

    def get(self, source: str, number: int) -> bytes:
        """The canonical bytes; git does not hash what it reads from a pack, and neither does this."""
        (tree,) = self._objects([f"{self._commit(source, number)}:{place(source)}"])
        entries = tree_entries(tree)
        bodies = self._objects([identity for _, identity in entries])
        return join(sorted((name, body) for (name, _), body in zip(entries, bodies, strict=True)))

    def history(self, source: str) -> int:
        return len(self._git("log", "--format=%H %ct %s", BRANCH, "--", place(source)).splitlines())

    def verify(self) -> None:
        self._git("fsck", "--full", "--no-dangling")


def tree_entries(tree: bytes) -> list[tuple[str, str]]:
    """Section name and object of each file in a tree."""
    entries, at = [], 0
    while at < len(tree):
        end = tree.index(b"\0", at)
        name = tree[at:end].split(b" ", 1)[1].decode()
        entries.append((unquote(name.removesuffix(SUFFIX)), tree[end + 1 : end + 21].hex()))
        at = end + 21
    return entries


class GitByLibrary(Git):
    """The same repository read in this process by pygit2, which hashes every object that it reads."""

    def _start_reader(self) -> None:
        import pygit2

        self._library: Any = pygit2.Repository(str(self._repo))

    def get(self, source: str, number: int) -> bytes:
        tree = self._library[self._commit(source, number)].tree[place(source)]
        sections = [(unquote(entry.name.removesuffix(SUFFIX)), entry.data) for entry in tree]
        return join(sorted(sections))
