"""Whether two values are exactly the same: `0`, `0.0`, `-0.0` and `false` are four.

That is, whether their canonical bytes are equal, told without writing them where it can be.
"""

from __future__ import annotations

import marshal

from pithstore.canonical import canonical
from pithstore.errors import InvalidRecord
from pithstore.pointer import Json


def same(before: Json, after: Json) -> bool:
    """Whether two values are exactly the same; False also where there is no room on the call stack to say."""
    if not isinstance(before, dict | list):
        return same_scalar(before, after)
    if type(before) is not type(after):
        return False
    try:
        # Python's == takes 1 for 1.0 and True; what marshal writes tells types apart, and is quickly made.
        return before == after and (
            not before
            or marshal.dumps(before, 2) == marshal.dumps(after, 2)
            or canonical(before) == canonical(after)
        )
    except (RecursionError, ValueError, InvalidRecord):
        return False


def same_scalar(before: Json, after: Json) -> bool:
    """Whether two values are exactly the same and hold no other value."""
    kind = type(before)
    if kind is not type(after) or isinstance(before, dict | list) or before != after:
        return False
    return kind is not float or repr(before) == repr(after)  # 0.0 and -0.0
