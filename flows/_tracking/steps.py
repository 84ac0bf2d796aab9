"""A step of a flow as a task of Prefect, and Prefect's pause and suspend as a flow can obey them within one."""

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Self, TypeVar
from uuid import UUID

import httpx
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.exceptions import Pause, PrefectException

from flows._tracking.log_scrubbing import sanitised
from runstore.errors import TenantAtlasError
from runstore.fence.redaction import scrub_text

T = TypeVar("T")

LOOK_INTERVAL = 5.0
"""Seconds between two questions to Prefect. A run that is shorter asks nothing."""


class PauseWatch:
    """Asks Prefect, while it is entered, whether the flow run is paused: Prefect's engine looks only between tasks."""

    def __init__(self, flow_run_id: UUID) -> None:
        self._flow_run_id = flow_run_id
        self._paused: State | None = None
        self._may_go_on = threading.Event()
        self._may_go_on.set()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="pauses", daemon=True)

    def checkpoint(self) -> None:
        """Waits while Prefect says Paused; raises Pause for Suspended, which ends the process until the resumption."""
        self._may_go_on.wait()
        if self._paused is not None:
            raise Pause(state=self._paused)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._may_go_on.set()

    def _watch(self) -> None:
        if self._stopped.wait(LOOK_INTERVAL):
            return
        with get_client(sync_client=True) as client:
            while not self._stopped.is_set():
                # Prefect may be away, or what answers another, or the flow run gone: what was last known holds.
                with suppress(httpx.HTTPError, PrefectException, RuntimeError, OSError, ValueError):
                    self._note(client.read_flow_run(self._flow_run_id).state)
                self._stopped.wait(LOOK_INTERVAL if self._may_go_on.is_set() else 1)

    def _note(self, state: State | None) -> None:
        if state is None or not state.is_paused():
            self._paused = None
            self._may_go_on.set()
        elif state.state_details.pause_reschedule:
            self._paused = state
            self._may_go_on.set()
        else:
            self._may_go_on.clear()


def in_task(name: str, work: Callable[[], T], title: str) -> T:
    """What `work` answers, done as a task of that name if a flow run is under way here; its data goes by closure."""
    if FlowRunContext.get() is None:
        return work()
    answers: list[T] = []
    ours: list[TenantAtlasError] = []
    shown = scrub_text(title, limit=120)

    def once() -> None:
        try:
            answers.append(work())
        except TenantAtlasError as problem:
            ours.append(problem)
            raise

    @task(
        name=scrub_text(name, limit=120),
        task_run_name=lambda: shown,
        cache_policy=NO_CACHE,
        persist_result=False,
        log_prints=False,
    )
    def step() -> None:
        sanitised(once)

    try:
        step()
    except TenantAtlasError:
        if not ours:
            raise
    if ours:
        raise ours[0]
    return answers[0]
