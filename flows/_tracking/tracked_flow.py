"""A Prefect flow whose runs are mirrored: the decorator every producer puts on its flow."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from prefect import Flow, flow
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.flow_engine import FlowRunTimeoutError
from prefect.states import Completed, Failed
from prefect.utilities.callables import parameter_schema
from pydantic import ValidationError
from sqlalchemy import Connection

from flows._tracking.artifacts import Row, RunArtifacts, name_flow_run
from flows._tracking.hooks import ITEMS_FAILED, STOOD_BACK, mirror_state, remember_failure
from flows._tracking.identity import RESERVED, FlowRunIdentity, identify_at_body
from flows._tracking.log_scrubbing import install, sanitised, unexpected_failure
from flows._tracking.progress import ProgressReporter
from flows._tracking.run_log import Log, run_log
from flows._tracking.steps import PauseWatch, in_task
from flows._tracking.store import patiently, worker_store
from flows.producer import FlowParameters, Operation
from flows.registry import told_items
from runstore import installed_version
from runstore.database import Database
from runstore.errors import BadInputError, NotFoundError
from runstore.fence.redaction import scrub_text
from runstore.reasons import PARAMETERS_REFUSED, TIMED_OUT, ReasonedError
from runstore.runs.reader import RunReader
from runstore.runs.recorder import Recorder
from runstore.runs.run import Counts, Run, Source
from runstore.runs.status import ObservedState, RunStatus, Verdict, outcome
from runstore.tenancy import TenantScope

BEGIN_PATIENCE = 600.0
"""Seconds a flow waits for the store before it begins: no work is done for a run that cannot be recorded."""

PATIENCE = 300.0
"""Seconds a step of a producer's work waits for the store."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TrackedRun:
    """What a producer's flow gets: whose run it is, its store, and where to report progress."""

    run_id: UUID
    attempt: int
    scope: TenantScope
    store: Database
    progress: ProgressReporter
    artifacts: RunArtifacts | None = None

    @property
    def log(self) -> Log:
        """The log of the run, as Prefect shows it: whole sentences, no secrets (what looks like one is taken out)."""
        return run_log()

    def step(self, name: str, work: Callable[[], T], *, title: str | None = None) -> T:
        """What `work` answers, done as a Prefect task: a step of the work or a batch of it, never a single item.

        `title` tells one batch from the next. Errors of ours come out as they are, others `sanitised`.
        """
        self.progress.still_ours()
        return in_task(name, work, title or name)

    def table(self, name: str, rows: Sequence[Row], description: str) -> None:
        """Leaves a table on Prefect's Artifacts page; `name` is the same in every run. Rows have the same columns."""
        if self.artifacts is not None:
            self.artifacts.table(name, rows, description)

    def stored(self, write: Callable[[Connection], T]) -> T:
        """What `write` answers, in one transaction; made again while the store is away."""
        self.progress.still_ours()

        def once() -> T:
            with self.store.transaction(self.scope) as connection:
                return write(connection)

        return patiently(once, give_up_after=PATIENCE)


class StandBackError(Exception):
    """The flow run has nothing to do: its row is over, or an identical run is active."""


def tracked_flow(
    operation: Operation, *, own_steps: bool = False
) -> Callable[[Callable[[TrackedRun, Any], None]], Flow[..., Any]]:
    """Turns `body(run, parameters)` into a Prefect flow of that operation, with every state hook attached.

    It ends by the same rule as the row, or as `Deduplicated` when the run is another's or over. An exception becomes a
    Failed with a reason of the catalogue. The body is one task, or with `own_steps` those that it makes by `run.step`.
    """

    def decorate(body: Callable[[TrackedRun, Any], None]) -> Flow[..., Any]:
        def run(**values: Any) -> State[Any]:
            return _run(operation, body if own_steps else in_one_step, values)

        def in_one_step(run: TrackedRun, parameters: Any) -> None:
            run.step(operation.type.action.replace("_", " "), lambda: body(run, parameters))

        run.__name__ = run.__qualname__ = getattr(body, "__name__", "run")
        run.__module__ = body.__module__
        run.__doc__ = _described(operation)
        run.__signature__ = _signature(operation.parameters)  # type: ignore[attr-defined]
        decorator = flow(
            name=str(operation.type),
            description=operation.description,
            # Prefect's own validation message would carry the value it refuses; the operation validates its own.
            validate_parameters=False,
            persist_result=False,
            timeout_seconds=operation.timeout_seconds,
            retries=operation.retries,
            retry_delay_seconds=operation.retry_delay_seconds,
            on_running=[mirror_state],
            on_completion=[mirror_state],
            on_failure=[mirror_state],
            on_crashed=[mirror_state],
            on_cancellation=[mirror_state],
        )
        return decorator(run)

    return decorate


def _described(operation: Operation) -> str:
    """The docstring from which Prefect takes what its form says of each parameter."""
    told = {
        "tenant": "The tenant's short name, as `tenantatlas tenant list` shows it.",
        **{name: field.description for name, field in operation.parameters.model_fields.items()},
        "run_id": "Leave it empty: it is set where a run was started in the hub or by a command.",
    }
    lines = [f"    {name}: {' '.join(text.split())}" for name, text in told.items() if text]
    return "\n".join([operation.description, "", "Args:", *lines])


def _signature(parameters: type[FlowParameters]) -> inspect.Signature:
    # One that is missing reaches the flow, which says so in a sentence; without a default Prefect would crash the run.
    own = {
        name: (field.annotation, None if field.is_required() else field.get_default(call_default_factory=True))
        for name, field in parameters.model_fields.items()
    }
    told = {"tenant": (str, None), **own, "run_id": (str | None, None)}
    keyword = inspect.Parameter.KEYWORD_ONLY
    return inspect.Signature(
        [inspect.Parameter(name, keyword, annotation=kind, default=default) for name, (kind, default) in told.items()]
    )


def _run(operation: Operation, body: Callable[[TrackedRun, Any], None], values: dict[str, Any]) -> State[Any]:
    # Here and not at import: logging may have been set up again between the two.
    install()
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        raise RuntimeError("A tracked flow runs under Prefect only.")
    flow_run_id = context.flow_run.id
    name_flow_run(context.flow_run, str(operation.type), values)
    required = {name for name, field in operation.parameters.model_fields.items() if field.is_required()}
    missing = {name for name in required if values.get(name) is None}
    given = {name: value for name, value in values.items() if name not in RESERVED | missing}
    attempt = 0
    try:
        identity = replace(identify_at_body(flow_run_id), parameters=given)
        attempt = identity.attempt
        return _tracked(operation, body, identity)
    except StandBackError as reason:
        return Completed(name=STOOD_BACK, message=str(reason))
    except FlowRunTimeoutError:
        remember_failure(flow_run_id, TIMED_OUT.failure(seconds=operation.timeout_seconds))
        raise
    except NotFoundError as nowhere:
        run_log().error("%s", nowhere)
        return Failed(message=scrub_text(str(nowhere)))
    except Exception as problem:
        failure = unexpected_failure(problem)
        remember_failure(flow_run_id, failure)
    if attempt <= operation.retries:
        # Prefect tries again only what raised. Outside the except block, so that nothing leads back to the raw exception.
        raise ReasonedError(failure)
    return Failed(message=failure.message)


def form_of(operation: Operation, flow: Flow[..., Any]) -> dict[str, Any]:
    schema = parameter_schema(flow).model_dump_for_openapi()
    fields = operation.parameters.model_fields.items()
    schema["required"] = ["tenant", *(name for name, field in fields if field.is_required())]
    for name in schema["required"]:
        schema["properties"][name].pop("default", None)
    return schema


def _tracked(operation: Operation, body: Callable[[TrackedRun, Any], None], identity: FlowRunIdentity) -> State[Any]:
    store = worker_store()
    scope = patiently(lambda: identity.scope(store), give_up_after=BEGIN_PATIENCE)
    run = patiently(lambda: _begin(operation, identity, store, scope), give_up_after=BEGIN_PATIENCE)
    pauses = PauseWatch(identity.flow_run_id)
    # Prefect counts a suspended and resumed flow run as one attempt, and its body begins again: so do the figures.
    restarted = run.counts.processed > 0
    called = partial(told_items, store, scope)
    reporter = ProgressReporter(
        Recorder(store, scope),
        run.id,
        identity.attempt,
        restarted=restarted,
        checkpoint=pauses.checkpoint,
        called=called,
    )
    # For the run to be held against an earlier one.
    reporter.note(version=installed_version())
    artifacts = RunArtifacts(run, identity.parameters.get("scope"), reporter.standing, called)
    tracked = TrackedRun(run.id, identity.attempt, scope, store, reporter, artifacts)
    run_log().info("Run %s of tenant %s, attempt %s, started by %s.", run.id, run.tenant, run.attempt, run.trigger)

    def work() -> None:
        # Only now: a flow run whose parameters are refused has its row, and fails where people look.
        parameters = _parameters(operation, identity)
        with pauses, reporter:
            body(tracked, parameters)

    with artifacts:
        sanitised(work)
    return _end(reporter.counts)


def _parameters(operation: Operation, identity: FlowRunIdentity) -> FlowParameters:
    try:
        return operation.parameters.model_validate(identity.parameters)
    except ValidationError:
        failure = PARAMETERS_REFUSED.failure(operation=str(operation.type))
    try:
        operation.request(identity.parameters)
    except BadInputError as wrong:
        # The one sentence that names the parameter; it has none of its value.
        run_log().error("%s", wrong)
    raise ReasonedError(failure)


def _begin(operation: Operation, identity: FlowRunIdentity, store: Database, scope: TenantScope) -> Run:
    """The row, now running in this attempt. StandBackError when this flow run must not do the work."""
    known = identity.run(store, scope)
    if known is None:
        # A named row that is there is another flow run's: Prefect's UI can copy a flow run with all its parameters.
        if identity.run_id is not None and RunReader(store, scope).find(identity.run_id) is None:
            raise NotFoundError(f"The run {identity.run_id} that this flow run was started for is no longer there.")
        adopted = identity.adopt(store, scope, identity.request(operation))
        if adopted.duplicate:
            lost = "" if adopted.joined else " What was to follow this one does not: something else follows that run."
            raise StandBackError(f"Run {adopted.run.id} does the same, or did since; no work was done here.{lost}")
        known = adopted.run
    recorded = identity.observe(store, scope, known, ObservedState.RUNNING, Source.HOOK)
    if recorded.run is None or recorded.verdict in _REFUSALS:
        raise StandBackError(_REFUSALS[recorded.verdict].format(run=known.id))
    return recorded.run


_REFUSALS = {
    Verdict.TERMINAL: "Run {run} is over already; no work was done here. Start the operation again if it is wanted.",
    Verdict.SUPERSEDED: "Run {run} has a later attempt; no work was done here.",
    Verdict.IDENTICAL_ACTIVE: "A run identical to {run} is active; this retry did no work. Wait for that one to end.",
    Verdict.UNKNOWN_RUN: "Run {run} is no longer there; no work was done here.",
}


def _end(counts: Counts) -> State[Any]:
    said = f"{counts.succeeded} succeeded, {counts.failed} failed, {counts.skipped} skipped"
    status = outcome(counts.succeeded, counts.failed)
    if status is RunStatus.COMPLETED:
        return Completed(message=said)
    if status is RunStatus.COMPLETED_WITH_ERRORS:
        return Completed(name="PartiallySucceeded", message=said)
    return Failed(name=ITEMS_FAILED, message=said)
