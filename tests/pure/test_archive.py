"""The archive format: one spelling for one history; what is changed is seen; nobody needs us to read it."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from pithstore.digest import Digest
from pithstore.errors import Damaged, FormatUnknown, InvalidRecord, PithstoreError, UsageError
from pithstore.export.archive import (
    ArchivedVersion,
    ArchiveHeader,
    ArchiveReader,
    ArchiveTrailer,
    ArchiveWriter,
    decode_header,
    decode_version,
    encode_header,
    encode_version,
)
from pithstore.keys import MAX_NUMBER, source_key
from pithstore.model import Source, Version
from pithstore.pointer import Json
from pithstore.refusal import Reason, refuse_value
from pithstore.testing import strategies
from tests.pure.laws import definition
from tests.pure.test_naughty_strings import STRINGS

RECORD_BYTES = 100_000
FIRST = datetime(2026, 1, 1, tzinfo=UTC)


def archived(
    identity: str = "1", number: int = 1, record: Json = None, *, recorded_at: datetime = FIRST, **said: object
) -> ArchivedVersion:
    text = definition({} if record is None else record)
    given = {"builder_version": "b", "source_version": 1, "observed_at": FIRST, **said}
    version = Version(
        source=Source("k", identity),
        number=number,
        snapshot=Digest.of(text),
        recorded_at=recorded_at,
        **given,  # type: ignore[arg-type]  # the names are those of a version
    )
    return ArchivedVersion(version, text)


def written(versions: Sequence[ArchivedVersion], header: ArchiveHeader = ArchiveHeader({})) -> bytes:  # noqa: B008
    buffer = io.BytesIO()
    archive = ArchiveWriter(buffer.write, header)
    for each in versions:
        archive.add(each)
    archive.end()
    return buffer.getvalue()


def reader_of(text: bytes) -> ArchiveReader:
    return ArchiveReader("a.jsonl", io.BytesIO(text).readline)


def read(text: bytes) -> list[ArchivedVersion]:
    """The versions of an archive that is whole."""
    reader = reader_of(text)
    versions = list(reader.versions(RECORD_BYTES))
    assert reader.trailer is not None
    return versions


def error_of(text: bytes) -> PithstoreError:
    """The error that reading the text ends with; it names the archive and a line of it."""
    with pytest.raises(PithstoreError) as caught:
        read(text)
    name, line, _ = str(caught.value).split(":", 2)
    assert name == "a.jsonl"
    assert 1 <= int(line) <= text.count(b"\n") + 1
    assert "\n" not in str(caught.value)
    return caught.value


def forged(lines: Sequence[bytes]) -> bytes:
    """An archive of these lines, whatever they say, with a last line that fits: written without pithstore."""
    versions = [json.loads(line) for line in lines[1:]]
    total = 0
    for each in versions:
        names = (
            "kind",
            "id",
            "number",
            "builder_version",
            "source_version",
            "snapshot",
            "observed_at",
            "recorded_at",
        )
        total += int.from_bytes(blake3(definition([each[name] for name in names])).digest(), "big")
    trailer = {
        "versions": len(versions),
        "sources": len({(each["kind"], each["id"]) for each in versions}),
        "record_bytes": sum(len(line[:-2].split(b',"record":', 1)[1]) for line in lines[1:]),
        "fingerprint": f"{total % 2**256:064x}",
        "sha256": sha256(b"".join(lines)).hexdigest(),
    }
    return b"".join(lines) + definition_in_order(trailer)


def definition_in_order(members: dict[str, object]) -> bytes:
    return json.dumps(members, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def by_hand(archive: bytes) -> Iterator[tuple[dict[str, object], bytes]]:
    """What each line of a version says and its record, cut out as docs/export.md tells."""
    for line in archive.split(b"\n")[1:-2]:
        head, record = line[:-1].split(b',"record":', 1)
        yield json.loads(head + b"}"), record


@st.composite
def histories(draw: st.DrawFn) -> list[ArchivedVersion]:
    """Versions in the order of an archive: few sources, numbers with gaps, every text and time."""
    sources = draw(st.lists(strategies.sources(), max_size=3, unique=True))
    found: list[ArchivedVersion] = []
    for source in sorted(sources, key=source_key):
        numbers = sorted(draw(st.sets(st.integers(1, 9) | st.just(MAX_NUMBER), min_size=1, max_size=3)))
        times = sorted(draw(st.lists(strategies.moments(), min_size=3, max_size=3)))
        for number, recorded_at in zip(numbers, times, strict=False):
            record = definition(draw(strategies.objects(5)))
            version = Version(
                source=source,
                number=number,
                builder_version=draw(strategies.names()),
                source_version=draw(strategies.scalars()),  # type: ignore[arg-type]  # it says Json, and gives scalars
                snapshot=Digest.of(record),
                observed_at=draw(strategies.moments()),
                recorded_at=recorded_at,
            )
            found.append(ArchivedVersion(version, record))
    return found


HEADERS = st.builds(ArchiveHeader, strategies.json_values(5), strategies.json_values(5))


def said(each: ArchivedVersion) -> tuple[str, ArchivedVersion]:
    """What tells 1, 1.0 and True apart too."""
    return repr(each.version.source_version), each


@given(histories(), HEADERS)
def test_what_is_written_is_read_here_and_by_another_hand(
    versions: list[ArchivedVersion], header: ArchiveHeader
) -> None:
    text = written(versions, header)
    reader = reader_of(text)
    assert repr(reader.header) == repr(header)
    assert list(map(said, reader.versions(RECORD_BYTES))) == list(map(said, versions))
    lines = [line + b"\n" for line in text.split(b"\n")[:-1]]
    assert forged(lines[:-1]) == text
    assert reader.trailer == ArchiveTrailer(
        versions=len(versions),
        sources=len({each.version.source for each in versions}),
        record_bytes=sum(len(each.record) for each in versions),
        fingerprint=int(json.loads(lines[-1])["fingerprint"], 16),
        sha256=Digest.of(b"".join(lines[:-1])),
    )
    for (line, record), each in zip(by_hand(text), versions, strict=True):
        assert record == each.record
        assert sha256(record).hexdigest() == line["snapshot"]
        assert (line["kind"], line["id"]) == (each.version.source.kind, each.version.source.id)
        assert line["number"] == each.version.number


@pytest.mark.parametrize(
    "hostile", [',"record":', '","record":', '\\","record":{}}\n', '{"versions":1', "\n", "\\"]
)
def test_no_text_can_look_like_a_member_or_a_line(hostile: str) -> None:
    each = archived(hostile, builder_version=hostile, source_version=hostile, record={hostile: hostile})
    assert read(written([each])) == [each]
    ((line, record),) = by_hand(written([each]))
    assert (line["id"], record) == (hostile, each.record)


def test_every_naughty_string_is_kept() -> None:
    versions = [
        archived(string, builder_version=string, record={string: string}) for string in sorted(set(STRINGS))
    ]
    versions.sort(key=lambda each: source_key(each.version.source))
    assert read(written(versions)) == versions


WHOLE = written(
    [
        archived("1", 1, {"a": 1}),
        archived("1", 2, {"a": 2}, recorded_at=FIRST + timedelta(days=1)),
        archived("1", 4, {"a": [1.0, "é"]}, recorded_at=FIRST + timedelta(days=1)),
        archived("2", 1, {"a": 1}),
        archived("3", 2, {}),
    ]
)
LINES = [line + b"\n" for line in WHOLE.split(b"\n")[:-1]]


@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_a_changed_byte_is_seen(place: int, bits: int) -> None:
    error_of(WHOLE[:place] + bytes([WHOLE[place] ^ bits]) + WHOLE[place + 1 :])


@given(st.integers(0, len(WHOLE) - 1))
def test_a_cut_is_seen(end: int) -> None:
    error = error_of(WHOLE[:end])
    first = WHOLE.index(b"\n")
    assert isinstance(error, UsageError if end < first else Damaged)
    assert "cut" in str(error) or end <= first


@given(st.lists(st.integers(0, len(LINES) - 1), max_size=9))
def test_other_lines_or_another_order_are_seen(order: list[int]) -> None:
    if order != list(range(len(LINES))):
        error_of(b"".join(LINES[i] for i in order))


def test_every_pair_of_lines_swapped_is_seen_where_the_order_breaks() -> None:
    for i in range(len(LINES)):
        for j in range(i):
            lines = list(LINES)
            lines[i], lines[j] = lines[j], lines[i]
            assert int(str(error_of(b"".join(lines))).split(":")[1]) <= i + 1


@pytest.mark.parametrize(
    ("lines", "line", "words"),
    [
        ((LINES[1], LINES[1]), 3, "version 1 of k:1 stands behind version 1"),
        ((LINES[2], LINES[1]), 3, "version 1 of k:1 stands behind version 2"),
        ((LINES[4], LINES[1]), 3, "k:1 stands behind k:2"),
        ((LINES[1], LINES[4], LINES[2]), 4, "k:1 stands behind k:2"),
        (
            (encode_version(archived(recorded_at=FIRST + timedelta(1))), LINES[2].replace(b"-02T", b"-01T")),
            3,
            "before",
        ),
    ],
)
def test_an_order_that_no_store_has_is_refused_though_the_last_line_fits(
    lines: tuple[bytes, ...], line: int, words: str
) -> None:
    error = error_of(forged([LINES[0], *lines]))
    assert isinstance(error, Damaged)
    assert str(error).startswith(f"a.jsonl:{line}: ")
    assert words in str(error)


def changed(old: str, new: str) -> bytes:
    line = LINES[1].decode()
    assert line.count(old) == 1
    return line.replace(old, new).encode()


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"{}\n",
        b"[]\n",
        b"null\n",
        b'{"a":1}\n',
        b"not JSON\n",
        b"[" * 100_000 + b"\n",
        b'{"kind":' + b"[" * 100_000 + b',"record":{}}\n',
        changed('"kind":"k"', '"kind":1'),
        changed('"kind":"k"', '"kind":"\\ud800"'),
        changed('"kind":"k"', '"kind":"\\u006b"'),
        changed('"kind":"k"', '"kind": "k"'),
        changed('"kind":"k"', '"kind":"k","kind":"k"'),
        changed('"kind":"k"', '"kind":"k","more":1'),
        changed('"kind":"k",', ""),
        changed('"number":1', '"number":0'),
        changed('"number":1', '"number":-1'),
        changed('"number":1', '"number":true'),
        changed('"number":1', '"number":1.0'),
        changed('"number":1', '"number":4294967296'),
        changed('"number":1', '"number":' + "9" * 5000),
        changed('"source_version":1', '"source_version":[1]'),
        changed('"source_version":1', '"source_version":NaN'),
        changed('"source_version":1', '"source_version":1e400'),
        changed('"source_version":1', '"source_version":1e0'),
        changed('"observed_at":"2026-01-01T00:00:00Z"', '"observed_at":"2026-01-01"'),
        changed('"observed_at":"2026-01-01T00:00:00Z"', '"observed_at":"2026-01-01T00:00:00+00:00"'),
        changed('"observed_at":"2026-01-01T00:00:00Z"', '"observed_at":"yesterday"'),
        changed('"observed_at":"2026-01-01T00:00:00Z"', '"observed_at":1'),
        LINES[1].replace(b'"snapshot":"', b'"snapshot":"x'),
        LINES[1].replace(b'"snapshot":"', b'"snapshot":"00'),
        LINES[1].upper(),
        LINES[1][:-1] + b" \n",
        LINES[1][:-1] + b"\r\n",
        LINES[1][:-2] + b"\n",
    ],
    ids=lambda line: repr(line[:60]),
)
def test_a_version_that_is_spelled_otherwise_is_refused(line: bytes) -> None:
    with pytest.raises(Damaged):
        decode_version(line)
    error = error_of(LINES[0] + line)
    assert isinstance(error, Damaged)
    assert str(error).startswith("a.jsonl:2: ")


def test_a_record_with_another_hash_is_refused() -> None:
    error = error_of(LINES[0] + LINES[1] + LINES[2].replace(b'{"a":2}', b'{"a":3}') + b"".join(LINES[3:]))
    assert str(error).startswith("a.jsonl:3: the SHA-256 of the record is not ")


@pytest.mark.parametrize(
    "text", [b"", b"\n", b"x", b"[]\n", b"{}\n", b'{"archive":"other"}\n', LINES[1], b'{"source":{}}\n']
)
def test_what_is_no_archive_is_refused_by_name(text: bytes) -> None:
    error = error_of(text)
    assert isinstance(error, UsageError)
    assert str(error).startswith("a.jsonl:1: this is not an archive")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"format":1', b'"format":2'),
        (b'"format":1', b'"format":"1"'),
        (b'"format":1', b'"format":2,"more":{}'),
        (b"pith-json-1", b"pith-json-2"),
    ],
)
def test_a_later_format_is_refused_with_what_it_says_of_itself(old: bytes, new: bytes) -> None:
    error = error_of(LINES[0].replace(old, new) + b"whatever\n")
    assert isinstance(error, FormatUnknown)
    assert "use a newer pithstore" in str(error)


@pytest.mark.parametrize(
    "line", [LINES[0].replace(b":{}", b": {}"), LINES[0].replace(b":{}", b':{"a":1,"a":2}'), LINES[0][:-1]]
)
def test_a_header_that_is_spelled_otherwise_is_refused(line: bytes) -> None:
    with pytest.raises(Damaged):
        decode_header(line)


@given(HEADERS)
def test_a_header_is_read_as_it_was_written(header: ArchiveHeader) -> None:
    assert repr(decode_header(encode_header(header))) == repr(header)


def test_lines_that_are_too_long_are_refused_before_they_are_read() -> None:
    asked: list[int] = []

    def endless(limit: int) -> bytes:
        asked.append(limit)
        return b"x" * limit

    with pytest.raises(Damaged, match=r"^a.jsonl:1: the line has more than"):
        ArchiveReader("a.jsonl", endless)
    lines = iter([LINES[0], b"x" * 4_000_000])
    reader = ArchiveReader("a.jsonl", lambda limit: next(lines)[:limit])
    with pytest.raises(Damaged, match=r"^a.jsonl:2: the line has more than"):
        list(reader.versions(RECORD_BYTES))
    assert max(asked) < 2_000_000


def test_what_follows_the_last_line_is_refused() -> None:
    for more in (b"\n", LINES[-1], LINES[1], b"x"):
        error = error_of(WHOLE + more)
        assert str(error) == f"a.jsonl:{len(LINES) + 1}: the archive goes on behind its last line"


def test_an_error_of_a_record_keeps_what_it_says() -> None:
    reader = reader_of(WHOLE)
    next(reader.versions(RECORD_BYTES))
    with pytest.raises(InvalidRecord, match=r"^a.jsonl:2: too big \(at the record itself\)$") as caught:
        reader.refuse(refuse_value(Reason.TOO_LARGE, "too big", ""))
    assert caught.value.reason == Reason.TOO_LARGE


def test_an_archive_of_nothing_has_two_lines() -> None:
    assert written([]).count(b"\n") == 2
    assert read(written([])) == []
