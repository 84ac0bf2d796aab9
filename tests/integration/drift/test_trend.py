"""The Drift page over time: what was open on each day, what is new, how long decisions take, and what is unread since when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, text, update

from flows._policies.snapshots import list_syncs
from flows.drift.comparison.severity import Severity
from flows.drift.overview import Trend, blind, open_by_scope, trend
from flows.drift.page import over_time
from flows.drift.register.reading import findings_document, newest_comparisons
from flows.drift.tables import DriftComparison, DriftEvent, DriftFinding
from runstore.tenancy import TenantScope
from tests.conftest import Store
from tests.support.deciding import accept, acknowledge
from tests.support.drift_runs import Runs, export, policy
from tests.support.nodes import text_of

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


@dataclass
class Life:
    """A finding with its steps: when, by which run, by whom, what, from, to."""

    scope: str
    severity: str
    hidden: bool
    until: datetime | None
    steps: list[tuple[datetime, UUID, str, str, str | None, str]]
    id: UUID = field(default_factory=uuid4)

    def at(self, moment: datetime) -> str | None:
        past = [step for step in self.steps if step[0] < moment]
        status = past[-1][5] if past else None
        ended = self.until is not None and past == self.steps and self.until < min(moment, datetime.now(UTC))
        return "open" if ended else status


STEPS = {
    ("drift.generate", "open"): [("moved", "open"), ("returned", "resolved")],
    ("drift.generate", "acknowledged"): [("moved", "open"), ("returned", "resolved")],
    ("drift.generate", "accepted"): [("moved", "open"), ("expired", "open"), ("returned", "resolved")],
    ("drift.generate", "resolved"): [("reopened", "open")],
    ("kim", "open"): [("acknowledged", "acknowledged"), ("accepted", "accepted")],
    ("kim", "acknowledged"): [("reopened", "open"), ("accepted", "accepted")],
    ("kim", "accepted"): [("reopened", "open"), ("accepted", "accepted")],
}


def a_life(draw: Random, key: str, compared: Sequence[tuple[datetime, UUID]]) -> Life:
    """A finding of scope `key`, whose comparisons were `compared`; people decide after some of them, some within minutes."""
    first = draw.randrange(len(compared))
    at, run = compared[first]
    steps: list[tuple[datetime, UUID, str, str, str | None, str]] = [(at, run, "drift.generate", "found", None, "open")]
    for at, run in compared[first:]:
        for who, later in (("drift.generate", timedelta()), ("kim", timedelta(minutes=draw.choice((5, 500))))):
            now = steps[-1][5]
            if draw.random() < 0.4 and at + later > steps[-1][0] and (who, now) in STEPS:
                event, status = draw.choice(STEPS[who, now])
                steps.append((at + later, run, who, event, now, status))
    until = datetime.now(UTC) + timedelta(days=draw.choice((-3, -1, 10, 50))) if steps[-1][5] == "accepted" else None
    if until is not None and until < steps[-1][0]:
        until = None
    return Life(key, draw.choice(list(Severity)), draw.random() < 0.2, until, steps)


def stored(store: Store, scope: TenantScope, lives: Sequence[Life]) -> None:
    """The findings, of the lowest severity until their steps are stored: what is shown is their severity of now."""
    names = ("at", "run_id", "actor", "event", "from_status", "to_status")
    same = {"tenant_id": scope.tenant_id, "kind": "policy_modified", "policy_type": "x", "subject": "x"}
    with store.admin.transaction(scope) as connection:
        for life in lives:
            (_, first, *_), (at, last, *_, status) = life.steps[0], life.steps[-1]
            digest = sha256(life.id.bytes).digest()
            about = {"id": life.id, "scope": life.scope, "severity": "info", "owner": "kim", "reason": "so"}
            digests = {"fingerprint": digest, "value_digest": digest}
            digests |= {"accepted_digest": digest} if status == "accepted" else {}
            state = {
                "status": status,
                "accepted_until": life.until,
                "resolved_at": at if status == "resolved" else None,
            }
            runs = {"first_run_id": first, "last_run_id": last}
            connection.execute(insert(DriftFinding).values(**same, **about, **digests, **state, **runs))
            of_it = {"tenant_id": scope.tenant_id, "finding_id": life.id}
            steps = [{**of_it, **dict(zip(names, step, strict=True))} for step in life.steps]
            connection.execute(insert(DriftEvent), steps)
            now = {"severity": life.severity, "hidden_run_id": last if life.hidden else None}
            connection.execute(update(DriftFinding).where(DriftFinding.id == life.id).values(**now))


@pytest.mark.parametrize("seed", range(5))
def test_it_is_what_a_plain_count_of_every_finding_s_life_says(store: Store, seed: int) -> None:
    draw, scope, now = Random(seed), store.tenant(), datetime.now(UTC)
    ago = {"daily": range(70, 0, -3), "weekly": range(80, 1, -7), "left alone": (75, 45)}
    compared = {
        key: [(now - timedelta(days=days, minutes=draw.randrange(1, 600)), uuid4()) for days in times]
        for key, times in ago.items()
    }
    lives = [a_life(draw, key, compared[key]) for key in compared for _ in range(60)]
    stored(store, scope, lives)
    newest = [
        {"scope": key, "run_id": str(run), "created_at": at.isoformat()}
        for key, times in compared.items()
        for at, run in times[-1:]
    ]
    with store.admin.transaction(scope) as connection:
        for key, times in compared.items():
            for at, run in times:
                made = {
                    "tenant_id": scope.tenant_id,
                    "run_id": run,
                    "scope": key,
                    "against": "previous",
                    "created_at": at,
                }
                syncs = {"baseline_sync_id": uuid4(), "current_sync_id": uuid4()}
                connection.execute(insert(DriftComparison).values(**made, **syncs))
    with store.hub.transaction(scope) as connection:
        found = trend(connection, scope, open_by_scope(connection, scope), newest)

    seen = [life for life in lives if not life.hidden]
    for day, levels in found.days:
        end = datetime.combine(day + timedelta(days=1), datetime.min.time(), UTC)
        stands = Counter(life.severity for life in seen if life.at(end) in ("open", "acknowledged"))
        assert levels == stands, day
    new = {
        str(run): sum(
            step[1:3] == (run, "drift.generate") and step[5] == "open" and step[3] != "expired"
            for life in seen
            for step in life.steps
        )
        for times in compared.values()
        for _, run in times[-1:]
    }
    assert found.new == {one["scope"]: new[one["run_id"]] for one in newest} and found.new["left alone"]
    assert found.expiring == sum(life.until is not None and 0 < (life.until - now).days < 30 for life in seen)
    first = datetime.combine(found.days[0][0], datetime.min.time(), UTC)
    took = [
        (step[0] - max(one[0] for one in life.steps[:place] if one[5] == "open" != one[4])).total_seconds()
        for life in lives
        for place, step in enumerate(life.steps)
        if step[0] >= first and step[4] == "open" and step[5] in ("acknowledged", "accepted")
    ]
    assert found.decisions == len(took) and found.until_decided == pytest.approx(fmean(took))
