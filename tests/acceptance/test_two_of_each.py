"""Two of each process on one outside database: a small round of `python -m tests.acceptance.two_of_each`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.two_of_each import two_of_each


@pytest.mark.stack
@pytest.mark.timeout(900)
def test_every_run_is_done_once_and_fairly_while_one_of_each_is_stopped(tmp_path: Path) -> None:
    outcome = two_of_each(tmp_path, runs=24)
    assert outcome.problems == []
