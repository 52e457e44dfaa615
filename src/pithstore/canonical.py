"""The canonical form `pith-json-1`: one JSON value, one byte string.

The definition is the standard library: `json.dumps(value, sort_keys=True, separators=(",", ":"),
ensure_ascii=False, allow_nan=False)` in UTF-8.  It is not RFC 8785: `1.0`, `1e-7`, integers over 2^53 and the
order of keys outside the Basic Multilingual Plane differ.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache
from typing import NoReturn

from pithstore.errors import Damaged, UsageError
from pithstore.pointer import Json
from pithstore.refusal import Reason, refuse_value

CANONICAL_FORM = "pith-json-1"

_SHORT = 100  # characters of a name that is worth keeping

# Values come from `parse` or passed `check_value`, so none holds itself: the circle check would only cost time.
_encode = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, check_circular=False
).encode


def canonical(value: Json) -> bytes:
    """The canonical bytes of a value that `parse` gave or `check_value` passed."""
    try:
        return _encode(value).encode()
    except UnicodeEncodeError:
        raise  # a lone surrogate: `parse` asks for this, `check_value` has looked before
    except RecursionError:  # the encoder takes a frame of the interpreter for each level of nesting
        why = "no room left on the call stack to write the nesting; call from a shallower place"
        raise refuse_value(Reason.TOO_DEEP, why, "") from None
    except ValueError as error:  # sys.set_int_max_str_digits below the 4,300 that the form allows
        raise refuse_value(Reason.INTEGER_TOO_LONG, f"this Python does not write it: {error}", "") from None


def decode(data: bytes) -> Json:
    """The value of canonical bytes that were verified; UsageError where the call stack has no room for it.

    Damaged where they never were those of a value: a hash says that bytes are what was stored, not what they mean.
    """
    try:
        value: Json = _decode(data.decode())
        if b"\\ud" in data:  # half of a surrogate pair, or a backslash before a u
            _encode(value).encode()
    except RecursionError:
        raise UsageError(
            "no room left on the call stack to read the nesting; call from a shallower place"
        ) from None
    except ValueError:
        raise Damaged("what is stored is what was stored, but no canonical JSON; run verify") from None
    return value


def _no_number(name: str) -> NoReturn:
    raise ValueError(name)


_decode = json.JSONDecoder(parse_constant=_no_number).decode


def canonical_sections(record: dict[str, Json]) -> list[tuple[str, bytes]]:
    """Name and canonical bytes of each section, in the order of the names (by code point, as the form sorts)."""
    return [(name, canonical(record[name])) for name in sorted(record)]


def join(sections: Iterable[tuple[str, bytes]]) -> list[bytes]:
    """The canonical bytes of the record that has these sections, in pieces; names in the order of the form.

    The join law: a record's canonical form is that of its sections put together, so it never needs to be parsed.
    """
    pieces = [b"{"]
    for name, body in sections:
        pieces += start_of(name), body, b","
    pieces[-1] = b"}" if len(pieces) > 1 else b"{}"
    return pieces


def start_of(name: str) -> bytes:
    """What stands before the bytes of a member of that name in the canonical form of an object: `"name":`."""
    return _short_start(name) if len(name) <= _SHORT else canonical(name) + b":"


@lru_cache(maxsize=1024)  # records of one family have the same few names
def _short_start(name: str) -> bytes:
    return canonical(name) + b":"
