"""Two workers, two relays and two hubs against one outside PostgreSQL and one Prefect server; one of each is stopped half-way.

    python -m tests.acceptance.two_of_each [RUNS]

Every process has a login of its own, over TCP with a password. RUNS runs (500) of 20 tenants are started tenant by tenant,
which is what fairness has to make up for. Prints a table of the tenants, and what does not hold; exit code 1 then.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import httpx
import psycopg
from rich.console import Console
from rich.table import Table

from deployments.local import specs
from deployments.local.process import READY_FILE, ManagedProcess, ProcessSpec
from deployments.local.specs import answers
from flows.registry import migration_folders, operations
from runstore import migrations
from runstore.database import Database, DatabaseRole
from runstore.directory import Directory
from runstore.runs.starter import start
from tests.support.outside_database import OutsideDatabase, outside_database
from tests.support.ports import free_port
from tests.support.stack import environment, eventually, fixture_producers, stack_environment

TENANTS = 20
UNFAIR = 3.0
PROCESSES = ("worker", "relay", "hub")
SECONDS_A_RUN = 6.0


@dataclass
class Outcome:
    """What came of it: seconds from start to running by tenant, how long it all took, and what did not hold."""

    waits: dict[str, list[float]] = field(default_factory=dict)
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)

    @property
    def means(self) -> dict[str, float]:
        """The mean wait of each tenant."""
        return {tenant: statistics.fmean(waits) for tenant, waits in self.waits.items()}

    @property
    def unfairness(self) -> float:
        """The longest mean wait of a tenant over the median one."""
        return max(self.means.values()) / statistics.median(self.means.values())


@dataclass
class Installation:
    """The running processes, by name: `worker-0`, `relay-1` …"""

    database: OutsideDatabase
    prefect_api_url: str
    processes: dict[str, ManagedProcess] = field(default_factory=dict)
    hubs: list[str] = field(default_factory=list)

    def stop_one_of_each(self) -> None:
        """Asks the first worker, relay and hub to end, as an upgrade does, and waits until they have."""
        for kind in PROCESSES:
            self.processes[f"{kind}-0"].stop()


def _spec(name: str, command: list[str], told: Mapping[str, str], home: Path, port: int = 0) -> ProcessSpec:
    ready = home / f"{name}.ready"
    address = f"http://127.0.0.1:{port}/readyz"
    return ProcessSpec(
        name=name,
        command=(*specs.TENANTATLAS, *command),
        environment={**os.environ, **told, READY_FILE: str(ready)},
        is_ready=(lambda: answers(address)) if port else ready.exists,
        ready_seconds=240,
        stop_seconds=90,
    )


@contextmanager
def installation(home: Path) -> Iterator[Installation]:
    """The block has all of it running, the schema made, every flow registered; afterwards nothing is left."""
    with ExitStack() as stack:
        database = stack.enter_context(outside_database(home / "postgres"))
        migrations.upgrade(database.url("atlas_owner"), migration_folders())
        database.add_logins()
        port = free_port()
        found = Installation(database, f"http://127.0.0.1:{port}/api")
        prefect = {"PREFECT_API_URL": found.prefect_api_url, "PREFECT_HOME": str(home / "prefect")}
        shared = {**specs.PREFECT_QUIET, **prefect, "TENANTATLAS_HOME": str(home)}
        server = specs.prefect_server(
            {**os.environ, **shared},
            database_url=database.url("prefect_owner", "prefect", driver="+asyncpg"),
            host="127.0.0.1",
            port=port,
            api_url=found.prefect_api_url,
        )
        wanted = [server]
        for number in range(2):
            worker = {**shared, "TENANTATLAS_WORKER_DATABASE_URL": database.url("atlas_worker")}
            wanted.append(_spec(f"worker-{number}", ["worker", "--name", f"worker-{number}"], worker, home))
            relay = {**shared, "TENANTATLAS_RELAY_DATABASE_URL": database.url("atlas_relay")}
            wanted.append(_spec(f"relay-{number}", ["relay"], relay, home))
            hub_port = free_port()
            found.hubs.append(f"http://127.0.0.1:{hub_port}")
            hub = {
                "TENANTATLAS_HOME": str(home),
                "TENANTATLAS_HUB_PORT": str(hub_port),
                "TENANTATLAS_SESSION_SECRET": "one secret for both, long enough to be one",
                "TENANTATLAS_HUB_DATABASE_URL": database.url("atlas_hub"),
                "TENANTATLAS_APP_DATABASE_URL": database.url("atlas_app"),
            }
            wanted.append(_spec(f"hub-{number}", ["hub", "--demo"], hub, home, hub_port))
        wanted.append(_spec("deploy", ["deploy", "--wait"], shared, home))
        for spec in wanted:
            found.processes[spec.name] = process = ManagedProcess(spec, home / "logs")
            stack.callback(process.stop)
        deploy = found.processes.pop("deploy")
        eventually(lambda: deploy.exit_code is not None, seconds=240)
        assert deploy.exit_code == 0, deploy.last_words()
        for process in found.processes.values():
            while process.state != "running":
                process.check()
                time.sleep(0.1)
        yield found


def two_of_each(home: Path, runs: int) -> Outcome:
    """Starts the runs, stops one of each kind of process when half of them have ended, and looks at what came of it."""
    tally = home / "tally"
    # Time to finish what runs when it is stopped, as an upgrade gives it: a stop in haste is the fault suite's.
    told = {
        "TENANTATLAS_WORKER_LIMIT": "8",
        "TENANTATLAS_LOOK_AFTER_SECONDS": "3",
        "TENANTATLAS_WORKER_DRAIN_SECONDS": "60",
    }
    with environment({**stack_environment(home), **told}), fixture_producers(), installation(home) as found:
        app = Database(found.database.url("atlas_app"), DatabaseRole.APP)
        owner = Database(found.database.url("atlas_owner"), DatabaseRole.ADMIN)
        admin = Directory(owner)
        scopes = []
        for number in range(TENANTS):
            admin.add_tenant(f"tenant-{number:02}", f"Tenant {number}")
            scopes.append(Directory(app).for_operator(f"tenant-{number:02}"))
        begun = time.monotonic()
        for number in range(runs):
            values = {"key": str(uuid4()), "tally": str(tally)}
            start(app, scopes[number * TENANTS // runs], operations()["echo.speak"].request(values))
        deadline = begun + 60 + runs * SECONDS_A_RUN
        half_way = False
        while (ended := _ended(found.database)) < runs and time.monotonic() < deadline:
            if ended >= runs // 2 and not half_way:
                half_way = True
                found.stop_one_of_each()
            time.sleep(0.2)
        outcome = Outcome(_waits(found.database), time.monotonic() - begun)
        outcome.problems = _problems(found, runs, tally)
        if outcome.unfairness > UNFAIR:
            outcome.problems.append(f"a tenant waited {outcome.unfairness:.1f} times the median")
        app.dispose()
        owner.dispose()
    return outcome


def _ended(database: OutsideDatabase) -> int:
    with psycopg.connect(database.url("postgres")) as connection:
        row = connection.execute("SELECT count(*) FROM operation_runs WHERE finished_at IS NOT NULL").fetchone()
    return 0 if row is None else row[0]


def _waits(database: OutsideDatabase) -> dict[str, list[float]]:
    found: dict[str, list[float]] = defaultdict(list)
    with psycopg.connect(database.url("postgres")) as connection:
        for tenant, wait in connection.execute(
            "SELECT t.slug, extract(epoch FROM coalesce(r.started_at, now()) - r.created_at)::float"
            " FROM operation_runs r JOIN tenants t ON t.id = r.tenant_id ORDER BY t.slug"
        ):
            found[tenant].append(wait)
    return dict(found)


def _problems(found: Installation, runs: int, tally: Path) -> list[str]:
    problems: list[str] = []
    with psycopg.connect(found.database.url("postgres")) as connection:
        ends = Counter(status for (status,) in connection.execute("SELECT status FROM operation_runs"))
        failed = connection.execute("SELECT id, failures FROM operation_runs WHERE status <> 'completed'").fetchall()
        attempts = Counter(attempt for (attempt,) in connection.execute("SELECT attempt FROM operation_runs"))
    if ends != {"completed": runs}:
        problems.append(f"not every run completed: {dict(ends)}; {failed[:5]}")
    if attempts != {1: runs}:
        problems.append(f"not every run took one attempt: {dict(attempts)}")
    done = Counter(tally.read_text().split()) if tally.exists() else Counter[str]()
    if len(done) != runs or set(done.values()) != {1}:
        problems.append(f"{sum(done.values())} executions of {len(done)} runs")
    with httpx.Client(base_url=f"{found.prefect_api_url}/") as prefect:
        known = prefect.post("flow_runs/count", json={}).json()
    if known != runs:
        problems.append(f"Prefect has {known} flow runs")
    answering = [hub for hub in found.hubs if answers(f"{hub}/readyz")]
    if answering != found.hubs[1:]:
        problems.append(f"these hubs answer: {answering}")
    problems += [
        f"{name} ended by itself: {process.last_words()}"
        for name, process in found.processes.items()
        if process.state == "running" and process.exit_code is not None
    ]
    return problems


def main() -> int:
    """The command; exit code 1 when something does not hold."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    console = Console()
    with tempfile.TemporaryDirectory(prefix="two", ignore_cleanup_errors=True) as home:
        outcome = two_of_each(Path(home), runs)
    table = Table("tenant", "runs", "mean wait s", "longest s", title="From start to running, by tenant")
    for tenant, waits in outcome.waits.items():
        table.add_row(tenant, str(len(waits)), f"{statistics.fmean(waits):.1f}", f"{max(waits):.1f}")
    console.print(table)
    console.print(f"{runs} runs in {outcome.seconds:.0f} s, one of each process stopped half-way")
    console.print(f"Longest mean wait of a tenant: {outcome.unfairness:.2f} times the median (at most {UNFAIR:.0f})")
    for problem in outcome.problems:
        console.print(problem, markup=False)
    return 1 if outcome.problems else 0


if __name__ == "__main__":
    sys.exit(main())
