"""The processes of a local stack: their commands, their environments, and how each says that it is ready."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from deployments.encryption import kept_secret
from deployments.local.orphans import marked_environment
from deployments.local.process import ProcessSpec
from deployments.local.readiness import READY_FILE, answers, forget_ready
from deployments.settings import Settings, store_environment

TENANTATLAS = (sys.executable, "-m", "deployments.cli")

# Nothing is sent anywhere from a local stack, whatever Prefect's defaults are.
PREFECT_QUIET = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
}


def base_environment(settings: Settings, *, database_url: str, prefect_api_url: str) -> dict[str, str]:
    """What every process of the stack gets: the store, Prefect's address, Prefect's own home, and the stack's mark."""
    told = {
        **os.environ,
        **store_environment(settings, database_url=database_url, prefect_api_url=prefect_api_url),
        **PREFECT_QUIET,
        "PREFECT_HOME": str(settings.home / "prefect"),
        "PYTHONUNBUFFERED": "1",
    }
    return marked_environment(settings.home, told)


def prefect_server(
    environment: Mapping[str, str], *, database_url: str, host: str, port: int, api_url: str
) -> ProcessSpec:
    """Prefect's server on its own database; ready when its API answers."""
    return ProcessSpec(
        name="prefect-server",
        command=(sys.executable, "-m", "prefect", "server", "start", "--host", host, "--port", str(port)),
        environment={
            **environment,
            "PREFECT_API_DATABASE_CONNECTION_URL": database_url,
            "PREFECT_SERVER_API_HOST": host,
            "PREFECT_SERVER_API_PORT": str(port),
            "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
            "PREFECT_LOGGING_SERVER_LEVEL": "WARNING",
            # Prefect lists every time zone for each schedule it reads, and reads all of an operation's with each run it makes:
            # a second for 200 of them from the system's files, a tenth from the package's list.
            "PYTHONTZPATH": "",
            # A run over an operation's limit looks again this often; and a lease kept in memory would be lost with the
            # server, and the run that holds it be crashed.
            "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "2",
            "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        },
        is_ready=lambda: answers(f"{api_url}/ready"),
        ready_seconds=300,
        stop_seconds=15,
    )


def worker(environment: Mapping[str, str], settings: Settings) -> ProcessSpec:
    """The worker; ready when Prefect knows it to be online."""
    return _announcing("worker", environment, settings, stop_seconds=settings.worker_drain_seconds + 20)


def relay(environment: Mapping[str, str], settings: Settings) -> ProcessSpec:
    """The dispatcher and the reconciler; ready when both loops run."""
    return _announcing("relay", environment, settings, stop_seconds=15)


def hub(
    environment: Mapping[str, str], settings: Settings, *, port: int, prefect_ui_url: str, demo: bool
) -> ProcessSpec:
    """The operations hub; ready when it answers and reaches the store."""
    told = {
        **environment,
        "TENANTATLAS_HUB_PORT": str(port),
        "TENANTATLAS_PREFECT_UI_URL": prefect_ui_url,
        "TENANTATLAS_SESSION_SECRET": environment.get("TENANTATLAS_SESSION_SECRET")
        or kept_secret(settings.home / "session_secret"),
    }
    return ProcessSpec(
        name="hub",
        command=(*TENANTATLAS, "hub", *(("--demo",) if demo else ())),
        environment=told,
        is_ready=lambda: answers(f"http://{url_host(settings.hub_host)}:{port}/readyz"),
        ready_seconds=300,
    )


def url_host(host: str) -> str:
    """The host as it stands in an address to open: a wildcard becomes this machine, IPv6 gets its brackets."""
    if host in ("0.0.0.0", "::", ""):  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _announcing(name: str, environment: Mapping[str, str], settings: Settings, *, stop_seconds: float) -> ProcessSpec:
    file = settings.state / f"{name}.ready"
    return ProcessSpec(
        name=name,
        command=(*TENANTATLAS, name),
        environment={**environment, READY_FILE: str(file)},
        is_ready=file.exists,
        before_start=lambda: forget_ready(file),
        ready_seconds=400,
        stop_seconds=stop_seconds,
    )


def logs_of(settings: Settings) -> Path:
    """The directory of the processes' logs."""
    return settings.state / "logs"
