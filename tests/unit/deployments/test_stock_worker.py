"""What Prefect's own worker is told, and what its flow runs are: by the command of a pool and by variables."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prefect.settings import PREFECT_WORKER_QUERY_SECONDS, temporary_settings

from deployments.orchestration.prefect_address import one_authority_file
from deployments.orchestration.work_pools import COMMAND, worker_type
from deployments.services import worker
from deployments.services.worker import KeptProcess, worker_environment
from deployments.settings import Settings
from runstore.errors import BadInputError

NAME = "PREFECT_API_SSL_CERT_FILE"


@contextmanager
def told_of(file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv(NAME, str(file))
    with temporary_settings({"api.ssl_cert_file": str(file)}):
        yield


@pytest.mark.parametrize("kind", ["docker", "kubernetes", "ecs"])
def test_a_job_elsewhere_is_not_told_of_our_file_of_one_authority(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, file = Settings(home=tmp_path), one_authority_file(tmp_path)
    with told_of(file, monkeypatch):
        assert NAME not in worker_environment(kind, settings, tmp_path)
        assert worker_environment("process", settings, tmp_path)[NAME] == str(file)


def test_a_file_somebody_named_goes_to_every_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with told_of(tmp_path / "company.pem", monkeypatch):
        assert worker_environment("docker", Settings(home=tmp_path), tmp_path)[NAME] == str(tmp_path / "company.pem")


def test_a_worker_asks_as_often_as_the_setting_says_unless_prefects_own_says_otherwise(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, worker_poll_seconds=0.7)
    assert worker_environment("process", settings, tmp_path)["PREFECT_WORKER_QUERY_SECONDS"] == "0.7"
    with temporary_settings({PREFECT_WORKER_QUERY_SECONDS: 4}):
        assert worker_environment("process", settings, tmp_path).get("PREFECT_WORKER_QUERY_SECONDS") != "0.7"


def test_an_old_pool_is_served_by_the_process_worker_and_an_unknown_one_is_refused() -> None:
    assert worker_type("tenantatlas-warm") == worker_type("process") == "process"
    with pytest.raises(BadInputError, match="not a work pool type this installation can serve"):
        worker_type("no-such-type")


def test_the_command_runs_the_client_where_there_is_one_and_else_prefects_engine(tmp_path: Path) -> None:
    stand_in = tmp_path / "a python"
    stand_in.write_text('#!/bin/sh\necho "$@"\n')
    stand_in.chmod(0o755)
    (tmp_path / "python").symlink_to(stand_in)
    forking = worker_environment("process", Settings(home=tmp_path), tmp_path / "w.sock")
    forking["TENANTATLAS_PYTHON"] = str(stand_in)
    path = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}

    def said(environment: dict[str, str]) -> str:
        return subprocess.run(
            shlex.split(COMMAND), env=environment, capture_output=True, text=True, check=True
        ).stdout.strip()

    assert said({**path, **forking}) == f"-I -S {forking['TENANTATLAS_FORK_CLIENT']}"
    assert said(path) == "-m prefect.engine"


def test_a_kept_process_is_started_again_after_a_pause(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "PAUSE_SECONDS", 0.5)
    ends = [sys.executable, "-I", "-S", "-c", "import sys; sys.exit(len(sys.stdin.read()) + 3)"]
    kept = KeptProcess("The thing", ends, stdin=subprocess.PIPE)
    assert not kept.revived(threading.Event())
    kept.stop(os.kill, after=30)
    begun = time.monotonic()
    assert kept.revived(threading.Event())
    assert time.monotonic() - begun >= 0.5
    assert "The thing ended (exit code 3)" in caplog.text
    kept.stop(os.kill, after=30)


def test_a_kept_process_that_stays_is_killed_and_its_group_is_told_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "STOP_SECONDS", 0.5)
    member = "import signal; print('up', flush=True); signal.pause()"
    stubborn = (
        "import signal, subprocess, sys; signal.signal(15, signal.SIG_IGN)\n"
        f"subprocess.Popen([sys.executable, '-c', \"import signal; signal.signal(15, signal.SIG_DFL); {member}\"]).wait()\n"
        "print('heard', flush=True); signal.pause()"
    )
    reading, writing = os.pipe()
    kept = KeptProcess("The thing", [sys.executable, "-c", stubborn], stdin=subprocess.DEVNULL, stdout=writing)
    os.close(writing)
    with os.fdopen(reading) as said:
        assert said.readline() == "up\n"
        kept.stop(os.killpg, after=0)
        assert said.read() == "heard\n"
