"""Values in a notebook: nothing of a record acts there."""

from __future__ import annotations

from datetime import UTC, datetime

from pithstore.digest import Digest
from pithstore.model import Source, Version


def test_a_version_in_a_notebook_is_a_table_of_its_fields() -> None:
    moment = datetime(2026, 6, 1, tzinfo=UTC)
    hostile = "<script>alert(1)</script>\u202e"
    version = Version(Source("k", hostile), 3, hostile, hostile, Digest(bytes(32)), moment, moment)
    shown = version._repr_html_()
    assert "<script>" not in shown
    assert "\u202e" not in shown
    assert "&lt;script&gt;" in shown
    assert shown.count("<tr>") == 8  # a heading and seven fields
    assert str(version.snapshot) in shown
