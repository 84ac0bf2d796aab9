"""`make soak N=500`: that many runs under random faults, then every invariant, then a table of what was broken how often.

The seed is printed; `python -m tests.acceptance.faults.soak 500 SEED` breaks the same things in the same order.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from random import Random

from rich.console import Console
from rich.table import Table

from deployments.embedded_database import EmbeddedDatabase
from deployments.settings import load_settings
from deployments.stack.local_stack import LocalStack
from runstore.database import DatabaseRole
from runstore.directory import Directory
from runstore.filters import RunFilter
from runstore.reader import RunReader
from runstore.status import StatusBucket
from runstore.tenancy import Role
from tests.acceptance.faults.harness import Faults
from tests.acceptance.faults.invariants import violations
from tests.support.stack import StackUnderTest, environment, fixture_producers, stack_environment

BATCH = 10
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
                return _soak(stack, EmbeddedDatabase(home), runs, random, console)
            finally:
                stack.dispose()


def _soak(stack: StackUnderTest, home: EmbeddedDatabase, runs: int, random: Random, console: Console) -> list[str]:
    scope = stack.tenant("soak")
    directory = Directory(stack.database(DatabaseRole.ADMIN))
    for role in (Role.OWNER, Role.MANAGER):
        directory.grant(scope, f"{role.value}@soak.example", role)
    faults = Faults(stack, home, random)
    started: set[object] = set()
    while len(started) < runs:
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
    reader = RunReader(stack.database(DatabaseRole.HUB), scope)
    deadline = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < deadline:
        counts = reader.bucket_counts(RunFilter())
        if counts[StatusBucket.QUEUED] + counts[StatusBucket.RUNNING] == 0:
            break
        time.sleep(0.5)
    broken = violations(stack.running.database_url, started, members=2)
    _report(console, faults, reader.bucket_counts(RunFilter()), broken)
    return broken


def _report(console: Console, faults: Faults, ends: dict[StatusBucket, int], broken: list[str]) -> None:
    table = Table("fault", "times", title="What was broken")
    for kind, times in sorted(faults.counts.items()):
        table.add_row(kind, str(times))
    console.print(table)
    console.print("Ends: " + ", ".join(f"{bucket.value} {number}" for bucket, number in ends.items()))
    console.print(f"Broken invariants: {len(broken)}")
    for problem in broken[:50]:
        console.print(problem, markup=False)


def main() -> int:
    """The command; exit code 1 when an invariant is broken."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())
    console = Console()
    console.print(f"{runs} runs, seed {seed}")
    return 1 if soak(runs, seed, console) else 0


if __name__ == "__main__":
    sys.exit(main())
