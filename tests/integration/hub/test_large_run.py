"""A run with 50,000 failures: its page stays a page, and its download a stream."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from uuid import UUID

import psutil
import pytest

from runstore.database import Database, DatabaseRole
from runstore.reasons import INTERNAL_ERROR, TIMED_OUT
from runstore.runs.status import RunStatus
from tests.integration.hub.conftest import Site
from tests.support.page_client import tab
from tests.support.runs import RunSpec, add_runs

FAILURES = 50_000
FRANK = "frank@fabrikam.example"


@pytest.fixture(scope="module")
def large(site: Site) -> Iterator[UUID]:
    made = [
        TIMED_OUT.failure(f"=policy {n:05}", seconds=120)
        if n % 10
        else INTERNAL_ERROR.failure(f"=policy {n:05}", class_name="KeyError", correlation_id="4fe1c09a77b2")
        for n in range(FAILURES)
    ]
    run = RunSpec(
        status=RunStatus.COMPLETED_WITH_ERRORS, failures=made, succeeded=1, item_ids=["=fine", made[0].item_id]
    )
    worker = Database(site.database_url, DatabaseRole.WORKER)
    yield add_runs(worker, site.sample.fabrikam, [run])[0]
    worker.dispose()


def test_its_page_shows_groups_and_one_page_of_items(site: Site, large: UUID) -> None:
    with tab(site.hub.url, site.sessions.open(site.user_id(FRANK))) as page:
        address = f"/run?tenant=fabrikam&id={large}"
        small = page.open(f"/run?tenant=fabrikam&id={site.sample.foreign}")
        site.hub.statements()
        shown = page.open(address)
        asked = [statement for statement in site.hub.statements() if "set_config" not in statement]
        assert not shown.failed and len(asked) <= 12
        assert "45,000" in shown.text and "5,000" in shown.text and "1–50 of 50,000" in shown.text
        assert sum(len(element.SerializeToString()) for element in shown.elements) < 200_000
        assert len(small.elements) <= len(shown.elements) < len(small.elements) + 20
        assert "49,951–50,000 of 50,000" in page.open(f"{address}&from=49950").text
        assert "1–50 of 5,000" in page.open(f"{address}&reason=internal_error").text
        found = page.open(f"{address}&find=POLICY 49999").text
        assert "1–1 of 1" in found and "=policy 49999" in found
        listed = page.open("/operations?tenant=fabrikam")
        assert "50,000 failed" in listed.text and "=policy" not in listed.text


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_its_download_comes_in_pieces_whole_and_without_a_formula(site: Site, large: UUID, kind: str) -> None:
    hub = psutil.Process(site.hub.pid)
    frank, before, most, lines = site.visitor(FRANK), hub.memory_info().rss, 0, list[str]()
    with frank.stream("GET", f"/export/items.{kind}?tenant=fabrikam&id={large}") as answer:
        assert answer.status_code == 200 and "content-length" not in answer.headers
        for number, line in enumerate(answer.iter_lines()):
            lines.append(line)
            if number % 2000 == 0:
                most = max(most, hub.memory_info().rss)
    assert most - before < 120_000_000
    if kind == "json":
        assert sum('"outcome":"failed"' in line for line in lines) == FAILURES
        assert any('"=fine"' in line for line in lines)
        return
    rows = list(csv.DictReader([lines[0].removeprefix("\ufeff"), *lines[1:]]))
    assert sum(row["outcome"] == "failed" for row in rows) == FAILURES and len(rows) == FAILURES + 1
    assert all(row["item_id"].startswith("'=") for row in rows)
