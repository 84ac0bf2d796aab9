"""A real OIDC provider in a process of its own, for as long as a test wants it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from tests.support.ports import free_port

DEADLINE_SECONDS = 120.0


@contextmanager
def oidc_provider(users: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Serves a provider that knows these people (subject → claims); yields its issuer address."""
    port = free_port()
    # Its libraries' deprecation warnings are its own affair, so it gets an interpreter that ignores them.
    command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port)]
    for subject, claims in users.items():
        command += ["--user-claims", json.dumps({"sub": subject, **claims})]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    issuer = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            try:
                httpx.get(f"{issuer}/.well-known/openid-configuration", timeout=2, trust_env=False).raise_for_status()
                break
            except httpx.HTTPError:
                time.sleep(0.1)
        else:
            raise AssertionError(f"the provider was not up within {DEADLINE_SECONDS} s")
        yield issuer
    finally:
        process.terminate()
        process.wait(10)
