"""Changes to a value as RFC 7396 has them: an object with what is new, and null for what goes.

Lists are replaced whole.  A member that is null cannot be set, for null takes away; nothing else is out of reach:
an object becomes another member by member, and whatever is no object stands in the patch as it is.
"""

from __future__ import annotations

from pithstore.canonical import canonical, decode
from pithstore.diff.sameness import same
from pithstore.errors import UsageError
from pithstore.pointer import Json, write_pointer


def as_merge_patch(old: Json, new: Json) -> Json:
    """The merge patch that turns one value into the other; UsageError names the null that none can set.

    What is the same in both is not in it; it shares its values with the new one.
    """
    if not isinstance(new, dict):
        return new
    patch: dict[str, Json] = {}
    stack = [("", _members(old), new, patch)]
    while stack:
        path, before, after, changed = stack.pop()
        changed |= dict.fromkeys(name for name in before if name not in after)
        for name, item in after.items():
            if name in before and same(before[name], item):
                continue
            there = path + write_pointer((name,))
            if isinstance(item, dict):
                inner: dict[str, Json] = {}
                changed[name] = inner
                stack.append((there, _members(before.get(name)), item, inner))
            else:
                changed[name] = _settable(item, there)
    return patch


def _members(value: Json) -> dict[str, Json]:
    # A merge into what is no object begins with an empty one.
    return value if isinstance(value, dict) else {}


def _settable(value: Json, path: str) -> Json:
    if value is None:
        raise UsageError(f"a merge patch cannot set the null at {path!r}: write the changes as RFC 6902 instead")
    return value


def apply_merge_patch(value: Json, patch: Json) -> Json:
    """The value after a merge patch, which every JSON value is.  It shares nothing with the values given."""
    patch = _copy(patch)
    if not isinstance(patch, dict):
        return patch
    merged = _members(_copy(value))
    stack = [(merged, patch)]
    while stack:
        target, changed = stack.pop()
        for name, item in changed.items():
            if item is None:
                target.pop(name, None)
            elif isinstance(item, dict):
                inner = _members(target.get(name))
                target[name] = inner
                stack.append((inner, item))
            else:
                target[name] = item
    return merged


def _copy(value: Json) -> Json:
    return decode(canonical(value))
