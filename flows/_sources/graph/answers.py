"""One read of Graph as a value, what came back, alone or in a `$batch`, and what to do: take it, try again, or give up and why."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Self, cast

from flows._policies.json_shape import as_dict, as_list, as_text
from flows._policies.types import Lane
from flows._sources.graph import reasons
from runstore.reasons import ReasonCode
from runstore.runs.run import Failure


@dataclass(frozen=True, slots=True)
class Request:
    """A GET below the endpoint: `path` starts with the API version and ends with the query. `alone` keeps it out of
    batches: a page of a list is large and its successor waits for it. `optional` says that there is another way when
    Graph refuses the expansion in it, so that a 500 is not tried for long. With `ids` it is a POST that asks for these, alone.
    `counts` says that it asks for a count, which Entra answers from an index that follows a little later."""

    path: str
    lane: Lane
    alone: bool = False
    optional: bool = False
    ids: tuple[str, ...] = ()
    counts: bool = False

    @property
    def headers(self) -> dict[str, str]:
        """What is sent beside the token."""
        return {"ConsistencyLevel": "eventual"} if self.counts else {}

    @property
    def version(self) -> str:
        """`v1.0` or `beta`; a batch can only hold reads of its own version."""
        return self.path.split("/", 1)[0]


@dataclass(frozen=True, slots=True)
class Answer:
    """A read that succeeded. `following` is the path of the page that comes after it, `None` if its link leads elsewhere."""

    body: dict[str, Any]
    following: str | None = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """A read that did not succeed and will not be tried again; becomes a failure once an item id is known."""

    reason: ReasonCode
    status: int | None = None
    fields: Mapping[str, object] = field(default_factory=dict[str, object])

    @property
    def is_missing(self) -> bool:
        """Whether Graph said there is no such thing: 404, or 410 for one that is gone for good."""
        return self.status in (404, 410)

    @property
    def refuses_expansion(self) -> bool:
        """Whether it is how Graph refuses an `$expand`: 400 as documented, 500 and 501 in practice."""
        return self.status in (400, 500, 501)

    def of(self, policy_type: str, permission: str) -> Self:
        """The problem with what is known of the type that was read: a 403 is its permission, which the code then names."""
        refused = self.status == 403 and self.reason is reasons.GRAPH_REFUSED
        reason = reasons.GRAPH_PERMISSION_MISSING if refused else self.reason
        return replace(
            self, reason=reason, fields={**self.fields, "policy_type": policy_type, "permission": permission}
        )

    def failure(self, item_id: str, **fields: object) -> Failure:
        """The failure of one item; fields given here win over those of the answer."""
        return self.reason.failure(item_id, **{"http_status": self.status, **self.fields, **fields})


@dataclass(frozen=True, slots=True)
class Setback:
    """A read that has to be tried again: why, and how long Graph asked to wait, if it did."""

    reason: ReasonCode
    status: int | None = None
    retry_after: float | None = None
    error_code: str | None = None
    request_id: str | None = None

    def problem(self, attempts: int) -> Problem:
        """What it becomes when it was tried often enough."""
        fields = {"attempts": attempts, "graph_error_code": self.error_code, "request_id": self.request_id}
        return Problem(self.reason, self.status, fields)


Outcome = Answer | Problem | Setback

_NONSENSE: Final = 1e8
"""Seconds from which on a `Retry-After` is none: three years."""

_DESKS: Final = tuple(
    (statuses, re.compile(words, re.IGNORECASE), reason)
    for statuses, words, reason in (
        # A missing permission first: the scopes that it lists may have licences in their names.
        ({403}, r"scopes|insufficient privileges|\bconsent", reasons.GRAPH_REFUSED),
        ({403}, r"blocked by conditional access|conditional access polic", reasons.GRAPH_ACCESS_BLOCKED),
        (
            {400, 403},
            r"not applicable to target tenant|\blicen[sc]e|non-?premium|unlicensed|\bpremium\b",
            reasons.GRAPH_NOT_LICENSED,
        ),
        ({400, 404}, r"resource not found for the segment", reasons.GRAPH_NOT_OFFERED),
    )
)
"""What Graph says in code or words of why it refuses, under these statuses; the first that fits decides."""

_TRANSIENT = frozenset({408, 425, 500, 502, 503, 504, 509})


def judge(status: object, headers: Mapping[str, str], body: object) -> Outcome:
    """What an HTTP answer, or one part of a batch, means. Never raises, whatever came.

    Success needs a JSON object: Graph answers every read with one, so anything else was cut off. Of an error only the
    status, `error.code` and the request id are looked at; its text names the tenant.
    """
    # Graph redirects nobody: what answers so stands between.
    if not isinstance(status, int) or isinstance(status, bool) or not (200 <= status < 300 or 400 <= status < 600):
        return Setback(reasons.GRAPH_ANSWER_UNREADABLE)
    lowered = {str(name).casefold(): value for name, value in headers.items()}
    error = as_dict(as_dict(body).get("error"))
    if 200 <= status < 300 and not error:
        return (
            Answer(as_dict(cast(object, body)))
            if isinstance(body, dict)
            else Setback(reasons.GRAPH_ANSWER_UNREADABLE, status)
        )
    inner = as_dict(error.get("innerError") or error.get("innererror"))
    code = as_text(error.get("code")) or None
    request_id = as_text(inner.get("request-id")) or as_text(lowered.get("request-id")) or None
    if status == 401:
        return Setback(reasons.GRAPH_TOKEN_REFUSED, status, None, code, request_id)
    # An error inside a 200 is one of Graph's own, whatever the status says.
    if status == 429 or status in _TRANSIENT or status < 300:
        reason = reasons.GRAPH_THROTTLED if status == 429 else reasons.GRAPH_UNAVAILABLE
        pause = seconds_to_wait(lowered.get("retry-after"), _date(lowered.get("date")))
        return Setback(reason, status, pause, code, request_id)
    # The words are looked at and not kept: they name the tenant.
    words = f"{code} {as_text(error.get('message'))}"
    fitting = (reason for statuses, told, reason in _DESKS if status in statuses and told.search(words))
    reason = next(fitting, reasons.GRAPH_REFUSED)
    return Problem(reason, status, {"graph_error_code": code, "request_id": request_id})


def seconds_to_wait(value: object, now: datetime | None = None) -> float | None:
    """What a `Retry-After` asks for: seconds, or the time from `now`, by the clock that wrote it, until its date; `None` when it
    is absent or nonsense."""
    text = str(value).strip() if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
    try:
        seconds = float(text)
    except ValueError:
        at = _date(text)
        if at is None:
            return None
        seconds = max(0.0, (at - (now or datetime.now(UTC))).total_seconds())
    return seconds if 0 <= seconds < _NONSENSE else None


def _date(value: object) -> datetime | None:
    try:
        at = parsedate_to_datetime(as_text(value))
    except (ValueError, TypeError, OverflowError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def batch_payload(requests: Sequence[Request]) -> dict[str, Any]:
    """The body of a `$batch`; the ids are the positions, and addresses are below the version."""
    parts: list[dict[str, Any]] = []
    for position, request in enumerate(requests):
        more = {"headers": request.headers} if request.headers else {}
        parts.append({"id": str(position), "method": "GET", "url": f"/{request.path.split('/', 1)[1]}", **more})
    return {"requests": parts}


def batch_outcomes(body: object, count: int, headers: Mapping[str, str]) -> list[Outcome]:
    """One outcome for each of the `count` reads sent, in their order, whatever order they came back in.

    An outer 200 says nothing about the parts: each is judged by its own status and `Retry-After`; `headers` are the outer ones, of
    which the date counts. A part that did not come back, came back without a readable body, or twice with different answers, is a
    setback of its own. Ids that were not sent are ignored.
    """
    said: dict[str, list[dict[str, Any]]] = {}
    for part in map(as_dict, as_list(as_dict(body).get("responses"))):
        said.setdefault(as_text(part.get("id")), []).append(part)
    sent_at = {"date": headers.get("date", "")}
    return [
        judge(parts[0].get("status"), sent_at | as_dict(parts[0].get("headers")), parts[0].get("body"))
        if parts and all(part == parts[0] for part in parts)
        else Setback(reasons.GRAPH_PART_UNANSWERED)
        for parts in (said.get(str(position), []) for position in range(count))
    ]
