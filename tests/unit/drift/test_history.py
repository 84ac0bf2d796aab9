"""Twenty backups of an invented tenant, in two tools' layouts: each step's findings are what the script did."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.backup_history import History
from tests.support.drift_compare import compared, folder_snapshot

BACKUPS = 20


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("ids", [True, False], ids=["IntuneManagement", "IntuneCD"])
def test_each_step_gives_what_was_done(tmp_path: Path, ids: bool, seed: int) -> None:
    history = History(tmp_path, ids, seed)
    before, was_cut, did = folder_snapshot(history.write()), False, 0
    for _ in range(BACKUPS - 1):
        expected = history.move_on(history.random.randrange(0, 5))
        after = folder_snapshot(history.write())
        found = compared(before, after)
        told = sorted((one.kind.value, one.policy_name) for one in found.findings)
        assert told == expected, history.step
        # A policy that was cut short is unread, then and when it comes back; otherwise nothing is.
        assert bool(found.withheld) == (bool(history.cut) or was_cut), found.withheld
        before, was_cut, did = after, bool(history.cut), did + len(expected)
    assert did > 10
