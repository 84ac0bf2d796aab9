"""The version of the product that is installed, and the one of each worker that Prefect knows to be online."""

from __future__ import annotations

import base64
import os
import socket

import httpx

from runstore import installed_version

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
