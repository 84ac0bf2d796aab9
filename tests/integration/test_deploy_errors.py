"""`tenantatlas deploy` against servers that are not Prefect server, or none that lets it in."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from prefect.client.orchestration import PrefectClient
from prefect.settings import PREFECT_API_URL, temporary_settings

from deployments.orchestration import prefect_calls
from deployments.orchestration.prefect_calls import PrefectUnavailableError, with_prefect
from tests.support.other_server import server


def test_a_server_that_says_nothing_at_all_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is stopped, or hangs: connections are taken all the same."""
    monkeypatch.setattr(prefect_calls, "ANSWER_SECONDS", 0.5)

    async def work(client: PrefectClient) -> None:
        await client.read_flows()

    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/api"
        with (
            temporary_settings({PREFECT_API_URL: address}),
            pytest.raises(PrefectUnavailableError, match="not answer") as told,
        ):
            with_prefect(work)
    assert told.value.exit_code == 5


@pytest.mark.parametrize(
    ("status", "body", "code", "said"),
    [
        (401, b'{"exception_message": "Unauthorized"}', 3, "does not know who asks (401)"),
        (403, b'{"detail": "no"}', 3, "forbids this (403)"),
        (404, b'{"detail": "Not Found"}', 2, "is not Prefect's API (404)"),
        (200, b"<!doctype html>", 2, "is not Prefect's API"),
        (500, b"{}", 5, "cannot answer now (500)"),
    ],
    ids=["unknown", "forbidden", "another service", "a page", "broken"],
)
def test_what_is_the_matter_is_said_with_its_code(
    tmp_path: Path, status: int, body: bytes, code: int, said: str
) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TENANTATLAS_", "PREFECT_"))}
    with server(status, body) as address:
        done = subprocess.run(
            [sys.executable, "-m", "deployments.cli", "deploy"],
            env={**kept, "TENANTATLAS_HOME": str(tmp_path), "PREFECT_API_URL": address},
            capture_output=True,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
