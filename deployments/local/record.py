"""What runs: what a local stack writes down about itself, and which workers Prefect knows to be online, of what version."""

import base64
import os
import socket
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson
import psutil

from runstore import installed_version

FILE_NAME = "stack.json"


@dataclass(frozen=True, slots=True)
class ProcessRecord:
    """One process of the stack. `created` tells it from a later process with the same id."""

    name: str
    pid: int
    created: float
    state: str
    restarts: int = 0

    @property
    def alive(self) -> bool:
        with suppress(psutil.Error):
            process = psutil.Process(self.pid)
            return abs(process.create_time() - self.created) < 1 and process.status() != psutil.STATUS_ZOMBIE
        return False


def record_of(name: str, pid: int, state: str, restarts: int = 0) -> ProcessRecord:
    """The record of a process that runs now; one that has just ended is recorded with no creation time."""
    created = 0.0
    with suppress(psutil.Error):
        created = psutil.Process(pid).create_time()
    return ProcessRecord(name, pid, created, state, restarts)


@dataclass(frozen=True, slots=True)
class StackRecord:
    """The stack as its supervisor last saw it. `ready` once everything answered for the first time."""

    version: str
    supervisor: ProcessRecord
    database_url: str
    prefect_api_url: str | None = None
    prefect_ui_url: str | None = None
    hub_url: str | None = None
    ready: bool = False
    processes: tuple[ProcessRecord, ...] = ()

    def write(self, state: Path) -> None:
        state.mkdir(parents=True, exist_ok=True)
        unfinished = state / f"{FILE_NAME}.{os.getpid()}"
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2))
        unfinished.replace(state / FILE_NAME)


def last_record(state: Path) -> StackRecord | None:
    """The record last written, whether or not that stack still runs; None when there is none or it cannot be read."""
    try:
        found = orjson.loads((state / FILE_NAME).read_bytes())
        found["supervisor"] = ProcessRecord(**found["supervisor"])
        found["processes"] = tuple(ProcessRecord(**process) for process in found["processes"])
        return StackRecord(**found)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def read_record(state: Path) -> StackRecord | None:
    """The record of the stack that runs now; None when there is none, or its supervisor has ended."""
    record = last_record(state)
    return record if record is not None and record.supervisor.alive else None


def remove_record(state: Path) -> None:
    (state / FILE_NAME).unlink(missing_ok=True)


OnlineWorker = dict[str, str | None]
"""A worker as in `status --json`: `name` in Prefect, and `version`, None for one whose name says none."""


def worker_name(name: str | None) -> str:
    """The name with the version behind it, so that `status` can tell old workers; by default, where the worker runs."""
    return f"{name or f'{socket.gethostname()}-{os.getpid()}'}@{installed_version()}"


def online_workers(api_url: str, pool: str) -> list[OnlineWorker] | None:
    """The pool's workers that are online, asked without Prefect's slow client; None when that is not known."""
    # What that would send: its key, or the user and password of a server that asks for them.
    headers: dict[str, str] = {}
    if key := os.environ.get("PREFECT_API_KEY"):
        headers["Authorization"] = f"Bearer {key}"
    elif pair := os.environ.get("PREFECT_API_AUTH_STRING"):
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    # Not for every command: `record` is read at the start of each.
    import httpx

    try:
        found = httpx.post(f"{api_url}/work_pools/{pool}/workers/filter", json={}, headers=headers, timeout=3)
        workers = found.raise_for_status().json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        return None
    names = sorted(str(worker["name"]) for worker in workers if worker.get("status") == "ONLINE")
    return [{"name": name, "version": name.rpartition("@")[2] if "@" in name else None} for name in names]


def outdated(workers: list[OnlineWorker], version: str) -> list[str]:
    return [
        f"Worker {worker['name']} runs version {worker['version'] or 'unknown'}, this is {version}: restart it."
        for worker in workers
        if worker["version"] != version
    ]
