"""How names stand in references: what would end or hide a name is written %XX, byte by byte of its UTF-8."""

from __future__ import annotations

import re

from pithstore.errors import UsageError
from pithstore.rendering.legible import CONCEALING

# `%`, `@`, `#`; controls; white space (Unicode White_Space); what conceals: a reference can be shown as it is.
_SPECIAL = f"%@#\x00-\x20{CONCEALING}\xa0\u1680\u2000-\u200a\u202f\u205f\u3000"
_IN_NAME = re.compile(f"[{_SPECIAL}]")
_IN_KIND = re.compile(f"[{_SPECIAL}:]")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


def quote_name(name: str) -> str:
    """An id or a builder name as it stands in a reference."""
    return _IN_NAME.sub(_percent, name)


def quote_kind(kind: str) -> str:
    """A source kind as it stands in a reference, where the first `:` ends it."""
    return _IN_KIND.sub(_percent, kind)


def unquote(text: str) -> str:
    """The name that a quoted text stands for; UsageError where a `%` starts no escape or the bytes no UTF-8."""
    if "%" not in text and text.isascii():
        return text
    bad = _BAD_ESCAPE.search(text)
    if bad:
        raise UsageError(f"'%' in {text!r} is not followed by two hexadecimal digits; write a plain '%' as '%25'")
    pieces = _ESCAPE.split(text)  # plain text and hexadecimal digits in turn
    try:
        raw = b"".join(bytes.fromhex(piece) if i % 2 else piece.encode() for i, piece in enumerate(pieces))
        return raw.decode()
    except UnicodeError:
        raise UsageError(f"{text!r} is not UTF-8, as it stands or in its escapes") from None


def _percent(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode())
