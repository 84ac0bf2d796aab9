"""What Prefect shows of a run: the name and tags of its flow run, so that lists tell operation, tenant and scope, and on the
Artifacts page a link to the hub, its progress, and tables of what became of it.

The keys of artifacts are the same for all runs of an operation on a tenant (and scope), so that Prefect shows their history.
"""

import json
import logging
import os
import re
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Self
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import PrefectException
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from runstore.fence.redaction import scrub_json, scrub_text
from runstore.reasons import ReasonedError
from runstore.runs.run import Counts, Failure, Run

GOODBYE_SECONDS: Final = 10.0
"""How long the end of a run waits for Prefect to take its tables; one that is told to stop waits a fifth of that."""

MOST_ROWS: Final = 500
NAME_LIMIT: Final = 200
AWAY: Final = (httpx.HTTPError, PrefectException, RuntimeError, OSError, ValueError)
"""What Prefect's client raises while Prefect is away, or something else answers in its place."""

_log = logging.getLogger("tenantatlas.artifacts")

Row = Mapping[str, object]
Called = Callable[[Sequence[str]], Mapping[str, str]]
"""Answers items as text shows them, by their name where they have one."""


def hub_address() -> tuple[str, bool]:
    """The hub's address, and whether somebody said so; without TENANTATLAS_PUBLIC_URL it is the one a hub takes by itself."""
    public = os.environ.get("TENANTATLAS_PUBLIC_URL", "").rstrip("/")
    host, port = os.environ.get("TENANTATLAS_HUB_HOST"), os.environ.get("TENANTATLAS_HUB_PORT")
    return public or f"http://{host or '127.0.0.1'}:{port or '8501'}", bool(public)


class RunArtifacts:
    """Sends them from a thread of its own while it is entered. A Prefect that is away costs the run nothing but them."""

    def __init__(
        self,
        run: Run,
        scope_key: str | None,
        standing: Callable[[], tuple[Counts, Sequence[Failure]]],
        called: Called,
    ) -> None:
        self._run = run
        self._key = artifact_key(run.type, run.tenant, scope_key or "")
        self._standing = standing
        self._called = called
        self._tables: list[tuple[str, list[Row], str]] = []
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._send, name="artifacts", daemon=True)

    def table(self, name: str, rows: Sequence[Row], description: str) -> None:
        """A table of the run, sent when it ends; of more than MOST_ROWS rows the first are, and the description says so."""
        if len(rows) > MOST_ROWS:
            description = f"{description} The first {MOST_ROWS} of {len(rows)}."
        self._tables.append((name, list(rows[:MOST_ROWS]), description))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: object, problem: BaseException | None, trace: object) -> None:
        is_over = problem is None or isinstance(problem, Exception)
        if is_over:
            counts, failures = self._standing()
            if isinstance(problem, ReasonedError):
                failures = [problem.failure, *failures]
            self.table(
                "outcome",
                outcome_rows(counts, failures, self._called),
                f"What became of the items of {self._run.type}.",
            )
        self._stopped.set()
        self._thread.join(GOODBYE_SECONDS if is_over else GOODBYE_SECONDS / 5)

    def _send(self) -> None:
        try:
            # Each request is tried once: the client's own tries are up to half a minute apart.
            with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}), get_client(sync_client=True) as client:
                self._link(client)
                self._progress_until_stopped(client)
                for name, rows, description in self._tables:
                    self._create(client, "table", name, json.dumps(scrub_json(rows)), description)
        except AWAY as problem:
            _log.warning("Prefect did not take the artifacts of run %s (%s).", self._run.id, type(problem).__name__)

    def _link(self, client: SyncPrefectClient) -> None:
        address, is_told = hub_address()
        said = f"Run {self._run.id} in the operations hub."
        if not is_told:
            said += " TENANTATLAS_PUBLIC_URL is not set for the worker: this is the address a hub has by itself."
        self._create(client, "markdown", "hub", f"[{self._run.type} in the hub]({address}{self._run.path})", said)

    def _progress_until_stopped(self, client: SyncPrefectClient) -> None:
        made: UUID | None = None
        shown = -1.0
        while True:
            ended = self._stopped.wait(2)
            counts, _ = self._standing()
            share = round(100 * counts.processed / counts.total, 1) if counts.total else 0.0
            if ended and made is None:
                return
            if made is None:
                made = self._create(client, "progress", "progress", share, f"Items done of {self._run.type}.")
            elif share != shown:
                client.update_artifact(made, ArtifactUpdate(data=share))
            shown = share
            if ended:
                return

    def _create(self, client: SyncPrefectClient, kind: str, name: str, data: str | float, description: str) -> UUID:
        wanted = ArtifactCreate(
            type=kind,
            key=artifact_key(self._key, name),
            description=scrub_text(description),
            data=data,
            flow_run_id=self._run.flow_run_id,
        )
        return client.create_artifact(wanted).id


def outcome_rows(counts: Counts, failures: Sequence[Failure], called: Called) -> list[Row]:
    """A row for what succeeded and what was skipped, and one for each reason of a failure, the most frequent first."""
    rows: list[Row] = [
        {"Outcome": outcome, "Items": number, "Reason": "", "For example": "", "Message": ""}
        for outcome, number in (("succeeded", counts.succeeded), ("skipped", counts.skipped))
    ]
    first: dict[str, Failure] = {}
    for failure in failures:
        first.setdefault(failure.reason_code, failure)
    told = called([one.item_id for one in first.values()])
    for code, number in Counter(failure.reason_code for failure in failures).most_common():
        one = first[code]
        found: dict[str, Any] = {"Outcome": "failed", "Items": number, "Reason": code}
        rows.append(found | {"For example": told.get(one.item_id, one.item_id), "Message": one.message})
    return rows


def flow_run_name(operation: str, tenant: object, parameters: Mapping[str, Any]) -> str:
    """`inventory.sync · contoso · windows`; without the last part for an operation that has no scope."""
    parts = (operation, tenant, parameters.get("scope"))
    return scrub_text(" · ".join(str(part) for part in parts if part), limit=NAME_LIMIT)


def flow_run_tags(operation: str, tenant: object, parameters: Mapping[str, Any]) -> list[str]:
    """The operation, `tenant:contoso` and `scope:windows`, as far as they are known."""
    named = (("tenant", tenant), ("scope", parameters.get("scope")))
    return [operation, *(scrub_text(f"{name}:{value}", limit=150) for name, value in named if value)]


def artifact_key(*parts: object) -> str:
    return re.sub(r"[^a-z0-9]+", "-", " ".join(str(part) for part in parts).lower()).strip("-")[:NAME_LIMIT]


def name_flow_run(flow_run: FlowRun, operation: str, values: Mapping[str, Any]) -> None:
    """Gives a flow run its name and tags where its maker did not: a schedule, a person in Prefect's UI, its command."""
    tenant = values.get("tenant")
    name, wanted = flow_run_name(operation, tenant, values), flow_run_tags(operation, tenant, values)
    missing = [tag for tag in wanted if tag not in flow_run.tags]
    if flow_run.name == name and not missing:
        return
    try:
        with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}), get_client(sync_client=True) as client:
            client.update_flow_run(flow_run.id, name=name, tags=[*flow_run.tags, *missing])
    except AWAY as problem:
        _log.warning("Prefect did not take this flow run's name (%s).", type(problem).__name__)
