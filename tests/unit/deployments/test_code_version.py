"""When the code and the settings on disk are taken for a new version."""

from __future__ import annotations

from pathlib import Path

import pytest

import flows
from deployments.orchestration.warm.code_version import CodeVersion


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of producers beside our own."""
    (tmp_path / "tried").mkdir()
    (tmp_path / "tried" / "flow.py").write_text("")
    monkeypatch.setattr(flows, "__path__", [*flows.__path__, str(tmp_path)])
    return tmp_path


def looks(version: CodeVersion) -> list[bool]:
    return [version.changed() for _ in range(3)]


def test_nothing_changed(folder: Path) -> None:
    assert looks(CodeVersion()) == [False, False, False]


def test_an_edit_a_new_file_and_a_deleted_one_are_told_of_once_each(folder: Path) -> None:
    version, file = CodeVersion(), folder / "tried" / "flow.py"
    file.write_text("CHANGED = True")
    assert looks(version) == [False, True, False]
    (folder / "tried" / "tables.py").write_text("")
    assert looks(version) == [False, True, False]
    file.unlink()
    assert looks(version) == [False, True, False]


def test_what_is_still_being_written_waits(folder: Path) -> None:
    version, file = CodeVersion(), folder / "tried" / "flow.py"
    for length in range(1, 4):
        file.write_text("#" * length)
        assert not version.changed()
    assert looks(version) == [True, False, False]


def test_a_change_that_was_undone_is_none(folder: Path) -> None:
    version, added = CodeVersion(), folder / "tried" / "tables.py"
    added.write_text("")
    assert not version.changed()
    added.unlink()
    assert looks(version) == [False, False, False]


def test_a_file_besides_and_what_python_keeps(folder: Path) -> None:
    settings = folder / ".env"
    version = CodeVersion(extra=[settings])
    (folder / "tried" / "__pycache__").mkdir()
    (folder / "tried" / "__pycache__" / "flow.py").write_text("")
    assert looks(version) == [False, False, False]
    settings.write_text("AZURE_CLIENT_ID=a")
    assert looks(version) == [False, True, False]
