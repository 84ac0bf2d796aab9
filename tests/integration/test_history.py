"""Runs per day, as the viewer's calendar has them."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from runstore.runs.insights import RunInsights
from runstore.runs.status import RunStatus, bucket_of
from tests.support.runs import RunSpec, add_runs


@pytest.mark.parametrize("last", [date(2026, 3, 31), date(2026, 10, 27)], ids=["a day of 23 hours", "of 25"])
@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/St_Johns", "UTC"])
def test_a_run_counts_on_the_day_it_was_created_where_its_viewer_is(store: Any, zone: str, last: date) -> None:
    place = ZoneInfo(zone)
    begins = [datetime.combine(last - timedelta(days=back), time.min, place) for back in range(6, -1, -1)]
    span = begins[-1].astimezone(UTC) + timedelta(days=1) - begins[0].astimezone(UTC)
    chance = random.Random(5)
    # From a day before the first one to the end of the last, around the hours; no two days with as many.
    moments = [
        begins[0].astimezone(UTC) + timedelta(hours=hour, seconds=second)
        for hour in range(-24, int(span / timedelta(hours=1)))
        for second in (0, 3599)
        if chance.random() < 0.6
    ]
    statuses = (RunStatus.COMPLETED, RunStatus.RUNNING, RunStatus.ABORTED)
    specs = [
        RunSpec(created_at=moment, status=statuses[number % len(statuses)]) for number, moment in enumerate(moments)
    ]
    scope = store.tenant()
    add_runs(store.worker, scope, specs)
    found = RunInsights(store.hub, scope).history(begins)
    expected = Counter(
        (moment.astimezone(place).date(), bucket_of(spec.status, 0, 0))
        for moment, spec in zip(moments, specs, strict=True)
        if moment >= begins[0]
    )
    counted = {(day, bucket): runs for day, buckets in found.days.items() for bucket, runs in buckets.items()}
    assert counted == expected
    assert found.complete
