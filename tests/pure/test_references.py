"""References: every one reads back from its own text, and what cannot be read is answered with what can."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pithstore.errors import UsageError
from pithstore.model import Source
from pithstore.quoting import quote_kind, quote_name, unquote
from pithstore.references import Ref, read_ref
from pithstore.selectors import AsOf, Before, ByBuilder, ByNumber, BySnapshot, Selector
from pithstore.testing.strategies import names, refs, sources, texts
from tests.pure.laws import complaint

ARXIV = Source("arxiv", "2606.09475")
HEX = "93cf21fd" * 8


@given(refs())
def test_every_reference_reads_back_from_its_text(ref: Ref) -> None:
    assert read_ref(str(ref)) == ref


@given(sources())
def test_the_text_of_a_source_is_its_reference(source: Source) -> None:
    assert read_ref(str(source)) == Ref(source)
    assert str(Ref(source)) == str(source)


@given(names())
def test_a_quoted_name_reads_back(name: str) -> None:
    for quoted in (quote_name(name), quote_kind(name)):
        assert unquote(quoted) == name
    assert ":" not in quote_kind(name)


@given(names())
def test_a_quoted_name_holds_nothing_that_ends_or_hides_it(name: str) -> None:
    quoted = quote_name(name)
    assert not set(quoted) & set("@#")
    assert re.fullmatch(r"(?:[^%]|%[0-9A-F]{2})*", quoted)
    assert not any(character.isspace() for character in quoted)
    hidden = {"Cc", "Zs", "Zl", "Zp"}
    assert not any(unicodedata.category(character) in hidden for character in quoted)
    assert not any(unicodedata.bidirectional(character) in BIDI_CONTROLS for character in quoted)


BIDI_CONTROLS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def test_no_character_of_unicode_ends_or_hides_a_name() -> None:
    hidden = {"Cc", "Zs", "Zl", "Zp"}
    for code in (*range(0xD800), *range(0xE000, 0x110000)):
        character = chr(code)
        quoted = quote_name(character)
        plain = quoted == character
        special = character in "%@#" or character.isspace() or unicodedata.category(character) in hidden
        assert not (plain and (special or unicodedata.bidirectional(character) in BIDI_CONTROLS))
        if not plain:
            assert quoted == "".join(f"%{byte:02X}" for byte in character.encode())


@pytest.mark.parametrize("name", ["arxiv", "hep-th/9612146", "é", "a:b", "a=b&c+d?", "~1", "漢字", "👩"])
def test_plain_names_stay_readable(name: str) -> None:
    assert quote_name(name) == name


@given(texts(max_size=40))
@example("%E2%82")
@example("%ED%A0%80")
@example("%41%")
def test_unquote_reads_or_refuses_any_text(text: str) -> None:
    message = complaint(lambda: unquote(text))
    if message is None:
        assert unquote(quote_name(unquote(text))) == unquote(text)
    else:
        assert message.isprintable()
        assert "%" in text


@pytest.mark.parametrize("text", ["%", "100%", "%4", "%g1", "%%41", "a%2", "%\u0661\u0661"])
def test_a_percent_sign_that_starts_no_escape_is_refused_with_advice(text: str) -> None:
    with pytest.raises(UsageError, match="%25"):
        unquote(text)


@pytest.mark.parametrize("text", ["%FF", "%C3", "%ED%A0%80", "%C0%80", "a%80"])
def test_escapes_that_spell_no_utf_8_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not UTF-8"):
        unquote(text)


@pytest.mark.parametrize(
    ("text", "selector", "pointer"),
    [
        ("", None, ()),
        ("@3", ByNumber(3), ()),
        ("@007", ByNumber(7), ()),
        ("@0", ByNumber(0), ()),
        ("@999999999999999999", ByNumber(10**18 - 1), ()),
        ("@-1", Before(1), ()),
        ("@-0", Before(0), ()),
        ("@2026-06", AsOf(datetime(2026, 6, 1, tzinfo=UTC)), ()),
        ("@2026-06-01", AsOf(datetime(2026, 6, 1, tzinfo=UTC)), ()),
        ("@2026-06-01T12:30:00Z", AsOf(datetime(2026, 6, 1, 12, 30, tzinfo=UTC)), ()),
        ("@2026-06-01T12:30:00+02:00", AsOf(datetime(2026, 6, 1, 10, 30, tzinfo=UTC)), ()),
        ("@builder=v1", ByBuilder("v1"), ()),
        ("@builder=a%40b%20c", ByBuilder("a@b c"), ()),
        ("@builder=builder=3", ByBuilder("builder=3"), ()),
        ("@sha256:93cf21fd", BySnapshot("93cf21fd"), ()),
        ("@sha256:93CF21FD", BySnapshot("93cf21fd"), ()),
        (f"@sha256:{HEX}", BySnapshot(HEX), ()),
        ("#integrity", None, ("integrity",)),
        ("#integrity/findings/0", None, ("integrity", "findings", "0")),
        ("#a~1b/~0", None, ("a/b", "~")),
        ("#", None, ("",)),
        ("#/", None, ("", "")),
        ("@3#a@b#c", ByNumber(3), ("a@b#c",)),
        ("#a%41", None, ("a%41",)),
    ],
)
def test_what_a_reference_means(text: str, selector: Selector, pointer: tuple[str, ...]) -> None:
    ref = read_ref("arxiv:2606.09475" + text)
    assert ref == Ref(ARXIV, selector, pointer)
    assert read_ref(str(ref)) == ref


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("arxiv:hep-th/9612146", Source("arxiv", "hep-th/9612146")),
        ("urn:isbn:1", Source("urn", "isbn:1")),
        ("a%3Ab:c", Source("a:b", "c")),
        ("a%3ab:c", Source("a:b", "c")),
        ("npm:%40scope/pkg", Source("npm", "@scope/pkg")),
        ("k: a", Source("k", " a")),
        ("k:-1", Source("k", "-1")),
        ("k::", Source("k", ":")),
        ("http://x/y", Source("http", "//x/y")),
    ],
)
def test_kind_and_id(text: str, source: Source) -> None:
    assert read_ref(text) == Ref(source)


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("npm:@scope/pkg", "npm:%40scope/pkg"),
        ("npm:@scope/pkg@1.0", "npm:%40scope/pkg%401.0"),
        ("k:a@b", "k:a%40b"),
        ("k:user@example.org", "k:user%40example.org"),
        ("k:a@", "k:a%40"),
        ("k:a@3@", "k:a%403%40"),
        ("k:a@+3", "k:a%40+3"),
        ("k:a@v3#x", "k:a%40v3"),
        ("k:a@builder", "k:a%40builder"),
        ("k:a@sha1:93cf21fd", "k:a%40sha1:93cf21fd"),
        ("k:a@٣", "k:a%40٣"),
    ],
)
def test_a_near_miss_is_answered_with_the_quoted_form(text: str, quoted: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_ref(text)
    assert repr(quoted) in str(caught.value)
    meant = read_ref(quoted)
    assert meant.source.id == text.partition("#")[0].partition(":")[2]
    assert (meant.selector, meant.pointer) == (None, ())


@pytest.mark.parametrize("text", ["", "arxiv", ":x", "arxiv:", ":", "@3", "#a", "arxiv@3", "a@b:c", "arxiv:#x"])
def test_what_has_no_kind_or_no_id_is_answered_with_the_form(text: str) -> None:
    with pytest.raises(UsageError, match="KIND:ID"):
        read_ref(text)


@pytest.mark.parametrize(
    ("selector", "word"),
    [
        ("@builder=", "no builder"),
        ("@builder=%zz", "%25"),
        ("@sha256:", "8 to 64"),
        ("@sha256:93cf21f", "8 to 64"),
        ("@sha256:93cf21fg", "8 to 64"),
        (f"@sha256:{HEX}0", "8 to 64"),
        ("@2026-06-31", "not a time"),
        ("@2026-13", "not a time"),
        ("@2026-06-01T", "not a time"),
        ("@1000000000000000000", "10\\^18"),
        ("@-" + "9" * 5000, "10\\^18"),
        ("#a~2", "JSON Pointer"),
        ("#~", "JSON Pointer"),
    ],
)
def test_a_selector_that_cannot_be_read_says_why(selector: str, word: str) -> None:
    with pytest.raises(UsageError, match=word) as caught:
        read_ref("arxiv:1" + selector)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 6000


@given(texts(max_size=60) | st.text(alphabet="a:@#%/~-123=builder sha256\udcff", max_size=20))
@example("arxiv:\ud800")
@example("\udcff:a")
@example("arxiv:a@builder=\udcff")
@example("arxiv:@\udcff")
def test_any_text_is_read_or_refused_in_one_line(text: str) -> None:
    message = complaint(lambda: read_ref(text))
    if message is None:
        assert read_ref(str(read_ref(text))) == read_ref(text)
    else:
        assert message.isprintable()
