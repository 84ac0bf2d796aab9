"""The operation `inventory.sync`: read a tenant's policies and keep them as one snapshot."""

import re
from collections.abc import Mapping
from typing import Any, Final

from pydantic import Field, field_validator

from flows._sources.opening import FOLDER, GRAPH, checked_source, one_spelling
from flows.producer import FlowParameters, Operation
from flows.registry import operations
from runstore.fence.redaction import looks_secret
from runstore.runs.operation import OperationType

DEFAULT_SCOPE: Final = "default"
PREVIOUS: Final = "previous"
PINNED: Final = "pinned"
_SCOPE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}")


class InventoryParameters(FlowParameters):
    """What is read, and what follows. The descriptions are those of Prefect's form."""

    source: str = Field(
        description="Where the policies come from: `graph`, or `folder:PATH` with a path on the worker."
    )
    scope: str = Field(
        DEFAULT_SCOPE,
        description="A name for what belongs together: only syncs of one scope are compared with each other.",
    )
    full: bool = Field(False, description="Read everything from Microsoft Graph, also what its lists show as unmoved.")
    then: str | None = Field(
        None, description="An operation to follow a sync that read something, such as `drift.generate`; empty for none."
    )
    then_against: str | None = Field(
        None, description="What it holds the sync against: the one before (`previous`), or the baseline (`pinned`)."
    )

    @field_validator("source")
    @classmethod
    def _source(cls, value: str) -> str:
        if value != GRAPH and not (value.startswith(FOLDER) and value != FOLDER):
            raise ValueError("it is `graph`, or `folder:PATH`")
        return one_spelling(value)

    @field_validator("scope")
    @classmethod
    def _scope(cls, value: str) -> str:
        return checked_scope(value)

    @field_validator("then")
    @classmethod
    def _then(cls, value: str | None) -> str | None:
        if not value:
            return None
        following = operations().get(value)
        if following is None or not {"scope", "current"} <= following.parameters.model_fields.keys():
            raise ValueError("it names no operation that takes a sync, as drift.generate and group.sync do")
        return value

    @field_validator("then_against")
    @classmethod
    def _then_against(cls, value: str | None) -> str | None:
        if value and value not in (PREVIOUS, PINNED):
            raise ValueError(f"it is {PREVIOUS} or {PINNED}")
        return value or None


def checked_scope(value: str) -> str:
    """The scope key as it is kept; ValueError for one that is empty, too long, or not of plain characters."""
    if not _SCOPE.fullmatch(value):
        raise ValueError("a scope is 1 to 128 letters, digits and . _ : / - and begins with a letter or digit")
    if looks_secret(value):
        raise ValueError("a scope is kept and shown as it is, and this one holds what looks like a secret")
    return value


_JOINS: Final = ("then", "then_against")


def _given(parameters: InventoryParameters) -> dict[str, Any]:
    return parameters.model_dump(mode="json", exclude_none=True)


def _read(parameters: InventoryParameters) -> dict[str, Any]:
    # Not what follows: a sync and the same one with `--then` would read the tenant twice at once.
    return parameters.model_dump(mode="json", exclude_none=True, exclude=set(_JOINS))


def _checked(values: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**values, "source": checked_source(values["source"])} if "source" in values else values


OPERATION: Final = Operation(
    type=OperationType("inventory", "sync"),
    flow="flows.inventory.flow:sync_inventory",
    parameters=InventoryParameters,
    description="Reads a tenant's policies and keeps them as a snapshot.",
    identity=_read,
    context=_given,
    about=("scope", "source"),
    joins=_JOINS,
    paths=("source",),
    checked=_checked,
)
