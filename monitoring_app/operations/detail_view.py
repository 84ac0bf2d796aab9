"""One run as nodes: header, figures, timeline, failures with their next step, items, links. Pure: values in, tree out."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from monitoring_app import texts
from monitoring_app.operations.list_view import TRIGGERS, lasted
from monitoring_app.presentation.figures import NO_NAMES, SHOWN_ENTRIES, between, duration, type_name, words
from monitoring_app.presentation.nodes import Node, blocks, copy_button, external, h, icon, link, moment, page_href
from monitoring_app.presentation.parts import notice, row, table
from monitoring_app.presentation.status import BUCKETS, badge, bar_parts, look
from monitoring_app.session import Viewer
from runstore.ids import by_name
from runstore.reasons import Catalogue
from runstore.runs.insights import Against, FailureGroup, Kin, RunAt, RunOverview, Slice
from runstore.runs.run import NOTICE, RUN_ITEM, HistoryEntry, RelatedLink, Run, context_sentences
from runstore.runs.status import ACTIVE, StatusBucket, bucket_of
from runstore.tenancy import Permission, Trigger

Names = Mapping[str, str]
"""Item id → name."""
BEFORE = "Against the run before, "
SINCE_GOOD = "Since it last worked, "
_INTERNAL = ("version", "graph", "names")
SAID_ABOVE = ("then_why", "notice")
"""What of a run's context is a sentence, and stands above the figures."""


def run_header(viewer: Viewer, run: Run) -> Node:
    """What it is, how it stands, and its permalink."""
    name = h("div", {"class": "row"}, h("h1", None, run.type.label), badge(look(run.bucket, run.status), "badge large"))
    way, said = page_href("operations", viewer.tenant.slug), [icon("left"), texts.BACK_TO_LIST]
    back = link(way, said, class_="small back", data_back="1")
    copies = {"type": "button", "class": "button", "data-copy": run.path}
    permalink = h("button", copies, icon("link"), "Copy permalink")
    words = h("div", {"class": "grow"}, h("div", {"class": "eyebrow"}, viewer.tenant.name), name)
    return h("div", {"class": "stack"}, back, h("header", {"class": "page-header"}, words, permalink))


def facts(
    viewer: Viewer,
    run: Run,
    context: Mapping[str, Any],
    usual: timedelta | None,
    prefect_ui: str,
    names: Names = NO_NAMES,
) -> Node:
    """The run's figures, what is internal folded away; the Prefect flow run only for those who may start runs."""
    trigger = h("div", {"class": "muted small"}, TRIGGERS[run.trigger]) if run.trigger is Trigger.USER else ""
    often = texts.FACT_USUAL.format(duration=duration(usual.total_seconds())) if usual is not None else texts.FACT_NONE
    entries: list[tuple[str, Sequence[Node]]] = [
        ("Started by", [h("div", None, run.initiated_by), trigger]),
        ("Created", [moment(run.created_at, "clock")]),
        ("Waited", [between(run.created_at, run.started_at) or "–"]),
        ("Duration", [lasted(run) or "–", h("div", {"class": "muted small"}, often)]),
        (texts.FACT_ID, [h("span", {"class": "mono"}, str(run.id)), copy_button(str(run.id), "Copy run id")]),
    ]
    if run.flow_run_id is not None and viewer.may(Permission.OPERATE):
        entries.append(("Prefect flow run", [_flow_run(run, prefect_ui)]))
    internal: list[tuple[str, Sequence[Node]]] = [("Attempt", [str(run.attempt)])]
    rest = [(key, value) for key, value in context.items() if key not in SAID_ABOVE]
    for key, value in rest[:SHOWN_ENTRIES]:
        is_bare = key.endswith("_id") and str(value) not in names
        place = internal if key in _INTERNAL or is_bare else entries
        place.append((type_name(key)[:80] or "–", [h("span", None, words(value, names))]))
    inside = h("summary", None, "Details"), h("div", {"class": "body"}, _facts(internal))
    return h("div", {"class": "stack"}, _facts(entries), h("details", {"class": "group", "key": "details"}, *inside))


def _facts(entries: Sequence[tuple[str, Sequence[Node]]]) -> Node:
    shown = [
        h("div", {"class": "double" if name == texts.FACT_ID else None}, h("dt", None, name), h("dd", None, value))
        for name, value in entries
    ]
    return h("dl", {"class": "facts"}, shown)


def _flow_run(run: Run, prefect_ui: str) -> Node:
    if not prefect_ui:
        return h("span", {"class": "mono"}, str(run.flow_run_id))
    return external(
        f"{prefect_ui.rstrip('/')}/runs/flow-run/{run.flow_run_id}", "Open in Prefect", " ", icon("external")
    )


def progress(run: Run) -> Node:
    """How many items had which outcome, as a bar and as figures."""
    counts = run.counts
    if counts.total == 0:
        text = "No item has been processed yet." if run.status in ACTIVE else "This run had no items to process."
        return h("section", {"class": "panel"}, h("h2", None, texts.SECTION_PROGRESS), h("p", {"class": "muted"}, text))
    legend: list[Node] = []
    for figure, word, tone in (
        (counts.succeeded, "succeeded", "green"),
        (counts.failed, texts.COUNT_FAILED, "red"),
        (counts.skipped, "skipped", "gray"),
        (counts.total - counts.processed, "to go", "open"),
    ):
        if figure:
            legend.append(h("span", {"class": f"tone-{tone}"}, h("span", {"class": "dot"}), f"{figure:,} {word}"))
    done = h("span", {"class": "muted"}, f"{counts.processed:,} / {counts.total:,}")
    head = h("div", {"class": "row between"}, h("h2", None, texts.SECTION_PROGRESS), done)
    bar = h("span", {"class": "bar tall", "aria-hidden": "true"}, bar_parts(counts))
    return h("section", {"class": "panel"}, head, bar, h("div", {"class": "legend"}, legend))


def timeline(run: Run, history: Sequence[HistoryEntry]) -> Node:
    """What happened when, attempt by attempt, and which of the sources said so."""
    entries: list[Node] = []
    for position, entry in enumerate(history):
        shown = BUCKETS[bucket_of(entry.status, run.counts.succeeded, run.counts.failed)]
        is_last = position == len(history) - 1
        final = look(run.bucket, run.status) if is_last and entry.status is run.status else shown
        again = position > 0 and entry.attempt != history[position - 1].attempt
        attempt = h("div", {"class": "small strong"}, texts.ATTEMPT.format(number=entry.attempt)) if again else None
        when = h("div", {"class": "muted small"}, moment(entry.at, "clock"), f" · {entry.source.value}")
        line = h("div", None, attempt, h("div", {"class": "strong"}, final.label), when)
        entries.append(h("li", {"class": f"tone-{final.tone}"}, icon(final.icon, "icon still"), line))
    listed = h("ol", {"class": "timeline"}, entries)
    return h("section", {"class": "panel"}, h("h2", None, "Timeline"), listed)


def contact_lost(run: Run) -> Node | None:
    """That nothing was heard of a running run for a while; None when all is well."""
    if run.contact_lost_at is None:
        return None
    since = moment(run.contact_lost_at)
    return notice(f"{texts.CONTACT_LOST}. {texts.CONTACT_LOST_NOTE}", "orange", h("span", {"class": "strong"}, since))


def said(context: Mapping[str, Any]) -> Node | None:
    """What the run's context says in sentences: what was not done, and why nothing follows; None when it says nothing."""
    sentences = context_sentences({key: context.get(key) for key in SAID_ABOVE})
    if not sentences:
        return None
    told = [notice(sentence if name == NOTICE else f"{name}: {sentence}", "orange") for name, sentence in sentences]
    return h("div", {"class": "stack"}, told)


def related_links(slug: str, related: Sequence[RelatedLink]) -> Node | None:
    """Where the run's results can be seen, as the row says; None when there is nothing yet."""
    if not related:
        return None
    links: list[Node] = []
    for one in related[:50]:
        way = page_href(one.page, slug, {str(name): str(value) for name, value in one.parameters.items()})
        links.append(link(way, [one.label, icon("right")], class_="button"))
    return h("section", {"class": "panel"}, h("h2", None, "Results"), h("div", {"class": "row"}, links))


def failure_groups(groups: Sequence[FailureGroup], catalogue: Catalogue, names: Names = NO_NAMES) -> Node:
    """Failures by reason: how many, what it means, what to do next and who can."""
    shown = [_group(group, catalogue, names, is_open=position < 3) for position, group in enumerate(groups)]
    return h("section", {"class": "panel"}, h("h2", None, "What failed"), shown)


def _group(group: FailureGroup, catalogue: Catalogue, names: Names, *, is_open: bool) -> Node:
    reason = catalogue.get(group.reason_code)
    meaning = reason.meaning if reason is not None else "This version does not know this reason code."
    named = h("span", {"class": "strong"}, meaning), " ", h("code", {"class": "muted"}, group.reason_code)
    summary = h(
        "summary", None, h("span", {"class": "count"}, f"{group.count:,}"), h("span", {"class": "grow"}, *named)
    )
    lines: list[Node] = [h("p", {"class": "break"}, group.message)]
    if reason is not None:
        step = h("span", {"class": "strong"}, "Next step: ")
        lines.append(h("div", {"class": "next"}, step, reason.next_step))
        again = "Worth starting again after that" if reason.retryable else "Starting again will not help"
        lines.append(h("p", {"class": "muted small"}, f"Who can fix it: {reason.who.label} · {again}"))
    span = item_name(group.first_item, names)
    if group.count > 1:
        span = f"{span} … {item_name(group.last_item, names)}"
    lines.append(h("p", {"class": "muted small break"}, span))
    told = {"class": "group", "open": is_open, "key": group.reason_code}
    return h("details", told, summary, h("div", {"class": "body"}, lines))


def item_name(item_id: str, names: Names) -> str:
    """An item as shown, its name before its id; the run itself has words instead."""
    return "the run as a whole" if item_id == RUN_ITEM else by_name(item_id, names)


def items_table(found: Slice, is_failures: bool, pages: Node, names: Names = NO_NAMES) -> Node:
    """One page of a run's items, or of its failed ones with why, above the ways to other pages."""
    if not found.entries:
        return h("p", {"class": "muted"}, "No item matches.")
    columns: dict[str, str] = dict.fromkeys(("Item", "Reason", "Message") if is_failures else ("Item",), "wide")

    def cells(entry: Any) -> Sequence[Node]:
        if not is_failures:
            return (h("span", {"class": "mono break"}, item_name(entry, names)),)
        item, message = (
            h("span", {"class": "break"}, said) for said in (item_name(entry.item_id, names), entry.message)
        )
        return item, h("code", None, entry.reason_code), message

    rows = [row(columns, None, *cells(entry)) for entry in found.entries]
    return h("div", {"class": "stack"}, table("Items of this run", columns, rows), pages)


def kin_links(slug: str, kin: Kin, bucket: StatusBucket) -> Node | None:
    """The ways to the runs of the same operation and scope around this one; of a failed or partial one, when it last worked."""
    shown: list[Node] = []
    for one, words_ in ((kin.previous, "Previous of its kind"), (kin.next, "Next of its kind")):
        if one is not None:
            label = f"{words_}: {BUCKETS[one.bucket].label.lower()}"
            shown.append(link(page_href("run", slug, {"id": str(one.id)}), [label, " · ", moment(one.created_at)]))
    if bucket in (StatusBucket.FAILED, StatusBucket.PARTIAL):
        good = kin.last_good
        if good is not None:
            way = page_href("run", slug, {"id": str(good.id)})
            shown.insert(0, link(way, ["Last succeeded before this:", " ", moment(good.created_at)], class_="strong"))
        else:
            shown.insert(0, h("span", {"class": "strong"}, texts.LAST_GOOD_NEVER))
    named = {"class": "row small", "aria-label": "Runs of the same operation and scope"}
    return h("nav", named, shown) if shown else None


def against(
    compared: Against | None,
    other: RunAt | None,
    catalogue: Catalogue,
    lead: str = BEFORE,
    changes: Sequence[str] = (),
) -> Node | None:
    """What is other than in an earlier run: failures and their reasons, the duration, the software, what was changed since
    (`changes`); None when nothing is."""
    if compared is None or other is None:
        return None
    counts = (
        (compared.new, "failed that did not then"),
        (compared.same, "failed then as well"),
        (compared.gone, "that failed then did not"),
    )
    told = [f"{count:,} {words_}" for count, words_ in counts if count]
    if compared.new is None:
        told = ["too many failures to compare here"]
    meanings = [reason.meaning.rstrip(".") if (reason := catalogue.get(code)) else code for code in compared.reasons]
    if meanings:
        told.append(f"{'a reason' if len(meanings) == 1 else 'reasons'} it did not have: {'; '.join(meanings)}")
    if compared.lasted and compared.lasted_before:
        # Spaces that do not break: a value and its unit stay on one line.
        spans = (
            duration(one.total_seconds()).replace(" ", "\u00a0") for one in (compared.lasted, compared.lasted_before)
        )
        told.append(f"{next(spans)} instead of {next(spans)}")
    if compared.version and compared.version_before and compared.version != compared.version_before:
        told.append(f"version {compared.version} of the software instead of {compared.version_before}")
    told += changes
    if not told:
        return None
    return h("p", {"class": "small muted break"}, lead, moment(other.created_at), f": {', '.join(told)}.")


def no_reason(overview: RunOverview) -> Node | None:
    """That a run failed and nothing says why; None where that is not so."""
    if overview.failures or overview.detail.run.bucket is not StatusBucket.FAILED:
        return None
    return notice(texts.NO_REASON, "red")


def live_part(
    viewer: Viewer,
    overview: RunOverview,
    usual: timedelta | None,
    prefect_ui: str,
    cause: Node | None,
    kin: Node | None = None,
    names: Names = NO_NAMES,
) -> Node:
    """What changes while a run is running. `cause` is why it failed, which leads once it has ended; `kin` leads to others."""
    run, detail = overview.detail.run, overview.detail
    left = blocks(progress=progress(run), related=related_links(viewer.tenant.slug, detail.related))
    return blocks(
        header=run_header(viewer, run),
        lost=contact_lost(run),
        kin=kin,
        cause=cause,
        said=said(detail.context),
        facts=h("section", {"class": "panel"}, facts(viewer, run, detail.context, usual, prefect_ui, names)),
        columns=h("div", {"class": "columns"}, left, timeline(run, detail.history)),
    )
