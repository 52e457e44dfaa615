"""What `prepare` takes for a record with a memo, with the fast path alone and without, and how often that answers.

    python benchmarks/prepare.py [--records 2000] [--rounds 7] [--json]

All run in turns on the same records, so the ratio is of one run; the figures are medians over the rounds.  A memo
starts empty, and the generated records come as crawls bring them: up to 1,000 sources between two of one.  Beside
these, in their usual spellings, are the corpora in the folder that PITHSTORE_CORPORA names.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median
from unittest import mock

import attrs
from generated import records

from pithstore import fast_path
from pithstore.canonical import canonical, canonical_sections, join
from pithstore.parse import parse
from pithstore.record import prepare
from pithstore.section_memo import SectionMemo

CORPORA = ("ror", "vulndb", "eol")


@attrs.frozen
class Row:
    """One input: µs to read a record, and to prepare it: with a memo, with the fast path alone, with neither."""

    name: str
    bytes: float
    taken: float
    read: float
    read_slowly: float
    recall: float
    prepare: float
    prepare_slowly: float


def read_slowly(text: bytes) -> bytes:
    return b"".join(join(canonical_sections(parse(text))))


def prepare_slowly(text: bytes) -> object:
    with mock.patch.object(fast_path, "read", nothing):
        return prepare(text)


def nothing(*_: object) -> None:
    return None


def microseconds(call: Callable[[bytes], object], texts: list[bytes]) -> float:
    start = time.perf_counter()
    for text in texts:
        call(text)
    return (time.perf_counter() - start) / len(texts) * 1e6


def recall_all(texts: list[bytes]) -> float:
    return microseconds(partial(prepare, memo=SectionMemo()), texts)


def prepare_all_slowly(texts: list[bytes]) -> float:
    with mock.patch.object(fast_path, "read", nothing):
        return microseconds(prepare, texts)


def measure(name: str, texts: list[bytes], rounds: int) -> Row:
    memo = SectionMemo()
    for text in texts[:200]:
        if not prepare(text, memo=memo) == prepare(text) == prepare_slowly(text):
            raise AssertionError(f"{name}: the two ways differ")
    taken = sum(fast_path.read(text) is not None for text in texts)
    figures = [
        (
            microseconds(fast_path.read, texts),
            microseconds(read_slowly, texts),
            recall_all(texts),
            microseconds(prepare, texts),
            prepare_all_slowly(texts),
        )
        for _ in range(rounds)
    ]
    medians = (median(column) for column in zip(*figures, strict=True))
    return Row(name, sum(map(len, texts)) / len(texts), taken / len(texts), *medians)


def inputs(count: int) -> Iterator[tuple[str, list[bytes]]]:
    made = list(records(max(1, count // 10), 10))
    yield "generated, canonical", [canonical(record) for record in made]
    yield "generated, json.dumps", [json.dumps(record).encode() for record in made]
    yield "generated, indent=2", [json.dumps(record, indent=2).encode() for record in made]
    folder = os.environ.get("PITHSTORE_CORPORA")
    for name in CORPORA if folder else ():
        with gzip.open(Path(str(folder)) / f"{name}.jsonl.gz") as lines:
            yield name, [line.rstrip(b"\n") for line in islice(lines, count)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = [measure(name, texts, options.rounds) for name, texts in inputs(options.records)]
    if options.json:
        print(json.dumps([attrs.asdict(row) for row in rows]))
        return
    print(
        "| input | bytes | fast path taken | read: fast / definition, µs | prepare: memo / fast / definition, µs |"
    )
    print("|---|---|---|---|---|")
    for row in rows:
        read = f"{row.read:.0f} / {row.read_slowly:.0f} = {row.read_slowly / row.read:.1f} ×"
        prepared = f"{row.recall:.0f} / {row.prepare:.0f} / {row.prepare_slowly:.0f}"
        print(f"| {row.name} | {row.bytes:.0f} | {row.taken:.1%} | {read} | {prepared} |")


if __name__ == "__main__":
    main()
