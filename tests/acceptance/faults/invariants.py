"""What must hold of the table and its history whatever was broken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

import httpx
import psycopg

from runstore.runs.status import TERMINAL, AttemptOrder, ObservedState, RunStatus, Verdict, verdict

_RUNS = """
SELECT id, status, attempt, history, total, processed, succeeded, failed, skipped, item_ids, failures,
  context || parameters
FROM operation_runs ORDER BY created_at
"""
COUNTED_LESS: Final = "counted less than before"
_WATCH: Final = f"""
CREATE TABLE broken_rules (run uuid, flow_run uuid, rule text);
CREATE FUNCTION watch() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE same boolean := NEW.attempt = OLD.attempt;
BEGIN
  INSERT INTO broken_rules SELECT NEW.id, NEW.flow_run_id, rule FROM (VALUES
    (NEW.attempt < OLD.attempt, 'went back to an earlier attempt'),
    (same AND NEW.processed < OLD.processed, '{COUNTED_LESS}'),
    (NEW.history <> OLD.history AND NEW.history - -1 <> OLD.history, 'changed its history instead of adding one step'),
    ((NEW.status, NEW.attempt) IS DISTINCT FROM (OLD.status, OLD.attempt) AND NEW.history = OLD.history,
      'moved without a step in its history'),
    (same AND OLD.status NOT IN ('pending', 'running') AND
      (NEW.status, NEW.total, NEW.processed, NEW.succeeded, NEW.failed, NEW.skipped, NEW.item_ids, NEW.failures, NEW.history,
        NEW.started_at, NEW.finished_at) IS DISTINCT FROM
      (OLD.status, OLD.total, OLD.processed, OLD.succeeded, OLD.failed, OLD.skipped, OLD.item_ids, OLD.failures, OLD.history,
        OLD.started_at, OLD.finished_at), 'was changed within its attempt after it had ended')
  ) AS rules (broken, rule) WHERE broken;
  RETURN NULL;
END $$;
CREATE TRIGGER watch AFTER UPDATE ON operation_runs FOR EACH ROW EXECUTE FUNCTION watch();
"""
_BROKEN = """
SELECT run, rule, count(*) FROM broken_rules WHERE NOT (rule = %s AND flow_run = ANY(%s::uuid[])) GROUP BY 1, 2
"""
_NOTIFIED = "SELECT run_id, attempt, kind, user_id, count(*) FROM notifications GROUP BY 1, 2, 3, 4"


def watch(url: str) -> None:
    """From now on the database itself looks at every change of a run and keeps what `violations` then reports."""
    with psycopg.connect(url) as connection:
        connection.execute(_WATCH)


def violations(
    connection: psycopg.Connection[Any], expected: set[Any], members: int, resumed: Sequence[str] = ()
) -> list[str]:
    """Every broken invariant, in a sentence each; empty when the table is true.

    `expected` are the ids of the runs that were started, `members` how many users each transition is announced to. A flow run
    that was `resumed` begins again within its attempt, and so do its figures.
    """
    rows = connection.execute(_RUNS).fetchall()
    watched = connection.execute(_BROKEN, (COUNTED_LESS, list(resumed))).fetchall()
    notified = {row[:4]: row[4] for row in connection.execute(_NOTIFIED).fetchall()}
    found: list[str] = []
    lost = expected - {row[0] for row in rows}
    found += [f"run {run_id} is lost" for run_id in lost]
    found += [f"run {run_id} {rule} ({times} times)" for run_id, rule, times in watched]
    recipients = Counter((run_id, attempt, kind) for run_id, attempt, kind, _ in notified)
    found += [f"notification {key} was written {count} times" for key, count in notified.items() if count != 1]
    for (
        run_id,
        status,
        _attempt,
        history,
        total,
        processed,
        succeeded,
        failed,
        skipped,
        item_ids,
        failures,
        told,
    ) in rows:
        if RunStatus(status) not in TERMINAL:
            found.append(f"run {run_id} is still {status}: {history}")
        found += [f"run {run_id}: {problem}" for problem in illegal_steps(history)]
        if history[-1]["status"] != status:
            found.append(f"run {run_id} is {status}, and its history ends with {history[-1]['status']}")
        if processed != succeeded + failed + skipped or processed > total or processed > len(item_ids):
            found.append(f"run {run_id} counts {processed} of {total} with {len(item_ids)} items")
        # One whose flow ended before it began has what it was told in its context only.
        wanted = tuple(int(told.get(name, 0)) for name in ("succeed", "fail", "skip"))
        counted = (succeeded, failed, skipped)
        if any(many > most for many, most in zip(counted, wanted, strict=True)):
            found.append(f"run {run_id} counts items twice: {counted} where there were {wanted}")
        if status.startswith("completed") and counted != wanted:
            found.append(f"run {run_id} is {status} with {counted} of {wanted}")
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
    moments = [datetime.fromisoformat(entry["at"]) for entry in history]
    if moments != sorted(moments):
        found.append(f"has a history out of order: {history}")
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


def not_one_flow_run(prefect: httpx.Client, runs: Iterable[Any]) -> list[str]:
    """The runs that are not exactly one flow run of Prefect's."""
    found: list[str] = []
    for run_id in runs:
        tagged = {"flow_runs": {"tags": {"all_": [f"run:{run_id}"]}}}
        count = prefect.post("flow_runs/count", json=tagged).raise_for_status().json()
        if count != 1:
            found.append(f"run {run_id} is {count} flow runs")
    return found


def untold(connection: psycopg.Connection[Any], prefect: httpx.Client, deleted: set[str]) -> list[str]:
    """Our flow runs that have ended and have no row, or a row that says something else."""
    rows = {
        str(row[0]): row[1:] for row in connection.execute("SELECT flow_run_id, status, attempt FROM operation_runs")
    }
    found: list[str] = []
    for one in _flow_runs(prefect):
        flow_run, kind, name = one["id"], one["state"]["type"], one["state"]["name"]
        if flow_run in deleted or (kind == "COMPLETED" and name == "Deduplicated"):
            continue
        if kind not in _ENDS:
            # What a schedule plans is not a flow run yet.
            if kind != "SCHEDULED" or name in ("Late", "AwaitingRetry"):
                found.append(f"flow run {flow_run} is still {name}, its row {rows.get(flow_run)}")
        elif flow_run not in rows:
            found.append(f"flow run {flow_run} is {name} and has no row")
        elif rows[flow_run][0] not in _ENDS[kind]:
            status, attempt = rows[flow_run]
            states = prefect.get("flow_run_states/", params={"flow_run_id": flow_run}).raise_for_status().json()
            kinds = [state["type"] for state in sorted(states, key=lambda state: state["timestamp"])]
            if max(one["run_count"], 1) != attempt or status not in _ENDS.get(end_of_last_begun(kinds), ()):
                found.append(f"flow run {flow_run} is {name} after {kinds}, and its row says {rows[flow_run]}")
    return found


def end_of_last_begun(kinds: list[str]) -> str:
    """The end that stood when another attempt was scheduled that ended without having run; empty where that is not so.

    `kinds` are the types of a flow run's states, in order. The first attempt counts as begun, though it may have ended before.
    """
    begun = max((number for number, kind in enumerate(kinds) if kind == "RUNNING"), default=-1)
    after = [kind for kind in kinds[begun + 1 :] if kind in _ENDS or kind == "SCHEDULED"]
    while after[:1] == ["SCHEDULED"]:
        after.pop(0)
    # An end may have been set to another one by hand before.
    return after[after.index("SCHEDULED") - 1] if "SCHEDULED" in after[1:-1] and after[-1] in _ENDS else ""


def done_twice(connection: psycopg.Connection[Any], items: list[str], resumed: set[str]) -> list[str]:
    """The items that an attempt did twice, and the rows that count more than was done. `items`: `run attempt item` lines.

    A flow run that was `resumed` begins again within its attempt: it may do twice what it had done.
    """
    asked = "SELECT id::text FROM operation_runs WHERE flow_run_id = ANY(%s::uuid[])"
    may = {row[0] for row in connection.execute(asked, (list(resumed),))}
    twice = [(line, times) for line, times in Counter(items).items() if times > 1 and line.split()[0] not in may]
    found = [f"{line} was done {times} times" for line, times in twice]
    did = Counter(tuple(line.split()[:2]) for line in items)
    for run_id, attempt, processed in connection.execute("SELECT id, attempt, processed FROM operation_runs"):
        if processed > did[(str(run_id), str(attempt))]:
            found.append(f"run {run_id} counts {processed}, and {did[(str(run_id), str(attempt))]} were done")
    return found


def _flow_runs(prefect: httpx.Client) -> Iterable[dict[str, Any]]:
    for offset in range(0, 100_000, 200):
        wanted = {"flows": {"name": {"any_": ["echo.speak"]}}, "sort": "ID_DESC", "limit": 200, "offset": offset}
        page = prefect.post("flow_runs/filter", json=wanted).raise_for_status().json()
        yield from page
        if len(page) < 200:
            return


_ENDS = {
    "COMPLETED": {"completed", "completed_with_errors"},
    "FAILED": {"failed"},
    "CRASHED": {"failed"},
    "CANCELLED": {"aborted"},
}

_OBSERVED = {
    RunStatus.PENDING: ObservedState.RUNNING,
    RunStatus.RUNNING: ObservedState.RUNNING,
    RunStatus.COMPLETED: ObservedState.FINISHED,
    RunStatus.COMPLETED_WITH_ERRORS: ObservedState.FINISHED,
    RunStatus.FAILED: ObservedState.FAILED,
    RunStatus.ABORTED: ObservedState.ABORTED,
}
