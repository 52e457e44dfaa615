"""How a target is fed: it takes any bytes and returns, or raises what it should not have raised."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from random import Random
from typing import TypeAlias

from pithstore.errors import PithstoreError

SEEDS = Path(__file__).with_name("seeds")
Run: TypeAlias = Callable[[bytes], None]

_AWKWARD = (
    b"\0",
    b"\x7f",
    b"\x80",
    b"\xff",
    b"\xff\xff\xff\xff",
    b"\xff" * 8,
    b"\xff" * 9 + b"\x01",  # the largest number
    b"\xff\xff\xff\xff\x0f",  # 2^32 - 1
    b"\x80\x80\x80\x80\x10",  # 2^32
    b"\xed\xa0\x80",  # half of a surrogate pair
    b'"\\ud800"',
    b"NaN",
    b"1e999",
    b"[" * 600,
    b'{"":' * 600,
    b'{"a":1,"a":2}',
    b"\x1b[31m",
    "\u202e\x9b".encode(),
)


def target(name: str) -> Run:
    """What the target of that name does with bytes."""
    run: Run = import_module(f"tests.fuzz.{name}").run
    return run


def seeds(name: str) -> list[bytes]:
    """What is kept for a target to begin with, in the order of the names of its files."""
    return [path.read_bytes() for path in sorted((SEEDS / name).iterdir())]


def chosen(decoders: Mapping[str, Callable[[bytes], object]], data: bytes) -> None:
    """Let the decoder that the first byte chooses read the rest; what it refuses it may refuse."""
    read = list(decoders.values())[data[0] % len(decoders)] if data else None
    if read is not None:
        with suppress(PithstoreError):
            read(data[1:])


def mutations(corpus: Sequence[bytes], random: Random) -> Iterator[bytes]:
    """One after the other, without end: what was made of one of these by a few accidents."""
    while True:
        data = bytearray(random.choice(corpus))
        for _ in range(random.choice((1, 1, 1, 2, 3, 8))):
            _accident(data, corpus, random)
        yield bytes(data)


def _accident(data: bytearray, corpus: Sequence[bytes], random: Random) -> None:
    at = random.randint(0, len(data))
    end = min(len(data), at + random.choice((1, 1, 2, 4, 8, 32)))
    match random.randrange(6):
        case 0:
            data[at:end] = bytes(byte ^ 1 << random.randrange(8) for byte in data[at:end][:1]) + data[at:end][1:]
        case 1:
            data[at:end] = random.choice(_AWKWARD)
        case 2:
            data[at:at] = random.choice(_AWKWARD)
        case 3:
            del data[at:end]
        case 4:
            data[at:at] = data[at:end] * random.choice((1, 2, 50))
        case _:
            other = random.choice(corpus)
            data[at:] = other[random.randint(0, len(other)) :]


def write_finding(directory: Path, name: str, data: bytes) -> Path:
    """The file that holds what a target failed at: `python -m tests.fuzz NAME FILE` does it again."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{name}-{sha256(data).hexdigest()[:16]}"
    path.write_bytes(data)
    return path
