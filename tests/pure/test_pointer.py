"""JSON Pointers (RFC 6901): the tokens of each read back, and lead where the standard says."""

from __future__ import annotations

import json

import jsonpointer
import pytest
from hypothesis import example, given

from pithstore.errors import NotFound, UsageError
from pithstore.pointer import Json, follow, list_position, read_pointer, write_pointer
from pithstore.testing.strategies import json_values, pointers, texts
from tests.pure.laws import complaint, exactly

# The document of RFC 6901 section 5.
DOCUMENT: Json = json.loads(
    r'{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\j":5,"k\"l":6," ":7,"m~n":8}'
)


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("", DOCUMENT),
        ("/foo", ["bar", "baz"]),
        ("/foo/0", "bar"),
        ("/foo/1", "baz"),
        ("/", 0),
        ("/a~1b", 1),
        ("/c%d", 2),
        ("/e^f", 3),
        ("/g|h", 4),
        ("/i\\j", 5),
        ('/k"l', 6),
        ("/ ", 7),
        ("/m~0n", 8),
    ],
)
def test_the_examples_of_the_standard(pointer: str, value: Json) -> None:
    assert follow(DOCUMENT, read_pointer(pointer)) == value
    assert write_pointer(read_pointer(pointer)) == pointer


@given(pointers())
@example(("~1", "~01", "/0", "~0~1/"))
def test_the_tokens_of_a_pointer_read_back(tokens: tuple[str, ...]) -> None:
    text = write_pointer(tokens)
    assert read_pointer(text) == tokens
    assert text == jsonpointer.JsonPointer.from_parts(tokens).path


@given(texts(max_size=40))
def test_any_text_is_a_pointer_or_refused(text: str) -> None:
    for candidate in (text, "/" + text):
        message = complaint(lambda candidate=candidate: read_pointer(candidate))  # type: ignore[misc]
        if message is None:
            assert write_pointer(read_pointer(candidate)) == candidate
        else:
            assert message.isprintable()


@pytest.mark.parametrize("text", ["a", "a/b", " /a", "~", "/~", "/~2", "/a~", "/~~0", "#/a"])
def test_what_is_no_pointer_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="JSON Pointer"):
        read_pointer(text)


@given(json_values())
def test_every_place_of_a_value_is_reached(value: Json) -> None:
    stack: list[tuple[tuple[str, ...], Json]] = [((), value)]
    while stack:
        tokens, there = stack.pop()
        assert follow(value, tokens) is there
        if isinstance(there, dict):
            stack.extend(((*tokens, key), member) for key, member in there.items())
        elif isinstance(there, list):
            stack.extend(((*tokens, str(i)), item) for i, item in enumerate(there))


@pytest.mark.parametrize(
    ("tokens", "named"),
    [
        (("x",), "/x"),
        (("foo", "2"), "/foo/2"),
        (("foo", "-"), "/foo/-"),
        (("foo", "-1"), "/foo/-1"),
        (("foo", "01"), "/foo/01"),
        (("foo", "+0"), "/foo/+0"),
        (("foo", "0x0"), "/foo/0x0"),
        (("foo", "١"), "/foo/١"),
        (("foo", "0\n"), "/foo/0"),
        (("foo", ""), "/foo/"),
        (("foo", "9" * 5000), "/foo/999"),
        (("foo", "0", "0"), "/foo/0/0"),
        (("", "a", "b"), "//a"),
        (("a/b", "~"), "/a~1b/~0"),
    ],
)
def test_a_pointer_that_leads_nowhere_names_its_first_wrong_token(tokens: tuple[str, ...], named: str) -> None:
    with pytest.raises(NotFound) as caught:
        follow(DOCUMENT, tokens)
    assert f"at '{named}" in str(caught.value)
    assert str(caught.value).isprintable()


@given(texts())
def test_a_list_position_is_written_as_the_standard_says(token: str) -> None:
    positions = {str(i): i for i in range(20)}
    assert list_position(token, 20) == positions.get(token)


@pytest.mark.parametrize(("token", "length"), [("0", 0), ("10", 10), ("00", 10), ("100", 10)])
def test_a_position_outside_the_list_is_none(token: str, length: int) -> None:
    assert list_position(token, length) is None


def test_a_position_of_two_digits() -> None:
    assert list_position("10", 11) == 10


@given(json_values(max_leaves=3))
def test_the_empty_pointer_is_the_whole(value: Json) -> None:
    assert exactly(follow(value, ()), value)
