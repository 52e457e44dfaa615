"""Two texts compared by words give both back, in few pieces, in bounded time."""

from __future__ import annotations

import time
from functools import lru_cache
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pithstore.diff.words import Piece, word_diff
from tests.pure.archives import naughty_strings

WORDS = ["a", "the", "method", "converges", "slowly", " ", ", ", ".\n", "方法", "x-1", "é", ""]


def sentences() -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(WORDS), max_size=12).map("".join) | st.text(max_size=30)


def check(old: str, new: str) -> list[Piece]:
    pieces = word_diff(old, new)
    assert "".join(piece.text for piece in pieces if piece.kind != "added") == old
    assert "".join(piece.text for piece in pieces if piece.kind != "removed") == new
    assert all(piece.text for piece in pieces)
    kinds = [piece.kind for piece in pieces]
    assert all(pair not in (("added", "removed"), *((k, k) for k in kinds)) for pair in pairwise(kinds))
    return pieces


@given(sentences(), sentences())
def test_the_pieces_join_to_both_texts(old: str, new: str) -> None:
    check(old, new)


@given(sentences())
def test_a_text_is_the_same_as_itself(text: str) -> None:
    assert check(text, text) == ([Piece("same", text)] if text else [])


def test_naughty_strings_come_back_too() -> None:
    strings = naughty_strings()
    for old, new in zip(strings, strings[1:] + strings[:1], strict=True):
        check(old, new)
        check(f"{old} {new}", f"{new} and {old}")


def test_words_that_went_and_came_are_told() -> None:
    old = "We show that the method converges quickly in practice."
    new = "We prove that the new method converges slowly in practice, too."
    assert check(old, new) == [
        Piece("same", "We "),
        Piece("removed", "show"),
        Piece("added", "prove"),
        Piece("same", " that the "),
        Piece("added", "new "),
        Piece("same", "method converges "),
        Piece("removed", "quickly"),
        Piece("added", "slowly"),
        Piece("same", " in practice"),
        Piece("added", ", too"),
        Piece("same", "."),
    ]


def test_what_is_the_same_by_chance_splits_no_change() -> None:
    assert check("x one, two y", "x six, ten y") == [
        Piece("same", "x "),
        Piece("removed", "one, two"),
        Piece("added", "six, ten"),
        Piece("same", " y"),
    ]


def test_a_text_without_spaces_is_compared_by_character_where_it_is_written_so() -> None:
    assert [piece.kind for piece in check("这个方法很有用处", "这个方法不有用处")] == [
        "same",
        "removed",
        "added",
        "same",
    ]


def test_of_an_endless_word_a_part_is_the_same() -> None:
    pieces = check("A" * 320 + "B" * 32 + "C" * 320, "A" * 320 + "D" * 32 + "C" * 320)
    assert [len(piece.text) for piece in pieces] == [320, 32, 32, 320]


@pytest.mark.parametrize("seed", range(30))
def test_no_shorter_way_leads_from_the_one_to_the_other(seed: int) -> None:
    """The longest common subsequence, by its definition, of words of 32 letters, which need no space between."""
    random = Random(seed)
    words = [letter * 32 for letter in "ABCD"]
    old, new = ([random.choice(words) for _ in range(random.randrange(14))] for _ in range(2))

    @lru_cache(None)
    def common(i: int, j: int) -> int:
        if i == len(old) or j == len(new):
            return 0
        taken = 1 + common(i + 1, j + 1) if old[i] == new[j] else 0
        return max(taken, common(i + 1, j), common(i, j + 1))

    pieces = check("".join(old), "".join(new))
    same = sum(len(piece.text) // 32 for piece in pieces if piece.kind == "same")
    assert same == common(0, 0)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a " * 100_000, "b " * 100_000),
        ("a b " * 100_000, "b a a " * 100_000),
        ("xa " + "a " * 100_000, "ya " + "a " * 100_050 + "z"),
        ("xa " + "a " * 50_000 + "b " * 500, "ya " + "a " * 50_000 + "c " * 500),
        ("a" * 2_000_000, "a" * 1_999_999 + "b"),
        (" ".join(map(str, range(50_000))), " ".join(map(str, range(50_000, 0, -1)))),
    ],
    ids=["nothing in common", "much by chance", "shifted", "the same between", "very long", "reversed"],
)
def test_the_work_is_bounded(old: str, new: str) -> None:
    start = time.process_time()
    check(old, new)
    assert time.process_time() - start < 5


def test_a_long_text_with_few_changes_is_compared_all_through() -> None:
    words = [f"w{n}" for n in range(40_000)]
    changed = [f"new{n}" if n % 1000 == 500 else word for n, word in enumerate(words)]
    pieces = check(" ".join(words), " ".join(changed))
    assert [piece.kind for piece in pieces].count("added") == 40


def test_a_text_that_is_too_long_to_read_by_words_is_told_apart_whole() -> None:
    long = "a " * 500_001
    assert [piece.kind for piece in check(long + "x", long + "y")] == ["removed", "added"]
