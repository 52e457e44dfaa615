"""Patches are read and applied as RFC 6902 says, or refused."""

from __future__ import annotations

import json

import pytest

from pithstore.diff.changes import Change, Operation, patch, read_patch
from pithstore.errors import NotFound, UsageError
from pithstore.pointer import Json
from tests.pure.archives import files_in
from tests.pure.laws import complaint, definition

MISFITS: list[Change | Operation] = [
    Change("remove", "/x"),
    Change("replace", "/x", value=1),
    Change("add", "/x/y", value=1),
    Change("remove", "/list/2"),
    Change("replace", "/list/2", value=1),
    Change("add", "/list/3", value=1),
    Change("add", "/list/01", value=1),
    Change("add", "/list/x", value=1),
    Change("add", "/word/0", value=1),
    Change("remove", "/word/x"),
    Change("remove", ""),
    Change("remove", "/list/-"),
    Change("replace", "/list/-", value=1),
    Change("replace", "/word/0", value=1),
    Change("move", "/list/3", source="/list/0"),
    Change("move", "/list/2", source="/list/1"),
    Change("move", "/list/0", source="/list/2"),
    Change("move", "/list/0", source="/x"),
    Change("move", "/list/0/x", source="/list/0"),
    Change("move", "/list/0", source=""),
    Operation("copy", "/list/0", source="/x"),
    Operation("test", "/list/2", value=1),
    Operation("test", "/list/0", value=1.0),
    Operation("test", "/list/0", value=True),
]


@pytest.mark.parametrize("change", MISFITS, ids=map(str, MISFITS))
def test_a_change_that_does_not_fit_is_refused(change: Change | Operation) -> None:
    value: Json = {"list": [1, 2], "word": "text"}
    with pytest.raises(NotFound):
        patch(value, [change])
    assert value == {"list": [1, 2], "word": "text"}


def test_a_change_fits_at_the_end_of_a_list() -> None:
    assert patch([1, 2], [Change("add", "/2", value=3)]) == [1, 2, 3]
    assert patch([1, 2], [Change("add", "/0", value=3)]) == [3, 1, 2]
    assert patch([1, 2], [Change("replace", "", value="whole")]) == "whole"
    assert patch([1, 2], [Change("add", "/-", value=3)]) == [1, 2, 3]
    assert patch([1, 2], [Change("move", "/1", source="/0")]) == [2, 1]
    assert patch([1, 2], [Operation("copy", "", source="/1")]) == 2


def rfc_6902_suite() -> list[dict[str, Json]]:
    """The cases of json-patch/json-patch-tests, but for those that say they are disabled."""
    files = files_in("json-patch-tests.tar.gz")
    cases: list[dict[str, Json]] = []
    for name in ("spec_tests.json", "tests.json"):
        cases += json.loads(files[f"json-patch-tests/{name}"])
    return [case for case in cases if "patch" in case and not case.get("disabled")]


SUITE = rfc_6902_suite()


def test_the_suite_of_rfc_6902_is_all_there() -> None:
    assert len(SUITE) == 108


@pytest.mark.parametrize("case", SUITE, ids=lambda case: str(case.get("comment", "")))
def test_the_suite_of_rfc_6902(case: dict[str, Json]) -> None:
    if "error" in case:
        with pytest.raises((NotFound, UsageError)):
            patch(case["doc"], read_patch(case["patch"]))
    else:
        assert definition(patch(case["doc"], read_patch(case["patch"]))) == definition(case["expected"])


NO_PATCHES: list[Json] = [
    None,
    {},
    {"op": "remove", "path": "/a"},
    ["remove"],
    [{}],
    [{"op": ["add"], "path": "", "value": 0}],
    [{"op": "remove"}],
    [{"op": "remove", "path": 1}],
    [{"op": "remove", "path": "/~2"}],
    [{"op": "move", "from": None, "path": ""}],
    [{"op": "copy", "from": "x", "path": ""}],
]


@pytest.mark.parametrize("document", NO_PATCHES, ids=repr)
def test_what_is_no_patch_is_refused(document: Json) -> None:
    assert complaint(lambda: read_patch(document)) is not None


def test_nothing_is_moved_into_itself() -> None:
    for path in ("/0/0", "/0/-", "/0/0/x"):
        with pytest.raises(NotFound):
            patch([[1], [2], [3]], [Change("move", path, source="/0")])
    assert patch([[1], [2], [3]], [Change("move", "/0/0", source="/1")]) == [[[2], 1], [3]]
    assert patch([[1], [2]], [Change("move", "/0", source="/0")]) == [[1], [2]]
