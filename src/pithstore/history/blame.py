"""Who set a value: the version, and so the builder and the time, since which it has been as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TypeAlias

import attrs

from pithstore import manifests, records, versions
from pithstore.canonical import decode
from pithstore.diff.list_keys import ListKeys
from pithstore.diff.values import Path
from pithstore.digest import Digest
from pithstore.engine import Engine, View
from pithstore.errors import NotFound
from pithstore.history.trace import Wanted, leaves, plant, trace
from pithstore.horizon import Horizon
from pithstore.model import Source, Version
from pithstore.pointer import Json, follow, write_pointer

_PAGE = 256


@attrs.frozen
class Blame:
    """A value of a version, where it stands (a JSON Pointer into the record), and the version that last set it."""

    pointer: str
    value: Json
    version: Version


def blame(
    engine: Engine, version: Version, pointer: Sequence[str], horizon: Horizon, keys: ListKeys
) -> list[Blame]:
    """Who set each scalar and each empty array or object at or below the pointer, in order.

    Versions count by number, within the horizon.  A section is read where its digest differs from that of the
    version before, until all of its values are told.  NotFound where the pointer leads nowhere.
    """
    manifest = engine.view(partial(records.read_manifest, version=version))
    names = [pointer[0]] if pointer else [section.name for section in manifest.sections]
    sections = [_Section(version, name, _reader(engine), pointer[1:], keys) for name in names]
    active = sections
    for older, digests in _older(engine, version, horizon):
        active = [section for section in active if section.goes_back_to(older, digests)]
        if not active:
            break
    return [blame for section in sections for blame in section.blames()]


ReadSection: TypeAlias = Callable[[Version, str], bytes]


def _reader(engine: Engine) -> ReadSection:
    return lambda version, name: engine.view(partial(records.read_section, version=version, name=name))


def _older(engine: Engine, version: Version, horizon: Horizon) -> Iterator[tuple[Version, dict[str, bytes]]]:
    """The versions before this one, the newest first, each with the digests of its sections."""
    after = version.number
    while page := engine.view(partial(_page, source=version.source, after=after)):
        for older, digests in page:
            if horizon.holds(older):
                if digests is None:
                    engine.view(partial(records.read_manifest, version=older))  # says what is damaged
                yield older, digests or {}
        after = page[-1][0].number


def _page(view: View, source: Source, after: int) -> list[tuple[Version, dict[str, bytes] | None]]:
    page = versions.page(view, source, after=after, limit=_PAGE, reverse=True)
    return list(zip(page, manifests.digests_of(view, page), strict=True))


class _Section:
    """The values of one section that are asked for, on their way back through its states."""

    def __init__(
        self, version: Version, name: str, read: ReadSection, tokens: Sequence[str], keys: ListKeys
    ) -> None:
        self._name = name
        self._read = read
        self._keys = keys
        body = read(version, name)
        self._digest: bytes = Digest.of(body)
        self._value = decode(body)
        self._since = version  # the oldest version that is known to have this state
        self._leaves = dict(_leaves_below(self._value, tokens, name))
        self._wanted: Wanted | None = plant((path, path) for path in self._leaves)
        self._set: dict[Path, Version] = {}

    def goes_back_to(self, older: Version, digests: dict[str, bytes]) -> bool:
        """Whether values are left to be told once this older version has been looked at."""
        digest = digests.get(self._name)
        if digest is None:
            return False
        if digest != self._digest:
            value = decode(self._read(older, self._name))
            self._follow(value)
            self._value, self._digest = value, digest
        self._since = older
        return self._wanted is not None

    def _follow(self, old: Json) -> None:
        """Take out the values that were not the same before; the others are wanted where they were then."""
        wanted: Wanted = {} if self._wanted is None else self._wanted
        found = list(trace(old, self._value, wanted, (self._name,), self._keys))
        self._set.update((name, self._since) for path, name in found if path is None)
        kept = [(path, name) for path, name in found if path is not None]
        self._wanted = plant(iter(kept)) if kept else None

    def blames(self) -> Iterator[Blame]:
        """What is known of each value: those still wanted were set by the oldest version that has them."""
        for path, value in self._leaves.items():
            pointer = write_pointer((self._name, *path))
            yield Blame(pointer, value, self._set.get(path, self._since))


def _leaves_below(value: Json, tokens: Sequence[str], name: str) -> Iterator[tuple[Path, Json]]:
    try:
        return leaves(follow(value, tokens), _positions(value, tokens))
    except NotFound:
        place = write_pointer((name, *tokens))
        raise NotFound(f"there is no value at {place}; 'pithstore get REF#{name}' shows what there is") from None


def _positions(value: Json, tokens: Sequence[str]) -> Path:
    """The tokens of a pointer into a value, those that name elements of lists as numbers."""
    path: list[str | int] = []
    for token in tokens:
        path.append(int(token) if isinstance(value, list) else token)
        value = follow(value, (token,))
    return tuple(path)
