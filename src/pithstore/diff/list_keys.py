"""How the elements of a list are known from one version to the next."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import attrs

from pithstore.errors import UsageError
from pithstore.pointer import read_pointer


def _check_text(_: object, attribute: attrs.Attribute[str], text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError(f"the {attribute.name} of a list key is not valid Unicode") from None
    if attribute.name == "path":
        read_pointer(text)


@attrs.frozen
class ListKey:
    """The elements of the list at `path` (a JSON Pointer into the record) are known by their member `field`.

    Where `field` is empty they are known by their whole content: an element then comes, goes or moves, but is
    never changed.
    """

    path: str = attrs.field(validator=_check_text)
    field: str = attrs.field(validator=_check_text)

    def __str__(self) -> str:
        return f"{self.path}={self.field}"


ListKeys: TypeAlias = tuple[ListKey, ...]
"""At most one key for each list."""

NO_KEYS: ListKeys = ()


def read_list_key(text: str) -> ListKey:
    """The list key that `/path=field` means; UsageError where the text is not one.

    What follows the last `=` is the field; nothing means the whole content.
    """
    path, equals, field = text.rpartition("=")
    if not equals or not path.startswith("/"):
        raise UsageError(f"{text!r} is not a list key: write /path=field, or /path= for the whole content")
    return ListKey(path, field)


def with_list_keys(keys: Iterable[ListKey], more: Iterable[ListKey]) -> ListKeys:
    """These keys and more; of two for one list the later holds."""
    return tuple({key.path: key for key in (*keys, *more)}.values())
