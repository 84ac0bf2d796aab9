"""The JSON of the commands that need Prefect and a running stack, held to `docs/contracts`."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.contracts.test_json_schemas import check
from tests.support.stack import StackUnderTest

pytestmark = [pytest.mark.stack, pytest.mark.long, pytest.mark.timeout(900)]


def test_status_schedules_and_deploy(stack: StackUnderTest) -> None:
    # As a person has it, who is told only the home: Prefect's address is the running stack's.
    told = {name: value for name, value in stack.running.environment.items() if not name.startswith("PREFECT_")}

    def said(schema: str, *words: str) -> Any:
        command = [sys.executable, "-m", "deployments.cli", *words, "--json"]
        done = subprocess.run(command, capture_output=True, text=True, env=told, check=False)
        assert done.returncode == 0, done.stderr
        document = json.loads(done.stdout)
        check(schema, document)
        return document

    acme = ("--tenant", stack.tenant().slug)
    assert said("status", "status")["ready"]
    said("deploy", "deploy")
    add = ("schedule", "add", *acme, "--operation", "drift.generate", "--scope", "of-a-schema")
    assert said("schedule-add", *add, "--every", "1d")["schedules"][0]["before"] is None
    (again,) = said("schedule-add", *add, "--every", "2h")["schedules"]
    assert again["before"] is not None
    said("schedule-list", "schedule", "list", *acme)
    said("schedule-pause", "schedule", "pause", again["id"], *acme)
    said("schedule-pause", "schedule", "resume", again["id"], *acme)
    said("schedule-list", "schedule", "pause", *acme, "--operation", "drift.generate")
    said("schedule-remove", "schedule", "remove", again["id"], *acme)
    assert not said("tenant-remove", "tenant", "remove", acme[1], "--dry-run")["removed"]
