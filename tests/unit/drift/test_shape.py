"""What differs in a change is in view in every rendering: page, table, report and line, however long or alike the values are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from flows.drift.commands import findings_table
from flows.drift.finding_page import change as on_page
from flows.drift.finding_page import entry
from flows.drift.reports.report import html_report
from flows.drift.reports.shape import apart, in_line, shape
from flows.drift.reports.summary import change_words, told
from monitoring_app.presentation.nodes import Node
from tests.support.nodes import text_of

LONG = "x" * 2_900


def change(before: Any, after: Any, **more: Any) -> dict[str, Any]:
    about = {"facet": "property", "setting": "s", "path": "s", "change": "changed", "severity": "high"}
    return {**about, "before": before, "after": after, **more}


def finding(*changes: Mapping[str, Any], number: int = 1, **more: Any) -> dict[str, Any]:
    about = {
        "id": f"f{number}",
        "run_id": "r",
        "policy_id": f"p{number}",
        "policy_name": f"P{number}",
        "policy_type": "t",
    }
    at = "2026-11-02T10:00:00+00:00"
    life = {"status": "open", "scope": "default", "since": at, "first_seen_at": at, "last_seen_at": at}
    return {**about, **life, "kind": "policy_modified", "severity": "high", "changes": list(changes), **more}


@some.composite
def texts(draw: some.DrawFn) -> str:
    odd = some.sampled_from([" ", "\u00a0", "\u200b", "e\u0301", "é", "\t", "…"])
    middle = draw(some.text(max_size=5) | odd)
    return f"{draw(some.sampled_from(['', 'a' * 500, LONG]))}{middle}{draw(some.sampled_from(['', 'b' * 500, LONG]))}"


@given(texts(), texts(), some.integers(12, 1_000))
def test_two_texts_that_differ_are_never_cut_to_the_same(before: str, after: str, limit: int) -> None:
    old, new = apart(before, after, limit)
    if before == after:
        assert old == new
        return
    assert old.split() != new.split()
    assert max(len(old), len(new)) <= 6 * limit
    begin, own, end = shape(change(before, after), limit).parts()[0]
    assert begin + own + end == shape(change(before, after), limit).before


def sides(node: Node) -> list[str]:
    """What stands under Before and After, or the lines of a diff."""
    if isinstance(node, str):
        return []
    found = [text_of(node)] if node[0] == "pre" else []
    return found + [text for child in node[2:] for text in sides(child)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (LONG + "old" + LONG, LONG + "new" + LONG),
        (LONG, LONG + "!"),
        ({"a": LONG, "b": 1}, {"a": LONG, "b": 2}),
        ("Block all", "Block\u00a0all"),
        ("admin", "аdmin"),
        ("a\r\nb", "a\nb"),
    ],
)
def test_no_rendering_shows_two_values_alike(before: Any, after: Any) -> None:
    one = change(before, after)
    old, new = sides(on_page(one))
    assert old != new and max(len(old), len(new)) < 3_000
    for limit in (40, 60, 300):
        left, right = in_line(one, limit).split(" → ")
        assert left != right
    page = html_report({"findings": [finding(one)], "withheld": []}, "acme")
    left, right = page.split("<td><pre>")[1:]
    assert left.split("</pre>")[0] != right.split("</pre>")[0]


def test_what_looks_alike_is_written_out() -> None:
    assert in_line(change("Block all", "Block\u00a0all"), 60) == "Block␣all → Block\\u00a0all"
    assert in_line(change("Block all", "Block some"), 60) == "Block all → Block some"


def test_a_list_is_told_by_its_members() -> None:
    one = change([], [], members_added=["One", {"id": 2}], members_removed=["Two"])
    assert in_line(one, 60) == 'added One, {"id":2}; removed Two'
    assert text_of(on_page(one)).count("One") == 1
    many = change([], [], members_added=[str(number) for number in range(500)], members_removed=[])
    assert in_line(many, 10).endswith("and 400 more") and "and 400 more" in text_of(on_page(many))


def test_a_script_is_told_by_its_lines() -> None:
    diff = f"--- before\n+++ after\n@@ -1,2 +1,3 @@\n same\n-{LONG}old\n+{LONG}new\n+more"
    one = change("…", "…", diff=diff)
    lines = shape(one, 100).diff
    assert [line[0] for line in lines] == ["@", " ", "-", "+", "+"]
    assert lines[2].endswith("old") and lines[3].endswith("new") and len(lines[2]) <= 101
    assert in_line(one, 40).startswith("-1 +2 lines: …") and "old → …" in in_line(one, 40)


def test_moved_re_created_and_platform_changes_say_what_they_are() -> None:
    moved = finding(change(None, 1, moved_from={"policy_id": "x", "policy_name": "Old home"}))
    assert "Moved from Old home." in text_of(entry("acme", told([moved])[0]))
    again = finding(kind="policy_recreated", previous_policy_id="before-1")
    assert "its id was before-1 before" in text_of(entry("acme", told([again])[0]))
    values = [{"after": 1, "policies": 2}, {"after": 2, "policies": 1}]
    platform = finding(
        change(None, 1, values=values),
        kind="platform_change",
        policy_id=None,
        policy_name=None,
        policies=["a", "b", "c"],
    )
    said = text_of(entry("acme", told([platform])[0]))
    assert "In 3 policies: a, b, c" in said and "1 in 2; 2 in 1" in said


def test_the_page_shows_a_change_of_several_policies_once_with_each_of_them() -> None:
    shared = change(True, False)
    findings = [finding(dict(shared), number=number) for number in range(3)] + [finding(change(1, 2), number=9)]
    shown = [entry("acme", one) for one in told(findings)]
    assert len(shown) == 2
    said = text_of(shown[0])
    assert all(f"P{number}" in said for number in range(3)) and "3 policies" in said and said.count("true") == 2
    (row, _) = findings_table({"findings": findings}, "").rows
    assert (change_words(shared),) in row


def test_names_that_are_alike_give_way_to_the_values() -> None:
    assert in_line(change("id-1", "id-2", before_name="Kiosk", after_name="Kiosk"), 60) == "id-1 → id-2"
