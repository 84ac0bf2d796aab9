"""Who may import whom, and what a web process must never load."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("runstore", "flows", "monitoring_app", "deployments")
PREFECT_FREE_MODULES = {"operation.py", "start.py", "tables.py", "reasons.py"}
FACES = ("page.py", "commands.py")
"""How the names of a producer's modules end that are shown in the hub, or called from the command line."""

OUTSIDE = ("streamlit", "typer", "monitoring_app", "deployments")
HELPERS = (
    "deployments.cli.call",
    "deployments.cli.console",
    "deployments.cli.start_action",
    "deployments.store_access",
)


def modules(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def offences(paths: list[Path], forbidden: tuple[str, ...]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in paths
        for name in imports(path)
        if any(name == root or name.startswith(f"{root}.") for root in forbidden)
    ]


def producers() -> list[Path]:
    return sorted(path.parent for path in (ROOT / "flows").glob("*/operation.py"))


def hidden_imports(path: Path) -> list[str]:
    """Imports inside a function that have no comment above them to say why they are not at the top."""
    lines = path.read_text().splitlines()
    functions = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)]
    inside = {
        node.lineno
        for function in functions
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    first = {number for number in inside if number - 1 not in inside}
    return [f"{path.relative_to(ROOT)}:{number}" for number in sorted(first) if "#" not in lines[number - 2]]


def test_an_import_inside_a_function_says_why() -> None:
    """The commands have one reason for all of theirs, in their package's docstring."""
    paths = [*modules("deployments/local"), *modules("deployments/services"), *modules("deployments/cli")]
    commands = ROOT / "deployments/cli/commands"
    assert "must not wait" in (commands / "__init__.py").read_text()
    assert [said for path in paths if path.parent != commands for said in hidden_imports(path)] == []


def test_the_store_knows_neither_the_orchestrator_nor_the_page() -> None:
    assert offences(modules("runstore"), ("prefect", "streamlit", "flows", "monitoring_app", "deployments")) == []


def test_tracking_knows_no_producer_and_no_page() -> None:
    names = tuple(f"flows.{folder.name}" for folder in producers())
    paths = modules("flows/_tracking")
    assert offences(paths, ("streamlit", "monitoring_app", "deployments", *names)) == []


def test_producers_keep_to_themselves() -> None:
    folders = producers()
    for folder in folders:
        others = tuple(f"flows.{other.name}" for other in folders if other != folder)
        paths = sorted(folder.rglob("*.py"))
        faces = [path for path in paths if path.name.endswith(FACES)]
        assert offences(paths, others) == []
        assert offences([path for path in paths if path not in faces], OUTSIDE) == []
        free = [path for path in paths if path.name in PREFECT_FREE_MODULES]
        assert offences([*free, *faces], ("prefect", "flows._tracking")) == []


def test_a_producers_page_is_made_of_the_presentation() -> None:
    pages = [path for folder in producers() for path in folder.rglob("*page.py")]
    assert pages
    for path in pages:
        names = {name for name in imports(path) if name.startswith(("monitoring_app", "deployments"))}
        assert all(name.startswith("monitoring_app.presentation") for name in names), path


def test_a_producers_commands_are_made_of_the_command_lines_helpers() -> None:
    commands = [path for folder in producers() for path in folder.rglob("*commands.py")]
    assert commands
    for path in commands:
        names = {name for name in imports(path) if name.startswith(("monitoring_app", "deployments", "streamlit"))}
        assert all(name.startswith(HELPERS) for name in names), path


def test_the_hub_reads_the_store_and_nothing_else() -> None:
    paths = modules("monitoring_app/operations")
    writers = ("runstore.runs.recorder", "runstore.runs.starter", "runstore.runs.flow_runs", "runstore.runs.outbox")
    assert offences(paths, ("prefect", "flows", "deployments", *writers)) == []


def test_no_page_imports_the_orchestrator() -> None:
    assert offences(modules("monitoring_app"), ("prefect", "flows._tracking", "deployments")) == []


def test_no_operation_is_named_in_the_hub() -> None:
    """Rows say what they are: a new producer shows up in the hub without an edit there."""
    slugs = [f"{folder.name}." for folder in producers()] + ["backup_set", "drift.generate", "inventory.sync"]
    for path in modules("monitoring_app/operations"):
        strings = [
            node.value
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        ]
        for text in strings:
            assert not any(text.startswith(slug) for slug in slugs), f"{path.name} names {text!r}"


def test_the_web_process_never_loads_prefect() -> None:
    code = "import sys, monitoring_app.asgi; sys.exit('prefect' in sys.modules)"
    assert subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, check=False).returncode == 0


def test_a_file_that_changes_under_a_running_hub_changes_nothing() -> None:
    """Streamlit reads the script from the disk for each visitor; what it does is in modules that the hub has loaded."""
    tree = ast.parse((ROOT / "monitoring_app/app.py").read_text())
    assert len(tree.body) == 3, "a docstring, an import, a call"
    code = "import sys, monitoring_app.asgi; sys.exit('monitoring_app.pages' not in sys.modules)"
    assert subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, check=False).returncode == 0


def test_modules_are_of_a_readable_size() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for folder in PACKAGES
        for path in modules(folder)
        if (lines := path.read_text().count("\n")) > 400 and "versions" not in path.parts
    }
    assert long == {}


def test_the_comparison_of_policies_is_pure() -> None:
    """Values in, findings out: whatever it imports from elsewhere leads to no database."""
    script = (
        "import importlib, pkgutil, sys\n"
        "import flows.drift.comparison as package\n"
        "for module in pkgutil.iter_modules(package.__path__, 'flows.drift.comparison.'):\n"
        "    importlib.import_module(module.name)\n"
        "print(*(name for name in sys.modules if name.split('.')[0] in ('sqlalchemy', 'psycopg', 'prefect')"
        " or name in ('runstore.database', 'runstore.schema', 'runstore.tenancy')))"
    )
    loaded = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []
    assert offences(modules("flows/drift/comparison"), ("sqlalchemy", "runstore", "flows.drift.register")) == []
