"""A line of JSON cut into canonical sections with their digests, as a user of a plain store would do it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeAlias

Body: TypeAlias = tuple[str, bytes, str]
"""Name, canonical bytes and hex digest of a section."""


class Cut(NamedTuple):
    """A record in sections, in the order of their names; `snapshot` is the digest of the whole."""

    source: str
    builder: str
    sections: list[Body]
    snapshot: str


class Head(NamedTuple):
    """The end of a source: its last number, the last snapshot by each builder, where each section was new."""

    number: int
    snapshots: dict[str, str]
    sections: dict[str, tuple[int, str]]


Load: TypeAlias = Callable[[bytes], Any]
Dump: TypeAlias = Callable[[object], bytes]


def standard() -> tuple[Load, Dump]:
    """Reader and canonical writer of the standard library; the writer is the definition of the form."""
    encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode
    return json.loads, lambda value: encode(value).encode()


def fast() -> tuple[Load, Dump]:
    """Those of orjson, which agree with the standard ones on the records of the benchmark; else the standard."""
    try:
        import orjson
    except ImportError:
        return standard()
    sort_keys = orjson.OPT_SORT_KEYS
    return orjson.loads, lambda value: orjson.dumps(value, option=sort_keys)


def source_of(record: dict[str, Any]) -> str:
    source = record["source"]
    return f"{source['kind']}:{source['id']}"


def join(sections: Iterable[tuple[str, bytes]]) -> bytes:
    """The canonical bytes of the record with these sections, given in the order of their names."""
    return b"{" + b",".join([b'"%b":%b' % (name.encode(), body) for name, body in sections]) + b"}"


def cutter(load: Load, dump: Dump) -> Callable[[bytes], Cut]:
    sha256 = hashlib.sha256

    def cut(line: bytes) -> Cut:
        record = load(line)
        bodies = [(name, dump(record[name])) for name in sorted(record)]
        sections = [(name, body, sha256(body).hexdigest()) for name, body in bodies]
        snapshot = sha256(join(bodies)).hexdigest()
        return Cut(source_of(record), str(record["builder_version"]), sections, snapshot)

    return cut


def checked(name: str, body: bytes, digest: str) -> tuple[str, bytes]:
    """Name and body of a section whose digest is right."""
    if hashlib.sha256(body).hexdigest() != digest:
        raise SystemExit(f"section {name} is damaged")
    return name, body


class Step(NamedTuple):
    """A version that is new, with the end of its source after it, and the sections that it changes."""

    cut: Cut
    head: Head
    changed: list[Body]


def new_versions(cuts: Iterable[Cut], load_head: Callable[[str], Head | None]) -> Iterator[Step]:
    """A version for each record that is not the last one of its source by its builder."""
    heads: dict[str, Head] = {}
    for cut in cuts:
        head = heads.get(cut.source) or load_head(cut.source) or Head(0, {}, {})
        if head.snapshots.get(cut.builder) == cut.snapshot:
            continue
        number = head.number + 1
        last = head.sections
        changed = [body for body in cut.sections if body[0] not in last or last[body[0]][1] != body[2]]
        moved = {name: (number, digest) for name, _, digest in changed}
        sections = {name: moved.get(name) or last[name] for name, _, _ in cut.sections}
        heads[cut.source] = Head(number, {**head.snapshots, cut.builder: cut.snapshot}, sections)
        yield Step(cut, heads[cut.source], changed)


def write_head(head: Head) -> bytes:
    return json.dumps(head, separators=(",", ":")).encode()


def read_head(data: bytes) -> Head:
    number, snapshots, sections = json.loads(data)
    return Head(number, snapshots, {name: (at, digest) for name, (at, digest) in sections.items()})
