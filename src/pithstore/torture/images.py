"""What a medium may hold after the power was cut, told from what was written and synced until then.

The model is the strict one.  A write is durable once its file was synced after it, or once it returned from a
descriptor that syncs each write; any other may be there or not, whole or in some of its sectors, whatever was
written later.  Names of one directory are durable in their order up to its last sync, and beyond that as far as
the system had come.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Mapping, Sequence

import attrs

from pithstore.torture.recording import Cut, Deed, Made, Opened, Removed, Renamed, Synced, Written

_SECTOR = 512


@attrs.define(eq=False)
class _File:
    """What was done to one file, and which of it is durable."""

    deeds: list[Written | Cut] = attrs.field(factory=list)
    durable: set[int] = attrs.field(factory=set)

    def add(self, deed: Written | Cut, *, synced: bool) -> None:
        if synced:
            self.durable.add(len(self.deeds))
        self.deeds.append(deed)

    def sync(self) -> None:
        self.durable = set(range(len(self.deeds)))


@attrs.define(eq=False)
class _Directory:
    """What was done to the names of one directory, in order; the first `durable` deeds are so.

    A deed says what names mean from then on, None for nothing: a rename is one deed.
    """

    names: list[dict[str, _Directory | _File | None]] = attrs.field(factory=list)
    durable: int = 0

    def now(self, upto: int) -> dict[str, _Directory | _File]:
        found: dict[str, _Directory | _File | None] = {}
        for deed in self.names[:upto]:
            found.update(deed)
        return {name: what for name, what in found.items() if what is not None}


class Medium:
    """What was done so far below a directory that was empty; `images` tells what a cut may leave."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._top = _Directory()
        self._open: dict[int, tuple[_Directory | _File, bool]] = {}

    def do(self, deed: Deed) -> None:
        """Take one deed into account."""
        match deed:
            case Opened():
                self._open[deed.descriptor] = self._opened(deed), deed.synced
            case Written() | Cut():
                file, synced = self._open[deed.descriptor]
                if isinstance(file, _File):
                    file.add(deed, synced=synced and isinstance(deed, Written))
            case Synced():
                what = self._open[deed.descriptor][0]
                if isinstance(what, _File):
                    what.sync()
                else:
                    what.durable = len(what.names)
            case Made():
                self._name(deed.path, _Directory())
            case Removed():
                self._name(deed.path, None)
            case Renamed():
                self._rename(deed)

    def image(self, choice: random.Random, likely: float) -> dict[str, bytes | None]:
        """A state that a cut may leave: the bytes of each file by its path below the root, None for a directory.

        `likely` is how often what is not durable is there all the same: 1 leaves out nothing.
        """
        return dict(_image(self._top, "", choice, likely))

    def read(self, path: str) -> bytes:
        """The bytes of a file as the process that wrote it saw them; empty where there is none."""
        file = self._find(path)
        return _content(file.deeds) if isinstance(file, _File) else b""

    def _opened(self, deed: Opened) -> _Directory | _File:
        found = self._find(deed.path)
        if found is None:  # it was just created: a path that was there before is not ours
            found = _File()
            self._name(deed.path, found)
        if deed.truncated and isinstance(found, _File) and found.deeds:
            found.add(Cut(deed.descriptor, 0), synced=False)
        return found

    def _find(self, path: str) -> _Directory | _File | None:
        here: _Directory | _File | None = self._top
        for name in self._parts(path):
            if not isinstance(here, _Directory):
                return None
            here = here.now(len(here.names)).get(name)
        return here

    def _name(self, path: str, what: _Directory | _File | None) -> None:
        *parents, name = self._parts(path)
        directory = self._find(os.path.join(self._root, *parents))
        if isinstance(directory, _Directory):
            directory.names.append({name: what})

    def _rename(self, deed: Renamed) -> None:
        """Within one directory; nothing here moves a name to another."""
        *parents, name = self._parts(deed.old)
        directory = self._find(os.path.join(self._root, *parents))
        if isinstance(directory, _Directory):
            directory.names.append({name: None, self._parts(deed.new)[-1]: self._find(deed.old)})

    def _parts(self, path: str) -> list[str]:
        below = os.path.relpath(path, self._root)
        return [] if below == os.curdir else below.split(os.sep)


def write_image(image: Mapping[str, bytes | None], root: str) -> None:
    """Make the image real in an empty directory."""
    for path, data in image.items():
        whole = os.path.join(root, path)
        if data is None:
            os.mkdir(whole, mode=0o700)
        else:
            with open(whole, "wb") as file:
                file.write(data)


def _image(
    directory: _Directory, prefix: str, choice: random.Random, likely: float
) -> Iterator[tuple[str, bytes | None]]:
    upto = choice.randint(directory.durable, len(directory.names)) if likely < 1 else len(directory.names)
    for name, what in directory.now(upto).items():
        path = os.path.join(prefix, name)
        if isinstance(what, _File):
            yield path, _content(list(_kept(what, choice, likely)))
        else:
            yield path, None
            yield from _image(what, path, choice, likely)


def _kept(file: _File, choice: random.Random, likely: float) -> Iterator[Written | Cut]:
    for i, deed in enumerate(file.deeds):
        if i in file.durable:
            yield deed
        elif choice.random() < likely:
            torn = isinstance(deed, Written) and likely < 1 and choice.random() < 0.3
            yield from _sectors(deed, choice) if torn and isinstance(deed, Written) else (deed,)


def _sectors(deed: Written, choice: random.Random) -> Iterator[Written]:
    """Some of the sectors that a write covers: each is written whole or not at all."""
    at, end = deed.offset, deed.offset + len(deed.data)
    while at < end:
        stop = min(end, (at // _SECTOR + 1) * _SECTOR)
        if choice.random() < 0.5:
            yield Written(deed.descriptor, at, deed.data[at - deed.offset : stop - deed.offset])
        at = stop


def _content(deeds: Sequence[Written | Cut]) -> bytes:
    data = bytearray()
    for deed in deeds:
        if isinstance(deed, Cut):
            data = data[: deed.length].ljust(deed.length, b"\0")
        else:
            if len(data) < deed.offset:
                data.extend(bytes(deed.offset - len(data)))
            data[deed.offset : deed.offset + len(deed.data)] = deed.data
    return bytes(data)
