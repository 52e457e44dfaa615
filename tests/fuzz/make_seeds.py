"""A program: write the seeds, valid encodings and texts, small and of every kind.

    python -m tests.fuzz.make_seeds

A decoder that is new, or an encoding that changed, needs it; the seeds are committed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from pithstore import codec, counts, keys
from pithstore.canonical import canonical
from pithstore.configuration import Configuration
from pithstore.declared import ledger
from pithstore.declared.declarations import Declaration
from pithstore.export.archive import ArchivedVersion, ArchiveHeader, ArchiveWriter, encode_header, encode_version
from pithstore.model import Line, Source, Version
from pithstore.packs import places
from pithstore.packs.frame import encode_frame
from pithstore.packs.packed_frame import Packer
from pithstore.packs.run import Row, encode_run
from pithstore.pointer import Json
from pithstore.record import prepare
from pithstore.reproduction.recorded_check import RecordedCheck, encode_check
from pithstore.tail import TailEnd, write_tail
from pithstore.wire import to_json
from tests.fuzz import codecs, packs, references
from tests.fuzz.harness import SEEDS

SOURCE = Source("k", "1")
MOMENT = datetime(2026, 6, 1, 12, 30, 0, 5, tzinfo=UTC)
RECORDS: list[dict[str, Json]] = [
    {
        "source": {"kind": "k", "id": "1", "version": n},
        "builder_version": f"b{n % 2}",
        "claims": {"n": n, "snapshot_sha256": "0" * 64},
        "text": "same " * 30,
    }
    for n in (1, 2, 3)
]
PREPARED = [prepare(record) for record in RECORDS]
VERSIONS = [
    Version(SOURCE, n, each.line.builder_version, each.source_version, each.snapshot, MOMENT, MOMENT)
    for n, each in enumerate(PREPARED, 1)
]
MANIFESTS = [each.manifest for each in PREPARED]
BODIES = {
    section.digest: body
    for each in PREPARED
    for section, body in zip(each.manifest.sections, each.bodies, strict=True)
}
DIGESTS = list(BODIES)
HEADS = {
    version.builder_version: codec.LineHead(
        version.builder_version, version.number, version.snapshot, 4, bytes(16)
    )
    for version in VERSIONS
}
FRAME = encode_frame(MANIFESTS, BODIES, DIGESTS[1:], DIGESTS[2:])
ARCHIVED = [ArchivedVersion(version, canonical(record)) for version, record in zip(VERSIONS, RECORDS, strict=True)]
HEADER = ArchiveHeader(to_json(Configuration()))
BLOCK = [places.row(packs.BLOCK_KEY + bytes([n]), n) for n in range(3)]
DECLARED = (
    Declaration("claims", "unknown rule", bytes(16), bytes(16)),
    Declaration("é", "match", *[b"x" * 16] * 2),
)
CHECK = RecordedCheck(
    SOURCE, 2, MOMENT, DIGESTS[0], "differs", DIGESTS[1], None, None, 3, ("a",), ("/a/b",), ("/t",)
)


def archive() -> bytes:
    lines: list[bytes] = []
    writer = ArchiveWriter(lines.append, HEADER)
    for archived in ARCHIVED:
        writer.add(archived)
    writer.end()
    return b"".join(lines)


CODECS: Mapping[str, bytes] = {
    "source": codec.encode_source(SOURCE),
    "version": codec.encode_version(VERSIONS[0]),
    "manifest": codec.encode_manifest(MANIFESTS[0]),
    "place": codec.encode_place(codec.Place(1, 2, 3, 400, b"12345678")),
    "head": codec.encode_head(codec.Head(3, MOMENT)),
    "line-head": codec.encode_line_head(HEADS["b1"]),
    "scalar": b'"v1"',
    "totals": counts.encode_totals(counts.Totals(1, 2, 3, 4, 5, 600, 70, 2**255)),
    "file-progress": counts.encode_file_progress(counts.FileProgress(300, 2, 3, 40, True)),
    "ledger": ledger.encode_ledger({"a": ledger.Tally(1, 2, 300, 4, 5), "é": ledger.Tally()}),
    "outcomes": b"\x01\x22\x13",
    "declarations": ledger.encode_declarations(DECLARED),
    "check": encode_check(CHECK),
    "configuration": canonical(to_json(Configuration())),
    "declaring": canonical(RECORDS[0]["claims"]),
    "time-key": keys.time_key(Line(SOURCE, "b1"), MOMENT, 7),
    "key": keys.version_key(SOURCE, 7),
}
PACKS: Mapping[str, bytes] = {
    "run": encode_run(1234, [Row(version, b"\x13") for version in VERSIONS], HEADS),
    "frame": FRAME,
    "packed-frame": Packer(packs.DICTIONARY).pack(FRAME),
    "packed-frame-plain": Packer().pack(FRAME),
    "places": b"".join(BLOCK),
    "tail-value": write_tail(TailEnd(1, 0), [b"{}", b"[1,2]" * 9])[1][0][1],
}
REFERENCES: Mapping[str, bytes] = {
    "reference": b"arxiv:hep-th%2F9612146@sha256:93cf21fd#claims/0/~1",
    "reference-builder": b"k:1@builder=b%401",
    "reference-time": b"k:1@2026-06-01T12:30:00Z",
    "selector": b"-12",
    "pointer": b"/a~0b/~1/0",
    "time": b"2026-06-01T12:30:00.123456+02:00",
    "digest": b"9" * 64,
    "name": "é%20x".encode(),
    "archive-header": encode_header(HEADER),
    "archive-version": encode_version(ARCHIVED[0]),
    "archive": archive(),
}
PARSER: Mapping[str, bytes] = {
    "record": json.dumps(RECORDS[0], indent=1).encode(),
    "numbers": b"[0,-0,-0.0,1e16,1E-7,5e-324,18446744073709551616,0.1000000000000000055,1e400,1e-400]",
    "strings": '{"\\u0061":"\\ud83d\\ude00","é":"\\/\\"","\\u003a":1,"\\u2028":"😀"}'.encode(),
    "nested": b"[" * 59 + b"{}" + b"]" * 59,
    "words": b'{"a":[true,false,null,NaN,-Infinity],"a":1}',
}


def write(directory: Path, samples: Mapping[str, bytes], decoders: Mapping[str, object] | None = None) -> None:
    """One file for each sample; where there are several decoders its first byte says which."""
    directory.mkdir(parents=True, exist_ok=True)
    names = list(decoders or ())
    for name, sample in samples.items():
        first = b""
        if decoders is not None:
            first = bytes([names.index(max((each for each in names if name.startswith(each)), key=len))])
        (directory / name).write_bytes(first + sample)


def write_all(top: Path) -> None:
    """The seeds of all targets."""
    write(top / "codecs", CODECS, codecs.DECODERS)
    write(top / "packs", PACKS, packs.DECODERS)
    write(top / "references", REFERENCES, references.DECODERS)
    write(top / "parser", PARSER)


if __name__ == "__main__":
    write_all(SEEDS)
