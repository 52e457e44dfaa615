"""One table of hostile and edge texts, with what must become of each.  No fixtures: any test may import it.

In the tables below `¶` stands where the first fault is; it is not part of the text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import attrs

from pithstore.limits import DEFAULT_LIMITS, MAX_RECORD_BYTES, Limits
from pithstore.refusal import Reason

MARK = "¶".encode()
ACCEPTED = None


@attrs.frozen
class Case:
    """A text and the reason for which it is refused, None where it is accepted (and a whole valid record).

    `offset` is the byte of the fault, None where the case does not say.  `parses` is False where the text itself
    is at fault, True where it is a JSON object that is refused (or accepted) for what it says.
    """

    name: str
    reason: Reason | None
    build: Callable[[], bytes] = attrs.field(repr=False)
    offset: int | None = None
    parses: bool = False
    limits: Limits = DEFAULT_LIMITS

    @property
    def text(self) -> bytes:
        """The bytes of the text, made when asked for: some are as large as a record may be."""
        return self.build()


def as_bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


def record_text(name: str, value: bytes) -> bytes:
    """A record about the source `hostile:NAME` whose section `value` is that text."""
    head = json.dumps({"source": {"kind": "hostile", "id": name}, "builder_version": "b1"})
    return head.encode()[:-1] + b', "value": ' + value + b"}"


def whole(name: str, reason: Reason, text: str | bytes) -> Case:
    """A text that stands for itself and is refused."""
    marked = as_bytes(text)
    offset = marked.find(MARK) if MARK in marked else None
    plain = marked.replace(MARK, b"")
    return Case(name, reason, lambda: plain, offset)


def member(name: str, reason: Reason | None, value: str | bytes) -> Case:
    """A text that stands as the section `value` of a record that is sound but for it."""
    marked = record_text(name, as_bytes(value))
    offset = marked.find(MARK) if MARK in marked else None
    plain = marked.replace(MARK, b"")
    return Case(name, reason, lambda: plain, offset, parses=reason is None)


DUPLICATE_KEYS: dict[str, str] = {
    "duplicate key": '{"a":1,¶"a":2}',
    "duplicate key, equal values": '{"a":1,¶"a":1}',
    "duplicate key, escaped second": r'{"a":1,¶"\u0061":2}',
    "duplicate key, escaped first": r'{"\u0061":1,¶"a":2}',
    "duplicate key, hexadecimal in two cases": r'{"\u00e9":1,¶"\u00E9":2}',
    "duplicate key, astral raw and escaped": r'{"𐀀":1,¶"\ud800\udc00":2}',
    "duplicate key, emoji raw and escaped": r'{"😀":1,¶"\ud83d\ude00":2}',
    "duplicate key, short and long escape": r'{"\n":1,¶"\u000a":2}',
    "duplicate key, solidus escaped": r'{"/":1,¶"\/":2}',
    "duplicate key, empty": '{"":1,¶"":2}',
    "duplicate key, three times": '{"a":1,¶"a":2,"a":3}',
    "duplicate key, far apart": '{"a":1,"b":{"c":[1,2]},"d":"a",¶"a":2}',
    "duplicate key, nested in object": '{"x":{"y":{"a":1,¶"a":2}}}',
    "duplicate key, nested in array": '[[{"a":1,¶"a":2}]]',
    "duplicate key, __proto__": '{"__proto__":1,¶"__proto__":2}',
    "duplicate key, constructor": '{"constructor":{},¶"constructor":{}}',
    "duplicate key, NUL": r'{"\u0000":1,¶"\u0000":2}',
    "duplicate key, then not a number": '{"a":1,¶"a":NaN}',
}
DISTINCT_KEYS: dict[str, str] = {
    "keys that differ in case": '{"a":1,"A":2}',
    "keys that differ in normal form": '{"é":1,"e\u0301":2}',
    "keys that differ by a NUL": r'{"a":1,"a\u0000":2}',
    "the key __proto__": '{"__proto__":{"admin":true},"constructor":1}',
    "the empty key": '{"":1}',
    "one key at two levels": '{"a":{"a":{"a":1}}}',
    "one key in two neighbours": '[{"a":1},{"a":1}]',
    "keys that look like escapes": r'{"a":1,"\\u0061":2}',
    "astral keys beside U+FFFF": r'{"\uffff":1,"𐀀":2}',
}
NOT_FINITE: dict[str, str] = {
    "NaN": "¶NaN",
    "-NaN": "¶-NaN",
    "Infinity": "¶Infinity",
    "-Infinity": "¶-Infinity",
    "NaN in an array": "[1,¶NaN]",
    "Infinity in an object": '{"a":{"b":¶Infinity}}',
    "NaN before nesting that is too deep": "[¶NaN," + "[" * 600,
}
OVERFLOW: dict[str, str] = {
    "1e400": "¶1e400",
    "-1e400": "¶-1e400",
    "1E+400": "¶1E+400",
    "1e309": "¶1e309",
    "just over the largest double": "¶1.7976931348623159e308",
    "an exponent of 30 digits": "¶1e" + "9" * 30,
    "400 digits with a fraction": "¶1" + "0" * 400 + ".0",
    "a huge mantissa": "[0, ¶" + "9" * 5000 + "e0]",
}
UNDERFLOW: dict[str, str] = {
    "1e-400": "¶1e-400",
    "-1e-400": "¶-1e-400",
    "half the smallest double": "¶2.4703282292062327e-324",
    "400 zeros after the point": "¶0." + "0" * 400 + "1",
    "minus 400 zeros after the point": "[¶-0." + "0" * 400 + "7]",
    "an exponent of minus 30 digits": "¶12.5e-" + "9" * 30,
}
NUMBERS: dict[str, str] = {
    "-0": "-0",
    "-0.0": "-0.0",
    "zero with an exponent": "[0e5, 0E-400, -0e400, 0.0e-999, 0.000]",
    "the smallest subnormal": "5e-324",
    "more than half the smallest subnormal": "2.5e-324",
    "subnormals": "[4.9e-324, -1e-310, 2.225073858507201e-308]",
    "the largest double": "[1.7976931348623157e308, -1.7976931348623157E+308]",
    "a long exponent of zeros": "1e0000000000000000000000000000000001",
    "digits that round": "0.1000000000000000055511151231257827",
    "integers around 2^53": "[9007199254740991, 9007199254740993, -9007199254740993]",
    "integers around 2^64": "[18446744073709551615, 18446744073709551616, -9223372036854775809]",
    "an integer of 309 digits": "1" + "0" * 309,
    "an integer of 4300 digits": "9" * 4300,
    "a negative integer of 4300 digits": "-" + "9" * 4300,
    "a mantissa of 5000 digits": "0." + "3" * 5000,
}
TOO_LONG: dict[str, str] = {
    "an integer of 4301 digits": "¶1" + "0" * 4300,
    "a negative integer of 4301 digits": "¶-1" + "0" * 4300,
    "an integer of 100,000 digits": "[¶" + "7" * 100_000 + "]",
}
BAD_NUMBERS: dict[str, str] = {
    "leading zero": "0¶1",
    "leading zero, negative": "-0¶1",
    "two zeros": "0¶0",
    "leading zero, fraction": "0¶0.5",
    "plus sign": "¶+1",
    "no digit before the point": "¶.5",
    "minus and no digit before the point": "¶-.5",
    "no digit after the point": "1¶.",
    "no digit after the point, exponent": "1¶.e5",
    "no digit after e": "1¶e",
    "no digit after e+": "[1¶e+]",
    "minus alone": "¶-",
    "two minus signs": "¶--1",
    "hexadecimal": "0¶x1F",
    "octal": "0¶o17",
    "underscore": "1¶_000",
    "thousands": "[1 ¶000]",
    "two points": "1.2¶.3",
    "complex": "1¶j",
    "nan in lower case": "¶nan",
    "inf": "¶inf",
    "Infinity cut short": "¶Infinit",
    "full-width digit": "¶１",
    "full-width digit after a digit": "1¶１",
    "Arabic-Indic digit in a fraction": "1¶.٢",
    "superscript": "2¶²",
}
SURROGATES: dict[str, str | bytes] = {
    "lone high surrogate": r'"¶\ud800"',
    "lone high surrogate, capitals": r'"¶\uDBFF"',
    "lone low surrogate": r'"a¶\udc00b"',
    "reversed pair": r'"¶\udc00\ud800"',
    "two high surrogates": r'"¶\ud800\ud800\udc00"',
    "high surrogate and another escape": r'"¶\ud800\n"',
    "high surrogate and a character escape": r'"¶\ud83d\u0041"',
    "high surrogate and text": r'"¶\ud83dabc"',
    "high surrogate and an escaped backslash": r'"¶\ud83d\\udc00"',
    "pair and a lone low surrogate": r'"\ud83d\ude00¶\ude00"',
    "lone surrogate in a key": r'{"¶\ud800":1}',
    "lone surrogate in a nested key": r'[{"a":1,"b¶\udfff":1}]',
    "lone surrogate after raw astral": r'"😀¶\ud83d"',
    "raw surrogate": b'"\xc2\xb6\xed\xa0\x80"',
    "raw low surrogate": b'"\xc2\xb6\xed\xbf\xbf"',
    "raw pair (CESU-8)": b'"\xc2\xb6\xed\xa0\xbd\xed\xb8\x80"',
    "raw surrogate in a key": b'{"\xc2\xb6\xed\xa0\x80":1}',
}
UNICODE: dict[str, str] = {
    "escaped pair": r'"\ud83d\ude00"',
    "escaped pairs at the ends of the range": r'"\ud800\udc00\udbff\udfff"',
    "escaped pair in a key": r'{"\ud83d\ude00":1}',
    "raw astral": '"😀𐀀\U0010ffff"',
    "what looks like a surrogate escape": r'"\\ud800 \\\\udc00"',
    "around the surrogates": r'"\ud7ff\ue000"',
    "noncharacters": '"\ufffe\uffff\ufdd0\U0001ffff"',
    "replacement character": '"\ufffd"',
    "byte-order mark inside a string": '"\ufeff"',
    "NUL by escape": r'"a\u0000b"',
    "every short escape": r'"\"\\\/\b\f\n\r\t"',
    "DEL and C1 controls raw": '"\x7f\x80\x85\x9f"',
    "line and paragraph separators raw": '"\u2028\u2029"',
    "no-break space in a string": '"\xa0"',
    "bidirectional controls": '"\u202e\u2066abc\u2069"',
    "comment marks in a string": '"/* // # */"',
    "brackets in a string": '"' + "[{" * 2000 + '"',
    "brackets after an escaped quote": r'"\"' + "[" * 2000 + r'\\"',
    "brackets in a key": '{"' + "[" * 2000 + '":1}',
}
INVALID_UTF_8: dict[str, bytes] = {
    "overlong, 2 bytes": b'"\xc2\xb6\xc0\xaf"',
    "overlong, 2 bytes, NUL": b'"\xc2\xb6\xc0\x80"',
    "overlong, 3 bytes": b'"\xc2\xb6\xe0\x80\xaf"',
    "overlong, 4 bytes": b'"\xc2\xb6\xf0\x80\x80\xaf"',
    "overlong quote": b'"\xc2\xb6\xc0\xa2',
    "5-byte form": b'"\xc2\xb6\xf8\x88\x80\x80\x80"',
    "6-byte form": b'"\xc2\xb6\xfc\x84\x80\x80\x80\x80"',
    "over U+10FFFF": b'"\xc2\xb6\xf4\x90\x80\x80"',
    "lead byte F5": b'"\xc2\xb6\xf5\x80\x80\x80"',
    "byte FE": b'"\xc2\xb6\xfe"',
    "byte FF": b'"a\xc2\xb6\xff"',
    "continuation alone": b'"\xc2\xb6\x80"',
    "continuation after a whole character": b'"\xc3\xa9\xc2\xb6\xbf"',
    "truncated, 2 bytes": b'"\xc2\xb6\xc3"',
    "truncated, 3 bytes": b'"\xc2\xb6\xe2\x82"',
    "truncated, 4 bytes": b'"\xc2\xb6\xf0\x9f\x98"',
    "ED and no surrogate": b'"\xc2\xb6\xed\xff\xff"',
    "ED at the end of a string": b'"\xc2\xb6\xed"',
    "Latin-1": b'"caf\xc2\xb6\xe9"',
    "Windows-1252 quotes": b"\xc2\xb6\x931\x94",
    "invalid in a key": b'{"\xc2\xb6\xff":1}',
    "invalid between tokens": b"[1,\xc2\xb6\xff2]",
}
CONTROLS: dict[str, str] = {
    "NUL in a string": '"a¶\0b"',
    "line feed in a string": '"a¶\nb"',
    "carriage return in a string": '"¶\r"',
    "tab in a string": '"¶\t"',
    "unit separator in a string": '"¶\x1f"',
    "escape in a string": '"¶\x1b[31m"',
    "control character in a key": '{"¶\x01":1}',
    "NUL between tokens": "[1,¶\0 2]",
}
ESCAPES: dict[str, str] = {
    "escape of x": r'"¶\x41"',
    "escape of a": r'"¶\a"',
    "escape of a quote mark": r'''"¶\'"''',
    "escape of zero": r'"¶\0"',
    "escape of a capital": r'"¶\N"',
    "capital U": r'"¶\U0041"',
    "three hexadecimal digits": r'"¶\u004"',
    "no hexadecimal digits": r'"¶\u"',
    "braces after u": r'"¶\u{41}"',
    "sign among hexadecimal digits": r'"¶\u+041"',
    "0x among hexadecimal digits": r'"¶\u0x41"',
    "space among hexadecimal digits": r'"¶\u 041"',
    "underscore among hexadecimal digits": r'"¶\u0_41"',
    "full-width hexadecimal digits": r'"¶\u００４１"',
    "escape of a line end": '"¶\\\n"',
    "escape of an astral character": '"¶\\😀"',
    "escape outside a string": r"[¶\u0061]",
    "pair cut in its second half": r'"\ud83d\ude00¶\ude0"',
}
SYNTAX: dict[str, str] = {
    "trailing comma in an object": '{"a":1,¶}',
    "trailing comma in an array": "[1,¶]",
    "leading comma": "[¶,1]",
    "two commas": "[1,¶,2]",
    "comma alone": "[¶,]",
    "comma in an empty object": "{¶,}",
    "no comma in an array": "[1 ¶2]",
    "no comma in an object": '{"a":1 ¶"b":2}',
    "no colon": '{"a" ¶1}',
    "no colon and no value": '{"a"¶}',
    "no value": '{"a":¶}',
    "two colons": '{"a":¶:1}',
    "equals sign": '{"a"¶=1}',
    "colon in an array": '["a"¶:1]',
    "line comment": "[1 ¶// one\n]",
    "block comment": "[¶/* one */ 1]",
    "hash comment": "[1 ¶# one\n]",
    "single quotes": "¶'a'",
    "single quotes for a key": "{¶'a':1}",
    "bare key": "{¶a:1}",
    "number as a key": "{¶1:1}",
    "null as a key": "{¶null:1}",
    "Python's True": "¶True",
    "Python's None": "¶None",
    "TRUE": "¶TRUE",
    "true cut short": "[¶tru]",
    "true with a tail": "true¶x",
    "undefined": "¶undefined",
    "two literals": "true¶false",
    "wrong bracket": "[1¶}",
    "wrong brace": '{"a":1¶]',
    "one bracket too many": "[]¶]",
    "two strings": '"a"¶"b"',
    "backquote": "¶`a`",
    "typographic quotes": "¶“a”",
    "no-break space between tokens": "[1,¶\xa02]",
    "U+2028 between tokens": "[1,¶\u20282]",
    "next line between tokens": "[1¶\x85]",
    "ideographic space between tokens": "[¶\u3000]",
    "zero-width space between tokens": "[¶\u200b]",
    "byte-order mark between tokens": "[¶\ufeff1]",
    "vertical tab between tokens": "[1,¶\v2]",
    "form feed between tokens": "[1,¶\f2]",
    "a semicolon": '{"a":1¶;"b":2}',
    "an ellipsis": "[1,¶...]",
    "a bracket too many before nesting that is too deep": "1¶]" + "[" * 600,
    "syntax error before nesting that is too deep": "[1 ¶2" + "[" * 600,
    "a string with brackets that never ends": '¶"' + "[" * 600,
}
TRUNCATED: dict[str, str] = {
    "truncated after {": "{¶",
    "truncated in a key": '{¶"a',
    "truncated at a key": '{¶"',
    "truncated after a key": '{"a"¶',
    "truncated after a colon": '{"a":¶',
    "truncated in a literal": '{"a":¶fals',
    "truncated after a number": '{"a":1¶',
    "truncated after a minus": '{"a":¶-',
    "truncated after a point": '{"a":1¶.',
    "truncated after an exponent": '{"a":1¶e-',
    "truncated after a value": '{"a":null¶',
    "truncated after a comma": '{"a":1,¶',
    "truncated in white space": '{"a":1, \n¶',
    "truncated in a string": '{"a":¶"b c',
    "truncated after a backslash": '{"a":"b¶\\',
    "truncated after \\u": '{"a":"b¶\\u',
    "truncated in \\u": '{"a":"b¶\\u00',
    "truncated after [": '{"a":[¶',
    "truncated in an array": '{"a":[1¶',
    "truncated after a comma in an array": '{"a":[1,¶',
    "truncated in a nested object": '{"a":{"b":{}¶',
    "truncated before the last brace": '{"a":[{"b":[]}]¶',
    "unterminated nesting within the limit": "[" * 512 + "¶",
}
WHOLE_SYNTAX: dict[str, str] = {
    "two values": "{} ¶{}",
    "two values, no space": "{}¶{}",
    "two lines": '{"a":1}\n¶{"a":2}\n',
    "a comma after the record": "{}¶,",
    "text after the record": "{}¶x",
    "NUL after the record": "{}  ¶\0",
    "brace too many": "{}¶}",
    "a semicolon after the record": "{}¶;",
    "end-of-file sign after the record": "{}¶\x1a",
    "record separator before the record": "¶\x1e{}",
    "a callback": "¶f({});",
    "a closing brace": "¶}",
    "a word": "¶record",
    "Python": "{¶'a': 1}",
    "YAML": "¶--- a: 1",
    "HTML": "¶<!doctype html>",
    "form feed first": "¶\f{}",
    "no-break space first": "¶\xa0{}",
}
NOT_AN_OBJECT: dict[str, str] = {
    "an array": "¶[]",
    "an array of records": '¶[{"source":{"kind":"a","id":"b"},"builder_version":"c"}]',
    "a string": '¶"record"',
    "a number": "¶1",
    "minus zero": "¶-0",
    "null": "¶null",
    "true": "¶true",
    "an array after white space": " \r\n\t¶[1]\n",
}
OTHER_ENCODINGS: dict[str, tuple[Reason, bytes]] = {
    "UTF-16 LE": (Reason.OTHER_ENCODING, '{"a":1}'.encode("utf-16-le")),
    "UTF-16 BE": (Reason.OTHER_ENCODING, '{"a":1}'.encode("utf-16-be")),
    "UTF-16 LE with its mark": (Reason.OTHER_ENCODING, b"\xff\xfe" + '{"a":1}'.encode("utf-16-le")),
    "UTF-16 BE with its mark": (Reason.OTHER_ENCODING, b"\xfe\xff" + '{"a":1}'.encode("utf-16-be")),
    "UTF-16 LE with a key that is not ASCII": (Reason.OTHER_ENCODING, '{"é":1}'.encode("utf-16-le")),
    "UTF-32 LE": (Reason.OTHER_ENCODING, '{"a":1}'.encode("utf-32-le")),
    "UTF-32 BE": (Reason.OTHER_ENCODING, '{"a":1}'.encode("utf-32-be")),
    "UTF-32 LE with its mark": (Reason.OTHER_ENCODING, b"\xff\xfe\0\0" + '{"a":1}'.encode("utf-32-le")),
    "UTF-32 BE with its mark": (Reason.OTHER_ENCODING, b"\0\0\xfe\xff" + '{"a":1}'.encode("utf-32-be")),
    "byte-order mark": (Reason.BYTE_ORDER_MARK, b'\xef\xbb\xbf{"a":1}'),
    "byte-order mark alone": (Reason.BYTE_ORDER_MARK, b"\xef\xbb\xbf"),
    "byte-order mark twice": (Reason.BYTE_ORDER_MARK, b"\xef\xbb\xbf\xef\xbb\xbf{}"),
    "byte-order mark cut short": (Reason.INVALID_UTF_8, b"\xc2\xb6\xef\xbb{}"),
    "byte-order mark after a space": (Reason.SYNTAX, b" \xc2\xb6\xef\xbb\xbf{}"),
    "UTF-16 LE, one character": (Reason.OTHER_ENCODING, b"{\0"),
    "UTF-16 BE, one character": (Reason.OTHER_ENCODING, b"\0{"),
    "NUL after the first brace": (Reason.SYNTAX, b'{\xc2\xb6\0"a":1}'),
    "NUL in a string near the start": (Reason.SYNTAX, b'{"\xc2\xb6\0":1}'),
    "gzip": (Reason.INVALID_UTF_8, b"\x1f\xc2\xb6\x8b\x08abc"),
    "empty": (Reason.EMPTY, b""),
    "one space": (Reason.EMPTY, b" "),
    "white space": (Reason.EMPTY, b" \t\r\n \n\xc2\xb6"),
}
DEEP: dict[str, tuple[Reason | None, str]] = {
    "arrays 512 deep": (ACCEPTED, "[" * 511 + "]" * 511),
    "arrays 513 deep": (Reason.TOO_DEEP, "[" * 511 + "¶[" + "]" * 512),
    "objects 512 deep": (ACCEPTED, '{"a":' * 511 + "1" + "}" * 511),
    "objects 513 deep": (Reason.TOO_DEEP, '{"a":' * 511 + "¶{" + "}" * 512),
    "arrays and objects 512 deep": (ACCEPTED, '[{"a":' * 255 + "[]" + "}]" * 255),
    "arrays and objects 513 deep": (Reason.TOO_DEEP, '[{"a":' * 255 + "[¶[]]" + "}]" * 255),
    "512 deep twice": (ACCEPTED, "[" + "[" * 510 + "]" * 510 + "," + "[" * 510 + "]" * 510 + "]"),
    "513 deep after 512 deep": (Reason.TOO_DEEP, "[" + "[" * 510 + "]" * 510 + "," + "[" * 510 + "¶[" + "]" * 512),
    "wide and not deep": (ACCEPTED, "[" + "[]," * 2000 + "{}]"),
    "deep with brackets in strings": (ACCEPTED, '["[[[",' * 511 + "1" + "]" * 511),
    "arrays 100,000 deep": (Reason.TOO_DEEP, "[" * 511 + "¶" + "[" * 99_489 + "]" * 100_000),
    "objects 100,000 deep": (Reason.TOO_DEEP, '{"a":' * 511 + "¶" + '{"a":' * 99_489 + "1" + "}" * 100_000),
    "mixed 100,000 deep": (Reason.TOO_DEEP, '[{"":' * 255 + "[¶" + '{"":[' * 50_000),
    "arrays 100,000 deep and never closed": (Reason.TOO_DEEP, "[" * 511 + "¶" + "[" * 100_000),
    "512 deep after 10,000 strings": (ACCEPTED, "[" + '"[",' * 10_000 + "[" * 510 + "]" * 511),
    "513 deep after 10,000 strings": (Reason.TOO_DEEP, "[" + '"[",' * 10_000 + "[" * 510 + "¶[" + "]" * 512),
    "513 deep around 10,000 strings": (Reason.TOO_DEEP, "[" * 511 + '"]",' * 10_000 + "¶[" + "]" * 512),
    "513 deep, then a syntax error": (Reason.TOO_DEEP, "[" * 511 + "¶[ +"),
    "513 deep after a backslash before a quote": (Reason.TOO_DEEP, r'["\\",' + "[" * 510 + "¶[" + "]" * 512),
}
IDENTITY: dict[str, str] = {
    "an empty object": "{}",
    "no source": '{"builder_version":"b"}',
    "source null": '{"source":null,"builder_version":"b"}',
    "source a string": '{"source":"arxiv:1","builder_version":"b"}',
    "source an array": '{"source":["arxiv","1"],"builder_version":"b"}',
    "source empty": '{"source":{},"builder_version":"b"}',
    "no source id": '{"source":{"kind":"k"},"builder_version":"b"}',
    "empty source id": '{"source":{"kind":"k","id":""},"builder_version":"b"}',
    "source id a number": '{"source":{"kind":"k","id":2606.09475},"builder_version":"b"}',
    "source id true": '{"source":{"kind":"k","id":true},"builder_version":"b"}',
    "source id null": '{"source":{"kind":"k","id":null},"builder_version":"b"}',
    "source id an object": '{"source":{"kind":"k","id":{}},"builder_version":"b"}',
    "no source kind": '{"source":{"id":"i"},"builder_version":"b"}',
    "source kind null": '{"source":{"kind":null,"id":"i"},"builder_version":"b"}',
    "empty source kind": '{"source":{"kind":"","id":"i"},"builder_version":"b"}',
    "no builder_version": '{"source":{"kind":"k","id":"i"}}',
    "empty builder_version": '{"source":{"kind":"k","id":"i"},"builder_version":""}',
    "builder_version a number": '{"source":{"kind":"k","id":"i"},"builder_version":2}',
    "builder_version null": '{"source":{"kind":"k","id":"i"},"builder_version":null}',
    "builder_version false": '{"source":{"kind":"k","id":"i"},"builder_version":false}',
    "builder_version a list": '{"source":{"kind":"k","id":"i"},"builder_version":["b"]}',
    "builder_version an object": '{"source":{"kind":"k","id":"i"},"builder_version":{"v":"b"}}',
    "source.version an array": '{"source":{"kind":"k","id":"i","version":[1]},"builder_version":"b"}',
    "source.version an object": '{"source":{"kind":"k","id":"i","version":{}},"builder_version":"b"}',
    "keys that only look alike": '{"Source":{"kind":"k","id":"i"},"builder_version":"b"}',
}
SOURCE_VERSIONS: dict[str, str] = {
    "source.version true": "true",
    "source.version null": "null",
    "source.version 1.5": "1.5",
    "source.version of 4000 digits": "8" * 4000,
    "source.version a string": '"v10"',
    "source.version an empty string": '""',
    "source.version -0.0": "-0.0",
}
NAUGHTY_IDS: dict[str, str] = {
    "id with a slash": "hep-th/9612146",
    "id with @": "@scope/pkg@1",
    "id with #": "c#",
    "id with %": "100%",
    "id with an escape": "a%40b",
    "id with a colon": "urn:isbn:1",
    "id with spaces": "  a b  ",
    "id with line ends": "a\r\nb\n",
    "id of a tab": "\t",
    "id with NUL": "a\0b",
    "id of NUL": "\0",
    "id with bidirectional marks": "\u202egpj.exe\u2066",
    "id with emoji": "👩\u200d🔬",
    "id with zero-width space": "a\u200bb",
    "id of one dot": ".",
    "id of two dots": "../../etc/passwd",
    "id with a terminal sequence": "\x1b[2J",
    "id like a formula": "=1+1",
    "id like an option": "--help",
    "id like a number": "-1",
    "id like markup": "<script>alert(1)</script>",
    "id in normal form D": "e\u0301",
    "id in normal form C": "é",
    "id of 511 bytes": "i" * 511,
    "id of 600 bytes": "é" * 300,
    "id of 5000 bytes": "i" * 5000,
    "id of U+10FFFF": "\U0010ffff",
}
SPACED: dict[str, str] = {
    "every white space": ' \t\r\n{ \t\r\n"source"\n:\r{"kind"\t:"k" , "id":"i"}\n,"builder_version":"b"}\r\n\t ',
    "carriage returns only": '{"source":\r{"kind":"k","id":"cr"},\r"builder_version":"b"}\r',
    "no white space": '{"source":{"kind":"k","id":"tight"},"builder_version":"b"}',
    "source and builder_version only, reversed": '{"builder_version":"b","source":{"id":"r","kind":"k"}}',
    "keys by escape": r'{"\u0073ource":{"kin\u0064":"k","id":"esc"},"builder\u005fversion":"b"}',
}


def _tables() -> Iterator[Case]:
    reasons: tuple[tuple[Reason | None, dict[str, str]], ...] = (
        (Reason.DUPLICATE_KEY, DUPLICATE_KEYS),
        (ACCEPTED, DISTINCT_KEYS),
        (Reason.NOT_FINITE, NOT_FINITE),
        (Reason.NUMBER_OVERFLOW, OVERFLOW),
        (Reason.NUMBER_UNDERFLOW, UNDERFLOW),
        (ACCEPTED, NUMBERS),
        (Reason.INTEGER_TOO_LONG, TOO_LONG),
        (Reason.SYNTAX, BAD_NUMBERS),
        (ACCEPTED, UNICODE),
        (Reason.SYNTAX, CONTROLS),
        (Reason.SYNTAX, ESCAPES),
        (Reason.SYNTAX, SYNTAX),
    )
    for reason, table in reasons:
        yield from (member(name, reason, value) for name, value in table.items())
    yield from (member(name, Reason.LONE_SURROGATE, value) for name, value in SURROGATES.items())
    yield from (member(name, Reason.INVALID_UTF_8, value) for name, value in INVALID_UTF_8.items())
    yield from (member(name, reason, value) for name, (reason, value) in DEEP.items())


def _wholes() -> Iterator[Case]:
    for table in (TRUNCATED, WHOLE_SYNTAX):
        yield from (whole(name, Reason.SYNTAX, text) for name, text in table.items())
    yield from (whole(name, Reason.NOT_AN_OBJECT, text) for name, text in NOT_AN_OBJECT.items())
    yield from (whole(name, reason, text) for name, (reason, text) in OTHER_ENCODINGS.items())


def _says(name: str, reason: Reason | None, text: str) -> Case:
    raw = text.encode()
    return Case(name, reason, lambda: raw, parses=True)


def _identities() -> Iterator[Case]:
    yield from (_says(name, Reason.IDENTITY, text) for name, text in IDENTITY.items())
    yield from (_says(name, ACCEPTED, text) for name, text in SPACED.items())
    for name, version in SOURCE_VERSIONS.items():
        source = f'{{"kind":"hostile","id":{json.dumps(name)},"version":{version}}}'
        yield _says(name, ACCEPTED, f'{{"source":{source},"builder_version":"b"}}')
    for name, identity in NAUGHTY_IDS.items():
        record = {"source": {"kind": "naughty", "id": identity}, "builder_version": identity}
        yield _says(name, ACCEPTED, json.dumps(record, ensure_ascii=False))
    for name, kind in (("kind with a colon", "a:b"), ("kind with @ and #", "@#"), ("kind of white space", " \n")):
        record = {"source": {"kind": kind, "id": "1"}, "builder_version": "b"}
        yield _says(name, ACCEPTED, json.dumps(record))


def _string_of(size: int) -> bytes:
    """A record of exactly that many bytes, nearly all of them one string."""
    empty = record_text("size", b'""')
    return record_text("size", b'"' + b"x" * (size - len(empty)) + b'"')


def _numbers_of(count: int) -> bytes:
    """Each takes 5 bytes here and 19 in the canonical form."""
    return record_text("growth", b"[" + b",".join([b"1e15"] * count) + b"]")


def _arrays(name: str, reason: Reason | None, count: int) -> Case:
    """As many arrays in one, beside two objects, where 5,000 of both are allowed; strings do not count."""
    case = member(name, reason, "[" + '["["],' * (count - 1) + ("[]]" if reason is None else "¶[]]"))
    return attrs.evolve(case, limits=Limits(record_bytes=40_000))


def _sizes() -> Iterator[Case]:
    most, small = MAX_RECORD_BYTES, Limits(record_bytes=1000)
    large, over = Reason.TOO_LARGE, most // 19
    yield Case("text of exactly the limit", ACCEPTED, lambda: _string_of(most), parses=True)
    yield Case("text one byte over the limit", large, lambda: _string_of(most + 1), offset=most)
    yield Case("a string over the limit", large, lambda: record_text("size", b'"' + b"x" * most + b'"'), most)
    yield Case("white space over the limit", large, lambda: _string_of(100) + b" " * most, most)
    yield Case("over the limit and not UTF-8", large, lambda: b"\xff" * (most + 1), most)
    yield Case("canonical form over the limit", large, lambda: _numbers_of(over), parses=True)
    yield Case("text of exactly a small limit", ACCEPTED, lambda: _string_of(1000), parses=True, limits=small)
    yield Case("text over a small limit", large, lambda: _string_of(1001), 1000, limits=small)
    yield Case("canonical form over a small limit", large, lambda: _numbers_of(60), parses=True, limits=small)
    yield Case("canonical form within a small limit", ACCEPTED, lambda: _numbers_of(30), parses=True, limits=small)
    yield _arrays("arrays and objects of exactly the limit", ACCEPTED, 4997)
    yield _arrays("arrays and objects over the limit", large, 4998)
    shallow = Limits(nesting=2)
    yield attrs.evolve(member("nesting of exactly a small limit", ACCEPTED, "[1]"), limits=shallow)
    yield attrs.evolve(member("nesting over a small limit", Reason.TOO_DEEP, "[¶[]]"), limits=shallow)


CASES: tuple[Case, ...] = (*_tables(), *_wholes(), *_identities(), *_sizes())
"""Every case; the names are unique.  Those of default limits hold at every door of pithstore."""
