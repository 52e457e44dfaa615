"""Pairs of values of which the second is the first after some edits, made fast: a million in minutes.

They hold what a diff trips over: `0`, `0.0`, `-0.0` and `false`, equal elements, elements that came, went, moved
and changed, members named with `/`, `~`, digits and nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from pithstore.diff.list_keys import NO_KEYS, ListKey, ListKeys
from pithstore.pointer import Json

SCALARS: list[Json] = [
    0,
    0.0,
    -0.0,
    False,
    None,
    1,
    1.0,
    True,
    "",
    "0",
    "a",
    "b c",
    "b d",
    "\u00e9",
    2**64,
    1e-7,
    -1,
]
NAMES = ["", "a", "b", "c", "a/b", "~", "~1", "0", "-", "\u00e9", "\U00010000", "\ufffd", "k"]
LISTS = ["keyed", "whole", "plain"]
KEYS: ListKeys = (ListKey("/keyed", "k"), ListKey("/whole", ""), ListKey("/a~1b/0", "~"))


def pairs(seed: int, count: int) -> Iterator[tuple[Json, Json, ListKeys]]:
    """So many pairs with the list keys to compare them by, always the same ones for a seed."""
    random = Random(seed)
    for _ in range(count):
        old = _record(random)
        yield old, _edited(random, old, 0.95), random.choice((KEYS, NO_KEYS))


def _record(random: Random) -> Json:
    record = {name: _value(random, 0.7) for name in random.sample(NAMES, random.randrange(5))}
    name = random.choice(LISTS)
    if random.random() < 0.8:
        record[name] = [_element(random) for _ in range(random.randrange(8))]
    return record


def _element(random: Random) -> Json:
    if random.random() < 0.2:
        return random.choice(SCALARS)
    return {"k": random.choice(SCALARS[:7]), random.choice(NAMES): _value(random, 0.2)}


def _value(random: Random, nested: float) -> Json:
    """A value that holds others with this chance, which falls from level to level."""
    chance = random.random()
    if chance > nested:
        return random.choice(SCALARS)
    if chance > nested / 2:
        return {random.choice(NAMES): _value(random, nested * 0.7) for _ in range(random.randrange(4))}
    if random.random() < 0.5:  # from few values, so that many are equal
        few = random.sample(SCALARS, 3)
        return [random.choice(few) for _ in range(random.randrange(9))]
    return [_value(random, nested * 0.7) for _ in range(random.randrange(5))]


def _edited(random: Random, value: Json, chance: float) -> Json:
    if random.random() > chance:
        return value
    if isinstance(value, dict) and value:
        edited = {
            name: _edited(random, item, chance * 0.75) for name, item in value.items() if random.random() < 0.9
        }
        if random.random() < 0.2:
            edited[random.choice(NAMES)] = _value(random, 0.3)
        return edited
    if isinstance(value, list) and value:
        return _edited_list(random, value, chance)
    return _value(random, 0.3)


def _edited_list(random: Random, value: list[Json], chance: float) -> Json:
    edited = list(value)
    for _ in range(random.randrange(1, 4)):
        at = random.randrange(len(edited) + 1)
        match random.randrange(9):
            case 0 | 1:
                edited.insert(at, _value(random, 0.3))
            case 2 if value:
                edited.insert(at, random.choice(value))
            case 3 | 4 if at < len(edited):
                edited.insert(random.randrange(len(edited)), edited.pop(at))
            case 5 if at < len(edited):
                del edited[at]
            case 6 | 7 if at < len(edited):
                edited[at] = _edited(random, edited[at], chance + 0.3)
            case 8:
                edited = random.choice((edited[::-1], edited[at:] + edited[:at], random.sample(edited, at)))
    return edited
