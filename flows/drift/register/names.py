"""Findings as they are shown, with the names that the tenant's store knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flows._policies.known_names import known_names
from flows.drift.comparison.naming import ids_of, named
from runstore.database import Database
from runstore.tenancy import TenantScope


def with_known_names(
    database: Database, scope: TenantScope, findings: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The findings with what their ids are called now; a name changed since is the one that is shown."""
    with database.transaction(scope) as connection:
        return named(findings, known_names(connection, scope, ids_of(findings)))
