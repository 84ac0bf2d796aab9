"""Monitoring → Schedules: what is to run by the clock, what did not run and why, how old each last success is."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final
from uuid import UUID

from monitoring_app import runtime, texts
from monitoring_app.operations.list_view import why
from monitoring_app.presentation.figures import duration, plural
from monitoring_app.presentation.guard import live
from monitoring_app.presentation.nodes import Node, blocks, h, icon, link, moment, page_href
from monitoring_app.presentation.parts import empty_state, notice, page_header, row, table
from monitoring_app.presentation.status import Look as Shown
from monitoring_app.presentation.status import badge, status_badge
from monitoring_app.presentation.view import show
from monitoring_app.session import Viewer
from runstore.reasons import Catalogue
from runstore.runs.insights import RunAt, RunInsights, RunNote
from runstore.schedules import MOST, Look, LookProblem, Scheduled, Schedules, StoppedBy, read_schedules

REFRESH_SECONDS = 30

STOPPED: Final[Mapping[StoppedBy, str]] = {
    StoppedBy.SCHEDULE: "The schedule is paused.",
    StoppedBy.DEPLOYMENT: "Its deployment is paused in Prefect.",
    StoppedBy.POOL: "Its work pool is paused, or there is none.",
    StoppedBy.WORKER: "No worker of its work pool is online.",
}
_UNKNOWN: Final = Shown("Not known", "partial", "gray")


def draw(viewer: Viewer) -> None:
    show(page_header(viewer, texts.SCHEDULES, texts.SCHEDULES_LEAD), "schedules-header")

    def shown(now: Viewer, _first: bool) -> None:
        hub = runtime.current()
        with hub.database.reading(now.scope):
            found = read_schedules(hub.database, now.scope)
            ended = [one.last.id for one in found.entries if one.last]
            notes = RunInsights(hub.database, now.scope).notes(ended, ())
        show(schedules(now.tenant.slug, found, notes, hub.settings.catalogue), "schedules")

    live(viewer, shown, REFRESH_SECONDS, "schedules")


_COLUMNS: Final = {
    texts.COLUMN_STATUS: "wide",
    texts.COLUMN_OPERATION: "wide",
    "Times": "",
    "Next": "",
    "Last run": "wide",
    "Last succeeded": "",
}


def schedules(slug: str, found: Schedules, notes: Mapping[UUID, RunNote], catalogue: Catalogue) -> Node:
    looked = _looked(found.look)
    if not found.entries:
        title, why = "What is scheduled is not known", texts.SCHEDULES_UNKNOWN
        if found.look.looked_at is not None:
            title, why = (
                "Nothing is scheduled for this tenant",
                "On the command line, `tenantatlas schedule add` adds one.",
            )
        return blocks(looked=looked, body=empty_state(title, why))
    rows = [_row(slug, one, found.look, notes, catalogue) for one in found.entries]
    capped = notice(texts.SCHEDULES_CAPPED.format(count=MOST), "orange") if len(rows) == MOST else None
    return blocks(looked=looked, capped=capped, body=table(texts.SCHEDULES, _COLUMNS, rows))


def strip(slug: str, found: Schedules) -> Node | None:
    """One line for the list of runs: what did not run, or when the next one is due. It leads to the page.

    None where no relay ever told of a schedule: nothing was expected of one there.
    """
    if not found.entries and found.look.tried_at is None:
        return None
    way = page_href("schedules", slug)
    for behind, words, tone in (
        (found.missing, "{name}{rest} did not run when due. {why}", "red"),
        (found.too_old, "{name}{rest}: the last success is more than {limit} old.", "orange"),
    ):
        if behind:
            first = behind[0]
            rest = f" {texts.AND_MORE.format(count=len(behind) - 1)}" if len(behind) > 1 else ""
            said = words.format(name=_named(first), rest=rest, why=_why(first, found.look), limit=_age(first.at_most))
            return notice(said, tone, link(way, [texts.SCHEDULES, icon("right")]))
    if found.look.is_stale:
        return notice(_unknown(found.look), "orange", link(way, [texts.SCHEDULES, icon("right")]))
    coming = [(one.next_at, _named(one)) for one in found.entries if one.next_at is not None]
    told: list[Node] = ["None of the schedules will start anything" if found.entries else "Nothing is scheduled"]
    if coming:
        at, name = min(coming)
        told = [plural(len(found.entries), "schedule"), f"; next is {name} ", moment(at)]
    return h("div", {"class": "row small"}, link(way, [icon("queued"), " ", h("span", None, told)]))


def _named(one: Scheduled) -> str:
    return one.type.label if one.scope is None else f"{one.type.label} · {one.scope}"


def _age(limit: timedelta | None) -> str:
    seconds = 0.0 if limit is None else limit.total_seconds()
    return plural(round(seconds / 3600), "h", "h") if 3600 <= seconds < 3 * 86400 else duration(seconds)


def _looked(look: Look) -> Node:
    if look.is_stale:
        since = [h("span", {"class": "strong"}, moment(look.looked_at))] if look.looked_at else []
        return notice(_unknown(look), "orange", *since)
    assert look.looked_at is not None
    return h("p", {"class": "muted small"}, "As Prefect's server had it ", moment(look.looked_at))


def _unknown(look: Look) -> str:
    """What is known of schedules is of no use now, and why."""
    if look.tried_at is None:
        return texts.LOOK_NEVER
    if (look.now - look.tried_at).total_seconds() > 300 or look.problem is None:
        return texts.LOOK_NO_RELAY
    return texts.LOOK_AWAY if look.problem is LookProblem.AWAY else texts.LOOK_REFUSED


def _why(one: Scheduled, look: Look) -> str:
    if look.is_stale:
        return _unknown(look)
    return STOPPED[one.stopped_by] if one.stopped_by else texts.MISSING_UNKNOWN


def _standing(one: Scheduled, look: Look) -> tuple[Shown, str]:
    """How it stands, and the sentence that goes with it."""
    if one.missing_since is not None:
        return Shown("Did not run", "failed", "red"), _why(one, look)
    if one.is_too_old(look.now):
        return Shown("Too old", "warning", "orange"), STOPPED[one.stopped_by] if one.stopped_by else ""
    if look.is_stale:
        return _UNKNOWN, ""
    if one.stopped_by is StoppedBy.WORKER:
        return Shown("No worker", "warning", "orange"), STOPPED[one.stopped_by]
    if one.stopped_by is not None:
        return Shown("Paused", "aborted", "gray"), STOPPED[one.stopped_by]
    if one.good is None:
        return Shown("To come", "queued", "gray") if one.last is None else _UNKNOWN, ""
    return Shown("On time", "succeeded", "green"), ""


def _row(slug: str, one: Scheduled, look: Look, notes: Mapping[UUID, RunNote], catalogue: Catalogue) -> Node:
    standing, why = _standing(one, look)
    since = one.missing_since
    told = [
        h("div", {"class": f"small toned tone-{standing.tone}"}, "due", " ", moment(since)) if since else None,
        h("div", {"class": "small muted"}, why) if why else None,
    ]
    about = " · ".join(part for part in (one.scope, one.name) if part)
    return row(
        _COLUMNS,
        str(one.id),
        (badge(standing), *told),
        (
            link(page_href("operations", slug, {"type": str(one.type)}), one.type.label, class_="op"),
            h("div", {"class": "small muted break"}, about) if about else None,
        ),
        (h("span", {"class": "mono nowrap"}, one.timing), h("div", {"class": "small muted nowrap"}, one.timezone)),
        moment(one.next_at) if one.next_at else "–",
        _run(slug, one.last, notes, catalogue),
        _good(slug, one, look),
    )


def _run(slug: str, run: RunAt | None, notes: Mapping[UUID, RunNote], catalogue: Catalogue) -> tuple[Node | None, ...]:
    if run is None:
        return ("never",)
    said = why(run.bucket, notes.get(run.id), catalogue)
    way = link(page_href("run", slug, {"id": str(run.id)}), status_badge(run.bucket), " ", moment(run.created_at))
    return way, h("div", {"class": "small muted why"}, said) if said else None


def _good(slug: str, one: Scheduled, look: Look) -> tuple[Node | None, ...]:
    tone = " toned tone-orange" if one.is_too_old(look.now) else " muted"
    limit = h("div", {"class": f"small nowrap{tone}"}, f"at most {_age(one.at_most)} old") if one.at_most else None
    if one.good is None:
        return "never", limit
    return link(page_href("run", slug, {"id": str(one.good.id)}), moment(one.good.created_at)), limit
