"""The operation `run.prune`: forget a tenant's runs that finished long ago, and what else is no longer needed."""

import re
from datetime import timedelta
from typing import Final

from pydantic import Field, field_validator

from flows.producer import FlowParameters, Operation
from runstore.runs.operation import OperationType

_DAYS: Final = re.compile(r"([1-9]\d{0,4})d")


def age(text: str) -> timedelta:
    """The span of a number of days, such as 180d. ValueError for anything else."""
    if not _DAYS.fullmatch(text):
        raise ValueError("an age is a number of days from 1d to 99999d, such as 180d")
    return timedelta(days=int(text[:-1]))


class PruneParameters(FlowParameters):
    older_than: str = Field(
        "180d", description="The age of the runs that are forgotten: a number of days, such as 180d."
    )

    findings: str | None = Field(
        None, description="The age of resolved findings that are forgotten, such as 365d. Empty: they are kept."
    )
    snapshots: str | None = Field(
        None,
        description="The age of snapshots that are forgotten unless a baseline, an open finding or the next comparison needs"
        " them, such as 365d. Empty: they are kept.",
    )

    @field_validator("older_than", "findings", "snapshots")
    @classmethod
    def _days(cls, value: str | None) -> str | None:
        if value:
            age(value)
        return value or None

    @property
    def kept(self) -> dict[str, timedelta]:
        given = {"findings": self.findings, "snapshots": self.snapshots}
        return {name: age(value) for name, value in given.items() if value}


OPERATION: Final = Operation(
    type=OperationType("run", "prune"),
    flow="flows.retention.flow:prune",
    parameters=PruneParameters,
    description="Forgets runs that finished long ago, with their notifications, and old findings and snapshots if asked to.",
    about=("older_than",),
)
