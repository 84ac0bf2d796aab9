"""`tenantatlas tenant remove`: a tenant that leaves, with everything that is kept of it."""

import sys
from dataclasses import asdict
from typing import Annotated, Any

import typer

from deployments.cli.call import Answer, Call
from deployments.cli.console import Table, print_blocks
from runstore.errors import BadInputError, UnavailableError


def remove_tenant(
    call: Call,
    slug: Annotated[str, typer.Argument(help="The tenant's slug.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what there is.")] = False,
    without_prefect: Annotated[
        bool, typer.Option("--without-prefect", help="Prefect's server is gone for good: delete the rows alone.")
    ] = False,
) -> Answer:
    from runstore.leaving import Leaving

    call.operator_only("removes tenants")
    if not without_prefect:
        call.use_prefect()
    # Not before: Prefect reads its address as it is imported.
    from deployments.orchestration import leaving as at_prefect

    with call.open_store() as store:
        leaving = Leaving(store.admin, slug)
        rows = leaving.holds()
        held = None if without_prefect else at_prefect.held(slug)
        there = {_words(name): count for name, count in rows.items()}
        if held is not None:
            there = {"schedules in Prefect": held.schedules, "flow runs in Prefect": held.flow_runs, **there}
        document: dict[str, Any] = {"tenant": slug, "rows": rows, "prefect": held and asdict(held), "removed": False}
        table = Table(("What", "How many"), list(there.items()), "Nothing is kept of it.")
        if dry_run:
            return Answer(document, (table, "Nothing is removed: this was a dry run."))
        if not yes:
            _ask(call, slug, table)
        leaving.begin()
        if held is not None and held.under_way:
            call.note(
                f"Cancelling {held.under_way} runs, and waiting {at_prefect.END_SECONDS:.0f} s at most for their ends"
            )
        if not without_prefect and (left := at_prefect.let_go(slug)):
            raise UnavailableError(
                f"{left} {'run' if left == 1 else 'runs'} of {slug} had not ended {at_prefect.END_SECONDS:.0f} s after "
                "being cancelled, and the rows are still there. Nothing new starts for it: run the same command again soon."
            )
        leaving.finish(lambda name, count: call.note(f"{_words(name)}: {count} deleted") if count else None)
    return Answer({**document, "removed": True}, (table, f"Tenant {slug} is removed, with all of this."))


def _ask(call: Call, slug: str, table: Table) -> None:
    if call.as_json or not sys.stdin.isatty():
        raise BadInputError("Nobody can be asked here: look with --dry-run, then remove with --yes.")
    print_blocks([table, "There is no way back but a dump of the run store."])
    if typer.prompt(f"Type {slug} to remove it") != slug:
        raise BadInputError(f"That was not {slug}: nothing is removed.")


def _words(table: str) -> str:
    return table.replace("_", " ")
