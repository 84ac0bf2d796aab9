"""A producer with a broken part takes down that part alone; what is said of it names its file and holds no data."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import cycle, product
from pathlib import Path

import pytest

from flows.registry import migration_folders
from runstore import migrations

SECRET = "hunter2-not-to-be-said"
OPERATION = f"""
from flows.producer import FlowParameters, Operation
from runstore.runs.operation import OperationType

class Parameters(FlowParameters):
    key: str

OPERATION = Operation(
    type=OperationType("new", "comer"), flow="flows.newcomer.flow:run", parameters=Parameters, description="{SECRET}."
)
"""
BREAKS = {
    "syntax": "def (",
    "import": "import no_such_module",
    "exception": f"raise ValueError('{SECRET}')",
    "exit": f"import sys; sys.exit('{SECRET}')",
    "wrong type": f"OPERATION = PAGES = REASONS = add_commands = '{SECRET}'",
}
LOOK = """
import sys
from deployments.cli.main import build
from flows.registry import broken, operations, reasons
from monitoring_app.pages import page_paths
assert {"drift.generate", "inventory.sync"} <= operations().keys()
assert {"/operations", "/drift", "/inventory", "/backup-sets"} <= page_paths()
assert {"drift", "inventory", "backup", "runs"} <= build().commands.keys()
assert "sync_source_gone" in reasons() or len(list(reasons())) > 20
print(*broken(), build().epilog)
"""
DEPLOY = """
from deployments.orchestration.deploy import _definition
from flows.folders import Broken
from flows.registry import operations
found = {name: _definition(operation, "pool", None) for name, operation in operations().items()}
print(*(one for one in found.values() if isinstance(one, Broken)))
assert [name for name, one in found.items() if isinstance(one, Broken)] == ["new.comer"]
"""


def look(place: Path, repository: Path, code: str, part: str, source: str) -> subprocess.CompletedProcess[str]:
    """What `code` says where the producer `flows/newcomer` has this source for one part."""
    folder = place / "flows" / "newcomer"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "operation.py").write_text(OPERATION)
    (folder / f"{part}.py").write_text(source)
    path = os.pathsep.join((str(place), str(repository)))
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=repository,
        env={**os.environ, "PYTHONPATH": path},
    )


PARTS = ("operation", "page", "commands", "reasons")
# Each case starts an interpreter: every break once and every part once at least, the other pairs in `make test-long`.
QUICK = {*zip(cycle(PARTS), BREAKS, strict=False)}
PAIRS = [pytest.param(*pair, marks=[] if pair in QUICK else pytest.mark.long) for pair in product(PARTS, BREAKS)]


@pytest.mark.parametrize(("part", "how"), PAIRS)
def test_a_broken_part_takes_down_itself_alone(tmp_path: Path, repository: Path, part: str, how: str) -> None:
    done = look(tmp_path, repository, LOOK, part, BREAKS[how])
    assert done.returncode == 0, done.stderr
    assert f"flows/newcomer/{part}.py is left out" in done.stdout + done.stderr
    assert SECRET not in done.stdout + done.stderr


@pytest.mark.parametrize(
    "how",
    ["import", "exit", *(pytest.param(how, marks=pytest.mark.long) for how in BREAKS if how not in ("import", "exit"))],
)
def test_a_flow_that_cannot_be_loaded_keeps_no_other_from_being_registered(
    tmp_path: Path, repository: Path, how: str
) -> None:
    done = look(tmp_path, repository, DEPLOY, "flow", BREAKS[how])
    assert done.returncode == 0, done.stderr
    assert "flows/newcomer/flow.py is left out" in done.stdout
    assert SECRET not in done.stdout + done.stderr


@pytest.mark.parametrize(
    "source", ["def (", "raise ValueError", "revision = '0001_run_store'", "revision = 'x'\ndown_revision = 'y'"]
)
def test_broken_revisions_leave_the_schema_to_the_others(
    tmp_path: Path, source: str, caplog: pytest.LogCaptureFixture
) -> None:
    broken = tmp_path / "newcomer" / "migrations"
    broken.mkdir(parents=True)
    (broken / "0001_new.py").write_text(source)
    own = migration_folders()
    kept = migrations.configuration("", [*own, broken]).get_main_option("version_locations")
    assert kept == migrations.configuration("", own).get_main_option("version_locations")
    assert "flows/newcomer/migrations is left out" in caplog.text
