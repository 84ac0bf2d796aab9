"""Whether a hub process grows: 50 signed-in sessions with the list open, refreshing every 5 s.

    python -m benchmarks.bench_hub_sessions [MINUTES] [--sessions 50]

Every tab holds its socket as a browser does and runs the list's refresh; one in twelve opens another page instead. Prints, for each
tenth of the time, the process's memory, its share of one processor, and the p95 from asking to the last element. The figures
beside it: an idle hub's memory, and one session alone.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

from deployments.local.embedded_database import EmbeddedDatabase
from flows.registry import migration_folders
from monitoring_app.settings import HubSettings, OidcSettings
from monitoring_app.web.identity import Sessions
from runstore import migrations
from runstore.database import Database, DatabaseRole
from runstore.directory import Directory
from tests.support.hub_features import add_features
from tests.support.hub_sample import fill
from tests.support.hub_server import HubServer
from tests.support.page_client import PageClient, tab
from tests.support.ports import free_port

SECRET = "b" * 48
EVERY_SECONDS = 5.0
LIST = "/operations?tenant=northwind"
OTHERS = ("/notifications", "/drift", "/inventory", "/operations")
REFRESHES_A_PAGE = 12
ALONE = 40
PARTS = 10


class Times:
    """What the tabs measured, taken out part by part."""

    def __init__(self) -> None:
        self._seconds: list[float] = []
        self._lock = threading.Lock()
        self.failed = 0

    def add(self, seconds: float, failed: bool) -> None:
        with self._lock:
            self._seconds.append(seconds)
            self.failed += failed

    def take(self) -> list[float]:
        with self._lock:
            taken, self._seconds = self._seconds, []
        return taken


def visit(url: str, cookie: str, number: int, times: Times, end: float) -> None:
    """One tab until the end."""
    with tab(url, cookie) as page:
        fragment = opened(page, LIST)
        time.sleep(number / 50 * EVERY_SECONDS)
        step = number
        while time.monotonic() < end:
            step += 1
            begun = time.monotonic()
            if step % REFRESHES_A_PAGE == 0:
                shown = page.open(f"{OTHERS[step // REFRESHES_A_PAGE % len(OTHERS)]}?tenant=northwind")
                times.add(time.monotonic() - begun, shown.failed)
                fragment = opened(page, LIST)
            else:
                shown = page.refresh(fragment, LIST)
                times.add(time.monotonic() - begun, shown.failed)
            time.sleep(max(0.0, EVERY_SECONDS - (time.monotonic() - begun)))


def alone(url: str, cookie: str) -> list[float]:
    """Seconds of a refresh with nobody else there."""
    found: list[float] = []
    with tab(url, cookie) as page:
        fragment = opened(page, LIST)
        for _ in range(ALONE):
            begun = time.monotonic()
            page.refresh(fragment, LIST)
            found.append(time.monotonic() - begun)
    return found


def opened(page: PageClient, address: str) -> str:
    """Opens the list; answers the fragment that its timer runs."""
    return page.open(address).fragments[0][0]


def main() -> None:
    """Serves, visits, prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("minutes", nargs="?", type=float, default=10.0)
    parser.add_argument("--sessions", type=int, default=50)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, EmbeddedDatabase(Path(home)) as server:
        url = server.url()
        migrations.upgrade(url, migration_folders())
        sample = fill(url)
        add_features(url, sample.northwind)
        app = Database(url, DatabaseRole.APP)
        user = Directory(app).by_email("grace@northwind.example")
        app.dispose()
        assert user is not None
        port = free_port()
        settings = HubSettings(
            database_url=url,
            public_url=f"http://127.0.0.1:{port}",
            session_secret=SECRET,
            producer_migrations=tuple(migration_folders()),
            oidc=OidcSettings("http://127.0.0.1:9", "hub", "not-a-real-one"),
        )
        with HubServer(settings, Path(home), port) as hub:
            process = psutil.Process(hub.pid)
            print(
                f"idle: {process.memory_info().rss / 2**20:.0f} MB; {wanted.sessions} sessions, {wanted.minutes:g} min"
            )
            print(f"{'minute':>8}{'answers':>9}{'median ms':>11}{'p95 ms':>9}{'CPU %':>7}{'MB':>7}{'threads':>9}")
            line(alone(hub.url, Sessions(SECRET, 8).open(user.id)), process, 0.0)
            times, begun = Times(), time.monotonic()
            process.cpu_percent()
            end = begun + wanted.minutes * 60
            with ThreadPoolExecutor(wanted.sessions) as people:
                cookies = [Sessions(SECRET, 8).open(user.id) for _ in range(wanted.sessions)]
                visits = [people.submit(visit, hub.url, cookie, n, times, end) for n, cookie in enumerate(cookies)]
                for part in range(1, PARTS + 1):
                    time.sleep(max(0.0, begun + wanted.minutes * 60 * part / PARTS - time.monotonic()))
                    line(times.take(), process, (time.monotonic() - begun) / 60)
                for done in visits:
                    done.result()
            time.sleep(45)
            print(f"45 s after the last tab closed: {process.memory_info().rss / 2**20:.0f} MB; {times.failed} failed")


def line(seconds: list[float], process: psutil.Process, minute: float) -> None:
    """One line of the table."""
    if len(seconds) < 2:
        return
    cpu = process.cpu_percent()
    p95 = statistics.quantiles(seconds, n=20)[-1] * 1000
    memory = process.memory_info().rss / 2**20
    median = statistics.median(seconds) * 1000
    print(
        f"{minute:8.1f}{len(seconds):9}{median:11.0f}{p95:9.0f}{cpu:7.0f}{memory:7.0f}{process.num_threads():9}",
        flush=True,
    )


if __name__ == "__main__":
    main()
