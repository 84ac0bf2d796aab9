"""Which schedule is which: by the work it does, not by what a release takes by itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from pydantic import Field

from deployments.orchestration.schedules.identity import Known, checked_name, essence, name_of, slug
from deployments.orchestration.schedules.timetable import Row
from flows.producer import FlowParameters, Operation
from runstore.errors import BadInputError
from runstore.runs.operation import OperationType


class Parameters(FlowParameters):
    """Of one release."""

    source: str
    scope: str = "default"
    full: bool = False


class NextRelease(Parameters):
    """Of the next one."""

    depth: int = 3
    kinds: list[str] = Field(default_factory=list)


NOW = Operation(OperationType("a", "b"), "flows.a:b", Parameters, "")
LATER = replace(NOW, parameters=NextRelease)


def row(tenant: str, kept: str | None, **parameters: Any) -> Row:
    return Row(uuid4(), kept, True, {"cron": "0 6 * * *", "timezone": "UTC"}, {"tenant": tenant, **parameters})


def test_what_an_operation_takes_by_itself_makes_no_other_work() -> None:
    told = essence(NOW, {"source": "graph"})
    assert told == essence(NOW, {"source": "graph", "scope": "default", "full": "false"}) == '{"source": "graph"}'
    assert told != essence(NOW, {"source": "graph", "full": True})
    assert told == essence(LATER, {"source": "graph"}) == essence(LATER, {"source": "graph", "depth": 3, "kinds": []})
    assert told != essence(LATER, {"source": "graph", "depth": 4})
    assert essence(NOW, {"source": "graph", "depth": 3}) is None


def test_a_schedule_is_found_by_its_work_whatever_release_it_is_of() -> None:
    work = str(essence(LATER, {"source": "graph"}))
    of_before = row("acme", "acme-0123456789", source="graph", scope="default", full=False)
    named = row("acme", "acme-0123456789-weekends", source="graph")
    known = Known(LATER, [of_before, named, row("acme", None, source="folder:x")])
    assert known.find("acme", work, None) == of_before
    assert known.find("acme", work, "weekends") == named
    assert known.find("acme", work, "weekdays") is None
    assert known.find("other", work, None) is None
    assert (name_of(of_before), name_of(named)) == (None, "weekends")


@pytest.mark.parametrize("kept", [None, "nightly", "other-0123456789", "acme-012345678x"])
def test_what_others_made_in_prefects_ui_is_not_taken_for_ours(kept: str | None) -> None:
    work = str(essence(NOW, {"source": "graph"}))
    assert Known(NOW, [row("acme", kept, source="graph")]).find("acme", work, None) is None


def test_ours_is_found_even_when_someone_edited_its_parameters() -> None:
    work = str(essence(NOW, {"source": "graph"}))
    edited = row("acme", slug("acme", work, None), source="folder:elsewhere")
    assert Known(NOW, [edited]).find("acme", work, None) == edited


@pytest.mark.parametrize("name", ["", "Weekends", "-a", "a" * 31, "a b", "a/b", "ä"])
def test_a_name_is_short_and_plain(name: str) -> None:
    with pytest.raises(BadInputError, match="no schedule's name"):
        checked_name(name)
    assert (checked_name("weekends-9"), checked_name(None)) == ("weekends-9", None)
