"""A dump that was taken while runs were under way, restored into an empty database: a stack works on it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from deployments.cli import main as cli
from deployments.local.local_stack import LocalStack
from deployments.settings import load_settings
from runstore.runs.status import RunStatus
from tests.support.stack import StackUnderTest, environment, eventually, fixture_producers, stack_environment

pytestmark = [pytest.mark.long, pytest.mark.timeout(400)]


def command(*words: str) -> None:
    """Runs a command of ours in this process, with the environment of the block around."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        assert cli.run(words) == 0
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_stack_works_on_what_was_restored(tmp_path: Path) -> None:
    first, second, file = tmp_path / "first", tmp_path / "second", tmp_path / "whole.dump"
    gate = tmp_path / "gate"
    path = {"PATH": os.environ["PATH"]}
    with environment({**stack_environment(first), **path}), fixture_producers(), LocalStack(load_settings()) as running:
        stack = StackUnderTest(running)
        scope = stack.tenant("kept")
        done = stack.start(scope, "echo.speak", {"key": "done", "succeed": "3"}).run.id
        stack.until(scope, done, RunStatus.COMPLETED)
        under_way = stack.start(scope, "echo.speak", {"key": "under way", "until_file": str(gate)}).run.id
        eventually(lambda: stack.run(scope, under_way).run.counts.succeeded == 1)
        command("db", "dump", str(file))
        gate.touch()
        stack.until(scope, under_way)
        stack.dispose()
    with environment({**stack_environment(second), **path}), fixture_producers():
        command("db", "upgrade")
        command("db", "restore", str(file))
        with LocalStack(load_settings()) as running:
            stack = StackUnderTest(running)
            scope = stack.tenant("kept")
            assert stack.run(scope, done).run.counts.succeeded == 3
            ended = stack.until(scope, under_way)
            assert ended.run.status is RunStatus.FAILED, "its flow run is not in this Prefect"
            again = stack.start(scope, "echo.speak", {"key": "under way", "succeed": "2"})
            assert not again.reused
            stack.until(scope, again.run.id, RunStatus.COMPLETED)
            stack.dispose()
