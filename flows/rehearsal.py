"""How a producer shows the ends of its operation: values to start it with, and what has to be there before.

The contract suite runs each rehearsal of every producer through a real stack, and stops and kills the one that succeeds.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from runstore.database import Database
from runstore.runs.status import RunStatus
from runstore.tenancy import TenantScope

ENDS = (RunStatus.COMPLETED, RunStatus.COMPLETED_WITH_ERRORS, RunStatus.FAILED)
"""The ends that a producer has a rehearsal for, or None where its operation cannot end so."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a rehearsal plays: an empty folder that the worker reads, a tenant of its own, and its store."""

    place: Path
    scope: TenantScope
    store: Database
    run: Callable[[str, Mapping[str, Any]], None]
    """Runs an operation, as `inventory.sync`, with these values to its end."""

    def write(self, name: str, content: str) -> None:
        """Puts a file into the place."""
        path = self.place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


Rehearsal: TypeAlias = Callable[[Stage], Mapping[str, Any]]
"""Prepares the stage and answers the values to start the operation with."""

Rehearsals: TypeAlias = Mapping[RunStatus, Rehearsal | None]
"""`REHEARSALS` of a producer's `rehearsals.py`: one for each of ENDS."""

POLICY_ID: Final = "11111111-2222-4333-8444-555555555555"


def one_policy(stage: Stage, *, password_length: int = 8) -> Mapping[str, Any]:
    """A folder with one compliance policy."""
    policy: dict[str, Any] = {
        "@odata.type": "#microsoft.graph.windows10CompliancePolicy",
        "id": POLICY_ID,
        "displayName": "Rehearsal",
        "passwordRequired": True,
        "passwordMinimumLength": password_length,
        "assignments": [],
    }
    stage.write("Compliance Policies/Rehearsal.json", json.dumps(policy))
    return {"source": f"folder:{stage.place}"}


def one_unreadable(stage: Stage) -> Mapping[str, Any]:
    """The same folder with a file that was cut short beside it."""
    stage.write("Compliance Policies/Cut short.json", '{"@odata.type": "#microsoft.graph.iosCompliancePolicy", "id": ')
    return one_policy(stage)
