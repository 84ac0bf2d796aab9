"""How long a start action takes to answer, with Prefect up and with Prefect down, beside the cost of one bare commit.

The aim is a median under 50 ms over 200 starts, in the process. The floor is one INSERT and its commit on the same server, through
the same driver, in the same run.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import psycopg

from deployments.local.local_stack import LocalStack
from deployments.settings import load_settings
from tests.support.stack import StackUnderTest, environment, fixture_producers, stack_environment

STARTS = 200


def milliseconds(call: Callable[[], object], times: int = STARTS) -> list[float]:
    """The duration of each call."""
    found: list[float] = []
    for _ in range(times):
        begun = time.perf_counter()
        call()
        found.append((time.perf_counter() - begun) * 1000)
    return found


def line(name: str, found: list[float], floor: float) -> str:
    """Median, 95th percentile and ratio to the floor."""
    ordered = sorted(found)
    median, high = statistics.median(ordered), ordered[int(len(ordered) * 0.95)]
    return f"{name:<28} median {median:7.2f} ms   p95 {high:7.2f} ms   {median / floor:5.1f}x the floor"


def main() -> None:
    """Prints the figures."""
    with (
        tempfile.TemporaryDirectory(prefix="bench", ignore_cleanup_errors=True) as folder,
        environment(stack_environment(Path(folder))),
        fixture_producers(),
        LocalStack(load_settings()) as running,
    ):
        stack = StackUnderTest(running)
        scope = stack.tenant("bench")
        with psycopg.connect(running.database_url, autocommit=True) as connection:
            connection.execute("CREATE TABLE floor (id uuid PRIMARY KEY)")
            bare = milliseconds(lambda: connection.execute("INSERT INTO floor VALUES (%s)", (uuid4(),)))
        floor = statistics.median(bare)
        with stack.without("worker"):
            start = lambda: stack.start(scope, "echo.speak", {"key": str(uuid4())})  # noqa: E731
            milliseconds(start, 10)
            print(line("one bare INSERT and commit", bare, floor))
            print(line("start, Prefect up", milliseconds(start), floor))
            same = lambda: stack.start(scope, "echo.speak", {"key": "same"})  # noqa: E731
            print(line("the same start again", milliseconds(same), floor))
            with stack.without("prefect-server"):
                print(line("start, Prefect down", milliseconds(start), floor))
        stack.dispose()


if __name__ == "__main__":
    main()
