"""Changes to a value, as RFC 6902 has them: written, read and done."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias, get_args

import attrs

from pithstore.canonical import canonical, decode
from pithstore.errors import NotFound, UsageError
from pithstore.pointer import Json, follow, list_position, read_pointer


@attrs.frozen
class Change:
    """One RFC 6902 operation; `old` is what it takes away (add: None), `value` what it puts (remove: None).

    A move takes the element of a list at `source` and puts it at `path` of the same list; it is `old` and `value`.
    """

    op: Literal["add", "remove", "replace", "move"]
    path: str
    old: Json = None
    value: Json = None
    source: str | None = None

    def __str__(self) -> str:
        return f"{self.op} {self.path}" if self.source is None else f"{self.op} {self.source} to {self.path}"


Op: TypeAlias = Literal["add", "remove", "replace", "move", "copy", "test"]


@attrs.frozen
class Operation:
    """One operation of a patch that somebody else wrote; `source` is the `from` of a move and of a copy."""

    op: Op
    path: str
    value: Json = None
    source: str | None = None

    def __str__(self) -> str:
        return f"{self.op} {self.path}" if self.source is None else f"{self.op} {self.source} to {self.path}"


_OPS: dict[Json, Op] = {op: op for op in get_args(Op)}


def as_patch(changes: Iterable[Change]) -> list[Json]:
    """The changes as one RFC 6902 document, which any implementation can apply."""
    return [_written(change) for change in changes]


def _written(change: Change) -> Json:
    if change.op == "remove":
        return {"op": "remove", "path": change.path}
    if change.op == "move":
        return {"op": "move", "from": change.source, "path": change.path}
    return {"op": change.op, "path": change.path, "value": change.value}


def read_patch(document: Json) -> list[Operation]:
    """The operations of an RFC 6902 document; UsageError says which of them, counted from 0, is not one."""
    if not isinstance(document, list):
        raise UsageError("a patch is a list of operations")
    return [_read(item, f"operation {i} of the patch") for i, item in enumerate(document)]


def _read(item: Json, what: str) -> Operation:
    if not isinstance(item, dict):
        raise UsageError(f"{what} is not an object")
    op = item.get("op")
    if not isinstance(op, str) or op not in _OPS:
        raise UsageError(f"{what}: 'op' is one of {', '.join(_OPS.values())}")
    if op in ("add", "replace", "test") and "value" not in item:
        raise UsageError(f"{what} has no 'value'")
    source = _pointer(item, "from", what) if op in ("move", "copy") else None
    return Operation(_OPS[op], _pointer(item, "path", what), item.get("value"), source)


def _pointer(item: dict[str, Json], name: str, what: str) -> str:
    text = item.get(name)
    if not isinstance(text, str):
        raise UsageError(f"{what} has no JSON Pointer as its {name!r}")
    read_pointer(text)
    return text


def patch(value: Json, changes: Iterable[Change | Operation]) -> Json:
    """The value after the changes; NotFound where a change does not fit.  The value given is left as it is.

    Two values are equal to a `test` when their canonical bytes are: `1` and `1.0` are not.
    """
    root: dict[str, Json] = {"": _copy(value)}
    for change in changes:
        _do(root, change)
    return root[""]


def _do(root: dict[str, Json], change: Change | Operation) -> None:
    to = _tokens(change.path)
    match change.op:
        case "test":
            if canonical(follow(root, to)) != canonical(change.value):
                raise NotFound(f"test of {change.path!r}: another value stands there")
        case "copy":
            _add(root, to, _copy(follow(root, _tokens(change.source or ""))), change)
        case "move":
            start = _tokens(change.source or "")
            if start != to:
                if to[: len(start)] == start:
                    raise _misfit(change)
                _add(root, to, _take(root, start, change), change)
        case "remove":
            _take(root, to, change)
        case "replace":
            _replace(root, to, change)
        case _:  # add
            _add(root, to, _copy(change.value), change)


def _tokens(pointer: str) -> tuple[str, ...]:
    return ("", *read_pointer(pointer))


def _add(root: Json, tokens: tuple[str, ...], value: Json, change: Change | Operation) -> None:
    parent, last = follow(root, tokens[:-1]), tokens[-1]
    if isinstance(parent, dict):
        parent[last] = value
        return
    if isinstance(parent, list):
        position = len(parent) if last == "-" else list_position(last, len(parent) + 1)
        if position is not None:
            parent.insert(position, value)
            return
    raise _misfit(change)


def _take(root: Json, tokens: tuple[str, ...], change: Change | Operation) -> Json:
    parent, last = follow(root, tokens[:-1]), tokens[-1]
    if len(tokens) > 1 and isinstance(parent, dict) and last in parent:
        return parent.pop(last)
    if isinstance(parent, list):
        position = list_position(last, len(parent))
        if position is not None:
            return parent.pop(position)
    raise _misfit(change)


def _replace(root: Json, tokens: tuple[str, ...], change: Change | Operation) -> None:
    parent, last = follow(root, tokens[:-1]), tokens[-1]
    if isinstance(parent, dict) and last in parent:
        parent[last] = _copy(change.value)
        return
    if isinstance(parent, list):
        position = list_position(last, len(parent))
        if position is not None:
            parent[position] = _copy(change.value)
            return
    raise _misfit(change)


def _misfit(change: Change | Operation) -> NotFound:
    return NotFound(f"{change} does not fit the value")


def _copy(value: Json) -> Json:
    return decode(canonical(value))
