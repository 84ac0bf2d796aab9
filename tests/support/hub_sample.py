"""Two tenants full of runs of every kind: what pages are looked at with, in tests and in the documentation's pictures."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

from runstore.database import Database, DatabaseRole
from runstore.directory import Directory
from runstore.reasons import CANCELLED, CRASHED, INTERNAL_ERROR, TIMED_OUT
from runstore.runs.run import Failure, RelatedLink
from runstore.runs.status import RunStatus
from runstore.tenancy import Role, TenantScope, Trigger
from tests.support.runs import RunSpec, add_notification, add_runs

_SPACE = UUID("5f1d6a4e-1c5b-4c53-9d0a-3f3c8f0f7a11")
_TYPES = ("inventory.sync", "drift.generate", "backup_set.add_policies", "inventory.sync", "drift.generate")
_PEOPLE = ("ada@northwind.example", "grace@northwind.example", "schedule", "linus@northwind.example")


def sample_id(name: str) -> UUID:
    """A stable id for a thing of the sample."""
    return uuid5(_SPACE, name)


@dataclass(frozen=True)
class Sample:
    """The scopes and the runs a test may want by name."""

    northwind: TenantScope
    fabrikam: TenantScope
    partial: UUID
    running: UUID
    foreign: UUID


def fill(url: str) -> Sample:
    """Puts the sample into a migrated, empty store."""
    admin, worker = Database(url, DatabaseRole.ADMIN), Database(url, DatabaseRole.WORKER)
    directory = Directory(admin)
    try:
        scopes: dict[str, TenantScope] = {}
        for slug, name in (("northwind", "Northwind Traders"), ("fabrikam", "Fabrikam Manufacturing")):
            directory.add_tenant(slug, name)
            scope = directory.for_operator(slug)
            for email, role in (
                ("ada", Role.OWNER),
                ("grace", Role.OPERATOR),
                ("linus", Role.READONLY),
                ("mary", Role.MANAGER),
            ):
                if slug == "northwind" or email == "ada":
                    directory.grant(scope, f"{email}@northwind.example", role)
            if slug == "fabrikam":
                directory.grant(scope, "frank@fabrikam.example", Role.OWNER)
            scopes[slug] = scope
        north, fab = scopes["northwind"], scopes["fabrikam"]
        ada = directory.for_operator("northwind", "ada@northwind.example")
        specs = _runs()
        add_runs(worker, north, specs)
        foreign = RunSpec(id=sample_id("foreign"), type="inventory.sync", total=12, succeeded=12)
        add_runs(worker, fab, [foreign, *(_spec(i, random.Random(i + 900)) for i in range(8))])
        for number, spec in enumerate(specs[:7]):
            kind = "queued" if spec.status in (RunStatus.PENDING, RunStatus.RUNNING) else "finished"
            if number != 3:
                add_notification(worker, ada, spec.id, kind, spec.status)
        return Sample(north, fab, sample_id("partial"), sample_id("running"), foreign.id)
    finally:
        admin.dispose()
        worker.dispose()


def _runs() -> list[RunSpec]:
    now = datetime.now(UTC)
    failures = [
        *(TIMED_OUT.failure(f"Windows 11 – Baseline v{n}.json", seconds=120) for n in range(1, 8)),
        INTERNAL_ERROR.failure(
            "iOS – App protection (pilot).json", class_name="KeyError", correlation_id="4fe1c09a77b2"
        ),
        CRASHED.failure("macOS – FileVault.json"),
    ]
    special = [
        RunSpec(
            id=sample_id("running"), type="inventory.sync", status=RunStatus.RUNNING, total=184, succeeded=97,
            failures=failures[:2], created_at=now - timedelta(seconds=74), initiated_by=_PEOPLE[0],
            context={"scope": "all", "source": "graph"}, flow_run_id=sample_id("flow"),
        ),
        RunSpec(
            id=sample_id("queued"), type="drift.generate", status=RunStatus.PENDING,
            created_at=now - timedelta(seconds=20), initiated_by=_PEOPLE[1],
        ),
        RunSpec(
            id=sample_id("partial"), type="inventory.sync", status=RunStatus.COMPLETED_WITH_ERRORS, total=46,
            succeeded=35, failures=failures, skipped=2, created_at=now - timedelta(minutes=26), initiated_by=_PEOPLE[0],
            context={"scope": "windows", "source": "folder:/srv/exports/windows"}, item_ids=[f"policy-{n:03}" for n in range(46)],
            related=(RelatedLink("Inventory of this sync", "/inventory", {}), RelatedLink("Drift findings", "/findings", {})),
            attempt=1, flow_run_id=sample_id("flow-2"), lasted=timedelta(minutes=1, seconds=52),
        ),
        RunSpec(
            id=sample_id("failed"), type="backup_set.add_policies", status=RunStatus.FAILED, attempt=2,
            failures=(CRASHED.failure(),), created_at=now - timedelta(hours=2), initiated_by=_PEOPLE[3],
        ),
        RunSpec(
            id=sample_id("aborted"), type="drift.generate", status=RunStatus.ABORTED, total=80, succeeded=31,
            failures=[CANCELLED.failure()],
            created_at=now - timedelta(hours=5), initiated_by=_PEOPLE[1],
        ),
        RunSpec(
            id=sample_id("silent"), type="inventory.sync", status=RunStatus.RUNNING, total=60, succeeded=12,
            created_at=now - timedelta(minutes=9), contact_lost=True, trigger=Trigger.SCHEDULE, initiated_by="schedule",
        ),
    ]  # fmt: skip
    chance = random.Random(7)
    return [*special, *(_spec(number, chance) for number in range(170))]


def _spec(number: int, chance: random.Random) -> RunSpec:
    total = chance.choice((0, 24, 31, 46, 120, 184))
    roll = chance.random()
    person = chance.choice(_PEOPLE)
    failed: list[Failure] = []
    status = RunStatus.COMPLETED
    if roll > 0.93:
        failed, status = [CRASHED.failure()], RunStatus.FAILED
    elif roll > 0.8 and total:
        failed = [TIMED_OUT.failure(f"item {n}", seconds=30) for n in range(chance.randint(1, 9))]
        status = RunStatus.COMPLETED_WITH_ERRORS
    return RunSpec(
        type=chance.choice(_TYPES),
        status=status,
        total=total if status is not RunStatus.FAILED else 0,
        succeeded=0 if status is RunStatus.FAILED else max(total - len(failed), 0),
        failures=failed,
        created_at=datetime.now(UTC) - timedelta(hours=6 + number * 1.9, minutes=chance.randint(0, 59)),
        lasted=timedelta(seconds=chance.uniform(4, 260)),
        trigger=Trigger.SCHEDULE if person == "schedule" else Trigger.USER,
        initiated_by=person,
        context={"scope": chance.choice(("default", "windows", "ios"))},
    )
