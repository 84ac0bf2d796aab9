"""What the list says about a run beside its figures: what it was about, why it failed, what is usual. Asked of the server."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any
from uuid import UUID

from monitoring_app.operations.detail_view import SINCE_GOOD, against
from runstore.reasons import CRASHED, TIMED_OUT, Catalogue
from runstore.runs.insights import Against, Kin, RunAt, RunInsights
from runstore.runs.operation import OperationType
from runstore.runs.status import RunStatus, StatusBucket
from tests.support.nodes import text_of
from tests.support.runs import ORIGIN, RunSpec, add_runs

SYNC = OperationType("inventory", "sync")
FAILED = RunStatus.FAILED


def test_a_row_says_what_a_run_was_about_and_why_it_failed(store: Any) -> None:
    scope = store.tenant()
    late = [TIMED_OUT.failure(f"item {n}", seconds=1) for n in range(3)]
    whole = RunSpec(
        status=FAILED, failures=[*late, CRASHED.failure()], context={"scope": "ios", "full": True, "x": "y"}
    )
    items = RunSpec(status=RunStatus.COMPLETED_WITH_ERRORS, succeeded=1, failures=late, context={"scope": "w" * 900})
    good = RunSpec(context={"source": None})
    # Read for a list, a run's hundred thousand failures would take longer than the list.
    many = [TIMED_OUT.failure(f"{hash(n)}-{n * 7919}", seconds=n) for n in range(100_000)]
    large = RunSpec(status=FAILED, failures=many)
    ids = add_runs(store.worker, scope, [whole, items, good, large])
    foreign = add_runs(store.worker, store.tenant("globex"), [RunSpec(context={"scope": "secret"})])
    notes = RunInsights(store.hub, scope).notes([*ids, *foreign], ["full", "scope", "source"])
    assert notes.keys() == set(ids)
    assert dict(notes[whole.id].about) == {"scope": "ios", "full": "true"}
    assert notes[whole.id].reason_code == "crashed", "the run's own reason comes before its items'"
    assert notes[items.id].reason_code == "timed_out"
    assert dict(notes[items.id].about) == {"scope": "w" * 200}
    assert notes[good.id].about == () and notes[good.id].reason_code is None
    assert notes[large.id].reason_code is None


def test_what_is_usual_is_the_median_of_the_latest_good_runs(store: Any) -> None:
    scope = store.tenant()
    lasted = (10, 20, 600)
    specs = [RunSpec(lasted=timedelta(seconds=seconds)) for seconds in lasted]
    specs += [RunSpec(type="drift.generate"), RunSpec(type="drift.generate"), RunSpec(status=FAILED)]
    add_runs(store.worker, scope, specs)
    insights = RunInsights(store.hub, scope)
    both = [SYNC, OperationType("drift", "generate")]
    assert insights.usual_durations(both) == {SYNC: timedelta(seconds=20)}
    assert insights.usual_durations(both, besides=specs[0].id) == {}
    assert insights.usual_durations([]) == {}


def test_the_runs_around_one_are_those_of_its_operation_and_scope(store: Any) -> None:
    chance, scope = random.Random(3), store.tenant()
    ends = (RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.RUNNING)

    def one(minute: int) -> RunSpec:
        kind = {"type": chance.choice(("inventory.sync", "drift.generate")), "status": chance.choice(ends)}
        context = chance.choice(({"scope": "ios"}, {"scope": "windows"}, {}))
        return RunSpec(**kind, context=context, created_at=ORIGIN + timedelta(minutes=minute))  # type: ignore[arg-type]

    specs = [one(minute) for minute in range(60)]
    add_runs(store.worker, scope, specs)
    insights = RunInsights(store.hub, scope)
    for place, spec in enumerate(specs):
        alike = [other for other in specs if (other.type, other.context) == (spec.type, spec.context)]
        before = [other for other in alike if specs.index(other) < place]
        after = [other for other in alike if specs.index(other) > place]
        good = [other for other in before if other.status is RunStatus.COMPLETED]
        kin = insights.kin(spec.id)
        for found, wanted in (
            (kin.previous, before[-1:]),
            (kin.next, after[:1]),
            (kin.last_good, good[-1:]),
        ):
            told = [] if found is None else [(found.id, found.created_at)]
            assert told == [(one.id, one.created_at) for one in wanted]
    assert RunInsights(store.hub, store.tenant("globex")).kin(specs[5].id) == Kin(None, None, None)


def test_a_run_beside_the_one_before_says_which_failures_are_new_the_same_and_gone(store: Any) -> None:
    scope = store.tenant()

    def failing(*items: str, minutes: int = 1) -> RunSpec:
        return RunSpec(
            status=FAILED,
            failures=[TIMED_OUT.failure(item, seconds=1) for item in items],
            lasted=timedelta(minutes=minutes),
            context={"version": f"1.{minutes}"},
        )

    before, after, good = failing("a", "b", "c"), failing("b", "c", "c", "d", "e", minutes=3), RunSpec()
    chance = random.Random(5)
    # Long, and nothing that could be a secret.
    huge = failing(*("/".join(str(UUID(int=chance.getrandbits(128))) for _ in range(4)) for _ in range(3000)))
    add_runs(store.worker, scope, [before, after, good, huge])
    insights = RunInsights(store.hub, scope)
    found = insights.against(after.id, before.id)
    assert found == Against(2, 2, 1, timedelta(minutes=3), timedelta(minutes=1), "1.3", "1.1", [])
    shown = text_of(against(found, RunAt(before.id, StatusBucket.FAILED, ORIGIN), Catalogue.core()) or "")
    assert (
        "2 failed that did not then, 2 failed then as well, 1 that failed then did not, 3\u00a0min instead of 1\u00a0min, "
        "version 1.3 of the software instead of 1.1." in shown
    )
    since = insights.against(after.id, good.id)
    assert since is not None and (since.new, since.reasons) == (4, [TIMED_OUT.code])
    told = text_of(against(since, RunAt(good.id, StatusBucket.SUCCEEDED, ORIGIN), Catalogue.core(), SINCE_GOOD) or "")
    assert told.startswith("Since it last worked") and TIMED_OUT.meaning.rstrip(".") in told and "version" not in told
    changed = "kim@contoso.example changed Laptops (p-1)"
    told = against(since, RunAt(good.id, StatusBucket.SUCCEEDED, ORIGIN), Catalogue.core(), "", [changed])
    assert text_of(told or "").endswith(f", {changed}.")
    calm = insights.against(good.id, before.id)
    assert calm is not None and (calm.new, calm.same, calm.gone) == (0, 0, 3)
    many = insights.against(after.id, huge.id)
    assert many is not None and many.new is None
    assert "too many failures" in text_of(
        against(many, RunAt(huge.id, StatusBucket.FAILED, ORIGIN), Catalogue.core()) or ""
    )
    assert RunInsights(store.hub, store.tenant("globex")).against(after.id, before.id) is None
