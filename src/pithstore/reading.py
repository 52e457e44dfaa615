"""What was read of a record: all that is kept of its sections."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from pithstore.canonical import canonical
from pithstore.declared.declarations import Declaration, digest_and_declaration
from pithstore.digest import Digest
from pithstore.model import SectionEntry
from pithstore.pointer import Json
from pithstore.profile import DECLARED


class Section(NamedTuple):
    """One section ready to be stored: its entry in the manifest, its canonical bytes, what it declares of itself.

    `brackets` are the opening ones in the text that was parsed for it, in strings too: it holds no more arrays and
    objects.  A tuple, since one is made for each section of each record: half the time of a class of attrs.
    """

    entry: SectionEntry
    body: bytes
    declaration: Declaration | None
    brackets: int


def read_section(
    name: str, value: Json, body: bytes, write: Callable[[Json], bytes] = canonical, brackets: int = 0
) -> Section:
    """The section of that name and value; `body` are its canonical bytes, `write` gives those of values in it."""
    if isinstance(value, dict) and DECLARED in value:
        digest, declaration = digest_and_declaration(name, value, body, write)
        return Section(SectionEntry(name, digest, len(body)), body, declaration, brackets)
    return Section(SectionEntry(name, Digest.of(body), len(body)), body, None, brackets)
