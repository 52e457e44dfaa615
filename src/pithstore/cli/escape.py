"""Text from records on its way to a terminal: what could command the terminal or hide text is written out."""

from __future__ import annotations

import re

# C0, DEL and C1 controls, lone surrogates, zero-width and bidirectional controls, line and paragraph separators.
_DANGEROUS = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")
_IN_JSON = re.compile("[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


def for_terminal(text: str) -> str:
    """One line of text that changes nothing on a terminal but the characters that it shows."""
    return _DANGEROUS.sub(_written_out, text)


def json_for_terminal(text: str) -> str:
    """JSON text that means the same and changes nothing on a terminal; its line breaks stay."""
    return _IN_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _written_out(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
