"""What this machine can do at most for the job in one Python process: step after step, and the engine alone."""

from __future__ import annotations

import hashlib
import shutil
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any, TypedDict

import lmdb
from blake3 import blake3
from sections import fast, join

MAP_SIZE = 1 << 40
VALUE = 16 * 4096 - 24  # what fits whole pages of the engine with its header


class Step(TypedDict):
    step: str
    seconds: float


class Ceilings(TypedDict):
    """Seconds of each step with all before it; the last is C.  The engine: microseconds of a get, a whole scan."""

    steps: list[Step]
    unique_bytes: int
    unique_sections: int
    raw_get_p50_us: float
    raw_get_p99_us: float
    scan_seconds: float


class Ladder:
    """The steps; each is a loop of its own, so that none pays for asking which it is."""

    def __init__(self, lines: Path) -> None:
        self._lines = lines
        self._load, self._dump = fast()

    def _file(self) -> Iterator[bytes]:
        with self._lines.open("rb", buffering=1 << 20) as file:
            yield from file

    def read(self) -> None:
        for _ in self._file():
            pass

    def hash_lines(self) -> None:
        for line in self._file():
            blake3(line).digest()

    def parse(self) -> None:
        for _ in self._records():
            pass

    def _records(self) -> Iterator[dict[str, Any]]:
        load = self._load
        for line in self._file():
            blake3(line).digest()
            record: dict[str, Any] = load(line)
            yield record

    def write_canonical(self) -> None:
        for _ in self._bodies():
            pass

    def _bodies(self) -> Iterator[list[tuple[str, bytes]]]:
        dump = self._dump
        for record in self._records():
            yield [(name, dump(record[name])) for name in sorted(record)]

    def hash_sections(self) -> None:
        sha256 = hashlib.sha256
        for bodies in self._bodies():
            for _, body in bodies:
                sha256(body).digest()

    def hash_records(self) -> None:
        sha256 = hashlib.sha256
        for bodies in self._bodies():
            for _, body in bodies:
                sha256(body).digest()
            sha256(join(bodies)).digest()

    def unique(self) -> dict[bytes, bytes]:
        sha256 = hashlib.sha256
        found: dict[bytes, bytes] = {}
        for bodies in self._bodies():
            for _, body in bodies:
                found.setdefault(sha256(body).digest(), body)
            sha256(join(bodies)).digest()
        return found


def write_bulk(folder: Path, unique: dict[bytes, bytes]) -> None:
    """The unique bytes in one durable transaction, as a stream cut into values that fill their pages."""
    stream = memoryview(b"".join(unique.values()))
    cut = ((number, stream[number * VALUE : (number + 1) * VALUE]) for number in range(-(-len(stream) // VALUE)))
    with lmdb.open(str(folder), map_size=MAP_SIZE) as env, env.begin(write=True) as txn:
        for number, value in cut:
            txn.put(number.to_bytes(8), value, append=True)


def measure(lines: Path, room: Path) -> Ceilings:
    ladder = Ladder(lines)
    calls: list[tuple[str, Callable[[], object]]] = [
        ("read", ladder.read),
        ("+ blake3 of the line", ladder.hash_lines),
        ("+ parse", ladder.parse),
        ("+ canonical form", ladder.write_canonical),
        ("+ SHA-256 of the sections", ladder.hash_sections),
        ("+ join and SHA-256 of the record", ladder.hash_records),
        ("+ dedupe and one bulk write = C", lambda: write_bulk(room / "bulk", ladder.unique())),
    ]
    ladder.read()  # warms the file cache
    (room / "bulk").mkdir(parents=True)
    steps: list[Step] = [{"step": name, "seconds": seconds(call)} for name, call in calls]
    shutil.rmtree(room / "bulk")
    return engine(room / "engine", ladder.unique(), steps)


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def engine(folder: Path, unique: dict[bytes, bytes], steps: list[Step]) -> Ceilings:
    """One value for each section under its digest: gets from all over, and a scan that hashes what it reads."""
    wanted = Random(1).choices(list(unique), k=20_000)
    folder.mkdir(parents=True)
    with lmdb.open(str(folder), map_size=MAP_SIZE) as env:
        with env.begin(write=True) as txn:
            for digest in sorted(unique):
                txn.put(digest, unique[digest], append=True)
        times = [get_seconds(env, digest) for digest in wanted][len(wanted) // 10 :]
        scan = seconds(lambda: scan_all(env))
    p50, p99 = percentiles(times)
    return {
        "steps": steps,
        "unique_bytes": sum(map(len, unique.values())),
        "unique_sections": len(unique),
        "raw_get_p50_us": p50,
        "raw_get_p99_us": p99,
        "scan_seconds": scan,
    }


def get_seconds(env: lmdb.Environment, digest: bytes) -> float:
    start = time.perf_counter()
    with env.begin() as txn:
        txn.get(digest)
    return time.perf_counter() - start


def scan_all(env: lmdb.Environment) -> None:
    with env.begin(buffers=True) as txn:
        for digest, body in txn.cursor():
            if hashlib.sha256(body).digest() != digest:
                raise SystemExit("the engine gave back other bytes")


def percentiles(times: list[float]) -> tuple[float, float]:
    """The median and the 99th percentile, in microseconds."""
    hundredths = statistics.quantiles(times, n=100, method="inclusive")
    return hundredths[49] * 1e6, hundredths[98] * 1e6
