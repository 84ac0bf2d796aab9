"""A hub in a process of its own, served over a real socket for as long as a test wants it."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

import httpx

from monitoring_app.settings import HubSettings
from tests.support.ports import free_port

DEADLINE_SECONDS = 120.0
KEPT = "-- kept\n"
"""Before what was asked for an answer that Streamlit keeps for some seconds: when it is asked again is the clock's."""
_ROOT = Path(__file__).parent.parent.parent


@dataclass
class HubServer:
    """`with HubServer(settings, directory) as hub:` serves at `hub.url` and is gone afterwards."""

    settings: HubSettings
    directory: Path
    port: int = 0
    _read: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        return self._process.pid

    def __enter__(self) -> HubServer:
        self.port = self.port or free_port()
        settings = self.directory / f"hub-{self.port}.pickle"
        settings.write_bytes(pickle.dumps(self.settings))
        self._log_path = self.directory / f"hub-{self.port}.log"
        self._log = self._log_path.open("wb")
        self._statements_path = self.directory / f"hub-{self.port}.statements"
        self._statements_path.touch()
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.support.hub_server",
                str(settings),
                str(self.port),
                str(self._statements_path),
            ],
            cwd=_ROOT,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(_ROOT)},
        )
        deadline = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                self.__exit__()
                raise AssertionError(f"the hub ended at once: {self.log}")
            try:
                if httpx.get(f"{self.url}/healthz", timeout=2, trust_env=False).status_code == 200:
                    return self
            except httpx.HTTPError:
                time.sleep(0.1)
        self.__exit__()
        raise AssertionError(f"the hub was not up within {DEADLINE_SECONDS} s: {self.log}")

    @property
    def log(self) -> str:
        """What the hub has written so far."""
        return self._log_path.read_text(errors="replace")

    def statements(self) -> list[str]:
        """What the hub has asked of its databases since this was last called."""
        written = self._statements_path.read_bytes()[self._read :]
        self._read += len(written)
        return [json.loads(line) for line in written.splitlines()]

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait(10)
        self._log.close()


def write_statements(path: Path) -> None:
    """From now on every statement of this process is added to the file, one a line, behind KEPT when its answer is kept."""
    from sqlalchemy import Engine, event

    file = path.open("ab", buffering=0)

    def add(connection: object, cursor: object, statement: str, *_: object) -> None:
        callers = (frame.f_code.co_filename for frame, _ in traceback.walk_stack(None))
        kept = any("/streamlit/runtime/caching/" in caller for caller in callers)
        file.write(json.dumps(KEPT * kept + statement).encode() + b"\n")

    event.listen(Engine, "before_cursor_execute", add)


if __name__ == "__main__":
    from monitoring_app.asgi import serve

    write_statements(Path(sys.argv[3]))
    serve("127.0.0.1", int(sys.argv[2]), pickle.loads(Path(sys.argv[1]).read_bytes()))
