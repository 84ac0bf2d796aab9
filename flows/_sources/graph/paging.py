"""Jobs that read a collection to its end, page by page, by following the whole `@odata.nextLink`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

from flows._policies.json_shape import as_text
from flows._policies.types import Lane
from flows._sources.graph.answers import Answer, Problem, Request
from flows._sources.graph.pump import Job
from flows._sources.graph.reasons import GRAPH_FOREIGN_LINK, GRAPH_LIST_MISSING, GRAPH_LIST_UNSTABLE
from flows._sources.graph.settings import origin_of

MOST_PAGES: Final = 20_000
NEXT_LINK: Final = "@odata.nextLink"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The address all links must stay below."""

    address: str

    def below(self, link: str) -> str | None:
        """The path and query of a link below this endpoint; `None` if it leads anywhere else.

        Scheme, host and port must be the endpoint's: the request to the link carries the tenant's token.
        """
        try:
            if origin_of(link) != origin_of(self.address):
                return None
        except ValueError:
            return None
        prefix = self.address + "/"
        path = link[len(prefix) :] if link.startswith(prefix) else _path_of(link, self.address)
        return path if path and path.split("/", 1)[0] in ("v1.0", "beta") and "\\" not in path else None


@dataclass(slots=True)
class Pages:
    """What reading one collection gave: its elements in order, or why its end was not reached."""

    elements: list[Any] = field(default_factory=list[Any])
    pages: int = 0
    problem: Problem | None = None

    @property
    def expired(self) -> bool:
        """Whether a later page was refused although the first came: its token no longer counts."""
        return self.pages > 0 and self.problem is not None and self.problem.status in (400, 404, 410)


def read_collections(
    endpoint: Endpoint, requests: Sequence[Request], *, condense: Callable[[list[Any]], list[Any]] = list
) -> Job[list[Pages]]:
    """Reads several collections side by side to their ends; one `Pages` for each request, in order.

    `condense` makes of a page's elements what is kept of them.

    An empty page is no end, only a page without a next link is. A link that was followed before would go round for
    ever and counts as an unstable list; one that leaves the endpoint is not followed.
    """
    found = [Pages() for _ in requests]
    followed: list[set[str]] = [{request.path} for request in requests]
    waiting = dict(enumerate(requests))
    while waiting:
        positions = list(waiting)
        answers = yield [waiting[position] for position in positions]
        for position, answer in zip(positions, answers, strict=True):
            request, pages = waiting.pop(position), found[position]
            if isinstance(answer, Problem):
                pages.problem = answer
                continue
            elements = answer.body.get("value")
            if not isinstance(elements, list):
                # Null, an object, or nothing: taken for an empty page it would say that there are no policies.
                pages.problem = Problem(GRAPH_LIST_MISSING, 200)
                continue
            pages.pages += 1
            pages.elements.extend(condense(cast(list[Any], elements)))
            following = _following(endpoint, answer, request.lane, request.alone)
            if isinstance(following, Problem):
                pages.problem = following
            elif following is not None and following.path in followed[position]:
                pages.problem = Problem(GRAPH_LIST_UNSTABLE, None, {"attempts": 1})
            elif following is not None and pages.pages < MOST_PAGES:
                followed[position].add(following.path)
                waiting[position] = following
            elif following is not None:
                pages.problem = Problem(GRAPH_LIST_UNSTABLE, None, {"attempts": 1})
    return found


def _following(endpoint: Endpoint, answer: Answer, lane: Lane, alone: bool) -> Request | Problem | None:
    link = as_text(answer.body.get(NEXT_LINK))
    if not link:
        return None
    path = endpoint.below(link)
    return Request(path, lane, alone) if path else Problem(GRAPH_FOREIGN_LINK)


def _path_of(link: str, address: str) -> str | None:
    # Same origin written differently: an explicit default port, or the host in capitals.
    after_host = link.split("://", 1)[-1].partition("/")[2]
    base = address.split("://", 1)[-1].partition("/")[2]
    if base:
        return after_host[len(base) + 1 :] if after_host.startswith(base + "/") else None
    return after_host
