"""A program: what becomes of small files and frames that expand to much, and how much memory it takes.

python -m tests.store.bomb_memory DIRECTORY      every bomb, each in a process of its own → JSON on stdout
python -m tests.store.bomb_memory DIRECTORY NAME one → JSON: what was said, and by how many bytes the peak grew
"""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from pithstore.codec import write_number
from pithstore.configuration import Configuration
from pithstore.errors import PithstoreError
from pithstore.export.archive import ArchiveHeader, encode_header
from pithstore.export.archive_file import ArchiveFile
from pithstore.limits import MAX_RECORD_BYTES
from pithstore.packs.packed_frame import NO_DICTIONARY, read_header, unpack
from pithstore.record_files import RecordFile
from pithstore.wire import to_json
from tests.pure.peak_memory import peak_bytes

BLOCK = 128 * 1024
EXPANDED, LINES = 512 * 1024 * 1024, 24 * 1024 * 1024  # a line takes longer than a byte
_FRAME = b"\x28\xb5\x2f\xfd\x00\x58"  # RFC 8878: no content size, a window of 2 MiB
_FRAME_WITH_SIZE = b"\x28\xb5\x2f\xfd\xe0"  # a single segment, its size in 8 bytes


def zstd(byte: bytes, size: int = EXPANDED, before: bytes = b"", frame: bytes = _FRAME) -> bytes:
    """A frame of Zstandard that holds some text and then that byte over and over: four bytes for 128 KiB of it."""
    repeated = (BLOCK << 3 | 0b010).to_bytes(3, "little") + byte
    last = (0b011).to_bytes(3, "little") + byte  # once more than no time
    raw = (len(before) << 3).to_bytes(3, "little") + before
    return frame + raw + repeated * (size // BLOCK) + last


def frame(says: int, packed: bytes) -> Iterator[str]:
    """A frame in a stream of packs that says how much it expands to."""
    data = NO_DICTIONARY + write_number(says) + write_number(len(packed)) + packed
    yield f"{len(unpack(read_header(data), data, lambda _: b''))} bytes"


def records(directory: Path, data: bytes) -> Iterator[str]:
    """The lengths of the texts of records in a file."""
    path = directory / "records"
    path.write_bytes(data)
    with RecordFile(str(path)) as file:
        for text in file.texts(MAX_RECORD_BYTES):
            yield f"a record of {len(text.text)} bytes"


def archive(directory: Path, data: bytes) -> Iterator[str]:
    path = directory / "archive.zst"
    path.write_bytes(data)
    yield str(ArchiveFile(str(path)).check())


def gzipped(byte: bytes, size: int) -> bytes:
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1) as file:
        for _ in range(size // BLOCK):
            file.write(byte * BLOCK)
    return packed.getvalue()


HEADER = encode_header(ArchiveHeader(to_json(Configuration())))
BOMBS: dict[str, Callable[[Path], Iterator[str]]] = {
    "a frame that holds more than it says": lambda _: frame(1000, zstd(b"x")),
    "a long frame that holds more than it says": lambda _: frame(2_000_000, zstd(b"x")),
    "a frame that says a gigabyte and holds little": lambda _: frame(2**30, zstd(b"x", 0, b"y" * BLOCK)),
    "a frame that says more than its bytes can hold": lambda _: frame(2**30, zstd(b"x", 0)),
    "a frame that says more than any holds": lambda _: frame(2**40, zstd(b"x")),
    "a frame that says its size twice": lambda _: frame(
        1000, zstd(b"x", frame=_FRAME_WITH_SIZE + EXPANDED.to_bytes(8, "little"))
    ),
    "a zstd of one line": lambda directory: records(directory, zstd(b"x")),
    "a zstd of empty lines": lambda directory: records(directory, zstd(b"\n", LINES)),
    "a zstd of a line and empty lines": lambda directory: records(directory, zstd(b"\n", LINES, b"{}\n")),
    "a gzip of one line": lambda directory: records(directory, gzipped(b"[", EXPANDED // 4)),
    "a gzip of empty lines": lambda directory: records(directory, gzipped(b"\n", LINES)),
    "an archive whose header does not end": lambda directory: archive(directory, zstd(b"x")),
    "an archive of one line": lambda directory: archive(directory, zstd(b"x", before=HEADER)),
    "an archive of empty lines": lambda directory: archive(directory, zstd(b"\n", before=HEADER)),
}


def measure(directory: Path, name: str) -> tuple[str, int]:
    for _ in records(directory, b"{}"):  # what is imported late is not the bomb's
        pass
    before = peak_bytes()
    try:
        said = "; ".join(BOMBS[name](directory))
    except PithstoreError as error:
        said = f"{type(error).__name__}: {error}"
    return said, peak_bytes() - before


def measure_each(directory: str) -> dict[str, tuple[str, int]]:
    figures = {}
    for name in BOMBS:
        command = [sys.executable, "-m", "tests.store.bomb_memory", directory, name]
        figures[name] = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=200).stdout)
    return figures


def main(directory: str, name: str = "") -> None:
    answer = measure(Path(directory), name) if name else measure_each(directory)
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main(*sys.argv[1:])
