"""`pithstore compact`, and what `put` says of it."""

from __future__ import annotations

import fcntl
import os
import resource
import signal
from functools import partial
from pathlib import Path

import pytest

from pithstore import store as stores
from pithstore.compaction import advice
from pithstore.engine.lmdb import LmdbEngine
from pithstore.keys import SPACES, TAIL
from tests.cli.conftest import (
    HISTORY,
    ROR,
    SEED,
    Done,
    Pithstore,
    check_refusal,
    finish,
    on_a_terminal,
    spawn,
    wait_until,
)
from tests.cli.records import record
from tests.store.compacting import Stopped, stopping


def answers(pithstore: Pithstore) -> list[Done]:
    commands = (("log", ROR), ("get", f"{ROR}@2"), ("ls",), ("diff", f"{ROR}@1", f"{ROR}@3"), ("verify",))
    return [pithstore(*command) for command in commands]


@pytest.fixture
def full(pithstore: Pithstore, store: Path) -> Path:
    assert pithstore("put", SEED, HISTORY).code == 0
    return store


@pytest.fixture
def many(pithstore: Pithstore, store: Path, tmp_path: Path) -> Path:
    """A file of many records that are in the store."""
    path = tmp_path / "many.jsonl"
    path.write_bytes(b"\n".join(record(n, noise=os.urandom(600).hex()) for n in range(3000)))
    assert pithstore("put", path).code == 0
    return path


def generations(store: Path) -> list[str]:
    return sorted(path.name for path in store.glob("gen-*"))


def test_compact_says_what_it_came_to_and_nothing_else_is_another(pithstore: Pithstore, full: Path) -> None:
    before = answers(pithstore)
    done = pithstore("compact")
    assert (done.code, done.err) == (0, "")
    assert done.text.startswith("9 versions packed; ")
    assert answers(pithstore) == before
    assert generations(full) == ["gen-000002"]
    (report,) = pithstore("compact", "--json").values
    (stat,) = pithstore("stat", "--json").values
    assert report["versions"] == 0
    assert report["after_bytes"] == stat["stored_bytes"]
    assert report["bytes_per_version"] == pytest.approx(int(str(stat["stored_bytes"])) / 9)


def test_an_empty_store_is_compacted(pithstore: Pithstore, store: Path) -> None:
    assert pithstore("compact").text.startswith("0 versions packed; ")
    assert pithstore("compact", "--json").values[0]["bytes_per_version"] is None


@pytest.mark.process
def test_compact_shows_how_far_it_has_come(many: Path, store: Path) -> None:
    done = on_a_terminal("--store", store, "compact")
    assert done.code == 0
    assert b"compact" in done.out
    assert b"100%" in done.out


def test_compact_refuses_what_is_damaged_and_leaves_it(pithstore: Pithstore, full: Path) -> None:
    engine = LmdbEngine.open(full, SPACES)
    ((key, value),) = engine.view(lambda view: view.scan(TAIL, limit=1))
    engine.update(lambda update: update.put_many(TAIL, [(key, value[:9] + b"?" + value[10:])]))
    engine.close()
    check_refusal(pithstore("compact"), 12, "cannot be packed", "--again")
    assert generations(full) == ["gen-000001"]
    pithstore("put", "--again", SEED, HISTORY)
    assert pithstore("compact").code == 0
    assert pithstore("verify").code == 0


@pytest.mark.process
def test_compact_says_that_another_one_goes_on(pithstore: Pithstore, full: Path) -> None:
    (full / "gen-000002").mkdir()
    descriptor = os.open(full / "gen-000002", os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        check_refusal(pithstore("compact"), 11, "gen-000002", "try again")
    finally:
        os.close(descriptor)
    assert pithstore("compact").code == 0


def test_compact_waits_for_writers_and_says_who_is_in_the_way(
    pithstore: Pithstore, full: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "open", partial(stores.open, patience=0.2))
    with open(full / "write.lock", "r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        check_refusal(pithstore("compact"), 11, "store busy", "try again later")
    assert pithstore("compact").code == 0


@pytest.mark.process
def test_ctrl_c_leaves_the_store_and_says_that_it_can_be_gone_on_with(
    pithstore: Pithstore, many: Path, store: Path
) -> None:
    before = pithstore("stat", "--json").values[0]
    process = spawn("--store", store, "compact")
    wait_until(lambda: (store / "gen-000002" / "data.mdb").exists() or process.poll() is not None)
    process.send_signal(signal.SIGINT)
    done = finish(process)
    if done.code:  # it may have been quicker
        assert (done.code, done.out) == (130, b"")
        assert "'pithstore compact' goes on where this one stopped" in done.err
        assert "interrupted" in done.err
        assert "Traceback" not in done.err
    assert pithstore("verify").code == 0
    assert pithstore("compact").code == 0
    after = pithstore("stat", "--json").values[0]
    assert {**after, "stored_bytes": 0} == {**before, "stored_bytes": 0}
    assert len(generations(store)) == 1


@pytest.mark.process
def test_a_disk_that_fills_up_is_said_and_the_compaction_goes_on_later(
    pithstore: Pithstore, many: Path, store: Path
) -> None:
    from pithstore.compaction.compact import compact

    engine = LmdbEngine.open(store, SPACES)
    with pytest.raises(Stopped):
        compact(stopping(engine, 6))  # its mark is made, which is written to the store itself
    engine.close()
    data = store / "gen-000001" / "data.mdb"
    before = data.read_bytes()
    limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (500_000, 500_000))
    check_refusal(finish(spawn("--store", store, "compact", preexec_fn=limit)), 15, str(store))
    assert data.read_bytes() == before
    assert pithstore("verify").code == 0
    done = pithstore("compact")
    assert done.code == 0
    assert pithstore("verify").code == 0
    assert generations(store) == ["gen-000002"]


# What put says.


def test_a_put_of_much_says_that_compact_would_help(
    pithstore: Pithstore, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pithstore("put", SEED).err == ""
    monkeypatch.setattr(advice, "_LEAST_BYTES", 50_000)
    hint = "'pithstore compact' writes them densely"
    done = pithstore("put", HISTORY)
    assert hint in done.err
    assert len(done.err.splitlines()) == 1
    assert done.text.startswith("8 records")
    assert hint not in pithstore("put", "--again", SEED).err, "nothing is new"
    assert pithstore("export", "--archive", "all.jsonl").code == 0
    assert hint in pithstore("--store", "other", "put", "--from-archive", "all.jsonl").err
    monkeypatch.setattr(advice, "_LEAST_BYTES", 10**9)
    path = tmp_path / "more.jsonl"
    path.write_bytes(record(1))
    assert pithstore("put", path).err == ""


def test_a_compacted_store_gives_no_advice(
    pithstore: Pithstore, many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pithstore("compact").code == 0
    monkeypatch.setattr(advice, "_LEAST_BYTES", 50_000)
    path = tmp_path / "more.jsonl"
    path.write_bytes(record(1, new=True))
    assert pithstore("put", path).err == ""
