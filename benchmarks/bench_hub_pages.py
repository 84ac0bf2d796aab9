"""The hub's pages at size: their scripts, a real browser, an empty Streamlit page and Prefect's own list beside them.

    python -m benchmarks.bench_hub_pages [--home DIRECTORY] [--rounds 60] [--runs 1000000] [--only scripts browser prefect]

The tenant looked at is the largest of `bench_hub_store`'s store (a fifth of all runs), kept in --home for another time. A
script's time is from asking over the socket to its last element. Aims: scripts under 60 ms p95, the list's under 45 ms; opening
Operations from another page under 500 ms p95 in Chromium, a filter under 250 ms; a first load, to the
first row that can be read, at most 0.9 times an empty Streamlit page's. When Streamlit has the list as well is printed beside it.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psycopg
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.bench_hub_store import figures, filled
from deployments.local import specs
from deployments.local.embedded_database import PREFECT, EmbeddedDatabase
from deployments.local.process import ManagedProcess
from deployments.settings import load_settings
from flows.registry import migration_folders
from monitoring_app.pages import page_paths
from monitoring_app.settings import HubSettings, OidcSettings
from monitoring_app.web.identity import Sessions
from runstore.database import Database, DatabaseRole
from runstore.directory import Directory
from runstore.runs.filters import RunFilter
from runstore.runs.reader import RunReader
from runstore.tenancy import Role, TenantScope
from tests.support.chromium import ARGUMENTS, chromium
from tests.support.hub_features import add_features
from tests.support.hub_server import HubServer
from tests.support.page_client import tab
from tests.support.ports import free_port
from tests.support.stack import environment, eventually, stack_environment

SECRET = "p" * 48
PERSON = "reader@tenant-1.example"
SCRIPT_MS, LIST_MS, STEP_MS, FILTER_MS, FIRST_RATIO = 60.0, 45.0, 500.0, 250.0, 0.9
LISTED = 200
"""Prefect's API lists no more at once."""
PREFECT_RUNS = 100_000
ROWS = "table[aria-label=Runs] tbody tr"
EMPTY = "import streamlit as st\nst.text('nothing else')\n"


def measure(ask: Callable[[], object], rounds: int) -> list[float]:
    """Milliseconds of each round, after three unmeasured ones."""
    took: list[float] = []
    for number in range(-3, rounds):
        begun = time.perf_counter()
        ask()
        if number >= 0:
            took.append((time.perf_counter() - begun) * 1000)
    return took


def line(name: str, milliseconds: list[float], aim: float | None = None) -> None:
    """One line of figures, with the aim that its p95 has."""
    middle, high = figures(milliseconds)
    verdict = "" if aim is None else f"   {'under' if high < aim else 'OVER'} {aim:.0f}"
    print(f"{name:46}{middle:10.1f}{high:10.1f}{verdict}", flush=True)


def member(url: str, scope: TenantScope) -> tuple[UUID, UUID]:
    """The ids of a member of the tenant and of one of its runs; the first time, the other pages get something to show."""
    admin = Database(url, DatabaseRole.ADMIN)
    directory = Directory(admin)
    if directory.by_email(PERSON) is None:
        directory.grant(scope, PERSON, Role.OWNER)
        add_features(url, scope)
    user = directory.by_email(PERSON)
    admin.dispose()
    reader = Database(url, DatabaseRole.HUB)
    some = RunReader(reader, scope).list(RunFilter(), limit=50).runs[-1]
    reader.dispose()
    assert user is not None
    return user.id, some.id


def scripts(hub: HubServer, cookie: str, run: UUID, empty: str, rounds: int) -> None:
    """Every page, and the list at its widest; one tab, one page after the other. The floor is Streamlit's own part of it."""
    with tab(empty, cookie) as page:
        line("script: an empty Streamlit page", measure(lambda: page.open("/"), rounds))
    operations = "/operations?tenant=tenant-1"
    addresses = {
        **{f"script: {page}": f"{page}?tenant=tenant-1" for page in sorted(page_paths()) if page != "/run"},
        "script: /run": f"/run?tenant=tenant-1&id={run}",
        "script: /operations, 250 rows": f"{operations}&rows=250",
        "script: /operations, type, 30 days": f"{operations}&type=drift.generate&range=30d",
        "script: /operations, frequent item": f"{operations}&q=in-every-hundredth-sync",
        "script: /operations, part of an item": f"{operations}&q=ITEM-99",
    }
    with tab(hub.url, cookie) as page:
        for name, address in addresses.items():
            aim = LIST_MS if name == "script: /operations" else SCRIPT_MS
            line(name, measure(lambda address=address: page.open(address), rounds), aim)
        fragment = page.open(operations).fragments[0][0]
        line("script: the list's refresh", measure(lambda: page.refresh(fragment, operations), rounds), SCRIPT_MS)


def in_browser(browser: Browser, hub: HubServer, cookie: str, empty: str, rounds: int) -> None:
    """Steps within the hub, and first loads with nothing kept, each beside one of the empty page."""
    address = f"{hub.url}/operations?tenant=tenant-1"
    with profile(browser, hub.url, cookie) as page:
        page.goto(address)
        page.locator(ROWS).first.wait_for()

        def away(name: str) -> None:
            page.locator("nav.menu").get_by_role("link", name=name).click()
            page.get_by_role("heading", name=name).wait_for()

        def opened() -> None:
            page.locator("nav.menu").get_by_role("link", name="Operations").click()
            page.locator(ROWS).first.wait_for()

        line("browser: Operations from another page", between(lambda: away("Notifications"), opened, rounds), STEP_MS)
        tiles = page.locator("nav.tiles")

        def chosen(name: str) -> None:
            tiles.get_by_role("link", name=re.compile(f"^{name}")).click()
            tiles.locator("a[aria-current=true]", has_text=name).wait_for()

        line("browser: a filter applied", between(lambda: chosen("All"), lambda: chosen("Failed"), rounds), FILTER_MS)
    ours: list[float] = []
    theirs: list[float] = []
    taken: list[float] = []
    for number in range(rounds // 2 + 1):
        for times, where, shown in ((ours, address, ROWS), (theirs, empty, "text=nothing else")):
            with profile(browser, hub.url, cookie) as page:
                begun = time.perf_counter()
                page.goto(where, wait_until="commit")
                page.locator(shown).first.wait_for()
                if number:
                    times.append((time.perf_counter() - begun) * 1000)
                if number and where == address:
                    # The menu comes with Streamlit; the list stands there before.
                    page.locator("nav.menu").wait_for()
                    page.locator(".ta-first").wait_for(state="detached")
                    taken.append((time.perf_counter() - begun) * 1000)
    line("browser: first load of Operations", ours)
    line("browser: the same, until Streamlit has it", taken)
    line("browser: first load of an empty page", theirs)
    for name, where, shown in (("Operations", address, ROWS), ("an empty page", empty, "text=nothing else")):
        with profile(browser, hub.url, cookie) as page:
            print(f"{name}: {over_a_slow_line(page, where, shown)}", flush=True)
    ratio, whole = (figures(times)[0] / figures(theirs)[0] for times in (ours, taken))
    verdict = "under" if ratio <= FIRST_RATIO else "OVER"
    print(
        f"first load: {ratio:.2f} times the empty page's   {verdict} {FIRST_RATIO}; until Streamlit has it {whole:.2f}"
    )


def over_a_slow_line(page: Page, where: str, shown: str) -> str:
    """A first load at 1.6 Mbit/s and 150 ms: bytes on the wire, seconds to something to read and to what the page is for."""
    line: Any = page.context.new_cdp_session(page)
    sizes: list[int] = []

    def add(told: dict[str, Any]) -> None:
        sizes.append(int(told["encodedDataLength"]))

    line.on("Network.loadingFinished", add)
    line.send("Network.enable")
    slow = {"offline": False, "latency": 150, "downloadThroughput": 200_000, "uploadThroughput": 200_000}
    line.send("Network.emulateNetworkConditions", slow)
    begun = time.perf_counter()
    page.goto(where, wait_until="commit")
    page.locator("body :not(noscript):not(script):visible").first.wait_for(timeout=120_000)
    first = time.perf_counter() - begun
    page.locator(shown).first.wait_for(timeout=120_000)
    whole = time.perf_counter() - begun
    page.wait_for_load_state("networkidle")
    return f"{sum(sizes):,} bytes in {len(sizes)} answers; something to read after {first:.1f} s, all of it after {whole:.1f} s"


def between(before: Callable[[], None], step: Callable[[], None], rounds: int) -> list[float]:
    """Milliseconds of each step; what comes before it is not counted."""
    took: list[float] = []
    for _ in range(rounds):
        before()
        begun = time.perf_counter()
        step()
        took.append((time.perf_counter() - begun) * 1000)
    return took


@contextmanager
def profile(browser: Browser, url: str, cookie: str) -> Generator[Page]:
    """A tab of a browser profile that holds the session and nothing else."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000}, timezone_id="Europe/Berlin")
    context.add_cookies([{"name": "tenantatlas", "value": cookie, "url": url}])
    yield context.new_page()
    context.close()


@contextmanager
def empty_page(folder: Path) -> Generator[str]:
    """The address of a Streamlit app that shows one line, served by Streamlit's own command."""
    script, port = folder / "empty.py", free_port()
    script.write_text(EMPTY)
    quiet = ("--server.headless=true", "--browser.gatherUsageStats=false", "--server.fileWatcherType=none")
    command = [sys.executable, "-m", "streamlit", "run", str(script), f"--server.port={port}", *quiet]
    serving = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        eventually(lambda: answers(address), seconds=120)
        yield address
    finally:
        serving.terminate()
        serving.wait(20)


def answers(address: str) -> bool:
    """Whether something serves there."""
    try:
        return httpx.get(address, trust_env=False).is_success
    except httpx.HTTPError:
        return False


COPIES = """
INSERT INTO flow_run ({columns}, id, tags, expected_start_time, start_time, state_id)
SELECT {columns}, gen_random_uuid(), jsonb_build_array(CASE WHEN n % 5 = 0 THEN 'tenant-1' ELSE 'tenant-' || n % 1000 END),
  now() - n * interval '10 s', now() - n * interval '10 s', NULL
FROM (SELECT * FROM flow_run LIMIT 1) one, generate_series(1, {runs}) n
"""


def prefect_lists(home: Path, rounds: int) -> None:
    """Prefect's server on the same PostgreSQL, asked for one tenant's newest runs by tag. Its runs are copies of one."""
    with EmbeddedDatabase(home) as server, environment({**stack_environment(home), "PATH": os.environ["PATH"]}):
        settings, port = load_settings(), free_port()
        url = f"http://127.0.0.1:{port}/api"
        told = specs.base_environment(settings, database_url=server.url(), prefect_api_url=url)
        address = server.url(PREFECT, driver="asyncpg")
        spec = specs.prefect_server(told, database_url=address, host="127.0.0.1", port=port, api_url=url)
        process = ManagedProcess(spec, home)
        try:
            eventually(spec.is_ready, seconds=300)
            with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
                held = fill_prefect(client, server.url(PREFECT))
                wanted = {"flow_runs": {"tags": {"all_": ["tenant-1"]}}, "limit": LISTED, "sort": "START_TIME_DESC"}
                assert len(client.post("/flow_runs/filter", json=wanted).raise_for_status().json()) == LISTED
                took = measure(lambda: client.post("/flow_runs/filter", json=wanted).raise_for_status(), rounds)
                line(f"Prefect's API: {LISTED} by tag, of {held:,} flow runs", took)
        finally:
            process.stop()


def fill_prefect(client: httpx.Client, url: str) -> int:
    """Flow runs enough; answers how many there are."""
    flow = client.post("/flows/", json={"name": "measured"}).raise_for_status().json()["id"]
    client.post("/flow_runs/", json={"flow_id": flow, "state": {"type": "COMPLETED"}}).raise_for_status()
    own = ("id", "tags", "expected_start_time", "start_time", "state_id")
    with psycopg.connect(url, autocommit=True) as connection:
        held = connection.execute("SELECT count(*) FROM flow_run").fetchone()
        assert held is not None
        if held[0] < PREFECT_RUNS:
            found = connection.execute(
                "SELECT column_name FROM information_schema.columns WHERE table_name = 'flow_run' AND is_generated = 'NEVER'"
            ).fetchall()
            columns = ", ".join(f'"{name}"' for (name,) in found if name not in own)
            connection.execute(COPIES.format(columns=columns, runs=PREFECT_RUNS).encode())
            connection.execute("VACUUM (ANALYZE) flow_run")
    return max(int(held[0]), PREFECT_RUNS)


def main() -> None:
    """Serves, opens, prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, help="keep the store here, and use the one that is here already")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--tenants", type=int, default=1000)
    parser.add_argument("--only", nargs="+", choices=("scripts", "browser", "prefect"))
    asked = parser.parse_args()
    os.environ.setdefault("TENANTATLAS_ENCRYPTION_KEY", "a key of the benchmarks, long enough and of words")
    parts = asked.only or ("scripts", "browser", "prefect")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        home: Path = asked.home or folder / "store"
        url, scope = stack.enter_context(filled(home, asked.runs, asked.tenants))
        user, run = member(url, scope)
        port = free_port()
        settings = HubSettings(
            database_url=url,
            public_url=f"http://127.0.0.1:{port}",
            session_secret=SECRET,
            producer_migrations=tuple(migration_folders()),
            oidc=OidcSettings("http://127.0.0.1:9", "hub", "not-a-real-one"),
        )
        hub = stack.enter_context(HubServer(settings, folder, port))
        cookie = Sessions(SECRET, 8).open(user)
        print(f"{'(ms)':46}{'median':>10}{'p95':>10}")
        empty = stack.enter_context(empty_page(folder))
        if "scripts" in parts:
            scripts(hub, cookie, run, empty, asked.rounds)
        if "browser" in parts:
            playwright = stack.enter_context(sync_playwright())
            browser = playwright.chromium.launch(executable_path=chromium(), args=list(ARGUMENTS))
            in_browser(browser, hub, cookie, empty, asked.rounds)
            browser.close()
        if "prefect" in parts:
            database = Database(url, DatabaseRole.HUB)
            reader = RunReader(database, scope)
            name = f"the hub's reader: {LISTED} of the tenant's, of {asked.runs:,}"
            line(name, measure(lambda: reader.list(RunFilter(), limit=LISTED), asked.rounds))
            database.dispose()
            prefect_lists(home, asked.rounds)


if __name__ == "__main__":
    main()
