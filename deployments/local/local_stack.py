"""The whole product on one machine: database, Prefect server, worker, relay and hub, started and stopped as one."""

import os
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import Self

import psutil

from deployments.local import specs
from deployments.local.embedded_database import PREFECT, EmbeddedDatabase, try_exclusive
from deployments.local.orphans import end_orphans, reaper
from deployments.local.process import ManagedDatabase, ManagedProcess, ProcessSpec, rotate, spawned
from deployments.local.record import StackRecord, read_record, record_of, remove_record
from deployments.settings import Settings
from deployments.store_access import configured_url, ensure_key, everything_under_key, without_password
from flows.registry import migration_folders
from runstore import installed_version, migrations
from runstore.database import Database, DatabaseRole
from runstore.errors import TenantAtlasError, UnavailableError
from runstore.logins import ensure_login

LOOPBACK = "127.0.0.1"


class LocalStack:
    """Starts everything on entry, after it has ended what a killed stack left, and stops it on exit.
    TenantAtlasError."""

    def __init__(
        self, settings: Settings, *, demo: bool = False, report: Callable[[str], None] = lambda _: None
    ) -> None:
        self.settings = settings
        self._demo = demo
        self._report = report
        self._cleanup = ExitStack()
        self.processes: list[ManagedProcess] = []
        self.record = StackRecord(installed_version(), record_of("supervisor", os.getpid(), "running"), database_url="")
        self.database_url = ""
        self.environment: dict[str, str] = {}
        self._hub_logins: dict[DatabaseRole, str] = {}
        self._database: ManagedDatabase | None = None
        self._deployment: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self._cleanup as starting:
            self._start()
            self._cleanup = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._cleanup.close()

    def _start(self) -> None:
        settings = self.settings
        settings.state.mkdir(parents=True, exist_ok=True)
        held = try_exclusive(settings.state / "stack.lock")
        if held is None:
            raise already_running(settings, read_record(settings.state))
        self._cleanup.callback(held.close)
        end_orphans(settings.home)
        self._cleanup.enter_context(reaper(settings.home))
        self._cleanup.callback(end_orphans, settings.home)
        self._cleanup.callback(remove_record, settings.state)
        self._report("Starting the database")
        prefect_database_url = self._start_databases()
        self._report("Bringing the schema up to date")
        migrations.upgrade(self.database_url, migration_folders())
        if settings.is_embedded:
            self._seal()
        for role, address in self._hub_logins.items():
            ensure_login(self.database_url, address, role)
        self._start_processes(prefect_database_url)
        self._await_ready()

    def _seal(self) -> None:
        """Encrypts what an earlier release stored: no process of one runs on this database."""
        # With a library of encryption, which no other start of a stack needs.
        from flows._policies.sealing import standing

        admin = Database(self.database_url, DatabaseRole.ADMIN, pool_size=1)
        try:
            if standing(admin).in_clear:
                self._report("Encrypting the policies of earlier releases")
                everything_under_key(admin)
        finally:
            admin.dispose()

    def _start_databases(self) -> str | None:
        settings = self.settings
        outside = configured_url(settings)
        if outside is not None and settings.prefect_api_url is not None:
            self.database_url = outside
            return None
        embedded = self._cleanup.enter_context(EmbeddedDatabase(settings.home))
        ensure_key(settings)
        self._database = ManagedDatabase(embedded)
        self.database_url = outside or embedded.url()
        if outside is None:
            logins = {DatabaseRole.HUB: "atlas_hub", DatabaseRole.APP: "atlas_app"}
            self._hub_logins = {role: embedded.url(login=login) for role, login in logins.items()}
        return None if settings.prefect_api_url is not None else embedded.url(PREFECT, driver="asyncpg")

    def _start_processes(self, prefect_database_url: str | None) -> None:
        settings = self.settings
        prefect_api_url, port = settings.prefect_api_url, 0
        if prefect_api_url is None:
            port = specs.choose_port(settings, LOOPBACK, "prefect_port")
            prefect_api_url = f"http://{LOOPBACK}:{port}/api"
        ui_url = prefect_api_url.removesuffix("/api")
        environment = specs.base_environment(settings, database_url=self.database_url, prefect_api_url=prefect_api_url)
        wanted: list[ProcessSpec] = []
        if prefect_database_url is not None:
            where = {"database_url": prefect_database_url, "host": LOOPBACK, "api_url": prefect_api_url}
            wanted.append(specs.prefect_server(environment, port=port, **where))
        hub_url = None
        # The hub needs a provider or a proxy to sign people in, unless this is the demo.
        if self._demo or settings.oidc_issuer is not None or settings.proxy_addresses:
            hub_port = specs.choose_port(settings, settings.hub_host, "hub_port")
            hub_url = f"http://{specs.url_host(settings.hub_host)}:{hub_port}"
            logins = {f"TENANTATLAS_{role.name}_DATABASE_URL": url for role, url in self._hub_logins.items()}
            own = {**environment, **logins}
            if logins:
                # The owner's address has no business in the process that browsers talk to.
                own.pop("TENANTATLAS_DATABASE_URL")
            wanted.append(specs.hub(own, settings, port=hub_port, prefect_ui_url=ui_url, demo=self._demo))
        # The flows' links lead to the hub of this stack.
        hub = {"TENANTATLAS_PUBLIC_URL": hub_url} if hub_url and not settings.public_url else {}
        wanted.append(specs.announcing("worker", {**environment, **hub}, settings, settings.worker_drain_seconds + 20))
        wanted.append(specs.announcing("relay", environment, settings, 15))
        self.record = replace(
            self.record,
            database_url=without_password(self.database_url),
            prefect_api_url=prefect_api_url,
            prefect_ui_url=ui_url,
            hub_url=settings.public_url or hub_url,
        )
        self.environment = environment
        self._report("Starting " + ", ".join(spec.name.replace("-", " ") for spec in wanted))
        for spec in wanted:
            process = ManagedProcess(spec, specs.logs_of(settings))
            self.processes.append(process)
            # The last one started is stopped first: nothing loses the server it talks to.
            self._cleanup.callback(process.stop)
            self._write_record(ready=False)
        self._deploy()

    def _deploy(self) -> None:
        log = specs.logs_of(self.settings) / "deploy.log"
        self._deployment = spawned([*specs.TENANTATLAS, "deploy", "--wait"], log, self.environment)
        self._cleanup.callback(self._deployment.wait)
        self._cleanup.callback(self._deployment.kill)

    def _await_ready(self) -> None:
        announced: set[str] = set()
        while self._deployment is not None or len(announced) < len(self.processes):
            for process in self.processes:
                process.check()
                if process.state == "running" and process.spec.name not in announced:
                    announced.add(process.spec.name)
                    self._report(f"{process.spec.name.replace('-', ' ').capitalize()} is ready")
                    self._write_record(ready=False)
            if self._deployment is not None and (code := self._deployment.poll()) is not None:
                if code != 0:
                    raise UnavailableError(
                        f"The flows could not be registered with Prefect (exit code {code}). "
                        f"See {specs.logs_of(self.settings) / 'deploy.log'}."
                    )
                self._deployment = None
                self._report("Flows are registered")
            time.sleep(0.1)
        self._write_record()

    def watch(self) -> None:
        """Keeps every part running, and the logs small, until an exception (KeyboardInterrupt) ends it."""
        while True:
            for log in specs.logs_of(self.settings).glob("*.log"):
                rotate(log)
            if self._database is not None:
                rotate(self._database.log)
            for part in self._parts:
                before = part.record()
                said = part.revive()
                if part.record() != before:
                    self._write_record()
                if said is not None:
                    self._report(said)
            time.sleep(0.5)

    @property
    def _parts(self) -> list[ManagedProcess]:
        return [*filter(None, [self._database]), *self.processes]

    def _write_record(self, *, ready: bool = True) -> None:
        self.record = replace(self.record, ready=ready, processes=tuple(part.record() for part in self._parts))
        self.record.write(self.settings.state)


def already_running(settings: Settings, running: StackRecord | None) -> TenantAtlasError:
    where = f" (process {running.supervisor.pid})" if running else ""
    return TenantAtlasError(
        f"A stack already runs in {settings.home}{where}. Stop it with `tenantatlas down`, or set TENANTATLAS_HOME to "
        "another directory."
    )


def stop_stack(settings: Settings, *, deadline_seconds: float = 120) -> bool:
    """Stops this home's stack; whether there was one. What its supervisor leaves is ended one by one."""
    record = read_record(settings.state)
    if record is not None:
        with suppress(psutil.Error):
            supervisor = psutil.Process(record.supervisor.pid)
            supervisor.terminate()
            with suppress(psutil.TimeoutExpired):
                supervisor.wait(deadline_seconds)
            if supervisor.is_running() and supervisor.status() != psutil.STATUS_ZOMBIE:
                supervisor.kill()
    left = end_orphans(settings.home)
    remove_record(settings.state)
    return record is not None or left
