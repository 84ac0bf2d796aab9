"""Adding schedules again, for many tenants at once, and what becomes of it when Prefect's server says no."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import PrefectClient
from prefect.settings import PREFECT_API_URL, temporary_settings

from deployments.orchestration.deploy import PrefectUnavailableError
from deployments.orchestration.schedules import changes as schedules
from deployments.orchestration.schedules.changes import Added, Choice
from deployments.orchestration.schedules.listing import find
from deployments.orchestration.schedules.planned_runs import PlannedRuns
from deployments.orchestration.schedules.prefect_calls import PrefectCannotPlanError, with_prefect
from deployments.orchestration.schedules.timetable import Row, Timetable
from runstore.errors import BadInputError, ForbiddenError, NotFoundError, TenantAtlasError
from tests.support.ports import free_port
from tests.support.schedules import Schedules, schedules_of
from tests.support.stack import StackUnderTest

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]


@pytest.fixture
def echo(stack: StackUnderTest) -> Iterator[Schedules]:
    with schedules_of(stack, "echo.speak", key="again") as found:
        yield found


@pytest.fixture
def tenants(stack: StackUnderTest) -> list[str]:
    return sorted(stack.tenant().slug for _ in range(4))


def changes(added: list[Added]) -> list[str]:
    return [one.change for one in added]


def ids(added: list[Added]) -> list[str]:
    return [str(one.schedule.id) for one in added]


def test_added_again_a_schedule_is_the_same_one_and_says_what_it_was(echo: Schedules, tenants: list[str]) -> None:
    first = echo.add(*tenants)
    assert changes(first) == ["added"] * 4
    again = echo.add(*tenants)
    assert (changes(again), ids(again)) == (["unchanged"] * 4, ids(first))
    later = echo.add(*tenants[:2], cron="0 4 * * *")
    assert (changes(later), ids(later)) == (["changed"] * 2, ids(first)[:2])
    assert [(one.before.timing, one.schedule.timing) for one in later if one.before] == [("0 3 * * *", "0 4 * * *")] * 2
    assert [one.timing for one in find(tenants)] == ["0 4 * * *"] * 2 + ["0 3 * * *"] * 2


def test_added_again_a_paused_schedule_stays_paused(echo: Schedules, tenants: list[str]) -> None:
    echo.add(*tenants[:2])
    echo.switch(tenants[0], active=False)
    again = echo.add(*tenants, cron="0 4 * * *")
    assert changes(again) == ["changed", "changed", "added", "added"]
    assert [one.schedule.active for one in again] == [False, True, True, True]
    paused = echo.add(*tenants, cron="0 4 * * *", paused=True)
    assert changes(paused) == ["unchanged", "changed", "changed", "changed"]
    assert {one.schedule.active for one in paused} == {False}
    assert [one.active for one in find(tenants)] == [False] * 4


def test_added_again_a_schedule_has_the_tenant_that_prefects_own_command_takes_from_it(
    stack: StackUnderTest, tenants: list[str]
) -> None:
    tenant = tenants[0]
    with schedules_of(stack, "drift.generate") as drift:
        (first,) = drift.add(tenant)
        # As `prefect deployment schedule pause` asks for it: the server empties the parameters.
        place = f"deployments/{drift.deployment['id']}/schedules/{first.schedule.id}"
        drift.prefect.patch(place, json={"active": False}).raise_for_status()
        assert find([tenant]) == []
        (again,) = drift.add(tenant)
        assert (again.change, again.schedule.id, again.schedule.tenant) == ("changed", first.schedule.id, tenant)


def test_while_the_operation_is_paused_as_a_whole_its_schedules_have_no_next_times(
    echo: Schedules, tenants: list[str]
) -> None:
    echo.add(tenants[0])
    place = f"deployments/{echo.deployment['id']}"
    echo.prefect.patch(place, json={"paused": True}).raise_for_status()
    try:
        assert [(one.active, one.held, one.next_runs) for one in find(tenants)] == [(True, True, ())]
    finally:
        echo.prefect.patch(place, json={"paused": False}).raise_for_status()
    assert [(one.active, one.held, len(one.next_runs)) for one in find(tenants)] == [(True, False, 3)]


def test_what_a_producer_that_is_gone_has_scheduled_is_listed_and_can_be_stopped(
    echo: Schedules, tenants: list[str]
) -> None:
    gone, tenant = "policy.vanished", tenants[0]
    schedule = {"schedule": {"cron": "0 6 * * *", "timezone": "UTC"}, "active": True, "parameters": {"tenant": tenant}}
    flow = echo.prefect.post("flows/", json={"name": gone}).json()["id"]
    body = {"name": "tenantatlas", "flow_id": flow, "tags": ["tenantatlas", gone], "schedules": [schedule]}
    place = f"deployments/{echo.prefect.post('deployments/', json=body).json()['id']}"
    try:
        (found,) = find([tenant])
        assert (found.operation, found.active, len(found.next_runs)) == (gone, True, 3)
        (paused,) = schedules.switch(Choice([tenant], id=found.id), active=False)
        assert (paused.id, paused.active) == (found.id, False)
        assert [one.id for one in schedules.remove(Choice([tenant], operation=gone))] == [found.id]
        assert find([tenant]) == []
    finally:
        echo.prefect.delete(place).raise_for_status()


def test_a_named_schedule_is_a_further_one_of_the_same_work(echo: Schedules, tenants: list[str]) -> None:
    tenant = tenants[0]
    echo.add(tenant, cron="0 6 * * 1-5")
    (weekends,) = echo.add(tenant, name="weekends", cron="0 9 * * 0,6")
    (moved,) = echo.add(tenant, name="weekends", cron="0 10 * * 0,6")
    assert (weekends.change, moved.change, ids([moved])) == ("added", "changed", ids([weekends]))
    assert [(one.name, one.timing) for one in find([tenant])] == [(None, "0 6 * * 1-5"), ("weekends", "0 10 * * 0,6")]


def test_however_many_tenants_the_questions_to_the_server_are_the_same(
    echo: Schedules, tenants: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    request = PrefectClient.request

    async def counted(self: PrefectClient, method: Any, path: Any, *arguments: Any, **options: Any) -> Any:
        asked.append(f"{method} {path}")
        return await request(self, method, path, *arguments, **options)

    monkeypatch.setattr(PrefectClient, "request", counted)

    def questions(count: int) -> list[list[str]]:
        found: list[list[str]] = []
        some = tenants[:count]
        for change in (
            lambda: echo.add(*some),
            lambda: echo.add(*some, cron="0 4 * * *"),
            lambda: schedules.switch(Choice(some, operation=echo.operation), active=False),
        ):
            asked.clear()
            change()
            found.append(list(asked))
        echo.remove(*some)
        return found

    assert questions(4) == questions(2)


def test_an_interrupted_change_of_many_loses_nothing_and_is_finished_by_the_next(
    echo: Schedules, tenants: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = echo.add(*tenants[:2])
    for place, method in ((Timetable, "change"), (PlannedRuns, "plan")):
        with monkeypatch.context() as patched:

            async def interrupted(self: Any, *arguments: Any) -> None:
                raise KeyboardInterrupt

            patched.setattr(place, method, interrupted)
            with pytest.raises(KeyboardInterrupt):
                echo.add(*tenants, cron="0 4 * * *")
        assert set(ids(first)) < set(echo.rows())
        assert len(echo.rows()) == 4
    done = echo.add(*tenants, cron="0 4 * * *")
    assert changes(done) == ["unchanged"] * 4
    assert ids(done)[:2] == ids(first)
    assert all(echo.planned(one) for one in ids(done))


def test_many_are_changed_together_though_someone_else_made_one_in_prefects_ui(
    echo: Schedules, tenants: list[str]
) -> None:
    """Prefect's server takes the same request for "replace them all" when one schedule has no slug."""
    echo.add(*tenants)
    before = echo.rows()

    def made_meanwhile() -> str:
        theirs = {"schedule": {"interval": 86_400}, "active": False, "parameters": {"tenant": "nobody"}}
        found = echo.prefect.post(f"deployments/{echo.deployment['id']}/schedules", json=[theirs])
        return found.json()[0]["id"]

    async def changed(client: PrefectClient) -> str:
        timetable = await Timetable.read(client, echo.operation)
        theirs = made_meanwhile()
        switched = await timetable.change([row for row in timetable.rows if row.slug])
        assert len(switched) == 4
        return theirs

    theirs = with_prefect(changed)
    try:
        assert set(echo.rows()) == {*before, theirs}
        # And when it was there from the beginning.
        echo.add(*tenants, cron="0 4 * * *")
        rows = echo.rows()
        assert set(rows) == {*before, theirs}
        assert [rows[one]["schedule"]["cron"] for one in before] == ["0 4 * * *"] * 4
    finally:
        echo.prefect.delete(f"deployments/{echo.deployment['id']}/schedules/{theirs}").raise_for_status()


def test_changing_schedules_leaves_their_deployment_as_it_is(echo: Schedules, tenants: list[str]) -> None:
    def rest() -> dict[str, Any]:
        moving = {"schedules", "updated", "last_polled", "status"}
        return {name: value for name, value in echo.deployment.items() if name not in moving}

    before = rest()
    echo.add(*tenants)
    echo.add(*tenants, cron="0 4 * * *")
    assert rest() == before


def test_what_was_removed_meanwhile_is_not_found_and_keeps_none_of_the_others(
    echo: Schedules, tenants: list[str]
) -> None:
    added = [one.schedule.id for one in echo.add(*tenants)]

    def paused(wanted: list[UUID], gone: UUID) -> set[UUID]:
        async def done(client: PrefectClient) -> list[Row]:
            timetable = await Timetable.read(client, echo.operation)
            echo.prefect.delete(f"deployments/{echo.deployment['id']}/schedules/{gone}").raise_for_status()
            return await timetable.change([replace(row, active=False) for row in timetable.rows if row.id in wanted])

        return {row.id for row in with_prefect(done)}

    assert paused(added, gone=added[0]) == set(added[1:])
    assert {row["active"] for row in echo.rows().values()} == {False}
    with pytest.raises(NotFoundError, match="removed from Prefect meanwhile"):
        paused([added[1]], gone=added[1])
    with pytest.raises(NotFoundError, match="has no schedule of echo"):
        echo.remove(tenants[0])


def test_who_adds_the_same_at_the_same_moment_is_told_to_try_again(echo: Schedules, tenants: list[str]) -> None:
    async def both(client: PrefectClient) -> None:
        timetable = await Timetable.read(client, echo.operation)
        same = [{"schedule": {"cron": "0 3 * * *"}, "active": False, "parameters": {"tenant": tenants[0]}, "slug": "x"}]
        (row,) = await timetable.create(same)
        try:
            await timetable.create(same)
        finally:
            echo.prefect.delete(f"deployments/{echo.deployment['id']}/schedules/{row.id}")

    with pytest.raises(TenantAtlasError, match="try again"):
        with_prefect(both)


def test_a_time_zone_that_only_this_machine_knows_is_bad_input(echo: Schedules) -> None:
    async def create(client: PrefectClient) -> None:
        elsewhere = {"schedule": {"cron": "0 3 * * *", "timezone": "Mars/Olympus"}, "active": False, "parameters": {}}
        await (await Timetable.read(client, echo.operation)).create([elsewhere])

    with pytest.raises(BadInputError, match="time zone"):
        with_prefect(create)


def test_a_server_that_cannot_plan_is_told_apart_from_one_that_is_away(echo: Schedules, tenants: list[str]) -> None:
    # A line that never comes stops the planning of the whole deployment; we refuse it, Prefect's UI takes it.
    never = {
        "schedule": {"cron": "0 0 30 2 *", "timezone": "UTC"},
        "active": True,
        "parameters": {"tenant": tenants[1]},
    }
    deployment = f"deployments/{echo.deployment['id']}"
    theirs = echo.prefect.post(f"{deployment}/schedules", json=[never]).json()[0]["id"]
    try:
        with pytest.raises(PrefectCannotPlanError, match="kept as asked, but Prefect's server cannot plan") as told:
            echo.add(tenants[0])
        assert told.value.exit_code == 5
        assert [(one.tenant, one.timing) for one in find(tenants[:1])] == [(tenants[0], "0 3 * * *")]
        assert [one.next_runs for one in find(tenants[1:2])] == [[]], "such a line can be listed"
    finally:
        echo.prefect.delete(f"{deployment}/schedules/{theirs}").raise_for_status()
    assert changes(echo.add(tenants[0])) == ["unchanged"]


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


def test_a_server_that_does_not_answer_is_away() -> None:
    refused = pytest.raises(PrefectUnavailableError, match="not reachable")
    with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{free_port()}/api"}), refused:
        find(["acme"])
