"""Target: the values of the index.  Any bytes are a value or Damaged, and a value that was read can be written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TypeVar

from pithstore import codec, counts, keys
from pithstore.configuration import Configuration
from pithstore.declared import ledger
from pithstore.declared.declared_bytes import find_declaring
from pithstore.digest import Digest
from pithstore.fingerprint import fingerprint
from pithstore.model import Line, Manifest, SectionEntry, Source
from pithstore.reproduction.recorded_check import decode_check, encode_check
from pithstore.tail import slices
from pithstore.wire import from_json, to_json
from tests.fuzz.harness import chosen

T = TypeVar("T")

NAMES = ("a", "claims", "é")
SOURCE = Source("k", "1")
MOMENT = datetime(2026, 6, 1, tzinfo=UTC)
_EMPTY_DIGEST = Digest(bytes(32))
_MOST_SLICES = 70_000


def _both_ways(decode: Callable[[bytes], T], encode: Callable[[T], bytes]) -> Callable[[bytes], None]:
    def read(data: bytes) -> None:
        value = decode(data)
        again = encode(value)
        assert decode(again) == value or "nan" in repr(value)

    return read


def _version(data: bytes) -> None:
    version = codec.decode_version(SOURCE, 1, data)
    assert codec.decode_version(SOURCE, 1, codec.encode_version(version)) == version
    fingerprint(version)
    keys.time_key(Line(SOURCE, version.builder_version), version.observed_at, 1)


def _source(data: bytes) -> None:
    source = codec.decode_source(data)
    assert codec.encode_source(source) == data or codec.decode_source(codec.encode_source(source)) == source
    assert keys.split_key(keys.head_key(source))[0] == keys.source_key(source)
    assert str(source).isprintable()


def _place(data: bytes) -> None:
    place = codec.decode_place(data)
    count = total = 0
    for part in slices(place):
        count, total = count + 1, total + part.stop - part.start
        assert count < _MOST_SLICES
    assert total == place.length
    assert codec.decode_place(codec.encode_place(place)) == place


def _head(data: bytes) -> None:
    head = codec.decode_head(data)
    keys.version_key(SOURCE, head.number)
    assert codec.decode_head(codec.encode_head(head)) == head


def _line_head(data: bytes) -> None:
    head = codec.decode_line_head(data)
    keys.version_key(SOURCE, head.number)
    assert codec.decode_line_head(codec.encode_line_head(head)) == head


def _manifest(data: bytes) -> None:
    manifest = codec.decode_manifest(data)
    digests = codec.decode_section_digests(data)
    assert digests == {section.name: section.digest for section in manifest.sections}
    assert codec.decode_manifest(codec.encode_manifest(manifest)) == manifest


def _outcomes(data: bytes) -> None:
    found = ledger.decode_outcomes(data, NAMES)
    manifest = Manifest(tuple(SectionEntry(name, _EMPTY_DIGEST, 0) for name in NAMES))
    assert ledger.encode_outcomes(found, manifest) == data.rstrip(b"\0")
    ledger.tally(found)


def _check(data: bytes) -> None:
    check = decode_check(MOMENT, data)
    assert decode_check(MOMENT, encode_check(check)) == check
    keys.version_key(check.source, check.number)


def _configuration(data: bytes) -> None:
    configuration = from_json(codec.read_json(data), Configuration)
    assert from_json(to_json(configuration), Configuration) == configuration


def _declaring(data: bytes) -> None:
    for name in ("integrity", "claims", "x"):
        found = find_declaring(name, data)
        if found is not None:
            found.declaration()


def _time_key(data: bytes) -> None:
    moment, number = keys.read_time_key(data)
    assert keys.time_key(Line(SOURCE, "b"), moment, number)[-12:] == data[-12:]


def _key(data: bytes) -> None:
    try:
        source, kind = keys.split_key(data)
    except ValueError:  # that is what it says of a key of another space
        return
    assert data.startswith(source + kind)


DECODERS: Mapping[str, Callable[[bytes], object]] = {
    "source": _source,
    "version": _version,
    "manifest": _manifest,
    "place": _place,
    "head": _head,
    "line-head": _line_head,
    "scalar": _both_ways(codec.read_scalar, codec.write_scalar),
    "totals": _both_ways(counts.decode_totals, counts.encode_totals),
    "file-progress": _both_ways(counts.decode_file_progress, counts.encode_file_progress),
    "ledger": _both_ways(ledger.decode_ledger, ledger.encode_ledger),
    "outcomes": _outcomes,
    "declarations": _both_ways(ledger.decode_declarations, ledger.encode_declarations),
    "check": _check,
    "configuration": _configuration,
    "declaring": _declaring,
    "time-key": _time_key,
    "key": _key,
}


def run(data: bytes) -> None:
    """Let one decoder read; the first byte says which."""
    chosen(DECODERS, data)
