"""How far a scrub has come, kept in `meta` so that the next one goes on there."""

from __future__ import annotations

from datetime import datetime

import attrs

from pithstore.codec import Reader, write_bytes, write_number
from pithstore.engine import Update, View
from pithstore.errors import Damaged
from pithstore.keys import META
from pithstore.seal import seal, unseal
from pithstore.times import from_microseconds, to_microseconds

_KEY = b"scrub"


@attrs.frozen
class Round:
    """A round over all that a store holds: when it began, and where it stands.

    That is so many entries `done`, in a phase that goes on behind the key `after`; None for its start.
    """

    began: datetime
    phase: str
    after: bytes | None = None
    done: int = 0


def read_round(view: View) -> Round | None:
    """The round that was begun and has not ended; Damaged where nobody can tell."""
    (value,) = view.get_many(META, [_KEY])
    if value is None:
        return None
    reader = Reader(unseal(META, _KEY, value))
    began, done = from_microseconds(reader.number()), reader.number()
    try:
        phase = reader.raw(reader.number()).decode()
    except UnicodeDecodeError:
        raise Damaged("the position of the scrub is damaged") from None
    after = reader.raw(reader.number())
    reader.end()
    return Round(began, phase, after or None, done)


def write_round(update: Update, standing: Round | None) -> None:
    """Keep where the round stands; None where it has ended."""
    if standing is None:
        update.delete_many(META, [_KEY])
        return
    numbers = write_number(to_microseconds(standing.began)) + write_number(standing.done)
    payload = numbers + write_bytes(standing.phase.encode()) + write_bytes(standing.after or b"")
    update.put_many(META, [(_KEY, seal(META, _KEY, payload))])
