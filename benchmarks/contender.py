"""What a store must do to be measured."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol, TypeVar

BATCH = 1000  # records in a durable commit
Item = TypeVar("Item")


class Contender(Protocol):
    """A store in a folder, opened anew for each of these questions; it is closed after each."""

    packs: tuple[str, ...]

    def __init__(self, folder: Path) -> None:
        """The store that is or will be there."""

    def put(self, lines: Iterable[bytes]) -> int:
        """Put each record durably, in batches; how many versions were new."""

    def pack(self, how: str) -> None:
        """Make the store smaller, in one of the ways named in `packs`."""

    def open(self) -> None:
        """Be ready to answer."""

    def get(self, source: str, number: int) -> bytes:
        """The canonical bytes of a version; their digests were checked."""

    def history(self, source: str) -> int:
        """How many versions the source has, when all of them were listed."""

    def verify(self) -> None:
        """Read everything and look whether it is what was put."""
