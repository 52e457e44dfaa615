"""One question to a large store, in a process of its own; the answer is one JSON object on the standard output.

Lines come on the standard input and are read before the clock runs, so that only the store is timed.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from random import Random

from ceilings import percentiles, seconds
from streamed import source_id

import pithstore

CHUNK_RECORDS, CHUNK_BYTES = 1000, 8_000_000
MARKS = (20_000, 100_000, 200_000, 500_000, 1_000_000)
WINDOW = 20_000  # versions before a mark whose rate is told
ROUNDS, ROUND = 4, 10_000  # versions put to each of two stores in a round
GETS, HISTORIES = 2000, 20


def chunks() -> Iterator[list[bytes]]:
    """The lines of the standard input, as many as are put by one call."""
    chunk: list[bytes] = []
    size = 0
    for line in sys.stdin.buffer:
        chunk.append(line)
        size += len(line)
        if len(chunk) == CHUNK_RECORDS or size >= CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def put_chunk(store: pithstore.Store, chunk: list[bytes]) -> float:
    """Seconds; every line is a version."""
    start = time.perf_counter()
    found = store.put_many(chunk).versions
    spent = time.perf_counter() - start
    if found != len(chunk):
        raise SystemExit(f"{found} new versions where {len(chunk)} were expected")
    return spent


def put(path: Path) -> dict[str, float]:
    """The whole, and the rate over the last versions before each mark."""
    times: list[tuple[int, float]] = []
    size = 0
    with pithstore.open(path, create=True) as store:
        for chunk in chunks():
            times.append((len(chunk), put_chunk(store, chunk)))
            size += sum(map(len, chunk))
    records = sum(count for count, _ in times)
    spent = sum(seconds for _, seconds in times)
    rates = {f"rate_{mark}": rate(times, mark) for mark in MARKS if mark <= records}
    return {"records": records, "bytes": size, "put_seconds": spent, **rates}


def rate(times: list[tuple[int, float]], mark: int) -> float:
    """Records a second in the window that ends at the mark."""
    at = count = 0
    spent = 0.0
    for records, each in times:
        at += records
        if mark - WINDOW < at <= mark:
            count, spent = count + records, spent + each
    return count / spent


def read(path: Path, sources: int, versions: int) -> dict[str, float]:
    """Gets of versions from anywhere, and histories."""
    random = Random(1)
    wanted = [random_ref(random, sources, versions) for _ in range(min(GETS, 10 * sources * versions))]
    listed = [source_id(random.randrange(sources)) for _ in range(HISTORIES)]
    with pithstore.open(path, readonly=True) as store:
        times = [seconds(lambda: store.get_bytes(ref)) for ref in wanted]  # noqa: B023
        p50, p99 = percentiles(times[len(times) // 10 :])
        histories = [seconds(lambda: history(store, source, versions)) for source in listed]  # noqa: B023
    return {"get_p50_us": p50, "get_p99_us": p99, "history_ms": statistics.median(histories) * 1000}


def random_ref(random: Random, sources: int, versions: int) -> str:
    return f"{source_id(random.randrange(sources))}@{random.randint(1, versions)}"


def history(store: pithstore.Store, source: str, versions: int) -> None:
    if (found := len(list(store.history(source)))) != versions:
        raise SystemExit(f"{found} versions of {source} where {versions} were put")


def verify(path: Path) -> dict[str, float]:
    with pithstore.open(path, readonly=True) as store:
        start = time.perf_counter()
        report = store.verify()
        spent = time.perf_counter() - start
    if not report.ok:
        raise SystemExit(f"pithstore: {report.problems[0]}")
    return {"verify_seconds": spent}


def compact(path: Path) -> dict[str, float]:
    with pithstore.open(path) as store:
        return {"compact_seconds": seconds(store.compact)}


def drift(small: Path, small_sources: int, large: Path, large_sources: int, versions: int) -> dict[str, float]:
    """How many times as long a put and a get take in the large store; the two take turns, so that a machine that
    slows down slows both of them down."""
    with pithstore.open(small) as less, pithstore.open(large) as more:
        puts: list[tuple[float, float]] = list(put_in_turns(less, more))
        gets = get_in_turns(less, small_sources, more, large_sources, versions)
    ours, theirs = (statistics.median(column) for column in zip(*puts, strict=True))
    return {
        "put_small": ROUND / ours,
        "put_large": ROUND / theirs,
        "put_ratio": theirs / ours,
        "get_small_us": gets[0],
        "get_large_us": gets[1],
        "get_ratio": gets[1] / gets[0],
    }


def put_in_turns(less: pithstore.Store, more: pithstore.Store) -> Iterator[tuple[float, float]]:
    """Seconds of each round, in one store and in the other, with lines that are much the same."""
    rest = chunks()
    for _ in range(ROUNDS // 2):
        yield put_round(less, rest), put_round(more, rest)
        first = put_round(more, rest)
        yield put_round(less, rest), first


def put_round(store: pithstore.Store, rest: Iterator[list[bytes]]) -> float:
    return sum(put_chunk(store, chunk) for chunk in islice(rest, ROUND // CHUNK_RECORDS))


def get_in_turns(
    less: pithstore.Store, small_sources: int, more: pithstore.Store, large_sources: int, versions: int
) -> tuple[float, float]:
    """Median microseconds of a get, in one store and in the other."""
    random = Random(2)
    times: tuple[list[float], list[float]] = [], []
    for _ in range(GETS):
        for store, sources, found in ((less, small_sources, times[0]), (more, large_sources, times[1])):
            ref = random_ref(random, sources, versions)
            found.append(seconds(lambda: store.get_bytes(ref)))  # noqa: B023
    return percentiles(times[0][GETS // 10 :])[0], percentiles(times[1][GETS // 10 :])[0]


QUESTIONS: dict[str, Callable[..., dict[str, float]]] = {
    "put": put,
    "read": read,
    "verify": verify,
    "compact": compact,
    "drift": drift,
}


def main() -> None:
    action, *given = sys.argv[1:]
    print(json.dumps(QUESTIONS[action](*(int(word) if word.isdigit() else Path(word) for word in given))))


if __name__ == "__main__":
    main()
