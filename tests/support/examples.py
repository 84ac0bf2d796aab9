"""How many examples a property is tried with: few each time, as many as TENANTATLAS_EXAMPLES says when it is set."""

from __future__ import annotations

import os


def examples(usual: int) -> int:
    """The number for `max_examples`."""
    return int(os.environ.get("TENANTATLAS_EXAMPLES", usual))
