"""What the commands of schedules share: whose they may be, and the table they are shown in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from deployments.cli.call import Call
from deployments.cli.console import Table, when
from runstore.tenancy import Permission

if TYPE_CHECKING:
    from deployments.orchestration.schedules.listing import Scheduled


def tenants_meant(call: Call, tenant: str | None, permission: Permission) -> list[str]:
    """The tenants meant, each one checked: all that the actor may see when none is named. Points Prefect at its server."""
    from deployments.orchestration.prefect_address import use_prefect

    with call.open_store() as store:
        slugs = [tenant] if tenant is not None else store.tenants(call.acting_as)
        for slug in slugs:
            store.scope(slug, call.acting_as).require(permission)
    use_prefect(call.settings)
    return slugs


def schedule_table(found: Sequence[Scheduled], empty: str, changes: Sequence[str] | None = None) -> Table:
    """The schedules, a row each; with `changes`, what became of each is the last column."""
    rows = [
        (
            one.id,
            one.tenant,
            one.deployment,
            ", ".join(f"{name}={value}" for name, value in one.parameters.items() if value not in (None, "", [])),
            f"{one.timing} {one.timezone}",
            "held" if one.active and one.held else "active" if one.active else "paused",
            when(one.next_runs[0]) if one.next_runs else "-",
            *([] if changes is None else [changes[number]]),
        )
        for number, one in enumerate(found)
    ]
    columns = ("Schedule", "Tenant", "Deployment", "Parameters", "When", "State", "Next")
    return Table(columns if changes is None else (*columns, "Change"), rows, empty)
