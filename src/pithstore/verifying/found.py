"""What was found, and how versions use what is damaged."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Protocol, TypeAlias

from pithstore.model import Source
from pithstore.references import Ref
from pithstore.report import Problem
from pithstore.selectors import ByNumber

Used: TypeAlias = tuple[Literal["section", "snapshot", "dictionary", "pack"], bytes | int]
"""What a version uses: a section or a snapshot, by its digest; a dictionary, by its mark; a value of packs, by its
sequence number."""


class Found(Protocol):
    """Is told each problem; and what is damaged of what versions use, where they must be looked up."""

    def __call__(self, problem: Problem, used: Iterable[Used] = (), /) -> None:
        """Take the problem."""
        ...


class Findings:
    """The problems that were told, in order, each with what versions use of what is damaged."""

    def __init__(self) -> None:
        self.told: dict[Problem, set[Used]] = {}

    def __call__(self, problem: Problem, used: Iterable[Used] = (), /) -> None:
        """Take the problem; the same one is one, however often it is told."""
        self.told.setdefault(problem, set()).update(used)

    def tell(self, found: Found) -> None:
        """Tell all of them to another one."""
        for problem, used in self.told.items():
            found(problem, used)

    def __len__(self) -> int:
        return len(self.told)


def refs(source: Source, numbers: Iterable[int]) -> tuple[Ref, ...]:
    """The references to these versions of a source."""
    return tuple([Ref(source, ByNumber(number)) for number in numbers])
