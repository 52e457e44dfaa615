"""What a fault is tried with: trials, one after the other, each from a seed that makes it again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

import attrs


class Skipped(Exception):  # no fault of the store: never seen outside the suite
    """A fault that cannot be made here; the text says why."""


@attrs.frozen
class Trial:
    """One fault, made once: from which seed, and what was wrong afterwards; None for nothing."""

    seed: int
    finding: str | None = None


Trials: TypeAlias = Callable[[str, int], Iterator[Trial]]
"""From a directory of its own and the first seed: trials without end, or until all that there is was tried."""


@attrs.frozen
class Case:
    """A kind of fault by name, and its trials; `asked` is how many a whole run makes, None for all there are."""

    name: str
    title: str
    trials: Trials
    asked: int | None
