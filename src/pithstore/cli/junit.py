"""A JUnit report of reproductions: one test case a version, in the form that continuous integration reads.

XML 1.0 forbids fewer characters than are written out for HTML, and has the same entities.
"""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Self

from pithstore.cli.reproduction_text import details, headline
from pithstore.errors import UsageError
from pithstore.rendering.markup import escape_html

if TYPE_CHECKING:
    from pithstore.reproduction.verdict import Reproduction

_KINDS = {"differs": "failure", "nondeterministic": "failure", "failed": "error"}


class JunitReport:
    """A report that is written at its end; a file that is empty says that the end was not reached."""

    def __init__(self, path: str) -> None:
        """Empty the file, so that no older report is taken for this one; UsageError where it cannot be written."""
        try:
            self._file = open(path, "w", encoding="utf-8")  # noqa: SIM115 - closed by __exit__
        except OSError as error:
            raise UsageError(
                f"{path}: {error.strerror or error}; give --junit a file that can be written"
            ) from None
        self._cases: list[str] = []
        self._counts = {"failure": 0, "error": 0}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        with self._file:
            if kind is None:
                self._file.write(self._text())

    def add(self, reproduction: Reproduction) -> None:
        """Take a version into the report."""
        version = reproduction.version
        said = escape_html(headline(reproduction))
        kind = _KINDS.get(reproduction.verdict)
        if kind is None:
            inside = f"<system-out>{said}</system-out>"
        else:
            self._counts[kind] += 1
            lines = "\n".join(map(escape_html, details(reproduction)))
            inside = f'<{kind} message="{said}" type="{reproduction.verdict}">{lines}</{kind}>'
        case = f'<testcase classname="{escape_html(str(version.source))}" name="@{version.number}">'
        self._cases.append(f"{case}{inside}</testcase>")

    def _text(self) -> str:
        counts = (
            f'tests="{len(self._cases)}" failures="{self._counts["failure"]}" errors="{self._counts["error"]}"'
        )
        suite = f'<testsuite name="pithstore reproduce" {counts} skipped="0">'
        lines = ('<?xml version="1.0" encoding="UTF-8"?>', f"<testsuites {counts}>", suite, *self._cases)
        return "\n".join((*lines, "</testsuite>", "</testsuites>", ""))
