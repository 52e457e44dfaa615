"""Problems as text: each with the versions that it affects, and at the end what mends them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pithstore.cli.output import print_line

if TYPE_CHECKING:
    from pithstore.report import Problem

_SHOWN = 5


def print_problems(problems: Sequence[Problem]) -> None:
    """Print a line for each problem, one for the versions behind it, and one for each command that mends some."""
    for problem in problems:
        print_line(f"{problem.code}: {problem.message}")
        if [str(ref) for ref in problem.affected] not in ([], [f"{problem.source}@{problem.number}"]):
            print_line(f"  affects {_some(problem)}")
    remedies: dict[str, list[str]] = {}
    for problem in problems:
        remedies.setdefault(problem.remedy, []).append(problem.code)
    for remedy, codes in remedies.items():
        print_line(f"to mend {', '.join(dict.fromkeys(codes))}: {remedy}")


def _some(problem: Problem) -> str:
    shown = ", ".join(map(str, problem.affected[:_SHOWN]))
    more = len(problem.affected) - _SHOWN
    return f"{shown} and {more:,} more" if more > 0 else shown
