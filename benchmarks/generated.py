"""Records in the shape of the seed, of which a new version changes about two of nine sections.

`typical` records have about 14 KB, `small` ones about 3 KB.  The same seed gives the same records.  One record of
twenty is the one before it, seen again.  Run as a program it writes JSON Lines to the standard output.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from bisect import bisect
from collections.abc import Iterator
from itertools import accumulate
from random import Random

from pithstore.pointer import Json

Record = dict[str, Json]

PROFILES = ("typical", "small")
BLOCK = 1000  # sources that are alive at a time, so that memory stays flat

_SYLLABLES = tuple(
    "al be cor di en fo gra hy is ka lo me ni op pre qua ra so ten ul vi xe yo za ß é ł ø".split()  # noqa: SIM905
)
_ENDINGS = tuple("tion ity ness al ic ing ed ment ous ly er able s".split())  # noqa: SIM905
_COMMON = tuple("the of and to in a is that we for with on as by this are from be which our".split())  # noqa: SIM905
_SPECIAL = ("≤ 0.05", "$O(n \\log n)$", "94.2%", '"zero-shot"', "ε-greedy", "\\textit{et al.}", "10^{-3}", "—")
_BUILDERS = tuple(f"builder-{year}-{month:02}" for year in (2025, 2026) for month in range(1, 13))
_DETECTORS = tuple(
    "doi_resolver self_citation text_overlap figure_reuse retraction_check stat_consistency".split()  # noqa: SIM905
)


def _vocabulary(count: int) -> list[str]:
    random = Random(count)
    words = dict.fromkeys(_COMMON)
    while len(words) < count:
        ending = random.choice(_ENDINGS) if random.random() < 0.7 else ""
        words["".join(random.choices(_SYLLABLES, k=random.randint(1, 4))) + ending] = None
    return list(words)


_WORDS = _vocabulary(16_000)
_WEIGHTS = list(accumulate(1 / (rank + 2.7) for rank in range(len(_WORDS))))


class Author:
    """Writes the records of one source, one version after the other."""

    def __init__(self, number: int, seed: int = 1, profile: str = "typical") -> None:
        self._random = Random(f"{seed}/{number}")
        self._big = profile == "typical"
        self._topic = self._random.choices(_WORDS[200:], k=120)  # rarer words that come back in this source
        self._builder = self._random.randrange(6)
        self._record: Record = {
            "paper": self._paper(),
            "claims": self._claims(),
            "source": {"kind": "arxiv", "id": f"{1001 + number // 90000}.{number % 90000:05}", "version": 1},
            "verdict": self._verdict(),
            "integrity": self._integrity(),
            "references": self._references([self._reference(i) for i in range(self._size(36, 2))]),
            "formal_canon": self._formal_canon(),
            "author_claims": {"count": 0, "strong_count": 0, "snapshot_sha256": _sha256([])},
            "builder_version": _BUILDERS[self._builder],
        }

    def record(self) -> Record:
        """The record as it is now; the caller may change it."""
        return dict(self._record)

    def revise(self) -> None:
        """Make the next version of the record: about two sections are other than before, or none."""
        kind = self._random.random()
        if kind < 0.05:
            return
        if kind < 0.35:
            self._record["verdict"] = self._verdict()
        elif kind < 0.60:
            self._record["integrity"] = self._integrity()
        elif kind < 0.80:
            self._resolve_references()
        elif kind < 0.95:
            self._rebuild()
        else:
            self._submit_again()

    def _rebuild(self) -> None:
        self._builder = min(self._builder + self._random.randint(1, 3), len(_BUILDERS) - 1)
        self._record["builder_version"] = _BUILDERS[self._builder]
        self._record["verdict"], self._record["integrity"] = self._verdict(), self._integrity()
        if self._random.random() < 0.4:
            self._record["formal_canon"] = self._formal_canon()
        if self._random.random() < 0.3:
            self._record["claims"] = self._claims()

    def _resolve_references(self) -> None:
        sample = self._sample() or [self._reference(0)]
        for place in self._random.sample(range(len(sample)), min(len(sample), self._random.randint(1, 4))):
            one = sample[place]
            assert isinstance(one, dict)
            sample[place] = {**one, "doi": self._doi()}
        self._record["references"] = self._references(sample)

    def _submit_again(self) -> None:
        source, paper = self._record["source"], self._record["paper"]
        assert isinstance(source, dict)
        assert isinstance(paper, dict)
        version, abstract = source["version"], paper["abstract_excerpt"]
        assert isinstance(version, int)
        assert isinstance(abstract, str)
        kept = abstract[: len(abstract) * 2 // 3]
        revised = f"{kept} {self._text(len(abstract) - len(kept))}"
        self._record["source"] = {**source, "version": version + 1}
        self._record["paper"] = {**paper, "abstract_excerpt": revised, "submitted_at": self._time()}
        self._record["references"] = self._references([*self._sample(), self._reference(len(self._sample()))])

    def _sample(self) -> list[Json]:
        section = self._record["references"]
        assert isinstance(section, dict)
        sample = section["sample"]
        assert isinstance(sample, list)
        return list(sample)

    def _size(self, typical: int, small: int) -> int:
        if self._big:
            return max(0, int(self._random.gauss(typical, typical / 2)))
        return self._random.randint(0, small)

    def _text(self, characters: int) -> str:
        random, words, length, left = self._random.random, list[str](), 0, 0
        while length < characters:
            chance = random()
            if chance < 0.17:
                word = self._topic[int(random() * len(self._topic))]
            elif chance < 0.185:
                word = _SPECIAL[int(random() * len(_SPECIAL))]
            else:
                word = _WORDS[bisect(_WEIGHTS, random() * _WEIGHTS[-1])]
            if left == 0:
                left, word = 8 + int(random() * 24), word.capitalize()
            left -= 1
            words.append(word + "." if left == 0 else word)
            length += len(words[-1]) + 1
        return " ".join(words)

    def _hex(self, digits: int) -> str:
        return f"{self._random.getrandbits(4 * digits):0{digits}x}"

    def _doi(self) -> str:
        return f"10.{self._random.randint(1000, 9999)}/{self._random.choice(_WORDS[:300])}.{self._hex(6)}"

    def _time(self) -> str:
        pick = self._random.randint
        return f"2026-{pick(1, 12):02}-{pick(1, 28):02}T{pick(0, 23):02}:{pick(0, 59):02}:{pick(0, 59):02}Z"

    def _paper(self) -> Json:
        authors = ", ".join(self._text(12) for _ in range(self._random.randint(1, 6)))
        excerpt = self._text(self._random.randint(900, 2300) if self._big else self._random.randint(400, 700))
        return {
            "title": self._text(self._random.randint(40, 95)),
            "license": self._random.choice(("CC-BY-4.0", "CC-BY-NC-SA-4.0", "arXiv-1.0")),
            "authors_text": authors,
            "submitted_at": self._time(),
            "abstract_excerpt": excerpt,
        }

    def _claims(self) -> Json:
        items: list[Json] = [self._claim() for _ in range(min(self._size(6, 1), 20))]
        return {"count": len(items), "items": items, "snapshot_sha256": _sha256(items)}

    def _claim(self) -> Json:
        return {
            "id": self._hex(32),
            "kind": self._random.choice(("theorem", "empirical", "method", "conjecture")),
            "text": self._text(self._random.randint(60, 240)),
            "location": f"Section {self._random.randint(1, 8)}",
            "confidence": round(self._random.random(), 3),
        }

    def _references(self, sample: list[Json]) -> Json:
        return {"count": len(sample), "sample": sample, "snapshot_sha256": _sha256(sample)}

    def _reference(self, place: int) -> Json:
        return {
            "doi": self._doi() if self._random.random() < 0.5 else "",
            "year": self._random.randint(1985, 2026),
            "title": self._text(self._random.randint(40, 95)),
            "work_id": self._hex(32),
            "ref_index": place + 1,
            "is_internal_anchor": self._random.random() < 0.1,
        }

    def _integrity(self) -> Json:
        names = self._random.sample(_DETECTORS, k=self._random.randint(3, 6)) if self._big else []
        run: list[Json] = [{"name": name, "ran_at": self._time(), "status": "completed"} for name in names]
        found = names[: self._random.choice((0, 0, 0, 1, 1, 2, 3))]
        findings: list[Json] = [self._finding(name) for name in found]
        section: dict[str, Json] = {"clean": not findings, "findings": findings, "detectors_run": run}
        section["snapshot_sha256"] = _sha256(section)
        return section

    def _finding(self, detector: str) -> Json:
        return {
            "detector": detector,
            "severity": self._random.choice(("informational", "advisory", "critical")),
            "note": self._text(self._random.randint(60, 200)),
            "evidence_hash": self._hex(64),
            "created_at": self._time(),
        }

    def _verdict(self) -> Json:
        scale = 1.0 if self._big else 0.4
        return {
            "id": self._hex(32),
            "model_set": {"reader": self._random.choice(("one-4.3", "two-5")), "judge": "two-5"},
            "created_at": self._time(),
            "decision": self._random.choice(("accept", "minor_revision", "uncertain", "reject")),
            "confidence": round(self._random.random(), 4),
            "strongest_claim": self._text(int(self._random.randint(150, 420) * scale)),
            "one_line_summary": self._text(int(self._random.randint(90, 180) * scale)),
            "weakest_assumption": self._text(int(self._random.randint(120, 360) * scale)),
        }

    def _formal_canon(self) -> Json:
        count = self._random.choice((0, 0, 1, 2, 4)) if self._big else 0
        evidence: list[Json] = [
            {"theorem": self._random.choice(_WORDS), "relation": "unclear", "note": self._text(90)}
            for _ in range(count)
        ]
        return {"evidence": evidence, "evidence_count": count, "snapshot_sha256": _sha256(evidence)}


def _sha256(value: Json) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def history(number: int, versions: int, seed: int = 1, profile: str = "typical") -> Iterator[Record]:
    """That many records of the source with that number, the oldest first; one of twenty changes nothing."""
    author = Author(number, seed, profile)
    for _ in range(versions):
        yield author.record()
        author.revise()


def records(sources: int, versions: int, seed: int = 1, profile: str = "typical") -> Iterator[Record]:
    """So many records of each source, as crawls bring them: of a block of sources the first, then the second, …"""
    for first in range(0, sources, BLOCK):
        authors = [Author(number, seed, profile) for number in range(first, min(first + BLOCK, sources))]
        for _ in range(versions):
            for author in authors:
                yield author.record()
                author.revise()


def line_of(record: Record) -> bytes:
    """The record as a line of JSON, its members in the order in which they were made."""
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", type=int, default=2000, help="sources (default 2000)")
    parser.add_argument("--versions", type=int, default=10, help="records of each (default 10)")
    parser.add_argument("--seed", type=int, default=1, help="another seed gives other records (default 1)")
    parser.add_argument("--profile", choices=PROFILES, default="typical", help="the size of the records")
    given = parser.parse_args()
    for record in records(given.sources, given.versions, given.seed, given.profile):
        sys.stdout.buffer.write(line_of(record))


if __name__ == "__main__":
    main()
