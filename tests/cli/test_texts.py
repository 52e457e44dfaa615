"""Hostile texts through the command line: refused by name and place, nothing stored, no crash."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from pithstore.limits import DEFAULT_LIMITS
from pithstore.model import Source
from pithstore.refusal import Reason
from tests.cli.conftest import Done, Pithstore, check_refusal
from tests.pure.archives import json_test_suite, naughty_strings
from tests.pure.hostile import CASES, Case
from tests.pure.laws import definition
from tests.pure.test_json_test_suite import EXPECTED_OF_EITHER, EXPECTED_OF_WHOLE, REFUSED_BY_LAW_2

COMPRESSED = {"gzip"}
"""Texts that a file is not asked for: it is taken for a compressed one."""

BY_DEFAULT = [case for case in CASES if case.limits == DEFAULT_LIMITS and case.name not in COMPRESSED]
REFUSED = [case for case in BY_DEFAULT if case.reason is not None]
ACCEPTED = [case for case in BY_DEFAULT if case.reason is None]
NOT_OF_A_VALUE = {Reason.IDENTITY, Reason.NOT_AN_OBJECT}
"""What `hash` takes: it asks for a JSON text only."""

AS_LINES = {"two lines": Reason.IDENTITY}
"""Texts that a file makes JSON Lines of, each line then being refused for another reason."""

Writer = Callable[[bytes], Path]


@pytest.fixture
def written(tmp_path: Path) -> Writer:
    """Writes a text into a file, always the same."""
    path = tmp_path / "case"

    def write(text: bytes) -> Path:
        path.write_bytes(text)
        return path

    return write


def check_refused(done: Done, path: Path, case: Case) -> None:
    reason = AS_LINES.get(case.name, case.reason)
    first = done.err.splitlines()[0]
    assert done.code == 6, case.name
    assert first.startswith(f"{path}:"), case.name
    assert f": refused, {reason}: " in first, case.name
    assert "Traceback" not in done.err, case.name
    assert all(line.isprintable() and len(line) < 600 for line in done.err.splitlines()), case.name


def test_the_table_is_large() -> None:
    assert len(REFUSED) >= 120
    assert len(ACCEPTED) >= 50


@pytest.mark.usefixtures("store")
def test_every_refused_case_has_its_exit_code_and_stores_nothing(pithstore: Pithstore, written: Writer) -> None:
    for case in REFUSED:
        path = written(case.text)
        done = pithstore("put", path)
        check_refused(done, path, case)
        assert done.text.startswith(("1 record: 0 new versions", "2 records: 0 new versions")), case.name
    (stat,) = pithstore("stat", "--json").values
    assert stat == dict.fromkeys(stat, 0) | {"stored_bytes": stat["stored_bytes"], "dedupe_ratio": None}
    assert pithstore("verify").code == 0


@pytest.mark.usefixtures("store")
def test_every_accepted_case_is_stored(pithstore: Pithstore, written: Writer) -> None:
    for case in ACCEPTED:
        done = pithstore("put", written(case.text))
        assert (done.code, done.err) == (0, ""), case.name
    (stat,) = pithstore("stat", "--json").values
    assert 0 < int(str(stat["versions"])) <= len(ACCEPTED)
    assert pithstore("verify").code == 0


def test_the_refused_line_is_the_line_of_the_file(pithstore: Pithstore, written: Writer) -> None:
    for case in REFUSED:
        text = case.text
        if case.parses or case.offset is None or case.name in AS_LINES or len(text) > 100_000:
            continue
        if case.offset >= len(text.rstrip()):  # the end of a text of one line is the end of that line
            continue
        blank = len(text) - len(text.lstrip(b" \t\r\n"))  # the record starts on the first line that is not blank
        before = text.rfind(b"\n", 0, blank) + 1
        path, line = written(text), text.count(b"\n", 0, case.offset) + 1
        first = pithstore("check", path).err.splitlines()[0]
        offset = case.offset - (before if text.strip().count(b"\n") == 0 else 0)
        assert first.startswith(f"{path}:{line}, byte {offset} of the record: "), (case.name, first)


def test_check_says_the_same_without_a_store(pithstore: Pithstore, written: Writer) -> None:
    for case in BY_DEFAULT:
        path = written(case.text)
        done = pithstore("check", path)
        if case.reason is None:
            assert (done.code, done.err) == (0, ""), case.name
        else:
            check_refused(done, path, case)
            assert done.out == b""


def test_hash_takes_every_json_text_and_no_other(pithstore: Pithstore, written: Writer) -> None:
    for case in BY_DEFAULT:
        text = case.text
        path = written(text)
        done = pithstore("hash", path)
        if case.name in AS_LINES:
            assert (done.code, len(done.lines)) == (0, 2)
        elif case.reason is Reason.TOO_LARGE and case.parses:
            assert done.code in (0, 6), case.name  # the limit of the canonical form is a record's
        elif case.reason is None or case.reason in NOT_OF_A_VALUE:
            assert (done.code, done.err) == (0, ""), case.name
            assert done.lines == [sha256(definition(json.loads(text))).hexdigest()], case.name
        else:
            check_refused(done, path, case)


def expected_of(name: str) -> str | None:
    return EXPECTED_OF_WHOLE.get(name) or EXPECTED_OF_EITHER.get(name) or REFUSED_BY_LAW_2.get(name)


def test_the_whole_json_test_suite_through_hash(pithstore: Pithstore, written: Writer) -> None:
    seen = 0
    for name, text in json_test_suite().items():
        done = pithstore("hash", written(text))
        seen += 1
        assert "Traceback" not in done.err, name
        if name.startswith("n_"):
            assert done.code == 6, name
        elif (reason := expected_of(name)) is None:
            assert (done.code, done.lines) == (0, [sha256(definition(json.loads(text))).hexdigest()]), name
        else:
            assert done.code == 6, name
            assert f": refused, {reason}: " in done.err, name
    assert seen == 318


@pytest.mark.usefixtures("store")
def test_what_starts_as_a_compressed_file_is_damaged_and_not_refused(
    pithstore: Pithstore, written: Writer
) -> None:
    for case in CASES:
        if case.name in COMPRESSED:
            for command in ("put", "check", "hash"):
                check_refusal(pithstore(command, written(case.text)), 15, "gzip stream is damaged")


@pytest.mark.usefixtures("store")
def test_naughty_ids_can_be_listed_and_asked_for(pithstore: Pithstore, tmp_path: Path) -> None:
    ids = list(dict.fromkeys(text for text in naughty_strings() if text))
    records = [
        {"source": {"kind": kind, "id": text}, "builder_version": text, text: {text: [serial]}}
        for text in ids
        for kind in (text, "k")
        for serial in (1, 2)
        if text not in ("source", "builder_version")
    ]
    path = tmp_path / "naughty.jsonl"
    path.write_text("\n".join(map(json.dumps, records)))
    assert pithstore("put", path).code == 0
    listed = pithstore("ls").lines
    assert sorted(listed) == sorted({str(Source(kind, text)) for text in ids for kind in (text, "k")})
    by_json = pithstore("ls", "--json").values
    assert {(str(value["kind"]), str(value["id"])) for value in by_json} == {
        (kind, text) for text in ids for kind in (text, "k")
    }
    for value in by_json:
        check_reference(pithstore, str(value["source"]), str(value["id"]))


def check_reference(pithstore: Pithstore, reference: str, identity: str) -> None:
    got = json.loads(pithstore("get", "--", reference).out)
    assert got["source"]["id"] == identity
    log = pithstore("log", "--json", "--", reference).values
    assert [entry["number"] for entry in log] == [1, 2]
    assert {entry["source"] for entry in log} == {reference}
    changes = pithstore("diff", "--", f"{reference}@1", reference)
    assert (changes.code, len(changes.lines)) == (1, 5)
    if not reference.startswith("-"):
        assert json.loads(pithstore("get", f"{reference}@-1").out)["source"]["id"] == identity
