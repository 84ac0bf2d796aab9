"""What scheduled tenants cost Prefect's server: a deployment each, beside all of them as schedules of three deployments.

First nothing is scheduled, then TENANTS tenants of three operations have a deployment each, then the same schedules hang on the
operations' own deployments, as earlier releases kept them: all on one local stack, in the same run. The aim is that a flow
run is made at least four times as fast as there, and that the server's processor shows no difference to nothing scheduled.

    python -m benchmarks.bench_schedules [TENANTS]

Planning is waited for PLANNING_SECONDS under each layout; what is planned by then is said.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
from prefect.settings import PREFECT_API_URL, temporary_settings

from deployments.local.local_stack import LocalStack
from deployments.orchestration.schedules import changes
from deployments.orchestration.schedules.changes import find
from deployments.orchestration.schedules.times import parse_timing
from deployments.settings import load_settings
from tests.support.stack import StackUnderTest, environment, fixture_producers, stack_environment

TENANTS = int(sys.argv[1]) if len(sys.argv) > 1 else 500
OPERATIONS = {"inventory.sync": {"source": "graph"}, "drift.generate": {}, "run.prune": {}}
QUIET_SECONDS = 30
PLANNING_SECONDS = 600
TIMES = 20
STARTS = 5


def milliseconds(call: Callable[[], object], times: int = TIMES) -> float:
    """The median duration of the call."""
    found: list[float] = []
    for _ in range(times):
        begun = time.perf_counter()
        call()
        found.append((time.perf_counter() - begun) * 1000)
    return statistics.median(found)


class Measured:
    """The stack, and what is asked of it under each layout."""

    def __init__(self, stack: StackUnderTest, prefect: httpx.Client) -> None:
        self.stack = stack
        self.prefect = prefect
        self.scope = stack.tenant("bench")
        self.server = psutil.Process(stack.process("prefect-server").pid or 0)

    def cpu(self) -> float:
        """The server's share of one core over QUIET_SECONDS, in percent."""
        begun = sum(self.server.cpu_times()[:2])
        time.sleep(QUIET_SECONDS)
        return (sum(self.server.cpu_times()[:2]) - begun) / QUIET_SECONDS * 100

    def planned(self) -> int:
        """How many runs the server has planned."""
        wanted = {"flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}, "tags": {"all_": ["auto-scheduled"]}}}
        return self.prefect.post("flow_runs/count", json=wanted).json()

    def until_planned(self, wanted: int) -> str:
        """How many runs are planned once all are, or after PLANNING_SECONDS, and when that was."""
        begun = time.perf_counter()
        while (found := self.planned()) < wanted and time.perf_counter() - begun < PLANNING_SECONDS:
            time.sleep(5)
        return f"{found} of {wanted} runs planned after {time.perf_counter() - begun:.0f} s"

    def ask(self, path: str, body: dict[str, object]) -> None:
        """One request that has to be answered."""
        self.prefect.post(path, json=body).raise_for_status()

    def to_running(self) -> float:
        """Seconds from a start action to Running."""
        begun = time.time()
        started = self.stack.start(self.scope, "echo.speak", {"key": str(begun)})
        detail = self.stack.until(self.scope, started.run.id)
        assert detail.run.started_at is not None
        return detail.run.started_at.timestamp() - begun

    def report(self, name: str, deployment: str, made: str) -> None:
        """One line of figures; `deployment` is the one a flow run is made of."""
        id = self.prefect.get(f"deployments/name/{deployment}").json()["id"]
        parameters = {"parameters": {"tenant": "tenant-0"}, "state": {"type": "CANCELLED"}}
        create = milliseconds(lambda: self.ask(f"deployments/{id}/create_flow_run", parameters))
        page = milliseconds(lambda: self.ask("deployments/paginate", {"page": 1, "limit": 50}), 5)
        listing = milliseconds(lambda: self.ask("deployments/filter", {"limit": 200}), 5)
        start = statistics.median(self.to_running() for _ in range(STARTS))
        cpu, memory = self.cpu(), self.server.memory_info().rss / 2**20
        print(
            f"{name:<22} {made}\n{'':<22} server {cpu:5.1f} % of a core, {memory:4.0f} MB   flow run made in {create:6.1f} ms   "
            f"page of 50 {page:6.1f} ms, 200 listed {listing:6.1f} ms   start to Running {start:5.2f} s",
            flush=True,
        )


def a_deployment_each(tenants: list[str]) -> float:
    """Seconds for adding and planning them."""
    begun = time.perf_counter()
    timing = parse_timing(cron="0 3 * * *", every=None, timezone="UTC", jitter="4h")
    for operation, parameters in OPERATIONS.items():
        changes.add(tenants, operation, parameters, timing, name=None, paused=False)
    return time.perf_counter() - begun


def on_three_deployments(prefect: httpx.Client, tenants: list[str]) -> None:
    """The same schedules, as earlier releases kept them."""
    timing = parse_timing(cron="0 3 * * *", every=None, timezone="UTC", jitter="4h")
    for operation, parameters in OPERATIONS.items():
        id = prefect.get(f"deployments/name/{operation}/tenantatlas").json()["id"]
        schedules = [
            {
                "schedule": timing.for_tenant(one),
                "active": True,
                "slug": one,
                "parameters": {"tenant": one, **parameters},
            }
            for one in tenants
        ]
        prefect.post(f"deployments/{id}/schedules", json=schedules, timeout=300).raise_for_status()


def main() -> None:
    """Prints the figures."""
    tenants = [f"tenant-{number}" for number in range(TENANTS)]
    with (
        tempfile.TemporaryDirectory(prefix="bench", ignore_cleanup_errors=True) as folder,
        environment(stack_environment(Path(folder))),
        fixture_producers(),
        LocalStack(load_settings()) as running,
        httpx.Client(base_url=f"{running.record.prefect_api_url}/", timeout=300) as prefect,
        temporary_settings({PREFECT_API_URL: running.record.prefect_api_url}),
    ):
        measured = Measured(StackUnderTest(running), prefect)
        measured.to_running()
        measured.report("nothing scheduled", "run.prune/tenantatlas", "")
        seconds = a_deployment_each(tenants)
        listed = milliseconds(lambda: find(tenants), 1) / 1000
        many = len(OPERATIONS) * TENANTS
        made = f"{many} deployments made and planned in {seconds:.0f} s, {measured.until_planned(many * 3)}"
        measured.report("a deployment each", "run.prune/tenant-0", f"{made}; `schedule list` {listed:.1f} s")
        for each in iter(lambda: prefect.post("deployments/filter", json={"deployments": ours}).json(), []):
            for one in each:
                prefect.delete(f"deployments/{one['id']}").raise_for_status()
        on_three_deployments(prefect, tenants)
        made = f"{many} schedules, {measured.until_planned(many * 3)}"
        measured.report("on three deployments", "run.prune/tenantatlas", made)
        measured.stack.dispose()


ours = {"name": {"like_": "tenant-"}}

if __name__ == "__main__":
    main()
