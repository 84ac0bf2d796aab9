"""The copy of what is scheduled: what becomes of it in the store, what of it counts as missing, and what a page says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import anyio
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from prefect.settings import PREFECT_API_URL, temporary_settings
from sqlalchemy import text

from deployments.orchestration.our_deployments import Deployment
from deployments.orchestration.prefect_times import next_times
from deployments.orchestration.schedules import mirror
from monitoring_app import texts
from monitoring_app.operations.schedules_page import STOPPED, schedules, strip
from runstore.database import DatabaseRole
from runstore.reasons import Catalogue
from runstore.runs.status import RunStatus
from runstore.schedules import (
    GRACE,
    LookProblem,
    Mirrored,
    ScheduleMirror,
    Schedules,
    StoppedBy,
    at_most,
    read_schedules,
)
from tests.support.nodes import text_of
from tests.support.ports import free_port
from tests.support.runs import RunSpec, add_runs
from tests.support.schedules import schedules_of
from tests.support.stack import StackUnderTest

DAY = 24 * 3600


def one(tenant: str = "acme", **told: Any) -> Mirrored:
    """A daily sync of the scope `windows` that was due an hour ago, unless told otherwise."""
    now = datetime.now(UTC)
    values: dict[str, Any] = {
        "tenant": tenant, "id": str(uuid4()), "resource": "inventory", "action": "sync", "scope": "windows",
        "name": None, "timing": "0 6 * * *", "timezone": "UTC", "stopped_by": None, "every_seconds": DAY,
        "due_at": (now - timedelta(hours=1)).isoformat(), "next_at": (now + timedelta(hours=23)).isoformat(),
    }  # fmt: skip
    return Mirrored(**{**values, **told})


def said_above(found: Schedules) -> str:
    """What the list of runs says of the schedules."""
    shown = strip("acme", found)
    assert shown is not None
    return text_of(shown)


def known(store: Any, *found: Mirrored, slug: str = "acme") -> Schedules:
    store.tenant(slug)
    ScheduleMirror(store.relay).replace(found)
    return read_schedules(store.hub, store.tenant(slug))


def run(hours_ago: float, status: RunStatus = RunStatus.COMPLETED, scope: str = "windows") -> RunSpec:
    created = datetime.now(UTC) - timedelta(hours=hours_ago)
    return RunSpec(
        type="inventory.sync", status=status, created_at=created, context={"scope": scope}, lasted=timedelta(minutes=2)
    )


LOOKS = st.lists(
    st.dictionaries(st.sampled_from(("acme", "globex", "gone")), st.integers(0, 5)), min_size=1, max_size=4
)


def test_the_copy_is_what_was_last_read_of_each_tenant(store: Any) -> None:
    scopes = {slug: store.tenant(slug) for slug in ("acme", "globex")}

    @settings(max_examples=15, deadline=None)
    @given(LOOKS)
    def holds(looks: list[dict[str, int]]) -> None:
        for number, look in enumerate(looks):
            # Some stay with other values, some go, some come; a tenant that the store does not know has none.
            found = [
                one(tenant, id=str(UUID(int=10 * position + n)), scope=f"{tenant}-{number}")
                for position, (tenant, count) in enumerate(sorted(look.items()))
                for n in range(count)
            ]
            ScheduleMirror(store.relay).replace(found)
            for slug, scope in scopes.items():
                seen = read_schedules(store.hub, scope)
                assert {str(entry.id) for entry in seen.entries} == {
                    entry.id for entry in found if entry.tenant == slug
                }
                assert all(entry.scope == f"{slug}-{number}" for entry in seen.entries) and not seen.look.is_stale

    holds()


@pytest.mark.parametrize(
    ("runs", "told", "missing"),
    [
        (lambda: [], {}, True),
        (lambda: [], {"due_at": None}, False),
        (lambda: [run(0.9)], {}, False),
        (lambda: [run(0.9, RunStatus.FAILED)], {}, False),
        (lambda: [run(0.9, scope="other")], {}, True),
        (lambda: [run(25)], {}, True),
        (lambda: [run(25, RunStatus.RUNNING)], {}, False),
        (lambda: [run(25, RunStatus.PENDING)], {}, True),
        (lambda: [run(0.9), run(30)], {"scope": None}, True),
        (lambda: [run(2)], {"due_at": None, "next_at": (datetime.now(UTC) - GRACE * 2).isoformat()}, True),
    ],
)
def test_a_schedule_misses_a_run_when_none_of_its_scope_followed_its_time(
    store: Any, runs: Callable[[], list[RunSpec]], told: dict[str, Any], missing: bool
) -> None:
    # The times are those of now: this may be long after the tests were collected.
    add_runs(store.worker, store.tenant(), runs())
    assert bool(known(store, one(**told)).missing) is missing


def test_the_last_success_may_be_as_old_as_the_times_allow(store: Any) -> None:
    add_runs(
        store.worker,
        store.tenant(),
        [run(0.9, RunStatus.FAILED), run(25), run(27, scope="old"), run(0.8, RunStatus.FAILED, "old")],
    )
    found = known(store, one(), one(scope="old"), one(scope="never", due_at=None))
    assert at_most(DAY) == timedelta(hours=26)
    assert [entry.scope for entry in found.too_old] == ["old"] and not found.missing
    page = text_of(schedules("acme", found, {}, Catalogue.core()))
    assert page.index("Too old") < page.index("On time") and "at most 26 h old" in page and "never" in page
    assert "Inventory: sync · old: the last success is more than 26 h old" in said_above(found)


@pytest.mark.parametrize("stopped", [*StoppedBy, None])
def test_what_did_not_run_leads_with_why(store: Any, stopped: StoppedBy | None) -> None:
    found = known(store, one(scope="fine", due_at=None), one(stopped_by=stopped))
    said, page = said_above(found), text_of(schedules("acme", found, {}, Catalogue.core()))
    why = STOPPED[stopped] if stopped else texts.MISSING_UNKNOWN
    assert said.startswith("Inventory: sync · windows did not run") and why in said and why in page
    assert page.index("windows") < page.index("fine")


def test_who_has_not_looked_says_so_and_never_that_nothing_is_scheduled(store: Any) -> None:
    scope = store.tenant()
    seen = read_schedules(store.hub, scope)
    page = text_of(schedules("acme", seen, {}, Catalogue.core()))
    assert texts.LOOK_NEVER in page and "What is scheduled is not known" in page
    assert strip("acme", seen) is None, "a hub without a relay has nothing to tell above every list"
    assert "Nothing is scheduled" in said_above(known(store))
    found = known(store, one(due_at=None))
    assert "next is Inventory: sync · windows" in said_above(found)
    long_ago = {"problem": None, "at": datetime.now(UTC) - timedelta(hours=3)}
    for problem, words in ((None, texts.LOOK_NO_RELAY), ("away", texts.LOOK_AWAY), ("refused", texts.LOOK_REFUSED)):
        with store.relay.across_tenants() as connection:
            connection.execute(
                text("UPDATE schedule_looks SET looked_at = :at, tried_at = :at, problem = NULL"), long_ago
            )
        if problem:
            ScheduleMirror(store.relay).could_not_look(LookProblem(problem))
        seen = read_schedules(store.hub, scope)
        assert words in said_above(seen) and len(seen.entries) == 1
        assert words in text_of(schedules("acme", seen, {}, Catalogue.core()))


def test_prefect_away_is_kept_and_known_ones_stay(store: Any) -> None:
    before = known(store, one())
    with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{free_port()}/api"}):
        mirror.Mirror(store.relay).look()
    after = read_schedules(store.hub, store.tenant())
    assert after.look.problem is LookProblem.AWAY and after.look.looked_at == before.look.looked_at
    assert [asdict(entry) for entry in after.entries] == [asdict(entry) for entry in before.entries]


CRON = st.sampled_from(
    (
        "0 6 * * *",
        "*/5 9-10 * * *",
        "* 9-17 * * 1-5",
        "30 2 * * 0",
        "0 0 1 * *",
        "0 0 29 2 *",
        "15 */6 * * 1-5",
        "*/30 9 * 1 *",
    )
)


@settings(max_examples=12, deadline=None)
@given(CRON, st.sampled_from(("UTC", "Europe/Berlin")), st.integers(1_704_067_200, 1_798_761_600))
@example("*/5 9-10 * * *", "UTC", 1_719_651_601)
@example("* 9-17 * * 1-5", "UTC", 1_786_187_189)
def test_the_last_time_and_the_longest_wait_are_those_of_prefects_own_times(cron: str, zone: str, at: int) -> None:
    now = datetime.fromtimestamp(at, UTC)
    fields: dict[str, Any] = {
        "schedule": {"cron": cron, "timezone": zone},
        "id": str(uuid4()),
        "active": True,
        "parameters": {},
    }
    deployment = Deployment("inventory.sync", {
        "name": "acme", "tags": ["tenantatlas"], "parameters": {"tenant": "acme"}, "paused": False,
    })  # fmt: skip
    schedule = mirror.Schedule(deployment, fields)

    async def reckon() -> tuple[Any, list[datetime]]:
        times = await mirror.reckoned(fields["schedule"], now)
        return times, await next_times(fields["schedule"], 1, now)

    times, coming = anyio.run(reckon)
    kept = mirror.mirrored(schedule, times, None, now)
    assert kept is not None and kept.every_seconds is not None and kept.due_at is not None and kept.next_at is not None
    due, following = datetime.fromisoformat(kept.due_at), datetime.fromisoformat(kept.next_at)
    # Nothing of the schedule lies between the two but what is still within its grace.
    between = anyio.run(next_times, fields["schedule"], 20, due + timedelta(seconds=1))
    assert due <= now - GRACE and following > now - timedelta(seconds=1) and following in (coming[0], *between)
    assert all(moment > now - GRACE for moment in between)
    # An hour more, as clocks change.
    moments = [due, *(moment for moment in between if moment <= following)]
    assert all((later - earlier).total_seconds() <= kept.every_seconds + 3600 for earlier, later in pairwise(moments))


@pytest.mark.stack
@pytest.mark.timeout(900)
def test_what_prefect_has_is_what_the_hub_reads(stack: StackUnderTest) -> None:
    scope, other = stack.tenant(), stack.tenant()
    relay, hub = stack.database(DatabaseRole.RELAY), stack.database(DatabaseRole.HUB)
    with schedules_of(stack, "drift.generate", scope="nightly") as made:
        made.add(scope.slug)
        made.add(scope.slug, name="weekends", paused=True)
        mirror.Mirror(relay).look()
        found = read_schedules(hub, scope)
        entries = {entry.name: entry for entry in found.entries}
        assert {name: (str(e.type), e.scope, e.timing, e.stopped_by) for name, e in entries.items()} == {
            None: ("drift.generate", "nightly", "0 3 * * *", None),
            "weekends": ("drift.generate", "nightly", "0 3 * * *", StoppedBy.SCHEDULE),
        }
        assert entries[None].next_at is not None and entries["weekends"].next_at is None and not found.missing
        assert read_schedules(hub, other).entries == ()
        made.change("remove", scope.slug)
        mirror.Mirror(relay).look()
        assert read_schedules(hub, scope).entries == ()
