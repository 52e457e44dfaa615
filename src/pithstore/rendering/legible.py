"""Text from records made legible: what could command a terminal, hide text or turn it around is written out."""

from __future__ import annotations

import re

# DEL and C1 controls, soft hyphen, zero-width and bidirectional controls, line and paragraph separators, marks of
# annotations, noncharacters, tags.
CONCEALING = (
    "\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff"
    "\U000e0000-\U000e007f"
)
"""What JSON text may hold and no reader should get raw, as a range of characters for a regular expression."""

_CONCEALING = re.compile(f"[\x00-\x1f{CONCEALING}\ud800-\udfff]")


def legible(text: str) -> str:
    """One line of text in which every character shows: the others stand as \\x1b, \\u202e or \\U000e0001."""
    return _CONCEALING.sub(_written_out, text)


def _written_out(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
