"""What the tests of the store share: stores on both engines, records, and a look at the raw entries."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Literal, TypeAlias

from pithstore.configuration import Configuration
from pithstore.engine import Engine, Item, Update, View
from pithstore.engine.lmdb import LmdbEngine
from pithstore.engine.memory import MemoryEngine
from pithstore.keys import SPACES
from pithstore.meta import write_first
from pithstore.pointer import Json
from pithstore.store import Store

EngineName: TypeAlias = Literal["memory", "lmdb"]
ENGINES: tuple[EngineName, ...] = ("memory", "lmdb")
Record: TypeAlias = dict[str, Json]
Entries: TypeAlias = dict[str, dict[bytes, bytes]]
"""Every entry of a store: space → key → value."""

EVERYTHING = 10_000_000


def new_engine(name: EngineName, directory: Path, configuration: Configuration | None = None) -> Engine:
    """An engine that holds a new store."""
    first = partial(write_first, configuration=configuration or Configuration())
    if name == "lmdb":
        return LmdbEngine.create(directory, SPACES, first)
    engine = MemoryEngine(SPACES)
    engine.update(first)
    return engine


def new_store(name: EngineName, directory: Path, configuration: Configuration | None = None) -> Store:
    """A new store."""
    return Store(new_engine(name, directory, configuration))


def record(
    identity: str = "1",
    *,
    kind: str = "k",
    builder: str = "b1",
    version: dict[str, Json] | None = None,
    **sections: Json,
) -> Record:
    """A record; `version` is {} for no source version, which is also the default."""
    return {**sections, "source": {"kind": kind, "id": identity, **(version or {})}, "builder_version": builder}


def entries_of(engine: Engine) -> Entries:
    """Every entry of a store."""

    def read(view: View) -> Entries:
        return {space: dict(view.scan(space, limit=EVERYTHING)) for space in SPACES}

    return engine.view(read)


def replace_entries(engine: Engine, entries: Entries) -> None:
    """Make these the only entries of a store."""

    def write(update: Update) -> None:
        for space in SPACES:
            update.delete_many(space, [key for key, _ in update.scan(space, limit=EVERYTHING)])
            update.put_many(space, sorted(entries[space].items()))

    engine.update(write)


def put_entry(engine: Engine, space: str, *items: Item) -> None:
    """Write entries as they are."""
    engine.update(lambda update: update.put_many(space, items))


def delete_entry(engine: Engine, space: str, *keys: bytes) -> None:
    """Take entries away."""
    engine.update(lambda update: update.delete_many(space, keys))
