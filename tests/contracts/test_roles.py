"""The roles table of the contract, cell by cell: through the command line, a page, and the hub's addresses."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitoring_app.presentation.parts import READONLY_NOTE
from runstore.tenancy import Role
from tests.conftest import Store
from tests.integration.hub.conftest import Site, site  # noqa: F401 - a fixture
from tests.support.command_line import CommandLine
from tests.support.page_client import tab

FORBIDDEN = 3
MAY_START = {Role.OWNER, Role.MANAGER, Role.OPERATOR}
MAY_ADMINISTER = {Role.OWNER, Role.MANAGER}
VIEW = (("runs", "list"), ("inventory", "list"), ("drift", "findings"), ("backup", "list"))
START = (
    ("runs", "start", "run.prune"),
    ("runs", "start", "drift.generate", "--set", "scope=x"),
    ("inventory", "sync", "--source", "graph"),
    ("backup", "create", "--name", "Copy"),
)
ADMINISTER = (("runs", "prune", "--older-than", "99d"),)


@pytest.mark.parametrize("role", Role)
def test_the_command_line_keeps_the_table(
    role: Role, store: Store, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    tenantatlas = CommandLine(tmp_path, capfd, {"TENANTATLAS_DATABASE_URL": store.url})
    store.member(role)
    rows = ((VIEW, set(Role)), (START, MAY_START), (ADMINISTER, MAY_ADMINISTER))
    for commands, allowed in rows:
        for command in commands:
            done = tenantatlas(*command, "--tenant", "acme", "--as", f"{role.value}@acme.example", "--json")
            assert done.code == (0 if role in allowed else FORBIDDEN), (command, done.err)


@pytest.mark.parametrize("role", Role)
def test_pages_and_addresses_keep_the_table(role: Role, site: Site) -> None:  # noqa: F811
    tenant, email = site.sample.northwind, f"{role.value}@roles.example"
    site.directory.grant(tenant, email, role)
    visitor = site.visitor(email)
    for address in ("/operations", "/drift", "/inventory", "/backup-sets", "/export/runs.json"):
        assert visitor.get(f"{address}?tenant={tenant.slug}").status_code == 200, address
    with tab(site.hub.url, visitor.cookies["tenantatlas"]) as page:
        for address in ("/drift", "/backup-sets"):
            shown = page.open(f"{address}?tenant={tenant.slug}")
            assert not shown.failed
            assert (READONLY_NOTE in shown.text) == (role not in MAY_START), address
