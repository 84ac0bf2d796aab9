"""What Prefect's server has planned for schedules: at once, and nobody's is lost when another's schedule changes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deployments.orchestration.schedules import changes as schedules
from deployments.orchestration.schedules.changes import Choice
from deployments.orchestration.schedules.listing import find
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


def test_a_schedule_of_every_minute_starts_runs_that_the_server_planned(stack: StackUnderTest) -> None:
    scope = stack.tenant()
    with schedules_of(stack, "echo.speak", key="by the clock") as echo:
        (added,) = echo.add(scope.slug, every="1m")
        planned = echo.planned(added.schedule.id)
        assert len(planned) >= 4, "those of the next minutes, until the server's own loop looks"
        assert min(planned) <= datetime.now(UTC) + timedelta(minutes=2)
        reader = RunReader(stack.database(DatabaseRole.HUB), scope)
        run = eventually(lambda: next(iter(reader.list(RunFilter()).runs), None), seconds=150)
        ended = stack.until(scope, run.id).run
        flow_run = echo.prefect.get(f"flow_runs/{ended.flow_run_id}").json()
    assert (ended.status, ended.trigger.value) == (RunStatus.COMPLETED, "schedule")
    assert flow_run["created_by"]["id"] == str(added.schedule.id)


Mutation = Callable[[Schedules, str], object]
MUTATIONS: dict[str, Mutation] = {
    "paused": lambda echo, tenant: echo.switch(tenant, active=False),
    "resumed": lambda echo, tenant: (echo.switch(tenant, active=False), echo.switch(tenant, active=True)),
    "removed": lambda echo, tenant: echo.remove(tenant),
    "at another time": lambda echo, tenant: echo.add(tenant, cron=minutes_from_now(20)),
    "removed and added": lambda echo, tenant: (echo.remove(tenant), echo.add(tenant, cron=minutes_from_now(20))),
    "paused by adding": lambda echo, tenant: echo.add(tenant, cron=minutes_from_now(30), paused=True),
}


@pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=MUTATIONS)
def test_what_happens_to_one_tenants_schedule_costs_no_other_a_run(stack: StackUnderTest, mutation: Mutation) -> None:
    mine, other = stack.tenant().slug, stack.tenant().slug
    with stack.nothing_taken(), schedules_of(stack, "echo.speak", key="missed") as echo:
        added = {one.schedule.tenant: one.schedule.id for one in echo.add(mine, other, cron=minutes_from_now(30))}
        echo.were_missed()
        late, planned = echo.late(added[other]), set(echo.planned(added[other]))
        assert len(late) >= 2
        assert len(planned) >= len(late) + 3
        mutation(echo, mine)
        assert echo.late(added[other]) == late, "the very same runs"
        assert set(echo.planned(added[other])) == planned


def test_registering_a_changed_operation_costs_no_schedule_a_run(stack: StackUnderTest) -> None:
    with schedules_of(stack, "echo.speak", key="registered anew") as echo:
        (added,) = echo.add(stack.tenant().slug, cron=minutes_from_now(30))
        planned = set(echo.planned(added.schedule.id))
        assert len(planned) >= 3
        by_hand = {"description": "by hand"}
        echo.prefect.patch(f"deployments/{echo.deployment['id']}", json=by_hand).raise_for_status()
        deploy(stack)
        assert echo.deployment["description"] != "by hand"
        assert set(echo.planned(added.schedule.id)) == planned


@pytest.mark.parametrize("ending", ["paused", "removed", "paused by adding"])
def test_an_ended_schedule_starts_nothing_that_is_late_either(stack: StackUnderTest, ending: str) -> None:
    mine, other = stack.tenant().slug, stack.tenant().slug
    with stack.nothing_taken(), schedules_of(stack, "echo.speak", key="missed") as echo:
        added = {one.schedule.tenant: one.schedule.id for one in echo.add(mine, other, cron=minutes_from_now(30))}
        echo.were_missed()
        assert len(echo.late(added[mine])) >= 2
        MUTATIONS[ending](echo, mine)
        assert echo.planned(added[mine]) == {}
        # Nor does it when the server plans anew, as its own loop does.
        echo.were_missed()
        assert echo.planned(added[mine]) == {}


def test_what_a_paused_schedule_began_goes_on(stack: StackUnderTest) -> None:
    tenant = stack.tenant().slug
    with stack.nothing_taken(), schedules_of(stack, "echo.speak", key="begun") as echo:
        (added,) = echo.add(tenant, cron=minutes_from_now(30))
        echo.were_missed()
        begun, ended, *waiting = echo.late(added.schedule.id).values()

        def reach(run: str, *states: dict[str, Any]) -> None:
            for state in states:
                told = {"state": state, "force": True}
                echo.prefect.post(f"flow_runs/{run}/set_state", json=told).raise_for_status()

        # One waits for its second attempt, one is over.
        reach(begun, {"type": "RUNNING"}, {"type": "SCHEDULED", "name": "AwaitingRetry"})
        reach(ended, {"type": "RUNNING"}, {"type": "COMPLETED"})
        echo.switch(tenant, active=False)
        left = [run for run in (begun, ended, *waiting) if echo.prefect.get(f"flow_runs/{run}").status_code == 200]
        assert left == [begun, ended]
        echo.prefect.delete(f"flow_runs/{begun}").raise_for_status()


def test_the_row_of_a_removed_schedule_stays_while_another_is_late_and_goes_with_the_next(
    stack: StackUnderTest,
) -> None:
    mine, other, third = (stack.tenant().slug for _ in range(3))
    with schedules_of(stack, "echo.speak", key="missed") as echo:
        with stack.nothing_taken():
            added = {row.schedule.tenant: row.schedule for row in echo.add(mine, other, cron=minutes_from_now(30))}
            echo.were_missed()
            echo.remove(mine)
            row = echo.rows()[str(added[mine].id)]
            assert (row["active"], row["parameters"]) == (False, {"removed": True})
            assert [one.tenant for one in find([mine, other])] == [other]
            with pytest.raises(Exception, match="no schedule"):
                schedules.remove(Choice([mine], id=added[mine].id))
            # Added again it comes back in its row, on and with its tenant.
            (again,) = echo.add(mine, cron=minutes_from_now(20))
            assert (again.change, again.schedule.id, again.schedule.active) == ("added", added[mine].id, True)
            assert len(echo.planned(added[mine].id)) >= 1
            echo.remove(mine)
        eventually(lambda: not echo.late(added[other].id))
        echo.add(third, cron=minutes_from_now(20))
        echo.remove(third)
        assert set(echo.rows()) == {str(added[other].id)}


def test_of_a_deployment_that_someone_paused_nothing_is_planned(stack: StackUnderTest) -> None:
    tenant = stack.tenant().slug
    with schedules_of(stack, "echo.speak", key="paused") as echo:
        deployment = f"deployments/{echo.deployment['id']}"
        echo.prefect.post(f"{deployment}/pause_deployment").raise_for_status()
        try:
            (added,) = echo.add(tenant, every="1m")
            assert echo.planned(added.schedule.id) == {}
        finally:
            echo.prefect.post(f"{deployment}/resume_deployment").raise_for_status()
