"""A job's own variables and directory have the effect in a forked child that they have in an interpreter of its own."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.warm.conftest import Forking
from tests.support.script_parent import ALL


def told_by(forking: Forking, expression: str, *, imports: str, directory: Path | None = None, **told: str) -> str:
    """What the expression is worth in a child with these variables."""
    script = f"""
        import os, {imports}
        with open(os.environ["OUT"], "w") as out:
            out.write(str({expression}))
    """
    return forking.said(script, directory=directory, **told)


LEVEL = "logging.getLogger('prefect.flow_runs').getEffectiveLevel()"


def test_without_a_difference_prefect_is_left_as_it_is(forking: Forking) -> None:
    script = """
        import os, prefect.context
        with open(os.environ["OUT"], "w") as out:
            out.write(str(id(prefect.context.GLOBAL_SETTINGS_CONTEXT)))
    """
    assert forking.said(script) == forking.said(script)
    assert forking.said(script) != forking.said(script, PREFECT_LOGGING_LEVEL="DEBUG")


@pytest.mark.parametrize(("level", "number"), [("DEBUG", 10), ("ERROR", 40)])
def test_the_level_of_prefects_loggers(forking: Forking, level: str, number: int) -> None:
    told = {"PREFECT_LOGGING_LEVEL": level}
    assert told_by(forking, LEVEL, imports="logging", **told) == str(number)


def test_variables_that_only_the_parent_had(start: Callable[..., Forking]) -> None:
    forking = start(**{ALL: "yes"}, TZ="Asia/Tokyo", PREFECT_LOGGING_LEVEL="ERROR")
    imports = "logging, time"
    assert told_by(forking, f"(time.tzname[0], {LEVEL})", imports=imports) == "('JST', 40)"
    forking.told = {}
    assert told_by(forking, f"(time.tzname[0], {LEVEL})", imports=imports) == "('UTC', 20)"


def test_the_time_zone(forking: Forking) -> None:
    assert told_by(forking, "time.tzname[0]", imports="time", TZ="Asia/Tokyo") == "JST"


def test_the_folder_of_temporary_files(forking: Forking, tmp_path: Path) -> None:
    assert told_by(forking, "tempfile.gettempdir()", imports="tempfile", TMPDIR=str(tmp_path)) == str(tmp_path)


def test_a_module_in_the_working_directory(forking: Forking, tmp_path: Path) -> None:
    (tmp_path / "lies_there.py").write_text("WHERE = __file__")
    found = told_by(forking, "lies_there.WHERE", imports="lies_there", directory=tmp_path)
    assert found == str(tmp_path / "lies_there.py")


def test_a_module_and_a_producer_on_the_jobs_own_import_path(forking: Forking, tmp_path: Path) -> None:
    (tmp_path / "brought_along.py").write_text("")
    (tmp_path / "flows" / "brought").mkdir(parents=True)
    (tmp_path / "flows" / "__init__.py").write_text("")
    (tmp_path / "flows" / "brought" / "__init__.py").write_text("WHERE = __file__")
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    imports = "brought_along, flows.brought, flows.inventory"
    found = told_by(forking, "flows.brought.WHERE", imports=imports, PYTHONPATH=path)
    assert found == str(tmp_path / "flows" / "brought" / "__init__.py")
