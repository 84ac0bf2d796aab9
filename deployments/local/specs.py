"""The processes of a local stack: their commands, their environments, and how each says that it is ready."""

import os
import socket
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from deployments.local.orphans import MARK
from deployments.local.process import READY_FILE, ProcessSpec
from deployments.settings import PREFIX, Settings
from deployments.store_access import kept_secret
from runstore.errors import BadInputError

TENANTATLAS = (sys.executable, "-m", "deployments.cli")

# Nothing is sent anywhere from a local stack, whatever Prefect's defaults are.
PREFECT_QUIET = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
}


def base_environment(settings: Settings, *, database_url: str, prefect_api_url: str) -> dict[str, str]:
    return {
        **os.environ,
        **PREFECT_QUIET,
        "TENANTATLAS_HOME": str(settings.home),
        "TENANTATLAS_DATABASE_URL": database_url,
        "PREFECT_API_URL": prefect_api_url,
        "PREFECT_HOME": str(settings.home / "prefect"),
        "PYTHONUNBUFFERED": "1",
        MARK: str(settings.home),
    }


def prefect_server(
    environment: Mapping[str, str], *, database_url: str, host: str, port: int, api_url: str
) -> ProcessSpec:
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


def announcing(name: str, environment: Mapping[str, str], settings: Settings, stop_seconds: float) -> ProcessSpec:
    """The worker, ready when Prefect knows it to be online, or the relay, when all its loops run."""
    file = settings.state / f"{name}.ready"
    return ProcessSpec(
        name=name,
        command=(*TENANTATLAS, name),
        environment={**environment, READY_FILE: str(file)},
        is_ready=file.exists,
        ready_file=file,
        ready_seconds=400,
        stop_seconds=stop_seconds,
    )


def hub(
    environment: Mapping[str, str], settings: Settings, *, port: int, prefect_ui_url: str, demo: bool
) -> ProcessSpec:
    secret = environment.get("TENANTATLAS_SESSION_SECRET") or kept_secret(settings.home / "session_secret")
    return ProcessSpec(
        name="hub",
        command=(*TENANTATLAS, "hub", *(("--demo",) if demo else ())),
        environment={
            **environment,
            "TENANTATLAS_HUB_PORT": str(port),
            "TENANTATLAS_PREFECT_UI_URL": prefect_ui_url,
            "TENANTATLAS_SESSION_SECRET": secret,
        },
        is_ready=lambda: answers(f"http://{url_host(settings.hub_host)}:{port}/readyz"),
        ready_seconds=300,
    )


def url_host(host: str) -> str:
    """The host as it stands in an address to open: a wildcard becomes this machine, IPv6 gets its brackets."""
    if host in ("0.0.0.0", "::", ""):  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def logs_of(settings: Settings) -> Path:
    return settings.state / "logs"


def answers(url: str, *, timeout_seconds: float = 2) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=timeout_seconds) as response:  # noqa: S310 - an address of our own
            return 200 <= response.status < 300
    except OSError:
        return False


def choose_port(settings: Settings, host: str, name: str) -> int:
    """The port of the setting `name` if it is free, else any free one; BadInputError for one that somebody set."""
    wanted: int = getattr(settings, name)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in (wanted, 0):
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            if port:
                # As the servers do: a port whose last connections are still closing down counts as free.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
                return int(probe.getsockname()[1])
            except OSError:
                if name in settings.model_fields_set or not port:
                    break
    raise BadInputError(
        f"Port {wanted} on {host} is in use; stop what uses it or set {PREFIX}{name.upper()} to another port."
    )
