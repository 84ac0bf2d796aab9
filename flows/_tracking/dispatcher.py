"""Hands pending runs to Prefect. Exactly once in effect: the run's id is Prefect's idempotency key."""

import logging
import threading
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from flows._tracking.artifacts import flow_run_name, flow_run_tags
from runstore.errors import StoreError, StoreUnavailableError
from runstore.runs.outbox import Outbox, RunListener, Undispatched

BATCH = 20
SWEEP_SECONDS = 2.0
"""How long a pending run waits at most when its NOTIFY was missed."""

RETRY_SECONDS = 2.0
"""How long a run waits after Prefect could not take it; the one try that comes then costs one refused connection."""

DEPLOYMENT = "tenantatlas"
"""The name of every operation's deployment: `drift.generate/tenantatlas`."""

TAG = "tenantatlas"

_log = logging.getLogger("tenantatlas.dispatcher")


class Dispatcher:
    """Creates the flow runs of pending runs. Any number may: Prefect answers a second hand-over with the first's."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._deployments: dict[str, UUID] = {}

    def run(self, listener: RunListener, stopped: threading.Event) -> None:
        """Dispatches until `stopped`: at once when a run is started, and every SWEEP_SECONDS in any case."""
        # One client for as long as it runs: making one, with its TLS context, costs more than handing over a run.
        # And each request is tried once: the client's own tries are up to half a minute apart, ours two seconds.
        with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}), get_client(sync_client=True) as client:
            while not stopped.is_set():
                try:
                    if self.dispatch_pending(client) == BATCH:
                        continue
                except (StoreUnavailableError, StoreError) as away:
                    _log.warning("No run can be handed over for now: %s", away)
                listener.wait(SWEEP_SECONDS)

    def dispatch_pending(self, client: SyncPrefectClient) -> int:
        claimed = self._outbox.claim(BATCH)
        if not claimed:
            return 0
        waiting = list(claimed)
        try:
            while waiting:
                self._hand_over_or_postpone(client, waiting[0])
                del waiting[0]
        except (httpx.HTTPError, RuntimeError, OSError, ValueError) as problem:
            # Prefect is away, or what answers is something else: no run of the batch can be handed over, so none is tried.
            self._outbox.postpone([run.id for run in waiting], RETRY_SECONDS)
            _log.warning("%d runs wait for Prefect (%s).", len(waiting), type(problem).__name__)
        return len(claimed)

    def _hand_over_or_postpone(self, client: SyncPrefectClient, run: Undispatched) -> None:
        """A run that Prefect refuses waits by itself, longer each time; the others go on."""
        name = str(run.type)
        try:
            if name not in self._deployments:
                self._deployments[name] = client.read_deployment_by_name(f"{name}/{DEPLOYMENT}").id
            flow_run = client.create_flow_run_from_deployment(
                self._deployments[name],
                name=flow_run_name(name, run.tenant, run.parameters),
                parameters={"tenant": run.tenant, **run.parameters, "run_id": str(run.id)},
                idempotency_key=str(run.id),
                tags=[TAG, *flow_run_tags(name, run.tenant, run.parameters), f"run:{run.id}"],
            )
        except (ObjectNotFound, PrefectHTTPStatusError) as problem:
            self._deployments.pop(name, None)
            self._outbox.postpone([run.id], min(RETRY_SECONDS * run.tries, 30))
            _log.warning("Run %s waits: Prefect does not take it (%s).", run.id, type(problem).__name__)
        else:
            self._outbox.handed_over(run.id, flow_run.id)
