"""SQLite with a write-ahead log; each section once, packed by zstd with a dictionary of the first batch."""

from __future__ import annotations

import json
import sqlite3
from array import array
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import zstandard
from contender import BATCH
from sections import Cut, Head, Step, checked, cutter, fast, join, new_versions, read_head, write_head

SCHEMA = """
CREATE TABLE IF NOT EXISTS dictionary (data BLOB);
CREATE TABLE IF NOT EXISTS shape (id INTEGER PRIMARY KEY, names TEXT UNIQUE);
CREATE TABLE IF NOT EXISTS source (id INTEGER PRIMARY KEY, name TEXT UNIQUE, head BLOB);
CREATE TABLE IF NOT EXISTS section (id INTEGER PRIMARY KEY, digest BLOB UNIQUE, body BLOB);
CREATE TABLE IF NOT EXISTS version (source INTEGER, number INTEGER, builder TEXT, shape INTEGER, sections BLOB,
    PRIMARY KEY (source, number)) WITHOUT ROWID;
"""
DICTIONARY_BYTES, SAMPLES, LEVEL = 64 * 1024, 200, 3


class SqliteZstd:
    packs: tuple[str, ...] = ()

    def __init__(self, folder: Path) -> None:
        self._db = sqlite3.connect(folder / "archive.sqlite", isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "mmap_size=8589934592", "wal_autocheckpoint=10000"):
            self._db.execute(f"PRAGMA {pragma}")
        self._db.executescript(SCHEMA)
        self._shapes: dict[tuple[str, ...], int] = {}
        self._prepare_zstd()

    def _prepare_zstd(self) -> None:
        row = self._db.execute("SELECT data FROM dictionary").fetchone()
        trained = zstandard.ZstdCompressionDict(row[0]) if row else None
        small = zstandard.ZstdCompressionParameters.from_level(LEVEL, write_dict_id=False)
        self._pack = zstandard.ZstdCompressor(dict_data=trained, compression_params=small).compress
        self._unpack = zstandard.ZstdDecompressor(dict_data=trained).decompress

    def _train(self, cuts: list[Cut]) -> None:
        bodies: list[bytes | bytearray | memoryview] = [
            body for cut in cuts[:SAMPLES] for _, body, _ in cut.sections
        ]
        try:
            trained = zstandard.train_dictionary(DICTIONARY_BYTES, bodies)
        except zstandard.ZstdError:  # too little to learn from
            return
        self._db.execute("INSERT INTO dictionary VALUES (?)", (trained.as_bytes(),))
        self._prepare_zstd()

    def put(self, lines: Iterable[bytes]) -> int:
        count, rest, cut = 0, iter(lines), cutter(*fast())
        known = self._db.execute("SELECT 1 FROM source LIMIT 1").fetchone()
        while batch := list(map(cut, islice(rest, BATCH))):
            self._db.execute("BEGIN IMMEDIATE")
            if not known:
                self._train(batch)
                known = True
            for step in new_versions(batch, self._head):
                self._write(step)
                count += 1
            self._db.execute("COMMIT")
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._db.close()
        return count

    def _head(self, source: str) -> Head | None:
        row = self._db.execute("SELECT head FROM source WHERE name = ?", (source,)).fetchone()
        return read_head(row[0]) if row else None

    def _write(self, step: Step) -> None:
        changed = {bytes.fromhex(digest): body for _, body, digest in step.changed}
        ids = self._ids([bytes.fromhex(digest) for _, _, digest in step.cut.sections])
        for digest in changed.keys() - ids.keys():
            row = self._db.execute(
                "INSERT INTO section (digest, body) VALUES (?, ?)", (digest, self._pack(changed[digest]))
            )
            ids[digest] = row.lastrowid or 0
        sections = array("I", [ids[bytes.fromhex(digest)] for _, _, digest in step.cut.sections])
        (source,) = self._db.execute(
            "INSERT INTO source (name, head) VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET head = excluded.head RETURNING id",
            (step.cut.source, write_head(step.head)),
        ).fetchone()
        shape = self._shape(tuple(name for name, _, _ in step.cut.sections))
        self._db.execute(
            "INSERT INTO version VALUES (?, ?, ?, ?, ?)",
            (source, step.head.number, step.cut.builder, shape, sections.tobytes()),
        )

    def _ids(self, digests: list[bytes]) -> dict[bytes, int]:
        places = ",".join("?" * len(digests))
        return dict(self._db.execute(f"SELECT digest, id FROM section WHERE digest IN ({places})", digests))

    def _shape(self, names: tuple[str, ...]) -> int:
        if names not in self._shapes:
            text = json.dumps(names)
            self._db.execute("INSERT OR IGNORE INTO shape (names) VALUES (?)", (text,))
            (found,) = self._db.execute("SELECT id FROM shape WHERE names = ?", (text,)).fetchone()
            self._shapes[names] = found
        return self._shapes[names]

    def pack(self, how: str) -> None:
        raise NotImplementedError(how)

    def open(self) -> None:
        self._names = {key: json.loads(names) for key, names in self._db.execute("SELECT id, names FROM shape")}

    def get(self, source: str, number: int) -> bytes:
        shape, sections = self._db.execute(
            "SELECT v.shape, v.sections FROM version v JOIN source s ON s.id = v.source"
            " WHERE s.name = ? AND v.number = ?",
            (source, number),
        ).fetchone()
        ids = array("I", sections).tolist()
        places = ",".join("?" * len(ids))
        rows = self._db.execute(f"SELECT id, digest, body FROM section WHERE id IN ({places})", ids)
        found = {key: (digest, body) for key, digest, body in rows}
        return join(self._section(name, *found[key]) for name, key in zip(self._names[shape], ids, strict=True))

    def _section(self, name: str, digest: bytes, body: bytes) -> tuple[str, bytes]:
        return checked(name, self._unpack(body), digest.hex())

    def history(self, source: str) -> int:
        query = (
            "SELECT number, builder FROM version"
            " WHERE source = (SELECT id FROM source WHERE name = ?) ORDER BY number"
        )
        return len(self._db.execute(query, (source,)).fetchall())

    def verify(self) -> None:
        """Hash each section once, and look whether each version's sections are there."""
        known: set[int] = set()
        for key, digest, body in self._db.execute("SELECT id, digest, body FROM section"):
            self._section(str(key), digest, body)
            known.add(key)
        for (sections,) in self._db.execute("SELECT sections FROM version"):
            if not known.issuperset(array("I", sections)):
                raise SystemExit("a version names a section that is not there")
