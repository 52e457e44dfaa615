"""What a store says of itself: its format, its configuration, and the numbers given to writers."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Literal, TypeAlias

from pithstore.canonical import CANONICAL_FORM, canonical
from pithstore.codec import Reader, read_json, write_number
from pithstore.engine import Update, View
from pithstore.errors import Damaged, FormatUnknown
from pithstore.keys import MAX_NUMBER, META
from pithstore.pointer import Json
from pithstore.seal import seal, unseal

if TYPE_CHECKING:
    from pithstore.configuration import Configuration

FORMAT = 2
LEDGER = "declared-ledger"
"""The feature of a store that keeps the ledger of declared digests."""
RESTORING = "restoring"
"""The feature of a store that holds a part of an archive only."""
ERASING = "erased"
"""The feature of a store from which something was erased."""
_FEATURES = frozenset((LEDGER, RESTORING, ERASING))

_FORMAT, _CONFIGURATION, _WRITERS, _LEDGER_PARTIAL = b"format", b"configuration", b"writers", b"ledger-partial"


def write_first(update: Update, configuration: Configuration) -> None:
    """Write what every store has from its first moment on."""
    write_format(update)
    write_configuration(update, configuration)


def write_format(update: Update) -> None:
    """Say that the store is of this format, and keeps the ledger."""
    _write_features(update, {LEDGER})


def write_configuration(update: Update, configuration: Configuration) -> None:
    """Say what the store is created with."""
    from pithstore.wire import to_json  # cattrs takes long to import and is needed only where a profile is

    _put(update, _CONFIGURATION, to_json(configuration))


def check_format(view: View) -> None:
    """Return if this version of pithstore can read the store and it is whole; FormatUnknown says why not."""
    check_known(view)
    if is_restoring(view):
        raise FormatUnknown(
            "the store holds only a part of an archive: its restore was interrupted; go on with "
            "'pithstore put --from-archive FILE'"
        )


def check_known(view: View) -> None:
    """Return if this pithstore can read the store, be it whole or not; FormatUnknown says what it lacks."""
    found = _get(view, _FORMAT)
    features = _features(found)
    if found != _format(features) or not features <= _FEATURES:
        says = f"the store says {canonical(found).decode()[:200]}"
        if isinstance(found, dict) and found.get("format") == 1:
            raise FormatUnknown(
                f"{says}; this pithstore reads format {FORMAT}, form {CANONICAL_FORM}: export the store with the "
                "pithstore that wrote it, and restore the archive with this one "
                "('pithstore put --from-archive FILE')"
            )
        raise FormatUnknown(f"{says}; this pithstore does not know {_unknown(found)}: use a newer pithstore")


def _unknown(found: Json) -> str:
    """What this pithstore lacks to read a store that says this of itself, by name."""
    said = found if isinstance(found, dict) else {}
    number, form = said.get("format"), said.get("canonical_form")
    unknown = [] if number == FORMAT else [f"format {number!r}"]
    unknown += [] if form == CANONICAL_FORM else [f"the canonical form {form!r}"]
    unknown += [f"the feature {feature!r}" for feature in sorted(_features(found) - _FEATURES)]
    unknown += [f"the entry {name!r}" for name in sorted(said.keys() - _format(()).keys())]
    return ", ".join(unknown) or "features that are written so"


def is_restoring(view: View) -> bool:
    """Whether the store holds only a part of the archive that is being restored into it."""
    return RESTORING in _features(_get(view, _FORMAT))


def write_restoring(update: Update, restoring: bool) -> None:
    """Say whether the store holds only a part of an archive; one that does is refused by all but the restore."""
    features = _features(_get(update, _FORMAT))
    _write_features(update, features | {RESTORING} if restoring else features - {RESTORING})


def _features(found: Json) -> frozenset[str]:
    features = found.get("features") if isinstance(found, dict) else None
    return (
        frozenset(name for name in features if isinstance(name, str))
        if isinstance(features, list)
        else frozenset()
    )


def _format(features: Collection[str]) -> dict[str, Json]:
    return {"format": FORMAT, "canonical_form": CANONICAL_FORM, "features": [*sorted(features)]}


def _write_features(update: Update, features: Collection[str]) -> None:
    _put(update, _FORMAT, _format(features))


def read_configuration(view: View) -> Configuration:
    """The configuration that the store was created with."""
    from pithstore.configuration import Configuration
    from pithstore.wire import from_json

    return from_json(_get(view, _CONFIGURATION), Configuration)


def writers(view: View) -> int:
    """How many writers the store has had; their numbers are below."""
    (value,) = view.get_many(META, [_WRITERS])
    count = 0 if value is None else Reader(unseal(META, _WRITERS, value)).number()
    if count > MAX_NUMBER:
        raise Damaged("the store has had more writers than can be")
    return count


def new_writer(update: Update) -> int:
    """A number that no writer has had; taken once by each open store that writes, not by each put."""
    number = writers(update)
    update.put_many(META, [(_WRITERS, seal(META, _WRITERS, write_number(number + 1)))])
    return number


LedgerState: TypeAlias = Literal["none", "partial", "complete"]
"""Whether the ledger of declared digests is kept, and whether the versions before that are in it."""


def read_ledger_state(view: View) -> LedgerState:
    """What the ledger knows; "none" for a store of an older pithstore that has not been asked to keep one."""
    if not keeps_ledger(view):
        return "none"
    return "complete" if ledger_frontier(view) is None else "partial"


def ledger_frontier(view: View) -> bytes | None:
    """The key of the source up to which the ledger is counted, in the order of keys; None where it is whole."""
    (value,) = view.get_many(META, [_LEDGER_PARTIAL])
    return None if value is None else unseal(META, _LEDGER_PARTIAL, value)


def keep_ledger(update: Update, frontier: bytes | None) -> None:
    """From now on a put enters its versions in the ledger, of sources up to the frontier; None for all sources.

    An older pithstore refuses the store.
    """
    _write_features(update, _features(_get(update, _FORMAT)) | {LEDGER})
    if frontier is None:
        update.delete_many(META, [_LEDGER_PARTIAL])
    else:
        update.put_many(META, [(_LEDGER_PARTIAL, seal(META, _LEDGER_PARTIAL, frontier))])


def keeps_ledger(view: View) -> bool:
    """Whether a put enters its versions in the ledger."""
    return LEDGER in _features(_get(view, _FORMAT))


def keep_erased(update: Update) -> None:
    """Say that something was erased: an older pithstore, which would take it back, refuses the store."""
    features = _features(_get(update, _FORMAT))
    if ERASING not in features:
        _write_features(update, features | {ERASING})


def keeps_whole_ledger(view: View) -> bool:
    """Whether every version of the store is in the ledger."""
    return read_ledger_state(view) == "complete"


def _put(update: Update, key: bytes, value: Json) -> None:
    update.put_many(META, [(key, seal(META, key, canonical(value)))])


def _get(view: View, key: bytes) -> Json:
    (value,) = view.get_many(META, [key])
    if value is None:
        raise Damaged(f"the store has no {key.decode()} entry; restore it from a copy")
    return read_json(unseal(META, key, value))
