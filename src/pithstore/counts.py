"""What is counted: the totals of a slot, and how far a file was put; with their encodings."""

from __future__ import annotations

import attrs

from pithstore.codec import Reader, write_number


@attrs.frozen
class Totals:
    """What a slot counts; the store's totals are the sum of its slots.  `fingerprint` is a sum modulo 2^256."""

    sources: int = 0
    versions: int = 0
    snapshots: int = 0
    blobs: int = 0
    sections: int = 0
    canonical_bytes: int = 0
    unique_bytes: int = 0
    fingerprint: int = 0

    def plus(self, other: Totals) -> Totals:
        """The sum of both."""
        return Totals(
            sources=self.sources + other.sources,
            versions=self.versions + other.versions,
            snapshots=self.snapshots + other.snapshots,
            blobs=self.blobs + other.blobs,
            sections=self.sections + other.sections,
            canonical_bytes=self.canonical_bytes + other.canonical_bytes,
            unique_bytes=self.unique_bytes + other.unique_bytes,
            fingerprint=(self.fingerprint + other.fingerprint) % 2**256,
        )

    def minus(self, other: Totals) -> Totals:
        """What `plus` of the other made this of; a count below zero says that there was less."""
        taken = {name: -count for name, count in attrs.asdict(other).items()}
        return self.plus(Totals(**taken))


@attrs.frozen
class FileProgress:
    """How far a file was put: what is durable of it, in records, lines and bytes of its text.

    `refused` of the records were not accepted; `complete` says that nothing of the file is left.
    """

    records: int = 0
    refused: int = 0
    lines: int = 0
    text_bytes: int = 0
    complete: bool = False


def encode_totals(totals: Totals) -> bytes:
    """The counts in order, then the fingerprint in 32 bytes."""
    counts = attrs.astuple(totals)[:-1]
    return b"".join(map(write_number, counts)) + totals.fingerprint.to_bytes(32, "big")


def decode_totals(data: bytes) -> Totals:
    """The totals that `encode_totals` wrote."""
    reader = Reader(data)
    counts = [reader.number() for _ in range(len(attrs.fields(Totals)) - 1)]
    fingerprint = int.from_bytes(reader.raw(32), "big")
    reader.end()
    return attrs.evolve(Totals(*counts), fingerprint=fingerprint)


def encode_file_progress(progress: FileProgress) -> bytes:
    """The counts in order, then 1 for a complete file."""
    return b"".join(write_number(int(field)) for field in attrs.astuple(progress))


def decode_file_progress(data: bytes) -> FileProgress:
    """The progress that `encode_file_progress` wrote."""
    reader = Reader(data)
    records, refused, lines, text_bytes, complete = [reader.number() for _ in attrs.fields(FileProgress)]
    reader.end()
    return FileProgress(records, refused, lines, text_bytes, bool(complete))
