"""Our deployments at Prefect's server: one of each operation, and one for each piece of work that is scheduled for a tenant.

`inventory.sync/tenantatlas` is the operation's own, for start actions. `inventory.sync/contoso` is a tenant's: the tenant and
everything else that says what is to be done are the deployment's own parameters, so that nothing that Prefect's UI or command
does to a schedule can lose them. A name is `TENANT`, `TENANT.SCOPE` for a scope of its own, and `@NAME` after it for a
further schedule of the same work; a tenant's slug has neither sign.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient

from flows._tracking.dispatcher import DEPLOYMENT, TAG
from runstore.errors import BadInputError

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,29}")

# As many as Prefect's server gives at once.
_PAGE = 200


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment as the server has it. Plain JSON: Prefect's model of a schedule takes 4 ms each, for the list of zones."""

    operation: str
    fields: Mapping[str, Any]

    @property
    def id(self) -> UUID:
        return UUID(self.fields["id"])

    @property
    def name(self) -> str:
        return str(self.fields["name"])

    @property
    def parameters(self) -> Mapping[str, Any]:
        return self.fields["parameters"]

    @property
    def schedules(self) -> Sequence[Schedule]:
        """Its schedules, the oldest first."""
        return [Schedule(self, one) for one in sorted(self.fields["schedules"], key=lambda one: str(one["created"]))]

    @property
    def is_paused(self) -> bool:
        """Whether someone paused it as a whole: none of its schedules fires."""
        return bool(self.fields["paused"])

    @property
    def is_operations(self) -> bool:
        return self.name == DEPLOYMENT and TAG in self.fields["tags"]

    @property
    def tenant(self) -> str | None:
        """The tenant whose it is; None for the operation's own and for what people made for themselves.

        A tenant's has our tag and says its tenant in its name and in a parameter or a tag: one of these two may have been edited.
        """
        slug = re.split("[.@]", self.name, maxsplit=1)[0]
        said = self.parameters.get("tenant") == slug or f"tenant:{slug}" in self.fields["tags"]
        return slug if said and TAG in self.fields["tags"] and not self.is_operations else None

    @property
    def schedule_name(self) -> str | None:
        return self.name.partition("@")[2] or None if self.tenant else None

    @property
    def shared_limit(self) -> str | None:
        limit = self.fields.get("global_concurrency_limit")
        return limit and str(limit["id"])


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule as the server has it, and the deployment it belongs to."""

    deployment: Deployment
    fields: Mapping[str, Any]

    @property
    def id(self) -> UUID:
        return UUID(self.fields["id"])

    @property
    def is_active(self) -> bool:
        """Whether it fires, unless its deployment is paused as a whole."""
        return bool(self.fields["active"])

    @property
    def parameters(self) -> dict[str, Any]:
        """What its flow runs get: the deployment's parameters, and over them what someone gave the schedule itself."""
        return {**self.deployment.parameters, **self.fields["parameters"]}

    @property
    def tenant(self) -> str | None:
        """The tenant it starts runs for; None where that is not ours to say.

        A schedule of the operation's own deployment names it itself: those of earlier releases do, until `deploy` moves them.
        """
        if not self.deployment.is_operations and self.deployment.tenant is None:
            return None
        told = self.parameters.get("tenant")
        return str(told) if told else self.deployment.tenant


def own_parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if name != "tenant"}


def tags_for(operation: str, tenant: str, parameters: Mapping[str, Any]) -> list[str]:
    """The tags of a tenant's deployment. The flow runs that its schedules make have them too."""
    scope = parameters.get("scope")
    return [TAG, operation, f"tenant:{tenant}", *([f"scope:{scope}"] if scope else [])]


def checked_name(name: str | None) -> str | None:
    """A further schedule's name as given. BadInputError for one that could not be read in a list, or in an address."""
    if name is not None and not _NAME.fullmatch(name):
        raise BadInputError(
            f"{name[:40]!r} is not a schedule's name: use lower-case letters, digits and -, 30 at most, such as weekends."
        )
    return name


def free_name(tenant: str, scope: object, name: str | None, taken: Collection[str]) -> str:
    """A name that no deployment of the operation has: of other work for the same tenant and scope, or a person's own."""
    label = "" if scope in (None, "", "default") else "." + re.sub(r"[^A-Za-z0-9_-]+", "-", str(scope))[:60]
    further = f"@{name}" if name else ""
    names = (f"{tenant}{label}{'' if number == 1 else f'.{number}'}{further}" for number in count(1))
    # The operation's own name is never free, so a tenant of that slug is told apart as well.
    return next(found for found in names if found not in taken and found != DEPLOYMENT)


async def read_deployments(client: PrefectClient, operations: Collection[str]) -> list[Deployment]:
    """Every deployment of these operations, people's own as well, and of those that only Prefect still knows by our tag."""
    tagged = await _pages(client, "/flows/filter", {"deployments": {"tags": {"all_": [TAG]}}})
    names = dict.fromkeys([*operations, *sorted(one["name"] for one in tagged)])
    return [one for name in names for one in await read_operation(client, name)]


async def read_operation(client: PrefectClient, operation: str) -> list[Deployment]:
    """Every deployment of one operation, people's own as well. Read by itself: within one flow the pages have an order."""
    found = await _pages(client, "/deployments/filter", {"flows": {"name": {"any_": [operation]}}})
    return [Deployment(operation, one) for one in {one["id"]: one for one in found}.values()]


async def _pages(client: PrefectClient, path: Any, question: Mapping[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        answer = await client.request("POST", path, json={**question, "limit": _PAGE, "offset": len(found)})
        page = answer.json()
        found += page
        if len(page) < _PAGE:
            return found
