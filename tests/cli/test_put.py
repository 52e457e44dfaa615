"""Files in, each once, whatever their form; nothing half stored."""

from __future__ import annotations

import gzip
import json
import random
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from pithstore import bulk
from tests.cli.conftest import HISTORY, SEED, Pithstore, check_refusal, finish, spawn, wait_until
from tests.cli.records import BAD, LINES, record, summary

pytestmark = pytest.mark.usefixtures("store")


@pytest.mark.parametrize(
    ("content", "code", "accepted", "said"),
    [
        (record(1) + b"\n" + BAD + b"\n" + record(2), 3, 2, ":2, byte 7 of the record: refused, duplicate-key"),
        (BAD + b"\n" + record(1) + b"\n", 3, 1, ":1, byte 7 of the record: refused, duplicate-key"),
        (b"{broken\n" + record(1) + b"\n" + record(2), 3, 2, ":1, byte 1 of the record: refused, syntax"),
        (BAD, 6, 0, "duplicate-key"),
        (b"[" + record(1) + b",\n" + record(2) + b"]", 6, 0, "one record a line"),
        (b"[" + record(1) + b"]", 6, 0, "one record a line"),
        (b"", 6, 0, "refused, empty"),
        (b" \n \n", 6, 0, "refused, empty"),
        (b'{\n "source": {},\n "x": NaN\n}', 6, 0, ":3, byte 23 of the record: refused, not-finite"),
    ],
)
def test_a_refused_record_is_named_and_the_others_go_in(
    pithstore: Pithstore, tmp_path: Path, content: bytes, code: int, accepted: int, said: str
) -> None:
    path = tmp_path / "records"
    path.write_bytes(content)
    done = pithstore("put", "--json", path)
    assert (done.code, summary(done)["versions"]) == (code, accepted)
    assert said in done.err
    assert str(path) in done.err
    assert "Traceback" not in done.err
    assert json.loads(pithstore("stat", "--json").out)["versions"] == accepted
    again = pithstore("put", "--json", path)
    assert (again.code, summary(again)["versions"], summary(again)["refused"]) == (code, 0, 1)
    assert again.err == (
        f"{path}: was put completely before, 1 of its records refused; skipped (--again puts it again)\n"
    )


def test_stop_keeps_what_came_before(pithstore: Pithstore, tmp_path: Path) -> None:
    path = tmp_path / "records"
    path.write_bytes(record(1) + b"\n" + record(2) + b"\n" + BAD + b"\n" + record(3))
    done = pithstore("put", "--json", "--on-error", "stop", path)
    assert (done.code, summary(done)["versions"], summary(done)["refused"]) == (3, 2, 1)
    assert "stopped" in done.err
    again = pithstore("put", "--json", path)
    assert "was put up to line 2; going on behind it" in again.err
    assert ":3, byte 7 of the record: refused, duplicate-key" in again.err
    counts = {"records": 2, "versions": 1, "unchanged": 0, "refused": 1, "sections": 3, "new_sections": 2}
    assert (again.code, summary(again)) == (3, counts)


def test_stop_ends_the_whole_call_and_prints_the_count(pithstore: Pithstore, tmp_path: Path) -> None:
    names = ("a", "b", "c")
    for name, content in zip(names, (record(1), BAD, record(2)), strict=True):
        (tmp_path / name).write_bytes(content)
    done = pithstore("put", "--on-error", "stop", *names)
    assert done.code == 3
    assert done.text == "2 records: 1 new version, 0 unchanged, 1 refused; 3 of 3 sections were new\n"
    assert [line.split(":")[0] for line in done.err.splitlines()] == [
        "b",
        "stopped at the first record that was refused; what came before it is stored",
    ]
    assert pithstore("put", "--on-error", "stop", "b").code == 6


@pytest.mark.parametrize("size", [1, 2, 1000])
def test_what_is_said_of_files_comes_in_their_order(
    pithstore: Pithstore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(bulk, "BATCH_RECORDS", size)
    contents = (record(1), record(2) + b"\n" + BAD + b"\n" + LINES, record(3, more="new"), BAD)
    for name, content in zip("abcd", contents, strict=True):
        (tmp_path / name).write_bytes(content)
    pithstore("put", "a")
    stopped = pithstore("put", "--json", "--on-error", "stop", "b", "a", "c", "missing")
    assert (stopped.code, summary(stopped)["versions"], summary(stopped)["refused"]) == (3, 1, 1)
    assert [line.split(":")[0] for line in stopped.err.splitlines()][:-1] == ["b"]
    assert "stopped at the first" in stopped.err
    done = pithstore("put", "--json", "b", "a", "d", "d", "missing", "c")
    assert (done.code, done.out) == (2, b"")
    assert [" ".join(line.split()[:3]) for line in done.err.splitlines()] == [
        "b: was put",
        "b:2, byte 7",
        "a: was put",
        "d:1, byte 7",
        "d: was put",
        "pithstore: missing cannot",
    ]
    assert summary(pithstore("put", "--json", "b", "c")) == {**summary(stopped), "sections": 4, "new_sections": 1}


def test_a_file_is_put_once(pithstore: Pithstore, tmp_path: Path) -> None:
    assert pithstore("put", HISTORY).code == 0
    second = pithstore("put", "--json", HISTORY)
    assert (second.code, summary(second)["records"]) == (0, 0)
    assert second.err.count("\n") == 1
    assert "skipped" in second.err
    twice = tmp_path / "twice.jsonl"
    twice.write_bytes(record(1) + b"\n" + record(8))
    assert summary(pithstore("put", "--json", twice, twice))["versions"] == 2
    assert summary(pithstore("put", "--json", "--again", twice))["versions"] == 2


def test_the_newest_records_again_write_nothing(pithstore: Pithstore, tmp_path: Path) -> None:
    pithstore("put", HISTORY)
    newest = {json.loads(line)["builder_version"]: line for line in HISTORY.read_bytes().splitlines()}
    path = tmp_path / "newest.jsonl"
    path.write_bytes(b"\n".join(newest.values()))
    done = pithstore("put", "--json", "--again", path)
    assert summary(done) == {**summary(done), "versions": 0, "unchanged": 3, "new_sections": 0}


def test_a_history_with_times_can_be_put_again(pithstore: Pithstore, tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    times = ("2026-01-01", "2026-02-01T12:00:00+02:00", "2026-03-01T00:00:00.5Z")
    path.write_bytes(b"\n".join(record(0, step=i % 2, observed=time) for i, time in enumerate(times)))
    assert summary(pithstore("put", "--json", "--at-pointer", "/observed", path))["versions"] == 3
    again = pithstore("put", "--json", "--again", "--at-pointer", "/observed", path)
    assert summary(again) == {**summary(again), "versions": 0, "unchanged": 3}
    log = [json.loads(line)["observed_at"] for line in pithstore("log", "--json", "k:s0").lines]
    assert log == ["2026-01-01T00:00:00Z", "2026-02-01T10:00:00Z", "2026-03-01T00:00:00.500000Z"]
    assert pithstore("get", "k:s0@2026-02-15#observed").text == '"2026-02-01T12:00:00+02:00"'


def test_one_time_for_all(pithstore: Pithstore) -> None:
    assert pithstore("put", "--at", "2026-06", SEED).code == 0
    (entry,) = [json.loads(line) for line in pithstore("log", "--json", "arxiv:2606.09475").lines]
    assert entry["observed_at"] == "2026-06-01T00:00:00Z"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "the time of the record is missing (at /observed)"),
        ("soon", "'soon' is not a time"),
        ("2026-02-30", "not a time"),
        ("\x1b[2J\u202e", r"not a time"),
        ("", "not a time"),
        (7, "'7' is not a time"),
        (20260101, "not a time"),
        (True, "not a time"),
        ([], "not a time"),
        ({"at": "2026-01-01"}, "not a time"),
    ],
)
def test_a_record_without_its_time_is_refused(
    pithstore: Pithstore, tmp_path: Path, value: object, reason: str
) -> None:
    path = tmp_path / "record.json"
    path.write_bytes(record(0) if value is None else record(0, observed=value))
    done = pithstore("put", "--at-pointer", "/observed", path)
    assert done.code == 6
    (line,) = done.err.splitlines()
    assert line.isprintable()
    assert line.startswith(f"{path}:1: refused, observed-at: ")
    assert reason in line
    assert pithstore("stat", "--json").values[0]["blobs"] == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("--at", "2026", SEED),
        ("--at", "yesterday", SEED),
        ("--at", "2026-01-01", "--at-pointer", "/x", SEED),
        ("--at-pointer", "x", SEED),
        ("--at-pointer", "", SEED),
        ("--at-pointer", "/~2", SEED),
        ("--on-error", "ignore", SEED),
        ("--workers", "0", SEED),
        ("--workers", "65", SEED),
        ("--workers", "two", SEED),
        ("--bogus", SEED),
        (),
    ],
)
def test_a_call_that_makes_no_sense_puts_nothing(pithstore: Pithstore, arguments: tuple[str, ...]) -> None:
    check_refusal(pithstore("put", *arguments), 2)
    assert json.loads(pithstore("stat", "--json").out)["versions"] == 0


def versions(pithstore: Pithstore) -> list[tuple[object, ...]]:
    entries: list[tuple[object, ...]] = []
    for source in pithstore("ls").lines:
        for line in pithstore("log", "--json", source).lines:
            entry = json.loads(line)
            entries.append((source, entry["number"], entry["snapshot"], entry["changed"]))
    return entries


def file_of_lines(path: Path, count: int) -> Path:
    path.write_bytes(b"\n".join(record(n, text="x" * (n % 900)) for n in range(count)))
    return path


@pytest.mark.process
@pytest.mark.parametrize(
    ("compress", "options"),
    [(None, ()), (gzip.compress, ()), (None, ("--workers", "2"))],
    ids=["plain", "gz", "workers"],
)
def test_a_put_that_was_killed_goes_on_where_it_stopped(
    pithstore: Pithstore,
    tmp_path: Path,
    store: Path,
    compress: Callable[[bytes], bytes] | None,
    options: tuple[str, ...],
) -> None:
    path, other, chance = file_of_lines(tmp_path / "many.jsonl", 6000), tmp_path / "whole", random.Random(7)
    if compress is not None:
        path.write_bytes(compress(path.read_bytes()))
    pithstore("--store", other, "init")
    assert pithstore("--store", other, "put", path).code == 0
    for _ in range(4):
        process = spawn("--store", store, "put", *options, path)
        with suppress(subprocess.TimeoutExpired):
            process.wait(chance.uniform(0.15, 0.6))
        process.kill()
        finish(process)
        assert pithstore("verify").code == 0
    assert pithstore("put", path).code == 0
    expected = versions(lambda *arguments: pithstore("--store", other, *arguments))
    assert versions(pithstore) == expected
    assert len(expected) == 6000


@pytest.mark.process
@pytest.mark.parametrize("options", [(), ("--workers", "2")], ids=["alone", "workers"])
def test_an_interrupted_put_leaves_a_valid_store_and_goes_on(
    pithstore: Pithstore, tmp_path: Path, store: Path, options: tuple[str, ...]
) -> None:
    path = file_of_lines(tmp_path / "many.jsonl", 12_000)
    process = spawn("--store", store, "put", *options, path)
    wait_until(lambda: stored_versions(pithstore))
    process.send_signal(signal.SIGINT)
    done = finish(process)
    check_refusal(done, 130, "interrupted")
    assert pithstore("verify").code == 0
    reached = stored_versions(pithstore)
    assert 0 < reached < 12_000
    more = pithstore("put", "--json", path)
    line = int(more.err.partition("was put up to line ")[2].partition(";")[0])
    assert line <= reached <= line + 1
    assert summary(more)["records"] == 12_000 - line
    assert stored_versions(pithstore) == 12_000


def stored_versions(pithstore: Pithstore) -> int:
    (stat,) = pithstore("stat", "--json").values
    assert isinstance(stat["versions"], int)
    return stat["versions"]


@pytest.mark.process
@pytest.mark.parametrize(
    "options", [(), ("--at", "2026-06"), ("--at-pointer", "/observed"), ("--on-error", "stop")]
)
def test_workers_change_nothing(
    pithstore: Pithstore, tmp_path: Path, store: Path, options: tuple[str, ...]
) -> None:
    lines = [record(n, text="x" * (n % 900), observed=f"2026-01-0{1 + n % 9}") for n in range(5000)]
    lines[4321] = BAD
    pithstore("--store", tmp_path / "other", "init")
    alone = pithstore("--store", tmp_path / "other", "put", "--json", *options, "-", input=b"\n".join(lines))
    helped = pithstore("put", "--json", "--workers", "2", *options, "-", input=b"\n".join(lines))
    assert (helped.code, helped.out, helped.err) == (alone.code, alone.out, alone.err)
    assert alone.code == 3
    assert "standard input:4322, byte 7 of the record: refused, duplicate-key" in alone.err
    assert versions(pithstore) == versions(lambda *rest: pithstore("--store", tmp_path / "other", *rest))
    assert pithstore("verify").code == 0


def test_an_archive_needs_no_workers(pithstore: Pithstore, tmp_path: Path) -> None:
    pithstore("put", HISTORY)
    pithstore("export", "--archive", tmp_path / "a.zst")
    done = pithstore("--store", tmp_path / "new", "put", "--workers", "2", "--from-archive", tmp_path / "a.zst")
    check_refusal(done, 2, "--from-archive", "leave out")
