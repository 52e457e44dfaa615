"""The structure of a data file, page by page, without LMDB: it trusts what it maps, and a page that lies ends it.

`lmdb.verify` of py-lmdb does most of it.  It takes a tree for sound whose branches lead to the wrong leaves, so
that keys are there and not found: 371 of 533 flips in branches.  And two meta pages that no commit could leave
beside each other.  What a value says is not looked at.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Callable
from typing import BinaryIO, TypedDict

import attrs
from lmdb.verify import VerifyError, _Verifier

_PAGE = re.compile(r"\bpage (\d+)")
_KEY_BYTES = struct.Struct("=6xH")  # of a node, whose key follows


class _Tree(TypedDict):
    """What the verifier keeps of the tree that it walks, as far as it is asked for here."""

    name: str
    last_key: bytes | None
    key_cmp: Callable[[bytes, bytes], int]


@attrs.frozen
class Finding:
    """What is wrong with the structure of a data file, and with which page, if it is one page."""

    page: int | None
    words: str


def walk(path: str) -> list[Finding]:
    """All that is wrong with the data file, up to some hundred findings; OSError where it cannot be read.

    Nobody may write meanwhile, unless a read transaction was begun before: then no page that is read is reused.
    """
    with open(path, "rb") as file:
        walker = _Walker(file, os.fstat(file.fileno()).st_size)
        try:
            said: list[str] = walker.verify()
        except VerifyError as error:
            said = [*walker.errors, str(error)]
        except (struct.error, IndexError) as error:
            said = [*walker.errors, f"the walk came to something that cannot be read ({error})"]
    return [_finding(words) for words in said]


def _finding(words: str) -> Finding:
    pages = _PAGE.findall(words)
    return Finding(int(pages[0]) if pages else None, words)


class _Walker(_Verifier):
    """Knows of each page that a branch leads to which keys it may hold: the branch's separators say so."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        super().__init__(file, size)
        self._separators: dict[int, tuple[int, bytes]] = {}
        self._leading: list[tuple[int, bytes]] = []  # separators that no key was compared with yet

    def load_metas(self) -> None:
        """Each commit writes the older of both: they are one transaction apart, or the file is new."""
        super().load_metas()
        first, second = (self._read_meta(page, self.psize).txnid for page in (0, 1))
        if abs(first - second) != 1 and (first or second):
            self.err(f"meta page {int(first > second)} is not of the transaction before: {first} and {second}")

    def _walk_branch(self, ctx: _Tree, pgno: int, buf: bytes, depth: int) -> None:
        keys = self._numkeys(self._pg_lower(buf, 0)) if self._pg_lower(buf, 0) <= self.psize else 0
        for i in range(1, keys):
            node = self._node_off(buf, 0, i)
            key = _key_at(buf, node)
            if key is not None:
                low, high, top = struct.unpack_from("=HHH", buf, node)
                self._separators[low | high << 16 | top << 32] = (pgno, key)
        super()._walk_branch(ctx, pgno, buf, depth)

    def _walk_page(self, ctx: _Tree, pgno: int, depth: int) -> None:
        led = self._separators.pop(pgno, None)
        if led is not None:
            before = ctx["last_key"]
            if before is not None and ctx["key_cmp"](led[1], before) <= 0:
                self.err(f"{ctx['name']} DB: branch page {led[0]} leads past keys that lie before page {pgno}")
            self._leading.append(led)
        super()._walk_page(ctx, pgno, depth)

    def _walk_leaf(self, ctx: _Tree, pgno: int, buf: bytes) -> None:
        first = _key_at(buf, self._node_off(buf, 0, 0))
        for branch, separator in self._leading:
            if first is not None and ctx["key_cmp"](separator, first) > 0:
                self.err(f"{ctx['name']} DB: branch page {branch} leads past the first key of page {pgno}")
        self._leading.clear()
        super()._walk_leaf(ctx, pgno, buf)


def _key_at(page: bytes, node: int) -> bytes | None:
    """The key of the node; None where it does not lie within the page."""
    start = node + _KEY_BYTES.size
    if start > len(page):
        return None
    end = start + _KEY_BYTES.unpack_from(page, node)[0]
    return bytes(page[start:end]) if end <= len(page) else None
