"""One table: what each bucket is called, which icon and which tone it has. Nothing else in the hub names a status."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from monitoring_app import texts
from monitoring_app.presentation.nodes import Node, h, icon
from runstore.runs.run import Counts
from runstore.runs.status import RunStatus, StatusBucket


@dataclass(frozen=True, slots=True)
class Look:
    """How a bucket is shown: word, icon, tone (a CSS class)."""

    label: str
    icon: str
    tone: str


BUCKETS: Final[Mapping[StatusBucket, Look]] = {
    StatusBucket.QUEUED: Look("Queued", "queued", "gray"),
    StatusBucket.RUNNING: Look("Running", "running", "blue"),
    StatusBucket.SUCCEEDED: Look("Succeeded", "succeeded", "green"),
    StatusBucket.PARTIAL: Look("Partially succeeded", "partial", "orange"),
    StatusBucket.FAILED: Look("Failed", "failed", "red"),
}

ABORTED: Final = Look("Failed (aborted)", "aborted", "red")


def look(bucket: StatusBucket, status: RunStatus | None = None) -> Look:
    """The look of a run; an aborted one says that it was."""
    return ABORTED if status is RunStatus.ABORTED else BUCKETS[bucket]


def badge(shown: Look, class_: str = "badge") -> Node:
    """Icon and word in the status's tone: never colour alone."""
    return h("span", {"class": f"{class_} tone-{shown.tone}"}, icon(shown.icon), h("span", None, shown.label))


def status_badge(bucket: StatusBucket, status: RunStatus | None = None) -> Node:
    return badge(look(bucket, status))


def bar_parts(counts: Counts) -> list[Node]:
    """Outcomes as shares of a bar; what is still to go is left open."""
    outcomes = ((counts.succeeded, "green"), (counts.failed, "red"), (counts.skipped, "gray"))
    return [
        h("span", {"class": f"tone-{tone}", "vars": {"w": f"{100 * n / counts.total:.2f}%"}})
        for n, tone in outcomes
        if n
    ]


def count_bar(counts: Counts) -> Node:
    """The bar, and the figures in words beside it."""
    if counts.total == 0:
        return h("span", {"class": "muted"}, "–")
    said = f"{counts.processed:,}/{counts.total:,}" if counts.processed < counts.total else f"{counts.total:,}"
    if counts.failed:
        said += f" · {counts.failed:,} {texts.COUNT_FAILED}"
    bar = h("span", {"class": "bar", "aria-hidden": "true"}, bar_parts(counts))
    return h("div", {"class": "counts"}, bar, h("span", {"class": "figures"}, said))
