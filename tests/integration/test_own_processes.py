"""A process started by itself, as on a machine of its own: what it needs is in its home's `.env`, and nothing else."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from deployments.cli import main as cli
from deployments.local.embedded_database import EmbeddedDatabase
from tests.support.stack import environment, eventually

POLICY = {
    "@odata.type": "#microsoft.graph.windows10CompliancePolicy",
    "id": "6f0f6c0f-0c55-4d27-9c86-3f1df2d7a001",
    "displayName": "Baseline",
}


@contextmanager
def unwilling_prefect() -> Iterator[tuple[str, list[str]]]:
    """The address of a server that refuses everything, and the paths it was asked for."""
    asked: list[str] = []

    class Refusing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/api", asked
    finally:
        server.shutdown()
        server.server_close()


def test_a_relay_hands_over_to_the_prefect_server_that_the_homes_env_file_names(tmp_path: Path) -> None:
    home, exports = tmp_path / "home", tmp_path / "exports"
    exports.mkdir()
    (exports / "baseline.json").write_text(json.dumps(POLICY))
    with (
        environment({"TENANTATLAS_HOME": str(home)}),
        EmbeddedDatabase(home) as database,
        unwilling_prefect() as prefect,
    ):
        address, asked = prefect
        before = signal.getsignal(signal.SIGTERM)
        assert cli.run(["tenant", "add", "acme", "--name", "Acme"]) == 0
        assert cli.run(["inventory", "sync", "--tenant", "acme", "--source", f"folder:{exports}"]) == 0
        signal.signal(signal.SIGTERM, before)
        (home / ".env").write_text(f"PREFECT_API_URL={address}\nTENANTATLAS_DATABASE_URL={database.url()}\n")
        relay = subprocess.Popen(
            [sys.executable, "-m", "deployments.cli", "relay"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        try:
            eventually(lambda: any("inventory.sync" in path for path in asked))
        finally:
            relay.terminate()
            relay.communicate(timeout=60)


def test_a_relay_that_knows_no_prefect_server_says_so_and_ends(tmp_path: Path) -> None:
    with environment({"TENANTATLAS_HOME": str(tmp_path), "TENANTATLAS_DATABASE_URL": "postgresql://127.0.0.1:9/none"}):
        done = subprocess.run(
            [sys.executable, "-m", "deployments.cli", "relay"],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    assert (done.returncode, done.stdout) == (5, "")
    assert "PREFECT_API_URL" in done.stderr


def test_status_does_not_call_workers_current_that_nobody_tells_of(tmp_path: Path) -> None:
    database = "postgresql://atlas:not-shown-here@127.0.0.1:9/store"
    variables = {"TENANTATLAS_HOME": str(tmp_path), "TENANTATLAS_DATABASE_URL": database}
    with unwilling_prefect() as (address, _), environment({**variables, "PREFECT_API_URL": address}):
        command = [sys.executable, "-m", "deployments.cli", "status"]
        told = [
            subprocess.run([*command, *options], capture_output=True, text=True, check=False, timeout=120)
            for options in ((), ("--json",))
        ]
    # The database of this test does not answer, which is told, too.
    assert [done.returncode for done in told] == [5, 5]
    assert "their versions are not known" in " ".join(told[0].stdout.split())
    document = json.loads(told[1].stdout)
    assert (document["workers"], document["workers_known"]) == ([], False)
    assert document["database_url"] == "postgresql://atlas@127.0.0.1:9/store"


def test_the_demo_refuses_its_own_home_once_it_holds_a_tenant_that_is_no_sample(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("made by an earlier demo")
    with environment({"TENANTATLAS_HOME": str(tmp_path)}), EmbeddedDatabase(tmp_path):
        command = [sys.executable, "-m", "deployments.cli"]
        subprocess.run([*command, "tenant", "add", "contoso", "--name", "Contoso"], check=True, timeout=120)
        refused = subprocess.run([*command, "demo", "--exit"], capture_output=True, text=True, check=False, timeout=120)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "tenants of your own" in refused.stderr
