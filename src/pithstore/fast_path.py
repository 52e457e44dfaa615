"""Record text → value and canonical bytes at the speed of msgspec and orjson, or no answer.

An answer is what `parse` and `canonical` give, byte for byte.  Where these libraries are known to go another way
there is no answer, and the definition decides: accepted or refused, and why.  docs/design/009-fast-path.md says
why each door is shut.
"""

from __future__ import annotations

import attrs
import msgspec
import orjson

from pithstore.limits import DEFAULT_LIMITS, Limits
from pithstore.parse import double, overgrown
from pithstore.pointer import Json


@attrs.frozen
class Reading:
    """A record that was read: its value, name and canonical bytes of each section in order, and of the whole."""

    value: dict[str, Json]
    sections: list[tuple[str, bytes]]
    whole: bytes


class _Odd(float):
    """A double whose text is a matter of taste: orjson does not know the type and asks `default` for it."""

    __slots__ = ()


def read(text: str | bytes, limits: Limits = DEFAULT_LIMITS) -> Reading | None:
    """What the text says, as the definition reads and writes it; None where only the definition can tell."""
    try:
        data = text if isinstance(text, bytes) else text.encode()
        if len(data) > limits.record_bytes or overgrown(data, limits):
            return None
        return _read(data)
    except (ValueError, orjson.JSONEncodeError, RecursionError):  # msgspec.DecodeError is a ValueError
        return None  # not JSON, not UTF-8, a lone surrogate, not finite, an integer over 64 bits, over 254 levels


def _read(data: bytes) -> Reading | None:
    value: Json = _DECODER.decode(data)
    if not isinstance(value, dict):
        return None
    odd: list[float] = []

    def spell(number: _Odd) -> orjson.Fragment:
        odd.append(number)
        return orjson.Fragment(repr(number))

    sections = [
        (name, orjson.dumps(value[name], default=spell, option=orjson.OPT_SORT_KEYS)) for name in sorted(value)
    ]
    whole = orjson.dumps({name: orjson.Fragment(body) for name, body in sections})
    if whole != data and not _same_members(data, whole):
        return None
    return Reading(_PLAIN_DECODER.decode(data) if odd else value, sections, whole)


def _same_members(data: bytes, whole: bytes) -> bool:
    r"""Whether every member of the text is in its canonical form: the decoder keeps the last of two equal keys.

    Each member has one colon outside strings, so a lost one leaves fewer colons.  The colons in strings stay, or
    are lost too; only the escape \u003a could make a new one that hides the loss.
    """
    if b"\\" in data and b"\\u003" in data and b"\\u003a" in data.lower():  # the cheapest question first
        return False
    return data.count(b":") == whole.count(b":")


def _double(written: str) -> float:
    """The number, odd where orjson may spell it in another way than `repr`: with an exponent or many zeros."""
    number = float(written)
    if 1e-4 <= number < 1e16 or -1e16 < number <= -1e-4:
        return number
    return _Odd(number) if double(written) else number


_DECODER = msgspec.json.Decoder(float_hook=_double)
_PLAIN_DECODER = msgspec.json.Decoder(float_hook=float)
