"""What a flow run is called and tagged in Prefect, so that its lists tell operation, tenant and scope."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any, Final

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import PrefectException
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from runstore.fence.redaction import scrub_text

NAME_LIMIT: Final = 200
TAG_LIMIT: Final = 150

_log = logging.getLogger("tenantatlas.run_names")


def flow_run_name(operation: str, tenant: object, parameters: Mapping[str, Any]) -> str:
    """`inventory.sync · contoso · windows`; without the last part for an operation that has no scope."""
    parts = (operation, tenant, parameters.get("scope"))
    return scrub_text(" · ".join(str(part) for part in parts if part), limit=NAME_LIMIT)


def flow_run_tags(operation: str, tenant: object, parameters: Mapping[str, Any]) -> list[str]:
    """The operation, `tenant:contoso` and `scope:windows`, as far as they are known."""
    named = (("tenant", tenant), ("scope", parameters.get("scope")))
    return [operation, *(scrub_text(f"{name}:{value}", limit=TAG_LIMIT) for name, value in named if value)]


def artifact_key(*parts: object) -> str:
    """A key that Prefect takes: the parts in lower-case letters, digits and dashes."""
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
    except (httpx.HTTPError, PrefectException, RuntimeError, OSError, ValueError) as problem:
        _log.warning("Prefect did not take this flow run's name (%s).", type(problem).__name__)
