"""Target: texts that people write, and lines of archives.  What was read is written so that it reads the same."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping

from pithstore import times
from pithstore.digest import Digest
from pithstore.errors import PithstoreError
from pithstore.export import archive
from pithstore.files import FileId
from pithstore.limits import MAX_RECORD_BYTES
from pithstore.pointer import read_pointer, write_pointer
from pithstore.quoting import quote_kind, quote_name, unquote
from pithstore.references import read_ref
from pithstore.selectors import read_selector
from tests.fuzz.harness import chosen


def _text(read: Callable[[str], None]) -> Callable[[bytes], None]:
    """A reader of texts that is given bytes; those that are no UTF-8 as a shell gives them to Python."""
    return lambda data: read(data.decode("utf-8", "surrogateescape"))


def _reference(text: str) -> None:
    ref = read_ref(text)
    assert read_ref(str(ref)) == ref
    assert str(read_ref(str(ref))) == str(ref)


def _selector(text: str) -> None:
    selector = read_selector(text, f"k:i@{text}")
    assert read_selector(str(selector), "k:i") == selector


def _pointer(text: str) -> None:
    assert write_pointer(read_pointer(text)) == text


def _time(text: str) -> None:
    moment = times.read_time(text)
    assert times.read_time(times.write_time(moment)) == moment
    assert times.from_microseconds(times.to_microseconds(moment)) == moment


def _digest(text: str) -> None:
    assert str(Digest.from_text(text)) == text.lower()


def _name(text: str) -> None:
    name = unquote(text)
    assert unquote(quote_name(name)) == unquote(quote_kind(name)) == name
    assert len(FileId(bytes(32), name).key) == 48


def _header(data: bytes) -> None:
    assert archive.encode_header(archive.decode_header(data)) == data


def _version(data: bytes) -> None:
    archived = archive.decode_version(data)
    assert archive.encode_version(archived) == data
    archive.Tally().add(archived)


def _archive(data: bytes) -> None:
    stream = io.BytesIO(data)
    try:
        reader = archive.ArchiveReader("x", stream.readline)
        for archived in reader.versions(MAX_RECORD_BYTES):
            assert Digest.of(archived.record) == archived.version.snapshot
        assert reader.trailer is not None
    except PithstoreError as error:
        said = str(error)
    else:
        said = "x:"
    assert said.startswith("x:")


DECODERS: Mapping[str, Callable[[bytes], object]] = {
    "reference": _text(_reference),
    "selector": _text(_selector),
    "pointer": _text(_pointer),
    "time": _text(_time),
    "digest": _text(_digest),
    "name": _text(_name),
    "archive-header": _header,
    "archive-version": _version,
    "archive": _archive,
}


def run(data: bytes) -> None:
    """Let one decoder read; the first byte says which."""
    chosen(DECODERS, data)
