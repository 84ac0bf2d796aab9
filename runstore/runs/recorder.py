"""The only writer of what happens to a run. Each report is one guarded statement, safe to come twice, late or out of order."""

from collections.abc import Callable
from dataclasses import asdict
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import Row, TextClause, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql import bindparam

from runstore.database import Database
from runstore.errors import ConflictError
from runstore.fence.redaction import scrub_json
from runstore.notifications import NotificationKind, announce
from runstore.runs.follow_up import LEFT_BY_ATTEMPT, settle_follow_up
from runstore.runs.rows import returned_columns, run_of
from runstore.runs.run import Failure, Progress, Recorded, RunObservation
from runstore.runs.starter import CHANNEL
from runstore.runs.status import TERMINAL, AttemptOrder, ObservedState, RunStatus, Verdict, verdict
from runstore.tenancy import TenantScope

TransitionTable = Callable[[RunStatus, ObservedState, AttemptOrder], Verdict]


_OUTCOME = {
    ObservedState.RUNNING: "'running'",
    ObservedState.ABORTED: "'aborted'",
    ObservedState.FAILED: "'failed'",
    ObservedState.FINISHED: (
        "CASE WHEN j.new_attempt OR j.failed = 0 THEN 'completed'"
        " WHEN j.succeeded > 0 THEN 'completed_with_errors' ELSE 'failed' END"
    ),
}
"""The status that each observation leads to; the last is `runstore.runs.status.outcome` in SQL, and a test holds the two equal."""

_JUDGED = """
    WITH before AS (
      SELECT * FROM operation_runs WHERE id = :run FOR UPDATE
    ), judged AS (
      SELECT b.*, :attempt > b.attempt AS new_attempt,
        CASE
          WHEN edge.verdict = 'applied' AND :is_guess AND (
            b.status, b.attempt, b.heartbeat_at) IS DISTINCT FROM (
            CAST(:guess_status AS text), CAST(:guess_attempt AS int), CAST(:guess_heartbeat AS timestamptz))
          THEN 'stale'
          ELSE edge.verdict
        END AS verdict
      FROM before b JOIN (VALUES {edges}) AS edge (status, attempt_order, verdict)
        ON edge.status = b.status AND edge.attempt_order = CASE
          WHEN :attempt < b.attempt THEN 'lower' WHEN :attempt > b.attempt THEN 'higher' ELSE 'same' END
    )"""

_CHANGED = """
    , decided AS (
      SELECT j.*, ({outcome}) AS next_status FROM judged j WHERE j.verdict = 'applied'
    ), changed AS (
      UPDATE operation_runs r SET
        status = d.next_status,
        attempt = :attempt,
        total = CASE WHEN d.new_attempt THEN jsonb_array_length(r.item_ids) ELSE r.total END,
        processed = CASE WHEN d.new_attempt THEN 0 ELSE r.processed END,
        succeeded = CASE WHEN d.new_attempt THEN 0 ELSE r.succeeded END,
        failed = CASE WHEN d.new_attempt THEN 0 ELSE r.failed END,
        skipped = CASE WHEN d.new_attempt THEN 0 ELSE r.skipped END,
        failures = CASE WHEN d.new_attempt THEN '[]'::jsonb ELSE r.failures END || CAST(:failures AS jsonb),
        context = CASE WHEN d.new_attempt THEN r.context - CAST(:left_by_attempt AS text[]) ELSE r.context END,
        started_at = CASE
          WHEN :state = 'running' AND (d.new_attempt OR r.started_at IS NULL) THEN :at ELSE r.started_at END,
        finished_at = CASE WHEN :state = 'running' THEN NULL ELSE greatest(:at, r.started_at, r.created_at) END,
        heartbeat_at = clock_timestamp(),
        attend_after = now(),
        contact_lost_at = NULL,
        last_source = :source,
        flow_run_id = coalesce(r.flow_run_id, CAST(:flow_run AS uuid)),
        history = r.history || jsonb_build_array(jsonb_build_object(
          'attempt', :attempt, 'status', d.next_status, 'at', :at, 'source', CAST(:source AS text)))
      FROM decided d WHERE r.id = d.id
      RETURNING r.*
    )"""


def statement(observed: ObservedState, table: TransitionTable = verdict) -> TextClause:
    """The one statement that judges an observation by the table, and moves the run when it is to be applied."""
    rows = ((stored, order, table(stored, observed, order)) for stored in RunStatus for order in AttemptOrder)
    edges = ", ".join(f"('{stored.value}', '{order.value}', '{decided.value}')" for stored, order, decided in rows)
    sql = (
        _JUDGED.format(edges=edges)
        + _CHANGED.format(outcome=_OUTCOME[observed])
        + f"""
    SELECT {returned_columns("c")}, 'applied' AS verdict FROM changed c
    UNION ALL
    SELECT {returned_columns("j")}, j.verdict FROM judged j WHERE j.verdict <> 'applied'
    """
    )
    return text(sql).bindparams(bindparam("failures", type_=JSONB))


STATEMENTS = {observed: statement(observed) for observed in ObservedState}

_PROGRESS = text(
    f"""
    WITH before AS (
      SELECT * FROM operation_runs WHERE id = :run FOR UPDATE
    ), changed AS (
      UPDATE operation_runs r SET
        total = greatest(:total, :processed),
        processed = :processed, succeeded = :succeeded, failed = :failed, skipped = :skipped,
        failures = coalesce(CAST(:failures AS jsonb), r.failures),
        item_ids = coalesce(CAST(:item_ids AS jsonb), r.item_ids),
        related = coalesce(CAST(:related AS jsonb), r.related),
        context = r.context || coalesce(CAST(:context AS jsonb), '{{}}'::jsonb),
        heartbeat_at = clock_timestamp(), contact_lost_at = NULL, last_source = 'progress'
      FROM before b
      WHERE r.id = b.id AND b.attempt = :attempt AND b.status = 'running' AND (b.processed <= :processed OR :restarted)
      RETURNING r.*
    )
    SELECT {returned_columns("c")}, true AS applied FROM changed c
    UNION ALL
    SELECT {returned_columns("b")}, false FROM before b WHERE NOT EXISTS (SELECT FROM changed)
    """
).bindparams(
    *(bindparam(name, type_=JSONB(none_as_null=True)) for name in ("failures", "item_ids", "related", "context"))
)

_HEARTBEAT = text(
    """
    UPDATE operation_runs SET heartbeat_at = clock_timestamp(), contact_lost_at = NULL, last_source = 'progress'
    WHERE id = :run AND attempt = :attempt AND status = 'running'
    """
)


# A run that ended leaves its place to the tenant's next one. Only then is there anything to wake a dispatcher for.
_WAKE = text(
    """
    SELECT pg_notify(:channel, '') WHERE EXISTS (
      SELECT FROM operation_runs WHERE tenant_id = :tenant AND status = 'pending' AND flow_run_id IS NULL)
    """
)


class Recorder:
    """Writes what happens to the runs of one tenant. Every report answers with the row and what became of the report."""

    def __init__(self, database: Database, scope: TenantScope) -> None:
        self._database = database
        self._scope = scope

    def observe(self, observation: RunObservation) -> Recorded:
        """Moves the run along an allowed edge, or leaves it and says why; UNKNOWN_RUN when there is none.

        An end notifies, and starts what follows, in the same transaction. StoreUnavailableError: report it again then.
        """
        try:
            with self._database.transaction(self._scope) as connection:
                row = connection.execute(STATEMENTS[observation.state], self._values(observation)).one_or_none()
                if row is not None and row.verdict == Verdict.APPLIED and RunStatus(row.status) in TERMINAL:
                    announce(connection, self._scope.tenant_id, row.id, NotificationKind.FINISHED)
                    settle_follow_up(connection, self._scope.tenant_id, row.id)
                    connection.execute(_WAKE, {"channel": CHANNEL, "tenant": self._scope.tenant_id})
        except ConflictError:
            # The index of active runs refused to reopen this one: an identical run is active. The row is unchanged.
            return Recorded(None, Verdict.IDENTICAL_ACTIVE)
        if row is None:
            return Recorded(None, Verdict.UNKNOWN_RUN)
        return Recorded(run_of(row, self._scope.slug), Verdict(row.verdict))

    def progress(self, progress: Progress) -> Recorded:
        """Stores how far a running attempt has come. STALE when the row is ahead, at another attempt, or no longer running."""
        counts = progress.counts
        values: dict[str, Any] = {
            "run": progress.run_id,
            "attempt": progress.attempt,
            **asdict(counts),
            "processed": counts.processed,
            "failures": None if progress.failures is None else [_scrubbed(failure) for failure in progress.failures],
            "item_ids": None if progress.item_ids is None else scrub_json(list(progress.item_ids)),
            "related": None if progress.related is None else [scrub_json(link.as_json()) for link in progress.related],
            "restarted": progress.restarted,
            "context": None if progress.context is None else scrub_json(dict(progress.context)),
        }
        with self._database.transaction(self._scope) as connection:
            row: Row[Any] | None = connection.execute(_PROGRESS, values).one_or_none()
        if row is None:
            return Recorded(None, Verdict.UNKNOWN_RUN)
        return Recorded(run_of(row, self._scope.slug), Verdict.APPLIED if row.applied else Verdict.STALE)

    def heartbeat(self, run_id: UUID, attempt: int) -> bool:
        """Notes that a running attempt is alive; False when it is not (or no longer) the running one."""
        with self._database.transaction(self._scope) as connection:
            changed = connection.execute(_HEARTBEAT, {"run": run_id, "attempt": attempt}).rowcount
        return changed == 1

    def _values(self, observation: RunObservation) -> dict[str, Any]:
        guess = observation.guess_from
        return {
            "run": observation.run_id,
            "attempt": observation.attempt,
            "state": observation.state.value,
            "at": observation.at,
            "source": observation.source.value,
            "flow_run": observation.flow_run_id,
            "failures": [_scrubbed(observation.failure)] if observation.failure else [],
            "is_guess": guess is not None,
            "guess_status": guess.status.value if guess else None,
            "guess_attempt": guess.attempt if guess else None,
            "guess_heartbeat": guess.heartbeat_at if guess else None,
            "left_by_attempt": list(LEFT_BY_ATTEMPT),
        }


@lru_cache(maxsize=50_000)
def _scrubbed(failure: Failure) -> dict[str, str]:
    # A run reports all its failures with every batch, and thousands of them have been scrubbed before.
    return scrub_json(failure.as_json())
