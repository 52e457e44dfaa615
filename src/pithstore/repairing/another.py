"""The other copy: what it has of what is lacking here.  What is not sound there is not there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial

from pithstore import meta, records, versions
from pithstore.codec import Head
from pithstore.configuration import Configuration
from pithstore.digest import Digest
from pithstore.engine import Engine, Item, T, View
from pithstore.errors import Damaged, Erased, NotFound
from pithstore.keys import SOURCES, source_key
from pithstore.model import Source, Version
from pithstore.reproduction import checks
from pithstore.sources import read_source

_PAGE = 256


class Another:
    """Another copy of the store; one without an engine has nothing."""

    def __init__(self, engine: Engine | None) -> None:
        self._engine = engine

    def _ask(self, read: Callable[[View], T]) -> T | None:
        if self._engine is not None:
            with suppress(Damaged, Erased, NotFound):
                return self._engine.view(read)
        return None

    def configuration(self) -> Configuration | None:
        """The configuration that it was created with."""
        return self._ask(meta.read_configuration)

    def source_of(self, key: bytes) -> Source | None:
        """The source with that key."""

        def read(view: View) -> Source | None:
            (value,) = view.get_many(SOURCES, [key])
            return None if value is None else read_source((key, value))

        return self._ask(read)

    def sources(self) -> Iterator[Source]:
        """Its sources, in the order of their keys."""
        after: bytes | None = None
        while items := self._ask(partial(_scan, after=after)):
            for item in items:
                with suppress(Damaged):
                    yield read_source(item)
            after = items[-1][0]

    def head(self, source: Source) -> Head | None:
        """The last number and time that it knows of a source."""
        found = self._ask(partial(versions.heads, sources=[source]))
        return None if found is None else found[0]

    def version(self, source: Source, number: int) -> Version | None:
        """The version with that number."""
        found = self._ask(partial(versions.get_many, wanted=[(source, number)]))
        return None if found is None else found[0]

    def versions(self, source: Source) -> Iterator[Version]:
        """The versions of a source by rising number, up to the first whose entry is damaged."""
        after: int | None = None
        while page := self._ask(partial(versions.page, source=source, after=after, limit=_PAGE)):
            yield from page
            after = page[-1].number

    def record(self, version: Version) -> bytes | None:
        """The record of that snapshot hash, wherever it has it; hashed."""
        found = self._ask(partial(records.read_record, version=version))
        if found is not None:
            return found
        for same in self.versions(version.source):
            if same.snapshot == version.snapshot and same.number != version.number:
                return self._ask(partial(records.read_record, version=same))
        return None

    def bodies(self, digests: Sequence[Digest]) -> dict[Digest, bytes]:
        """Those of the sections that it has; hashed."""
        found = self._ask(partial(records.read_bodies, digests=digests)) or []
        pairs = zip(digests, found, strict=False)
        return {digest: body for digest, body in pairs if Digest.of(body) == digest}

    def checks(self, after: bytes | None) -> list[Item]:
        """A page of its recorded checks, from beyond that key; as they lie there."""
        return self._ask(partial(checks.page, after=after, limit=_PAGE)) or []

    def value(self, space: str, key: bytes) -> bytes | None:
        """The value of an entry, as it lies there: whoever takes it looks at its seal."""
        found = self._ask(lambda view: view.get_many(space, [key]))
        return None if found is None else found[0]


def _scan(view: View, after: bytes | None) -> list[Item]:
    return view.scan(SOURCES, after=after, limit=_PAGE)


def named(key: bytes, source: Source | None) -> Source | None:
    """The source, if its key is that one."""
    return source if source is not None and source_key(source) == key else None
