"""The operation `drift.generate`: compare two syncs of a scope and keep what differs as findings."""

from enum import StrEnum
from typing import Final

from pydantic import Field, field_validator

from flows.producer import FlowParameters, Operation
from runstore.ids import uuid_or_none
from runstore.runs.operation import OperationType

DEFAULT_SCOPE: Final = "default"


class Against(StrEnum):
    """What the current sync is held against."""

    PREVIOUS = "previous"
    PINNED = "pinned"
    CHOSEN = "chosen"


class DriftParameters(FlowParameters):
    """What is compared with what. The descriptions are those of Prefect's form."""

    scope: str = Field(DEFAULT_SCOPE, description="The scope whose syncs are compared.")
    baseline: str | None = Field(None, description="The id of the sync to compare with; empty for what `against` says.")
    current: str | None = Field(None, description="The id of the sync that may have drifted; empty for the newest.")
    against: Against = Field(
        Against.PREVIOUS,
        description="Compare with the sync before (`previous`), the pinned baseline (`pinned`), or the named one (`chosen`).",
    )

    @field_validator("baseline", "current")
    @classmethod
    def _id(cls, value: str | None) -> str | None:
        if value is None or not value:
            return None
        found = uuid_or_none(value)
        if found is None:
            raise ValueError("a sync id is a UUID, as `tenantatlas inventory list` shows it")
        return str(found)


OPERATION: Final = Operation(
    type=OperationType("drift", "generate"),
    flow="flows.drift.flow:generate_drift",
    parameters=DriftParameters,
    description="Compares two syncs of a tenant and keeps what differs as findings.",
)
