"""The faults: what can be done to the processes of a running stack, and how it is put right again."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from random import Random

import httpx
import psutil
import psycopg

from deployments.local import specs
from deployments.local.embedded_database import EmbeddedDatabase
from deployments.local.process import READY_FILE, ManagedProcess
from tests.support.stack import StackUnderTest, deploy, eventually

WORKER, RELAY, PREFECT_SERVER = "worker", "relay", "prefect-server"
FROZEN_SECONDS = (2.0, 2.0, 6.0, 25.0)
"""How long a freeze lasts, each as likely: unnoticed, long enough to lose contact, longer than a run is waited for."""

_CANCELLABLE = {"type": {"any_": ["RUNNING", "PENDING", "SCHEDULED"]}}
_RETRIABLE = {"type": {"any_": ["FAILED", "CRASHED"]}}

_BY_HAND = (("PENDING", "Pending"), ("SCHEDULED", "Scheduled"), ("FAILED", "Failed"), ("CRASHED", "Crashed"))


class Faults:
    """Breaks a stack, one fault at a time, and counts what it broke."""

    def __init__(self, stack: StackUnderTest, home: EmbeddedDatabase, random: Random) -> None:
        self._stack = stack
        self._database = home
        self._random = random
        self.counts: dict[str, int] = {}
        self.deleted: set[str] = set()
        """Flow runs that Prefect knows no more."""
        self.deployment_deleted_at: datetime | None = None
        """When that was done last."""
        self.resumed: set[str] = set()
        """Flow runs that were suspended for a while."""
        self.kinds: dict[str, Callable[[], None]] = {
            "kill a flow process": self.kill_flow,
            "freeze a flow process": self.freeze_flow,
            "kill the worker": lambda: self._kill(WORKER),
            "kill worker and flows together": self.kill_worker_and_flows,
            "freeze the worker and its flows": lambda: self._freeze(self._stack.process(WORKER).pid),
            "kill a relay": lambda: self._kill(self._relay()),
            "freeze a relay": lambda: self._freeze(self._stack.process(self._relay()).pid),
            "kill Prefect's server": lambda: self._kill(PREFECT_SERVER),
            "freeze Prefect's server": lambda: self._freeze(self._stack.process(PREFECT_SERVER).pid),
            "cut every database connection": self.cut_connections,
            "restart PostgreSQL": self.restart_database,
            "cancel a flow run in Prefect": lambda: self._set_state(_CANCELLABLE, "CANCELLING", "Cancelling"),
            "retry a failed flow run in Prefect": lambda: self._set_state(_RETRIABLE, "SCHEDULED", "AwaitingRetry"),
            "suspend a flow run in Prefect, and resume it": self.suspend,
            "set a state by hand": lambda: self._set_state(_CANCELLABLE, *self._random.choice(_BY_HAND)),
            "delete a flow run": self.delete_flow_run,
            "delete an operation's deployment": self.delete_deployment,
        }

    def one(self) -> None:
        """A fault drawn at random, and everything running again afterwards."""
        kind = self._random.choice(sorted(self.kinds))
        self.counts[kind] = self.counts.get(kind, 0) + 1
        self.kinds[kind]()
        self.repair()

    def repair(self) -> None:
        """Starts again whatever has ended, and returns when everything is ready."""
        for process in self._stack.running.processes:
            if process.exit_code is not None:
                self._stack.restart(process.spec.name)
        eventually(lambda: all(process.spec.is_ready() for process in self._stack.running.processes), seconds=120)

    def kill_flow(self) -> None:
        """One flow process, if one runs."""
        flows = flow_processes(self._stack)
        if flows:
            with suppress(psutil.NoSuchProcess):
                self._random.choice(flows).kill()

    def freeze_flow(self) -> None:
        """One flow process, for a while."""
        flows = flow_processes(self._stack)
        if flows:
            self._freeze(self._random.choice(flows).pid)

    def kill_worker_and_flows(self) -> None:
        """Nobody is left who could run a hook."""
        with suppress(psutil.NoSuchProcess):
            worker = psutil.Process(self._stack.process(WORKER).pid)
            doomed = [worker, *worker.children(recursive=True)]
            for process in doomed:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(doomed, timeout=10)

    def cut_connections(self) -> None:
        """Every connection to the run store, in the middle of whatever it was doing."""
        with psycopg.connect(self._database.url("postgres"), autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = 'tenantatlas' AND pid <> pg_backend_pid()"
            )

    def restart_database(self) -> None:
        """The server itself."""
        self._database.stop()
        with self._database:
            pass

    def suspend(self) -> None:
        """What Prefect's page offers for a flow run that works, and resuming it a while later."""
        with self._stack.prefect() as client:
            if chosen := self._one_of(client, {"type": {"any_": ["RUNNING"]}}):
                paused = {"type": "PAUSED", "name": "Suspended", "state_details": {"pause_reschedule": True}}
                client.post(f"flow_runs/{chosen}/set_state", json={"state": paused})
                time.sleep(self._random.choice(FROZEN_SECONDS))  # the pause itself
                client.post(f"flow_runs/{chosen}/resume")
                self.resumed.add(chosen)

    def delete_flow_run(self) -> None:
        """As an operator does in Prefect's page: whatever its row says, nobody will hear of it again."""
        with self._stack.prefect() as client:
            if chosen := self._one_of(client, _CANCELLABLE):
                self.deleted.add(chosen)
                client.delete(f"flow_runs/{chosen}")

    def delete_deployment(self) -> None:
        """Prefect deletes what waits in it, too; `deploy` makes it again."""
        with self._stack.prefect() as client:
            found = client.get("deployments/name/echo.speak/tenantatlas").raise_for_status().json()["id"]
            waiting = {
                "flow_runs": {"state": {"type": {"any_": ["SCHEDULED", "PENDING"]}}, "deployment_id": {"any_": [found]}}
            }
            listed = client.post("flow_runs/filter", json=waiting).raise_for_status().json()
            self.deleted |= {one["id"] for one in listed}
            client.delete(f"deployments/{found}").raise_for_status()
            # What was handed over since it was listed is gone as well.
            self.deployment_deleted_at = datetime.now(UTC)
        deploy(self._stack)

    def _one_of(self, client: httpx.Client, which: Mapping[str, object]) -> str | None:
        wanted = {"flow_runs": {"state": which}, "sort": "START_TIME_DESC", "limit": 20}
        found = client.post("flow_runs/filter", json=wanted).raise_for_status().json()
        return str(self._random.choice(found)["id"]) if found else None

    def _relay(self) -> str:
        names = [process.spec.name for process in self._stack.running.processes]
        return self._random.choice([name for name in names if name.startswith(RELAY)])

    def _set_state(self, which: Mapping[str, object], kind: str, name: str) -> None:
        """What an operator does to one flow run in Prefect's own page, if there is one to do it to."""
        with self._stack.prefect() as client:
            if chosen := self._one_of(client, which):
                with suppress(httpx.HTTPStatusError):
                    body = {"state": {"type": kind, "name": name}}
                    client.post(f"flow_runs/{chosen}/set_state", json=body).raise_for_status()

    def _kill(self, name: str) -> None:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(self._stack.process(name).pid)
            children = process.children(recursive=True) if name == PREFECT_SERVER else []
            _signal([process, *children], signal.SIGKILL)
            process.wait(10)

    def _freeze(self, pid: int) -> None:
        """The process and what it started: Prefect's command runs its server as a child."""
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            frozen = [process, *process.children(recursive=True)]
            _signal(frozen, signal.SIGSTOP)
            time.sleep(self._random.choice(FROZEN_SECONDS))  # the freeze itself: its length is the subject
            _signal(frozen, signal.SIGCONT)


def flow_processes(stack: StackUnderTest) -> list[psutil.Process]:
    """The processes that run flows now: children of the warm parent, or interpreters that ran without one."""
    found: list[psutil.Process] = []
    with suppress(psutil.NoSuchProcess):
        for process in psutil.Process(stack.process(WORKER).pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                words = process.cmdline()
                is_forked = process.pid == os.getsid(process.pid)
                found += (
                    [process]
                    if "warm.parent" in " ".join(words) and (is_forked or words[-1].endswith(".parent"))
                    else []
                )
    return found


def _signal(processes: list[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)


@contextmanager
def second_relay(stack: StackUnderTest) -> Generator[None]:
    """The block runs with two relays at once."""
    first = stack.process(RELAY).spec
    file = stack.running.settings.state / "relay-2.ready"
    spec = replace(
        first,
        name="relay-2",
        environment={**first.environment, READY_FILE: str(file)},
        is_ready=file.exists,
        ready_file=file,
    )
    process = ManagedProcess(spec, specs.logs_of(stack.running.settings))
    stack.running.processes.append(process)
    try:
        eventually(spec.is_ready, seconds=120)
        yield
    finally:
        stack.running.processes.remove(process)
        process.stop()
