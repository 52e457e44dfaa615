"""What is left of a version that lacks sections: enough to be stored elsewhere as that version."""

from __future__ import annotations

import attrs

from pithstore import records, tombstones
from pithstore.arrivals import Restored
from pithstore.declared.declarations import declarations, declaring_sections
from pithstore.digest import Digest
from pithstore.engine import View
from pithstore.forgetting.withdrawal import record_bytes
from pithstore.model import Line, Version
from pithstore.profile import Profile
from pithstore.record import Prepared


@attrs.frozen
class Remains:
    """A version ready for another store from which the same was erased, and which of its sections it `lacks`."""

    arrival: Restored
    lacks: frozenset[Digest]


def remains(view: View, version: Version, profile: Profile) -> Remains:
    """What is left of a version; Damaged where that is not what it was."""
    manifest = records.read_manifest(view, version)
    tombstones.check_proof(view, version, manifest)
    gone = frozenset(tombstones.find(view, [section.digest for section in manifest.sections]))
    left = [section for section in manifest.sections if section.digest not in gone]
    bodies = dict(zip([each.name for each in left], records.read_sections(view, version, left), strict=True))
    prepared = Prepared(
        line=Line(version.source, version.builder_version),
        source_version=version.source_version,
        snapshot=version.snapshot,
        manifest=manifest,
        bodies=tuple([bodies.get(section.name, b"") for section in manifest.sections]),
        size=record_bytes(manifest),
        declarations=declarations(declaring_sections(bodies), bodies, profile),
    )
    arrival = Restored(prepared, version.observed_at, number=version.number, recorded_at=version.recorded_at)
    return Remains(arrival, gone)
