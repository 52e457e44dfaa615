"""A look for what is left of a text in the files of a store, by whoever has the medium and knows the format."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path

import zstandard

from pithstore.engine import Engine
from pithstore.keys import DICTIONARIES, PACKS
from pithstore.seal import SEAL_BYTES
from tests.store.shelves import entries_of

_FRAME = re.compile(re.escape(b"\x28\xb5\x2f\xfd"))
_LONGEST, _PIECE = 256 * 1024, 1024


def dictionaries(engine: Engine) -> set[bytes]:
    """The dictionaries that a store has now."""
    return {value[:-SEAL_BYTES] for value in entries_of(engine)[DICTIONARIES].values()}


def packed(engine: Engine) -> bytes:
    """The stream of packs, in one piece."""
    values = sorted(entries_of(engine)[PACKS].items())
    return b"".join(value[2:-SEAL_BYTES] for _, value in values)


def traces(path: Path, engine: Engine, texts: Collection[bytes], known: Collection[bytes]) -> list[str]:
    """Where one of these texts is found, or a half of it: raw, in a dictionary, or inflated.

    Frames are inflated from wherever one may begin, without a dictionary and with each of those `known`, and with
    those of the store.  The texts are blotted out of dictionaries for that: with a wrong one all comes out that
    is in it, and whether a text is in one that is left is looked for by itself.
    """
    halves = [half for text in texts for half in (text[: len(text) // 2], text[len(text) // 2 :])]
    assert min(map(len, halves)) >= 16
    every = [_blotted(content, halves) for content in {*known, *dictionaries(engine)}]
    with_each = [None, *map(zstandard.ZstdCompressionDict, every)]
    files = {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}
    found = [name for name, data in files.items() if _holds(data, halves)]
    found += ["a dictionary" for content in dictionaries(engine) if _holds(content, halves)]
    for name, data in {**files, "packs": packed(engine)}.items():
        found += [f"inflated {name}" for piece in _inflated(data, with_each) if _holds(piece, halves)]
    return found


def _blotted(content: bytes, halves: Collection[bytes]) -> bytes:
    for half in halves:
        content = content.replace(half, b"?" * len(half))
    return content


def _holds(data: bytes, halves: Collection[bytes]) -> bool:
    return any(half in data for half in halves)


def _inflated(data: bytes, with_each: Collection[zstandard.ZstdCompressionDict | None]) -> Iterator[bytes]:
    for match in _FRAME.finditer(data):
        for dictionary in with_each:
            yield _inflate(data[match.start() : match.start() + _LONGEST], dictionary)


def _inflate(data: bytes, dictionary: zstandard.ZstdCompressionDict | None) -> bytes:
    """What comes out before it goes wrong."""
    inflating = zstandard.ZstdDecompressor(dict_data=dictionary).decompressobj()
    out: list[bytes] = []
    try:
        for start in range(0, len(data), _PIECE):
            out.append(inflating.decompress(data[start : start + _PIECE]))
            if inflating.eof:
                break
    except zstandard.ZstdError:
        pass
    return b"".join(out)
