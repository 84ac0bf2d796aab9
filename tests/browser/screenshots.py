"""Takes pictures of the hub's pages: those of the documentation, or with a folder every page, wide and narrow, light and dark.

python -m tests.browser.screenshots [FOLDER]
"""

from __future__ import annotations

import os
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from deployments.local.embedded_database import EmbeddedDatabase
from flows.registry import migration_folders, reasons
from monitoring_app.settings import HubSettings
from runstore import migrations
from runstore.database import Database, DatabaseRole
from runstore.schedules import Mirrored, ScheduleMirror, StoppedBy
from tests.support.chromium import ARGUMENTS, chromium
from tests.support.hub_features import add_features
from tests.support.hub_sample import Sample, fill
from tests.support.hub_server import HubServer

SIZES = {"wide": (1400, 1000), "narrow": (400, 860)}
SCHEMES = ("light", "dark")
DEADLINE = 60_000
DOCUMENTED = (
    "operations-wide-light", "operations-narrow-dark", "schedules-wide-light", "run-partial-wide-dark",
    "run-partial-narrow-light", "drift-wide-light", "findings-wide-light", "findings-narrow-dark", "audit-narrow-light",
)  # fmt: skip


def pages(sample: Sample) -> dict[str, str]:
    """The address of each picture by its name."""
    tenant = "tenant=northwind"
    return {
        "operations": f"/operations?{tenant}",
        "operations-filtered": f"/operations?{tenant}&bucket=failed&range=7d",
        "operations-no-match": f"/operations?{tenant}&q=no-such-item",
        "schedules": f"/schedules?{tenant}",
        "run-partial": f"/run?{tenant}&id={sample.partial}",
        "run-running": f"/run?{tenant}&id={sample.running}",
        "notifications": f"/notifications?{tenant}",
        "drift": f"/drift?{tenant}",
        "findings": f"/findings?{tenant}",
        "inventory": f"/inventory?{tenant}",
        "audit": f"/audit?{tenant}",
        "backup-sets": f"/backup-sets?{tenant}",
        "forbidden": "/operations?tenant=elsewhere",
    }


def main() -> None:
    """Serves a filled demo hub and takes the pictures."""
    whole = len(sys.argv) > 1
    folder = Path(sys.argv[1] if whole else "docs/images/hub")
    folder.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("TENANTATLAS_ENCRYPTION_KEY", "a key of the pictures, long enough and of words")
    with tempfile.TemporaryDirectory() as home, EmbeddedDatabase(Path(home)) as server:
        url = server.url()
        migrations.upgrade(url, migration_folders())
        sample = fill(url)
        add_features(url, sample.northwind)
        add_schedules(url)
        settings = HubSettings(
            database_url=url,
            demo=True,
            catalogue=reasons(),
            prefect_ui_url="http://127.0.0.1:4200",
            producer_migrations=tuple(migration_folders()),
        )
        with HubServer(settings, Path(home)) as hub, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium(), args=list(ARGUMENTS))
            for size, (width, height) in SIZES.items():
                for scheme in SCHEMES:
                    context = browser.new_context(
                        viewport={"width": width, "height": height},
                        color_scheme=scheme,  # type: ignore[arg-type]
                        timezone_id="Europe/Berlin",
                    )
                    context.set_default_timeout(DEADLINE)
                    page = context.new_page()
                    page.goto(f"{hub.url}/operations?tenant=northwind")
                    if whole:
                        page.screenshot(path=folder / f"sign-in-{size}-{scheme}.png")
                    page.get_by_role("button", name="ada@northwind.example").click()
                    for name, address in pages(sample).items():
                        if not whole and f"{name}-{size}-{scheme}" not in DOCUMENTED:
                            continue
                        page.goto(f"{hub.url}{address}")
                        settled(page)
                        path = folder / f"{name}-{size}-{scheme}.png"
                        page.screenshot(path=path)
                        # Of 256 colours it is a third of the size; of the dark ones another way keeps what is small and red.
                        kept = Image.Quantize.FASTOCTREE if scheme == "dark" else Image.Quantize.MEDIANCUT
                        Image.open(path).convert("RGB").quantize(256, method=kept).save(path, optimize=True)
                        print(path, flush=True)
                    context.close()
            browser.close()


def add_schedules(url: str) -> None:
    """What the relay would know of northwind: two schedules on time, one that is paused."""
    now, relay = datetime.now(UTC), Database(url, DatabaseRole.RELAY)
    due, soon = (now - timedelta(hours=16)).isoformat(), (now + timedelta(hours=8)).isoformat()
    told = (("inventory", "sync", "windows", None), ("drift", "generate", "default", None),
            ("inventory", "sync", "ios", StoppedBy.SCHEDULE))  # fmt: skip
    ScheduleMirror(relay).replace(
        [
            Mirrored("northwind", str(uuid4()), resource, action, scope, None, "0 3 * * *", "Europe/Berlin", stopped,
                     86_400, None if stopped else due, None if stopped else soon)
            for resource, action, scope, stopped in told
        ]
    )  # fmt: skip
    relay.dispose()


def settled(page: Page) -> None:
    """Returns once the page has its heading and Streamlit has nothing left to run."""
    page.locator("h1").first.wait_for()
    if "tenant=elsewhere" in page.url:
        return
    page.locator("nav.menu").wait_for()
    page.locator(".ta-first").wait_for(state="detached")
    page.locator('[data-testid="stStatusWidget"]').wait_for(state="detached")
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0, timeout=DEADLINE)
    page.locator(".table-frame, .empty, .panel, .group, .facts, .muted").first.wait_for(state="attached")


if __name__ == "__main__":
    main()
