"""JSON values, and JSON Pointers (RFC 6901) into them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import TypeAlias

from pithstore.errors import NotFound, UsageError

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
"""A JSON value as `json.loads` gives it."""

_INDEX = re.compile(r"0|[1-9][0-9]*", re.ASCII)
_BAD_ESCAPE = re.compile(r"~(?![01])")


def write_pointer(tokens: Iterable[str | int]) -> str:
    """The pointer that goes through these member names and list positions; '' for none of them."""
    return "".join("/" + str(token).replace("~", "~0").replace("/", "~1") for token in tokens)


@lru_cache(maxsize=256)  # a profile's rules are read for every record
def read_pointer(text: str) -> tuple[str, ...]:
    """The tokens of a pointer; UsageError where the text is not one (RFC 6901 section 3)."""
    if text == "":
        return ()
    if not text.startswith("/"):
        raise UsageError(f"{text!r} is not a JSON Pointer: it starts with '/'")
    if _BAD_ESCAPE.search(text):
        raise UsageError(f"{text!r} is not a JSON Pointer: write '~' as '~0' and '/' inside a name as '~1'")
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in text[1:].split("/"))


def list_position(token: str, length: int) -> int | None:
    """The position that a token names in a list of that length; None where it names none."""
    if not _INDEX.fullmatch(token) or len(token) > len(str(length)) or int(token) >= length:
        return None
    return int(token)


def follow(value: Json, tokens: Iterable[str]) -> Json:
    """The value at the end of the tokens; NotFound names the first token that leads nowhere."""
    done: list[str] = []
    for token in tokens:
        done.append(token)
        if isinstance(value, dict) and token in value:
            value = value[token]
        elif isinstance(value, list) and (position := list_position(token, len(value))) is not None:
            value = value[position]
        else:
            raise NotFound(f"there is nothing at {write_pointer(done)!r}")
    return value
