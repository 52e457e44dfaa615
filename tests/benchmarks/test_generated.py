"""The records that are put are the same each time, and such as a store accepts."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest
import streamed
from generated import PROFILES, line_of, records

import pithstore
from pithstore.record import prepare


@pytest.mark.parametrize("profile", PROFILES)
def test_the_same_seed_gives_the_same_records_and_another_gives_others(profile: str) -> None:
    def lines(seed: int) -> list[bytes]:
        return [line_of(record) for record in records(5, 4, seed, profile)]

    assert lines(1) == lines(1)
    assert not set(lines(1)) & set(lines(2))


@pytest.mark.parametrize("profile", PROFILES)
def test_each_record_is_accepted_and_comes_in_the_order_of_crawls(profile: str) -> None:
    prepared = [prepare(line_of(record)) for record in records(5, 4, profile=profile)]
    assert [one.line.source for one in prepared] == 4 * [one.line.source for one in prepared[:5]]
    assert len({one.line.source for one in prepared}) == 5


STREAMS = [("typical", 3, 4), ("small", 30, 7), ("small", 1, 50), ("large", 1, 3)]


@pytest.mark.parametrize(("profile", "sources", "versions"), STREAMS)
def test_each_streamed_line_is_a_version(profile: str, sources: int, versions: int, tmp_path: Path) -> None:
    lines = list(streamed.lines(5, sources, versions, profile))
    assert len(lines) == sources * versions
    with pithstore.open(tmp_path / "store.pith", create=True) as store:
        assert store.put_many(lines).versions == len(lines)
        assert {str(source) for source in store.sources()} == {
            streamed.source_id(serial) for serial in range(5, 5 + sources)
        }


def test_a_stream_is_the_same_each_time_whatever_was_before_it() -> None:
    whole = list(streamed.lines(0, 6, 2, "small"))
    assert whole == list(streamed.lines(0, 6, 2, "small"))
    assert [line for line in whole if b'"0000000' in line] == whole
    assert len(set(whole)) == len(whole)


def test_a_streamed_version_brings_as_many_new_sections_as_a_generated_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also where sources share a printed history: otherwise a large store would be a small one over and over."""
    seen = dict.fromkeys(line_of(record) for record in records(200, 10, profile="small"))  # each version once
    generated = new_sections(seen)
    monkeypatch.setattr(streamed, "PRINTED", 500)
    assert new_sections(streamed.lines(0, 200, 10, "small")) == pytest.approx(generated, rel=0.1)


def new_sections(lines: Iterable[bytes]) -> float:
    each = [{(name, json.dumps(body)) for name, body in json.loads(line).items()} for line in lines]
    return len(set[tuple[str, str]]().union(*each)) / len(each)


def test_the_large_section_has_ten_megabytes() -> None:
    (line,) = streamed.lines(0, 1, 1, "large")
    assert 10e6 < len(json.dumps(json.loads(line)["data"], separators=(",", ":"))) < 12e6
