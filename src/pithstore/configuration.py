"""What is fixed when a store is created."""

from __future__ import annotations

import attrs

from pithstore.limits import Limits
from pithstore.profile import Profile


@attrs.frozen
class Configuration:
    """How records of the store are read: where they say what they are about, and how large they may be."""

    profile: Profile = attrs.field(factory=Profile)
    limits: Limits = attrs.field(factory=Limits)
