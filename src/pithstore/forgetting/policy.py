"""Which versions of a source are dropped by a rule; never the newest of a line.  Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias

import attrs

from pithstore.errors import UsageError
from pithstore.model import Version
from pithstore.times import to_utc


def _at_least_one(_: object, __: object, count: int) -> None:
    if count < 1:
        raise UsageError(f"{count} versions of each line cannot be kept: 1 is the least")


@attrs.frozen
class KeepLast:
    """Keeps that many versions of each line, the newest by number."""

    count: int = attrs.field(validator=_at_least_one)

    def drops(self, line: Sequence[Version]) -> Sequence[Version]:
        """Those versions of a line, by rising number, that are dropped."""
        return line[: -self.count]


@attrs.frozen
class DropBefore:
    """Drops what was observed before that moment, but for the newest version of each line by number."""

    moment: datetime = attrs.field(converter=to_utc)

    def drops(self, line: Sequence[Version]) -> Sequence[Version]:
        """Those versions of a line, by rising number, that are dropped."""
        return [version for version in line[:-1] if version.observed_at < self.moment]


Policy: TypeAlias = KeepLast | DropBefore
"""A rule that drops versions."""


def dropped(policy: Policy, versions: Sequence[Version]) -> list[Version]:
    """Those versions of a source that the rule drops; all of them by rising number."""
    lines: dict[str, list[Version]] = {}
    for version in versions:
        lines.setdefault(version.builder_version, []).append(version)
    return sorted(
        (version for line in lines.values() for version in policy.drops(line)), key=lambda version: version.number
    )
