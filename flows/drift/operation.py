"""The operation `drift.generate`: compare two syncs of a scope and keep what differs as findings."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from pydantic import field_validator

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
    """`scope` is the scope key of the syncs. `baseline` and `current` are sync ids; without them the newest two are taken,
    or, `against` the pinned baseline, that and the newest."""

    scope: str = DEFAULT_SCOPE
    baseline: str | None = None
    current: str | None = None
    against: Against = Against.PREVIOUS

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
