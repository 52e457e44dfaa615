"""RocksDB with zstd: the bodies of a section lie beside each other, so that a block packs what is alike."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

from contender import BATCH
from rocksdict import (
    BlockBasedOptions,
    Cache,
    DBCompressionType,
    Options,
    Rdict,
    WriteBatch,
    WriteOptions,
)
from sections import Head, Step, checked, cutter, fast, join, new_versions, read_head, write_head

BLOCK_BYTES = 32 * 1024


def options() -> Any:
    table = BlockBasedOptions()
    table.set_block_size(BLOCK_BYTES)
    table.set_bloom_filter(10, False)
    table.set_block_cache(Cache(256 * 1024 * 1024))
    made = Options(raw_mode=True)
    made.create_if_missing(True)
    made.set_compression_type(DBCompressionType.zstd())
    made.set_block_based_table_factory(table)
    return made


class Rocks:
    packs = ("compact",)

    def __init__(self, folder: Path) -> None:
        self._db: Any = Rdict(str(folder / "rocks"), options())
        self._durable = WriteOptions()
        self._durable.sync = True

    def put(self, lines: Iterable[bytes]) -> int:
        count, rest, cut = 0, iter(lines), cutter(*fast())
        while batch := list(islice(rest, BATCH)):
            writes: Any = WriteBatch(raw_mode=True)
            for step in new_versions(map(cut, batch), self._head):
                self._write(writes, step)
                count += 1
            self._db.write(writes, self._durable)
        self._db.flush()
        self._db.close()
        return count

    def _head(self, source: str) -> Head | None:
        data = self._db.get(f"head\0{source}".encode())
        return None if data is None else read_head(data)

    def _write(self, writes: Any, step: Step) -> None:
        source, number = step.cut.source, step.head.number
        for name, body, _ in step.changed:
            writes.put(section_key(source, name, number), body)
        writes.put(version_key(source, number), json.dumps(step.head.sections, separators=(",", ":")).encode())
        writes.put(f"head\0{source}".encode(), write_head(step.head))

    def pack(self, how: str) -> None:
        self._db.compact_range(None, None)
        self._db.close()

    def open(self) -> None:
        pass

    def get(self, source: str, number: int) -> bytes:
        return join(self._sections(source, self._db.get(version_key(source, number))))

    def _sections(self, source: str, manifest: bytes) -> list[tuple[str, bytes]]:
        entries = [(name, at, digest) for name, (at, digest) in json.loads(manifest).items()]
        bodies = self._db.get([section_key(source, name, at) for name, at, _ in entries])
        return [checked(name, body, digest) for (name, _, digest), body in zip(entries, bodies, strict=True)]

    def history(self, source: str) -> int:
        prefix, count = f"version\0{source}\0".encode(), 0
        for key, value in self._db.items(from_key=prefix):
            if not key.startswith(prefix):
                break
            json.loads(value)
            count += 1
        return count

    def verify(self) -> None:
        """Hash each body once, against the version that brought it."""
        prefix = b"version\0"
        for key, manifest in self._db.items(from_key=prefix):
            if not key.startswith(prefix):
                break
            source, number = key[len(prefix) : -9].decode(), int.from_bytes(key[-8:])
            entries = json.loads(manifest).items()
            brought = {name: entry for name, entry in entries if entry[0] == number}
            self._sections(source, json.dumps(brought).encode())


def section_key(source: str, name: str, number: int) -> bytes:
    return f"section\0{source}\0{name}\0".encode() + number.to_bytes(8)


def version_key(source: str, number: int) -> bytes:
    return f"version\0{source}\0".encode() + number.to_bytes(8)
