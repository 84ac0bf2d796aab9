"""What commands tell people that scripts read from --json: no id, reason or next step is left out of the tables."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from runstore.status import RunStatus
from tests.conftest import Store
from tests.support.command_line import CommandLine
from tests.support.runs import RunSpec, add_runs


@pytest.fixture
def tenantatlas(store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    """The command line on the test's own store, of which the tenant acme is made."""
    store.tenant()
    return CommandLine(tmp_path / "home", capsys, {"TENANTATLAS_DATABASE_URL": store.url})


def shown(tenantatlas: CommandLine, store: Store, spec: RunSpec) -> str:
    """What `runs show` says of a run."""
    (run_id,) = add_runs(store.worker, store.tenant(), [spec])
    outcome = tenantatlas("runs", "show", str(run_id), "--tenant", "acme")
    assert outcome.code == 0, outcome.err
    return outcome.out


def test_a_run_is_shown_with_its_flow_run_and_with_what_its_context_says(
    tenantatlas: CommandLine, store: Store
) -> None:
    why, cost = "The sync is not complete.\x1b[31m", "waited 43 s on Microsoft, 12 retries, 310 requests"
    context = {"then": "drift.generate", "then_why": why, "graph": {"requests": 310, "summary": cost}}
    flow_run = uuid4()
    said = shown(tenantatlas, store, RunSpec(context=context, flow_run_id=flow_run))
    assert str(flow_run) in said
    assert "The sync is not complete.\\x1b[31m" in said
    assert cost in said
    assert "\x1b" not in said


@pytest.mark.parametrize(
    ("status", "words"), [(RunStatus.PENDING, "not yet handed to Prefect"), (RunStatus.ABORTED, "never handed")]
)
def test_a_run_that_prefect_does_not_have_is_shown_so(
    tenantatlas: CommandLine, store: Store, status: RunStatus, words: str
) -> None:
    assert words in shown(tenantatlas, store, RunSpec(status=status))


def test_a_context_of_another_shape_is_left_to_json(tenantatlas: CommandLine, store: Store) -> None:
    said = shown(tenantatlas, store, RunSpec(context={"then_why": ["x"], "graph": "odd", "scope": "default"}))
    assert "Nothing follows" not in said
    assert "Microsoft Graph" not in said
