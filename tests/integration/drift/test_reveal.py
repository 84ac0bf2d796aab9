"""A word that was only opaque may be shown again: to an owner or manager, where the tenant's owner allows it, and told before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from flows._policies.kept_words import allow_reveal, keep_words
from flows._policies.tables import KeptWord
from flows.drift.register.reading import reveal
from runstore.audit import AuditReader
from runstore.database import DatabaseRole
from runstore.dump import dump
from runstore.errors import BadInputError, ForbiddenError, NotFoundError, StoreError
from runstore.tenancy import Actor, Role
from tests.conftest import Store
from tests.integration.test_sealed import forms
from tests.support.command_line import CommandLine
from tests.support.drift_runs import Runs, export, policy

OLD, NEW = "kT9vXq2LmZr7WbYd4NcPs8", "Hj3FzRw8QxLp6VtGy5BnMd"
SAID = "Zq7RmK2xTvW9bYdLp4Hc"


@pytest.fixture
def runs(store: Store) -> Runs:
    return Runs(store, store.tenant())


def drifted(runs: Runs, folder: Path, *values: str) -> str:
    """The id of the finding that the values' syncs end in."""
    for number, value in enumerate(values):
        runs.sync(export(folder / f"{number}", [policy("11111111-0000-4000-8000-000000000001", value=value)]))
    runs.drift()
    (one,) = runs.found()["findings"]
    return str(one["id"])


def count(runs: Runs) -> int:
    with runs.store.admin.across_tenants() as connection:
        return connection.execute(select(func.count()).select_from(KeptWord)).scalar_one()


def allow(runs: Runs, allowed: bool = True) -> None:
    allow_reveal(runs.store.admin, runs.scope, allowed=allowed)


def test_nothing_is_kept_until_it_is_allowed_and_nothing_is_left_when_it_is_not_any_more(
    runs: Runs, tmp_path: Path
) -> None:
    finding = drifted(runs, tmp_path / "off", OLD, NEW)
    assert count(runs) == 0
    with pytest.raises(ForbiddenError, match="--allow-reveal"):
        reveal(runs.store.app, runs.scope, finding)
    allow(runs)
    assert reveal(runs.store.app, runs.scope, finding)["values"] == []
    finding = drifted(runs, tmp_path / "on", OLD, NEW)
    assert [one["value"] for one in reveal(runs.store.app, runs.scope, finding)["values"]] == [OLD, NEW]
    allow(runs, False)
    assert count(runs) == 0
    # What a sync that began before still brings is not kept either.
    with runs.store.worker.transaction(runs.scope) as connection:
        keep_words(connection, runs.scope, {"secret:v1:" + "0" * 32: OLD})
    assert count(runs) == 0
    with pytest.raises(ForbiddenError):
        reveal(runs.store.app, runs.scope, finding)


def test_the_audit_log_has_it_and_a_dump_has_no_word(runs: Runs, tmp_path: Path) -> None:
    allow(runs)
    finding = drifted(runs, tmp_path / "exports", OLD, NEW)
    reveal(runs.store.app, runs.scope, finding)
    entries = AuditReader(runs.store.app, runs.scope).list(verb="drift.reveal")
    assert [(one["subject"], one["detail"]) for one in entries] == [(finding, {"values": 2})]
    assert [one["detail"] for one in AuditReader(runs.store.app, runs.scope).list(verb="tenant.reveal")] == [
        {"allowed": True}
    ]
    dump(runs.store.url, tmp_path / "dump")
    for form in forms((tmp_path / "dump").read_bytes()):
        assert OLD.encode() not in form and NEW.encode() not in form


@pytest.mark.parametrize("said", ["password = {}", "glpat-{}", "x.apiKey: '{}'"])
def test_what_a_name_or_a_form_says_is_never_kept_nor_is_the_same_word_elsewhere(
    runs: Runs, tmp_path: Path, said: str
) -> None:
    allow(runs)
    finding = drifted(runs, tmp_path / "a", f"see {OLD}", said.format(SAID))
    assert [one["value"] for one in reveal(runs.store.app, runs.scope, finding)["values"]] == [OLD]
    finding = drifted(runs, tmp_path / "b", f"password = {OLD}", f"now {OLD}", f"again {OLD} {NEW}")
    assert [one["value"] for one in reveal(runs.store.app, runs.scope, finding)["values"]] == [NEW]


def test_only_owners_and_managers_of_the_tenant_see_it(runs: Runs, tmp_path: Path) -> None:
    allow(runs)
    finding = drifted(runs, tmp_path, OLD, NEW)
    for role in (Role.READONLY, Role.OPERATOR):
        with pytest.raises(ForbiddenError):
            reveal(runs.store.app, replace(runs.scope, actor=Actor("x@example.com", role)), finding)
    assert reveal(runs.store.app, replace(runs.scope, actor=Actor("x@example.com", Role.MANAGER)), finding)["values"]
    other = runs.store.tenant("globex")
    allow_reveal(runs.store.admin, other, allowed=True)
    with pytest.raises(NotFoundError):
        reveal(runs.store.app, other, finding)
    with runs.store.app.transaction(other) as connection:
        assert connection.execute(select(func.count()).select_from(KeptWord)).scalar_one() == 0
    with pytest.raises(BadInputError):
        reveal(runs.store.app, runs.scope, "x")


def test_the_hubs_login_reads_no_word(runs: Runs) -> None:
    with pytest.raises(StoreError), runs.store.roles[DatabaseRole.HUB].transaction(runs.scope) as connection:
        connection.execute(text("SELECT * FROM policy_kept_words"))


def test_the_commands(runs: Runs, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command_line = CommandLine(tmp_path / "home", capsys, {"TENANTATLAS_DATABASE_URL": runs.store.url})
    allowed = command_line("tenant", "set", runs.scope.slug, "--allow-reveal")
    assert (allowed.code, "may be revealed" in allowed.out) == (0, True), allowed.err
    finding = drifted(runs, tmp_path, OLD, NEW)
    shown = command_line("drift", "reveal", "--tenant", runs.scope.slug, "--finding", finding)
    assert (shown.code, OLD in shown.out, NEW in shown.out) == (0, True, True), shown.err
    assert "none is left" in command_line("tenant", "set", runs.scope.slug, "--no-allow-reveal").out
    refused = command_line("drift", "reveal", "--tenant", runs.scope.slug, "--finding", finding)
    assert (refused.code != 0, "--allow-reveal" in refused.err) == (True, True)
