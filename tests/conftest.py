"""What all tests share: Hypothesis is derandomised in CI, and slow machines are no failure."""

import os

from hypothesis import HealthCheck, settings

_COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large]}

settings.register_profile("here", max_examples=int(os.environ.get("EBI_EXAMPLES", "60")), **_COMMON)
settings.register_profile("ci", max_examples=120, derandomize=True, **_COMMON)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "here")
