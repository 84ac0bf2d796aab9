"""What a start of `drift.generate` checks before there is a run."""

from __future__ import annotations

from flows.drift.choosing import choose
from flows.drift.operation import DEFAULT_SCOPE, OPERATION, DriftParameters
from runstore.database import Database
from runstore.runs.starter import StartRequest
from runstore.tenancy import TenantScope


def generate_request(
    database: Database,
    scope: TenantScope,
    *,
    scope_key: str = DEFAULT_SCOPE,
    baseline: str | None = None,
    current: str | None = None,
    against: str | None = None,
) -> StartRequest:
    """The start request for a comparison, with both syncs chosen now: a sync that ends meanwhile changes nothing.

    BadInputError for a malformed id, a sync that may not serve, or fewer than two; NotFoundError for an id the tenant has
    no sync of. Reads under the caller's database role.
    """
    values = {"scope": scope_key, "baseline": baseline, "current": current, "against": against}
    given = {name: value for name, value in values.items() if value is not None}
    wanted = DriftParameters.model_validate(OPERATION.request(given).parameters)
    with database.transaction(scope) as connection:
        chosen = choose(connection, scope, wanted)
    return OPERATION.request(
        {
            "scope": scope_key,
            "baseline": str(chosen.baseline.id),
            "current": str(chosen.current.id),
            "against": chosen.against.value,
        }
    )
