"""Each row of the import table in `docs/architecture.md` is a rule here, and each rule here is a row there."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.test_imports import PACKAGES, ROOT, imports, modules, producers

TABLES = {"sqlalchemy", "psycopg", "pydantic", "alembic"}
SHARED = {
    "runstore",
    "flows._policies",
    "flows._sources",
    "flows.registry",
    "flows.producer",
    "flows.folders",
    "flows.rehearsal",
}
OWN = {folder: f"flows.{folder}" for folder in ("_tracking", "_policies", "_sources")}
PLAIN = {*SHARED, *TABLES, "flows._tracking", "orjson", "cryptography"}
MAY: dict[str, set[str]] = {
    "runstore/": {"runstore", *TABLES},
    "flows/_tracking/": {
        "sqlalchemy", OWN["_tracking"], "prefect", "runstore", "flows.producer", "flows.registry", "httpx", "pydantic"},
    "flows/_policies/": {OWN["_policies"], "runstore", "orjson", "cryptography", *TABLES},
    "flows/_sources/": {"yaml", OWN["_sources"], OWN["_policies"], "runstore", "orjson", "httpx", "azure"},
    "flows/<producer>/": {*PLAIN},
    "flows/<producer>/flow.py": {*PLAIN, "prefect"},
    "flows/<producer>/*page.py": {*PLAIN, "streamlit", "monitoring_app.presentation", "monitoring_app.session"},
    "flows/<producer>/*commands.py": {*PLAIN, "typer", "deployments.cli", "deployments.store_access"},
    "monitoring_app/operations/": {
        "monitoring_app.operations", "monitoring_app.presentation", "monitoring_app.session", "monitoring_app.texts",
        "monitoring_app.runtime", "runstore", "streamlit",
    },
    "monitoring_app/presentation/": {
        "monitoring_app.presentation", "monitoring_app.session", "monitoring_app.texts", "monitoring_app.runtime",
        "monitoring_app.web", "runstore", "streamlit", "orjson",
    },
    "monitoring_app/": {
        "monitoring_app", "flows.folders", "runstore", "streamlit", "starlette", "uvicorn", "anyio", "httpx", "orjson",
        "sqlalchemy", "authlib", "joserfc", "itsdangerous",
    },
    "deployments/": {"*"},
}  # fmt: skip
"""By the folder as the table names it, what its modules may import besides the standard library."""


def documented() -> list[str]:
    section = (ROOT / "docs" / "architecture.md").read_text().split("## The folders")[1].split("\n## ")[0]
    return re.findall(r"(?m)^\| `(\S+?)` \|", section)


def folders(row: str) -> Iterator[tuple[str, list[Path]]]:
    if "<producer>" not in row:
        yield row.strip("/").replace("/", "."), modules(row)
        return
    wanted = row.removeprefix("flows/<producer>/")
    for folder in producers():
        special = {path for name in ("flow.py", "*page.py", "*commands.py") for path in folder.rglob(name)}
        yield f"flows.{folder.name}", sorted(folder.rglob(wanted) if wanted else set(folder.rglob("*.py")) - special)


def test_the_table_has_these_rows() -> None:
    assert documented() == list(MAY)
    assert {row.split("/")[0] for row in MAY} == set(PACKAGES)


@pytest.mark.parametrize("row", MAY)
def test_a_folder_imports_what_its_row_allows(row: str) -> None:
    found = list(folders(row))
    assert any(paths for _, paths in found)
    for own, paths in found:
        allowed = {*MAY[row], own}
        strangers = {
            f"{path.relative_to(ROOT)} imports {name}"
            for path in paths
            for name in imports(path)
            if name.partition(".")[0] not in sys.stdlib_module_names
            and name not in PACKAGES
            and "*" not in allowed
            and not any(name == root or name.startswith(f"{root}.") for root in allowed)
        }
        assert strangers == set()
