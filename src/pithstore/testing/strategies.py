"""Hypothesis strategies for what pithstore takes and gives: JSON values, records, sources and references.

They look on purpose for what breaks a store of JSON: `0`, `0.0`, `-0.0` and `false` side by side, doubles at the
edges of their range and of their spelling, integers of up to 4,300 digits, keys outside the Basic Multilingual
Plane, names that would end or hide a reference.  Everything they make is accepted by `pithstore.record.prepare`.

```python
from hypothesis import given
from pithstore.testing.strategies import records

@given(records())
def test_my_tool(record): ...
```
"""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from pithstore.limits import MAX_INTEGER_DIGITS
from pithstore.model import Source
from pithstore.pointer import Json
from pithstore.references import Ref
from pithstore.selectors import AsOf, Before, ByBuilder, ByNumber, BySnapshot, Selector

AWKWARD_TEXTS = (
    "",
    "\0",
    "\n",
    " a ",
    "%",
    "%41",
    "%zz",
    "@",
    "@3",
    "#",
    "/",
    "~",
    "~0",
    "~1",
    ":",
    "-",
    "0",
    "-1",
    "01",
    "__proto__",
    "constructor",
    "null",
    "NaN",
    '"',
    "\\",
    "\\u0061",
    "\x7f",
    "\x85",
    "\xa0",
    "é",
    "e\u0301",
    "\u2028",
    "\u202etxt",
    "\u200b",
    "\ufeff",
    "\ufffd",
    "\uffff",
    "\U00010000",
    "\U0001f469\u200d\U0001f52c",
    "\U0010ffff",
    "[[[[",
    "}",
)
"""Texts with a meaning somewhere: in JSON, in a pointer, in a reference, on a terminal, in UTF-16."""

AWKWARD_FLOATS = (
    0.0,
    -0.0,
    1.0,
    0.1,
    1e-4,
    9.999999999999999e-5,
    1e-5,
    1e-7,
    1e15,
    1e16,
    9007199254740992.0,
    9007199254740994.0,
    1e22,
    1e23,
    5e-324,
    2.225073858507201e-308,
    2.2250738585072014e-308,
    1.7976931348623157e308,
)
"""Doubles where the spelling changes, or that are the smallest, the largest or the last of their sort."""


def texts(max_size: int = 20) -> SearchStrategy[str]:
    """Any text that UTF-8 can hold; lone surrogates never."""
    return st.sampled_from(AWKWARD_TEXTS) | st.text(max_size=max_size)


def names(max_size: int = 20) -> SearchStrategy[str]:
    """A kind, an id or a builder version: any text but the empty one."""
    return texts(max_size).filter(bool)


def integers() -> SearchStrategy[int]:
    """Integers of 1 to 4,300 digits, crowded around the powers of two where other parsers lose them."""
    near_power = st.builds(
        lambda power, offset, sign: sign * (2**power + offset),
        st.sampled_from((7, 31, 32, 53, 63, 64, 127, 1023, 1024)),
        st.integers(-2, 2),
        st.sampled_from((1, -1)),
    )
    many_digits = st.builds(
        lambda digits, less, sign: sign * (10**digits - less),
        st.integers(20, MAX_INTEGER_DIGITS),
        st.integers(1, 3),
        st.sampled_from((1, -1)),
    )
    return st.integers() | near_power | many_digits


def floats() -> SearchStrategy[float]:
    """Every finite double, both zeros and the subnormals included."""
    awkward = st.sampled_from(AWKWARD_FLOATS + tuple(-number for number in AWKWARD_FLOATS))
    return awkward | st.floats(allow_nan=False, allow_infinity=False)


def scalars() -> SearchStrategy[Json]:
    """JSON values that hold no other value."""
    equals: SearchStrategy[Json] = st.sampled_from((None, False, True, 0, 0.0, -0.0, 1, 1.0, "", "0"))
    return equals | integers() | floats() | texts()


def json_values(max_leaves: int = 20) -> SearchStrategy[Json]:
    """JSON values of every shape; about `max_leaves` scalars at most."""
    return st.recursive(
        scalars(),
        lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts(), inner, max_size=5),
        max_leaves=max_leaves,
    )


def objects(max_leaves: int = 20) -> SearchStrategy[dict[str, Json]]:
    """JSON objects."""
    return st.dictionaries(texts(), json_values(max_leaves), max_size=5)


def sources() -> SearchStrategy[Source]:
    """Sources of every kind and id."""
    return st.builds(Source, names(), names())


def records(
    source: SearchStrategy[Source] | None = None,
    builder_version: SearchStrategy[str] | None = None,
    sections: SearchStrategy[dict[str, Json]] | None = None,
) -> SearchStrategy[dict[str, Json]]:
    """Records of the `pith` profile: a source with or without a version, a builder version, and sections.

    Give a strategy for one of the parts to narrow it, such as few sources with many versions each.
    """
    versions: SearchStrategy[dict[str, Json]] = st.just({}) | st.fixed_dictionaries({"version": scalars()})
    return st.builds(
        _record,
        sources() if source is None else source,
        names() if builder_version is None else builder_version,
        versions,
        objects() if sections is None else sections,
    )


def _record(
    source: Source, builder_version: str, version: dict[str, Json], sections: dict[str, Json]
) -> dict[str, Json]:
    said: dict[str, Json] = {"kind": source.kind, "id": source.id, **version}
    return {**sections, "source": said, "builder_version": builder_version}


def moments() -> SearchStrategy[datetime]:
    """Every moment in UTC that a datetime can hold."""
    return st.datetimes(timezones=st.just(UTC))


def selectors() -> SearchStrategy[Selector]:
    """Every kind of selector, None (the newest) included."""
    numbers = st.integers(0, 10**18 - 1)
    return st.one_of(
        st.none(),
        st.builds(ByNumber, numbers),
        st.builds(Before, numbers),
        st.builds(AsOf, moments()),
        st.builds(ByBuilder, names()),
        st.builds(BySnapshot, st.text("0123456789abcdef", min_size=8, max_size=64)),
    )


def pointers() -> SearchStrategy[tuple[str, ...]]:
    """The tokens of JSON Pointers, from the whole value (no token) downwards."""
    return st.lists(texts(), max_size=5).map(tuple)


def refs() -> SearchStrategy[Ref]:
    """References of every form."""
    return st.builds(Ref, sources(), selectors(), pointers())
