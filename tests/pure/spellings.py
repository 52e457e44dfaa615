"""Many JSON texts for one value: what a fast reader may trip over.  Seeded: the same texts on every run."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random

SPACES = ("", "", "", " ", "\n", "\t", "\r\n", "  ")
CHARACTERS = (
    *(*"aZ09 :,[]{}/.-+eE'\"\\", "\0", "\b", "\t", "\n", "\f", "\r", "\x1f", "\x7f", "\x80", "\x9f", "\xa0"),
    *(
        "é",
        "ß",
        "е",
        "\u2028",
        "\u2029",
        "\ud7ff",
        "\ue000",
        "\ufeff",
        "\ufffd",
        "\uffff",
        "中",
        "😀",
        "𐀀",
        "\U0010ffff",
    ),
)
SHORT = {"\b": r"\b", "\t": r"\t", "\n": r"\n", "\f": r"\f", "\r": r"\r", '"': r"\"", "\\": r"\\", "/": r"\/"}


def double(random: Random) -> float:
    """A double of any size, or one near an edge of its range or of its spelling."""
    kind = random.randrange(6)
    if kind == 0:
        return random.choice((-1, 1)) * math.ldexp(random.getrandbits(53) + 1, random.randint(-1074, 970))
    if kind == 1:
        return random.choice((-1, 1)) * 10 ** random.uniform(-12, -2)
    if kind == 2:
        return 10 ** random.uniform(13, 23)
    if kind == 3:
        return round(random.uniform(-1000, 1000), random.randrange(5))
    near = 2.0 ** random.randint(-1074, 1023) if kind == 4 else float(f"1e{random.randint(-323, 308)}")
    for _ in range(random.randrange(3)):
        near = math.nextafter(near, random.choice((0.0, math.inf)))
    return random.choice((-1, 1)) * min(near, 1.7976931348623157e308)


def number_text(number: float, random: Random) -> str:
    """One of the ways to write a double, or a decimal close by."""
    kind = random.randrange(8)
    if kind < 4:
        return repr(number)
    if kind == 4:
        text = f"{number:.17g}"
        return text if "e" in text or "." in text else text + ".0"
    if kind == 5:
        return f"{number:.16e}".upper()
    if kind == 6:
        return f"{number:.20e}".replace("e+", "e")
    return f"{number:.12f}" if abs(number) > 1e-3 else f"{number:.16e}".replace("e-", "e-00")


def integer(random: Random) -> int:
    """An integer of at most 64 bits, near a power of 2 or 10 or anywhere."""
    near = random.choice((2 ** random.randrange(65), 10 ** random.randrange(20), random.getrandbits(63)))
    signed = random.choice((-1, 1)) * (near + random.randint(-2, 2))
    return min(max(signed, -(2**63)), 2**64 - 1)


def text_value(random: Random) -> str:
    """Some characters: each that JSON, UTF-8 or UTF-16 has an opinion on, or any other."""
    pool = random.choices(CHARACTERS, k=random.randrange(8))
    return "".join(character if random.random() < 0.9 else chr(random.randrange(0xD800)) for character in pool)


def escaped(text: str, random: Random, chance: float = 0.3) -> str:
    """The text as a JSON string, some of its characters as escapes, in either case of digits."""
    return '"' + "".join(_character(character, random, chance) for character in text) + '"'


def _character(character: str, random: Random, chance: float) -> str:
    must = character < " " or character in '"\\'
    if character == ":" or (not must and random.random() >= chance):
        return character  # the fast path has no answer where a colon is escaped
    if character in SHORT and random.random() < 0.5:
        return SHORT[character]
    units = character.encode("utf-16-be").hex()
    spelled = units.upper() if random.random() < 0.5 else units
    return "".join("\\u" + spelled[at : at + 4] for at in range(0, len(spelled), 4))


def value_text(random: Random, depth: int, leaf: Callable[[Random], str]) -> str:
    """A value of random shape, with random space between its tokens; no key comes twice on purpose."""
    kind = random.randrange(5) if depth else 4
    if kind < 2:
        return _list(random, [value_text(random, depth - 1, leaf) for _ in range(random.randrange(5))])
    if kind < 4:
        return object_text(random, [(text_value(random), value_text(random, depth - 1, leaf)) for _ in range(4)])
    return leaf(random)


def object_text(random: Random, members: list[tuple[str, str]]) -> str:
    """An object with these members, its keys spelled at random; the first of two equal keys is left out."""
    once = dict(members)
    return _joined(
        random, "{}", [escaped(key, random) + _space(random) + ":" + value for key, value in once.items()]
    )


def twice(random: Random, members: list[tuple[str, str]]) -> str:
    """An object in which one key comes twice, in two spellings."""
    key, value = random.choice(members)
    again = random.choice((value, "0", '"\\u003A"', '"\\u003a"', '":"', '{"a":1}'))
    spelled = [escaped(name, random) + ":" + text for name, text in dict(members).items()]
    spelled.insert(random.randrange(len(spelled) + 1), escaped(key, random, 0.5) + ":" + again)
    return _joined(random, "{}", spelled)


def leaf_text(random: Random) -> str:
    """A scalar that the fast path takes: its integers have at most 64 bits."""
    kind = random.randrange(6)
    if kind < 2:
        return escaped(text_value(random), random)
    if kind < 4:
        return number_text(double(random), random)
    return (
        str(integer(random)) if kind == 4 else random.choice(("true", "false", "null", "-0", "0.0", "-0.0", "0e7"))
    )


def _list(random: Random, items: list[str]) -> str:
    return _joined(random, "[]", items)


def _joined(random: Random, brackets: str, items: list[str]) -> str:
    spaced = (_space(random) + item + _space(random) for item in items)
    return brackets[0] + ",".join(spaced) + brackets[1]


def _space(random: Random) -> str:
    return random.choice(SPACES)
