"""A store that is read in a child: the same answers, and a child that is ended is an error and no more."""

from __future__ import annotations

import faulthandler
import os
import signal
import threading
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

import pithstore
from pithstore import isolated
from pithstore.engine.lmdb import LmdbEngine
from pithstore.errors import Damaged, NoStore, StorageFailed, StoreBusy
from pithstore.isolation import run_in_child
from pithstore.keys import LATER_SPACES, SPACES
from pithstore.report import How

pytestmark = pytest.mark.process

RECORD = (Path(__file__).parents[2] / "examples" / "pith-2606.09475.json").read_bytes()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with pithstore.open(tmp_path / "store", create=True, isolate=True) as store:
        store.put(RECORD)
    return tmp_path / "store"


def test_it_answers_as_any_other(path: Path) -> None:
    """The report is the same, progress is told here, and the store is read and written as ever."""
    told: list[tuple[int, int]] = []
    plainly: list[tuple[int, int]] = []
    with pithstore.open(path, isolate=True) as store:
        report = store.verify(lambda done, of: told.append((done, of)))
        store.put(RECORD)
        assert store.verify() == report
    with pithstore.open(path) as store:
        assert store.verify(lambda done, of: plainly.append((done, of))) == report
    assert report.ok
    assert told == plainly


def test_a_report_with_problems_comes_back(path: Path) -> None:
    with closing(LmdbEngine.open(path, SPACES, later=LATER_SPACES)) as engine:
        (key, value), *_ = engine.view(lambda view: view.scan("blobs", limit=1))
        engine.update(lambda tx: tx.put_many("blobs", [(key, value[:-1] + bytes([value[-1] ^ 1]))]))
    with pithstore.open(path, isolate=True) as store, pithstore.open(path) as plain:
        report = store.verify()
        assert report.problems
        assert report == plain.verify()


@pytest.mark.parametrize("how", ["quick", "deep"])
def test_a_quick_and_a_deep_verify_answer_as_any_other(path: Path, how: How) -> None:
    with pithstore.open(path, isolate=True) as store, pithstore.open(path) as plain:
        assert store.verify(how=how) == plain.verify(how=how)


def test_a_repair_comes_back_and_has_mended(path: Path) -> None:
    with closing(LmdbEngine.open(path, SPACES, later=LATER_SPACES)) as engine:
        (key, value), *_ = engine.view(lambda view: view.scan("totals", limit=1))
        engine.update(lambda tx: tx.put_many("totals", [(key, value[:-1] + bytes([value[-1] ^ 1]))]))
    with pithstore.open(path, isolate=True) as store:
        report = store.repair()
        assert report.ok
        assert "totals-damaged" in report.mended
        assert store.verify().ok
        store.put(RECORD)


def test_a_repair_that_is_ended_by_reading(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pithstore.open(path, isolate=True) as store:
        monkeypatch.setattr(isolated, "repair_from", partial(end_with, signal.SIGBUS))
        with pytest.raises(Damaged, match=rf"{path}.*SIGBUS.*salvage"):
            store.repair()
        monkeypatch.undo()
        assert store.repair().ok


def test_where_there_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(NoStore):
        pithstore.open(tmp_path / "absent", isolate=True)


def end_with(by: signal.Signals, *_: object) -> None:
    faulthandler.disable()  # of pytest, which would say so at length
    os.kill(os.getpid(), by)
    raise AssertionError("this process is dead")


@pytest.mark.parametrize("fault", [signal.SIGBUS, signal.SIGSEGV, signal.SIGABRT])
def test_a_child_that_is_ended_by_reading(
    path: Path, monkeypatch: pytest.MonkeyPatch, fault: signal.Signals
) -> None:
    with pithstore.open(path, isolate=True) as store:
        monkeypatch.setattr(isolated, "verify", partial(end_with, fault))
        with pytest.raises(Damaged, match=rf"{path}.*{fault.name}.*salvage"):
            store.verify()
        monkeypatch.undo()
        assert store.verify().ok
    monkeypatch.setattr(isolated, "open_engine", lambda *_, **__: end_with(fault))
    with pytest.raises(Damaged, match=fault.name):
        pithstore.open(path, isolate=True)


def test_a_child_that_is_ended_by_somebody(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pithstore.open(path, isolate=True) as store:
        monkeypatch.setattr(isolated, "verify", partial(end_with, signal.SIGKILL))
        with pytest.raises(StorageFailed, match="signal 9"):
            store.verify()


def test_its_error_is_raised_here(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: object) -> None:
        raise StoreBusy("again and again")

    with pithstore.open(path, isolate=True) as store:
        monkeypatch.setattr(isolated, "verify", busy)
        with pytest.raises(StoreBusy, match="again and again"):
            store.verify()


def test_progress_that_stops_it_ends_the_child(path: Path) -> None:
    def stop(_: int, __: int) -> None:
        raise KeyboardInterrupt

    def children() -> str:
        return Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text()

    with pithstore.open(path, isolate=True) as store:
        before = children()
        with pytest.raises(KeyboardInterrupt):
            store.verify(stop)
        assert children() == before
        assert store.verify().ok


def test_beside_threads_that_read(path: Path) -> None:
    """A child that is forked while another thread is inside a transaction could not open the store."""
    stop = threading.Event()
    with pithstore.open(path, isolate=True) as store:

        def read() -> None:
            while not stop.is_set():
                store.get("arxiv:2606.09475")

        thread = threading.Thread(target=read)
        thread.start()
        try:
            assert all(store.verify().ok for _ in range(10))
        finally:
            stop.set()
            thread.join()


def large(_: Callable[[int, int], None]) -> bytes:
    return bytes(10_000_000)


def test_nothing_stays_open(path: Path) -> None:
    from contextlib import nullcontext

    before = os.listdir("/proc/self/fd")
    for _ in range(3):
        assert len(run_in_child(large, lambda _, __: None, Damaged, nullcontext())) == 10_000_000
    assert os.listdir("/proc/self/fd") == before
