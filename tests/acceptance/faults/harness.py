"""The faults: what can be done to the processes of a running stack, and how it is put right again."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from contextlib import suppress
from random import Random

import psutil
import psycopg

from deployments.embedded_database import EmbeddedDatabase
from tests.support.stack import StackUnderTest

WORKER, RELAY, PREFECT_SERVER = "worker", "relay", "prefect-server"
FROZEN_SECONDS = 3.0


class Faults:
    """Breaks a stack, one fault at a time, and counts what it broke."""

    def __init__(self, stack: StackUnderTest, home: EmbeddedDatabase, random: Random) -> None:
        self._stack = stack
        self._database = home
        self._random = random
        self.counts: dict[str, int] = {}
        self.kinds: dict[str, Callable[[], None]] = {
            "kill a flow process": self.kill_flow,
            "freeze a flow process": self.freeze_flow,
            "kill the worker": lambda: self._kill(WORKER),
            "kill worker and flows together": self.kill_worker_and_flows,
            "kill the relay": lambda: self._kill(RELAY),
            "freeze the relay": lambda: self._freeze(self._stack.process(RELAY).pid),
            "kill Prefect's server": lambda: self._kill(PREFECT_SERVER),
            "cut every database connection": self.cut_connections,
            "restart PostgreSQL": self.restart_database,
        }

    def one(self) -> None:
        """A fault drawn at random, and everything running again afterwards."""
        kind = self._random.choice(sorted(self.kinds))
        self.counts[kind] = self.counts.get(kind, 0) + 1
        self.kinds[kind]()
        self.mend()

    def mend(self) -> None:
        """Starts again whatever has ended."""
        for process in self._stack.running.processes:
            if process.exit_code is not None:
                self._stack.running.restart(process.spec.name)

    def flow_processes(self) -> list[psutil.Process]:
        """The processes that run flows now: forked by the worker's warm parent, or children of Prefect's process worker."""
        found: list[psutil.Process] = []
        with suppress(psutil.NoSuchProcess):
            for child in psutil.Process(self._stack.process(WORKER).pid).children():
                with suppress(psutil.NoSuchProcess):
                    is_flow = any(part.startswith("prefect.") for part in child.cmdline())
                    found += [child] if is_flow else child.children()
        return found

    def kill_flow(self) -> None:
        """One flow process, if one runs."""
        flows = self.flow_processes()
        if flows:
            with suppress(psutil.NoSuchProcess):
                self._random.choice(flows).kill()

    def freeze_flow(self) -> None:
        """One flow process, for a while."""
        flows = self.flow_processes()
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

    def _kill(self, name: str) -> None:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(self._stack.process(name).pid)
            process.kill()
            process.wait(10)

    def _freeze(self, pid: int) -> None:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            process.send_signal(signal.SIGSTOP)
            time.sleep(FROZEN_SECONDS)  # the freeze itself: its length is the subject
            process.send_signal(signal.SIGCONT)
