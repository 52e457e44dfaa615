"""Text from records on its way to a terminal: what could command the terminal or hide text is written out."""

from __future__ import annotations

import re

from pithstore.rendering.legible import CONCEALING, legible

_IN_JSON = re.compile(f"[{CONCEALING}]")


def for_terminal(text: str) -> str:
    """One line of text that changes nothing on a terminal but the characters that it shows."""
    return legible(text)


def json_for_terminal(text: str) -> str:
    """JSON text that means the same and changes nothing on a terminal; its line breaks stay."""
    return _IN_JSON.sub(_escape_sequences, text)


def _escape_sequences(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
