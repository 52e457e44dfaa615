"""Records in the shape of the seed: about 14 KB each, of which a new version changes about two sections.

The same seed gives the same records.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from random import Random

from pithstore.pointer import Json

Record = dict[str, Json]

_SYLLABLES = tuple(
    "al be cor di en fo gra hy is ka lo me ni op pre qua ra so ten ul vi xe yo za ß é ł ø".split()  # noqa: SIM905
)
_SPECIAL = ("≤ 0.05", "$O(n \\log n)$", "94.2%", '"zero-shot"', "ε-greedy", "\\textit{et al.}", "10^{-3}")
_BUILDERS = tuple(f"builder-{year}-{month:02}" for year in (2025, 2026) for month in range(1, 13))


def _vocabulary(count: int) -> list[str]:
    random = Random(count)
    return ["".join(random.choices(_SYLLABLES, k=random.randint(1, 4))) for _ in range(count)]


_WORDS = _vocabulary(4000)


class Author:
    """Writes the records of one source, one version after the other."""

    def __init__(self, number: int, seed: int = 1) -> None:
        self._random = Random(f"{seed}/{number}")
        self._record: Record = {
            "author_claims": self._declaring({"count": 0, "strong_count": 0}),
            "builder_version": _BUILDERS[0],
            "claims": self._declaring({"items": [self._claim() for _ in range(12)], "count": 12}),
            "formal_canon": self._declaring({"theorems": [], "evidence": self._text(300)}),
            "integrity": self._integrity(),
            "paper": self._paper(),
            "references": self._declaring({"sample": [self._reference(i) for i in range(20)], "count": 20}),
            "source": {"kind": "arxiv", "id": f"{1001 + number // 90000}.{number % 90000:05}", "version": 1},
            "verdict": {"decision": "uncertain", "confidence": 0.5, "summary": self._text(500)},
        }

    def _text(self, characters: int) -> str:
        words: list[str] = []
        while sum(map(len, words)) + len(words) < characters:
            rank = int(self._random.paretovariate(0.6))
            words.append(self._random.choice(_SPECIAL) if rank % 40 == 39 else _WORDS[rank % len(_WORDS)])
        return " ".join(words)

    def _declaring(self, section: dict[str, Json]) -> dict[str, Json]:
        text = json.dumps(section, sort_keys=True).encode()
        return {**section, "snapshot_sha256": hashlib.sha256(text).hexdigest()}

    def _claim(self) -> Json:
        return {
            "id": f"{self._random.getrandbits(128):032x}",
            "text": self._text(240),
            "kind": self._random.choice(("theorem", "measurement", "conjecture")),
            "confidence": round(self._random.random(), 3),
        }

    def _reference(self, number: int) -> Json:
        doi = f"10.{self._random.randint(1000, 9999)}/{self._random.getrandbits(40):x}"
        return {"index": number, "doi": doi, "title": self._text(70), "year": self._random.randint(1990, 2026)}

    def _integrity(self) -> Json:
        findings: list[Json] = [
            {"detector": name, "severity": self._random.choice(("advisory", "critical")), "note": self._text(150)}
            for name in self._random.sample(("doi_resolver", "self_citation", "text_overlap", "figure_reuse"), k=3)
        ]
        summary = {"score": self._random.random(), "critical": self._random.randrange(3)}
        return self._declaring({"detectors_run": 8, "findings": findings, "summary": dict(summary)})

    def _paper(self) -> Json:
        authors: list[Json] = [self._text(16) for _ in range(6)]
        return {"title": self._text(80), "abstract": self._text(1300), "authors": authors, "license": "CC-BY-4.0"}

    def record(self) -> Record:
        """The record as it is now; the caller may change it."""
        return dict(self._record)

    def revise(self) -> None:
        """Make the next version of the record: one to three sections are other than before."""
        names = self._random.choices(("verdict", "integrity", "references", "claims"), (5, 4, 2, 1), k=2)
        for name in dict.fromkeys(names):
            getattr(self, f"_revise_{name}")()
        if self._random.random() < 0.05:
            self._record["builder_version"] = self._random.choice(_BUILDERS)

    def _revise_verdict(self) -> None:
        decision = self._random.choice(("accept", "reject", "uncertain"))
        summary = self._text(500) if self._random.random() < 0.3 else f"revised: {self._random.random()}"
        self._record["verdict"] = {"decision": decision, "confidence": self._random.random(), "summary": summary}

    def _revise_integrity(self) -> None:
        self._record["integrity"] = self._integrity()

    def _revise_references(self) -> None:
        self._record["references"] = self._with_one_other("references", "sample", self._reference(99))

    def _revise_claims(self) -> None:
        self._record["claims"] = self._with_one_other("claims", "items", self._claim())

    def _with_one_other(self, name: str, items: str, new: Json) -> Json:
        section = self._record[name]
        assert isinstance(section, dict)
        listed = section[items]
        assert isinstance(listed, list)
        at = self._random.randrange(len(listed))
        return self._declaring({**section, items: [*listed[:at], new, *listed[at + 1 :]]})


def history(number: int, versions: int, seed: int = 1) -> Iterator[Record]:
    """That many versions of the source with that number, the oldest first."""
    author = Author(number, seed)
    for _ in range(versions):
        yield author.record()
        author.revise()
