"""What Prefect's server has planned for schedules: at once, and nobody's is lost when another's schedule changes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from runstore.database import DatabaseRole
from runstore.runs.filters import RunFilter
from runstore.runs.reader import RunReader
from runstore.runs.status import RunStatus
from tests.support.schedules import Schedules, schedules_of
from tests.support.stack import StackUnderTest, deploy, eventually

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]


def minutes_from_now(minutes: int) -> str:
    """An hourly cron line whose minute is that far away: nothing falls due while the test runs."""
    return f"{(datetime.now(UTC) + timedelta(minutes=minutes)).minute} * * * *"


@pytest.mark.long
def test_a_schedule_of_every_minute_starts_runs_that_the_server_planned(stack: StackUnderTest) -> None:
    scope = stack.tenant()
    with schedules_of(stack, "echo.speak", key="by the clock") as echo:
        (added,) = echo.add(scope.slug, every="1m")
        planned = echo.planned(added.id)
        assert len(planned) >= 4
        assert min(planned) <= datetime.now(UTC) + timedelta(minutes=2)
        reader = RunReader(stack.database(DatabaseRole.HUB), scope)
        run = eventually(lambda: next(iter(reader.list(RunFilter()).runs), None), seconds=150)
        ended = stack.until(scope, run.id).run
        flow_run = echo.prefect.get(f"flow_runs/{ended.flow_run_id}").json()
    assert (ended.status, ended.trigger.value) == (RunStatus.COMPLETED, "schedule")
    assert flow_run["created_by"]["id"] == str(added.id)
    assert f"tenant:{scope.slug}" in flow_run["tags"]


Mutation = Callable[[Schedules, str], object]
MUTATIONS: dict[str, Mutation] = {
    "paused": lambda echo, tenant: echo.change("pause", tenant),
    "resumed": lambda echo, tenant: (echo.change("pause", tenant), echo.change("resume", tenant)),
    "removed": lambda echo, tenant: echo.change("remove", tenant),
    "at another time": lambda echo, tenant: echo.add(tenant, cron=minutes_from_now(20)),
    "removed and added": lambda echo, tenant: (
        echo.change("remove", tenant),
        echo.add(tenant, cron=minutes_from_now(20)),
    ),
    "paused by adding": lambda echo, tenant: echo.add(tenant, cron=minutes_from_now(30), paused=True),
}


@pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=MUTATIONS)
def test_what_happens_to_one_tenants_schedule_costs_no_other_a_run(stack: StackUnderTest, mutation: Mutation) -> None:
    mine, other = stack.tenant().slug, stack.tenant().slug
    with stack.nothing_taken(), schedules_of(stack, "echo.speak", key="missed") as echo:
        added = {one.tenant: one.id for one in echo.add(mine, other, cron=minutes_from_now(30))}
        echo.were_missed(mine)
        echo.were_missed(other)
        before = echo.planned(added[other])
        assert len(echo.late(added[other])) >= 2
        mutation(echo, mine)
        after = echo.planned(added[other])
        assert [run["id"] for run in after.values()] == [run["id"] for run in before.values()], "the very same runs"


@pytest.mark.long
def test_registering_a_changed_operation_costs_no_schedule_a_run(stack: StackUnderTest) -> None:
    with schedules_of(stack, "echo.speak", key="registered again") as echo:
        tenant = stack.tenant().slug
        (added,) = echo.add(tenant, cron=minutes_from_now(30))
        planned = set(echo.planned(added.id))
        assert len(planned) >= 3
        place = f"deployments/{echo.deployment(tenant)['id']}"
        echo.prefect.patch(place, json={"description": "by hand"}).raise_for_status()
        deploy(stack)
        assert echo.deployment(tenant)["description"] != "by hand"
        assert set(echo.planned(added.id)) == planned


@pytest.mark.parametrize("ending", ["paused", "removed"])
def test_an_ended_schedule_starts_nothing_that_is_late_either(stack: StackUnderTest, ending: str) -> None:
    tenant = stack.tenant().slug
    with stack.nothing_taken(), schedules_of(stack, "echo.speak", key="missed") as echo:
        (added,) = echo.add(tenant, cron=minutes_from_now(30))
        echo.were_missed(tenant)
        assert len(echo.late(added.id)) >= 2
        MUTATIONS[ending](echo, tenant)
        assert echo.planned(added.id) == {}


def test_a_paused_schedule_starts_nothing_of_a_long_outage(stack: StackUnderTest) -> None:
    tenant = stack.tenant().slug
    with stack.nothing_taken(), schedules_of(stack, "echo.speak", key="long missed") as echo:
        (added,) = echo.add(tenant, cron=minutes_from_now(30))
        echo.were_missed(tenant, hours=210)
        assert len(echo.late(added.id)) == 200, "as many as Prefect gives at once"
        echo.change("pause", tenant)
        assert echo.planned(added.id) == {}


def test_what_a_paused_schedule_began_goes_on(stack: StackUnderTest) -> None:
    tenant = stack.tenant().slug
    with stack.nothing_taken(), schedules_of(stack, "echo.speak", key="begun") as echo:
        (added,) = echo.add(tenant, cron=minutes_from_now(30))
        echo.were_missed(tenant)
        begun, ended, *waiting = (run["id"] for run in echo.late(added.id).values())

        def reach(run: str, *states: dict[str, Any]) -> None:
            for state in states:
                told = {"state": state, "force": True}
                echo.prefect.post(f"flow_runs/{run}/set_state", json=told).raise_for_status()

        # One waits for its second attempt, one is over.
        reach(begun, {"type": "RUNNING"}, {"type": "SCHEDULED", "name": "AwaitingRetry"})
        reach(ended, {"type": "RUNNING"}, {"type": "COMPLETED"})
        echo.change("pause", tenant)
        left = [run for run in (begun, ended, *waiting) if echo.prefect.get(f"flow_runs/{run}").status_code == 200]
        assert left == [begun, ended]
        echo.prefect.delete(f"flow_runs/{begun}").raise_for_status()
