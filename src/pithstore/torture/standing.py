"""What was acknowledged, line by line in a file, and whether a store still holds it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator

import attrs

from pithstore import bulk, ingest, taking, verify  # noqa: F401 - before children are forked, each of which needs them
from pithstore.errors import Erased, NoStore, NotFound, PithstoreError
from pithstore.pointer import Json
from pithstore.store import Store
from pithstore.store import open as open_store

_Key = tuple[str, int]


class Acknowledgements:
    """A file to which whoever works on a store appends what was acknowledged, one line and one write each.

    `put SOURCE NUMBER SNAPSHOT` after the put; `dropping SOURCE NUMBER` before a version is taken away on purpose
    and `dropped SOURCE NUMBER` when that is done.
    """

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def say(self, word: str, source: object, number: int, snapshot: str = "") -> None:
        """Append a line."""
        # One write: a child that is killed leaves a whole line or none.
        os.write(self._file, f"{word} {source} {number} {snapshot}\n".encode())

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


@attrs.define
class Standing:
    """What a store has to hold: snapshots by source and number, and what may or must be gone."""

    there: dict[_Key, str] = attrs.field(factory=dict)
    perhaps: dict[_Key, str] = attrs.field(factory=dict)
    gone: set[_Key] = attrs.field(factory=set)

    @classmethod
    def read(cls, lines: bytes) -> Standing:
        """What these acknowledgements come to; a last line that is not whole was not made."""
        found = cls()
        for line in lines.decode().split("\n")[:-1]:
            word, source, number, snapshot = line.split(" ")
            found._take(word, (source, int(number)), snapshot)
        return found

    def _take(self, word: str, key: _Key, snapshot: str) -> None:
        if word == "put":
            self.there[key] = snapshot
        elif word == "dropping":
            self.perhaps[key] = self.there.pop(key, "")
        elif word == "dropped":
            self.perhaps.pop(key, None)
            self.gone.add(key)

    def faults(self, path: str) -> list[str]:
        """What is wrong with the store at that path, in words; a put into it is tried too."""
        try:
            store = open_store(path)
        except NoStore as error:
            return [f"acknowledged, and {error}"] if self.there else []
        except PithstoreError as error:
            return [f"it does not open: {error}"]
        with store:
            return [*self._missing(store), *_problems(store), *self._stuck(store)]

    def faults_of_copy(self, path: str) -> list[str]:
        """What is wrong with a copy of the store at that path, if there is one: it may be older."""
        try:
            store = open_store(path)
        except NoStore:
            return []
        except PithstoreError as error:
            return [f"the copy does not open: {error}"]
        with store:
            versions = [version for source in store.sources() for version in store.history(source)]
            other = [
                f"other in the copy: {version.source} version {version.number}"
                for version in versions
                if self.there.get((str(version.source), version.number)) not in (None, version.snapshot.hex())
            ]
            return [*other, *_problems(store)]

    def _missing(self, store: Store) -> Iterator[str]:
        for (source, number), snapshot in self.there.items():
            try:
                found = hashlib.sha256(store.get_bytes(f"{source}@{number}")).hexdigest()
            except PithstoreError as error:
                yield f"lost: {source} version {number}: {error}"
            else:
                if found != snapshot:
                    yield f"wrong bytes: {source} version {number}"
        for source, number in self.gone:
            try:
                store.get_bytes(f"{source}@{number}")
            except (NotFound, Erased):
                continue
            yield f"come back: {source} version {number}"

    def _stuck(self, store: Store) -> Iterator[str]:
        """That a new record does not get a number of its own."""
        record: dict[str, Json] = {
            "source": {"kind": "k", "id": "after"},
            "builder_version": "after",
            "new": os.urandom(8).hex(),
        }
        number = store.put(record).version.number
        known = [key[1] for key in (*self.there, *self.perhaps, *self.gone) if key[0] == "k:after"]
        if number in known:
            yield f"number {number} was given again"
        if (
            hashlib.sha256(store.get_bytes(f"k:after@{number}")).hexdigest()
            != store.prepare(record).snapshot.hex()
        ):
            yield "what was put afterwards is not what comes back"


def _problems(store: Store) -> Iterator[str]:
    for problem in store.verify().problems:
        yield f"verify: {problem.code}: {problem.message}"
