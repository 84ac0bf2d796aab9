"""Starts the server, tells it what to do, and asks what it saw."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import tempfile
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class GraphServer:
    """A running server."""

    endpoint: str
    authority: str
    ca_file: str
    directory_id: str
    client_id: str
    client_secret: str

    @property
    def environment(self) -> dict[str, str]:
        """The settings a process needs to read from this server."""
        return {
            "TENANTATLAS_GRAPH_URL": self.endpoint,
            "AZURE_AUTHORITY_HOST": self.authority,
            "AZURE_CLIENT_ID": self.client_id,
            "AZURE_CLIENT_SECRET": self.client_secret,
            "SSL_CERT_FILE": self.ca_file,
        }

    def control(self, **order: Any) -> dict[str, Any]:
        """Changes the server (see `Graph.control`) and returns what it counted."""
        request = urllib.request.Request(
            f"{self.endpoint}/_control", json.dumps(order).encode(), {"Content-Type": "application/json"}
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=30) as answer:
            return json.load(answer)

    def counted(self, *, reset: bool = False) -> dict[str, Any]:
        """What was asked of it since the last reset."""
        return self.control(reset=reset)["counted"]

    def policies(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Everything it holds, as kind → id → whole policy."""
        return self.control(dump=True)["policies"]

    @classmethod
    @contextmanager
    def running(cls, policies: int = 0, seed: int = 7) -> Iterator[GraphServer]:
        """A server for the length of a `with`; nothing of it is left afterwards."""
        directory_id, client_id = str(uuid.uuid4()), str(uuid.uuid4())
        client_secret = secrets.token_urlsafe(24)
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "tests.support.graph_server", "--folder", folder]
            command += ["--policies", str(policies), "--seed", str(seed), "--directory", directory_id]
            # With `=`, since a random secret may begin with a dash.
            command += ["--client-id", client_id, f"--client-secret={client_secret}"]
            process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            try:
                assert process.stdout is not None
                line = process.stdout.readline()
                assert line, "the server ended before it said where it is"
                yield cls(
                    **json.loads(line), directory_id=directory_id, client_id=client_id, client_secret=client_secret
                )
            finally:
                assert process.stdin is not None
                process.stdin.close()
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
                assert process.stdout is not None
                process.stdout.close()
