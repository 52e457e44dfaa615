"""Our own values ↔ JSON: the configuration in a store, and what `--json` prints.  Records never pass here."""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

import cattrs
from cattrs.errors import BaseValidationError

from pithstore.digest import Digest
from pithstore.errors import Damaged
from pithstore.model import Source
from pithstore.pointer import Json
from pithstore.references import Ref
from pithstore.times import write_time

T = TypeVar("T")


def _exactly(value: object, kind: type) -> object:
    if type(value) is not kind:  # cattrs alone turns 1.9 into 1 and "false" into True
        raise TypeError(f"{value!r} is not of type {kind.__name__}")
    return value


_converter = cattrs.Converter(forbid_extra_keys=True)
for _kind in (str, int, bool, float):
    _converter.register_structure_hook(_kind, _exactly)
_converter.register_unstructure_hook(Digest, str)
_converter.register_unstructure_hook(datetime, write_time)
_converter.register_unstructure_hook(Source, str)
_converter.register_unstructure_hook_func(lambda kind: kind is Ref, str)  # its types are not all imported


def to_json(value: object) -> Json:
    """The JSON of one of our values: digests in hexadecimal, times in RFC 3339, sources as references."""
    plain: Json = _converter.unstructure(value)
    return plain


def from_json(value: Json, kind: type[T]) -> T:
    """The value of that class that the JSON stands for; Damaged where it is not exactly one."""
    try:
        return _converter.structure(value, kind)
    except (
        BaseValidationError,
        AttributeError,
        TypeError,
        ValueError,
    ) as error:  # cattrs asks anything for its keys
        raise Damaged(f"the {kind.__name__.lower()} of the store cannot be read ({error})") from None
