"""Verify tells who a record is as `identify` does, whatever it has seen before."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pithstore.canonical import canonical
from pithstore.codec import write_name, write_scalar
from pithstore.errors import InvalidRecord
from pithstore.model import Line, Source
from pithstore.packs.frame import shape_of
from pithstore.packs.rebuild import Piece
from pithstore.pointer import Json
from pithstore.profile import PITH, Profile, identify
from pithstore.verifying.identity import IdentityCheck
from pithstore.verifying.said import Made, made_of

PROFILES = [
    PITH,
    Profile(source_kind="/kind", source_id="/id", source_version="/version"),
    Profile(source_kind="k", source_version="/source/builder"),
    Profile(builder_version="/source/builder"),
    Profile(builder_version="/source"),
    Profile(builder_version="b", source_kind="k", source_version="1"),
    Profile(source_id="/source/kind"),
    Profile(source_id="/source/deep/id"),
    Profile(source_version="/source/50%"),
]
TEXTS = st.sampled_from(["k", "b", "1", "", 'a"b', "%b", "é\n"])
SCALARS = st.sampled_from([None, 1, 1.5, True, "1", "", "k", 10**20])
MEMBERS = ["kind", "id", "version", "builder", "50%", "more"]
DEEP: list[Json] = [{"id": "k"}, []]
VALUES: st.SearchStrategy[Json] = st.one_of(TEXTS, SCALARS, st.sampled_from(DEEP))
SOURCES = st.one_of(
    st.dictionaries(st.sampled_from(MEMBERS), VALUES),
    st.builds(lambda kind, name, version: {"kind": kind, "id": name, "version": version}, TEXTS, TEXTS, SCALARS),
    VALUES,
)
RECORDS = st.builds(
    lambda source, builder, more, lacking: {
        name: value
        for name, value in {"source": source, "builder_version": builder, **more}.items()
        if name not in lacking
    },
    SOURCES,
    VALUES,
    st.dictionaries(st.sampled_from(["kind", "id", "version", "z"]), VALUES, max_size=3),
    st.just(frozenset[str]()) | st.frozensets(st.sampled_from(["source", "builder_version"])),
)


EMPTY: dict[str, Json] = {"source": {"kind": "", "id": "k", "version": 1}, "builder_version": "b"}
NAMELESS: dict[str, Json] = {"z": 1}


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("record", [EMPTY, NAMELESS, {}])
def test_a_record_that_does_not_say_who_it_is_is_never_right(profile: Profile, record: dict[str, Json]) -> None:
    check = IdentityCheck(profile)
    check.begin(Source("", "k"))
    assert check.difference(made("b", 1), piece_of([record]), 0) is not None


def piece_of(records: list[dict[str, Json]]) -> Piece:
    names = [sorted(record) for record in records]
    bodies = [canonical(record[name]) for record, of in zip(records, names, strict=True) for name in of]
    ordinals = {body: bodies.index(body) for body in bodies}
    rows = [
        tuple(ordinals[canonical(record[name])] for name in of) for record, of in zip(records, names, strict=True)
    ]
    return Piece([shape_of(tuple(map(canonical, of))) for of in names], rows, bodies)


def made(builder: str, source_version: Json) -> Made:
    assert not isinstance(source_version, dict | list)
    return made_of(write_name(builder) + write_scalar(source_version))


def is_right(record: dict[str, Json], profile: Profile, source: Source, by: Made) -> bool:
    try:
        said = identify(record, profile)
    except InvalidRecord:
        return False
    mine = Line(source, by.builder_version), by.source_version
    return (said.line, write_scalar(said.source_version)) == mine


@given(st.sampled_from(PROFILES), st.lists(RECORDS, min_size=1, max_size=4), st.data())
def test_a_record_is_told_as_identify_tells_it(
    profile: Profile, records: list[dict[str, Json]], data: st.DataObject
) -> None:
    check = IdentityCheck(profile)
    for _ in range(data.draw(st.integers(1, 3))):
        source = Source(data.draw(TEXTS), data.draw(TEXTS))
        if data.draw(st.booleans()):  # one that some of the records are about
            for record in records:
                try:
                    source = identify(record, profile).line.source
                except InvalidRecord:
                    continue
        check.begin(source)
        piece = piece_of(records)
        for row in data.draw(st.lists(st.integers(0, len(records) - 1), min_size=1, max_size=6)):
            by = made(data.draw(TEXTS), data.draw(SCALARS))
            if data.draw(st.booleans()):
                try:
                    said = identify(records[row], profile)
                    by = made(said.line.builder_version, said.source_version)
                except InvalidRecord:
                    pass
            assert (check.difference(by, piece, row) is None) == is_right(records[row], profile, source, by)
