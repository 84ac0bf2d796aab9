"""Cancellations are heard of for as long as a worker lives, whatever becomes of its connection to Prefect."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from deployments.orchestration.warm import cancellation
from deployments.orchestration.warm.cancellation import LastingObserver
from tests.support.prefect_double import PrefectDouble

DEADLINE_SECONDS = 60


@pytest.fixture
def prefect(monkeypatch: pytest.MonkeyPatch) -> Iterator[PrefectDouble]:
    monkeypatch.setattr(cancellation, "LONGEST_PAUSE_SECONDS", 0.5)
    double = PrefectDouble()
    with double.served() as address, temporary_settings({PREFECT_API_URL: address}):
        yield double


@asynccontextmanager
async def observed() -> AsyncGenerator[tuple[LastingObserver, list[UUID]]]:
    heard: list[UUID] = []
    async with LastingObserver(on_cancelling=heard.append) as observer:
        yield observer, heard


async def until(probe: Callable[[], Any]) -> None:
    while not probe():
        await asyncio.sleep(0.02)


def timely(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, DEADLINE_SECONDS))


def test_a_run_under_way_that_is_to_be_cancelled_is_heard_of_and_another_is_not(prefect: PrefectDouble) -> None:
    async def listened() -> None:
        async with observed() as (observer, heard):
            ours, another = prefect.add("RUNNING"), prefect.add("RUNNING")
            observer.add_in_flight_flow_run_id(ours)
            await until(lambda: prefect.listeners)
            prefect.tell_cancelling(another)
            prefect.tell_cancelling(ours)
            await until(lambda: heard)
            assert heard == [ours]

    timely(listened())


def test_events_that_end_in_order_are_listened_to_again(prefect: PrefectDouble) -> None:
    async def listened() -> None:
        prefect.hangs_up = True
        async with observed() as (observer, heard):
            run = prefect.add("RUNNING")
            observer.add_in_flight_flow_run_id(run)
            await until(lambda: prefect.refused["events"])
            prefect.hangs_up = False
            await until(lambda: prefect.listeners)
            prefect.tell_cancelling(run)
            await until(lambda: heard)

    timely(listened())


@pytest.mark.parametrize("code", [404, 500])
def test_a_run_cancelled_while_prefect_was_away_is_found_when_it_is_back(prefect: PrefectDouble, code: int) -> None:
    async def away() -> None:
        prefect.is_deaf = True
        prefect.failing["flow_runs/filter"] = code
        async with observed() as (observer, heard):
            run = prefect.add("RUNNING")
            observer.add_in_flight_flow_run_id(run)
            prefect.move(run, "CANCELLING")
            await until(lambda: prefect.refused["flow_runs/filter"] > 4)
            assert heard == []
            prefect.failing.clear()
            prefect.is_deaf = False
            await until(lambda: heard)

    timely(away())


def test_where_no_events_come_through_the_server_is_asked(prefect: PrefectDouble) -> None:
    async def asked() -> None:
        prefect.is_deaf = True
        async with observed() as (observer, heard):
            run = prefect.add("RUNNING")
            observer.add_in_flight_flow_run_id(run)
            prefect.move(run, "CANCELLING")
            await until(lambda: heard)

    timely(asked())
