"""A wheel brings every file the packages have: an editable install reads them from the tree and hides one that is missing."""

from __future__ import annotations

import shutil
import subprocess
import tomllib
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any

MADE_BY_PYTHON = {"__pycache__", ".ruff_cache"}


def project(repository: Path) -> dict[str, Any]:
    return tomllib.loads((repository / "pyproject.toml").read_text())["tool"]["setuptools"]


def tracked(repository: Path, packages: Sequence[str]) -> list[PurePosixPath]:
    """The files of the packages that belong to the source: as git has them, or all there are where the tree is not a clone."""
    if shutil.which("git") and (repository / ".git").exists():
        command = ["git", "-C", str(repository), "ls-files", "-z", "--", *packages]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return [PurePosixPath(name) for name in done.stdout.split("\0") if name]
    return [
        PurePosixPath(path.relative_to(repository))
        for package in packages
        for path in (repository / package).rglob("*")
        if path.is_file() and not MADE_BY_PYTHON & set(path.parts)
    ]


def packages(settings: dict[str, Any]) -> list[str]:
    return [pattern.removesuffix("*") for pattern in settings["packages"]["find"]["include"]]


def test_every_file_of_the_packages_is_in_a_wheel(repository: Path) -> None:
    settings = project(repository)
    patterns = ["*.py", *settings["package-data"]["*"]]
    found = tracked(repository, packages(settings))
    assert PurePosixPath("monitoring_app/presentation/view.js") in found
    left_out = [str(path) for path in found if not any(fnmatchcase(path.name, pattern) for pattern in patterns)]
    assert left_out == [], "name them in pyproject.toml, under tool.setuptools.package-data"


def test_no_file_is_where_a_wheel_takes_none_from(repository: Path) -> None:
    # setuptools finds no package in a folder with a dot in its name, and no pattern of its matches a hidden file.
    for path in tracked(repository, packages(project(repository))):
        assert not path.name.startswith("."), path
        assert not any("." in folder for folder in path.parts[:-1]), path
