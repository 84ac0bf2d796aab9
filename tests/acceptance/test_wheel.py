"""The wheel alone is the product: installed with the lock's versions, it runs the demo in a folder that is not a checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGES = ("runstore", "flows", "monitoring_app", "deployments")

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]


def uv(repository: Path, *words: str) -> None:
    """Runs uv on what its cache holds, which `make` has filled; asks the index only when something is missing there."""
    program = repository / ".venv" / "bin" / "uv"
    command = [str(program), *words]
    if subprocess.run([*command, "--offline"], capture_output=True, check=False).returncode != 0:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


@pytest.mark.long
def test_the_wheel_runs_the_demo_outside_a_checkout(repository: Path, tmp_path: Path) -> None:
    source, fresh, home = tmp_path / "source", tmp_path / "fresh", tmp_path / "home"
    # Building leaves folders behind, so it is done on a copy.
    for package in PACKAGES:
        shutil.copytree(repository / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(repository / "pyproject.toml", source)
    uv(repository, "build", "--quiet", "--wheel", "--out-dir", str(tmp_path / "dist"), str(source))
    (wheel,) = (tmp_path / "dist").glob("tenantatlas-*.whl")
    uv(repository, "venv", "--quiet", "--python", sys.executable, str(fresh))
    python = str(fresh / "bin" / "python")
    lock = repository / "requirements.lock"
    uv(repository, "pip", "install", "--quiet", "--python", python, "--no-deps", "--requirement", str(lock), str(wheel))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TENANTATLAS_", "PREFECT_"))}
    kept.pop("PYTHONPATH", None)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = subprocess.run(
        [str(fresh / "bin" / "tenantatlas"), "demo", "--exit"],
        cwd=elsewhere,
        env={**kept, "TENANTATLAS_HOME": str(home)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "policy modified" in done.stdout
    assert str(repository) not in done.stdout + done.stderr
