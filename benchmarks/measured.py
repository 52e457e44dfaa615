"""One question to one contender, in a process of its own; the answer is one JSON object on the standard output."""

from __future__ import annotations

import hashlib
import json
import statistics
import sys
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import attrs
import ceilings
import inputs
from contender import Contender
from inputs import Input


@attrs.frozen
class Entry:
    """Where a contender is, the package that it needs and may lack, and others that read its files."""

    module: str
    kind: str
    package: str | None = None
    readers: tuple[str, ...] = ()


ENTRIES = {
    "pithstore": Entry("pith_contender", "Pithstore"),
    "pithstore, two workers": Entry("pith_contender", "TwoWorkers"),
    "plain LMDB": Entry("plain_lmdb", "PlainLmdb"),
    "SQLite + zstd": Entry("sqlite_zstd", "SqliteZstd"),
    "RocksDB + zstd": Entry("rocks", "Rocks", "rocksdict"),
    "git": Entry("git_store", "Git", None, ("pygit2",)),
}
READERS = {"pygit2": Entry("git_store", "GitByLibrary", "pygit2")}


def installed(entry: Entry) -> bool:
    return entry.package is None or find_spec(entry.package) is not None


def kind_of(name: str) -> type[Contender]:
    entry = (ENTRIES | READERS)[name]
    kind: type[Contender] = getattr(import_module(entry.module), entry.kind)
    return kind


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def put(contender: Contender, lines: Path, expected: int) -> float:
    start = time.perf_counter()
    with lines.open("rb", buffering=1 << 20) as file:
        found = contender.put(file)
    spent = time.perf_counter() - start
    if found != expected:
        raise SystemExit(f"{type(contender).__name__}: {found} new versions where {expected} were expected")
    return spent


def read(contender: Contender, given: Input) -> dict[str, float]:
    """Microseconds of a get, milliseconds of a history; every answer is compared with the definition's."""
    contender.open()
    times = [get_seconds(contender, *wanted) for wanted in given.gets]
    p50, p99 = ceilings.percentiles(times[len(times) // 10 :])  # the first ones warm the file cache
    histories = [seconds(lambda: history(contender, *wanted)) for wanted in given.histories]  # noqa: B023
    return {"get_p50_us": p50, "get_p99_us": p99, "history_ms": statistics.median(histories) * 1000}


def get_seconds(contender: Contender, source: str, number: int, snapshot: str) -> float:
    start = time.perf_counter()
    found = contender.get(source, number)
    spent = time.perf_counter() - start
    if hashlib.sha256(found).hexdigest() != snapshot:
        raise SystemExit(f"{type(contender).__name__}: other bytes for {source}@{number}")
    return spent


def history(contender: Contender, source: str, versions: int) -> None:
    found = contender.history(source)
    if found != versions:
        raise SystemExit(f"{type(contender).__name__}: {found} versions of {source} where {versions} were put")


def answer(action: str, name: str, given: Input, folder: Path) -> dict[str, float]:
    contender = kind_of(name)(folder)
    match action:
        case "put":
            return {"put_seconds": put(contender, given.lines, given.versions)}
        case "first":
            return {"first_seconds": put(contender, given.newest_lines, given.newest)}
        case "again":
            return {"again_seconds": put(contender, given.newest_lines, 0)}
        case "read":
            return read(contender, given)
        case "verify":
            return {"verify_seconds": seconds(contender.verify)}
        case _:
            return {"pack_seconds": seconds(lambda: contender.pack(action))}


def main() -> None:
    action, name, where, room = sys.argv[1:]
    given = inputs.load(where)
    if action == "ceilings":
        print(json.dumps(ceilings.measure(given.lines, Path(room))))
    else:
        print(json.dumps(answer(action, name, given, Path(room))))


if __name__ == "__main__":
    main()
