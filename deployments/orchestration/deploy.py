"""Registers every producer's flow with Prefect; doing it again changes only what differs, and says so."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import DeploymentUpdate
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectNotFound
from prefect.flows import load_flow_from_entrypoint

from deployments.cli.call import Answer
from deployments.cli.console import Table
from deployments.orchestration.deploy_leftovers import missing_operations, strangers, waiting_elsewhere
from deployments.orchestration.deploy_tenants import TenantDeployed, keep_tenants
from deployments.orchestration.prefect_calls import with_prefect
from deployments.orchestration.work_pools import ensure_pool
from deployments.settings import Settings
from flows._tracking.dispatcher import DEPLOYMENT, TAG
from flows._tracking.tracked_flow import form_of
from flows.folders import Broken, producer_folders, why
from flows.producer import Operation
from flows.registry import broken, operations
from runstore import installed_version


def deploy_all(
    settings: Settings,
    *,
    wait: bool,
    pool: str | None,
    pool_type: str | None,
    image: str | None = None,
    remove_missing: bool = False,
    tenants: Callable[[], Collection[str] | None] = lambda: None,
) -> Answer:
    """Registers every operation in the work pool, which is made if it does not exist: of processes unless told another.

    With `wait`, a server that does not answer yet is waited for. `image` is what the pool's jobs start, where they start
    one. With `remove_missing`, deployments of operations that are not found any more are deleted, and of tenants that are not;
    `tenants` gives those there are, None when nobody can tell. Raises
    PrefectUnavailableError or another error of `prefect_problem`, BadInputError for a pool that cannot be made or is of
    another type than the one named; no deployment is changed then. A producer that is broken, or whose flow cannot be loaded, is
    left out and named among the notes; what it registered before stays.
    """
    name = pool or settings.work_pool
    found: list[tuple[Operation, dict[str, Any]]] = []
    left_out = [str(one) for one in broken()]
    for operation in operations().values():
        wanted = _definition(operation, name, settings.operation_limit)
        if isinstance(wanted, Broken):
            left_out.append(str(wanted))
        else:
            found.append((operation, wanted))

    async def work(client: PrefectClient) -> Answer:
        served = await ensure_pool(client, name, pool_type, image)
        registered = [await _register(client, operation, wanted) for operation, wanted in found]
        scheduled, notes = list[TenantDeployed](), list[str]()
        for operation, wanted in found:
            scheduled += await keep_tenants(client, operation, wanted, notes)
        if scheduled:
            notes += await strangers(client, scheduled, tenants(), remove=remove_missing)
        missing = await missing_operations(client, remove=remove_missing)
        ids = [id for id, _, _ in registered] + [id for id, _ in scheduled]
        waiting = await waiting_elsewhere(client, ids, name)
        notes = [
            *served.notes([variables for _, variables, _ in registered]),
            *(told for _, told in (*waiting, *missing)),
            *left_out,
            *notes,
        ]
        deployed = [line for _, _, line in registered]
        document = {
            "work_pool": {"name": name, "outcome": served.outcome, "type": served.type, "image": served.image},
            "deployments": deployed,
            "tenant_deployments": [line for _, line in scheduled],
            "waiting_elsewhere": [line for line, _ in waiting],
            "missing": [line for line, _ in missing],
            "notes": notes,
        }
        rows = [(one["operation"], one["entrypoint"], one["outcome"], ", ".join(one["changed"])) for one in deployed]
        table = Table(("Operation", "Entry point", "Outcome", "What changed"), rows, "There are no producers.")
        changed = sum(line["outcome"] != "unchanged" for _, line in scheduled)
        said = f"Deployments of scheduled tenants: {len(scheduled)}, of which {changed} changed."
        return Answer(document, (f"Work pool {name}: {served.outcome}.", table, *([said] if scheduled else []), *notes))

    return with_prefect(work, of_schedules=False, wait=wait)


def _definition(operation: Operation, pool: str, limit: int | None) -> dict[str, Any] | Broken:
    """What the operation's deployment has to be, with its flow loaded to prove that workers can load it."""
    entrypoint = operation.flow.replace(":", ".")
    try:
        flow = load_flow_from_entrypoint(entrypoint, use_placeholder_flow=False)
    except (Exception, SystemExit) as problem:
        module = operation.flow.partition(":")[0]
        folder = next((one for one in producer_folders() if one.name == module.split(".")[1]), Path())
        return Broken(f"{module.replace('.', '/')}.py", why(problem, folder))
    wanted: dict[str, Any] = {
        "entrypoint": entrypoint,
        "work_pool_name": pool,
        "tags": [TAG, str(operation.type)],
        "description": operation.description,
        "version": installed_version(),
        "parameter_openapi_schema": form_of(operation, flow),
        # Our own models validate parameters; Prefect's refusal would repeat the value it refuses.
        "enforce_parameter_schema": False,
    }
    if limit is not None:
        # Prefect queues what is over the limit; nothing is refused. Not set here, the limit is people's, in Prefect's UI.
        wanted["concurrency_limit"] = limit
    return wanted


async def _register(
    client: PrefectClient, operation: Operation, wanted: Mapping[str, Any]
) -> tuple[UUID, Mapping[str, Any], dict[str, Any]]:
    """Creates the operation's own deployment, or changes what differs: its id, its job variables, and its line in the answer."""
    name = str(operation.type)
    line = {"operation": name, "entrypoint": wanted["entrypoint"]}
    try:
        existing = await client.read_deployment_by_name(f"{name}/{DEPLOYMENT}")
    except ObjectNotFound:
        flow_id = await client.create_flow_from_name(name)
        made = await client.create_deployment(flow_id, DEPLOYMENT, **wanted)
        return made, {}, {**line, "outcome": "created", "changed": ()}
    differing = {field: value for field, value in wanted.items() if not _is_kept(existing, field, value)}
    if "tags" in differing:
        differing["tags"] = list(dict.fromkeys([*existing.tags, *wanted["tags"]]))
    if differing:
        # Only what differs: told its pool again, a deployment leaves the work queue that people gave it. And an update leaves
        # the schedules alone, where creating it again would delete them.
        await client.update_deployment(existing.id, DeploymentUpdate(**differing))
    outcome = "changed" if differing else "unchanged"
    return existing.id, existing.job_variables or {}, {**line, "outcome": outcome, "changed": tuple(differing)}


def _is_kept(existing: DeploymentResponse, field: str, wanted: Any) -> bool:
    if field == "tags":
        return set(wanted) <= set(existing.tags)
    if field == "concurrency_limit":
        limit = existing.global_concurrency_limit
        return limit is not None and limit.limit == wanted
    return getattr(existing, field) == wanted
