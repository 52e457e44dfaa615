"""What is known of one family of records: where source and builder stand, what its digests and lists mean."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Literal, TypeAlias

import attrs

from pithstore.canonical import canonical
from pithstore.diff.list_keys import ListKey, ListKeys
from pithstore.digest import Digest
from pithstore.errors import NotFound, UsageError
from pithstore.model import Line, Scalar, Source
from pithstore.pointer import Json, follow, read_pointer
from pithstore.refusal import Reason, refuse_value

Verdict: TypeAlias = Literal["match", "mismatch", "unknown rule"]
DECLARED = "snapshot_sha256"
RULED_WHERE_EMPTY = frozenset(("claims", "references", "formal_canon", "author_claims"))
"""Sections for which a rule is known only where they are empty."""


def _check_rule(_: object, attribute: attrs.Attribute[str], rule: str) -> None:
    if not rule:
        raise UsageError(f"{attribute.name} is empty: give a JSON Pointer that starts with '/', or a constant")
    if rule.startswith("/"):
        read_pointer(rule)
    try:
        rule.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{attribute.name} is not valid Unicode") from None


@attrs.frozen
class Profile:
    """Where a record says what it is about and who made it.

    A rule that starts with `/` is a JSON Pointer into the record, any other rule is a constant.  `declared` names
    the rules by which sections declare digests of themselves: `pith`, or `none`.  `list_keys` say how the elements
    of some lists are known from one version to the next.
    """

    source_kind: str = attrs.field(default="/source/kind", validator=_check_rule)
    source_id: str = attrs.field(default="/source/id", validator=_check_rule)
    source_version: str = attrs.field(default="/source/version", validator=_check_rule)
    builder_version: str = attrs.field(default="/builder_version", validator=_check_rule)
    declared: Literal["pith", "none"] = "pith"
    list_keys: ListKeys = (ListKey("/integrity/findings", ""), ListKey("/references/sample", "doi"))

    def sections(self) -> frozenset[str]:
        """The sections that identify a record: those that the rules point into."""
        return _sections(self.source_kind, self.source_id, self.source_version, self.builder_version)


@lru_cache(maxsize=64)  # asked for every record
def _sections(*rules: str) -> frozenset[str]:
    return frozenset(read_pointer(rule)[0] for rule in rules if rule.startswith("/"))


PITH = Profile()


@attrs.frozen
class Identity:
    """What a record says of itself: its line (source and builder) and the version of its source."""

    line: Line
    source_version: Scalar


def identify(record: dict[str, Json], profile: Profile = PITH) -> Identity:
    """Source, source version and builder of a record; InvalidRecord where the profile does not find them."""
    return Identity(find_line(record, profile), _source_version(record, profile.source_version))


def find_line(record: dict[str, Json], profile: Profile = PITH) -> Line:
    """Source and builder of a record; InvalidRecord where the profile does not find them."""
    source = Source(
        _name(record, profile.source_kind, "the source kind"),
        _name(record, profile.source_id, "the source id"),
    )
    return Line(source, _name(record, profile.builder_version, "builder_version"))


def _name(record: dict[str, Json], rule: str, what: str) -> str:
    try:
        value = _find(record, rule)
    except NotFound:
        raise refuse_value(Reason.IDENTITY, f"{what} is missing", rule) from None
    if not isinstance(value, str) or not value:
        found = "an empty string" if value == "" else f"of type {_json_type(value)}"
        raise refuse_value(Reason.IDENTITY, f"{what} is {found}, not a non-empty string", rule)
    return value


def _source_version(record: dict[str, Json], rule: str) -> Scalar:
    try:
        value = _find(record, rule)
    except NotFound:
        return None
    if isinstance(value, dict | list):
        why = f"the source version is of type {_json_type(value)}, not a string, number, true, false or null"
        raise refuse_value(Reason.IDENTITY, why, rule)
    return value


def _find(record: dict[str, Json], rule: str) -> Json:
    return follow(record, read_pointer(rule)) if rule.startswith("/") else rule


def _json_type(value: Json) -> str:
    names: dict[type, str] = {
        dict: "object",
        list: "array",
        str: "string",
        bool: "boolean",
        type(None): "null",
    }
    return names.get(type(value), "number")


def check_declared(record: dict[str, Json], profile: Profile = PITH) -> dict[str, Verdict]:
    """What becomes of each digest that a section declares of itself, by section name in order.

    `match` and `mismatch` where the rule is known; the rules are upstream's, which hashes a payload X inside the
    section and not the section: SHA-256 of the canonical form of {"payload": X}.
    """
    if profile.declared == "none":
        return {}
    return {
        name: verdict_of(name, section)
        for name, section in sorted(record.items())
        if isinstance(section, dict) and section.get(DECLARED) is not None
    }


def verdict_of(name: str, section: dict[str, Json], write: Callable[[Json], bytes] = canonical) -> Verdict:
    """What becomes of the digest that a section declares; `write` gives the canonical bytes of its values."""
    payload = _payload(name, section)
    if payload is None:
        return "unknown rule"
    return "match" if str(Digest.of(write({"payload": payload}))) == section[DECLARED] else "mismatch"


def _payload(name: str, section: dict[str, Json]) -> Json:
    if name == "integrity" and "detectors_run" in section and "findings" in section:
        return {"detectors": section["detectors_run"], "findings": section["findings"]}
    if name in RULED_WHERE_EMPTY and _is_empty(section):
        return []
    return None


def _is_empty(section: dict[str, Json]) -> bool:
    """Whether every member is the integer 0 or an empty list; the payload of such a section is []."""
    return all(
        value == [] or (type(value) is int and value == 0) for name, value in section.items() if name != DECLARED
    )
