"""Hypothesis profiles: `default` is quick; HYPOTHESIS_PROFILE=long looks a hundred times as far."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

EXAMPLES = 100

settings.register_profile(
    "default", deadline=None, max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("long", settings.get_profile("default"), max_examples=100 * EXAMPLES)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
