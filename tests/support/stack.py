"""A real local stack for tests: PostgreSQL, Prefect's server, worker and relay, started once a session.

Tests that use the fixture `stack` carry the mark `stack`. Their files come first and go to one of several pytest processes,
which ends the stack after the last of them: one that idles takes a fifth of a core. Each test works in a tenant of its own.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import httpx
import pytest

import flows
from deployments.local import specs
from deployments.local.local_stack import LocalStack
from deployments.local.process import ManagedProcess
from deployments.settings import load_settings
from flows.registry import forget, operations
from runstore.database import Database, DatabaseRole
from runstore.directory import Directory
from runstore.runs.reader import RunReader
from runstore.runs.run import RunDetail
from runstore.runs.starter import Started, start
from runstore.runs.status import TERMINAL, RunStatus
from runstore.tenancy import TenantScope
from tests.support.ports import free_port

FIXTURE_PRODUCERS = Path(__file__).parent.parent / "fixtures" / "producers"
T = TypeVar("T")
_tenants = itertools.count()


def eventually(probe: Callable[[], T | None], *, seconds: float = 60, pause: float = 0.05) -> T:
    """The first truthy answer of `probe`; AssertionError with the last one when none came in time."""
    deadline = time.monotonic() + seconds
    while True:
        answer = probe()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"not within {seconds} s: {answer!r}"
        time.sleep(pause)


@dataclass
class StackUnderTest:
    """What a test needs of a running stack."""

    running: LocalStack
    _databases: dict[DatabaseRole, Database] = field(default_factory=dict[DatabaseRole, Database])

    def database(self, role: DatabaseRole) -> Database:
        """Connections under a role."""
        return self._databases.setdefault(role, Database(self.running.database_url, role, pool_size=4))

    def tenant(self, slug: str | None = None) -> TenantScope:
        """The local operator's scope in a new tenant."""
        name = slug or f"tenant-{next(_tenants)}"
        directory = Directory(self.database(DatabaseRole.ADMIN))
        if name not in {tenant.slug for tenant in directory.tenants()}:
            directory.add_tenant(name, name.title())
        return Directory(self.database(DatabaseRole.APP)).for_operator(name)

    def start(self, scope: TenantScope, operation: str, values: Mapping[str, Any]) -> Started:
        """Starts an operation as the command line does."""
        return start(self.database(DatabaseRole.APP), scope, operations()[operation].request(values))

    def run(self, scope: TenantScope, run_id: UUID) -> RunDetail:
        """The run as it is now."""
        return RunReader(self.database(DatabaseRole.HUB), scope).get(run_id)

    def until(self, scope: TenantScope, run_id: UUID, *statuses: RunStatus, seconds: float = 90) -> RunDetail:
        """The run once it has one of the statuses; any final one by default."""
        wanted = set(statuses) or TERMINAL
        give_up_at = time.monotonic() + seconds
        while (detail := self.run(scope, run_id)).run.status not in wanted:
            assert time.monotonic() < give_up_at, (
                f"after {seconds} s the run is {detail.run.status}: {self.last_words()}"
            )
            time.sleep(0.05)
        return detail

    def prefect(self) -> httpx.Client:
        """A client of Prefect's API that needs no Prefect in this process."""
        return httpx.Client(base_url=f"{self.running.record.prefect_api_url}/", timeout=30)

    def process(self, name: str) -> ManagedProcess:
        """One process of the stack."""
        return {process.spec.name: process for process in self.running.processes}[name]

    def restart(self, name: str) -> None:
        """Stops the process if it runs, starts it, and returns when it is ready again."""
        process = self.process(name)
        process.stop()
        process.start()
        while process.state != "running":
            process.check()
            time.sleep(0.1)

    @contextmanager
    def without(self, name: str) -> Iterator[None]:
        """The block runs while that process is stopped; afterwards it runs and is ready again."""
        process = self.process(name)
        process.stop()
        try:
            yield
        finally:
            self.restart(name)

    @contextmanager
    def nothing_taken(self) -> Iterator[None]:
        """The block's flow runs wait: Prefect offers none of a paused pool, and a worker need not be started for it again."""
        pool = f"work_pools/{self.running.settings.work_pool}"
        with self.prefect() as client:
            client.patch(pool, json={"is_paused": True}).raise_for_status()
            try:
                yield
            finally:
                client.patch(pool, json={"is_paused": False}).raise_for_status()

    def last_words(self) -> str:
        """The end of every log, for a failing assertion."""
        return "\n".join(
            f"--- {process.spec.name}\n" + "\n".join(process.log.read_text(errors="replace").splitlines()[-8:])
            for process in self.running.processes
        )

    def dispose(self) -> None:
        """Closes the connections."""
        for database in self._databases.values():
            database.dispose()


@contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """The block runs with these variables set; none of ours or Prefect's besides, but for the key of the tests' stores."""
    before = dict(os.environ)
    for name in before:
        if name.startswith(("TENANTATLAS_", "PREFECT_", "AZURE_")) and name != "TENANTATLAS_ENCRYPTION_KEY":
            del os.environ[name]
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def stack_environment(home: Path) -> dict[str, str]:
    """The variables of a stack in this home, with the tests' producers on the import path and a port of its own."""
    path = os.pathsep.join(filter(None, [str(FIXTURE_PRODUCERS), os.environ.get("PYTHONPATH")]))
    return {
        "TENANTATLAS_HOME": str(home),
        "TENANTATLAS_PREFECT_PORT": str(free_port()),
        "TENANTATLAS_WORKER_DRAIN_SECONDS": "5",
        "TENANTATLAS_LOOK_AFTER_SECONDS": "3",
        "TENANTATLAS_CONTACT_LOST_AFTER_SECONDS": "6",
        "TENANTATLAS_GIVE_UP_AFTER_SECONDS": "30",
        "PYTHONPATH": path,
    }


@contextmanager
def fixture_producers() -> Iterator[None]:
    """The block sees the tests' producers in the registry, as the stack's processes do by their import path."""
    place = str(FIXTURE_PRODUCERS / "flows")
    if place in flows.__path__:
        yield
        return
    flows.__path__.append(place)
    forget()
    try:
        yield
    finally:
        flows.__path__.remove(place)
        forget()


_open = ExitStack()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackUnderTest]:
    """The session's stack; everything it started is stopped after the last test that uses it."""
    with _open:
        _open.enter_context(environment(stack_environment(tmp_path_factory.mktemp("stack"))))
        settings = load_settings()
        _open.enter_context(fixture_producers())
        under_test = StackUnderTest(_open.enter_context(LocalStack(settings)))
        _open.callback(under_test.dispose)
        yield under_test


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that share the stack first, in one group; every other file is a group of its own."""
    sharing = {item.path for item in items if "stack" in getattr(item, "fixturenames", ())}
    items.sort(key=lambda item: item.path not in sharing)
    for item in items:
        item.add_marker(pytest.mark.xdist_group("stack" if item.path in sharing else item.path.stem))


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> None:
    """Ends the stack before the first file that does not share it."""
    marker = nextitem.get_closest_marker("xdist_group") if nextitem else None
    if marker and marker.args != ("stack",):
        _open.close()


def deploy(stack: StackUnderTest) -> None:
    """Registers every operation with Prefect, as `tenantatlas deploy` does."""
    command = [*specs.TENANTATLAS, "deploy"]
    subprocess.run(command, env=stack.running.environment, check=True, stdout=subprocess.DEVNULL)
