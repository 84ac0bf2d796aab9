"""From the start action to Running: Prefect's process worker with our fork command beside the same without it, on one machine.

Without it, the worker is measured at its defaults (a poll every ten seconds) and polling as often as ours. Starts come one at a
time on an idle worker; then each idles, and its CPU and its requests are counted. The aim with the command is a median of at
most 0.9 s and a 95th percentile of at most 1.4 s over 50 starts, on a machine that does nothing else, and a median without
it, polling as often, of at least four times as much.

    python -m benchmarks.bench_worker [STARTS] [STARTS-OF-PREFECT'S]
"""

from __future__ import annotations

import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import psutil

from benchmarks.request_counter import RequestCounter
from deployments.local import specs
from deployments.local.local_stack import LocalStack
from deployments.settings import load_settings
from runstore.tenancy import TenantScope
from tests.support.stack import StackUnderTest, environment, eventually, fixture_producers, stack_environment

STARTS = int(sys.argv[1]) if len(sys.argv) > 1 else 100
PEER_STARTS = int(sys.argv[2]) if len(sys.argv) > 2 else 10
SETTLE_SECONDS = 5
IDLE_SECONDS = 20


def to_running(stack: StackUnderTest, scope: TenantScope, key: str) -> float:
    """Seconds from the start action to the moment the row says the run began, on a worker that has been idle for a moment."""
    # A row has ended before its process has: Prefect's engine still sends what it has to say, and would share the processor.
    time.sleep(random.uniform(1.0, 1.3))
    begun = time.time()
    started = stack.start(scope, "echo.speak", {"key": key})
    detail = stack.until(scope, started.run.id, seconds=120)
    assert detail.run.started_at is not None
    return detail.run.started_at.timestamp() - begun


def measure(name: str, stack: StackUnderTest, scope: TenantScope, starts: int) -> float:
    """The median in seconds; prints it. Nothing stands between worker and server: a proxy costs 0.3 s a start."""
    to_running(stack, scope, f"{name}-first")
    found = sorted(to_running(stack, scope, f"{name}-{number}") for number in range(starts))
    high = found[min(len(found) - 1, int(len(found) * 0.95))]
    print(
        f"{name:<34} starts {starts:4d}   p50 {statistics.median(found):6.2f} s   p95 {high:6.2f} s",
        end="   ",
        flush=True,
    )
    return statistics.median(found)


def idle(worker: psutil.Process, counter: RequestCounter) -> None:
    """Prints what a worker costs that has nothing to do; its requests go through the counter."""
    asked = counter.requests
    cpu = sum(idle_cpu(worker))
    asked = counter.requests - asked
    print(
        f"idle CPU {100 * cpu / IDLE_SECONDS:4.1f} %   {60 * asked / (SETTLE_SECONDS + IDLE_SECONDS):4.0f} requests a minute",
        flush=True,
    )


def idle_cpu(worker: psutil.Process) -> list[float]:
    """CPU seconds the worker and its children spend while there is nothing to do."""
    time.sleep(SETTLE_SECONDS)
    family = [worker, *worker.children(recursive=True)]
    before = [sum(process.cpu_times()[:2]) for process in family]
    time.sleep(IDLE_SECONDS)
    spent: list[float] = []
    for process, earlier in zip(family, before, strict=True):
        with suppress(psutil.NoSuchProcess):
            spent.append(sum(process.cpu_times()[:2]) - earlier)
    return spent


@contextmanager
def peer(
    stack: StackUnderTest, pool: str, polling: str | None, counter: RequestCounter | None = None
) -> Iterator[psutil.Process]:
    """Prefect's process worker on a pool of its own, serving the same deployments."""
    told = {**stack.running.environment}
    if counter is not None:
        told["PREFECT_API_URL"] = counter.api_url
    told.pop("PREFECT_WORKER_QUERY_SECONDS", None)
    if polling is not None:
        told["PREFECT_WORKER_QUERY_SECONDS"] = polling
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", pool, "--type", "process"]
    with (Path(told["TENANTATLAS_HOME"]) / "peer.log").open("ab") as log:
        process = subprocess.Popen(command, env=told, stdout=log, stderr=log, start_new_session=True)
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(30)
        # It may wait for something that no longer comes; nothing of it may stay.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def deploy(stack: StackUnderTest, *arguments: str) -> None:
    """Points every deployment at a pool."""
    command = [*specs.TENANTATLAS, "deploy", *arguments]
    subprocess.run(command, env=stack.running.environment, check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    """Runs all three, one after the other."""
    with (
        tempfile.TemporaryDirectory() as home,
        environment(stack_environment(Path(home))),
        fixture_producers(),
        LocalStack(load_settings()) as running,
    ):
        stack = StackUnderTest(running)
        scope = stack.tenant()
        counter = RequestCounter(str(running.record.prefect_api_url))
        warm = measure("process worker, fork command", stack, scope, STARTS)
        worker = stack.process("worker")
        worker.spec = replace(worker.spec, environment={**worker.spec.environment, "PREFECT_API_URL": counter.api_url})
        stack.restart("worker")
        idle(psutil.Process(worker.pid), counter)
        worker.stop()
        deploy(stack, "--pool", "peer", "--pool-type", "process")
        _without_command(stack)
        for name, polling in (
            ("process worker alone, as often", str(running.settings.worker_poll_seconds)),
            ("process worker alone, default", None),
        ):
            with peer(stack, "peer", polling):
                eventually(lambda: _online(stack), seconds=120)
                median = measure(name, stack, scope, PEER_STARTS)
            with peer(stack, "peer", polling, counter) as process:
                eventually(lambda: _online(stack), seconds=120)
                idle(process, counter)
            print(f"  {median / warm:.1f} times as long as with the command", flush=True)
        counter.close()
        stack.dispose()


def _without_command(stack: StackUnderTest) -> None:
    with stack.prefect() as prefect:
        template = prefect.get("work_pools/peer").json()["base_job_template"]
        del template["variables"]["properties"]["command"]["default"]
        prefect.patch("work_pools/peer", json={"base_job_template": template}).raise_for_status()


def _online(stack: StackUnderTest) -> bool:
    with stack.prefect() as prefect:
        workers = prefect.post("work_pools/peer/workers/filter", json={}).json()
    return any(worker["status"] == "ONLINE" for worker in workers)


if __name__ == "__main__":
    main()
