"""What every producer that the registry finds must keep to; a new one is held to it without an edit here."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import flows
from flows.folders import producer_folders
from flows.producer import Operation
from flows.registry import broken, forget, migration_folders, operations, reasons
from runstore.errors import BadInputError

HOOKS = ("on_running_hooks", "on_completion_hooks", "on_failure_hooks", "on_crashed_hooks", "on_cancellation_hooks")


@pytest.fixture(params=sorted(operations()))
def operation(request: pytest.FixtureRequest) -> Operation:
    return operations()[request.param]


def test_its_flow_is_tracked_under_its_own_name(operation: Operation) -> None:
    module, _, name = operation.flow.partition(":")
    flow = getattr(importlib.import_module(module), name)
    assert flow.name == str(operation.type)
    assert all(len(getattr(flow, hooks)) == 1 for hooks in HOOKS)
    assert flow.timeout_seconds == operation.timeout_seconds
    assert (flow.retries, flow.retry_delay_seconds) == (operation.retries, operation.retry_delay_seconds)
    assert flow.should_validate_parameters is False
    assert not flow.persist_result
    names = set(inspect.signature(flow.fn).parameters)
    assert names == {"tenant", "run_id", *operation.parameters.model_fields}


def test_its_tasks_are_steps_of_the_run(operation: Operation) -> None:
    """What leaves a task of Prefect's own making by an exception stands in Prefect's database as it was said."""
    folder = Path(inspect.getfile(importlib.import_module(operation.flow.partition(":")[0]))).parent
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = {alias.name for alias in node.names} if isinstance(node, ast.Import | ast.ImportFrom) else set()
            module = node.module if isinstance(node, ast.ImportFrom) else None
            assert not names & {"prefect", "prefect.tasks"}, path
            assert module not in ("prefect", "prefect.tasks") or not names & {"task", "Task", "tasks"}, path


def test_its_parameters_are_ids_and_strings_and_refuse_strangers(operation: Operation) -> None:
    kinds = {"string", "array", "boolean", "null"}
    for name, schema in operation.parameters.model_json_schema()["properties"].items():
        options = schema.get("anyOf", [schema])
        assert {option.get("type", "string") for option in options} <= kinds, name
    with pytest.raises(BadInputError, match=f"{operation.type} cannot use its parameter"):
        operation.request({"no_such_parameter": "x"})


def test_it_starts_without_the_orchestrator(operation: Operation) -> None:
    package = operation.flow.partition(":")[0].rpartition(".")[0]
    names = [f"{package}.operation"]
    names += [f"{package}.{part}" for part in ("start", "tables") if importlib.util.find_spec(f"{package}.{part}")]
    code = f"import importlib, sys\nfor name in {names!r}: importlib.import_module(name)\nsys.exit('prefect' in sys.modules)"
    path = {"PYTHONPATH": ":".join(sys.path)}
    assert subprocess.run([sys.executable, "-W", "ignore", "-c", code], env=path, check=False).returncode == 0


def test_it_says_what_it_is(operation: Operation) -> None:
    assert operation.description.endswith(".")
    assert operation.type.label[0].isupper()
    assert 0 < operation.timeout_seconds <= 24 * 3600


def test_reason_codes_and_migrations_are_found_with_the_producers() -> None:
    assert "echo_failed" in reasons()
    assert {folder.name for folder in producer_folders()} >= {"echo"}
    assert all(folder.name == "migrations" for folder in migration_folders())


@pytest.fixture
def newcomer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Makes `flows/newcomer/operation.py` of a source text."""

    def make(source: str) -> None:
        folder = tmp_path / "flows" / "newcomer"
        folder.mkdir(parents=True)
        (folder / "operation.py").write_text(source)
        monkeypatch.setattr(flows, "__path__", [*flows.__path__, str(tmp_path / "flows")])
        forget()

    yield make
    for name in [name for name in sys.modules if name.startswith("flows.newcomer")]:
        del sys.modules[name]
    monkeypatch.undo()
    forget()


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("OPERATION = 1 / 0", "ZeroDivisionError in line 1 of operation.py"),
        ("OPERATION = 'policy.restore'", "its OPERATION has to be a flows.producer.Operation"),
        ("from flows.echo.operation import OPERATION", "echo.speak is declared already, by flows.echo.flow:speak"),
    ],
)
def test_a_broken_producer_is_left_out_by_name(newcomer: Callable[[str], None], source: str, why: str) -> None:
    before = dict(operations())
    newcomer(source)
    assert dict(operations()) == before
    assert [str(one) for one in broken()] == [f"flows/newcomer/operation.py is left out: {why}."]
