"""Every way in which a command says no: one line, its exit code, and what to do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.conftest import SEED, Pithstore, check_refusal


@pytest.mark.parametrize(
    ("code", "arguments", "words"),
    [
        (2, (), ("pithstore --help",)),
        (2, ("get",), ("Missing argument", "pithstore get --help")),
        (2, ("get", "a:b", "c:d"), ("unexpected extra argument", "pithstore get --help")),
        (2, ("get", "--nope", "a:b"), ("No such option", "--nope")),
        (2, ("get", "-k:1"), ("No such option",)),
        (2, ("--bogus",), ("--bogus",)),
        (2, ("ls", "--store"), ("--store",)),
        (2, ("--store", "", "ls"), ("--store",)),
        (2, ("bogus",), ("No such command",)),
        (2, ("get", "nonsense"), ("KIND:ID",)),
        (2, ("get", "npm:@scope/pkg"), ("npm:%40scope/pkg",)),
        (2, ("get", "maven:foo@1.2.3"), ("maven:foo%401.2.3",)),
        (2, ("get", "arxiv:2606.09475@2026-13"), ("not a time",)),
        (2, ("log", "arxiv:2606.09475@1"), ("arxiv:2606.09475",)),
        (2, ("log", "arxiv:2606.09475#paper"), ("arxiv:2606.09475",)),
        (2, ("get", "k:i@99999999999999999999"), ("10^18",)),
        (2, ("get", "k:%zz"), ("%25",)),
        (2, ("get", "k:%ff"), ("UTF-8",)),
        (2, ("get", "k:i@builder="), ("names no builder",)),
        (2, ("get", ""), ("KIND:ID",)),
        (2, ("get", "k:i#a/~2"), ("~0", "~1")),
        (2, ("ls", "arxiv:2606.09475#paper"), ("#",)),
        (2, ("cat", "12ab"), ("64 hexadecimal digits",)),
        (2, ("diff", "arxiv:2606.09475#paper", "arxiv:2606.09475"), ("whole version",)),
        (2, ("init",), ("already",)),
        (2, ("--store", "new", "init", "--record-bytes", "0"), ("record_bytes", "at least 1")),
        (2, ("--store", "new", "init", "--record-bytes", "-1"), ("record_bytes", "at least 1")),
        (2, ("--store", "new", "init", "--record-bytes", "1k"), ("--record-bytes",)),
        (2, ("--store", "new", "init", "--nesting", "0"), ("nesting", "at least 1")),
        (2, ("--store", "new", "init", "--nesting", "513"), ("nesting", "at most 512")),
        (2, ("--store", "new", "init", "--source-id", ""), ("source_id", "empty")),
        (2, ("--store", "new", "init", "--source-id", "/~2"), ("JSON Pointer",)),
        (2, ("--store", ".pithstore/CURRENT", "init"), (".pithstore/CURRENT", "directory")),
        (2, ("--store", ".pithstore/CURRENT/x", "init"), (".pithstore/CURRENT/x", "directory")),
        (2, ("--store", "postgresql://x", "ls"), ("no engine",)),
        (4, ("get", "arxiv:2606.09476"), ("did you mean arxiv:2606.09475",)),
        (4, ("log", "arXiv:1"), ("no source",)),
        (4, ("get", "arxiv:2606.09475@9"), ("newest is 1",)),
        (4, ("get", "arxiv:2606.09475@0"), ("newest is 1",)),
        (4, ("get", "arxiv:2606.09475@-5"), ("newest is 1",)),
        (4, ("get", "arxiv:2606.09475@builder=x"), ("pith-number-builder-2026-05-17-v1",)),
        (4, ("get", "arxiv:2606.09475@1999-01"), ("1999",)),
        (4, ("get", "arxiv:2606.09475#nothing"), ("no section 'nothing'",)),
        (4, ("get", "arxiv:2606.09475#paper/nothing"), ("leads nowhere",)),
        (4, ("cat", "0" * 64), ("no blob",)),
        (10, ("--store", "elsewhere", "ls"), ("no store at elsewhere", "init")),
        (10, ("--store", "elsewhere", "put", SEED), ("no store at elsewhere", "init")),
        (10, ("--store", "elsewhere", "check", SEED), ("no store at elsewhere", "init")),
        (10, ("--store", ".pithstore/CURRENT", "ls"), ("no store at .pithstore/CURRENT",)),
        (10, ("--store", "/dev/null", "ls"), ("no store at /dev/null",)),
    ],
)
@pytest.mark.usefixtures("store")
def test_a_refusal_is_one_line_with_its_code(
    pithstore: Pithstore, code: int, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    pithstore("put", SEED)
    check_refusal(pithstore(*arguments), code, *words)


SAME_PREFIX = (34047, 70317)
"""Two records of `numbered` whose snapshot hashes start with the same 8 digits."""


def numbered(serial: int) -> str:
    return f'{{"builder_version":"b","n":{serial},"source":{{"id":"i","kind":"k"}}}}'


@pytest.mark.usefixtures("store")
def test_a_prefix_of_several_snapshots_is_ambiguous(pithstore: Pithstore, tmp_path: Path) -> None:
    path = tmp_path / "two.jsonl"
    path.write_text("\n".join(map(numbered, (*SAME_PREFIX, SAME_PREFIX[0]))))
    assert pithstore("put", path).code == 0
    one, two, three = (str(entry["snapshot"]) for entry in pithstore("log", "--json", "k:i").values)
    assert one == three
    check_refusal(
        pithstore("get", "k:i@sha256:abbb4783"), 5, f"{one} (version 3)", f"{two} (version 2)", "fits 2 snapshots"
    )
    assert pithstore("get", f"k:i@sha256:{one[:20]}").text == numbered(SAME_PREFIX[0])
    check_refusal(pithstore("get", "k:i@sha256:abbb478"), 2, "8 to 64")
    check_refusal(pithstore("get", "k:i@sha256:00000000"), 4, "no version @sha256:00000000")


def test_without_a_store_it_says_how_to_make_one(pithstore: Pithstore) -> None:
    for arguments in (("ls",), ("get", "a:b"), ("put", SEED), ("verify",), ("stat",), ("put", SEED.parent)):
        check_refusal(pithstore(*arguments), 10, "--store PATH", "PITHSTORE", "pithstore init")
    assert pithstore("check", SEED).code == 0
    assert pithstore("hash", SEED).code == 0


def test_a_store_is_found_from_below_and_by_the_environment(
    pithstore: Pithstore, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pithstore("put", SEED)
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert pithstore("ls").lines == ["arxiv:2606.09475"]
    assert pithstore("init", "--store", "b.pith").code == 0
    assert pithstore("--store", "b.pith", "ls").lines == []
    assert pithstore("ls", "--store", "b.pith").lines == []
    assert pithstore("--store", tmp_path / "nothing", "ls", "--store", "b.pith").code == 0
    monkeypatch.chdir("/")
    monkeypatch.setenv("PITHSTORE", str(store))
    assert pithstore("ls").lines == ["arxiv:2606.09475"]
    check_refusal(pithstore("--store", tmp_path / "other", "ls"), 10)
    assert pithstore("ls", "--store", store).lines == ["arxiv:2606.09475"]
    monkeypatch.setenv("PITHSTORE", str(tmp_path / "other"))
    check_refusal(pithstore("ls"), 10, f"no store at {tmp_path}/other")
    assert pithstore("init").text == f"created a store at {tmp_path}/other\n"
    monkeypatch.setenv("PITHSTORE", "")
    monkeypatch.chdir(tmp_path)
    assert pithstore("ls").lines == ["arxiv:2606.09475"]


def test_a_store_may_have_any_name(pithstore: Pithstore, tmp_path: Path) -> None:
    for name in ("a b", "é", "-dash", "new\nline", os.fsdecode(b"\xff")):
        path = tmp_path / name
        assert pithstore("init", "--store", path).code == 0, name
        assert pithstore("--store", path, "put", SEED).code == 0
        assert pithstore("--store", path, "verify").code == 0
        check_refusal(pithstore("--store", path, "init"), 2, "already")
        check_refusal(pithstore("--store", f"{path}2", "ls"), 10)


@pytest.mark.usefixtures("store")
def test_text_that_is_not_utf_8_in_a_reference_is_refused(pithstore: Pithstore) -> None:
    pithstore("put", SEED)
    for text in ("k:\udcff", "\udcff:i", "k:i@builder=\udcff", "k:i@\udcff", "\udcff"):
        check_refusal(pithstore("get", text), 2)
    check_refusal(pithstore("get", "arxiv:2606.09475#\udcff"), 4)


def test_a_directory_with_other_things_in_it_becomes_no_store(pithstore: Pithstore, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    check_refusal(pithstore("--store", tmp_path, "init"), 2, "not empty")
    assert os.listdir(tmp_path) == ["notes.txt"]
    (tmp_path / "empty").mkdir()
    assert pithstore("--store", "empty", "init").code == 0


def test_other_rules_than_the_store_has_are_refused_by_init(pithstore: Pithstore) -> None:
    assert pithstore("init").text == "created a store at .pithstore\n"
    check_refusal(pithstore("init", "--source-kind", "dataset"), 2, "already")


@pytest.mark.parametrize("content", [b"", b"garbage" * 3000])
def test_a_damaged_data_file_is_said_and_not_taken_for_new(
    pithstore: Pithstore, store: Path, content: bytes
) -> None:
    pithstore("put", SEED)
    (store / "gen-000001" / "data.mdb").write_bytes(content)
    for arguments in (("ls",), ("put", SEED), ("verify",), ("init",)):
        check_refusal(pithstore(*arguments), 12, "data.mdb", "restore")


def test_an_unknown_format_is_refused_by_name(pithstore: Pithstore, store: Path) -> None:
    from pithstore.engine.lmdb import LmdbEngine
    from pithstore.keys import META, SPACES
    from pithstore.seal import seal

    entry = seal(META, b"format", b'{"canonical_form":"pith-json-1","features":["packs"],"format":7}')
    engine = LmdbEngine.open(store, SPACES)
    engine.update(lambda update: update.put_many(META, [(b"format", entry)]))
    engine.close()
    check_refusal(pithstore("ls"), 14, '"format":7', "packs", "newer pithstore")
