"""`make soak N=500`: that many runs under random faults, then every invariant, then a table of what was broken how often.

The seed is printed; `python -m tests.acceptance.faults.soak 500 SEED` draws from it again. What there is to break depends on the
moment, so the second time is alike, not the same.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import Any

import psycopg
from rich.console import Console
from rich.table import Table

from deployments.local.embedded_database import EmbeddedDatabase
from deployments.local.local_stack import LocalStack
from deployments.local.specs import logs_of
from deployments.settings import load_settings
from runstore.database import DatabaseRole
from runstore.directory import Directory
from runstore.runs.filters import RunFilter
from runstore.runs.reader import RunReader
from runstore.runs.status import UNFINISHED
from runstore.tenancy import Role, TenantScope
from tests.acceptance.faults.harness import Faults, second_relay
from tests.acceptance.faults.invariants import done_twice, not_one_flow_run, untold, violations, watch
from tests.support.stack import StackUnderTest, environment, eventually, fixture_producers, stack_environment

BATCH = 2
"""Runs from one fault to the next."""

TENANTS = 6
SCHEDULED = 2
"""Tenants with a schedule of their own besides."""

MOST_ACTIVE = 10
SETTLE_SECONDS = 120
BEHAVIOURS = ("finish", "finish", "finish", "finish", "raise", "die")


def soak(runs: int, seed: int, console: Console) -> list[str]:
    """Runs the soak; the broken invariants, none if all is well."""
    random = Random(seed)
    with tempfile.TemporaryDirectory(prefix="soak-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        scaled = {
            **stack_environment(home),
            "TENANTATLAS_LOOK_AFTER_SECONDS": "2",
            "TENANTATLAS_CONTACT_LOST_AFTER_SECONDS": "5",
            "TENANTATLAS_GIVE_UP_AFTER_SECONDS": "20",
        }
        with (
            environment({**scaled, "PATH": os.environ["PATH"]}),
            fixture_producers(),
            LocalStack(load_settings()) as running,
        ):
            stack = StackUnderTest(running)
            try:
                with second_relay(stack):
                    broken = _soak(stack, EmbeddedDatabase(home), runs, random, console)
                if broken:
                    kept = shutil.copytree(
                        logs_of(running.settings), tempfile.mkdtemp(prefix="soak-logs"), dirs_exist_ok=True
                    )
                    console.print(f"The logs are kept in {kept}.")
                return broken
            finally:
                stack.dispose()


def _soak(stack: StackUnderTest, home: EmbeddedDatabase, runs: int, random: Random, console: Console) -> list[str]:
    scopes = [stack.tenant(f"soak-{number}") for number in range(TENANTS)]
    directory = Directory(stack.database(DatabaseRole.ADMIN))
    for scope in scopes:
        for role in (Role.OWNER, Role.MANAGER):
            directory.grant(scope, f"{role.value}@soak.example", role)
    watch(stack.running.database_url)
    faults = Faults(stack, home, random)
    items = Path(os.environ["TENANTATLAS_HOME"]) / "items"
    items.touch()
    starts = Starts(stack)
    for scope in scopes[:SCHEDULED]:
        starts.schedule(scope, {"key": "scheduled", "succeed": "3", "item_seconds": "0.3", "items": str(items)})
    readers = [RunReader(stack.database(DatabaseRole.HUB), scope) for scope in scopes]
    while starts.count < runs:
        # How many runs this machine can do at once is not the subject, and a backlog would only hide what is.
        eventually(lambda: _active(readers) < MOST_ACTIVE, seconds=SETTLE_SECONDS * 2)
        for _ in range(min(BATCH, runs - starts.count)):
            values = {
                "key": str(starts.count),
                "succeed": str(random.randint(0, 6)),
                "fail": str(random.choice((0, 0, 1, 2))),
                "skip": str(random.choice((0, 1))),
                "behaviour": random.choice(BEHAVIOURS),
                "item_seconds": random.choice(("0", "0.05", "0.3")),
                "items": str(items),
            }
            random.choice((starts.by_action, starts.by_prefect))(random.choice(scopes), values)
        time.sleep(random.uniform(0.0, 2.0))  # a fault comes at any moment of a start or a batch
        faults.one()
        console.print(f"{starts.count} of {runs} runs started, {sum(faults.counts.values())} faults")
    faults.repair()
    starts.pause_schedules()
    deadline = time.monotonic() + SETTLE_SECONDS
    broken = ["nothing was looked at"]
    with psycopg.connect(stack.running.database_url, autocommit=True) as connection, stack.prefect() as client:
        while broken and time.monotonic() < deadline:
            time.sleep(1)
            broken = untold(connection, client, faults.deleted)
        settled = SETTLE_SECONDS - max(0.0, deadline - time.monotonic())
        broken += violations(connection, starts.rows, members=2, resumed=[*faults.resumed])
        broken += not_one_flow_run(client, starts.rows - _deleted(connection, faults))
        broken += done_twice(connection, items.read_text().splitlines(), faults.resumed)
    _report(console, faults, stack.running.database_url, settled, broken)
    return broken


class Starts:
    """Starts runs in each way there is, and knows the rows that a start action made."""

    def __init__(self, stack: StackUnderTest) -> None:
        self._stack = stack
        self._schedules: list[str] = []
        self.rows: set[object] = set()
        self.count = 0

    def by_action(self, scope: TenantScope, values: dict[str, str]) -> None:
        """As the hub and the command line do."""
        self.rows.add(self._stack.start(scope, "echo.speak", values).run.id)
        self.count += 1

    def by_prefect(self, scope: TenantScope, values: dict[str, str]) -> None:
        """As a custom run, an automation or `prefect deployment run` does."""
        with self._stack.prefect() as client:
            base = client.get("deployments/name/echo.speak/tenantatlas").raise_for_status().json()["id"]
            body = {"parameters": {"tenant": scope.slug, **values}}
            client.post(f"deployments/{base}/create_flow_run", json=body).raise_for_status()
        self.count += 1

    def schedule(self, scope: TenantScope, values: dict[str, str]) -> None:
        """A deployment of the tenant's own, every ten seconds."""
        with self._stack.prefect() as client:
            base = client.get("deployments/name/echo.speak/tenantatlas").raise_for_status().json()
            copied = ("flow_id", "entrypoint", "work_pool_name", "work_queue_name", "job_variables")
            body = {
                **{name: base[name] for name in copied},
                "name": scope.slug,
                "tags": ["tenantatlas", "echo.speak", f"tenant:{scope.slug}"],
                "parameters": {"tenant": scope.slug, **values},
                "schedules": [{"active": True, "schedule": {"interval": 10}}],
            }
            self._schedules.append(client.post("deployments/", json=body).raise_for_status().json()["id"])

    def pause_schedules(self) -> None:
        """What they planned is forgotten; what has begun goes on."""
        with self._stack.prefect() as client:
            for deployment in self._schedules:
                client.post(f"deployments/{deployment}/pause_deployment").raise_for_status()


def _deleted(connection: psycopg.Connection[Any], faults: Faults) -> set[object]:
    """The runs whose flow runs were deleted: one by one, or with their deployment, which takes what waits at that moment."""
    rows = connection.execute(_DELETED, (list(faults.deleted), faults.deployment_deleted_at))
    return {row[0] for row in rows}


def _active(readers: list[RunReader]) -> int:
    counts = [reader.bucket_counts(RunFilter()) for reader in readers]
    return sum(each[bucket] for each in counts for bucket in UNFINISHED)


def _report(console: Console, faults: Faults, url: str, settled: float, broken: list[str]) -> None:
    table = Table("fault", "times", title="What was broken")
    for kind, times in sorted(faults.counts.items()):
        table.add_row(kind, str(times))
    console.print(table)
    ends = Table("end", "reason of the run", "said by", "runs", title="How the runs ended")
    with psycopg.connect(url) as connection:
        for row in connection.execute(_ENDS):
            ends.add_row(*(str(cell or "") for cell in row))
    console.print(ends)
    console.print(f"The last run ended {settled:.0f} s after everything was back.")
    console.print(f"Broken invariants: {len(broken)}")
    for problem in broken[:50]:
        console.print(problem, markup=False)


_DELETED = """
SELECT id FROM operation_runs WHERE flow_run_id = ANY(%s::uuid[])
  OR (created_at < %s::timestamptz AND failures @> '[{"item_id": "run", "reason_code": "flow_run_deleted"}]'
      AND NOT history @> '[{"status": "running"}]')
"""

_ENDS = """
SELECT status, (SELECT max(f ->> 'reason_code') FROM jsonb_array_elements(failures) f WHERE f ->> 'item_id' = 'run'), last_source,
       count(*) FROM operation_runs GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""


def main() -> int:
    """The command; exit code 1 when an invariant is broken."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())
    console = Console()
    console.print(f"{runs} runs, seed {seed}")
    return 1 if soak(runs, seed, console) else 0


if __name__ == "__main__":
    sys.exit(main())
