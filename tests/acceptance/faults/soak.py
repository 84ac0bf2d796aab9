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
from runstore.tenancy import Role
from tests.acceptance.faults.harness import Faults, second_relay
from tests.acceptance.faults.invariants import not_one_flow_run, violations, watch
from tests.support.stack import StackUnderTest, environment, eventually, fixture_producers, stack_environment

BATCH = 5
"""Runs from one fault to the next."""

MOST_ACTIVE = 10
SETTLE_SECONDS = 60
BEHAVIOURS = ("finish", "finish", "finish", "finish", "raise", "die")


def soak(runs: int, seed: int, console: Console) -> list[str]:
    """Runs the soak; the broken invariants, none if all is well."""
    random = Random(seed)
    with tempfile.TemporaryDirectory(prefix="soak", ignore_cleanup_errors=True) as folder:
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
    scope = stack.tenant("soak")
    directory = Directory(stack.database(DatabaseRole.ADMIN))
    for role in (Role.OWNER, Role.MANAGER):
        directory.grant(scope, f"{role.value}@soak.example", role)
    watch(stack.running.database_url)
    faults = Faults(stack, home, random)
    started: set[object] = set()
    reader = RunReader(stack.database(DatabaseRole.HUB), scope)
    while len(started) < runs:
        # How many runs this machine can do at once is not the subject, and a backlog would only hide what is.
        eventually(lambda: _active(reader) < MOST_ACTIVE, seconds=SETTLE_SECONDS * 2)
        for _ in range(min(BATCH, runs - len(started))):
            values = {
                "key": str(len(started)),
                "succeed": str(random.randint(0, 6)),
                "fail": str(random.choice((0, 0, 1, 2))),
                "skip": str(random.choice((0, 1))),
                "behaviour": random.choice(BEHAVIOURS),
                "item_seconds": random.choice(("0", "0.05", "0.3")),
            }
            started.add(stack.start(scope, "echo.speak", values).run.id)
        time.sleep(random.uniform(0.2, 2.0))  # a fault comes at any moment of a batch
        faults.one()
        console.print(f"{len(started)} of {runs} runs started, {sum(faults.counts.values())} faults")
    faults.mend()
    deadline = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < deadline and _active(reader):
        time.sleep(0.5)
    settled = SETTLE_SECONDS - max(0.0, deadline - time.monotonic())
    with psycopg.connect(stack.running.database_url) as connection:
        broken = violations(connection, started, members=2)
    with stack.prefect() as client:
        broken += not_one_flow_run(client, started)
    _report(console, faults, stack.running.database_url, settled, broken)
    return broken


def _active(reader: RunReader) -> int:
    counts = reader.bucket_counts(RunFilter())
    return sum(counts[bucket] for bucket in UNFINISHED)


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
