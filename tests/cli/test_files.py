"""Where records are read from: every form of a file, compressed or not, directories, pipes, and what is none."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import zstandard

from tests.cli.conftest import ARXIV, SEED, Pithstore, check_refusal, finish, spawn, wait_until
from tests.cli.records import BAD, LINES, record, summary

pytestmark = pytest.mark.usefixtures("store")

Compress = Callable[[bytes], bytes]


def zst(content: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(content)


def streamed_zst(content: bytes) -> bytes:
    """As the zstd tool makes it from a pipe: the frame does not declare its size."""
    writer = zstandard.ZstdCompressor().compressobj()
    return bytes(writer.compress(content) + writer.flush())


def indented(content: bytes) -> bytes:
    return json.dumps(json.loads(content), indent=2).encode()


FORMS = {
    "lines": (LINES, 10),
    "no end": (LINES.rstrip(), 10),
    "crlf": (LINES.replace(b"\n", b"\r\n"), 10),
    "blank lines": (b"\n\r\n" + LINES.replace(b"\n", b"\n\n \t\r\n"), 10),
    "one": (record(1), 1),
    "two": (record(1) + b"\n" + record(2), 2),
    "pretty": (indented(record(1)), 1),
    "pretty, crlf": (indented(record(1)).replace(b"\n", b"\r\n"), 1),
    "spaces": (b"\n\n" + record(1) + b"\n\n", 1),
    "old Mac": (indented(record(1)).replace(b"\n", b"\r"), 1),
    "line separators in strings": (
        b"\n".join(record(n, text="\u2028\x85").replace(b"\\u2028", "\u2028".encode()) for n in range(3)),
        3,
    ),
    "gz": (gzip.compress(LINES), 10),
    "gz, pretty": (gzip.compress(indented(record(1))), 1),
    "two gz": (gzip.compress(LINES[:200]) + gzip.compress(LINES[200:]), 10),
    "zst": (zst(LINES), 10),
    "streamed zst": (streamed_zst(LINES), 10),
    "five zst": (b"".join(zst(LINES[at : at + 150]) for at in range(0, len(LINES), 150)), 10),
    "empty zst between": (zst(LINES[:99]) + zst(b"") + zst(LINES[99:]), 10),
}


@pytest.mark.parametrize(("content", "records"), FORMS.values(), ids=FORMS)
def test_every_form_is_told_by_its_content_and_not_by_its_name(
    pithstore: Pithstore, tmp_path: Path, content: bytes, records: int
) -> None:
    path = tmp_path / ("records.jsonl" if content[:2] == b"\x1f\x8b" else "records.jsonl.gz")
    path.write_bytes(content)
    done = pithstore("put", "--json", path)
    assert (done.code, done.err) == (0, "")
    assert summary(done) == {**summary(done), "records": records, "versions": records, "refused": 0}


def test_a_large_line_and_many_small_ones(pithstore: Pithstore, tmp_path: Path) -> None:
    path = tmp_path / "records"
    path.write_bytes(gzip.compress(LINES + record(10, text="x" * 3_000_000) + b"\n" + record(11)))
    assert summary(pithstore("put", "--json", path))["versions"] == 12
    assert len(pithstore("get", "k:s3@2#text").out) == 3_000_002


def test_a_line_over_the_limit_is_refused_and_the_next_is_read(pithstore: Pithstore, tmp_path: Path) -> None:
    path = tmp_path / "records"
    small = tmp_path / "small.pith"
    assert pithstore("init", "--store", small, "--record-bytes", "200").code == 0
    path.write_bytes(record(1) + b"\n" + record(2, text="x" * 5000) + b"\n" + record(3))
    done = pithstore("put", "--store", small, "--json", path)
    assert (done.code, summary(done)["versions"]) == (3, 2)
    assert f"{path}:2, byte 200 of the record: refused, too-large" in done.err


@pytest.mark.parametrize("compress", [gzip.compress, zst, streamed_zst], ids=["gz", "zst", "streamed zst"])
@pytest.mark.parametrize("kept", [0.05, 0.3, 0.99, -1])
def test_a_cut_stream_is_an_error_and_what_was_whole_stays(
    pithstore: Pithstore, tmp_path: Path, compress: Compress, kept: float
) -> None:
    whole = compress(b"\n".join(record(n, noise=os.urandom(1000).hex()) for n in range(1500)))
    path = tmp_path / "cut"
    path.write_bytes(whole[:-1] if kept == -1 else whole[: int(len(whole) * kept)])
    done = pithstore("put", path)
    check_refusal(done, 15, f"{path}: ", "stream is damaged", "get a whole copy of it")
    stored = json.loads(pithstore("stat", "--json").out)["versions"]
    assert (stored >= 1000) == (kept in (0.99, -1))
    assert pithstore("verify").code == 0
    path.write_bytes(whole)
    assert pithstore("put", path).code == 0
    assert pithstore("verify").code == 0


@pytest.mark.parametrize("compress", [gzip.compress, zst], ids=["gz", "zst"])
def test_a_flipped_or_foreign_stream_is_an_error(pithstore: Pithstore, tmp_path: Path, compress: Compress) -> None:
    whole = bytearray(compress(LINES))
    path = tmp_path / "flipped"
    whole[len(whole) // 2] ^= 0x55
    for content in (bytes(whole), compress(LINES) + b"\x1f\x8b rest", compress(LINES)[:4] + b"\xff" * 40):
        path.write_bytes(content)
        for command in ("put", "check", "hash"):
            done = pithstore(command, path)
            assert done.code in (3, 6, 15), (content, done)
            assert "Traceback" not in done.err
            assert all(line.isprintable() for line in done.err.splitlines())
    assert pithstore("verify").code == 0


def test_a_directory_is_walked_in_byte_order_without_links_and_without_the_store(
    pithstore: Pithstore, tmp_path: Path
) -> None:
    tree = tmp_path / "tree"
    for number, name in enumerate(["b/1", "a/2", "a.b", "a/é", "Z", ".hidden"]):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes(record(0, name=name, number=number))
    (tree / "link").symlink_to(tree / "Z")
    (tree / "loop").symlink_to(tree)
    (tree / "broken").symlink_to(tree / "nothing")
    os.mkfifo(tree / "pipe")
    (tree / "empty").mkdir()
    done = pithstore("put", "--json", tmp_path)
    assert (done.code, summary(done)["versions"]) == (0, 6)
    names = [json.loads(pithstore("get", f"k:s0@{n}#name").out) for n in range(1, 7)]
    assert names == sorted(names, key=lambda name: os.fsencode(str(tree / name)))
    again = pithstore("put", "--json", tmp_path)
    assert (again.code, summary(again)["records"], again.err.count("skipped")) == (0, 0, 6)


def test_links_that_are_named_are_followed(pithstore: Pithstore, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(LINES)
    (tmp_path / "link").symlink_to("file")
    assert summary(pithstore("put", "--json", "link"))["versions"] == 10


def test_the_store_itself_is_no_directory_of_records(pithstore: Pithstore, store: Path, tmp_path: Path) -> None:
    check_refusal(pithstore("put", store), 2, ".pithstore", "store")
    (tmp_path / "alias").symlink_to(store)
    check_refusal(pithstore("put", "alias"), 2, "alias", "store")


def test_files_with_any_name_can_be_put(pithstore: Pithstore, tmp_path: Path) -> None:
    names = ["-dash.json", "new\nline", "\x1b[31mred", "é\u202e", "a b", "'quoted'", os.fsdecode(b"\xff\xfe")]
    for serial, name in enumerate(names):
        (tmp_path / name).write_bytes(record(serial) + b"\n" + BAD)
        done = pithstore("put", "--", name)
        assert done.code == 3
        (line,) = done.err.splitlines()
        assert line.isprintable()
        assert ":2, byte 7 of the record: refused, duplicate-key" in line
        assert pithstore("hash", "--json", "--", name).values[0]["file"] == name


@pytest.mark.parametrize("content", [LINES, gzip.compress(LINES), zst(LINES)], ids=["plain", "gz", "zst"])
def test_a_pipe_is_read_as_it_comes(pithstore: Pithstore, tmp_path: Path, content: bytes) -> None:
    done = pithstore("put", "--json", "-", input=content)
    assert (done.code, done.err, summary(done)["versions"]) == (0, "", 10)
    named = pithstore("put", "--json", "/dev/stdin", input=content)
    assert (named.code, summary(named)["records"]) == (0, 10)  # a pipe is not noted: it comes again
    assert pithstore("check", "-", input=content).out.count(b"\n") == 10
    assert pithstore("hash", "-", input=content).out.count(b"\n") == 10


def test_a_pipe_says_where_it_is_wrong(pithstore: Pithstore) -> None:
    for command in ("put", "check", "hash"):
        done = pithstore(command, "-", input=record(1) + b"\n" + BAD + b"\n")
        assert done.code == 3
        assert done.err.startswith("standard input:2, byte 7 of the record: refused, duplicate-key: ")
    empty = pithstore("put", "-", input=b"")
    assert (empty.code, empty.err.split(":")[0]) == (6, "standard input")


def test_the_standard_input_may_be_a_file(pithstore: Pithstore, store: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(LINES)
    with open(tmp_path / "file", "rb") as file:
        done = finish(spawn("--store", store, "put", "--json", "-", stdin=file))
    assert (done.code, summary(done)["versions"]) == (0, 10)


def test_a_named_pipe_is_read_as_it_comes(store: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    def write() -> None:
        with suppress(BrokenPipeError):
            pipe.write_bytes(LINES)

    threading.Thread(target=write, daemon=True).start()
    done = finish(spawn("--store", store, "put", "--json", pipe))
    assert (done.code, summary(done)["versions"]) == (0, 10)


def test_records_of_a_pipe_are_durable_batch_by_batch(pithstore: Pithstore, store: Path) -> None:
    process = spawn("--store", store, "put", "-", stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(b"".join(record(n) + b"\n" for n in range(1500)))
    process.stdin.flush()
    wait_until(lambda: json.loads(pithstore("stat", "--json").out)["versions"])
    process.kill()
    finish(process)
    assert json.loads(pithstore("stat", "--json").out)["versions"] == 1000
    assert pithstore("verify").code == 0


def test_what_cannot_be_opened_is_said(pithstore: Pithstore, tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    missing = tmp_path / "nothing"
    for command in ("put", "check", "hash"):
        check_refusal(pithstore(command, missing), 2, f"{missing} cannot be read: No such file or directory")
        check_refusal(pithstore(command, "loop"), 2, "loop cannot be read: ")
        check_refusal(pithstore(command, "x" * 300), 2, "cannot be read: File name too long")
    for command in ("check", "hash"):
        check_refusal(pithstore(command, tmp_path), 2, "cannot be read: Is a directory")


def test_files_before_one_that_cannot_be_opened_stay(pithstore: Pithstore, tmp_path: Path) -> None:
    check_refusal(pithstore("put", SEED, tmp_path / "nothing"), 2, "nothing cannot be read")
    assert pithstore("ls").lines == [ARXIV]


@pytest.mark.parametrize("command", ["put", "check", "hash"])
def test_a_file_that_fails_while_it_is_read_is_named(pithstore: Pithstore, command: str) -> None:
    check_refusal(pithstore(command, "/proc/self/mem"), 15, "/proc/self/mem", "Input/output error")


@pytest.mark.process
def test_a_file_that_changes_while_it_is_read_is_an_error(
    pithstore: Pithstore, store: Path, tmp_path: Path
) -> None:
    path = tmp_path / "growing"
    path.write_bytes(b"".join(record(n, text="x" * 300) + b"\n" for n in range(8000)))
    process = spawn("--store", store, "put", path)
    wait_until(lambda: json.loads(pithstore("stat", "--json").out)["versions"])
    with open(path, "ab") as file:
        file.write(record(8000) + b"\n")
    check_refusal(finish(process), 15, f"{path} changed while it was read; put it once more")
    assert pithstore("verify").code == 0
    assert "skipped" not in pithstore("put", path).err
    assert "skipped" in pithstore("put", path).err
