"""What a section declares, found in its bytes: exactly what is found by reading it."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pithstore.declared.declarations import declarations, drift_since
from pithstore.declared.declared_bytes import find_declaring
from pithstore.errors import UsageError
from pithstore.pointer import Json
from pithstore.testing.strategies import json_values, texts
from tests.pure.laws import definition, hash_of

DECLARED = "snapshot_sha256"
HASHES = st.sampled_from([hash_of({"payload": []}), "0" * 64, "A" * 64, "f" * 63, "é" * 64, '"' * 64])
NAMES = st.sampled_from(["claims", "references", "formal_canon", "author_claims", "integrity", "other"])
EMPTY: st.SearchStrategy[Json] = st.sampled_from([0, [], 0.0, False, "", {}, None, [0], 1])


@st.composite
def sections(draw: st.DrawFn) -> Json:
    """Sections with and without declared digests, with a rule and without, the member last or not, or deeper."""
    members = draw(
        st.dictionaries(texts(max_size=3) | st.just("z"), EMPTY | json_values(max_leaves=3), max_size=3)
    )
    if draw(st.booleans()):
        members |= {"detectors_run": draw(EMPTY), "findings": draw(EMPTY)}
    declared: Json = draw(HASHES | EMPTY)
    if draw(st.booleans()):
        payload: Json = {"detectors": members.get("detectors_run"), "findings": members.get("findings")}
        declared = hash_of({"payload": payload})
    if draw(st.integers(0, 9)):
        members[DECLARED] = declared
    section: Json = members
    if not draw(st.integers(0, 5)):
        deeper: list[Json] = [[section], {"deeper": section}, {"deeper": section, DECLARED: "0" * 64}]
        section = draw(st.sampled_from(deeper))
    return section


@given(NAMES, sections())
@example("claims", {"a": f'","{DECLARED}":"' + "0" * 64, "b": 0})
@example("other", f'{{"{DECLARED}":"{"0" * 64}"}}')
@example("claims", {DECLARED: hash_of({"payload": []})})
@example("claims", {'"\\': 0, DECLARED: hash_of({"payload": []})})
def test_what_is_found_is_what_is_declared(name: str, section: Json) -> None:
    body = definition(section)
    found = find_declaring(name, body)
    expected = declarations({name: section}, {name: body})
    assert (() if found is None else (found.declaration(),)) == expected
    if found is not None:
        assert found.body[: found.start] + found.body[found.end :] == body.replace(
            body[found.start : found.end], b"", 1
        )


@given(NAMES, sections(), sections(), st.booleans(), st.booleans())
def test_the_drift_is_told_by_the_bytes(name: str, old: Json, new: Json, same: bool, declared: bool) -> None:
    if same and isinstance(old, dict):
        new = {**old, DECLARED: "0" * 64} if declared else {**old, "a new one": 1}
    told = [find_declaring(name, definition(section)) for section in (old, new)]
    if told[0] is not None and told[1] is not None:
        before, after = told[0].declaration(), told[1].declaration()
        assert told[1].drift_since(told[0]) == drift_since(before, after)


def test_a_section_that_is_nested_deep_is_read_all_the_same() -> None:
    deep: Json = []
    for _ in range(199):
        deep = [deep]
    section: Json = {"detectors_run": deep, "findings": [], DECLARED: "0" * 64}
    (expected,) = declarations({"integrity": section}, {"integrity": definition(section)})
    found = find_declaring("integrity", definition(section))
    assert found is not None
    assert found.declaration() == expected
    body = definition(section).replace(b"[" * 200 + b"]" * 200, b"[" * 100_000 + b"]" * 100_000)
    with pytest.raises(UsageError, match="call stack"):
        find_declaring("integrity", body)
