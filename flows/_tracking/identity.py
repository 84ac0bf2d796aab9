"""Which run a flow run stands for, and in which attempt."""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import LogCreate
from prefect.client.schemas.objects import FlowRun
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from flows.producer import Operation
from runstore.database import Database
from runstore.directory import Directory
from runstore.errors import BadInputError
from runstore.ids import uuid_or_none
from runstore.reasons import CONTACT_LOST, CRASHED
from runstore.runs.flow_runs import Adopted, adopt
from runstore.runs.reader import RunReader
from runstore.runs.recorder import Recorder
from runstore.runs.run import Failure, Recorded, Run, RunObservation, Source
from runstore.runs.starter import StartRequest
from runstore.runs.status import ObservedState
from runstore.tenancy import TenantScope, Trigger

RESERVED: Final = frozenset({"tenant", "run_id"})
"""Parameters of every tracked flow beside the operation's own."""

_LOST: Final = {reason.code: reason for reason in (CRASHED, CONTACT_LOST)}

_log = logging.getLogger("tenantatlas.hooks")


@dataclass(frozen=True, slots=True)
class FlowRunIdentity:
    """A flow run as the store needs to know it. `run_id` is the row that was handed over, if one was; `planned_for` the time of
    the schedule that made it, if one did."""

    flow_run_id: UUID
    tenant: str
    run_id: UUID | None
    attempt: int
    trigger: Trigger
    parameters: dict[str, Any]
    planned_for: datetime | None

    def scope(self, database: Database) -> TenantScope:
        return Directory(database).for_flow(self.tenant, self.trigger)

    def run(self, database: Database, scope: TenantScope) -> Run | None:
        """The row this flow run stands for, or None when it has none yet (or never will: it stood back)."""
        reader = RunReader(database, scope)
        found = reader.find_by_flow_run(self.flow_run_id)
        if found is not None or self.run_id is None:
            return found
        handed_over = reader.find(self.run_id)
        return handed_over if handed_over is not None and handed_over.flow_run_id is None else None

    def request(self, operation: Operation) -> StartRequest:
        try:
            return operation.request(self.parameters)
        except BadInputError:
            return self.nameless_request(operation)

    def nameless_request(self, operation: Operation) -> StartRequest:
        """A request that is identical with no other: for a flow run whose parameters cannot be read as the operation's."""
        return StartRequest(operation.type, {"flow_run_id": str(self.flow_run_id)}, context=dict(self.parameters))

    def adopt(
        self, database: Database, scope: TenantScope, request: StartRequest, at: datetime | None = None
    ) -> Adopted:
        """The row of this flow run, running since `at` (now by default), or the one it stands back for: see `adopt`."""
        return adopt(
            database,
            scope,
            request,
            flow_run_id=self.flow_run_id,
            attempt=self.attempt,
            trigger=self.trigger,
            at=at or datetime.now(UTC),
            planned_for=self.planned_for,
        )

    def observe(
        self,
        database: Database,
        scope: TenantScope,
        run: Run,
        state: ObservedState,
        source: Source,
        at: datetime | None = None,
        failure: Failure | None = None,
        guess_from: Run | None = None,
    ) -> Recorded:
        seen = RunObservation(
            run.id, self.attempt, state, source, at or datetime.now(UTC), self.flow_run_id, failure, guess_from
        )
        recorded = Recorder(database, scope).observe(seen)
        if recorded.applied and failure is not None:
            tell_of_loss(self.flow_run_id, failure)
        return recorded


def tell_of_loss(flow_run_id: UUID, failure: Failure) -> None:
    """Says in the flow run's log that its process was lost, which that could not say; nothing of other failures."""
    if (reason := _LOST.get(failure.reason_code)) is not None:
        say_in_prefect(flow_run_id, f"{failure.message} {reason.next_step} ({reason.code})")


def say_in_prefect(flow_run_id: UUID, said: str) -> None:
    """Adds a line to the flow run's log in Prefect. Never raises: the row has what counts."""
    line = {"name": "tenantatlas", "level": logging.ERROR, "message": said, "timestamp": datetime.now(UTC)}
    try:
        with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}), get_client(sync_client=True) as client:
            client.create_logs([LogCreate.model_validate({**line, "flow_run_id": flow_run_id})])
    except Exception as problem:
        _log.warning("Prefect was not told why flow run %s ended (%s)", flow_run_id, type(problem).__name__)


def identify(flow_run_id: UUID) -> FlowRunIdentity:
    """The identity as Prefect's server has it: the engine's `run_count` is one behind in the running hook."""
    with get_client(sync_client=True) as client:
        return identity_of(client.read_flow_run(flow_run_id))


_announced: dict[UUID, FlowRunIdentity] = {}
_working: dict[UUID, FlowRunIdentity] = {}


def identify_at_running(flow_run_id: UUID) -> FlowRunIdentity:
    """The identity as of the running hook, kept for the flow's body, which begins next in the same process."""
    _announced.pop(flow_run_id, None)
    _announced[flow_run_id] = identify(flow_run_id)
    return _announced[flow_run_id]


def identify_at_body(flow_run_id: UUID) -> FlowRunIdentity:
    """The identity of the attempt whose body begins now: the running hook's, or the server's when that hook failed."""
    _working.pop(flow_run_id, None)
    _working[flow_run_id] = _announced.pop(flow_run_id, None) or identify(flow_run_id)
    return _working[flow_run_id]


def identify_at_end(flow_run_id: UUID) -> FlowRunIdentity:
    """The identity of the attempt that ended: the body's in its own process, the server's in any other."""
    return _working.get(flow_run_id) or identify(flow_run_id)


def identity_of(flow_run: FlowRun) -> FlowRunIdentity:
    parameters = dict(flow_run.parameters)
    return FlowRunIdentity(
        flow_run_id=flow_run.id,
        tenant=str(parameters.get("tenant", "")),
        run_id=uuid_or_none(str(parameters.get("run_id"))),
        attempt=max(flow_run.run_count, 1),
        trigger=Trigger.SCHEDULE if flow_run.auto_scheduled else Trigger.PREFECT,
        parameters={name: value for name, value in parameters.items() if name not in RESERVED},
        planned_for=flow_run.expected_start_time if flow_run.auto_scheduled else None,
    )
