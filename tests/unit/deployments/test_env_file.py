"""What a `.env` does to the environment when it is read, and when it is read again."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments.settings import load_settings
from tests.support.stack import environment


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    """The `.env` of a home, whose settings were loaded once."""
    file = tmp_path / ".env"
    file.write_text(
        "AZURE_CLIENT_SECRET=old\nAZURE_TENANT_ID=of-the-file\nOTHER=not-ours\nPREFECT_API_URL=http://a/api\n"
    )
    with environment({"TENANTATLAS_HOME": str(tmp_path), "AZURE_TENANT_ID": "real"}):
        load_settings()
        yield file


def azure() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith("AZURE_")}


def test_the_environment_wins_and_only_what_is_ours_is_read(file: Path) -> None:
    assert azure() == {"AZURE_CLIENT_SECRET": "old", "AZURE_TENANT_ID": "real"}
    assert "OTHER" not in os.environ


def test_what_came_from_the_file_follows_it(file: Path) -> None:
    file.write_text("AZURE_CLIENT_SECRET=new\nAZURE_TENANT_ID=other\nAZURE_CLIENT_ID=added\n")
    load_settings()
    assert azure() == {"AZURE_CLIENT_SECRET": "new", "AZURE_TENANT_ID": "real", "AZURE_CLIENT_ID": "added"}
    file.unlink()
    load_settings()
    assert azure() == {"AZURE_TENANT_ID": "real"}


def test_what_was_set_to_something_else_since_is_the_environments(file: Path) -> None:
    os.environ["AZURE_CLIENT_SECRET"] = "set by hand"
    file.write_text("AZURE_CLIENT_SECRET=new\n")
    load_settings()
    assert azure() == {"AZURE_CLIENT_SECRET": "set by hand", "AZURE_TENANT_ID": "real"}


def test_a_process_started_by_this_one_tells_the_file_from_the_environment_too(file: Path) -> None:
    file.write_text("AZURE_CLIENT_SECRET=new\nAZURE_TENANT_ID=other\n")
    code = (
        "import os; from deployments.settings import load_settings; load_settings();"
        "print(os.environ['AZURE_CLIENT_SECRET'], os.environ['AZURE_TENANT_ID'], os.environ.get('PREFECT_API_URL'))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.split() == ["new", "real", "None"]


def test_the_notes_tell_no_value(file: Path) -> None:
    assert not any("old" in value or "of-the-file" in value for name, value in os.environ.items() if "FROM_ENV" in name)
