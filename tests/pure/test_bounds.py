"""What is bounded before it is believed, and what a report calls well."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pithstore.canonical import decode
from pithstore.codec import LineHead, decode_line_head, decode_manifest, encode_line_head, encode_manifest
from pithstore.declared.ledger import Tally, tally_codes
from pithstore.digest import Digest
from pithstore.errors import Damaged, InvalidRecord, UsageError
from pithstore.fast_path import read
from pithstore.keys import mark_slot, source_mark, source_slot
from pithstore.limits import LARGEST_RECORD_BYTES, Limits
from pithstore.model import Manifest, SectionEntry, Source, Version
from pithstore.packs.packed_frame import Packer, forget_dictionaries
from pithstore.packs.places import home_rows, row
from pithstore.packs.rebuild import snapshots
from pithstore.packs.run import Row, Run, encode_run, locate
from pithstore.packs.run_rows import read_made
from pithstore.record import prepare
from pithstore.report import BackupReport, Lost, Problem, RepairReport, Salvaged, ScrubReport, VerifyReport
from pithstore.reproduction.recorded_check import RecordedCheck, decode_check, encode_check
from pithstore.seal import is_sealed, seal
from pithstore.section_memo import SectionMemo
from tests.pure.packed import Shelf
from tests.pure.test_packs_frame import expanded

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DIGEST = Digest.of(b"x")
TOO_MANY = 2**32
PROBLEM = Problem("blob-damaged", "it is")


@pytest.mark.parametrize("data", [b'"\\ud800"', b"NaN", b"[1", b"\xff"])
def test_bytes_that_are_no_canonical_json_are_damage(data: bytes) -> None:
    with pytest.raises(Damaged):
        decode(data)


def test_a_limit_that_is_not_to_be_believed_is_refused() -> None:
    assert Limits(record_bytes=LARGEST_RECORD_BYTES).record_bytes == LARGEST_RECORD_BYTES
    with pytest.raises(UsageError, match="at most"):
        Limits(record_bytes=LARGEST_RECORD_BYTES + 1)


def test_a_backslash_before_a_u_is_no_surrogate() -> None:
    assert decode(b'"\\\\ud800"') == "\\ud800"


def test_a_section_as_long_as_a_record_reads_back_and_a_longer_one_is_damage() -> None:
    for size in (LARGEST_RECORD_BYTES, LARGEST_RECORD_BYTES + 1):
        manifest = Manifest((SectionEntry("a", DIGEST, size),))
        if size == LARGEST_RECORD_BYTES:
            assert decode_manifest(encode_manifest(manifest)) == manifest
        else:
            with pytest.raises(Damaged, match="larger"):
                decode_manifest(encode_manifest(manifest))


def test_a_head_has_a_number_of_four_bytes() -> None:
    with pytest.raises(Damaged, match="too large"):
        decode_line_head(encode_line_head(LineHead("b", TOO_MANY, DIGEST, 1, b"")))


@given(st.dictionaries(st.sampled_from([d << 4 | v for d in range(3) for v in (1, 2, 3)]), st.integers(1, 9)))
def test_a_tally_of_codes_is_the_sum_of_one_for_each(counts: dict[int, int]) -> None:
    def one(code: int) -> Tally:
        fields = [code & 15 == 1, code & 15 == 2, code & 15 == 3, code >> 4 == 1, code >> 4 == 2]
        return Tally(*map(int, fields))

    assert tally_codes(counts) == reduce(Tally.plus, [one(code).times(n) for code, n in counts.items()], Tally())


def test_too_many_sections_are_refused_with_a_memo_as_without() -> None:
    limits = Limits(record_bytes=100_000)
    memo = SectionMemo()
    for count in (990, 1010):
        members = "".join(f',"s{i}":"{"x" * 20}"' for i in range(count))
        text = '{"source":{"kind":"k","id":"i"},"builder_version":"b"' + members + "}"
        if count < limits.sections:
            assert prepare(text, limits=limits, memo=memo) == prepare(text, limits=limits)
        else:
            prepare(text, memo=memo)  # somebody else's limits allow it: it is known from then on
            assert read(text, limits, memo=memo) is None
            with pytest.raises(InvalidRecord, match="sections"):
                prepare(text, limits=limits, memo=memo)


@given(st.text(max_size=5), st.text(max_size=5))
def test_a_mark_tells_the_slot_of_its_source(kind: str, identity: str) -> None:
    source = Source(kind, identity)
    assert mark_slot(source_mark(source)) == source_slot(source)


def test_frames_of_any_length_are_packed_and_expanded() -> None:
    forget_dictionaries()
    assert Packer().pack_many([]) == []
    for frame in (b"a", b"a" * 5_000_000, os.urandom(2**20 + 1), os.urandom(3 * 2**20)):
        assert expanded(Packer().pack(frame)) == frame


@given(st.lists(st.binary(max_size=9)), st.integers(0, 2**40))
def test_the_rows_of_homes_are_those_of_their_digests(bodies: list[bytes], position: int) -> None:
    assert home_rows(bodies, position) == [row(Digest.of(body), position) for body in bodies]


def test_a_section_that_lies_elsewhere_with_another_size_is_damage() -> None:
    shelf = Shelf([{"a": b"[1]", "b": b"[2]"}], frozenset({Digest.of(b"[1]")}), frozenset())
    assert len(list(snapshots(shelf.frame(), shelf.foreign))) == 1
    with pytest.raises(Damaged):
        list(snapshots(shelf.frame(), {Digest.of(b"[2]"): b"[2, 3]"}))


def version(number: int, builder: str = "b") -> Version:
    return Version(Source("k", "i"), number, builder, 1, DIGEST, NOW, NOW)


def test_a_number_in_a_run_has_four_bytes() -> None:
    run = Run(encode_run(0, [Row(version(TOO_MANY), b"")], {}))
    for read_number in (lambda: run.number(0), run.columns):
        with pytest.raises(Damaged, match="too large"):
            read_number()
    with pytest.raises(Damaged, match="cut short"):
        locate(b"", 1)


def test_a_run_with_any_byte_changed_says_something_or_is_damage() -> None:
    data = encode_run(0, [Row(version(1, "b1"), b"\x01"), Row(version(2, "b2"), b"")], {})
    said = set()
    for i in range(len(data)):
        try:
            Run(data[:i] + b"\xff" + data[i + 1 :]).columns()
        except Damaged as error:
            said.add(str(error))
    assert "a run says what cannot be" in said


@pytest.mark.parametrize("made", [b"", b"\x80", b"\x05abc"])
def test_a_builder_that_is_cut_short_is_damage(made: bytes) -> None:
    with pytest.raises(Damaged, match="cut short"):
        read_made(made)


def test_a_check_is_of_a_version_that_can_be() -> None:
    check = RecordedCheck(Source("k", "i"), TOO_MANY, NOW, DIGEST, "identical")
    with pytest.raises(Damaged, match="number cannot be"):
        decode_check(NOW, encode_check(check))


@given(st.binary(max_size=20), st.binary(max_size=20))
def test_a_value_is_sealed_where_it_was_and_nowhere_else(key: bytes, value: bytes) -> None:
    sealed = seal("space", key, value)
    assert is_sealed("space", key, sealed)
    assert not is_sealed("other", key, sealed)
    assert not is_sealed("space", key + b"1", sealed)
    assert not is_sealed("space", key, sealed[:7])


def backed_up(agrees: bool, problems: tuple[Problem, ...]) -> BackupReport:
    return BackupReport(NOW, 1, 1, 1, 1, 1, 1, "f", agrees, problems)


def verified(problems: tuple[Problem, ...]) -> VerifyReport:
    return VerifyReport(1, 1, 1, problems)


WELL: dict[str, Callable[[], tuple[bool, bool]]] = {
    "backup": lambda: (backed_up(True, ()).ok, backed_up(True, (PROBLEM,)).ok),
    "a copy that differs": lambda: (backed_up(True, ()).ok, backed_up(False, ()).ok),
    "scrub": lambda: (
        ScrubReport(1, 1, 1, (), NOW, 1, True).ok,
        ScrubReport(1, 1, 1, (PROBLEM,), NOW, 1, True).ok,
    ),
    "salvage": lambda: (Salvaged(1, 1, 1, True, ()).ok, Salvaged(1, 1, 1, True, (Lost(None, 1, "x"),)).ok),
    "repair": lambda: (RepairReport({}, 0, verified(())).ok, RepairReport({}, 0, verified((PROBLEM,))).ok),
}


@pytest.mark.parametrize("what", WELL)
def test_a_report_is_well_where_nothing_is_wrong(what: str) -> None:
    assert WELL[what]() == (True, False)
