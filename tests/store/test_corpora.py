"""The corpora in full: everything stored, everything back, byte by byte."""

from __future__ import annotations

import gzip
import json
import multiprocessing
import os
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from pithstore.put_files import FilePut, Listener, ObservedAt
from pithstore.references import Ref
from pithstore.selectors import ByNumber
from pithstore.store import Store
from pithstore.store import open as open_store
from pithstore.testing.machine_store import definition
from tests.store.children import memory_beside_the_map

MIB = 2**20
NAMES = ("vulndb", "eol", "ror")

pytestmark = [
    pytest.mark.corpora,
    pytest.mark.process,
    pytest.mark.timeout(900),
    pytest.mark.skipif("PITHSTORE_CORPORA" not in os.environ, reason="PITHSTORE_CORPORA is not set"),
]


def lines_of(name: str) -> Iterator[bytes]:
    with gzip.open(Path(os.environ["PITHSTORE_CORPORA"]) / f"{name}.jsonl.gz") as file:
        yield from file


def put_file(store: Store, name: str, peak: list[int]) -> FilePut:
    def advanced(_: int) -> None:
        peak[0] = max(peak[0], memory_beside_the_map())

    listener = Listener(refused=lambda *_: None, said=lambda _: None, advanced=advanced)
    put = FilePut(store, ObservedAt(), listener, again=True, stop=False)
    put.put([name])
    return put


def put_corpus(pipe: Connection, path: Path, name: str) -> None:
    """Put a corpus as the command does, and verify; what was counted, and the peak of memory beside the map."""
    peak = [0]
    with open_store(path, create=True) as store:
        summary = put_file(store, str(Path(os.environ["PITHSTORE_CORPORA"]) / f"{name}.jsonl.gz"), peak).summary
        pipe.send((summary.records, summary.versions, summary.refused, summary.new_sections, peak[0]))
        report = store.verify(lambda *_: peak.append(max(peak.pop(), memory_beside_the_map())))
        pipe.send((report.problems, report.versions, report.snapshots, report.blobs, peak[0]))


@pytest.mark.parametrize("name", NAMES)
def test_a_corpus_is_stored_and_comes_back(name: str, tmp_path: Path) -> None:
    path = tmp_path / "store"
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=put_corpus, args=(theirs, path, name))
    child.start()
    theirs.close()
    put, verified = ours.recv(), ours.recv()
    child.join()

    blobs, newest = set(), {}
    heads: dict[tuple[str, str], bytes] = {}
    expected: Counter[str] = Counter()
    with open_store(path) as store:
        for line in lines_of(name):
            record = json.loads(line)
            blobs |= {sha256(definition(section)).digest() for section in record.values()}
            said = record["source"]
            source, builder, text = f"{said['kind']}:{said['id']}", record["builder_version"], definition(record)
            newest[source, builder] = line
            if heads.get((source, builder)) != text:
                expected[source] += 1
                heads[source, builder] = text
                version = store.version(f"{source}@{expected[source]}")
                assert version.builder_version == builder
                assert repr(version.source_version) == repr(said.get("version"))
                assert store.get_bytes(Ref(version.source, ByNumber(expected[source]))) == text
        versions = sum(expected.values())
        assert put[:4] == (sum(1 for _ in lines_of(name)), versions, 0, len(blobs))
        assert verified[:2] == ((), versions)
        assert verified[3] == len(blobs)
        assert store.stat().versions == versions
        assert {str(source) for source in store.sources()} == expected.keys()

        (tmp_path / "newest.jsonl").write_bytes(b"".join(newest.values()))
        again = put_file(store, str(tmp_path / "newest.jsonl"), [0]).summary
        assert (again.records, again.versions, again.new_sections) == (len(newest), 0, 0)
        stored = store.stat().stored_bytes
    print(  # noqa: T201 - shown with -rP
        f"{name}: {put[0]} records, {versions} versions, {len(blobs)} blobs, {stored / MIB:.0f} MiB stored, "
        f"{put[4] / MIB:.0f} MiB of memory for the put, {verified[4] / MIB:.0f} with verify"
    )
    assert verified[4] < 300 * MIB
