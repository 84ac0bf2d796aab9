"""A deployment for each scheduled tenant: what is added, changed by us and by Prefect's own UI and command, and shown."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from uuid import uuid4

import pytest
from prefect.client.orchestration import PrefectClient
from prefect.settings import PREFECT_API_URL, temporary_settings

from deployments.orchestration import prefect_calls, tenant_deployments
from deployments.orchestration.prefect_calls import PrefectCannotPlanError, PrefectRefusesError, PrefectUnavailableError
from deployments.orchestration.schedules import changes as schedules
from runstore.errors import BadInputError, ForbiddenError, NotFoundError, TenantAtlasError
from tests.support.ports import free_port
from tests.support.schedules import Schedules, Shown, find, schedules_of
from tests.support.stack import StackUnderTest

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]


@pytest.fixture
def echo(stack: StackUnderTest) -> Iterator[Schedules]:
    with schedules_of(stack, "echo.speak", key="again") as found:
        yield found


@pytest.fixture
def tenants(stack: StackUnderTest) -> list[str]:
    return sorted(stack.tenant().slug for _ in range(4))


def changes(added: list[Shown]) -> list[str]:
    return [one.change for one in added]


def ids(added: list[Shown]) -> list[str]:
    return [str(one.id) for one in added]


def prefect_says(stack: StackUnderTest, *arguments: str) -> str:
    """Prefect's own command, as a person gives it."""
    told = {**os.environ, "PREFECT_API_URL": str(stack.running.record.prefect_api_url)}
    command = [sys.executable, "-m", "prefect", *arguments]
    return subprocess.run(command, env=told, capture_output=True, text=True, check=True).stdout


def test_a_tenants_deployment_says_whose_it_is_and_what_it_does(echo: Schedules, tenants: list[str]) -> None:
    (added,) = echo.add(tenants[0])
    made, own = echo.deployment(tenants[0]), echo.deployment()
    assert added.deployment == f"echo.speak/{tenants[0]}"
    assert made["parameters"]["tenant"] == tenants[0]
    assert made["parameters"]["key"] == "again"
    assert [one["parameters"] for one in made["schedules"]] == [{}]
    assert set(made["tags"]) == {"tenantatlas", "echo.speak", f"tenant:{tenants[0]}"}
    same = ("entrypoint", "work_pool_name", "work_queue_name", "version", "description", "job_variables")
    assert {name: made[name] for name in same} == {name: own[name] for name in same}
    assert own["schedules"] == []
    (run, *_) = echo.planned(added.id).values()
    assert run["parameters"]["tenant"] == tenants[0]
    assert set(run["tags"]) == {"auto-scheduled", *made["tags"]}


def test_what_prefects_command_and_ui_do_is_shown_and_loses_nothing(
    stack: StackUnderTest, echo: Schedules, tenants: list[str]
) -> None:
    (added,) = echo.add(tenants[0])
    one = added

    def listed() -> Shown:
        (found,) = find(tenants[:1])
        assert (found.id, found.tenant, dict(found.parameters)) == (one.id, one.tenant, dict(one.parameters))
        return found

    prefect_says(stack, "deployment", "schedule", "pause", one.deployment, str(one.id))
    assert (listed().active, listed().next_runs) == (False, [])
    assert echo.planned(one.id) == {}
    prefect_says(stack, "deployment", "schedule", "resume", one.deployment, str(one.id))
    assert (listed().active, len(listed().next_runs)) == (True, 3)
    # As the UI sends an edited schedule.
    echo.by_prefect(one, active=True, schedule={"cron": "30 4 * * 1-5", "timezone": "Europe/Berlin"})
    assert (listed().timing, listed().timezone) == ("30 4 * * 1-5", "Europe/Berlin")
    echo.prefect.post(f"deployments/{echo.deployment(tenants[0])['id']}/schedule", json={}).raise_for_status()
    runs = echo.planned(one.id).values()
    assert len(runs) >= 3
    assert {run["parameters"]["tenant"] for run in runs} == {tenants[0]}
    (again,) = echo.add(tenants[0])
    assert (again.change, again.id) == ("changed", one.id)
    prefect_says(stack, "--no-prompt", "deployment", "delete", one.deployment)
    assert find(tenants[:1]) == []
    (back,) = echo.add(tenants[0])
    assert (back.change, back.deployment) == ("added", one.deployment)


def test_a_schedule_deleted_or_made_in_prefects_ui_is_told_of_as_it_is(echo: Schedules, tenants: list[str]) -> None:
    tenant = tenants[0]
    (added,) = echo.add(tenant)
    place = f"deployments/{echo.deployment(tenant)['id']}/schedules"
    echo.prefect.delete(f"{place}/{added.id}").raise_for_status()
    assert find([tenant]) == []
    with pytest.raises(NotFoundError, match="has no schedule of echo"):
        echo.change("pause", tenant)
    theirs = {"schedule": {"rrule": "FREQ=DAILY;COUNT=400", "timezone": "UTC"}, "active": True}
    echo.prefect.post(place, json=[theirs]).raise_for_status()
    (found,) = find([tenant])
    assert (found.tenant, found.timing.endswith("COUNT=400"), found.active) == (tenant, True, True)
    (again,) = echo.add(tenant)
    assert (again.change, again.id, again.timing) == ("changed", found.id, "0 3 * * *")


def test_added_again_a_schedule_is_the_same_one_and_says_what_it_was(echo: Schedules, tenants: list[str]) -> None:
    first = echo.add(*tenants)
    assert changes(first) == ["added"] * 4
    again = echo.add(*tenants)
    assert (changes(again), ids(again)) == (["unchanged"] * 4, ids(first))
    later = echo.add(*tenants[:2], cron="0 4 * * *")
    assert (changes(later), ids(later)) == (["changed"] * 2, ids(first)[:2])
    assert [(one.before["timing"], one.timing) for one in later if one.before] == [("0 3 * * *", "0 4 * * *")] * 2
    assert [one.timing for one in find(tenants)] == ["0 4 * * *"] * 2 + ["0 3 * * *"] * 2


def test_added_again_a_paused_schedule_stays_paused(echo: Schedules, tenants: list[str]) -> None:
    echo.add(*tenants[:2])
    echo.change("pause", tenants[0])
    again = echo.add(*tenants, cron="0 4 * * *")
    assert changes(again) == ["changed", "changed", "added", "added"]
    assert [one.active for one in again] == [False, True, True, True]
    paused = echo.add(*tenants, cron="0 4 * * *", paused=True)
    assert changes(paused) == ["unchanged", "changed", "changed", "changed"]
    assert {one.active for one in paused} == {False}
    assert [one.active for one in find(tenants)] == [False] * 4


def test_other_work_and_a_further_schedule_have_deployments_of_their_own(echo: Schedules, tenants: list[str]) -> None:
    tenant = tenants[0]
    echo.add(tenant, cron="0 6 * * 1-5")
    (weekends,) = echo.add(tenant, name="weekends", cron="0 9 * * 0,6")
    (moved,) = echo.add(tenant, name="weekends", cron="0 10 * * 0,6")
    assert (weekends.change, moved.change, ids([moved])) == ("added", "changed", ids([weekends]))
    echo.add(tenant, given={"key": "other work"})
    assert [(one.deployment, one.name, one.parameters["key"]) for one in find([tenant])] == [
        (f"echo.speak/{tenant}", None, "again"),
        (f"echo.speak/{tenant}.2", None, "other work"),
        (f"echo.speak/{tenant}@weekends", "weekends", "again"),
    ]
    echo.change("remove", tenant)
    assert echo.names() == ["tenantatlas"]


def test_a_scope_is_in_the_name_and_in_the_tags(stack: StackUnderTest, tenants: list[str]) -> None:
    with schedules_of(stack, "drift.generate") as drift:
        (plain,) = drift.add(tenants[0])
        (scoped,) = drift.add(tenants[0], given={"scope": "windows/eu"})
        assert plain.deployment == f"drift.generate/{tenants[0]}"
        assert scoped.deployment == f"drift.generate/{tenants[0]}.windows-eu"
        assert "scope:windows/eu" in drift.deployment(f"{tenants[0]}.windows-eu")["tags"]
        drift.change("pause", tenants[0], id=scoped.id)
        assert [one.active for one in find(tenants[:1])] == [True, False]


def test_a_persons_own_deployment_of_that_name_is_left_alone(echo: Schedules, tenants: list[str]) -> None:
    tenant = tenants[0]
    mine = {"name": tenant, "flow_id": echo.deployment()["flow_id"], "parameters": {"tenant": tenant, "key": "again"}}
    own = echo.prefect.post("deployments/", json=mine).raise_for_status().json()["id"]
    (added,) = echo.add(tenant)
    assert added.deployment == f"echo.speak/{tenant}.2"
    echo.change("remove", tenant)
    assert echo.names() == [tenant, "tenantatlas"]
    assert echo.prefect.get(f"deployments/{own}").json()["parameters"] == mine["parameters"]


def test_a_tenant_called_as_we_are_is_told_apart(stack: StackUnderTest, echo: Schedules) -> None:
    tenant = stack.tenant("tenantatlas").slug
    (added,) = echo.add(tenant)
    assert added.deployment == "echo.speak/tenantatlas.2"
    assert [one.tenant for one in find([tenant])] == [tenant]
    echo.change("remove", tenant)
    assert echo.names() == ["tenantatlas"]


def test_while_a_deployment_is_paused_as_a_whole_its_schedule_has_no_next_times(
    echo: Schedules, tenants: list[str]
) -> None:
    echo.add(*tenants[:2])
    place = f"deployments/{echo.deployment(tenants[0])['id']}"
    echo.prefect.patch(place, json={"paused": True}).raise_for_status()
    held, other = find(tenants[:2])
    assert (held.active, held.held, held.next_runs) == (True, True, [])
    assert (other.active, other.held, len(other.next_runs)) == (True, False, 3)
    (again,) = echo.add(tenants[0], every="1m")
    assert echo.planned(again.id) == {}, "nothing is planned of what someone paused"
    echo.prefect.patch(place, json={"paused": False}).raise_for_status()
    assert [len(one.next_runs) for one in find(tenants[:2])] == [3, 3]


def test_what_a_producer_that_is_gone_has_scheduled_is_listed_and_can_be_stopped(
    echo: Schedules, tenants: list[str]
) -> None:
    gone, tenant = "policy.vanished", tenants[0]
    schedule = {"schedule": {"cron": "0 6 * * *", "timezone": "UTC"}, "active": True}
    flow = echo.prefect.post("flows/", json={"name": gone}).json()["id"]
    body = {"name": tenant, "flow_id": flow, "tags": ["tenantatlas", f"tenant:{tenant}"], "schedules": [schedule]}
    place = f"deployments/{echo.prefect.post('deployments/', json=body).json()['id']}"
    try:
        (found,) = find([tenant])
        assert (found.operation, found.active, len(found.next_runs)) == (gone, True, 3)
        (paused,) = echo.change("pause", tenant, id=found.id)
        assert (paused.id, paused.active) == (found.id, False)
        assert [one.id for one in echo.change("remove", tenant, id=found.id)] == [found.id]
        assert find([tenant]) == []
        assert echo.prefect.get(place).status_code == 404
    finally:
        echo.prefect.delete(place)


def test_an_interrupted_change_of_many_loses_nothing_and_is_finished_by_the_next(
    echo: Schedules, tenants: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = echo.add(*tenants[:2])
    with monkeypatch.context() as patched:
        made: list[str] = []
        create = tenant_deployments.create_for_tenant

        async def interrupted(*arguments: Any, **options: Any) -> Any:
            made.append("one")
            if len(made) == 2:
                raise KeyboardInterrupt
            return await create(*arguments, **options)

        patched.setattr(schedules, "create_for_tenant", interrupted)
        with pytest.raises(KeyboardInterrupt):
            echo.add(*tenants, cron="0 4 * * *")
    assert [one.timing for one in find(tenants)] == ["0 4 * * *"] * 3
    done = echo.add(*tenants, cron="0 4 * * *")
    assert changes(done) == ["unchanged"] * 3 + ["added"]
    assert ids(done)[:2] == ids(first)
    assert all(echo.planned(one) for one in ids(done))


def test_of_many_what_was_removed_meanwhile_keeps_none_of_the_others(
    echo: Schedules, tenants: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    added = echo.add(*tenants)
    update = PrefectClient.update_deployment_schedule

    async def late(self: PrefectClient, deployment: Any, schedule: Any, **told: Any) -> None:
        place = f"deployments/{echo.deployment(tenants[0])['id']}/schedules/{added[0].id}"
        if schedule == added[0].id:
            echo.prefect.delete(place).raise_for_status()
        await update(self, deployment, schedule, **told)

    monkeypatch.setattr(PrefectClient, "update_deployment_schedule", late)
    assert [one.id for one in echo.change("pause", *tenants)] == [one.id for one in added[1:]]
    echo.add(tenants[0])
    (added[0],) = find(tenants[:1])
    with pytest.raises(NotFoundError, match="removed from Prefect meanwhile"):
        echo.change("pause", tenants[0])


def test_who_takes_anothers_place_at_the_same_moment_is_told(
    echo: Schedules, tenants: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    create = tenant_deployments.create_for_tenant

    async def beaten(client: Any, base: Any, name: str, parameters: Any, *rest: Any) -> Any:
        await create(client, base, name, {**parameters, "key": "another's"}, *rest)
        return await create(client, base, name, parameters, *rest)

    monkeypatch.setattr(schedules, "create_for_tenant", beaten)
    with pytest.raises(PrefectRefusesError, match=r"Someone else added echo\.speak/"):
        echo.add(tenants[0])


def test_what_a_tenant_shares_with_its_operation_outlives_it(echo: Schedules, tenants: list[str]) -> None:
    """Prefect's server deletes a concurrency limit with any deployment that has it."""
    place = f"deployments/{echo.deployment()['id']}"
    echo.prefect.patch(place, json={"concurrency_limit": 3}).raise_for_status()
    try:
        limit = echo.deployment()["global_concurrency_limit"]["id"]
        echo.add(tenants[0])
        assert echo.deployment(tenants[0])["global_concurrency_limit"]["id"] == limit
        echo.change("remove", tenants[0])
        assert echo.deployment()["global_concurrency_limit"]["id"] == limit
    finally:
        echo.prefect.patch(place, json={"concurrency_limit": None}).raise_for_status()


def test_a_removed_schedules_deployment_stays_while_a_run_of_it_is_under_way(
    stack: StackUnderTest, echo: Schedules, tenants: list[str]
) -> None:
    with stack.nothing_taken():
        echo.add(tenants[0])
        place = f"deployments/{echo.deployment(tenants[0])['id']}"
        run = echo.prefect.post(f"{place}/create_flow_run", json={}).json()["id"]
        echo.change("remove", tenants[0])
        assert find(tenants[:1]) == []
        assert echo.prefect.get(place).json()["schedules"] == []
        assert echo.prefect.get(f"flow_runs/{run}").json()["parameters"]["tenant"] == tenants[0]
        echo.prefect.delete(f"flow_runs/{run}").raise_for_status()


def test_a_time_zone_that_only_this_machine_knows_is_bad_input(
    echo: Schedules, tenants: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deployments.orchestration.schedules.times.checked_timezone", lambda name: None)
    with pytest.raises(BadInputError, match="time zone"):
        echo.add(tenants[0], timezone="Mars/Olympus")


def test_a_server_that_cannot_plan_is_told_apart_from_one_that_is_away(echo: Schedules, tenants: list[str]) -> None:
    # A line that never comes stops the planning of its deployment; we refuse it, Prefect's UI takes it.
    never = {"schedule": {"cron": "0 0 30 2 *", "timezone": "UTC"}, "active": True}
    echo.add(*tenants[:2])
    place = f"deployments/{echo.deployment(tenants[0])['id']}/schedules"
    echo.prefect.post(place, json=[never]).raise_for_status()
    with pytest.raises(PrefectCannotPlanError, match="kept as asked, but Prefect's server cannot plan") as told:
        echo.add(tenants[0], cron="0 4 * * *")
    assert told.value.exit_code == 5
    assert [(one.timing, len(one.next_runs)) for one in find(tenants[:1])] == [("0 0 30 2 *", 0), ("0 4 * * *", 3)]
    assert changes(echo.add(tenants[1])) == ["unchanged"], "it is that one tenant's alone"


def test_an_operation_that_is_not_registered_is_not_found(stack: StackUnderTest, tenants: list[str]) -> None:
    with schedules_of(stack, "echo.insist", key="x") as insist:
        place, body = f"deployments/{insist.deployment()['id']}", insist.deployment()
        insist.prefect.patch(place, json={"tags": []}).raise_for_status()
        try:
            with pytest.raises(NotFoundError, match="run `tenantatlas deploy` first"):
                insist.add(tenants[0])
        finally:
            insist.prefect.patch(place, json={"tags": body["tags"]}).raise_for_status()


@contextmanager
def answering(status: int) -> Iterator[str]:
    """The address of what stands before a Prefect server and answers everything with that status."""

    class Refusing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        do_POST = do_GET

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Refusing) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/api"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("status", "error", "sentence"),
    [
        (401, ForbiddenError, "does not know who asks"),
        (403, ForbiddenError, "forbids this"),
        (500, PrefectUnavailableError, "cannot answer now"),
        (413, TenantAtlasError, r"refuses this \(413"),
    ],
)
def test_an_answer_that_says_no_is_told_for_what_it_is(status: int, error: type[Exception], sentence: str) -> None:
    refused = pytest.raises(error, match=sentence)
    with answering(status) as address, temporary_settings({PREFECT_API_URL: address}), refused as told:
        find(["acme"])
    assert isinstance(told.value, PrefectUnavailableError) == (status == 500)


def test_a_server_that_does_not_answer_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefect_calls, "ANSWER_SECONDS", 30.0)
    refused = pytest.raises(PrefectUnavailableError, match="not reachable")
    with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{free_port()}/api"}), refused:
        find([str(uuid4())])
