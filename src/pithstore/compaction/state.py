"""How far a successor has come, kept in it so that an interrupted compaction goes on."""

from __future__ import annotations

import attrs

from pithstore.codec import Reader, write_bytes, write_number
from pithstore.engine import Update, View
from pithstore.keys import META
from pithstore.seal import seal, unseal

_KEY = b"successor"


@attrs.frozen
class State:
    """The mark of the compaction, the key of the last source that is packed, and whether all are, and checked."""

    mark: int
    key: bytes = b""
    checked: bool = False


def read_state(view: View) -> State | None:
    """The state that a successor holds; None for one that holds nothing yet."""
    (value,) = view.get_many(META, [_KEY])
    if value is None:
        return None
    reader = Reader(unseal(META, _KEY, value))
    state = State(reader.number(), reader.raw(reader.number()), bool(reader.number()))
    reader.end()
    return state


def write_state(update: Update, state: State) -> None:
    """Keep the state, in the transaction that brought the successor there."""
    payload = write_number(state.mark) + write_bytes(state.key) + write_number(state.checked)
    update.put_many(META, [(_KEY, seal(META, _KEY, payload))])


def forget_state(update: Update) -> None:
    """The successor is complete."""
    update.delete_many(META, [_KEY])
