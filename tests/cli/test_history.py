"""The commands about history: sources, log, matrix, blame, who, conflicts, declared; and as of a moment."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from pithstore.keys import MANIFESTS, OUTCOMES, VERSIONS, split_key
from pithstore.model import Source
from pithstore.references import Ref
from pithstore.selectors import ByBuilder
from pithstore.store import open as open_store
from tests.cli.conftest import (
    ARXIV,
    HISTORY,
    ROR,
    SEED,
    Done,
    Pithstore,
    check_refusal,
    finish,
    on_a_terminal,
    spawn,
)
from tests.cli.test_shapes import check_shape, shapes
from tests.cli.test_terminal import DANGEROUS
from tests.pure.archives import naughty_strings
from tests.store.shelves import delete_entry, entries_of

OLD = "ror-schema-1.0"
PITH = "pith-number-builder-2026-05-17-v1"
STRINGS = [*dict.fromkeys(string for string in naughty_strings() if string)]
FEBRUARY, MARCH = "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"
RIGHT = hashlib.sha256(b'{"payload":[]}').hexdigest()


def write(path: Path, records: Iterable[object]) -> Path:
    path.write_text("\n".join(map(json.dumps, records)))
    return path


def about(identity: str, builder: str = "b1", **sections: object) -> dict[str, object]:
    return {"source": {"kind": "k", "id": identity, "version": 1}, "builder_version": builder, **sections}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The examples; and k:1, of which x is set in March, April and, back-filled, in February."""
    room = tmp_path_factory.mktemp("shelf")

    def call(*arguments: str | Path) -> None:
        assert finish(spawn("--store", room / "made", *arguments)).code == 0

    call("init")
    call("put", "--at", "2026-06-09", SEED)
    call("put", "--at", "2026-06-10", HISTORY)
    for at, builder, x in [("2026-03", "b1", ["a"]), ("2026-04", "b2", ["b", "a"]), ("2026-02", "b1", [])]:
        records = [about("1", builder, x=x, claims={"snapshot_sha256": RIGHT, "items": x})]
        call("put", "--at", at, write(room / f"{at}.jsonl", records))
    return room / "made"


@pytest.fixture
def shelf(made: Path, tmp_path: Path) -> Path:
    """That store, which the commands find by themselves."""
    return Path(shutil.copytree(made, tmp_path / ".pithstore"))


# By hand.


@pytest.mark.usefixtures("shelf")
def test_sources_are_listed_with_their_version_as_of_then(pithstore: Pithstore) -> None:
    assert [line.split("  ")[0] for line in pithstore("sources").lines] == [f"{ARXIV}@1", "k:1@3", f"{ROR}@8"]
    (line,) = pithstore("sources", "--at", "2026-05").lines
    snapshot = hashlib.sha256(pithstore("get", "k:1@2").out).hexdigest()
    assert line == f"k:1@2  {snapshot[:12]}  2026-04-01T00:00:00Z  b2"
    assert pithstore("sources", "--at", "2026-02-01").lines[0].startswith("k:1@3  ")
    assert pithstore("sources", "--as-recorded", "2026-02-01").lines == []


@pytest.mark.usefixtures("shelf")
def test_log_has_lines_of_three_lengths(pithstore: Pithstore) -> None:
    first, second, third = pithstore("log", "k:1").lines
    assert first.split("  ")[2:] == ["2026-03-01T00:00:00Z", "b1", "first version"]
    assert second.split("  ")[2:] == ["2026-04-01T00:00:00Z", "b2", "builder_version, claims, x"]
    assert third.split("  ")[2:] == ["2026-02-01T00:00:00Z", "b1", "builder_version, claims, x"]
    assert [line.split("  ", 2)[2] for line in pithstore("log", "--oneline", "k:1").lines] == [
        *("first version", "builder_version, claims, x", "builder_version, claims, x"),
    ]
    assert [line.partition(" ")[0] for line in pithstore("log", "k:1", "--builder", "b1").lines] == ["@1", "@3"]


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        ((), "12345678"),
        (("--builder", OLD), "12468"),
        (("--builder", OLD, "--section", "links"), "16"),
        (("--section", "links", "--section", "nothing"), "1345678"),
        (("--section", "nothing"), ""),
        (("--since", "2026-06-10"), "12345678"),
        (("--since", "2026-06-10T00:00:01Z"), ""),
        (("--until", "2026-06-09"), ""),
        (("--until", "2026-06-10", "--since", "2026-06-10"), "12345678"),
        (("--at", "2026-06-10"), "12345678"),
    ],
)
@pytest.mark.usefixtures("shelf")
def test_log_lists_what_is_asked_for(pithstore: Pithstore, options: tuple[str, ...], numbers: str) -> None:
    for form in ((), ("--oneline",)):
        lines = pithstore("log", ROR, *options, *form).lines
        assert [line.partition(" ")[0] for line in lines] == [f"@{number}" for number in numbers]
    values = pithstore("log", ROR, *options, "--json").values
    assert [str(value["number"]) for value in values] == list(numbers)
    everything = {value["number"]: value for value in pithstore("log", "--json", ROR, *options[:2]).values}
    if options[:1] == ("--builder",):
        assert values == [everything[value["number"]] for value in values]


@pytest.mark.usefixtures("shelf")
def test_a_matrix_has_a_line_a_section(pithstore: Pithstore) -> None:
    assert pithstore("matrix", "k:1").lines == [
        "                 @1",
        "builder_version  +~<",
        "claims           +~~",
        "source           +..",
        "x                +~~",
    ]
    assert pithstore("matrix", "--builder", "b1", "k:1").lines[1] == "builder_version  +."
    assert pithstore("matrix", "--at", "2026-03", "k:1").lines[-1] == "x                +~"
    assert pithstore("matrix", ROR).lines[7] == "domains            +-+-<-"


@pytest.mark.usefixtures("store")
def test_a_wide_matrix_comes_in_blocks_of_the_width_of_the_terminal(
    pithstore: Pithstore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = "n" * 50
    records = [about("1", x=n // 3) | ({} if n == 30 else {long: n % 2}) for n in range(100)]
    pithstore("put", write(tmp_path / "wide.jsonl", records))
    monkeypatch.setenv("COLUMNS", "80")
    lines = pithstore("matrix", "k:1").lines
    names = ["", "builder_version", f"{'n' * 39}…", "source", "x", ""]
    assert [line.partition(" ")[0] for line in lines] == [*(names * 3)[:-1]]
    assert [line.strip() for line in lines[::6]] == ["@1", "@39", "@77"]
    marks = "".join(line[42:] for line in lines[2::6])
    assert marks == "+~" + "<" * 28 + "-" + "<" * 69
    assert max(map(len, lines)) == 80
    assert json.loads(pithstore("matrix", "--json", "k:1").out)["sections"][long] == marks
    shown = on_a_terminal("matrix", "k:1", COLUMNS="80").text
    assert "\x1b[33m~\x1b[0m" in shown
    assert "\x1b[" not in on_a_terminal("matrix", "k:1", NO_COLOR="1").text


def test_a_damaged_version_is_marked_and_does_not_stop_a_matrix(pithstore: Pithstore, shelf: Path) -> None:
    with open_store(shelf) as store:
        delete_entry(store._engine, MANIFESTS, store.version("k:1@2").snapshot)
    done = pithstore("matrix", "k:1")
    assert (done.code, done.lines[1:]) == (0, ["builder_version  +!.", *done.lines[2:]])
    assert {line[18] for line in done.lines[1:]} == {"!"}
    check_refusal(pithstore("blame", "k:1"), 12, "k:1 version 2: the manifest of snapshot")
    check_refusal(pithstore("who", "0" * 64), 12, "k:1 version 2: the manifest of snapshot")
    assert pithstore("blame", "k:1@1").code == 0


@pytest.mark.usefixtures("shelf")
def test_blame_names_version_time_and_builder_of_each_value(pithstore: Pithstore) -> None:
    assert pithstore("blame", "k:1@2#x").lines == [
        '@2  2026-04-01T00:00:00Z  b2  /x/0  "b"',
        '@1  2026-03-01T00:00:00Z  b1  /x/1  "a"',
    ]
    assert pithstore("blame", "k:1#x").lines == ["@3  2026-02-01T00:00:00Z  b1  /x  []"]
    assert pithstore("blame", "k:1#x", "--at", "2026-03").lines == ['@1  2026-03-01T00:00:00Z  b1  /x/0  "a"']
    assert pithstore("blame", "k:1#source/version").lines[0].startswith("@1  ")
    assert pithstore("blame", "k:1#source/version", "--at", "2026-02").lines[0].startswith("@3  ")
    assert [line.split()[0] for line in pithstore("blame", f"{ROR}#builder_version").lines] == ["@8"]
    assert [line.split()[0] for line in pithstore("blame", f"{ROR}#builder_version", "--builder", OLD).lines] == [
        "@1"
    ]


@pytest.mark.usefixtures("store")
def test_blame_shortens_long_values_and_json_does_not(pithstore: Pithstore, tmp_path: Path) -> None:
    pithstore("put", write(tmp_path / "long.jsonl", [about("1", x="é" * 1000, y=10**400)]))
    (line,) = pithstore("blame", "k:1#x").lines
    assert line.endswith('  /x  "' + "é" * 59 + "…")
    assert pithstore("blame", "--json", "k:1#x").values[0]["value"] == "é" * 1000
    assert pithstore("blame", "--json", "k:1#y").values[0]["value"] == 10**400


@pytest.mark.usefixtures("shelf")
def test_who_holds_a_blob(pithstore: Pithstore) -> None:
    digest = hashlib.sha256(b'"b1"').hexdigest()
    assert pithstore("who", digest).lines == [
        "k:1@1  2026-03-01T00:00:00Z  b1  builder_version",
        "k:1@3  2026-02-01T00:00:00Z  b1  builder_version",
    ]
    assert [value["number"] for value in pithstore("who", "--json", digest.upper()).values] == [1, 3]
    assert pithstore("who", "--at", "2026-02-15", digest).lines[0].startswith("k:1@3  ")
    for nobody in (("--at", "2026-01", digest), ("0" * 64,), ("--json", "0" * 64)):
        check_refusal(pithstore("who", *nobody), 4, "no version has a section", "pithstore ls REF")
    check_refusal(pithstore("who", "12ab"), 2, "64 hexadecimal digits")


@pytest.mark.usefixtures("shelf")
def test_conflicts_are_an_answer_of_problems_found(pithstore: Pithstore) -> None:
    done = pithstore("conflicts")
    assert (done.code, done.lines) == (
        1,
        [
            f"k:1  source version 1 by b1: 2 contents in @1 @3, {FEBRUARY} to {MARCH}: claims, x",
            "1 conflict; the sections that differ, and in how many:",
            "        1  claims",
            "        1  x",
        ],
    )
    assert pithstore("conflicts", "k:1").lines == done.lines
    none = ["no conflicts: each builder made one content of each source version"]
    for options in ((ROR,), (ARXIV,), ("--at", "2026-02-15"), ("--as-recorded", "2026-01")):
        quiet = pithstore("conflicts", *options)
        assert (quiet.code, quiet.lines) == (0, none)
    assert pithstore("conflicts", "--json", ROR).out == b""


@pytest.mark.usefixtures("store")
def test_conflicts_of_many_versions_are_shortened(pithstore: Pithstore, tmp_path: Path) -> None:
    sources = {"id": "1", "kind": "k", "version": None}
    records = [{"source": sources, "builder_version": "b", "x": n} for n in range(12)]
    pithstore(
        "put", "--at", "2026-01-01", write(tmp_path / "many.jsonl", [*records, about("2", x=1), about("2", x=2)])
    )
    lines = pithstore("conflicts").lines
    assert lines[0] == (
        "k:1  source version null by b: 12 contents in @1 @2 @3 @4 @5 @6 @7 @8 … @12, "
        "2026-01-01T00:00:00Z to 2026-01-01T00:00:00Z: x"
    )
    assert lines[2:] == ["2 conflicts; the sections that differ, and in how many:", "        2  x"]


@pytest.mark.usefixtures("shelf")
def test_declared_counts_and_lists(pithstore: Pithstore) -> None:
    done = pithstore("declared")
    assert done.err == ""
    heads = ["section", "match", "mismatch", "unknown rule", "changed, declared same", "same, declared changed"]
    assert [cell.strip() for cell in done.lines[0].split("  ") if cell] == heads
    rows = {line.split()[0]: line.split()[1:] for line in done.lines[1:]}
    assert rows["claims"] == ["2", "0", "2", "2", "0"]
    assert rows["integrity"] == ["1", "0", "0", "0", "0"]
    assert pithstore("declared", "k:1").lines == [
        "k:1@1  2026-03-01T00:00:00Z  b1  claims: unknown rule",
        "k:1@2  2026-04-01T00:00:00Z  b2  claims: unknown rule, changed though declared the same",
        "k:1@3  2026-02-01T00:00:00Z  b1  claims: match, changed though declared the same",
    ]
    assert pithstore("declared", "--outcome", "match", "--section", "claims").lines == [
        f"{ARXIV}@1  2026-06-09T00:00:00Z  {PITH}  claims: match",
        "k:1@3  2026-02-01T00:00:00Z  b1  claims: match, changed though declared the same",
    ]
    assert len(pithstore("declared", "--outcome", "changed-though-declared-the-same").lines) == 2
    assert pithstore("declared", "--outcome", "mismatch").lines == []
    assert pithstore("declared", "--at", "2026-02-15").lines[1].split() == ["claims", "1", "0", "0", "0", "0"]
    assert pithstore("declared", "k:1", "--at", "2026-02-15").lines == [
        "k:1@3  2026-02-01T00:00:00Z  b1  claims: match",
    ]
    check_refusal(pithstore("declared", "--outcome", "wrong"), 2, "same-though-declared-changed")


def test_a_store_without_a_ledger_is_told_of_and_rebuilt(pithstore: Pithstore, shelf: Path) -> None:
    from tests.store.test_declared import ledger_of, make_old

    counted = pithstore("declared")
    with open_store(shelf) as store:
        right = ledger_of(store._engine)
        make_old(store._engine)
    done = pithstore("declared")
    assert (done.code, done.lines) == (0, ["no section declares a digest of itself"])
    assert done.err == (
        "the store holds versions from before this ledger was kept, which are not counted; count them with "
        "'pithstore declared --rebuild'\n"
    )
    listed = pithstore("declared", "k:1")
    assert (listed.code, listed.out, listed.err) == (0, b"", done.err)
    for option in (
        ("k:1",),
        ("--section", "x"),
        ("--outcome", "match"),
        ("--at", "2026"),
        ("--as-recorded", "2026-01"),
    ):
        assert pithstore("declared", "--rebuild", *option).code == 2
    check_refusal(pithstore("declared", "--rebuild", "--at", "2026-01"), 2, "--at", "--as-recorded")
    assert pithstore("declared", "--rebuild") == counted
    assert pithstore("declared", "--json") == pithstore("declared", "--json", "--rebuild")
    assert "100%" in on_a_terminal("declared", "--rebuild", PITHSTORE=str(shelf)).text
    with open_store(shelf, readonly=True) as store:
        assert ledger_of(store._engine) == right


def test_verify_names_a_ledger_that_is_wrong_and_a_rebuild_mends_it(pithstore: Pithstore, shelf: Path) -> None:
    with open_store(shelf) as store:
        keys = [key for key in entries_of(store._engine)[VERSIONS] if split_key(key)[1] == OUTCOMES]
        delete_entry(store._engine, VERSIONS, keys[-1])
    done = pithstore("verify", "--json")
    (problem,) = json.loads(done.out)["problems"]
    assert (done.code, problem["code"], problem["source"], problem["number"]) == (1, "declared-wrong", "k:1", 3)
    assert pithstore("declared", "--rebuild").code == 0
    assert pithstore("verify").code == 0


# As of.


@pytest.mark.usefixtures("shelf")
def test_every_command_that_reads_looks_within_the_horizon(pithstore: Pithstore) -> None:
    assert pithstore("get", "k:1#x", "--at", "2026-03-15").text == '["a"]'
    assert pithstore("get", "k:1#x", "--at", "2026-03-15", "--pretty").text == '[\n  "a"\n]\n'
    assert pithstore("get", "k:1@-1#x", "--at", "2026-03-15").text == '["a"]'
    assert pithstore("ls", "--at", "2026-03-15").lines == ["k:1"]
    assert pithstore("ls", "k:1", "--at", "2026-03").lines == pithstore("ls", "k:1@1").lines
    assert pithstore("diff", "k:1", "k:1@1", "--at", "2026-03").code == 0
    assert pithstore("diff", "k:1", "k:1@1", "--at", "2026-02").code == 4
    for command in (("get", "k:1"), ("ls", "k:1"), ("log", "k:1"), ("matrix", "k:1"), ("blame", "k:1")):
        check_refusal(
            pithstore(*command, "--at", "2026-01"),
            4,
            "k:1 has no version observed by 2026-01-01T00:00:00Z",
            "log k:1",
        )
        check_refusal(pithstore(*command, "--as-recorded", "2026-01"), 4, "recorded by 2026-01-01T00:00:00Z")
    for command in (("log", "k:1"), ("matrix", "k:1"), ("blame", "k:1")):
        check_refusal(pithstore(*command, "--builder", "b9"), 4, "k:1 has no version made by 'b9'")
    check_refusal(
        pithstore("get", "k:1@3", "--at", "2026-01", "--as-recorded", "2030-01"),
        4,
        "k:1 has no version @3 observed by 2026-01-01T00:00:00Z and recorded by 2030-01-01T00:00:00Z",
    )


def test_as_recorded_is_what_the_store_knew(pithstore: Pithstore, shelf: Path) -> None:
    with open_store(shelf, readonly=True) as store:
        first, second, third = (version.recorded_at.isoformat() for version in store.history("k:1"))
    for moment, number in [(first, 1), (second, 2), (third, 3)]:
        assert f"k:1@{number}" in pithstore("sources", "--as-recorded", moment).text
        assert len(pithstore("log", "k:1", "--as-recorded", moment).lines) == number
    assert pithstore("get", "k:1#x", "--as-recorded", second, "--at", "2026-03-15").text == '["a"]'


@pytest.mark.parametrize(
    "command", ["get k:1", "ls", "sources", "log k:1", "matrix k:1", "blame k:1", "conflicts", "declared"]
)
@pytest.mark.parametrize(("option", "value"), [("--at", "soon"), ("--as-recorded", "2026-13"), ("--at", "")])
@pytest.mark.usefixtures("shelf")
def test_a_moment_that_is_none_is_refused(pithstore: Pithstore, command: str, option: str, value: str) -> None:
    check_refusal(pithstore(*command.split(), option, value), 2)


# What is not there.

OF_A_SOURCE = ("log", "matrix", "blame", "conflicts", "declared")


@pytest.mark.usefixtures("store")
def test_an_empty_store_has_no_history(pithstore: Pithstore) -> None:
    for command in ("sources", "ls"):
        assert pithstore(command) == pithstore(command, "--json") == Done(0, b"", "")
    assert pithstore("conflicts").lines == ["no conflicts: each builder made one content of each source version"]
    assert pithstore("declared").lines == ["no section declares a digest of itself"]
    for command in ("conflicts", "declared"):
        assert pithstore(command, "--json") == Done(0, b"", "")
        assert pithstore(command, "--at", "2026-01").code == 0
    assert pithstore("declared", "--rebuild").code == 0
    check_refusal(pithstore("who", "0" * 64), 4)
    for command in OF_A_SOURCE:
        check_refusal(pithstore(command, "k:1"), 4, "there is no source k:1; 'pithstore ls' lists the sources")


@pytest.mark.parametrize("command", OF_A_SOURCE)
@pytest.mark.usefixtures("shelf")
def test_a_source_that_is_not_there_is_answered_with_those_that_are_near(
    pithstore: Pithstore, command: str
) -> None:
    for options in ((), ("--json",), ("--at", "2026-07")):
        done = pithstore(command, "arxiv:2606.09457", *options)
        check_refusal(done, 4, f"there is no source arxiv:2606.09457; did you mean {ARXIV}?")
    check_refusal(pithstore(command, "k"), 2, "KIND:ID")
    if command != "blame":
        for ref in ("k:1@1", "k:1#x"):
            check_refusal(pithstore(command, ref), 2, "a history is of a source: k:1")


@pytest.mark.usefixtures("shelf")
def test_a_value_that_is_not_there_is_not_blamed(pithstore: Pithstore) -> None:
    check_refusal(pithstore("blame", "k:1#nothing"), 4, "k:1 version 3 has no section 'nothing'")
    check_refusal(pithstore("blame", "k:1#x/0"), 4, "there is no value at /x/0", "get REF#x")
    check_refusal(pithstore("blame", "k:1@9"), 4, "its newest is 3")


# The shapes of the reference.


@pytest.mark.parametrize(
    ("command", "arguments", "inner"),
    [
        ("sources", (), {}),
        ("log", ("k:1",), {}),
        ("matrix", ("k:1",), {"versions": 1}),
        ("blame", ("k:1",), {}),
        ("blame", (ARXIV,), {}),
        ("who", (hashlib.sha256(b'"b1"').hexdigest(),), {}),
        ("conflicts", (), {"versions": 1}),
    ],
)
@pytest.mark.usefixtures("shelf")
def test_json_has_the_names_and_types_of_the_reference(
    pithstore: Pithstore, command: str, arguments: Sequence[str], inner: dict[str, int]
) -> None:
    tables = shapes(command)
    done = pithstore(command, *arguments, "--json")
    assert done == pithstore("--json", command, *arguments)
    assert done.out.isascii()
    assert done.values
    for value in done.values:
        check_shape(value, tables[0])
        for name, table in inner.items():
            members = value[name]
            assert isinstance(members, list)
            for member in members:
                check_shape(member, tables[table])


@pytest.mark.usefixtures("shelf")
def test_json_of_declared_has_two_shapes(pithstore: Pithstore) -> None:
    counts, lists = shapes("declared")
    for value in pithstore("declared", "--json").values:
        check_shape(value, counts)
    findings = pithstore("declared", "--json", "--section", "claims").values
    for value in findings:
        check_shape(value, lists)
    assert {value["drift"] for value in findings} == {None, "changed though declared the same"}


# Every naughty string as id, builder, section and name.


@pytest.fixture
def naughty(pithstore: Pithstore, store: Path, tmp_path: Path) -> Path:
    """A source for each; one by a builder for each, one with a section and a member for each, in two states."""
    ids = [
        {"source": {"kind": string, "id": string, "version": string}, "builder_version": string, "x": {string: n}}
        | {"claims": {"snapshot_sha256": string}}
        for string in STRINGS
        for n in range(2)
    ]
    builders = [about("builders", string, x=n) for n, string in enumerate(STRINGS)]
    sections = [about("sections") | {s: {s: [s, n], "snapshot_sha256": s} for s in STRINGS} for n in range(2)]
    path = write(tmp_path / "naughty.jsonl", [*ids, *builders, *sections])
    assert pithstore("put", "--at", "2026-01-01", path).code == 0
    return store


NAUGHTY: dict[str, tuple[str, ...]] = {
    "ls": ("ls",),
    "ls of sections": ("ls", "k:sections"),
    "sources": ("sources",),
    "log of builders": ("log", "k:builders"),
    "log of sections": ("log", "k:sections"),
    "matrix": ("matrix", "k:sections"),
    "blame": ("blame", "k:sections"),
    "blame of builders": ("blame", "k:builders"),
    "who": ("who", hashlib.sha256(b"0").hexdigest()),
    "conflicts": ("conflicts",),
    "declared": ("declared",),
    "declared of sections": ("declared", "k:sections"),
    "declared everywhere": ("declared", "--outcome", "mismatch"),
    "diff": ("diff", "k:sections@1", "k:sections@2"),
    "diff of ids": ("diff", "k:builders", "k:sections"),
}


def test_nothing_naughty_is_shown_raw_and_all_of_it_is_told(naughty: Path, pithstore: Pithstore) -> None:
    """In one store for all, as it takes long to make."""
    for name, arguments in NAUGHTY.items():
        shown = pithstore(*arguments)
        assert shown.code in (0, 1), name
        assert not DANGEROUS.search(shown.text), name
        assert shown.err == "", name
        told = pithstore(*arguments, "--json")
        assert told.out.isascii(), name
        values = told.values  # each line is an object
        if name not in ("matrix", "conflicts", "diff", "diff of ids", "blame"):
            heads = {"declared": 1}.get(name, 0)
            assert len(shown.lines) == len(values) + heads, name
    assert {value["id"] for value in pithstore("ls", "--json").values} == {*STRINGS, "builders", "sections"}
    assert {value["builder_version"] for value in pithstore("log", "--json", "k:builders").values} == set(STRINGS)
    (matrix,) = pithstore("matrix", "--json", "k:sections").values
    sections = matrix["sections"]
    assert isinstance(sections, dict)
    assert sections.keys() == {*STRINGS, "source", "builder_version"}


@pytest.mark.process
def test_nothing_naughty_reaches_a_terminal(naughty: Path) -> None:
    for name in ("matrix", "blame", "log of builders", "diff", "ls of sections", "declared of sections"):
        shown = on_a_terminal(*NAUGHTY[name], NO_COLOR="1", PITHSTORE=str(naughty)).text
        assert not DANGEROUS.search(shown.replace("\r\n", "\n")), name
        assert shown.endswith("\r\n")
    got = on_a_terminal("get", "k:sections", PITHSTORE=str(naughty)).text
    assert not DANGEROUS.search(got.replace("\r\n", "\n"))
    assert json.loads(got).keys() == {*STRINGS, "source", "builder_version"}


def test_naughty_references_can_be_pasted(naughty: Path, pithstore: Pithstore) -> None:
    lines = pithstore("sources").lines
    assert len(lines) == len(STRINGS) + 2
    for line in lines:
        reference, snapshot, *_ = line.split("  ")
        done = pithstore("get", "--", reference)
        assert hashlib.sha256(done.out).hexdigest().startswith(snapshot)
    assert pithstore("ls").lines == [line.partition("@")[0] for line in lines]
    for command in (
        ("who", hashlib.sha256(b"0").hexdigest()),
        ("declared", "--outcome", "unknown-rule"),
        ("conflicts",),
    ):
        firsts = [line.split("  ")[0] for line in pithstore(*command).lines]
        references = [first for first in firsts if ":" in first and not first.endswith("in how many:")]
        assert len(references) >= (1 if command[0] == "who" else len(STRINGS))
        for reference in references[::7]:
            assert pithstore("get", "--", reference).code == 0


def test_naughty_names_are_taken_as_arguments(naughty: Path, pithstore: Pithstore) -> None:
    hostile = [string for string in STRINGS if DANGEROUS.search(string) or not string.isascii()]
    for string in [*hostile[::9], *STRINGS[::31]]:
        source = str(Source(string, string))
        for command in ("log", "matrix", "blame", "conflicts", "declared"):
            shown = pithstore(command, "--", source)
            assert shown.code in (0, 1), (command, source)
            assert not DANGEROUS.search(shown.text), (command, source)
        assert len(pithstore("log", f"--builder={string}", "k:builders").lines) == 1
        assert len(pithstore("log", f"--section={string}", "k:sections").lines) == 2
        assert len(pithstore("declared", f"--section={string}", "k:sections").lines) == 2
        ref = str(Ref(Source("k", "sections"), None, (string, string, "1")))
        assert pithstore("get", ref).text == "1"
        assert [value["value"] for value in pithstore("blame", "--json", ref).values] == [1]
        by = str(Ref(Source("k", "builders"), ByBuilder(string)))
        assert json.loads(pithstore("get", by).out)["builder_version"] == string
        refused = pithstore("matrix", f"--builder={string}", "k:sections")
        check_refusal(refused, 4, "k:sections has no version made by")


# A long history.


def test_a_source_with_20_000_versions(pithstore: Pithstore, store: Path) -> None:
    count = 20_000
    with open_store(store) as opened:
        opened.put_many(about("1", f"b{n % 2}", x={"new": n, "old": [n // 5000]}) for n in range(count))  # type: ignore[misc]
        newest = opened.version("k:1")
    assert newest.number == count
    assert len(pithstore("log", "k:1").lines) == count
    (matrix,) = pithstore("matrix", "--json", "k:1").values
    assert matrix["sections"] == {
        "builder_version": "+~" + "<" * (count - 2),
        "source": "+" + "." * (count - 1),
        "x": "+" + "~" * (count - 1),
    }
    numbers = [value["number"] for value in pithstore("blame", "--json", "k:1#x").values]
    assert numbers == [count, 15001]
    assert pithstore("blame", "k:1#source/id").lines[0].startswith("@1 ")
    assert len(pithstore("who", hashlib.sha256(b'"b1"').hexdigest()).lines) == count // 2
    conflicts = pithstore("conflicts").lines
    assert [line.partition(":")[2].partition(" in ")[0] for line in conflicts[:2]] == [
        f"1  source version 1 by b{n}: {count // 2} contents" for n in range(2)
    ]
    assert pithstore("declared").lines == ["no section declares a digest of itself"]
    assert pithstore("sources").lines[0].startswith(f"k:1@{count}  ")
    moment = newest.recorded_at.isoformat()
    assert pithstore("get", "k:1#x/new", "--as-recorded", moment).text == str(count - 1)
    assert pithstore("get", "k:1@-19999#x/new").text == "0"
    assert pithstore("ls", "k:1@10000").code == 0
    assert pithstore("diff", "k:1@1", f"k:1@{count}").code == 1
