"""The list as nodes: status tiles, history, active filters, rows, pages. Pure: values in, tree out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from monitoring_app import texts
from monitoring_app.operations.address import LOOKS, ROW_CHOICES, ListAddress
from monitoring_app.presentation.figures import between, capped, duration, plural
from monitoring_app.presentation.nodes import Node, h, icon, link, moment, page_href
from monitoring_app.presentation.parts import empty_state, pager, row, table
from monitoring_app.presentation.status import BUCKETS, count_bar, status_badge
from runstore.ids import uuid_or_none
from runstore.reasons import Catalogue
from runstore.runs.filters import Cursor
from runstore.runs.insights import HISTORY_FROM, History, RunNote
from runstore.runs.operation import OperationType
from runstore.runs.reader import COUNT_CAP, RunPage
from runstore.runs.run import Run
from runstore.runs.status import StatusBucket
from runstore.tenancy import Trigger

TRIGGERS = {
    Trigger.USER: "by hand",
    Trigger.SCHEDULE: "schedule",
    Trigger.PREFECT: "Prefect",
}
_ABOUT = ("scope",)
_WIDEST = 48
_FROM_BELOW = (*list(StatusBucket)[2:], StatusBucket.RUNNING, StatusBucket.QUEUED)


@lru_cache(maxsize=4096)
def list_href(slug: str, address: ListAddress) -> str:
    """The address of a view of the list."""
    return page_href("operations", slug, address.to_params())


def bucket_tiles(
    slug: str, address: ListAddress, counts: Mapping[StatusBucket, int], waiting: Mapping[StatusBucket, int]
) -> Node:
    """How many runs each status holds under the other filters; each tile is the link that adds it to the filter, or drops it.

    `waiting` counts those that need attention, by status: the tile counts those that the list would show.
    """
    everything = sum(counts.values())
    capped_one = any(count > COUNT_CAP for count in counts.values())
    total = capped(COUNT_CAP + 1, COUNT_CAP) if capped_one else capped(everything, COUNT_CAP * len(counts))
    tiles = [_tile(list_href(slug, address.changed(buckets=frozenset())), "All", None, total, not address.buckets)]
    for bucket, shown in BUCKETS.items():
        wanted = address.changed(buckets=address.buckets ^ {bucket})
        figure = capped(counts[bucket], COUNT_CAP)
        tiles.append(
            _tile(list_href(slug, wanted), shown.label, (shown.icon, shown.tone), figure, bucket in address.buckets)
        )
    some = sum(count for bucket, count in waiting.items() if not address.buckets or bucket in address.buckets)
    way = list_href(slug, address.changed(needs_attention=not address.needs_attention))
    look_ = ("warning", "orange" if some else "gray")
    figure = capped(some, COUNT_CAP * len(counts))
    tiles.append(_tile(way, "Needs attention", look_, figure, address.needs_attention, texts.ATTENTION_NOTE))
    return h("nav", {"class": "tiles", "aria-label": "Runs by status"}, tiles)


def _tile(
    href: str, name: str, look_: tuple[str, str] | None, figure: str, is_current: bool, note: str | None = None
) -> Node:
    symbol = [icon(look_[0], "icon still")] if look_ else []
    tone = f" tone-{look_[1]}" if look_ else ""
    return link(
        href,
        [h("span", {"class": f"name{tone}"}, symbol, name), h("span", {"class": "figure"}, figure)],
        class_="tile",
        title=note,
        aria_current="true" if is_current else None,
    )


def history_chart(slug: str, address: ListAddress, history: History, days: Sequence[date], zone: ZoneInfo) -> Node:
    """Runs created per day under the filters, by status, oldest left; each day links to its runs and says its numbers."""
    most = max((sum(buckets.values()) for buckets in history.days.values()), default=0) or 1
    bars = [_day(slug, address, day, tuple(history.days[day].items()), most, zone) for day in days]
    label = f"Runs created per day, last {len(days)} days"
    note = "" if history.complete else f" The newest {HISTORY_FROM:,} runs are counted."
    foot = h(
        "div",
        {"class": "chart-foot"},
        h("span", None, f"{days[0]:%d %b}"),
        h("span", None, label + note),
        h("span", None, f"{days[-1]:%d %b}"),
    )
    return h("div", {"class": "chart-frame late"}, h("nav", {"class": "chart", "aria-label": label}, bars), foot)


@lru_cache(maxsize=1024)
def _day(
    slug: str, address: ListAddress, day: date, counts: Sequence[tuple[StatusBucket, int]], most: int, zone: ZoneInfo
) -> Node:
    buckets = dict(counts)
    begin, end = (datetime.combine(one, time.min, zone).astimezone(UTC) for one in (day, day + timedelta(days=1)))
    parts: list[Node] = []
    words: list[str] = []
    for bucket in _FROM_BELOW:
        if runs := buckets.get(bucket, 0):
            share = f"{max(100 * runs / most, 3):.1f}%"
            parts.append(h("span", {"class": f"part tone-{BUCKETS[bucket].tone}", "vars": {"h": share}}))
            words.append(f"{runs:,} {BUCKETS[bucket].label.lower()}")
    said = f"{day:%a %d %b}: {', '.join(words) if words else plural(0, 'run')}"
    is_current = address.created == (begin, end)
    href = list_href(slug, address.changed(created=None if is_current else (begin, end)))
    return link(href, parts, class_="day", title=said, aria_label=said, aria_current="true" if is_current else None)


def active_filters(slug: str, address: ListAddress, zone: ZoneInfo) -> Node | None:
    """Each filter with a way to drop it alone, and one to drop all; None when there is none. Times in the viewer's zone."""
    chips: list[Node] = []
    for name, value, without in address.filters(zone):
        words = h("span", None, f"{name}: {value}")
        label = f"Remove filter {name}"
        chips.append(
            link(list_href(slug, without), [words, icon("close")], class_="chip", aria_label=label, title=label)
        )
    if not chips:
        return None
    return h("div", {"class": "row"}, chips, link(list_href(slug, address.cleared()), texts.CLEAR_ALL, class_="small"))


def newer_pill(slug: str, address: ListAddress, count: int, cap: int) -> Node | None:
    """That runs have come in above the first row, and the link that shows them; the rows do not move by themselves."""
    if count == 0:
        return None
    words = f"{capped(count, cap - 1)} newer {'run' if count == 1 else 'runs'} – show"
    way = link(list_href(slug, address.changed()), [icon("up"), words], class_="button")
    return h("div", {"class": "row"}, way)


@dataclass(frozen=True, slots=True)
class Told:
    """What the rows of a page say beside the runs themselves; `about` is that of HubSettings."""

    catalogue: Catalogue
    about: Mapping[str, Sequence[str]]
    notes: Mapping[UUID, RunNote]
    usual: Mapping[OperationType, timedelta]

    def of(self, run: Run) -> tuple[str, str]:
        """What a run was about, and why it failed, each in words or empty."""
        note = self.notes.get(run.id)
        if note is None:
            return "", ""
        values = dict(note.about)
        said = [_short(values[key]) for key in self.about.get(str(run.type), _ABOUT) if values.get(key)]
        return " · ".join(said), why(run.bucket, note, self.catalogue)


def why(bucket: StatusBucket, note: RunNote | None, catalogue: Catalogue) -> str:
    """Why a run failed, or failed in part, in words; empty where it did not."""
    if bucket not in (StatusBucket.FAILED, StatusBucket.PARTIAL):
        return ""
    if note is None or note.reason_code is None:
        return texts.REASON_ON_PAGE
    reason = catalogue.get(note.reason_code)
    return reason.meaning if reason is not None else note.reason_code


def told_keys(about: Mapping[str, Sequence[str]]) -> Sequence[str]:
    """Every key of a context that a row may show."""
    return sorted({*_ABOUT, *(key for keys in about.values() for key in keys)})


def _short(value: str) -> str:
    if uuid_or_none(value) is not None:
        return value[:8]
    return value if len(value) <= _WIDEST else f"{value[: _WIDEST // 2]}…{value[-_WIDEST // 2 :]}"


def runs_table(slug: str, runs: Sequence[Run], told: Told, order: Node = "Duration") -> Node:
    """The rows of a page; `order` heads the column of durations."""
    way = page_href("run", slug)
    rows = [_row(way, run, *told.of(run), told.usual.get(run.type)) for run in runs]
    return table("Runs", _COLUMNS, rows, {"Duration": order})


_COLUMNS: Final = {
    texts.COLUMN_STATUS: "bare top",
    texts.COLUMN_OPERATION: "wide",
    "Items": "bare",
    "Started by": "bare bottom",
    "Created": "bare top end",
    "Duration": "bare number end",
}
"""Three runs have to fit on a narrow screen: nothing has a label there, for each value tells what it is."""


@lru_cache(maxsize=2048)
def _row(way: str, run: Run, about: str, reason: str, usual: timedelta | None) -> Node:
    run_id = str(run.id)
    lost: Node | None = None
    if run.contact_lost_at is not None:
        lost = h("div", {"class": "small toned tone-orange"}, texts.CONTACT_LOST, " ", moment(run.contact_lost_at))
    attempt = h("span", {"class": "muted small"}, texts.ATTEMPT.format(number=run.attempt).lower())
    named = h(
        "div",
        {"class": "named"},
        link(f"{way}&id={run_id}", run.type.label, class_="op whole"),
        h("span", {"class": "mono muted"}, run_id[:8]),
        attempt if run.attempt > 1 else None,
    )
    why = h("div", {"class": f"small toned tone-{BUCKETS[run.bucket].tone} why"}, reason) if reason else None
    is_by_hand = run.trigger is Trigger.USER or run.initiated_by.casefold() == TRIGGERS[run.trigger].casefold()
    trigger = None if is_by_hand else h("div", {"class": "muted small"}, TRIGGERS[run.trigger])
    return row(
        _COLUMNS,
        run_id,
        (status_badge(run.bucket, run.status), lost),
        (named, h("div", {"class": "small muted break"}, about) if about else None, why),
        count_bar(run.counts),
        (h("div", {"class": "cut", "title": run.initiated_by}, run.initiated_by), trigger),
        moment(run.created_at),
        (lasted(run) or "–", _against(run, usual)),
    )


def _against(run: Run, usual: timedelta | None) -> Node | None:
    """The usual duration, where a run is far from it or still going on."""
    if usual is None or run.started_at is None:
        return None
    if run.finished_at is not None and usual / 1.5 <= run.finished_at - run.started_at <= usual * 1.5:
        return None
    return h("div", {"class": "muted small"}, texts.FACT_USUAL.format(duration=duration(usual.total_seconds())))


def lasted(run: Run) -> Node | None:
    """How long a run took, or has been going on; None before it started."""
    if run.started_at is None:
        return None
    return between(run.started_at, run.finished_at) or moment(run.started_at, "elapsed")


def list_body(slug: str, address: ListAddress, page: RunPage, runs: Sequence[Run], told: Told) -> Node:
    """The rows with their pages, or why there are none; `runs` are the page's as they are now, or the first of them."""
    if not runs:
        way = (list_href(slug, address.cleared()), texts.CLEAR_ALL)
        if address.needs_attention and address.changed(needs_attention=False) == address.cleared():
            return empty_state("Nothing needs attention", texts.ATTENTION_NONE, way=way)
        if address.to_params().keys() - LOOKS:
            return empty_state("No run matches these filters", texts.NO_MATCH, way=way)
        return empty_state("Nothing has run yet", "As soon as an operation starts, it appears here by itself.")

    def to(cursor: Cursor | None) -> str | None:
        return list_href(slug, replace(address, cursor=cursor)) if cursor is not None else None

    newest = list_href(slug, address.changed()) if address.cursor is not None else None
    steps = pager(to(page.newer), to(page.older), newest, plural(len(page.runs), "run"))
    sizes = [
        h("strong", None, str(choice))
        if choice == address.rows
        else link(list_href(slug, address.changed(rows=choice)), str(choice))
        for choice in ROW_CHOICES
    ]
    rows = h("div", {"class": "row small"}, h("span", {"class": "muted"}, "Rows"), sizes)
    turned = list_href(slug, address.changed(longest=not address.longest))
    words, title = ("Duration ▾", "Newest first") if address.longest else ("Duration", "Longest first")
    order = link(turned, words, title=title)
    return h(
        "div", {"class": "stack"}, runs_table(slug, runs, told, order), h("div", {"class": "row between"}, rows, steps)
    )
