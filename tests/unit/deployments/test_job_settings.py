"""What a worker's own settings become in it and in its flow runs: a file of this machine's is no use to a container."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.settings import PREFECT_WORKER_QUERY_SECONDS, temporary_settings
from prefect.workers.base import BaseJobConfiguration
from prefect.workers.process import ProcessJobConfiguration

from deployments.orchestration.prefect_address import one_authority_file
from deployments.services.worker import settings_for_jobs
from deployments.settings import Settings

API = "http://prefect.example:4200/api"


@contextmanager
def worker_told(file: Path) -> Iterator[None]:
    with temporary_settings({"api.url": API, "api.ssl_cert_file": str(file)}):
        yield


def prepared(configuration: BaseJobConfiguration) -> dict[str, str | None]:
    configuration.prepare_for_flow_run(FlowRun(flow_id=uuid4()))
    return configuration.env


@pytest.mark.parametrize("pool_type", ["docker", "kubernetes", "ecs"])
def test_a_job_elsewhere_is_not_told_of_our_file_of_one_authority(tmp_path: Path, pool_type: str) -> None:
    settings = Settings(home=tmp_path)
    with worker_told(one_authority_file(tmp_path)), settings_for_jobs(pool_type, settings):
        job = prepared(BaseJobConfiguration())
    assert "PREFECT_API_SSL_CERT_FILE" not in job
    assert job["PREFECT_API_URL"] == API


def test_a_process_of_this_machine_is_spared_the_others(tmp_path: Path) -> None:
    settings, file = Settings(home=tmp_path), one_authority_file(tmp_path)
    with worker_told(file), settings_for_jobs("process", settings):
        job = prepared(ProcessJobConfiguration(working_dir=tmp_path))
    assert job["PREFECT_API_SSL_CERT_FILE"] == str(file)


def test_a_file_somebody_named_goes_to_every_job(tmp_path: Path) -> None:
    named = tmp_path / "company.pem"
    with worker_told(named), settings_for_jobs("docker", Settings(home=tmp_path / "home")):
        assert prepared(BaseJobConfiguration())["PREFECT_API_SSL_CERT_FILE"] == str(named)


def test_prefects_own_workers_poll_as_often_as_ours_unless_told_otherwise(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, worker_poll_seconds=0.7)
    with settings_for_jobs("process", settings):
        assert PREFECT_WORKER_QUERY_SECONDS.value() == 0.7
    with temporary_settings({PREFECT_WORKER_QUERY_SECONDS: 4}), settings_for_jobs("docker", settings):
        assert PREFECT_WORKER_QUERY_SECONDS.value() == 4
