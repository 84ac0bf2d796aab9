"""The operation `group.sync`: read the groups that a sync's policies refer to."""

from typing import Final
from uuid import UUID

from pydantic import Field

from flows.producer import FlowParameters, Operation
from runstore.runs.operation import OperationType


class GroupParameters(FlowParameters):
    scope: str = Field("default", description="The scope whose newest sync says which groups policies refer to.")
    current: UUID | None = Field(None, description="The id of a sync that says so instead; empty for the newest.")


OPERATION: Final = Operation(
    type=OperationType("group", "sync"),
    flow="flows.groups.flow:sync_groups",
    parameters=GroupParameters,
    description="Reads the groups that policies refer to: name, kind, membership rule, member count.",
    timeout_seconds=3600,
)
