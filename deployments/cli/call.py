"""What every command has in common: `--json`, `--as`, one answer, and a way to the run store."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_args, get_type_hints

import typer

from deployments.cli.console import Block, print_blocks, print_json
from runstore.errors import ForbiddenError

if TYPE_CHECKING:
    from deployments.settings import Settings
    from deployments.store_access import StoreAccess
    from runstore.database import Database
    from runstore.tenancy import TenantScope

Found = TypeVar("Found")

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else there.")]
AsOption = Annotated[
    str | None,
    typer.Option("--as", metavar="EMAIL", help="Act as that member instead of the local operator."),
]
TenantOption = Annotated[str, typer.Option("--tenant", metavar="SLUG", help="The tenant's slug.")]
WaitOption = Annotated[bool, typer.Option("--wait", help="Wait until the run has ended; exit code 1 if it failed.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="A parameter of the operation; a list has commas between."),
]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command found: a JSON document, the same for people, and the exit code."""

    document: Mapping[str, Any]
    blocks: tuple[Block, ...] = field(default=())
    exit_code: int = 0


@dataclass(frozen=True)
class Call:
    as_json: bool
    acting_as: str | None

    @cached_property
    def settings(self) -> Settings:
        # Pydantic, which takes half of the time that a command without settings needs.
        from deployments.settings import load_settings

        return load_settings()

    def open_store(self) -> AbstractContextManager[StoreAccess]:
        """The run store, its schema checked; see `store_access.open_store`."""
        # SQLAlchemy and the driver, which many commands do without.
        from deployments.store_access import open_store

        return open_store(self.settings)

    def asked(self, tenant: str, ask: Callable[[Database, TenantScope], Found]) -> Found:
        """What `ask` finds in the tenant's store, for the user who calls."""
        with self.open_store() as store:
            return ask(store.database(), store.scope(tenant, self.acting_as))

    def operator_only(self, does: str) -> None:
        """ForbiddenError when acting as a member: only the local operator `does` what concerns every tenant."""
        if self.acting_as is not None:
            raise ForbiddenError(f"Only the local operator {does}; leave out --as.")

    def use_prefect(self) -> None:
        """Points Prefect at its server, before it is imported: one that knows no address would start a throw-away server."""
        # Certificates, which most commands do without.
        from deployments.orchestration.prefect_address import use_prefect

        use_prefect(self.settings)

    def note(self, text: str) -> None:
        print_blocks([text], file=sys.stderr)


def command(
    app: typer.Typer, name: str, **options: Any
) -> Callable[[Callable[..., Answer | None]], Callable[..., Answer | None]]:
    """Adds a command. `function` takes a `Call`, then its own parameters; `--json` and `--as` are added to these.

    `**options: Unpack[Options]` are parameters, too: those that the TypedDict declares for several commands.
    """

    def add(function: Callable[..., Answer | None]) -> Callable[..., Answer | None]:
        hints = get_type_hints(function, include_extras=True)
        own: list[inspect.Parameter] = []
        for parameter in list(inspect.signature(function).parameters.values())[1:]:
            hint = hints[parameter.name]
            if parameter.kind is not inspect.Parameter.VAR_KEYWORD:
                own.append(parameter.replace(annotation=hint))
                continue
            keyword = inspect.Parameter.KEYWORD_ONLY
            declared = get_type_hints(*get_args(hint), include_extras=True).items()
            own += [inspect.Parameter(one, keyword, default=None, annotation=option) for one, option in declared]
        shared = [
            inspect.Parameter("as_json", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=JsonOption),
            inspect.Parameter("acting_as", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=AsOption),
        ]

        @functools.wraps(function)
        def called(*, as_json: bool, acting_as: str | None, **own_values: Any) -> None:
            answer = function(Call(as_json, acting_as), **own_values)
            if answer is not None:
                print_json(answer.document) if as_json else print_blocks(answer.blocks)
                if answer.exit_code:
                    raise typer.Exit(answer.exit_code)

        parameters = [*(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own), *shared]
        called.__signature__ = inspect.Signature(parameters, return_annotation=None)  # type: ignore[attr-defined]
        called.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        del called.__wrapped__
        app.command(name, **options)(called)
        return function

    return add
