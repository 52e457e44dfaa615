"""What became of each section is told from digests alone."""

from __future__ import annotations

from pithstore.diff.comparison import section_statuses
from pithstore.digest import Digest
from pithstore.model import Manifest, SectionEntry
from tests.pure.diffs import compared


def manifest(**contents: bytes) -> Manifest:
    return Manifest(tuple(SectionEntry(name, Digest.of(body), len(body)) for name, body in contents.items()))


def test_the_status_of_every_section_of_either_in_order() -> None:
    statuses = section_statuses(manifest(b=b"1", c=b"2", d=b"3"), manifest(a=b"1", c=b"2", d=b"4"))
    assert list(statuses.items()) == [("a", "added"), ("b", "removed"), ("c", "same"), ("d", "changed")]


def test_a_diff_is_the_changes_of_its_sections() -> None:
    diff = compared({"a": [1, 2], "b": 1, "c": 1}, {"a": [2], "b": 1, "c": 2})
    assert [str(change) for change in diff] == ["remove /a/0", "replace /c"]
    assert len(diff) == 2
    assert not compared({"a": 1}, {"a": 1})
