"""A program: how much memory hostile texts take, as multiples of the record limit.

    python tests/pure/peak_memory.py LIMIT        every text, each in a process of its own → JSON on stdout
    python tests/pure/peak_memory.py LIMIT NAME   one text

The processes start from this small one: a process counts what its parent took before it as its own peak.
"""

from __future__ import annotations

import contextlib
import json
import resource
import subprocess
import sys
from collections.abc import Callable, Iterable


def filled(head: bytes, unit: bytes, tail: bytes, size: int) -> bytes:
    """The unit again and again, up to that size."""
    return head + unit * ((size - len(head) - len(tail)) // len(unit)) + tail


def joined(head: bytes, units: Iterable[bytes], tail: bytes, size: int) -> bytes:
    """The units one after the other, up to that size."""
    text = bytearray(head)
    for unit in units:
        if len(text) + len(unit) + len(tail) > size:
            break
        text += unit
    return bytes(text + tail)


def keys(spell: Callable[[int], str]) -> Iterable[bytes]:
    return (f'"{spell(i)}":0,'.encode() for i in range(1, 10**9))


HEAD = b'{"source":{"kind":"k","id":"i"},"builder_version":"b","x":'
LETTERS = "".join(map(chr, (*range(0x30, 0x5B), *range(0x61, 0x7B), *range(0xA1, 0xFF))))


def short_key(i: int) -> str:
    digits = ""
    while i:
        i, digit = divmod(i, len(LETTERS))
        digits += LETTERS[digit]
    return digits


def nested_then_keys(opening: bytes, closing: bytes, spare: int, size: int) -> bytes:
    """Nearly as many arrays or objects as a record may hold, 500 deep, and then keys."""
    block = opening * 500 + b"0" + closing * 500 + b","
    nested = HEAD + b"[" + block * ((size // 8 - spare) // 500) + b'0],"y":{'
    return joined(nested, keys(short_key), b'"":0}}', size)


TEXTS: dict[str, Callable[[int], bytes]] = {
    "empty objects": lambda size: filled(HEAD + b"[", b"{},", b"0]}", size),
    "objects of one member, allowed": lambda size: filled(HEAD + b"[", b'{"":10}, ', b"0]}", size),
    "empty arrays, allowed": lambda size: filled(HEAD + b"[", b"[],10000,", b"0]}", size),
    "nested objects, then distinct keys": lambda size: nested_then_keys(b'{"":', b"}", 4, size),
    "floats that grow": lambda size: filled(HEAD + b"[", b"1e15,", b"0]}", size),
    "distinct short keys": lambda size: joined(HEAD + b"{", keys(short_key), b'"":0}}', size),
    "many sections": lambda size: joined(HEAD + b"0,", keys(short_key), b'"":0}', size),
    "many sections, one twice": lambda size: joined(HEAD + b'0,"":0,', keys(short_key), b'"":0}', size),
    "distinct short keys, one twice": lambda size: joined(HEAD + b'{"":0,', keys(short_key), b'"":0}}', size),
    "distinct short keys, refused": lambda size: joined(HEAD + b"{", keys(short_key), b'"":NaN}}', size),
    "deep arrays": lambda size: filled(HEAD, b"[", b"", size),
    "deep objects": lambda size: filled(HEAD, b'{"a":', b"", size),
    "arrays 512 deep": lambda size: filled(HEAD + b"[", b"[" * 510 + b"]" * 510 + b",", b"0]}", size),
    "objects 512 deep": lambda size: filled(HEAD + b"[", b'{"":' * 510 + b"0" + b"}" * 510 + b",", b"0]}", size),
    "deep objects, empty keys": lambda size: filled(HEAD, b'{"":', b"", size),
    "brackets in many strings": lambda size: filled(HEAD + b"[", b'["["],', b"0]}", size),
    "strings after many brackets": lambda size: filled(HEAD + b"[" + b"[]," * 600, b'"",', b"0]}", size),
    "one astral character": lambda size: filled(HEAD + b'"', b"a", "😀".encode() + b'"}', size),
    "one astral character, refused": lambda size: filled(HEAD + b'"', b"a", "😀".encode() + b'"]', size),
    "long escapes, refused": lambda size: filled(HEAD + b'"', rb"\u0101", b'"]', size),
    "backslashes": lambda size: filled(HEAD + b'"', b"\\", b"", size),
    "white space": lambda size: filled(b"", b" ", b"", size),
    "not UTF-8 at the end": lambda size: filled(HEAD + b'"', b"a", b"\xff", size),
    "over the limit": lambda size: filled(HEAD + b'"', b"a", b'"}', 4 * size),
}


def peak_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def measure(name: str, limit: int) -> float:
    """How many times the limit the peak grows while the text is prepared."""
    from pithstore.errors import InvalidRecord
    from pithstore.limits import Limits
    from pithstore.record import prepare
    from pithstore.section_memo import SectionMemo

    text = TEXTS[name](limit)
    memo = SectionMemo(limit)
    before = peak_bytes()
    with contextlib.suppress(InvalidRecord):
        prepare(text, limits=Limits(record_bytes=limit), memo=memo)
    return (peak_bytes() - before) / limit


def measure_each(limit: int) -> dict[str, float]:
    figures = {}
    for name in TEXTS:
        command = [sys.executable, __file__, str(limit), name]
        figures[name] = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=600).stdout)
    return figures


def main(limit: str, name: str = "") -> None:
    answer = measure(name, int(limit)) if name else measure_each(int(limit))
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main(*sys.argv[1:])
