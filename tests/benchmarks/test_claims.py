"""What is asked is computed from the right numbers and judged by the right bounds."""

from __future__ import annotations

import pytest
import scale
from claims import FAMILIES, RULES, Claim, all_claims, claims
from outcome import AGGRESSIVE, COMPACT, OURS

from tests.benchmarks.results import case, outcome

TYPICAL = {
    "first ingest ÷ C": (1.4 / 2, "met"),
    "first ingest and compaction ÷ C": (1.4 / 3, "met"),
    "ingest ÷ git fast-import": (4, "met"),
    "bytes a version, compacted ÷ git gc --aggressive": (0.6, "met"),
    "time of compaction ÷ git gc --aggressive": (0.02, "met"),
    "get of an old version, p50, compacted ÷ plain LMDB": (2, "met"),
    "get of an old version, p50, compacted ÷ pygit2 after gc": (0.2, "met"),
    "full verify, compacted ÷ LMDB scan and SHA-256": (0.5, "met"),
    "full verify, compacted ÷ git fsck": (4, "met"),
    "re-crawl ÷ first ingest of its lines": (10, "aim met"),
    "two worker processes ÷ one": (1.6, "met"),
}


def test_every_row_is_the_ratio_that_its_words_say() -> None:
    found = {claim.quantity: claim for claim in claims(outcome("typical:2000x10"))}
    assert found.keys() == TYPICAL.keys() == {rule.quantity for rule in RULES}
    for quantity, (got, verdict) in TYPICAL.items():
        assert found[quantity].got == pytest.approx(got), quantity
        assert found[quantity].verdict == verdict, quantity


def test_of_each_corpus_is_asked_what_the_rows_name() -> None:
    each = {
        "bytes a version, compacted ÷ git gc --aggressive",
        "time of compaction ÷ git gc --aggressive",
        "full verify, compacted ÷ git fsck",
        "re-crawl ÷ first ingest of its lines",
    }
    asked = {name: {claim.quantity: claim for claim in claims(outcome(name))} for name in FAMILIES[1:]}
    assert asked["vulndb"].keys() == asked["eol"].keys() == each
    assert asked["ror"].keys() == each | {"first ingest and compaction ÷ C"}
    assert asked["ror"]["first ingest and compaction ÷ C"][2:4] == (0.35, 0.60)
    assert asked["eol"]["bytes a version, compacted ÷ git gc --aggressive"][2:4] == (0.80, 0.55)
    assert claims(outcome("small:10x10")) == []


@pytest.mark.parametrize(
    ("more", "got", "verdict"),
    [
        (True, 4.99, "missed"),
        (True, 5, "met"),
        (True, 10, "aim met"),
        (False, 10, "met"),
        (False, 10.01, "missed"),
        (False, 5, "aim met"),
        (True, None, "not measured"),
    ],
)
def test_bounds_count_as_reached(*, more: bool, got: float | None, verdict: str) -> None:
    needed, aim = (5, 10) if more else (10, 5)
    assert Claim("what", "where", needed, aim, got, more).verdict == verdict


def test_what_was_not_measured_is_said_and_not_left_out() -> None:
    lacking = outcome("typical:1x1")
    del lacking["stores"][AGGRESSIVE]
    missing = {claim.quantity for claim in claims(lacking) if claim.verdict == "not measured"}
    assert missing == {quantity for quantity in TYPICAL if "aggressive" in quantity or "fsck" in quantity}
    whole = all_claims([lacking])
    assert len(whole) == sum(len(rule.asked) for rule in RULES) == 24
    assert {claim.where for claim in whole if claim.verdict == "not measured"} >= {"ror", "vulndb", "eol"}


def test_a_slower_store_never_has_a_better_ratio() -> None:
    for rule in RULES:
        slow = outcome("typical:1x1")
        for name in (OURS, COMPACT, "pithstore, two workers"):
            faster_again = "first_seconds" if "re-crawl" in rule.quantity else ""
            workers = rule.quantity.startswith("two worker") and name == OURS
            if not workers:
                slow["stores"][name] = {
                    key: value * (1 if key == faster_again else 2) for key, value in slow["stores"][name].items()
                }
        before, after = rule.value(outcome("typical:1x1")), rule.value(slow)
        assert after < before if rule.more else after > before, rule.quantity


def test_drift_and_memory_are_judged_in_every_form() -> None:
    found = {(claim.quantity, claim.where): claim for claim in scale.claims([case()])}
    drift = "time of a put at 1,000 versions ÷ at 20,000"
    assert found[drift, "as it was put"].verdict == found[drift, "compacted"].verdict == "missed"
    assert found["time of a get at 1,000 versions ÷ at 20,000", "compacted"].verdict == "met"
    assert found["most memory of compact, MB", "very many versions"].got == 120
    assert found["most memory of verify, MB", "very many versions"].verdict == "missed"
    assert len(found) == 7
