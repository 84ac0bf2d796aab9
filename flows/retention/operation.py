"""The operation `run.prune`: forget a tenant's runs that finished long ago."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

from pydantic import Field, field_validator

from flows.producer import FlowParameters, Operation
from runstore.runs.operation import OperationType

_DAYS: Final = re.compile(r"([1-9]\d{0,4})d")


class PruneParameters(FlowParameters):
    """Which runs are forgotten. The description is that of Prefect's form."""

    older_than: str = Field(
        "180d", description="The age of the runs that are forgotten: a number of days, such as 180d."
    )

    @field_validator("older_than")
    @classmethod
    def _days(cls, value: str) -> str:
        if not _DAYS.fullmatch(value):
            raise ValueError("an age is a number of days from 1d to 99999d, such as 180d")
        return value

    @property
    def age(self) -> timedelta:
        """The age as a span."""
        return timedelta(days=int(self.older_than[:-1]))


OPERATION: Final = Operation(
    type=OperationType("run", "prune"),
    flow="flows.retention.flow:prune",
    parameters=PruneParameters,
    description="Forgets runs that finished long ago, with their notifications.",
    about=("older_than",),
)
