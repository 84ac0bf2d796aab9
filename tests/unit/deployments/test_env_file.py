"""What a `.env` does to the environment when it is read, and when it is read again."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments.settings import SettingsError, env_file_path, load_settings, reload_env_file
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
    reload_env_file()
    assert azure() == {"AZURE_CLIENT_SECRET": "new", "AZURE_TENANT_ID": "real", "AZURE_CLIENT_ID": "added"}
    file.unlink()
    reload_env_file()
    assert azure() == {"AZURE_TENANT_ID": "real"}


def test_what_was_set_to_something_else_since_is_the_environments(file: Path) -> None:
    os.environ["AZURE_CLIENT_SECRET"] = "set by hand"
    file.write_text("AZURE_CLIENT_SECRET=new\n")
    reload_env_file()
    assert azure() == {"AZURE_CLIENT_SECRET": "set by hand", "AZURE_TENANT_ID": "real"}


def test_a_variable_to_keep_is_kept_and_followed_when_it_may_change_again(file: Path) -> None:
    file.write_text("PREFECT_API_URL=http://b/api\n")
    reload_env_file(keep=["PREFECT_API_URL"])
    assert os.environ["PREFECT_API_URL"] == "http://a/api"
    reload_env_file()
    assert os.environ["PREFECT_API_URL"] == "http://b/api"


def test_a_process_started_by_this_one_tells_the_file_from_the_environment_too(file: Path) -> None:
    file.write_text("AZURE_CLIENT_SECRET=new\nAZURE_TENANT_ID=other\n")
    code = (
        "import os; from deployments.settings import load_settings; load_settings();"
        "print(os.environ['AZURE_CLIENT_SECRET'], os.environ['AZURE_TENANT_ID'], os.environ.get('PREFECT_API_URL'))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.split() == ["new", "real", "None"]


@pytest.mark.parametrize(
    "content", [b"AZURE_CLIENT_SECRET=\xff\n", b"AZURE_CLIENT_SECRET=new\nTENANTATLAS_HUB_PORT=x\n"]
)
def test_a_file_that_cannot_be_used_changes_nothing(file: Path, content: bytes) -> None:
    before = dict(os.environ)
    file.write_bytes(content)
    with pytest.raises(SettingsError):
        reload_env_file()
    assert dict(os.environ) == before


def test_what_a_check_refuses_changes_nothing(file: Path) -> None:
    def refuse() -> None:
        assert os.environ["AZURE_CLIENT_SECRET"] == "new"
        raise SettingsError("No.")

    file.write_text("AZURE_CLIENT_SECRET=new\n")
    with pytest.raises(SettingsError):
        reload_env_file(check=refuse)
    assert azure()["AZURE_CLIENT_SECRET"] == "old"


def test_the_notes_tell_no_value(file: Path) -> None:
    assert not any("old" in value or "of-the-file" in value for name, value in os.environ.items() if "FROM_ENV" in name)


def test_the_file_is_looked_for_in_the_default_home_too(tmp_path: Path) -> None:
    with environment({"XDG_DATA_HOME": str(tmp_path)}):
        os.environ.pop("TENANTATLAS_HOME", None)
        assert env_file_path() == load_settings().home / ".env" == tmp_path / "tenantatlas" / ".env"
