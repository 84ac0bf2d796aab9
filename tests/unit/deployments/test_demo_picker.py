"""The demo's picker lets anyone in: it is refused wherever a sign-in is set up, and the demo itself sets none up."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import pytest

from deployments.local import demo, specs
from deployments.services.hub import hub_settings
from deployments.settings import load_settings
from tests.support.command_line import CommandLine
from tests.support.stack import environment

ISSUER = {"TENANTATLAS_OIDC_ISSUER": "https://login.example.com", "TENANTATLAS_OIDC_CLIENT_ID": "hub"}
PROXY = {"TENANTATLAS_PROXY_ADDRESSES": "10.0.0.5"}
REAL = "postgresql://real@db.example.com/atlas"
LOGINS = {f"TENANTATLAS_{part}_DATABASE_URL": REAL for part in ("HUB", "RELAY", "WORKER")}
EMBEDDED = "postgresql://demo@localhost/demo"


@pytest.mark.parametrize(
    ("configured", "named"),
    [
        (ISSUER, "TENANTATLAS_OIDC_ISSUER"),
        (PROXY, "TENANTATLAS_PROXY_ADDRESSES"),
        # Not yet complete, and meant all the same.
        ({"TENANTATLAS_OIDC_ISSUER": "https://login.example.com"}, "TENANTATLAS_OIDC_ISSUER"),
    ],
)
@pytest.mark.parametrize("command", ["hub", "up"])
def test_the_picker_is_refused_beside_a_sign_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], configured: Mapping[str, str], named: str, command: str
) -> None:
    settings = {"TENANTATLAS_DATABASE_URL": EMBEDDED, **configured}
    outcome = CommandLine(tmp_path, capsys, settings)(command, "--demo")
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1)
    assert named in outcome.err and "--demo" in outcome.err


class NotStartedError(Exception):
    """The stack would start now."""


@pytest.mark.parametrize("in_file", [False, True])
def test_the_demos_own_processes_know_of_no_sign_in_and_of_no_other_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_file: bool
) -> None:
    """As an installation's machine has it, in the environment or in the home's file: the demo works there all the same."""
    configured = {**ISSUER, **PROXY, **LOGINS, "TENANTATLAS_DATABASE_URL": REAL}
    if in_file:
        (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in configured.items()))
    told: dict[str, str] = {}

    def stack(settings: Any, **more: Any) -> NoReturn:
        assert settings.is_embedded
        told.update(specs.base_environment(settings, database_url=EMBEDDED, prefect_api_url="http://127.0.0.1:1/api"))
        raise NotStartedError

    monkeypatch.setattr(demo, "LocalStack", stack)
    with environment({"TENANTATLAS_HOME": str(tmp_path), **({} if in_file else configured)}):
        with pytest.raises(NotStartedError):
            demo.run_demo(demo.Call(as_json=False, acting_as=None), stay=False)
        os.environ.clear()
        os.environ.update(told)
        settings = load_settings()
        hub = hub_settings(settings, demo=True)
    assert (hub.demo, hub.database_url, hub.app_database_url) == (True, EMBEDDED, EMBEDDED)
    assert (settings.relay_database_url, settings.worker_database_url) == (None, None)
