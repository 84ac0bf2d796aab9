"""What must hold of the table and its history whatever was broken."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

import psycopg

from runstore.status import TERMINAL, AttemptOrder, ObservedState, RunStatus, Verdict, verdict

_RUNS = """
SELECT r.id, r.status, r.attempt, r.history, r.total, r.processed, r.succeeded, r.failed, r.skipped, r.item_ids, r.failures,
       r.initiated_by_user IS NOT NULL AS by_user
FROM operation_runs r ORDER BY r.created_at
"""
_NOTIFIED = "SELECT run_id, attempt, kind, user_id, count(*) FROM notifications GROUP BY 1, 2, 3, 4"


def violations(url: str, expected: set[Any], members: int) -> list[str]:
    """Every broken invariant, in a sentence each; empty when the table is true.

    `expected` are the ids of the runs that were started, `members` how many users each transition is announced to.
    """
    with psycopg.connect(url) as connection:
        rows = connection.execute(_RUNS).fetchall()
        notified = {row[:4]: row[4] for row in connection.execute(_NOTIFIED).fetchall()}
    found: list[str] = []
    lost = expected - {row[0] for row in rows}
    found += [f"run {run_id} is lost" for run_id in lost]
    recipients = Counter((run_id, attempt, kind) for run_id, attempt, kind, _ in notified)
    found += [f"notification {key} was written {count} times" for key, count in notified.items() if count != 1]
    for run_id, status, _attempt, history, total, processed, succeeded, failed, skipped, item_ids, failures, _ in rows:
        if RunStatus(status) not in TERMINAL:
            found.append(f"run {run_id} is still {status}")
        found += [f"run {run_id}: {problem}" for problem in illegal_steps(history)]
        if history[-1]["status"] != status:
            found.append(f"run {run_id} is {status}, and its history ends with {history[-1]['status']}")
        if processed != succeeded + failed + skipped or processed > total or processed > len(item_ids):
            found.append(f"run {run_id} counts {processed} of {total} with {len(item_ids)} items")
        items = [failure["item_id"] for failure in failures if failure["item_id"] != "run"]
        if len(items) != len(set(items)) or len(items) != failed:
            found.append(f"run {run_id} has {failed} failed items and {len(items)} failures")
        for entry in history:
            if RunStatus(entry["status"]) in TERMINAL and recipients[(run_id, entry["attempt"], "finished")] != members:
                found.append(f"run {run_id}: the end of attempt {entry['attempt']} was not announced to {members}")
    return found


def illegal_steps(history: list[dict[str, Any]]) -> list[str]:
    """The steps of a history that the transition table does not allow."""
    found: list[str] = []
    for before, after in pairwise(history):
        step = f"{before['status']} ({before['attempt']}) to {after['status']} ({after['attempt']})"
        if after["attempt"] < before["attempt"]:
            found.append(f"went back from {step}")
            continue
        order = AttemptOrder.HIGHER if after["attempt"] > before["attempt"] else AttemptOrder.SAME
        seen = _OBSERVED[RunStatus(after["status"])]
        if verdict(RunStatus(before["status"]), seen, order) is not Verdict.APPLIED:
            found.append(f"took the illegal step {step}")
    return found


_OBSERVED = {
    RunStatus.PENDING: ObservedState.RUNNING,
    RunStatus.RUNNING: ObservedState.RUNNING,
    RunStatus.COMPLETED: ObservedState.FINISHED,
    RunStatus.COMPLETED_WITH_ERRORS: ObservedState.FINISHED,
    RunStatus.FAILED: ObservedState.FAILED,
    RunStatus.ABORTED: ObservedState.ABORTED,
}
