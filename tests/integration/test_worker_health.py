"""A worker's answers to probes: healthy while its loop turns, ready while Prefect answers it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from deployments.local import specs
from tests.support.ports import free_port
from tests.support.stack import StackUnderTest, eventually

pytestmark = [pytest.mark.stack]


@contextmanager
def probed(
    stack: StackUnderTest, port: int, command: Sequence[str] = specs.TENANTATLAS, log: int | None = None, **told: str
) -> Iterator[httpx.Client]:
    """A second worker of the stack with a port for probes, and a client that asks there."""
    environment = {**stack.running.environment, "TENANTATLAS_WORKER_HEALTH_PORT": str(port), **told}
    environment.pop("TENANTATLAS_READY_FILE", None)
    worker = subprocess.Popen([*command, "worker", "--name", "probed"], env=environment, stderr=log)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=10) as client:
            eventually(lambda: status(client, "/healthz") == 200)
            yield client
    finally:
        worker.terminate()
        worker.wait(60)


def status(client: httpx.Client, path: str) -> int:
    try:
        return client.get(path).status_code
    except httpx.TransportError:
        return 0


def test_a_worker_is_ready_once_prefect_answers_it(stack: StackUnderTest) -> None:
    with probed(stack, free_port()) as client:
        eventually(lambda: status(client, "/readyz") == 200)


def test_a_warm_parent_that_hangs_is_told_of_and_not_waited_for(stack: StackUnderTest, tmp_path: Path) -> None:
    hang = "import sys, time\nif sys.orig_argv[-1].endswith('w.sock'):\n    time.sleep(600)\n"
    (tmp_path / "sitecustomize.py").write_text(hang)
    path = os.pathsep.join([str(tmp_path), stack.running.environment["PYTHONPATH"]])
    impatient = "import sys, deployments.cli.main as cli\nfrom deployments.services import worker\n"
    impatient += "worker.WARM_SECONDS = 1.0\nsys.exit(cli.run(sys.argv[1:]))"
    command = [sys.executable, "-c", impatient]
    with (
        (tmp_path / "log").open("wb") as log,
        probed(stack, free_port(), command, log.fileno(), PYTHONPATH=path) as client,
    ):
        eventually(lambda: status(client, "/readyz") == 200)
    assert "The warm parent is not ready after 1 s" in (tmp_path / "log").read_text()


def test_a_worker_whose_prefect_is_away_is_healthy_and_not_ready(stack: StackUnderTest) -> None:
    port = free_port()
    with probed(stack, port, PREFECT_API_URL=f"http://127.0.0.1:{free_port()}/api") as client:
        for nonsense in (b"\x00\xff\r\n\r\n", b"GET\r\n\r\n", b"x" * 20_000):
            with socket.create_connection(("127.0.0.1", port), timeout=10) as raw:
                raw.sendall(nonsense)
        assert [status(client, path) for path in ("/healthz", "/readyz", "/metrics")] == [200, 503, 404]


def test_a_taken_port_is_named(stack: StackUnderTest) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        environment = {**stack.running.environment, "TENANTATLAS_WORKER_HEALTH_PORT": port}
        command = [*specs.TENANTATLAS, "worker", "--name", "probed"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, port in done.stderr, "Traceback" in done.stderr) == (2, True, False)
