"""Findings that live: decisions, rules, pinned baselines, reports; each change of state in history and audit log."""

from __future__ import annotations

import csv
import io
import signal
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import select, text, update

from deployments.cli import main as cli
from flows._policies import rehash
from flows._policies.canonical import body_hash
from flows._policies.tables import InventorySync, PolicyContent
from flows.drift.comparison.withheld import why_empty
from flows.drift.register.filters import FindingFilter
from flows.drift.register.ignore_rules import IgnoreRule
from flows.drift.register.reading import findings_document, history, worst_open
from flows.drift.register.rule_book import (
    add_ignore,
    add_severity,
    list_ignores,
    list_severities,
    preview_ignore,
    remove_rule,
)
from flows.drift.reports.report import COLUMNS, csv_report, html_report
from flows.drift.start import pin_baseline, unpin_baseline
from flows.drift.tables import DriftComparison
from runstore.errors import BadInputError, ForbiddenError, NotFoundError
from runstore.schema import AuditEntry
from runstore.tenancy import Role
from tests.conftest import Store
from tests.support.deciding import accept, acknowledge, reopen
from tests.support.drift_runs import Runs, export, policy
from tests.support.stack import environment, eventually

ONE, TWO = "10000000-0000-4000-8000-000000000000", "20000000-0000-4000-8000-000000000000"
ALL = FindingFilter(state="all")
LATER = datetime(2099, 1, 1, tzinfo=UTC)


@pytest.fixture
def runs(store: Store, tmp_path: Path) -> Runs:
    made = Runs(store, store.tenant())
    made.sync(export(tmp_path / "a", [policy(ONE, value=1), policy(TWO, name="B", value=1)]))
    made.sync(export(tmp_path / "b", [policy(ONE, value=2), policy(TWO, name="B", value=1)]))
    made.drift()
    return made


def document(runs: Runs, **wanted: Any) -> dict[str, Any]:
    return findings_document(runs.store.app, runs.scope, **wanted)


def only(runs: Runs) -> dict[str, Any]:
    (one,) = document(runs, wanted=ALL)["findings"]
    return one


def next_sync(runs: Runs, folder: Path, value: int) -> None:
    runs.sync(export(folder, [policy(ONE, value=value), policy(TWO, name="B", value=1)]))
    runs.drift()


def audit(runs: Runs) -> list[str]:
    with runs.store.admin.transaction(runs.scope) as connection:
        verbs = connection.execute(
            select(AuditEntry.verb).where(AuditEntry.tenant_id == runs.scope.tenant_id)
        ).scalars()
        return [verb for verb in verbs if verb.startswith("drift.")]


def test_accepted_drift_stays_until_the_value_moves(runs: Runs, tmp_path: Path) -> None:
    finding = only(runs)
    accept(runs.store.app, runs.scope, finding["id"], owner="kim@acme.example", reason="tuned for build hosts")
    assert (only(runs)["status"], only(runs)["owner"]) == ("accepted", "kim@acme.example")
    runs.drift()
    assert only(runs)["status"] == "accepted"
    next_sync(runs, tmp_path / "c", 3)
    moved = only(runs)
    assert (moved["id"], moved["status"]) == (finding["id"], "open")
    assert [(event["event"], event["to"]) for event in history(runs.store.app, runs.scope, finding["id"])] == [
        ("found", "open"),
        ("accepted", "accepted"),
        ("moved", "open"),
    ]
    assert audit(runs) == ["drift.accepted", "drift.reopened"]


def test_a_decision_made_while_a_comparison_is_stored_counts(runs: Runs) -> None:
    decided = text(
        "UPDATE drift_findings SET status = 'accepted', accepted_digest = value_digest, owner = 'kim', reason = 'r'"
    )
    comparing = threading.Thread(target=runs.drift)
    with runs.store.app.transaction(runs.scope) as connection, psycopg.connect(runs.store.url) as looking:
        connection.execute(decided)
        comparing.start()
        looking.autocommit = True
        waiting = "SELECT FROM pg_locks WHERE NOT granted AND locktype IN ('transactionid', 'tuple')"
        eventually(lambda: looking.execute(waiting).fetchall())
    comparing.join(60)
    assert (only(runs)["status"], only(runs)["owner"]) == ("accepted", "kim")


def test_a_pipeline_is_told_by_the_exit_code(runs: Runs, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGTERM)

    def code(severity: str) -> int:
        where = {"TENANTATLAS_HOME": str(tmp_path / "home"), "TENANTATLAS_DATABASE_URL": runs.store.url}
        with environment(where):
            try:
                return cli.run(["drift", "findings", "--tenant", "acme", "--fail-on", severity])
            finally:
                signal.signal(signal.SIGTERM, before)

    assert [code(severity) for severity in ("low", "high", "critical", "dreadful")] == [1, 1, 0, 2]
    said = capsys.readouterr()
    assert "AvgCpuLoadFactor".casefold() in said.out.casefold() and "one of critical" in said.err
    accept(runs.store.app, runs.scope, only(runs)["id"], owner="kim", reason="tuned")
    assert code("low") == 0


def test_an_acceptance_ends_with_its_date(runs: Runs) -> None:
    finding = only(runs)
    accept(runs.store.app, runs.scope, finding["id"], owner="kim", reason="for now", until=LATER)
    assert only(runs)["status"] == "accepted"
    with runs.store.app.transaction(runs.scope) as connection:
        connection.execute(text("UPDATE drift_findings SET accepted_until = now() - interval '1 second'"))
    assert only(runs)["status"] == "open"
    runs.drift()
    assert history(runs.store.app, runs.scope, finding["id"])[-1]["event"] == "expired"


def test_a_later_sync_resolves_and_a_still_later_one_reopens(runs: Runs, tmp_path: Path) -> None:
    finding = only(runs)
    acknowledge(runs.store.app, runs.scope, finding["id"])
    next_sync(runs, tmp_path / "c", 1)
    assert (only(runs)["id"], only(runs)["status"]) == (finding["id"], "resolved")
    runs.drift()
    assert only(runs)["status"] == "resolved"
    with pytest.raises(BadInputError, match="is resolved"):
        acknowledge(runs.store.app, runs.scope, finding["id"])
    next_sync(runs, tmp_path / "d", 9)
    assert (only(runs)["id"], only(runs)["status"]) == (finding["id"], "open")


def test_decisions_need_the_role_and_an_id_of_the_tenant(runs: Runs) -> None:
    finding = only(runs)["id"]
    reader = runs.store.member(Role.READONLY)
    with pytest.raises(ForbiddenError):
        acknowledge(runs.store.app, reader, finding)
    with pytest.raises(NotFoundError):
        acknowledge(runs.store.app, runs.store.tenant("globex"), finding)
    with pytest.raises(BadInputError, match="UUID"):
        acknowledge(runs.store.app, runs.scope, "17")
    with pytest.raises(BadInputError, match="needs an owner"):
        accept(runs.store.app, runs.scope, finding, owner=" ", reason="x")
    with pytest.raises(BadInputError, match="future"):
        accept(runs.store.app, runs.scope, finding, owner="k", reason="x", until=datetime.now(UTC) - timedelta(1))
    acknowledge(runs.store.app, runs.scope, finding)
    reopen(runs.store.app, runs.scope, finding)
    assert audit(runs) == ["drift.acknowledged", "drift.reopened"]


def test_ignore_rules_hide_and_say_how_much(runs: Runs) -> None:
    rule = IgnoreRule(setting="*_AvgCpuLoadFactor", policy_type="settings_*")
    assert preview_ignore(runs.store.app, runs.scope, rule)["hidden"] == 1
    assert document(runs)["ignored"] == 0
    added = add_ignore(runs.store.app, runs.scope, rule, "set by the image")
    assert (document(runs)["findings"], document(runs)["ignored"]) == ([], 1)
    assert len(document(runs, include_ignored=True)["findings"]) == 1
    assert [one["reason"] for one in list_ignores(runs.store.app, runs.scope)["rules"]] == ["set by the image"]
    assert list_ignores(runs.store.app, runs.store.tenant("globex"))["rules"] == []
    remove_rule(runs.store.app, runs.scope, added["rule"]["id"])
    assert len(document(runs)["findings"]) == 1
    with pytest.raises(NotFoundError):
        remove_rule(runs.store.app, runs.scope, added["rule"]["id"])
    for bad in (IgnoreRule(), IgnoreRule(setting="*")):
        with pytest.raises(BadInputError, match="at least one pattern"):
            add_ignore(runs.store.app, runs.scope, bad, "why")
    assert audit(runs) == ["drift.ignore_added", "drift.rule_removed"]


def test_what_is_hidden_does_not_make_the_rest_look_worse(runs: Runs, tmp_path: Path) -> None:
    for name, value in (("c", 2), ("d", 3)):
        bodies = [policy(ONE, value=value, description=f"of {value}"), policy(TWO, name="B", value=1)]
        runs.sync(export(tmp_path / name, bodies))
    runs.drift()
    assert only(runs)["severity"] == "high"
    add_ignore(runs.store.app, runs.scope, IgnoreRule(setting="*avgcpuloadfactor"), "tuned all day")
    assert (only(runs)["severity"], [one["setting"] for one in only(runs)["changes"]]) == ("info", ["description"])
    assert not worst_open(document(runs), "high")


def test_an_empty_list_says_why_it_is_empty(store: Store, tmp_path: Path) -> None:
    runs = Runs(store, store.tenant())
    runs.sync(export(tmp_path / "a", [policy(ONE, value=1)]))
    assert "Nothing has been compared yet" in why_empty(document(runs))
    with pytest.raises(NotFoundError, match="--fail-on cannot tell"):
        worst_open(document(runs), "low")
    runs.sync(export(tmp_path / "b", [policy(ONE, value=1)]))
    runs.drift()
    assert why_empty(document(runs)) == "Nothing is open."
    assert why_empty(runs.found()) == "Nothing drifted."
    assert not worst_open(document(runs), "low")
    runs.sync(export(tmp_path / "c", [policy(ONE, value=2)]))
    runs.drift()
    add_ignore(store.app, runs.scope, IgnoreRule(setting="*avgcpuloadfactor"), "tuned all day")
    assert why_empty(document(runs)) == "Nothing is open but what ignore rules hide: 1 changes."
    assert "ignore rules hide: 1" in html_report(document(runs), "acme")


def test_a_tenants_severity_rule_comes_first(runs: Runs) -> None:
    assert only(runs)["severity"] == "high"
    assert worst_open(document(runs), "high")
    add_severity(runs.store.app, runs.scope, "info", setting="*avgcpuloadfactor")
    runs.drift()
    assert only(runs)["severity"] == "info"
    assert not worst_open(document(runs), "low")
    with pytest.raises(BadInputError, match="one of critical"):
        worst_open(document(runs), "dreadful")
    (rule,) = list_severities(runs.store.app, runs.scope)["rules"]
    assert (rule["severity"], rule["setting"]) == ("info", "*avgcpuloadfactor")
    with pytest.raises(BadInputError, match="facet must be one of"):
        add_severity(runs.store.app, runs.scope, "info", facet="colour", setting="x")
    with pytest.raises(BadInputError, match="severity must be"):
        add_severity(runs.store.app, runs.scope, "dreadful", setting="x")


def test_a_pinned_baseline_is_held_against_until_it_is_met_again(runs: Runs, tmp_path: Path) -> None:
    first = runs.store
    with first.worker.transaction(runs.scope) as connection:
        oldest = connection.execute(select(InventorySync.id).order_by(InventorySync.started_at)).scalars().first()
    pin_baseline(first.app, runs.scope, sync_id=str(oldest), reason="as audited")
    next_sync(runs, tmp_path / "c", 2)
    runs.drift(against="pinned")
    change = only(runs)["changes"][0]
    assert (change["before"], change["after"]) == (1, 2)
    runs.sync(export(tmp_path / "d", [policy(ONE, value=1), policy(TWO, name="B", value=1)]))
    runs.drift(against="pinned")
    shown = document(runs)
    assert (shown["findings"], shown["comparisons"][0]["against"]) == ([], "pinned")
    with first.app.transaction(runs.scope) as connection:
        states = connection.execute(text("SELECT status FROM drift_findings")).scalars().all()
    assert states == ["resolved"]
    unpin_baseline(first.app, runs.scope)
    with pytest.raises(BadInputError, match="no pinned baseline"):
        runs.drift(against="pinned")


def test_reports_hold_everything_as_text(store: Store, tmp_path: Path) -> None:
    runs = Runs(store, store.tenant())
    nasty = '=HYPERLINK("http://x")<script>alert(1)</script>\u202e'
    runs.sync(export(tmp_path / "a", [policy(ONE, name=nasty, value="=1+1")]))
    runs.sync(export(tmp_path / "b", [policy(ONE, name=nasty, value="a\nb\x00<b>")]))
    runs.drift()
    shown = document(runs)
    rows = list(csv.reader(io.StringIO(csv_report(shown).removeprefix("\ufeff"))))
    assert rows[0] == list(COLUMNS)
    assert rows[1][COLUMNS.index("before")] == "'=1+1"
    assert rows[1][COLUMNS.index("policy_name")].startswith("'=")
    page = html_report(shown, "acme")
    assert "<script" not in page
    assert "\u202e" not in page
    assert "src=" not in page and "href=" not in page
    assert "&lt;b&gt;" in page


def test_a_new_canonical_form_shows_nothing(runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    next_sync(runs, tmp_path / "c", 2)
    with runs.store.worker.transaction(runs.scope) as connection:
        # As an older release would have left it: other hashes for the same content.
        connection.execute(update(InventorySync).values(canonical_version=0))
    moved: list[int] = []
    real = rehash._move
    monkeypatch.setattr(rehash, "_move", lambda *given: (moved.append(1), real(*given)))
    monkeypatch.setattr(rehash, "body_hash", _newer_hash)
    runs.drift()
    assert runs.found()["findings"] == []
    assert len(moved) == 4


def test_a_finding_of_an_older_canonical_form_is_resolved_when_the_value_returns(
    runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with runs.store.worker.transaction(runs.scope) as connection:
        for table in (InventorySync, PolicyContent, DriftComparison):
            connection.execute(update(table).values(canonical_version=0))
    for module in ("flows._policies.rehash", "flows.drift.generate", "flows._policies.stored"):
        monkeypatch.setattr(f"{module}.body_hash", _newer_hash)
    found = only(runs)["id"]
    next_sync(runs, tmp_path / "c", 1)
    assert [(one["id"], one["status"]) for one in runs.found()["findings"]] == [(found, "resolved")]
    assert [event["event"] for event in history(runs.store.app, runs.scope, UUID(found))] == ["found", "returned"]


def test_two_syncs_by_newer_rules_before_the_first_comparison_still_resolve_what_they_bring_back(
    runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accepted = only(runs)["id"]
    accept(runs.store.app, runs.scope, accepted, owner="kim", reason="tuned")
    with runs.store.worker.transaction(runs.scope) as connection:
        for table in (InventorySync, PolicyContent, DriftComparison):
            connection.execute(update(table).values(canonical_version=0))
    for module in ("flows._policies.rehash", "flows.drift.generate", "flows._policies.stored"):
        monkeypatch.setattr(f"{module}.body_hash", _newer_hash)
    for name, value in (("c", 2), ("d", 2)):
        runs.sync(export(tmp_path / name, [policy(ONE, value=value), policy(TWO, name="B", value=1)]))
    runs.drift()
    assert runs.found()["findings"] == []
    next_sync(runs, tmp_path / "e", 1)
    assert [(one["id"], one["status"]) for one in runs.found()["findings"]] == [(accepted, "resolved")]


def test_drift_in_two_steps_is_resolved_only_where_it_began(runs: Runs, tmp_path: Path) -> None:
    found = only(runs)["id"]
    for name, value, status in (("c", 3, "open"), ("d", 2, "open"), ("e", 1, "resolved")):
        next_sync(runs, tmp_path / name, value)
        assert (only(runs)["id"], only(runs)["status"]) == (found, status)
    assert audit(runs) == ["drift.resolved"]


def _newer_hash(body: Any, form: Any) -> bytes:
    return b"\x01" * 16 + body_hash(body, form)[:16]
