"""What is asked of pithstore, and whether what was measured keeps to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeAlias

from outcome import AGGRESSIVE, COMPACT, GIT, LIBRARY, OURS, PLAIN, TWO, Outcome, ceiling, family
from tables import NOTHING, Table

FAMILIES = ("typical", "ror", "vulndb", "eol")

Bounds: TypeAlias = tuple[float, float]
"""What is needed and what is aimed at."""


class Claim(NamedTuple):
    """A figure that was asked for; `got` is None where it was not measured; `more`: the more the better."""

    quantity: str
    where: str
    needed: float
    aim: float | None
    got: float | None
    more: bool

    @property
    def verdict(self) -> str:
        """Of four: not measured, missed, met, aim met."""
        if self.got is None:
            return "not measured"
        if not self._reaches(self.needed):
            return "missed"
        return "aim met" if self.aim is not None and self._reaches(self.aim) else "met"

    def _reaches(self, bound: float) -> bool:
        assert self.got is not None
        return self.got >= bound if self.more else self.got <= bound


class Rule(NamedTuple):
    """A quantity, what is asked of it for each family of inputs, and how it is computed; `more` is better."""

    quantity: str
    asked: dict[str, Bounds]
    value: Callable[[Outcome], float]
    more: bool = True

    def claim(self, outcome: Outcome) -> Claim:
        """What the outcome says; of a store that was not measured it says nothing."""
        try:
            got = self.value(outcome)
        except KeyError:
            got = None
        return Claim(self.quantity, outcome["input"], *self.asked[family(outcome)], got, self.more)


def of(store: str, name: str) -> Callable[[Outcome], float]:
    return lambda outcome: outcome["stores"][store][name]


def ratio(above: Callable[[Outcome], float], below: Callable[[Outcome], float]) -> Callable[[Outcome], float]:
    return lambda outcome: above(outcome) / below(outcome)


def put_and_pack(outcome: Outcome) -> float:
    row = outcome["stores"][COMPACT]
    return row["put_seconds"] + row["pack_seconds"]


def scan(outcome: Outcome) -> float:
    return outcome["ceilings"]["scan_seconds"]


def everywhere(needed: float, aim: float) -> dict[str, Bounds]:
    return dict.fromkeys(FAMILIES, (needed, aim))


ours = of(OURS, "put_seconds")
small = of(COMPACT, "bytes")
get, verify = of(COMPACT, "get_p50_us"), of(COMPACT, "verify_seconds")
RULES = (
    Rule("first ingest ÷ C", {"typical": (0.65, 0.85)}, ratio(ceiling, ours)),
    Rule(
        "first ingest and compaction ÷ C",
        {"typical": (0.42, 0.60), "ror": (0.35, 0.60)},
        ratio(ceiling, put_and_pack),
    ),
    Rule("ingest ÷ git fast-import", {"typical": (3, 5)}, ratio(of(GIT, "put_seconds"), ours)),
    Rule(
        "bytes a version, compacted ÷ git gc --aggressive",
        {**everywhere(0.80, 0.55), "typical": (0.60, 0.50)},
        ratio(small, of(AGGRESSIVE, "bytes")),
        more=False,
    ),
    Rule(
        "time of compaction ÷ git gc --aggressive",
        everywhere(1 / 10, 1 / 100),
        ratio(of(COMPACT, "pack_seconds"), of(AGGRESSIVE, "pack_seconds")),
        more=False,
    ),
    Rule(
        "get of an old version, p50, compacted ÷ plain LMDB",
        {"typical": (2.2, 1.5)},
        ratio(get, of(PLAIN, "get_p50_us")),
        more=False,
    ),
    Rule(
        "get of an old version, p50, compacted ÷ pygit2 after gc",
        {"typical": (0.25, 0.15)},
        ratio(get, of(LIBRARY, "get_p50_us")),
        more=False,
    ),
    Rule("full verify, compacted ÷ LMDB scan and SHA-256", {"typical": (0.35, 0.60)}, ratio(scan, verify)),
    Rule("full verify, compacted ÷ git fsck", everywhere(3, 6), ratio(of(AGGRESSIVE, "verify_seconds"), verify)),
    Rule(
        "re-crawl ÷ first ingest of its lines",
        everywhere(5, 10),
        ratio(of(OURS, "first_seconds"), of(OURS, "again_seconds")),
    ),
    Rule("two worker processes ÷ one", {"typical": (1.4, 1.7)}, ratio(ours, of(TWO, "put_seconds"))),
)


def claims(outcome: Outcome) -> list[Claim]:
    """What is asked on this input."""
    return [rule.claim(outcome) for rule in RULES if family(outcome) in rule.asked]


def all_claims(outcomes: Iterable[Outcome]) -> list[Claim]:
    """All that is asked, row by row, also of inputs that were not measured."""
    found = {family(outcome): outcome for outcome in outcomes}
    return [
        rule.claim(found[name]) if name in found else Claim(rule.quantity, name, *bounds, None, rule.more)
        for rule in RULES
        for name, bounds in rule.asked.items()
    ]


def shown(figure: float) -> str:
    return f"{figure:.0f}" if figure >= 100 else f"{figure:.3g}"


def claims_table(found: Iterable[Claim]) -> Table:
    rows = [
        (
            claim.quantity,
            claim.where,
            claim.verdict,
            ("≥ " if claim.more else "≤ ") + f"{claim.needed:g}",
            "" if claim.aim is None else f"{claim.aim:g}",
            NOTHING if claim.got is None else shown(claim.got),
        )
        for claim in found
    ]
    return Table(("asked", "of", "", "needed", "aim", "got"), rows, words=3)
