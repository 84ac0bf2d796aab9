"""The operation `backup_set.add_policies`: put policies of the tenant, as they are now, into a backup set."""

import hashlib
from typing import Final, Self
from uuid import UUID

from pydantic import Field, field_validator, model_validator

from flows.producer import FlowParameters, Operation
from runstore.runs.operation import OperationType
from runstore.runs.run import RelatedLink

MOST_POLICIES: Final = 10_000
"""Ids one request may name; they travel through Prefect, which bounds parameters. Everything is asked for with `all`."""

SHOWN_ITEMS: Final = 5_000
"""Item ids that are put on the run; of more, only the number is."""


class AddPoliciesParameters(FlowParameters):
    """Which policies go into which set. The descriptions are those of Prefect's form."""

    set_id: str = Field(description="The id of the backup set, as its page in the hub shows it.")
    policy_ids: tuple[str, ...] = Field(
        default=(),
        max_length=MOST_POLICIES,
        description="The ids of the policies; none where all of them are asked for.",
    )
    all_policies: bool = Field(False, description="Every policy of the tenant, instead of the ones that are named.")

    @field_validator("set_id")
    @classmethod
    def _set_id(cls, value: str) -> str:
        return str(UUID(value))

    @field_validator("policy_ids")
    @classmethod
    def _policy_ids(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any(not 0 < len(policy_id) <= 200 for policy_id in value):
            raise ValueError("a policy id has 1 to 200 characters")
        return tuple(sorted(set(value)))

    @model_validator(mode="after")
    def _one_selection(self) -> Self:
        if self.all_policies == bool(self.policy_ids):
            raise ValueError("name policies or ask for all of them, one of the two")
        return self

    @property
    def selection_key(self) -> str:
        if self.all_policies:
            return "all"
        return hashlib.sha256("\n".join(self.policy_ids).encode("utf-8", "surrogatepass")).hexdigest()


OPERATION: Final = Operation(
    type=OperationType("backup_set", "add_policies"),
    flow="flows.backup.flow:add_policies",
    parameters=AddPoliciesParameters,
    description="Puts policies, as they are now, into a backup set.",
    identity=lambda asked: {"set": asked.set_id, "policies": asked.selection_key},
    context=lambda asked: {
        "backup_set_id": asked.set_id,
        "policies": "all" if asked.all_policies else len(asked.policy_ids),
    },
    item_ids=lambda asked: asked.policy_ids[:SHOWN_ITEMS],
    related=lambda asked: (RelatedLink("Backup set", "backup-sets", {"set": asked.set_id}),),
    about=("backup_set_id",),
)
