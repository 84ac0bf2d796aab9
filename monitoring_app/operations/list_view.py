"""The list as nodes: status tiles, history, active filters, rows, pages. Pure: values in, tree out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from monitoring_app import texts
from monitoring_app.operations.address import ROW_CHOICES, ListAddress
from monitoring_app.presentation.figures import between, capped, plural
from monitoring_app.presentation.nodes import Node, elapsed, h, icon, link, moment, page_href
from monitoring_app.presentation.parts import cell, empty_state, notice, pager, table
from monitoring_app.presentation.status import BUCKETS, count_bar, status_badge
from runstore.runs.insights import HISTORY_FROM, History
from runstore.runs.reader import COUNT_CAP, RunPage
from runstore.runs.run import Run
from runstore.runs.status import StatusBucket
from runstore.tenancy import Trigger

TRIGGERS = {
    Trigger.USER: texts.STARTED_BY_USER,
    Trigger.SCHEDULE: texts.STARTED_BY_SCHEDULE,
    Trigger.PREFECT: texts.STARTED_BY_PREFECT,
}


def list_href(slug: str, address: ListAddress) -> str:
    """The address of a view of the list."""
    return page_href("operations", slug, address.to_params())


def bucket_tiles(slug: str, address: ListAddress, counts: Mapping[StatusBucket, int]) -> Node:
    """How many runs each status holds under the other filters; each tile is the link that adds it to the filter, or drops it."""
    everything = sum(counts.values())
    capped_one = any(count > COUNT_CAP for count in counts.values())
    total = capped(COUNT_CAP + 1, COUNT_CAP) if capped_one else capped(everything, COUNT_CAP * len(counts))
    tiles = [
        _tile(
            list_href(slug, address.changed(buckets=frozenset())), texts.ALL_BUCKETS, None, total, not address.buckets
        )
    ]
    for bucket, shown in BUCKETS.items():
        wanted = address.changed(buckets=address.buckets ^ {bucket})
        figure = capped(counts[bucket], COUNT_CAP)
        tiles.append(
            _tile(list_href(slug, wanted), shown.label, (shown.icon, shown.tone), figure, bucket in address.buckets)
        )
    return h("nav", {"class": "tiles", "aria-label": texts.BUCKETS_LABEL}, tiles)


def _tile(href: str, name: str, look_: tuple[str, str] | None, figure: str, is_current: bool) -> Node:
    symbol = [icon(look_[0], "icon still")] if look_ else []
    tone = f" tone-{look_[1]}" if look_ else ""
    return link(
        href,
        [h("span", {"class": f"name{tone}"}, symbol, name), h("span", {"class": "figure"}, figure)],
        class_="tile",
        aria_current="true" if is_current else None,
    )


def history_chart(slug: str, address: ListAddress, history: History, days: Sequence[date], zone: ZoneInfo) -> Node:
    """Runs created per day under the filters, by status, oldest left; each day links to its runs and says its numbers."""
    per_day: dict[date, dict[StatusBucket, int]] = {day: {} for day in days}
    for counted in history.days:
        per_day[counted.day][counted.bucket] = counted.runs
    most = max((sum(buckets.values()) for buckets in per_day.values()), default=0) or 1
    bars = [_day(slug, address, day, per_day[day], most, zone) for day in days]
    label = texts.HISTORY_LABEL.format(days=len(days))
    note = "" if history.complete else " " + texts.HISTORY_CAPPED.format(count=f"{HISTORY_FROM:,}")
    foot = h(
        "div",
        {"class": "chart-foot"},
        h("span", None, f"{days[0]:%d %b}"),
        h("span", None, label + note),
        h("span", None, f"{days[-1]:%d %b}"),
    )
    return h("div", {"class": "chart-frame"}, h("nav", {"class": "chart", "aria-label": label}, bars), foot)


def _day(
    slug: str, address: ListAddress, day: date, buckets: Mapping[StatusBucket, int], most: int, zone: ZoneInfo
) -> Node:
    begin, end = (datetime.combine(one, time.min, zone).astimezone(UTC) for one in (day, day + timedelta(days=1)))
    parts: list[Node] = []
    words: list[str] = []
    for bucket in (
        StatusBucket.SUCCEEDED,
        StatusBucket.PARTIAL,
        StatusBucket.FAILED,
        StatusBucket.RUNNING,
        StatusBucket.QUEUED,
    ):
        runs = buckets.get(bucket, 0)
        if runs:
            share = f"{max(100 * runs / most, 3):.1f}%"
            parts.append(h("span", {"class": f"part tone-{BUCKETS[bucket].tone}", "vars": {"h": share}}))
            words.append(f"{runs:,} {BUCKETS[bucket].label.lower()}")
    said = f"{day:%a %d %b}: {', '.join(words) if words else plural(0, 'run')}"
    is_current = address.created == (begin, end)
    href = list_href(slug, address.changed(created=None if is_current else (begin, end)))
    return link(href, parts, class_="day", title=said, aria_label=said, aria_current="true" if is_current else None)


def active_filters(slug: str, address: ListAddress, ignored: Sequence[str], zone: ZoneInfo) -> Node | None:
    """Each filter with a way to drop it alone, and one to drop all; None when there is none. Times in the viewer's zone."""
    chips: list[Node] = []
    for name, value, without in address.filters(zone):
        words = h("span", None, f"{name}: {value}")
        label = texts.CLEAR_ONE.format(name=name)
        chips.append(
            link(list_href(slug, without), [words, icon("close")], class_="chip", aria_label=label, title=label)
        )
    if chips:
        chips.append(link(list_href(slug, ListAddress(rows=address.rows)), texts.CLEAR_ALL, class_="small"))
    said = notice(texts.IGNORED.format(names=", ".join(dict.fromkeys(ignored))), "orange") if ignored else None
    if not chips and said is None:
        return None
    return h("div", {"class": "stack"}, h("div", {"class": "row"}, chips) if chips else None, said)


def newer_pill(slug: str, address: ListAddress, count: int, cap: int) -> Node | None:
    """That runs have come in above the first row, and the link that shows them; the rows do not move by themselves."""
    if count == 0:
        return None
    noun = "run" if count == 1 else "runs"
    words = texts.NEWER_RUNS.format(count=capped(count, cap - 1), noun=noun)
    return h(
        "div", {"class": "row"}, link(list_href(slug, address.at_cursor(None)), [icon("up"), words], class_="button")
    )


def runs_table(slug: str, runs: Sequence[Run]) -> Node:
    """The rows of a page."""
    way = page_href("run", slug)
    columns = (
        (texts.COLUMN_STATUS, ""),
        (texts.COLUMN_OPERATION, ""),
        (texts.COLUMN_ITEMS, ""),
        (texts.COLUMN_STARTED_BY, ""),
        (texts.COLUMN_CREATED, ""),
        (texts.COLUMN_DURATION, "number"),
    )
    return table(texts.LIST_LABEL, columns, [_row(way, run) for run in runs], "stacked")


@lru_cache(maxsize=2048)
def _row(way: str, run: Run) -> Node:
    run_id = str(run.id)
    href = f"{way}&id={run_id}"
    lost: Node | None = None
    if run.contact_lost_at is not None:
        lost = h("div", {"class": "small toned tone-orange"}, texts.CONTACT_LOST, " ", moment(run.contact_lost_at))
    attempt = h("span", {"class": "muted small"}, texts.ATTEMPT.format(number=run.attempt).lower())
    short = h("span", {"class": "mono muted"}, run_id[:8])
    named = h(
        "div", {"class": "named"}, link(href, run.type.label, class_="op"), short, attempt if run.attempt > 1 else None
    )
    return h(
        "tr",
        {"key": run_id},
        cell(texts.COLUMN_STATUS, status_badge(run.bucket, run.status), lost, class_="wide"),
        cell(texts.COLUMN_OPERATION, named, class_="wide"),
        cell(texts.COLUMN_ITEMS, count_bar(run.counts), class_="wide"),
        cell(
            texts.COLUMN_STARTED_BY,
            h("div", {"class": "break"}, run.initiated_by),
            h("div", {"class": "muted small"}, TRIGGERS[run.trigger]) if _worth_saying(run) else None,
        ),
        cell(texts.COLUMN_CREATED, moment(run.created_at)),
        cell(texts.COLUMN_DURATION, lasted(run) or "–", class_="number"),
    )


def _worth_saying(run: Run) -> bool:
    return run.trigger is not Trigger.USER and run.initiated_by.casefold() != TRIGGERS[run.trigger].casefold()


def lasted(run: Run) -> Node | None:
    """How long a run took, or has been going on; None before it started."""
    if run.started_at is None:
        return None
    return between(run.started_at, run.finished_at) or elapsed(run.started_at)


def list_body(slug: str, address: ListAddress, page: RunPage, runs: Sequence[Run]) -> Node:
    """The rows with their pages, or why there are none."""
    if not runs:
        if address.to_params().keys() - {"rows"}:
            return empty_state(
                texts.NO_MATCH_TITLE,
                texts.NO_MATCH,
                way=(list_href(slug, ListAddress(rows=address.rows)), texts.CLEAR_ALL),
            )
        return empty_state(texts.EMPTY_TITLE, texts.EMPTY)

    def to(cursor: object) -> str | None:
        return list_href(slug, address.at_cursor(cursor)) if cursor is not None else None  # type: ignore[arg-type]

    newest = list_href(slug, address.at_cursor(None)) if address.cursor is not None else None
    steps = pager(to(page.newer), to(page.older), newest, plural(len(runs), "run"))
    sizes = [
        link(
            list_href(slug, address.changed(rows=choice)),
            str(choice),
            aria_current="true" if choice == address.rows else None,
        )
        if choice != address.rows
        else h("strong", None, str(choice))
        for choice in ROW_CHOICES
    ]
    rows = h("div", {"class": "row small"}, h("span", {"class": "muted"}, texts.ROWS), sizes)
    return h("div", {"class": "stack"}, runs_table(slug, runs), h("div", {"class": "row between"}, rows, steps))
