"""The Drift page over time: what was open on each day, what is new, how long decisions take, and what is unread since when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from flows._policies.snapshots import list_syncs
from flows.drift.overview import Trend, blind, open_by_scope, trend
from flows.drift.page import over_time
from flows.drift.register.decisions import accept, acknowledge
from flows.drift.register.reading import findings_document, newest_comparisons
from monitoring_app.presentation.nodes import text_of
from tests.conftest import Store
from tests.support.drift_runs import Runs, export, policy

IDS = [f"{n:08}-0000-4000-8000-000000000000" for n in range(4)]


@pytest.fixture
def runs(store: Store, tmp_path: Path) -> Runs:
    """Four policies that all drifted, ten days ago."""
    made = Runs(store, store.tenant())
    for name, value in (("a", 1), ("b", 2)):
        synced(made, tmp_path / name, value)
    made.drift()
    earlier(made, "drift_finding_events", "at", 10)
    earlier(made, "drift_comparisons", "created_at", 10)
    return made


def synced(runs: Runs, folder: Path, *values: int) -> None:
    every = values * len(IDS) if len(values) == 1 else values
    runs.sync(export(folder, [policy(one, f"P{one[:8]}", value) for one, value in zip(IDS, every, strict=True)]))


def earlier(runs: Runs, table: str, column: str, days: float) -> None:
    with runs.store.admin.transaction(runs.scope) as connection:
        connection.execute(text(f"UPDATE {table} SET {column} = {column} - interval '{days} days'"))


def lately(runs: Runs) -> Trend:
    newest = newest_comparisons(runs.store.hub, runs.scope)
    with runs.store.hub.transaction(runs.scope) as connection:
        return trend(connection, runs.scope, open_by_scope(connection, runs.scope), newest)


def ids(runs: Runs) -> list[str]:
    return [one["id"] for one in findings_document(runs.store.app, runs.scope)["findings"]]


def totals(found: Trend) -> list[int | None]:
    return [None if levels is None else sum(levels.values()) for _, levels in found.days]


def test_each_day_has_what_was_open_at_its_end(runs: Runs, tmp_path: Path) -> None:
    assert totals(lately(runs)) == [None] * 19 + [4] * 11, "before the first comparison nothing is known"
    one, *_ = ids(runs)
    accept(runs.store.app, runs.scope, one, owner="kim@acme.example", reason="so")
    earlier(runs, "drift_finding_events", "at", 2)
    earlier(runs, "drift_comparisons", "created_at", 2)
    found = lately(runs)
    assert totals(found) == [None] * 17 + [4] * 10 + [3] * 3
    assert [day for day, _ in found.days] == sorted(day for day, _ in found.days)
    assert found.days[-1][0] == datetime.now(UTC).date()
    synced(runs, tmp_path / "c", 1)
    runs.drift()
    assert totals(lately(runs)) == [None] * 17 + [4] * 10 + [3, 3, 0]


def test_an_acceptance_that_ran_out_is_open_from_that_day_on(runs: Runs) -> None:
    one, *_ = ids(runs)
    accept(
        runs.store.app,
        runs.scope,
        one,
        owner="kim@acme.example",
        reason="so",
        until=datetime.now(UTC) + timedelta(days=9),
    )
    assert lately(runs).expiring == 1
    earlier(runs, "drift_finding_events", "at", 15)
    earlier(runs, "drift_comparisons", "created_at", 15)
    with runs.store.admin.transaction(runs.scope) as connection:
        connection.execute(
            text(
                "UPDATE drift_findings SET accepted_until = now() - interval '3 days' WHERE accepted_until IS NOT NULL"
            )
        )
    found = lately(runs)
    assert totals(found) == [None] * 4 + [4] * 10 + [3] * 12 + [4] * 4 and found.expiring == 0


def test_how_long_a_decision_takes_and_what_is_new(runs: Runs, tmp_path: Path) -> None:
    found = lately(runs)
    assert (found.decisions, found.until_decided, found.new) == (0, None, {"default": 4})
    one, other, *_ = ids(runs)
    accept(runs.store.app, runs.scope, one, owner="kim@acme.example", reason="so")
    earlier(runs, "drift_finding_events", "at", 4)
    acknowledge(runs.store.app, runs.scope, other)
    found = lately(runs)
    days = (10 + 14) / 2
    assert found.decisions == 2 and found.until_decided == pytest.approx(days * 86_400, abs=60)
    synced(runs, tmp_path / "c", 2, 2, 2, 3)
    runs.drift()
    assert lately(runs).new == {"default": 1}
    said = text_of(over_time("acme", found, ""))
    assert "(2 in 30 days)" in said and "12 d" in said


def test_another_tenant_has_a_trend_of_its_own(runs: Runs) -> None:
    other: Any = runs.store.tenant("globex")
    newest = newest_comparisons(runs.store.hub, runs.scope)
    with runs.store.hub.transaction(other) as connection:
        found = trend(connection, other, open_by_scope(connection, other), newest)
    assert totals(found) == [None] * 29 + [0] and (found.decisions, found.expiring, found.new) == (0, 0, {"default": 0})


def test_what_is_unread_is_said_with_since_when(runs: Runs, tmp_path: Path) -> None:
    def usable() -> Any:
        with runs.store.hub.transaction(runs.scope) as connection:
            return list_syncs(connection, runs.scope)

    assert blind(usable()) == {}
    for number in range(2):
        folder = export(tmp_path / f"unread{number}", [policy(IDS[0])])
        (folder / "broken.json").write_text("{")
        runs.sync(folder)
    found = usable()
    assert blind(found) == {"*": (found[1].started_at, False)}
    assert blind(found[:2]) == {"*": (found[1].started_at, True)}
    assert blind([]) == {}
