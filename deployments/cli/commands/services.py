"""`tenantatlas worker`, `relay`, `hub` and `deploy`: one process each, for more than one machine."""

from typing import Annotated

import typer

from deployments.cli.call import Answer, Call, command
from runstore.errors import TenantAtlasError


def add_commands(app: typer.Typer) -> None:
    command(app, "worker", help="Run flows until told to stop.")(worker)
    command(app, "relay", help="Hand queued runs to Prefect and keep every run true.")(relay)
    command(app, "hub", help="Serve the operations hub.")(hub)
    command(app, "deploy", help="Register every producer's flow with Prefect.")(deploy)


def worker(
    call: Call,
    name: Annotated[str | None, typer.Option("--name", help="How this worker is called in Prefect's UI.")] = None,
    pool: Annotated[str | None, typer.Option("--pool", help="The work pool to serve.")] = None,
) -> Answer | None:
    call.use_prefect()
    from deployments.services.worker import serve

    serve(call.settings, name=name, pool=pool)


def relay(call: Call) -> Answer | None:
    call.use_prefect()
    from deployments.services.relay import serve

    serve(call.settings)


def hub(
    call: Call,
    demo: Annotated[
        bool, typer.Option("--demo", help="Let anyone pick a member to be. For looking around only.")
    ] = False,
) -> Answer | None:
    from deployments.services.hub import serve

    serve(call.settings, demo=demo)


def deploy(
    call: Call,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for Prefect's server to answer first.")] = False,
    pool: Annotated[str | None, typer.Option("--pool", help="The work pool; made if it does not exist.")] = None,
    pool_type: Annotated[
        str | None,
        typer.Option("--pool-type", help="Its type: process unless told another, such as docker or kubernetes."),
    ] = None,
    image: Annotated[
        str | None, typer.Option("--image", help="The image its jobs start, in a pool of docker or kubernetes.")
    ] = None,
    remove_missing: Annotated[
        bool,
        typer.Option(
            "--remove-missing",
            help="Delete what is registered of operations, and scheduled for tenants, that are not here.",
        ),
    ] = False,
) -> Answer:
    call.operator_only("registers operations with Prefect")
    call.use_prefect()
    from deployments.orchestration.deploy import deploy_all

    def tenants() -> list[str] | None:
        """The tenants there are; None when the run store cannot be asked."""
        try:
            with call.open_store() as store:
                return store.tenants(None)
        except TenantAtlasError:
            return None

    return deploy_all(
        call.settings,
        wait=wait,
        pool=pool,
        pool_type=pool_type,
        image=image,
        remove_missing=remove_missing,
        tenants=tenants,
    )
