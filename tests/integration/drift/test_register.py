"""The register: what is open stays to be seen until somebody decides or it is undone, however often is compared meanwhile."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.drift.comparison.withheld import why_empty
from flows.drift.overview import not_started, open_by_scope
from flows.drift.register.filters import FindingFilter
from flows.drift.register.ignore_rules import IgnoreRule
from flows.drift.register.reading import findings_document, histories, newest_comparisons, worst_open
from flows.drift.register.rule_book import add_ignore, remove_rule
from flows.drift.reports.report import csv_report
from flows.drift.start import pin_baseline, pinned_baselines
from runstore.errors import BadInputError
from tests.conftest import Store
from tests.support.deciding import accept, acknowledge
from tests.support.drift_runs import Runs, export, policy

MANY = 17
SAMPLES = Path(__file__).parents[3] / "deployments" / "samples" / "acme"
IDS = [f"{n:08}-0000-4000-8000-000000000000" for n in range(MANY)]


@pytest.fixture
def runs(store: Store, tmp_path: Path) -> Runs:
    """B differs from A in every policy, and was compared with it."""
    made = Runs(store, store.tenant())
    for name, value in (("a", 1), ("b", 2)):
        synced(made, tmp_path / name, value)
    made.drift()
    return made


def synced(runs: Runs, folder: Path, value: int, **others: int) -> None:
    """A sync in which every policy has `value`, but for those of `others` by their place: `at3=9`."""
    values = [others.get(f"at{place}", value) for place in range(MANY)]
    runs.sync(export(folder, [policy(one, f"Policy {one[:8]}", at) for one, at in zip(IDS, values, strict=True)]))


def register(runs: Runs, **wanted: Any) -> dict[str, Any]:
    return findings_document(runs.store.app, runs.scope, wanted=FindingFilter(**wanted))


def open_ids(runs: Runs) -> set[str]:
    """The open findings, which document, report and gate must agree about."""
    document = register(runs)
    found = {one["id"] for one in document["findings"]}
    rows = csv.DictReader(io.StringIO(csv_report(document).removeprefix("\ufeff")))
    assert {row["finding"] for row in rows} == found
    assert {one["id"] for one in worst_open(document, "info")} == found
    assert document["total"] == len(found) == sum(one["count"] for one in document["counts"])
    return found


def test_what_is_open_stays_so_through_syncs_without_a_change(runs: Runs, tmp_path: Path) -> None:
    first = open_ids(runs)
    assert len(first) == MANY
    seen = {one["id"]: one["last_seen_at"] for one in register(runs)["findings"]}
    for number in range(5):
        synced(runs, tmp_path / f"again{number}", 2)
        runs.drift()
        assert runs.found()["findings"] == []
        assert open_ids(runs) == first
    shown = register(runs)["findings"]
    assert all(one["last_seen_at"] > seen[one["id"]] and one["first_seen_at"] < one["last_seen_at"] for one in shown)
    assert all((one["changes"][0]["before"], one["changes"][0]["after"]) == (1, 2) for one in shown)
    accepted = next(one["id"] for one in shown if one["policy_id"] == IDS[3])
    accept(runs.store.app, runs.scope, accepted, owner="kim@acme.example", reason="tuned")
    assert open_ids(runs) == first - {accepted}
    synced(runs, tmp_path / "moved", 2, at3=9)
    runs.drift()
    assert open_ids(runs) == first
    synced(runs, tmp_path / "undone", 1)
    runs.drift()
    # Nothing of the drift is left, of what was accepted meanwhile neither.
    assert open_ids(runs) == set()
    assert register(runs, state="resolved")["total"] == MANY


def test_a_small_step_after_a_great_one_hides_nothing_of_it(runs: Runs, tmp_path: Path) -> None:
    before = register(runs, policy_id=IDS[0])["findings"][0]
    others = [policy(one, f"Policy {one[:8]}", 2) for one in IDS[1:]]
    runs.sync(export(tmp_path / "renamed", [policy(IDS[0], "Renamed", 2), *others]))
    step = runs.drift()
    (of_run,) = findings_document(runs.store.app, runs.scope, run_id=str(step))["findings"]
    assert [(one["facet"], one["after"]) for one in of_run["changes"]] == [("property", "Renamed")]
    (now,) = register(runs, policy_id=IDS[0])["findings"]
    assert (now["severity"], now["policy_name"], now["run_id"]) == (before["severity"], "Renamed", str(step))
    settings = [one for one in now["changes"] if one["facet"] == "setting"]
    assert [(one["before"], one["after"]) for one in settings] == [(1, 2)] and len(now["changes"]) == 2
    runs.drift()
    assert register(runs, policy_id=IDS[0])["findings"][0]["changes"] == now["changes"]
    runs.sync(export(tmp_path / "back", [policy(IDS[0], f"Policy {IDS[0][:8]}", 1), *others]))
    runs.drift()
    assert register(runs, policy_id=IDS[0])["findings"] == []


def test_filters_say_what_they_are_asked(runs: Runs) -> None:
    one, two, three = (register(runs)["findings"][place]["id"] for place in range(3))
    acknowledge(runs.store.app, runs.scope, one)
    accept(runs.store.app, runs.scope, two, owner="kim@acme.example", reason="for 50% of_all")
    soon = datetime.now(UTC) + timedelta(days=29)
    accept(runs.store.app, runs.scope, three, owner="lee@acme.example", reason="until the summer", until=soon)

    def found(**wanted: str) -> set[str]:
        return {finding["id"] for finding in register(runs, **wanted)["findings"]}

    assert len(found()) == MANY - 2 and one in found() and two not in found()
    assert found(state="acknowledged") == {one}
    assert len(found(state="open")) == MANY - 3
    assert found(state="accepted") == {two, three}
    assert found(state="expiring") == {three}
    assert len(found(state="all")) == MANY
    assert found(state="accepted", owner="KIM@") == {two}
    assert found(state="all", text="50% OF_") == {two} and not found(state="all", text="50_ of")
    assert len(found(policy_id=IDS[5])) == len(found(text=IDS[5])) == 1
    assert found(policy_type="compliance") == set() and len(found(policy_type="settings_catalog")) == MANY - 2
    assert found(severity="critical") == set() and len(found(severity="high")) == MANY - 2
    assert found(scope_key="other") == set()
    with pytest.raises(BadInputError, match="A state is one of"):
        FindingFilter.checked({"state": "shut"})


def test_a_search_has_pages_as_the_whole_list_has(runs: Runs) -> None:
    add_ignore(runs.store.app, runs.scope, IgnoreRule(policy_name="Policy 0000000[0-1]"), "built by a script")

    def pages(**wanted: str) -> list[str]:
        asked = [
            findings_document(runs.store.hub, runs.scope, wanted=FindingFilter(**wanted), offset=offset, limit=4)
            for offset in range(0, MANY, 4)
        ]
        assert {one["total"] for one in asked} == {MANY - 2}
        return [finding["id"] for one in asked for finding in one["findings"]]

    assert pages(text="policy") == pages() and len(set(pages())) == MANY - 2
    assert pages(text="policy", severity="high", policy_type="settings_catalog") == pages()


def test_rules_hide_in_the_register_whichever_way_it_is_asked(runs: Runs, tmp_path: Path) -> None:
    rule = IgnoreRule(policy_name="Policy 0000000[0-4]")
    added = add_ignore(runs.store.app, runs.scope, rule, "built by a script")["rule"]["id"]
    hidden = register(runs)
    assert (hidden["total"], hidden["ignored"], len(hidden["findings"])) == (MANY - 5, 5, MANY - 5)
    page = findings_document(runs.store.app, runs.scope, offset=10, limit=10)
    assert (len(page["findings"]), page["total"], page["not_listed"]) == (2, MANY - 5, 0)
    everything = findings_document(runs.store.app, runs.scope, include_ignored=True)
    assert (everything["total"], everything["ignored"]) == (MANY, 0)
    synced(runs, tmp_path / "c", 3)
    runs.drift()
    assert (register(runs)["total"], register(runs)["ignored"]) == (MANY - 5, 5)
    with runs.store.worker.transaction(runs.scope) as connection:
        # As a worker of the release before leaves it: it knows nothing of what rules hide.
        from sqlalchemy import text

        connection.execute(text("UPDATE drift_findings SET hidden_run_id = NULL, hidden_changes = 0"))
    assert (register(runs)["total"], register(runs)["ignored"]) == (MANY - 5, 5)
    remove_rule(runs.store.app, runs.scope, added)
    assert len(open_ids(runs)) == MANY


def test_nothing_open_and_nothing_compared_are_two_sentences(store: Store, tmp_path: Path) -> None:
    runs = Runs(store, store.tenant())
    synced(runs, tmp_path / "a", 1)
    assert why_empty(register(runs)).startswith("Nothing has been compared yet")
    synced(runs, tmp_path / "b", 1)
    runs.drift()
    assert why_empty(register(runs)) == "Nothing is open."
    assert why_empty(register(runs), filtered=True) == "No finding matches these filters."


def test_another_tenant_is_told_nothing_of_it(runs: Runs) -> None:
    pin_baseline(runs.store.app, runs.scope)
    ids = [one["id"] for one in register(runs, state="all")["findings"]]
    other, hub = runs.store.tenant("globex"), runs.store.hub
    for wanted in (FindingFilter(state="all"), FindingFilter(policy_id=IDS[0]), FindingFilter(text="policy")):
        told = findings_document(hub, other, wanted=wanted)
        assert (told["findings"], told["total"], told["counts"], told["comparisons"]) == ([], 0, [], [])
    assert histories(hub, other, ids) == {} and pinned_baselines(hub, other) == {}
    assert newest_comparisons(hub, other) == []
    with hub.transaction(other) as connection:
        assert open_by_scope(connection, other) == {} and not_started(connection, other) == {}
    with hub.transaction(runs.scope) as connection:
        assert open_by_scope(connection, runs.scope) == {"default": {"high": MANY}}


def test_what_is_undone_is_resolved_whatever_it_was(store: Store) -> None:
    """The samples: a policy made again, one that came, one that went, a property that came everywhere, and changes."""
    runs = Runs(store, store.tenant())
    before, after = (folder for folder in sorted(SAMPLES.iterdir()) if folder.is_dir())
    for folder in (before, after):
        runs.sync(folder)
    runs.drift()
    assert len(open_ids(runs)) == MANY
    runs.sync(before)
    runs.drift()
    assert open_ids(runs) == set()
    assert {one["status"] for one in register(runs, state="all")["findings"]} == {"resolved"}
    runs.sync(after)
    runs.drift()
    assert len(open_ids(runs)) == MANY
