"""What a start of `backup_set.add_policies` checks before there is a run."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from flows.backup.operation import MOST_POLICIES, OPERATION
from flows.backup.sets import get_set
from runstore.database import Database
from runstore.errors import BadInputError
from runstore.ids import checked_id
from runstore.runs.starter import StartRequest
from runstore.tenancy import Permission, TenantScope


def add_policies_request(
    database: Database, scope: TenantScope, set_id: str, policy_ids: Sequence[str] = (), *, all_policies: bool = False
) -> StartRequest:
    """The start request, identical for the same policies in whatever order. ForbiddenError, BadInputError."""
    scope.require(Permission.OPERATE)
    wanted = [policy_id.strip() for policy_id in policy_ids]
    if all_policies and wanted:
        raise BadInputError("Name policies with --policy or ask for all with --all: one of the two.")
    if not all_policies and not wanted:
        raise BadInputError("No policy is selected: name some with --policy, or ask for every one with --all.")
    if len(wanted) > MOST_POLICIES:
        raise BadInputError(f"At most {MOST_POLICIES} policies can be named at once; use --all for every one.")
    if any(not 0 < len(policy_id) <= 200 for policy_id in wanted):
        raise BadInputError(
            "A policy id has 1 to 200 characters; `tenantatlas inventory policies` lists those there are."
        )
    get_set(database, scope, checked_set_id(set_id))
    return OPERATION.request({"set_id": set_id, "policy_ids": wanted, "all_policies": all_policies})


def checked_set_id(text: str) -> UUID:
    """The id of a set from what a person wrote; BadInputError for what is not an id."""
    return checked_id(text, f"{text[:80]!r} is not the id of a backup set; `tenantatlas backup list` shows the ids.")
