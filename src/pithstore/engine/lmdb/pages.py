"""The pages of a data file of LMDB 0.9, read as bytes and trusted in nothing.

LMDB follows pointers: where one is damaged it sees no more, or dies.  Here every page is looked at for itself, and
what may be an entry is given to whoever can tell (see `pithstore.seal`).  Layout: mdb.c, little-endian.

    page   its number (8 bytes), 2 unused, flags, lower, upper (2 each); in the first of an overflow run, how many
           pages it has instead of the last two (4); in a leaf, pointers to nodes up to `lower`, and these
    node   bytes of the value (low and high half), flags, bytes of the key (2 each); key; value
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator
from typing import BinaryIO, NamedTuple

import attrs

from pithstore.engine import Item

_PAGE = struct.Struct("<QHHHH")
_NODE = struct.Struct("<HHHH")
_META = struct.Struct("<II16xI36xQ40xQQQ")  # magic, version, page size, roots of free and main, last page, txn id
_DATABASE = struct.Struct("<32xQQ")  # entries, root
_NUMBER = struct.Struct("<Q")
_MAGIC = (0xBEEFC0DE, 1)
_BRANCH, _LEAF, _OVERFLOW = 1, 2, 4
_BIG, _NAMED = 1, 2  # flags of a node: its value lies in an overflow run, or is a database
_NO_PAGE = 2**64 - 1
_PAGE_SIZES = (0x1000, 0x2000, 0x4000, 0x8000, 0x10000)
_DEEPEST = 32
_BELIEVED = 2**20
"""Bytes of a value that are read where no overflow run says that it has as many."""

# What LMDB may have written as the flags and the key length of a node: 0 or 1, and 1 to 511.
_LIKELY = re.compile(rb"(?=[\x00\x01]\x00(?:[\x01-\xff]\x00|[\x00-\xff]\x01))", re.DOTALL)
_BEFORE = 4  # bytes of a node before its flags


class _Node(NamedTuple):
    """A node of a leaf; `rest` is its value, or the number of the page where that starts."""

    flags: int
    key: bytes
    size: int
    rest: bytes
    end: int


class _Meta(NamedTuple):
    free_root: int
    main_root: int
    last_page: int
    transaction: int


class _Broken(Exception):
    """A page that a tree leads to is not what it should be."""


@attrs.frozen
class Tree:
    """A named database: how many entries it says that it has, and the numbers of its leaf pages."""

    entries: int
    leaves: tuple[int, ...]


class DataPages:
    """The pages of a data file; no bytes make it do anything but find less."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._bytes = file.seek(0, 2)
        self.page_bytes = max(_PAGE_SIZES, key=self._numbered)  # the smallest of those that do as well
        self.count = -(-self._bytes // self.page_bytes)

    def _numbered(self, page_bytes: int) -> int:
        """How many pages would say their own number, were they of that size."""
        places = range(page_bytes, self._bytes, page_bytes)
        return sum(self._read(at, 8) == _NUMBER.pack(at // page_bytes) for at in places)

    def _read(self, at: int, size: int) -> bytes:
        try:
            self._file.seek(at)
            return self._file.read(size)
        except OSError:  # the medium does not give it
            return b""

    def page(self, number: int) -> bytes:
        """The bytes of that page; fewer where the file ends before it does."""
        return self._read(number * self.page_bytes, self.page_bytes) if number < self.count else b""

    def items(self, number: int) -> Iterator[Item]:
        """What may be entries of that page: all that are, whatever else is wrong with it."""
        page = self.page(number)
        nodes = _ordered_nodes(page)
        for node in _likely_nodes(page) if nodes is None else nodes:
            value = self.value(node) if node.flags <= _BIG else None
            if value is not None:
                yield node.key, value

    def value(self, node: _Node) -> bytes | None:
        """The value of a node; None where it does not lie in the file."""
        if not node.flags & _BIG:
            return node.rest
        (first,) = _NUMBER.unpack(node.rest)
        if node.size > _BELIEVED and self.run_pages(first) * self.page_bytes < _PAGE.size + node.size:
            return None
        at = first * self.page_bytes + _PAGE.size
        value = self._read(at, node.size) if at + node.size <= self._bytes else b""
        return value if len(value) == node.size else None

    def run_pages(self, first: int) -> int:
        """How many pages the overflow run has that starts there; 0 where none says so."""
        page = self.page(first)
        if len(page) < _PAGE.size:
            return 0
        number, _, flags, low, high = _PAGE.unpack_from(page)
        return low | high << 16 if (number, flags) == (first, _OVERFLOW) else 0

    def trees(self) -> dict[bytes, Tree]:
        """The named databases of the newest state, where the file is in order; none where it is not.

        In order means: both meta pages are sound and say rightly which is the newer one, and every page is one
        that the trees lead to or one that is free, and not both.
        """
        metas = [self._meta(0), self._meta(1)]
        sound = [meta for meta in metas if meta is not None]
        ids = sorted(meta.transaction for meta in sound)
        if len(sound) < len(metas) or ids[1] - ids[0] != min(ids[1], 1):
            return {}
        try:
            older, newest = (self._state(meta) for meta in sorted(sound, key=lambda meta: meta.transaction))
            older.meet_free()
            newest.meet_free()
            return newest.trees()
        except _Broken:
            return {}

    def _state(self, meta: _Meta) -> _State:
        if meta.last_page > 2 * self.count + 1024:
            raise _Broken
        return _State(self, meta)

    def _meta(self, number: int) -> _Meta | None:
        page = self.page(number)
        if len(page) < _PAGE.size + _META.size:
            return None
        magic, version, page_bytes, *rest = _META.unpack_from(page, _PAGE.size)
        return _Meta(*rest) if (magic, version, page_bytes) == (*_MAGIC, self.page_bytes) else None


class _State:
    """One state of a file: what its trees lead to, and which pages were met."""

    def __init__(self, pages: DataPages, meta: _Meta) -> None:
        self._pages = pages
        self._meta = meta
        self._met = bytearray(meta.last_page + 1)

    def meet_free(self) -> None:
        """Meet the pages that are free; _Broken where another transaction made this state than its meta says.

        Each transaction frees pages, and says that it was the one; the first has none to free.
        """
        self._meet(range(2))
        last = 1
        for _, nodes in self._leaves(self._meta.free_root):
            for node in nodes:
                last = int.from_bytes(node.key, "little")
                self._meet(_page_numbers(self._pages.value(node)))
        if last != max(1, self._meta.transaction):
            raise _Broken

    def trees(self) -> dict[bytes, Tree]:
        """The named databases; _Broken where a page is met twice, or never."""
        trees: dict[bytes, Tree] = {}
        for _, nodes in self._leaves(self._meta.main_root):
            for node in nodes:
                if node.flags == _NAMED and len(node.rest) == _DATABASE.size:
                    entries, root = _DATABASE.unpack(node.rest)
                    trees[node.key] = Tree(entries, tuple([number for number, _ in self._leaves(root)]))
        if 0 in self._met:
            raise _Broken
        return trees

    def _meet(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            if number >= len(self._met) or self._met[number]:
                raise _Broken
            self._met[number] = 1

    def _leaves(self, root: int, depth: int = 0) -> Iterator[tuple[int, list[_Node]]]:
        """The leaf pages of a tree, each with its nodes; the overflow runs of these are met on the way."""
        if root == _NO_PAGE:
            return
        self._meet((root,))
        page = self._pages.page(root)
        if len(page) < self._pages.page_bytes or depth > _DEEPEST or _PAGE.unpack_from(page)[0] != root:
            raise _Broken
        nodes = _ordered_nodes(page)
        if nodes is None:
            for child in _children(page):
                yield from self._leaves(child, depth + 1)
            return
        for node in nodes:
            if node.flags & _BIG:
                (first,) = _NUMBER.unpack(node.rest)
                self._meet(range(first, first + max(1, self._pages.run_pages(first))))
        yield root, nodes


def _page_numbers(listed: bytes | None) -> tuple[int, ...]:
    """The free pages that an entry lists: how many, then their numbers."""
    if listed is None or len(listed) % _NUMBER.size:
        raise _Broken
    count, *numbers = struct.unpack(f"<{len(listed) // _NUMBER.size}Q", listed) or (0,)
    return tuple(numbers[:count])


def _children(page: bytes) -> list[int]:
    """The pages that a branch leads to."""
    _, _, flags, lower, _ = _PAGE.unpack_from(page)
    if flags != _BRANCH or not _PAGE.size < lower <= len(page):
        raise _Broken
    pointers = struct.unpack_from(f"<{(lower - _PAGE.size) // 2}H", page, _PAGE.size)
    if max(pointers) + _NODE.size > len(page):
        raise _Broken
    nodes = [_NODE.unpack_from(page, at) for at in pointers]
    return [low | high << 16 | more << 32 for low, high, more, _ in nodes]


def _ordered_nodes(page: bytes) -> list[_Node] | None:
    """The nodes of a leaf page that is in order: they fill it from `upper` to its end.  None for any other."""
    if len(page) < _PAGE.size:
        return None
    _, _, flags, lower, upper = _PAGE.unpack_from(page)
    if flags != _LEAF or not _PAGE.size < lower <= upper <= len(page) or lower % 2:
        return None
    pointers = struct.unpack_from(f"<{(lower - _PAGE.size) // 2}H", page, _PAGE.size)
    nodes = [_node(page, at) for at in pointers]
    ends = {at: node.end for at, node in zip(pointers, nodes, strict=True) if node is not None}
    at = upper
    while at in ends:
        at = ends.pop(at)
    return [node for node in nodes if node is not None] if at == len(page) and not ends else None


def _likely_nodes(page: bytes) -> Iterator[_Node]:
    """Whatever looks like a node, wherever it lies: a node takes nothing but itself to be found."""
    places = (match.start() - _BEFORE for match in _LIKELY.finditer(page, _BEFORE))
    nodes = (_node(page, at) for at in places if at % 2 == 0)
    return (node for node in nodes if node is not None)


def _node(page: bytes, at: int) -> _Node | None:
    """The node at that place; None where it would not end in the page."""
    if at + _NODE.size > len(page):
        return None
    low, high, flags, key_bytes = _NODE.unpack_from(page, at)
    size = low | high << 16
    key_end = at + _NODE.size + key_bytes
    end = key_end + (_NUMBER.size if flags & _BIG else size)
    if end > len(page):
        return None
    return _Node(flags, page[at + _NODE.size : key_end], size, page[key_end:end], end + end % 2)
