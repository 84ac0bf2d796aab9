"""Data is text: no name can become markup, a link or a formula."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring_app import presentation, texts
from monitoring_app.operations.list_view import runs_table
from monitoring_app.presentation.figures import capped, duration
from monitoring_app.presentation.nodes import h, page_href
from monitoring_app.presentation.status import BUCKETS
from monitoring_app.web.plain_pages import demo_picker
from runstore.fence.text_safety import formula_safe
from runstore.runs.status import StatusBucket
from tests.support.nodes import text_of

FOLDER = Path(presentation.__file__).parent


@given(st.text(max_size=60))
def test_a_text_stays_one_text(text: str) -> None:
    assert h("td", {"class": "x"}, text)[2:] == [text]
    assert text_of(h("td", None, h("span", None, text), "!")) == f"{text}!"


@given(st.text(max_size=40), st.text(max_size=40))
def test_a_stored_link_leads_to_a_page_of_the_hub_and_to_its_own_tenant(page: str, value: str) -> None:
    href = page_href(page, "acme", {"tenant": "other", "id": value})
    assert re.match(r"/[a-z][a-z0-9-]*\?tenant=acme(&|$)", href)
    assert "tenant=other" not in href


@given(st.text(max_size=60))
def test_no_cell_of_a_download_is_a_formula(text: str) -> None:
    assert not formula_safe(text).startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


def test_every_bucket_has_a_word_an_icon_and_a_tone() -> None:
    assert set(BUCKETS) == set(StatusBucket)
    assert len({look.label for look in BUCKETS.values()}) == len({look.icon for look in BUCKETS.values()}) == 5


def test_the_browser_knows_every_element_and_makes_no_markup_of_a_text() -> None:
    script = (FOLDER / "view.js").read_text()
    quoted = re.search(r"const TAGS = new Set\(\((.*?)\)\.split", script, re.DOTALL)
    assert quoted
    known = set("".join(re.findall(r'"([^"]*)"', quoted[1])).split())
    pages = [*FOLDER.parent.rglob("*.py"), *(FOLDER.parents[1] / "flows").rglob("*page.py")]
    made = {tag for page in pages for tag in re.findall(r'\bh\(\s*"(\w+)"', page.read_text())}
    assert {"tr", "details", "button"} <= made <= known
    assert "innerHTML" not in script and "insertAdjacentHTML" not in script and "eval(" not in script


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0.0 s"), (59.6, "1 min"), (125, "2 min 5 s"), (7260, "2 h 1 min"), (-4, "0.0 s")]
)
def test_durations_read_well(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


def test_capped_counts_say_that_they_are() -> None:
    assert (capped(1000, 1000), capped(1001, 1000)) == ("1,000", "1,000+")


def test_pages_outside_of_the_app_escape_what_they_show() -> None:
    body = bytes(demo_picker([("1", "<script>x</script>", '"><b>')], '/"><i>').body).decode()
    assert "<script>x" not in body and "<b>" not in body and "<i>" not in body


def test_texts_are_texts() -> None:
    assert all(isinstance(value, str | dict) for name, value in vars(texts).items() if name.isupper())
    assert runs_table("acme", [], {})[0] == "div"
