"""Hypothesis profiles: `default` is quick and always the same; HYPOTHESIS_PROFILE=long looks a hundred times
as far, and elsewhere each time."""

from __future__ import annotations

import os
import signal

from hypothesis import HealthCheck, settings

EXAMPLES = 100

settings.register_profile(
    "default",
    deadline=None,
    derandomize=True,
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("long", settings.get_profile("default"), derandomize=False, max_examples=100 * EXAMPLES)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

# A shell starts what it runs in the background with Ctrl-C ignored, nohup ignores SIGHUP, and that is inherited by
# all that the tests start: the tests that end a process would wait for nothing.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
for _number in (signal.SIGTERM, signal.SIGHUP):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.SIG_DFL)
