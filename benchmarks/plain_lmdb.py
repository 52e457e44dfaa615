"""The store that one writes in an afternoon: LMDB, the standard library's JSON, a put for each section."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import lmdb
from contender import BATCH
from sections import Head, Step, checked, cutter, join, new_versions, read_head, standard, write_head


def version_key(source: str, number: int) -> bytes:
    return f"version\0{source}\0".encode() + number.to_bytes(8)


class PlainLmdb:
    packs: tuple[str, ...] = ()

    def __init__(self, folder: Path) -> None:
        self._env = lmdb.open(str(folder), map_size=1 << 40)

    def put(self, lines: Iterable[bytes]) -> int:
        count, rest = 0, iter(lines)
        cut = cutter(*standard())
        while batch := list(islice(rest, BATCH)):
            with self._env.begin(write=True) as txn:
                for step in new_versions(map(cut, batch), lambda source: self._head(txn, source)):
                    self._write(txn, step)
                    count += 1
        return count

    def _head(self, txn: lmdb.Transaction, source: str) -> Head | None:
        data = txn.get(f"head\0{source}".encode())
        return None if data is None else read_head(bytes(data))

    def _write(self, txn: lmdb.Transaction, step: Step) -> None:
        for _, body, digest in step.changed:
            txn.put(bytes.fromhex(digest), body, overwrite=False)
        manifest = {name: digest for name, _, digest in step.cut.sections}
        txn.put(version_key(step.cut.source, step.head.number), json.dumps(manifest).encode())
        txn.put(f"head\0{step.cut.source}".encode(), write_head(step.head))

    def pack(self, how: str) -> None:
        raise NotImplementedError(how)

    def open(self) -> None:
        pass

    def get(self, source: str, number: int) -> bytes:
        with self._env.begin() as txn:
            return join(self._sections(txn, version_key(source, number)))

    def _sections(self, txn: lmdb.Transaction, key: bytes) -> list[tuple[str, bytes]]:
        manifest = json.loads(bytes(txn.get(key, b"{}")))
        return [
            checked(name, bytes(txn.get(bytes.fromhex(digest), b"")), digest) for name, digest in manifest.items()
        ]

    def history(self, source: str) -> int:
        prefix = f"version\0{source}\0".encode()
        count = 0
        with self._env.begin() as txn:
            cursor = txn.cursor()
            more = cursor.set_range(prefix)
            while more and bytes(cursor.key()).startswith(prefix):
                json.loads(bytes(cursor.value()))
                count, more = count + 1, cursor.next()
        return count

    def verify(self) -> None:
        """Hash each section once, and look whether each version's sections are there."""
        with self._env.begin() as txn:
            for key, value in txn.cursor():
                key, value = bytes(key), bytes(value)
                if key.startswith(b"version\0"):
                    if not all(txn.get(bytes.fromhex(digest)) for digest in json.loads(value).values()):
                        raise SystemExit("a version names a section that is not there")
                elif not key.startswith(b"head\0") and hashlib.sha256(value).digest() != key:
                    raise SystemExit("a section is damaged")
