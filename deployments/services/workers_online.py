"""Which workers Prefect knows to be online, and the version each of them runs."""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass

import httpx


@dataclass(frozen=True, slots=True)
class OnlineWorker:
    """A worker by its name in Prefect; `version` is None for one whose name says none."""

    name: str
    version: str | None

    def as_json(self) -> dict[str, str | None]:
        """The JSON shape in `status`."""
        return {"name": self.name, "version": self.version}


def online_workers(api_url: str | None, pool: str) -> list[OnlineWorker] | None:
    """The pool's workers that are online, by name; None when Prefect does not say: unknown is not none.

    Asks without Prefect's own client, whose import would take longer than the answer.
    """
    if api_url is None:
        return None
    try:
        found = httpx.post(f"{api_url}/work_pools/{pool}/workers/filter", json={}, headers=_credentials(), timeout=3)
        workers = found.raise_for_status().json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        return None
    names = sorted(str(worker["name"]) for worker in workers if worker.get("status") == "ONLINE")
    return [OnlineWorker(name, name.rpartition("@")[2] if "@" in name else None) for name in names]


def outdated(workers: list[OnlineWorker], version: str) -> list[str]:
    """A sentence for each worker that runs another version than this."""
    return [
        f"Worker {worker.name} runs version {worker.version or 'unknown'}, this is {version}: restart it."
        for worker in workers
        if worker.version != version
    ]


def _credentials() -> dict[str, str]:
    """What Prefect's own client would send: its key, or the user and password of a server that asks for them."""
    if key := os.environ.get("PREFECT_API_KEY"):
        return {"Authorization": f"Bearer {key}"}
    if pair := os.environ.get("PREFECT_API_AUTH_STRING"):
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    return {}
