"""A short piece of `make soak`: runs from everywhere, random faults, then every invariant."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from tests.acceptance.faults.soak import soak


@pytest.mark.timeout(400)
def test_no_invariant_breaks_under_a_few_random_faults() -> None:
    told = io.StringIO()
    assert soak(4, seed=4711, console=Console(file=told)) == [], told.getvalue()
