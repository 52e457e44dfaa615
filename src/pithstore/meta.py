"""What a store says of itself: its format, its configuration, and the numbers given to writers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pithstore.canonical import CANONICAL_FORM, canonical
from pithstore.codec import Reader, write_number
from pithstore.engine import Update, View
from pithstore.errors import Damaged, FormatUnknown
from pithstore.keys import META
from pithstore.pointer import Json
from pithstore.seal import seal, unseal

if TYPE_CHECKING:
    from pithstore.configuration import Configuration

FORMAT = 1
_FORMAT, _CONFIGURATION, _WRITERS = b"format", b"configuration", b"writers"


def write_first(update: Update, configuration: Configuration) -> None:
    """Write what every store has from its first moment on."""
    from pithstore.wire import to_json  # cattrs takes long to import and is needed only where a profile is

    _put(update, _FORMAT, {"format": FORMAT, "canonical_form": CANONICAL_FORM, "features": []})
    _put(update, _CONFIGURATION, to_json(configuration))


def check_format(view: View) -> None:
    """Return if this version of pithstore can read the store; FormatUnknown says what it lacks."""
    found = _get(view, _FORMAT)
    if found != {"format": FORMAT, "canonical_form": CANONICAL_FORM, "features": []}:
        raise FormatUnknown(
            f"the store says {canonical(found).decode()[:200]}; this pithstore reads format {FORMAT}, "
            f"form {CANONICAL_FORM} and no features: use a newer pithstore"
        )


def read_configuration(view: View) -> Configuration:
    """The configuration that the store was created with."""
    from pithstore.configuration import Configuration
    from pithstore.wire import from_json

    return from_json(_get(view, _CONFIGURATION), Configuration)


def writers(view: View) -> int:
    """How many writers the store has had; their numbers are below."""
    (value,) = view.get_many(META, [_WRITERS])
    return 0 if value is None else Reader(unseal(META, _WRITERS, value)).number()


def new_writer(update: Update) -> int:
    """A number that no writer has had; taken once by each open store that writes, not by each put."""
    number = writers(update)
    update.put_many(META, [(_WRITERS, seal(META, _WRITERS, write_number(number + 1)))])
    return number


def _put(update: Update, key: bytes, value: Json) -> None:
    update.put_many(META, [(key, seal(META, key, canonical(value)))])


def _get(view: View, key: bytes) -> Json:
    (value,) = view.get_many(META, [key])
    if value is None:
        raise Damaged(f"the store has no {key.decode()} entry; restore it from a copy")
    loaded: Json = json.loads(unseal(META, key, value))
    return loaded
