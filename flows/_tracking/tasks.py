"""A step of a flow as a task of Prefect: a state and a duration of its own in the task graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.context import FlowRunContext

from flows._tracking.log_scrubbing import sanitised
from runstore.errors import TenantAtlasError
from runstore.fence.redaction import scrub_text

T = TypeVar("T")

NAME_LIMIT = 120


def in_task(name: str, work: Callable[[], T], title: str) -> T:
    """What `work` answers, done as a task of that name in the flow run that is under way here, if one is.

    Its data goes by closure: Prefect looks through what a task is given. Errors of ours come out as they are.
    """
    if FlowRunContext.get() is None:
        return work()
    answers: list[T] = []
    ours: list[TenantAtlasError] = []
    shown = scrub_text(title, limit=NAME_LIMIT)

    def once() -> None:
        try:
            answers.append(work())
        except TenantAtlasError as problem:
            ours.append(problem)
            raise

    @task(
        name=scrub_text(name, limit=NAME_LIMIT),
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
