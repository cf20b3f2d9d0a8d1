"""How much the property tests try: enough for every day; TIDINGS_EFFORT=20 for a long night."""

import os

from hypothesis import HealthCheck, settings

EFFORT = int(os.environ.get("TIDINGS_EFFORT", "1"))


def tries(examples: int, *, steps: int = 50) -> settings:
    """Settings for a property that is worth this many examples (of this many steps) every day."""
    return settings(
        max_examples=examples * EFFORT,
        stateful_step_count=steps,
        deadline=None,  # the machine is shared: a slow example is not a failure
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
