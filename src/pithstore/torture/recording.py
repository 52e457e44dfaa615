"""What a process did to files, in order, as `recorder.c` wrote it down."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib.resources import as_file, files
from typing import TypeAlias

import attrs

from pithstore.torture.case import Skipped

_HEADER = struct.Struct("<BIQI")
_COMPILERS = ("cc", "gcc", "clang")
_DESCRIPTORS = 2**31
_PATIENCE = 600


@attrs.frozen
class Opened:
    """A path was opened; `synced` says whether each write to the descriptor is durable when it returns."""

    descriptor: int
    path: str
    synced: bool
    truncated: bool
    created: bool


@attrs.frozen
class Written:
    """Bytes were written at an offset."""

    descriptor: int
    offset: int
    data: bytes


@attrs.frozen
class Cut:
    """A file was given a length."""

    descriptor: int
    length: int


@attrs.frozen
class Synced:
    """All that was written to a file, or all names in a directory, became durable."""

    descriptor: int


@attrs.frozen
class Made:
    """A directory was made."""

    path: str


@attrs.frozen
class Removed:
    """A file or an empty directory was removed."""

    path: str


@attrs.frozen
class Renamed:
    """A name was moved over another."""

    old: str
    new: str


Deed: TypeAlias = Opened | Written | Cut | Synced | Made | Removed | Renamed


def record(command: Sequence[str], root: str) -> list[Deed]:
    """What that command did below `root`; Skipped where there is no compiler, or the system cannot preload."""
    with tempfile.TemporaryDirectory() as scratch:
        log = os.path.join(scratch, "log")
        preload = {"LD_PRELOAD": _library(scratch), "RECORD_ROOT": root, "RECORD_LOG": log}
        subprocess.run(command, env=os.environ | preload, check=True, timeout=_PATIENCE)
        if not os.path.exists(log):
            raise Skipped("the system does not preload libraries")
        with open(log, "rb") as file:
            return list(_deeds(file.read()))


def _library(scratch: str) -> str:
    compiler = next(filter(None, map(shutil.which, _COMPILERS)), None)
    if compiler is None or not sys.platform.startswith("linux"):
        raise Skipped("there is no C compiler" if compiler is None else "this is not Linux")
    built = os.path.join(scratch, "recorder.so")
    with as_file(files("pithstore.torture") / "recorder.c") as source:
        command = [compiler, "-O1", "-shared", "-fPIC", "-o", built, os.fspath(source), "-ldl", "-lpthread"]
        subprocess.run(command, check=True, timeout=_PATIENCE)
    return built


def _deeds(log: bytes) -> Iterator[Deed]:
    at = 0
    while at < len(log):
        kind, descriptor, number, length = _HEADER.unpack_from(log, at)
        at += _HEADER.size
        deed = _deed(chr(kind), descriptor, number, log[at : at + length])
        at += length
        if deed is not None:
            yield deed


def _deed(kind: str, descriptor: int, number: int, data: bytes) -> Deed | None:
    if kind == "W":
        return Written(descriptor, number, data)
    if kind == "T":
        return Cut(descriptor, number)
    if kind == "S":
        return Synced(descriptor)
    path = os.fsdecode(data)
    if kind == "O":
        return Opened(
            descriptor,
            path,
            synced=bool(number & os.O_DSYNC),  # O_SYNC has its bit
            truncated=bool(number & os.O_TRUNC),
            created=bool(number & os.O_CREAT),
        )
    if kind == "M":
        return Made(path)
    if kind == "U":
        return Removed(path)
    if kind == "R":
        return Renamed(*path.split("\0"))
    return None  # a descriptor was closed: its number is told anew when it is used again
