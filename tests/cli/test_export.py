"""`export` and `put --from-archive` from the outside: files whole or not at all, and everything comes back."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from pyarrow import ipc, parquet

from pithstore.engine.lmdb import LmdbEngine
from pithstore.keys import SPACES, TAIL
from tests.cli.conftest import (
    ARXIV,
    HISTORY,
    ROR,
    SEED,
    Pithstore,
    check_refusal,
    finish,
    on_a_terminal,
    spawn,
    wait_until,
)
from tests.cli.records import record
from tests.cli.test_shapes import break_a_blob, check_shape, shapes
from tests.cli.test_startup import imported
from tests.pure.test_naughty_strings import STRINGS

COPY = ("--store", "copy")


@pytest.fixture
def full(pithstore: Pithstore, store: Path) -> Path:
    """A store with two sources and nine versions."""
    assert pithstore("put", "--at", "2026-06-09", SEED).code == 0
    assert pithstore("put", "--at", "2026-06-10", HISTORY).code == 0
    return store


def said_by(pithstore: Pithstore, *store: str) -> list[bytes]:
    """What log, ls and stat say of everything in a store, without what it takes on the medium."""
    sources = [str(value["source"]) for value in pithstore(*store, "ls", "--json").values]
    logs = [pithstore(*store, "log", "--json", "--", source).out for source in sources]
    (stat,) = pithstore(*store, "stat", "--json").values
    return [*logs, json.dumps({**stat, "stored_bytes": 0}).encode()]


def test_an_archive_comes_back_with_equal_log_hashes_and_stat(pithstore: Pithstore, full: Path) -> None:
    done = pithstore("export", "--archive", "a.jsonl.zst")
    assert (done.code, done.err) == (0, "")
    assert done.text == f"9 versions in a.jsonl.zst ({os.path.getsize('a.jsonl.zst'):,} bytes)\n"
    back = pithstore(*COPY, "put", "--from-archive", "a.jsonl.zst")
    assert (back.code, back.err) == (0, "")
    assert back.text == "9 records: 9 new versions, 0 unchanged, 0 refused; 50 of 107 sections were new\n"
    assert said_by(pithstore, *COPY) == said_by(pithstore)
    assert pithstore(*COPY, "get", f"{ROR}@3").out == pithstore("get", f"{ROR}@3").out
    assert pithstore(*COPY, "verify").code == 0
    assert pithstore(*COPY, "export", "--archive", "-").out == pithstore("export", "--archive", "-").out
    again = pithstore(*COPY, "put", "--json", "--from-archive", "a.jsonl.zst")
    assert (again.code, again.err) == (0, "a.jsonl.zst: was restored completely before; skipped\n")
    check_shape(again.values[0], shapes("put")[0])
    assert set(again.values[0].values()) == {0}


@pytest.mark.usefixtures("full")
def test_zst_by_name_and_the_standard_output_hold_the_same(pithstore: Pithstore) -> None:
    for name in ("plain", "packed.zst"):
        assert pithstore("export", "--archive", name).code == 0
    plain = Path("plain").read_bytes()
    assert pithstore("export", "--archive", "-").out == plain
    packed = zstandard.ZstdDecompressor().decompressobj().decompress(Path("packed.zst").read_bytes())
    assert packed == plain
    rows = pithstore("export", "--format", "jsonl", "--table", "versions").out
    assert pithstore("export", "--format", "jsonl", "--table", "versions", "-o", "rows").code == 0
    assert Path("rows").read_bytes() == rows
    assert pithstore("export", "--format", "jsonl", "--table", "versions", "--output", "-").out == rows


@pytest.mark.usefixtures("full")
def test_the_summary_has_the_names_of_the_reference(pithstore: Pithstore) -> None:
    for arguments in (("--archive", "a"), ("--format", "parquet", "--table", "blobs", "-o", "b")):
        (value,) = pithstore("export", *arguments, "--json").values
        check_shape(value, shapes("export")[0])
        assert value["bytes"] == Path(str(value["file"])).stat().st_size
        assert value["rows"] == (9 if value["format"] == "archive" else 107)


@pytest.mark.usefixtures("full")
def test_each_format_of_a_table_holds_the_same(pithstore: Pithstore) -> None:
    for table in ("versions", "changes", "blobs"):
        for form in ("parquet", "arrow", "jsonl", "csv"):
            assert pithstore("export", "--format", form, "--table", table, "-o", f"{table}.{form}").code == 0
        found = parquet.read_table(f"{table}.parquet").to_pylist()
        assert ipc.open_file(f"{table}.arrow").read_all().to_pylist() == found
        lines = [json.loads(line) for line in Path(f"{table}.jsonl").read_text().splitlines()]
        with open(f"{table}.csv", newline="") as file:
            cells = list(csv.DictReader(file))
        assert len(lines) == len(cells) == len(found)
        for line, cell, row in zip(lines, cells, found, strict=True):
            assert list(line) == list(cell) == list(row)
            assert (
                (line["source"], line["number"])
                == (row["source"], row["number"])
                == (cell["source"], int(cell["number"]))
            )
    for form in ("parquet", "arrow"):
        piped = pithstore("export", "--format", form, "--table", "versions").out
        assert piped == pithstore("export", "--format", form, "--table", "versions", "-o", "-").out
        assert (
            len(
                parquet.read_table(io.BytesIO(piped))
                if form == "parquet"
                else ipc.open_file(io.BytesIO(piped)).read_all()
            )
            == 9
        )


@pytest.mark.usefixtures("full")
def test_what_is_left_out_is_left_out(pithstore: Pithstore) -> None:
    def numbers(*arguments: str, table: str = "versions") -> list[tuple[object, object]]:
        done = pithstore("export", "--format", "jsonl", "--table", table, *arguments)
        assert done.code == 0
        return [(value["source"], value["number"]) for value in done.values]

    assert numbers("--at", "2026-06-09") == [(ARXIV, 1)]
    assert numbers("--as-recorded", "2026-06-09") == []
    assert numbers("--source", ROR, "--builder", "ror-schema-2.0") == [(ROR, 3), (ROR, 5)]
    assert numbers("--source", ROR, "--source", ARXIV, "--builder", "nobody") == []
    assert numbers("--section", "verdict", table="blobs") == [(ARXIV, 1)]
    assert numbers("--section", "verdict", "--section", "relationships", table="changes")[:2] == [
        (ARXIV, 1),
        (ROR, 1),
    ]
    assert pithstore("export", "--archive", "a", "--builder", "ror-schema-2.0").text.startswith("2 versions in a ")
    assert pithstore(*COPY, "put", "--from-archive", "a").code == 0
    assert [value["number"] for value in pithstore(*COPY, "log", "--json", ROR).values] == [3, 5]


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 2, ("--archive", "--format", "--table")),
        (("--format", "csv"), 2, ("--table",)),
        (("--table", "blobs"), 2, ("--format",)),
        (("--archive", "x", "--format", "csv"), 2, ("--archive",)),
        (("--archive", "x", "-o", "y"), 2, ("--archive",)),
        (("--archive", "x", "--section", "a"), 2, ("--section",)),
        (("--format", "csv", "--table", "versions", "--section", "a"), 2, ("--section",)),
        (("--format", "xml", "--table", "versions"), 2, ("xml",)),
        (("--archive", "x", "--at", "soon"), 2, ("soon", "time")),
        (("--archive", "x", "--source", f"{ROR}@3"), 2, (ROR, "--source")),
        (("--archive", "x", "--source", "k:nobody"), 4, ("k:nobody",)),
        (("--archive", "x", "--source", ARXIV, "--at", "2020-01"), 4, (ARXIV,)),
        (("--archive", "no/x"), 2, ("no/x", "cannot be written")),
        (("--archive", "."), 2, ("cannot be written",)),
        (("--archive", "sub/"), 2, ("sub/", "cannot be written")),
        (("--archive", ""), 2, ("''", "cannot be written")),
        (("--archive", "/dev/full"), 15, ("/dev/full", "No space left")),
        (("--format", "parquet", "--table", "blobs", "-o", "/dev/full"), 15, ("/dev/full", "No space left")),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_call_that_makes_no_sense_is_refused_and_leaves_nothing(
    pithstore: Pithstore, arguments: tuple[str, ...], code: int, words: tuple[str, ...]
) -> None:
    check_refusal(pithstore("export", *arguments), code, *words)
    assert os.listdir() == [".pithstore"]


def test_there_is_never_half_a_file_under_its_name(pithstore: Pithstore, full: Path) -> None:
    Path("a").write_text("what was there")
    break_a_blob(full)
    check_refusal(pithstore("export", "--archive", "a"), 12, "damaged", ARXIV)
    check_refusal(pithstore("export", "--archive", "b.zst"), 12, "damaged")
    check_refusal(pithstore("export", "--format", "parquet", "--table", "blobs", "-o", "c"), 12, "damaged")
    assert Path("a").read_text() == "what was there"
    assert sorted(os.listdir()) == [".pithstore", "a"]


@pytest.mark.usefixtures("full")
def test_links_and_devices_stay_what_they_are(pithstore: Pithstore) -> None:
    Path("link").symlink_to("target")
    assert pithstore("export", "--archive", "link").code == 0
    assert Path("link").is_symlink()
    assert Path("target").read_bytes() == pithstore("export", "--archive", "-").out
    assert pithstore("export", "--archive", "/dev/null").code == 0
    assert not Path("/dev/null").is_file()
    os.umask(mask := os.umask(0))
    assert Path("target").stat().st_mode & 0o777 == 0o666 & ~mask


@pytest.mark.process
def test_a_terminal_gets_no_archive(full: Path) -> None:
    for arguments in (("--archive", "-"), ("--format", "parquet", "--table", "versions")):
        done = on_a_terminal("--store", full, "export", *arguments)
        assert done.code == 2
        assert b"not for a terminal" in done.out


def test_an_empty_store_comes_back_empty(pithstore: Pithstore, store: Path) -> None:
    assert pithstore("export", "--archive", "a").text.startswith("0 versions in a ")
    assert pithstore(*COPY, "put", "--from-archive", "a").code == 0
    assert pithstore(*COPY, "verify").text.startswith("ok: 0 versions")
    done = pithstore("export", "--format", "csv", "--table", "changes")
    assert done.lines == [
        "source,kind,id,number,builder_version,source_version,observed_at,recorded_at,section,status,before,after,bytes_before,bytes_after"
    ]


def test_every_naughty_string_comes_back(pithstore: Pithstore, store: Path) -> None:
    strings = sorted(set(STRINGS))
    given = [{"source": {"kind": s, "id": s, "version": s}, "builder_version": s, s: [s]} for s in strings]
    Path("given").write_text("\n".join(map(json.dumps, given)))
    assert pithstore("put", "given").code == 0
    assert pithstore("export", "--archive", "a.zst").code == 0
    assert pithstore(*COPY, "put", "--from-archive", "a.zst").code == 0
    assert said_by(pithstore, *COPY) == said_by(pithstore)
    source = str(pithstore("ls", "--json").values[33]["source"])
    (row,) = pithstore("export", "--format", "jsonl", "--table", "versions", "--source", source).values
    assert row["source"] == source


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (lambda lines: lines[:-1], 12, ("a:11:", "cut")),
        (lambda lines: [*lines[:5], lines[5][:100]], 12, ("a:6:", "cut")),
        (
            lambda lines: [*lines[:5], lines[6], lines[5], *lines[7:]],
            12,
            ("a:7:", "version 4", "behind version 5"),
        ),
        (lambda lines: [*lines[:3], lines[2], *lines[3:]], 12, ("a:4:", "version 1", "behind version 1")),
        (
            lambda lines: [*lines[:3], lines[3].replace(b"Silesia", b"silesia"), *lines[4:]],
            12,
            ("a:4:", "SHA-256"),
        ),
        (lambda lines: [lines[0], lines[1].replace(b"06-09T", b"06-08T"), *lines[2:]], 12, ("a:11:", "last line")),
        (
            lambda lines: [lines[0].replace(b'"format":1', b'"format":2'), *lines[1:]],
            14,
            ("a:1:", "newer pithstore"),
        ),
        (lambda lines: [SEED.read_bytes()], 2, ("a:1:", "not an archive")),
        (lambda lines: [], 2, ("a:1:", "not an archive")),
        (lambda lines: [*lines, b"\n"], 12, ("a:12:", "goes on")),
    ],
    ids=["no end", "cut", "swapped", "twice", "changed", "time", "format", "record", "empty", "more"],
)
def test_a_hostile_archive_is_refused_by_line_and_nothing_is_written(
    pithstore: Pithstore, change: Callable[[list[bytes]], list[bytes]], code: int, words: tuple[str, ...]
) -> None:
    pithstore("export", "--archive", "a")
    Path("a").write_bytes(b"".join(change(Path("a").read_bytes().splitlines(keepends=True))))
    check_refusal(pithstore(*COPY, "put", "--from-archive", "a"), code, *words)
    assert not Path("copy").exists()


@pytest.mark.usefixtures("full")
def test_only_an_empty_store_of_the_same_configuration_is_restored_into(pithstore: Pithstore) -> None:
    pithstore("export", "--archive", "a")
    check_refusal(pithstore("put", "--from-archive", "a"), 2, ".pithstore", "holds versions")
    assert pithstore("--store", "other", "init", "--nesting", "9").code == 0
    check_refusal(pithstore("--store", "other", "put", "--from-archive", "a"), 2, "other", "does not exist yet")
    assert pithstore("--store", "same", "init").code == 0
    assert pithstore("--store", "same", "put", "--from-archive", "a").code == 0
    assert said_by(pithstore, "--store", "same") == said_by(pithstore)


def test_the_configuration_comes_back_too(pithstore: Pithstore) -> None:
    rules = ("--source-kind", "dataset", "--source-id", "/doi", "--builder-version", "/by", "--nesting", "9")
    assert pithstore("--store", "one", "init", *rules).code == 0
    Path("given").write_text('{"doi":"10/1","by":"b"}')
    assert pithstore("--store", "one", "put", "given").code == 0
    assert pithstore("--store", "one", "export", "--archive", "a").code == 0
    assert pithstore(*COPY, "put", "--from-archive", "a").code == 0
    assert pithstore(*COPY, "put", "--again", "given").text.startswith("1 record: 0 new versions, 1 unchanged")
    assert said_by(pithstore, *COPY) == said_by(pithstore, "--store", "one")


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("a", SEED), ("--from-archive",)),
        (("a", "--at", "2026-01"), ("--from-archive",)),
        (("a", "--at-pointer", "/x"), ("--from-archive",)),
        (("a", "--again"), ("--from-archive",)),
        (("-",), ("standard input",)),
        (("missing",), ("missing", "cannot be read")),
        ((".",), ("is not a file",)),
    ],
    ids=lambda value: " ".join(map(str, value)),
)
def test_a_restore_that_makes_no_sense_is_refused(
    pithstore: Pithstore, arguments: tuple[str | Path, ...], words: tuple[str, ...]
) -> None:
    pithstore("export", "--archive", "a")
    check_refusal(pithstore(*COPY, "put", "--from-archive", *arguments), 2, *words)
    assert not Path("copy").exists()


@pytest.mark.process
def test_a_restore_that_was_killed_goes_on(pithstore: Pithstore, store: Path) -> None:
    Path("given").write_bytes(b"\n".join(record(n, x="x" * 400) for n in range(6000)))
    assert pithstore("put", "given").code == 0
    assert pithstore("export", "--archive", "a").code == 0
    process = spawn(*COPY, "put", "--from-archive", "a")
    wait_until(lambda: restored_records() > 0)
    process.send_signal(signal.SIGKILL)
    finish(process)
    check_refusal(pithstore(*COPY, "stat"), 14, "put --from-archive")
    check_refusal(pithstore(*COPY, "put", "given"), 14, "put --from-archive")
    done = pithstore(*COPY, "put", "--from-archive", "a")
    assert (done.code, "going on behind it" in done.err) == (0, True)
    assert said_by(pithstore, *COPY) == said_by(pithstore)
    assert pithstore(*COPY, "verify").code == 0


def restored_records() -> int:
    """How many values the tail of the copy has, once there is one."""
    if not Path("copy/CURRENT").exists():
        return 0
    engine = LmdbEngine.open("copy", SPACES, readonly=True)
    try:
        return len(engine.view(lambda view: view.scan(TAIL, limit=1)))
    finally:
        engine.close()


@pytest.mark.usefixtures("full")
def test_only_what_needs_pyarrow_or_zstandard_imports_it(store: Path) -> None:
    assert not imported("export", "--help") & {"lmdb", "attrs", "pyarrow", "zstandard", "pithstore.store"}
    assert not imported("--store", store, "export", "--archive", "a") & {"pyarrow", "zstandard", "csv"}
    assert not imported("--store", store, "export", "--format", "csv", "--table", "blobs", "-o", "b") & {"pyarrow"}
