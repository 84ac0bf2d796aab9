"""What commands tell people that scripts read from --json: no id, reason or next step is left out of the tables."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from deployments.cli.console import Table, print_blocks
from flows.registry import operations
from runstore.runs.filters import RunFilter
from runstore.runs.outbox import Outbox
from runstore.runs.reader import RunReader
from runstore.runs.recorder import Recorder
from runstore.runs.run import Counts, Failure, Progress, RunObservation, Source
from runstore.runs.status import ObservedState, RunStatus
from tests.conftest import Store
from tests.support.command_line import CommandLine, Outcome
from tests.support.drift_runs import Runs, export, policy
from tests.support.runs import RunSpec, add_runs


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


@dataclass
class Wait:
    """A clock for the wait for a run, and a worker that comes when it is told to: no test waits in earnest."""

    store: Store
    is_handed_over: bool = False
    begins_after: float = 40
    failures: Sequence[Failure] = ()
    now: float = field(default=1000.0, init=False)
    began: float = field(default=1000.0, init=False)

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        scope = self.store.tenant()
        ((run),) = RunReader(self.store.hub, scope).list(RunFilter()).runs
        if self.is_handed_over:
            Outbox(self.store.relay, tenant_limit=8).handed_over(run.id, run.id)
        if self.now - self.began > self.begins_after:
            recorder = Recorder(self.store.worker, scope)
            self._report(recorder, run.id, ObservedState.RUNNING)
            counts = Counts(total=20, succeeded=20 - len(self.failures), failed=len(self.failures))
            recorder.progress(Progress(run.id, 1, counts, failures=self.failures))
            self._report(recorder, run.id, ObservedState.FINISHED)

    def _report(self, recorder: Recorder, run_id: UUID, state: ObservedState) -> None:
        recorder.observe(RunObservation(run_id, 1, state, Source.HOOK, datetime.now(UTC)))


@pytest.fixture
def synced(tenantatlas: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    """A sync that is waited for, by that clock."""
    (tmp_path / "policy.json").write_text('{"id": "1"}')

    def run(wait: Wait, *more: str) -> Outcome:
        monkeypatch.setattr("deployments.cli.start_action.time", wait)
        return tenantatlas("inventory", "sync", "--tenant", "acme", "--source", f"folder:{tmp_path}", "--wait", *more)

    return run


@pytest.mark.parametrize(("is_handed_over", "word"), [(False, "relay"), (True, "worker")])
@pytest.mark.parametrize("more", [(), ("--json",)])
def test_whoever_waits_long_is_told_once_what_for(
    store: Store, synced: Callable[..., Outcome], is_handed_over: bool, word: str, more: tuple[str, ...]
) -> None:
    outcome = synced(Wait(store, is_handed_over), *more)
    assert outcome.code == 0
    (told,) = [line for line in outcome.err.splitlines() if "Still queued" in line]
    assert f"Is a {word} running" in told
    assert "tenantatlas status" in told


def test_whoever_waits_shortly_is_told_nothing_of_it(store: Store, synced: Callable[..., Outcome]) -> None:
    assert "Still queued" not in synced(Wait(store, begins_after=10)).err


def test_the_command_that_lists_more_failures_can_be_run_as_it_stands(
    store: Store, tenantatlas: CommandLine, synced: Callable[..., Outcome]
) -> None:
    failures = [Failure(f"item {number}", "internal_error", "It broke.") for number in range(12)]
    said = synced(Wait(store, failures=failures)).out
    command = said.partition("`tenantatlas ")[2].partition("`")[0]
    outcome = tenantatlas(*command.split())
    assert (outcome.code, outcome.out.count("It broke.")) == (0, 12)


@pytest.mark.parametrize("width", [80, 160])
def test_a_finding_is_decided_about_with_the_id_that_findings_shows(
    tenantatlas: CommandLine, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setattr("deployments.cli.console._PIPE_WIDTH", width)
    names = ["ACME - Win - Attack surface reduction for everybody", "Baseline"]
    runs = Runs(store, store.tenant())
    for number in (1, 2):
        bodies = [policy(str(UUID(int=place)), name, number) for place, name in enumerate(names, 1)]
        runs.sync(export(tmp_path / str(number), bodies))
    runs.drift()
    said = tenantatlas("drift", "findings", "--tenant", "acme").out
    known = {
        one["id"]: one for one in tenantatlas("drift", "findings", "--tenant", "acme", "--json").document["findings"]
    }
    ids = re.findall(r"^ +\d+ +([0-9a-f]{8}-[0-9a-f-]{27}) ", said, re.MULTILINE)
    assert set(ids) == set(known) and len(ids) == 2
    for finding in ids:
        decided = tenantatlas("drift", "acknowledge", "--tenant", "acme", "--finding", finding, "--json").document
        assert decided["finding"]["policy_name"] == known[finding]["policy_name"]
    command = "`tenantatlas drift acknowledge --tenant acme --finding ID`"
    assert command in said
    assert all(len(line) <= width for line in said.splitlines() if command not in line)


def test_nothing_that_drifted_is_one_sentence(tenantatlas: CommandLine) -> None:
    assert tenantatlas("drift", "findings", "--tenant", "acme").out.count("\n") == 1


def test_a_tables_title_is_text_and_nothing_else() -> None:
    out = io.StringIO()
    print_blocks([Table(("A",), [("a" * 40,)], "", title="\x1b[31mred")], out)
    assert "\\x1b[31mred" in out.getvalue()


def test_a_cell_has_lines_of_its_own_and_those_of_data_are_written_out() -> None:
    said = io.StringIO()
    print_blocks([Table(("Changed",), [(("one: 1 → 2", "two: a\nb"),)], "")], said)
    assert [line.strip() for line in said.getvalue().splitlines()[-3:-1]] == ["one: 1 → 2", r"two: a\nb"]


def test_links_of_an_installation_with_a_database_of_its_own_say_when_the_hub_is_not_named(
    tenantatlas: CommandLine,
) -> None:
    start = ("runs", "start", "run.prune", "--tenant", "acme", "--set", "older_than=30d", "--json")
    unnamed = tenantatlas(*start)
    assert "TENANTATLAS_PUBLIC_URL is not set" in unnamed.err
    assert unnamed.document["run"]["url"].startswith("http://127.0.0.1:8501/r/acme/")
    named = tenantatlas(*start, TENANTATLAS_PUBLIC_URL="https://atlas.example.com")
    assert named.err == "" and named.document["run"]["url"].startswith("https://atlas.example.com/r/acme/")


def test_a_folder_has_one_spelling() -> None:
    request = operations()["inventory.sync"].request
    assert len({str(request({"source": f"folder:{path}"}).identity) for path in ("/p", "/p/", "/./p", "/p/./")}) == 1
