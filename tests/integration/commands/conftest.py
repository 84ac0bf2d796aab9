"""The command line on a store of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Store
from tests.support.command_line import CommandLine


@pytest.fixture
def tenantatlas(store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    """Commands on the test's own store, of which the tenant acme is made."""
    store.tenant()
    return CommandLine(tmp_path / "home", capsys, {"TENANTATLAS_DATABASE_URL": store.url})
