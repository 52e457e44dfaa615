"""The catalogue of errors, and that the values are values."""

from __future__ import annotations

from datetime import UTC, datetime

import attrs
import pytest

from pithstore import errors
from pithstore.digest import Digest
from pithstore.errors import CATALOGUE, InvalidRecord, PithstoreError
from pithstore.model import Line, Source, Version
from pithstore.results import PutResult, PutSummary

EXIT_CODES = {
    "usage": 2,
    "not-found": 4,
    "ambiguous": 5,
    "invalid-record": 6,
    "declared-mismatch": 7,
    "no-store": 10,
    "store-busy": 11,
    "damaged": 12,
    "erased": 13,
    "format-unknown": 14,
    "storage-failed": 15,
}
"""As the design fixes them; released meanings stay."""


def every_error() -> list[type[PithstoreError]]:
    return [
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, PithstoreError) and value is not PithstoreError
    ]


def test_each_error_class_has_one_row_of_its_own() -> None:
    classes = every_error()
    assert len({error.problem for error in classes}) == len(classes)
    assert {error.problem: error for error in classes} == CATALOGUE
    assert list(CATALOGUE.values()) == classes


def test_exit_codes_are_those_of_the_design() -> None:
    given = {problem: error.exit_code for problem, error in CATALOGUE.items()}
    assert given.items() >= EXIT_CODES.items()
    assert set(given.values()) == set(EXIT_CODES.values())
    codes = (errors.EXIT_DONE, errors.EXIT_DIFFERS, errors.EXIT_USAGE, errors.EXIT_PARTLY, errors.EXIT_INTERRUPTED)
    assert codes == (0, 1, 2, 3, 130)


def test_statuses_are_http_errors() -> None:
    assert all(400 <= error.status < 600 for error in CATALOGUE.values())
    assert all(error.__doc__ for error in CATALOGUE.values())
    assert (PithstoreError.problem, PithstoreError.status) == ("error", 500)


def test_an_invalid_record_carries_its_place() -> None:
    error = InvalidRecord("why (where)", reason="syntax", why="why", line=1, offset=2, pointer="/a")
    assert (str(error), error.reason, error.why) == ("why (where)", "syntax", "why")
    assert (error.line, error.offset, error.pointer) == (1, 2, "/a")
    named = error.of("line 7")
    assert (str(named), named.reason, named.why) == ("line 7: why (where)", "syntax", "why")
    assert (named.line, named.offset, named.pointer) == (1, 2, "/a")
    bare = InvalidRecord("why", reason="type", why="why")
    assert (bare.line, bare.offset, bare.pointer) == (None, None, None)


NOW = datetime(2026, 6, 9, tzinfo=UTC)
VERSION = Version(Source("k", "i"), 1, "b", None, Digest.of(b""), NOW, NOW)


def test_a_summary_counts_what_became_of_each_record() -> None:
    stored = PutResult(VERSION, stored=True, sections=5, new_sections=2)
    unchanged = PutResult(VERSION, stored=False, sections=5, new_sections=0)
    summary = PutSummary(refused=1).plus(stored).plus(stored).plus(unchanged)
    assert summary == PutSummary(versions=2, unchanged=1, refused=1, sections=15, new_sections=4)
    assert summary.records == 4
    assert PutSummary().records == 0


def test_values_are_frozen_and_equal_by_what_they_say() -> None:
    assert Source("k", "i") == Source("k", "i")
    assert hash(Line(Source("k", "i"), "b")) == hash(Line(Source("k", "i"), "b"))
    assert sorted([Source("b", "a"), Source("a", "b"), Source("a", "a")])[0] == Source("a", "a")
    assert attrs.evolve(VERSION, number=2) != VERSION
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        VERSION.number = 2  # type: ignore[misc]
