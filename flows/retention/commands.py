"""`tenantatlas runs prune`: forget runs that finished long ago."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from deployments.cli.call import Answer, Call, command
from runstore.errors import BadInputError
from runstore.tenancy import Permission


def add_commands(app: typer.Typer) -> None:
    """Adds `prune` to the group `runs`."""
    runs = typer.Typer(rich_markup_mode=None)
    app.add_typer(runs, name="runs")
    command(runs, "prune", help="Forget runs that finished long ago, with their notifications.")(prune)


def prune(
    call: Call,
    older_than: Annotated[str, typer.Option("--older-than", metavar="AGE", help="Such as 180d.")],
    tenant: Annotated[str | None, typer.Option("--tenant", metavar="SLUG", help="Only this one's.")] = None,
    all_tenants: Annotated[bool, typer.Option("--all-tenants", help="Every tenant's, one after another.")] = False,
    batch: Annotated[int, typer.Option("--batch", help="Runs a transaction, 1 to 100000.")] = 2_000,
) -> Answer:
    from flows.retention.operation import OPERATION, PruneParameters
    from runstore.audit import record_audit
    from runstore.database import DatabaseRole
    from runstore.runs.retention import prune_runs

    if (tenant is None) == (not all_tenants):
        raise BadInputError("Say whose runs with --tenant SLUG or with --all-tenants, one of the two.")
    if not 1 <= batch <= 100_000:
        raise BadInputError(f"A batch holds between 1 and 100000 runs, not {batch}.")
    parameters = PruneParameters.model_validate(OPERATION.request({"older_than": older_than}).parameters)
    before = datetime.now(UTC) - parameters.age
    pruned: dict[str, int] = {}
    with call.open_store() as store:
        slugs = [tenant] if tenant is not None else store.tenants(call.acting_as)
        scopes = [store.scope(slug, call.acting_as) for slug in slugs]
        for scope in scopes:
            scope.require(Permission.ADMINISTER)
        database = store.database(DatabaseRole.ADMIN)
        for scope in scopes:
            # Before the first batch: what is gone cannot be asked who took it away.
            with store.database(DatabaseRole.APP).transaction(scope) as connection:
                record_audit(connection, scope, "run.prune", f"runs finished before {before:%Y-%m-%d}")
            pruned[scope.slug] = prune_runs(database, scope, before, batch=batch)
    total = sum(pruned.values())
    document = {"pruned": total, "by_tenant": pruned, "before": before.isoformat().replace("+00:00", "Z")}
    return Answer(document, (f"{total} runs that finished before {before:%Y-%m-%d} are forgotten.",))
