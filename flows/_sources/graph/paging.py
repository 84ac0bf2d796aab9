"""Jobs that read a collection to its end, page by page, by following the whole `@odata.nextLink`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

from flows._sources.graph import reasons
from flows._sources.graph.answers import Problem, Request
from flows._sources.graph.pump import Job

MOST_PAGES: Final = 20_000


@dataclass(slots=True)
class Pages:
    """What reading one collection gave: its elements in order, or why its end was not reached."""

    elements: list[Any] = field(default_factory=list[Any])
    pages: int = 0
    said: object = None
    """How many elements there are in all, if the first page says it; some collections say how many the page has."""
    problem: Problem | None = None

    @property
    def expired(self) -> bool:
        """Whether a later page was refused although the first came: its token no longer counts."""
        return self.pages > 0 and self.problem is not None and self.problem.status in (400, 404, 410)


def read_collections(
    requests: Sequence[Request], *, condense: Callable[[list[Any]], list[Any]] = list
) -> Job[list[Pages]]:
    """Reads several collections side by side to their ends; one `Pages` for each request, in order.

    `condense` makes of a page's elements what is kept of them.

    An empty page is not an end, only a page without a next link is. A link that was followed before would go round for
    ever and counts as an unstable list, as does one that ends before the number it names; one that leaves the endpoint is
    not followed.
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
                pages.problem = Problem(reasons.GRAPH_LIST_MISSING, 200)
                continue
            pages.said = pages.said if pages.pages else answer.body.get("@odata.count")
            pages.pages += 1
            pages.elements.extend(condense(cast(list[Any], elements)))
            following = answer.following
            if following is None:
                pages.problem = Problem(reasons.GRAPH_FOREIGN_LINK)
            elif following in followed[position] or (following and pages.pages >= MOST_PAGES):
                pages.problem = Problem(reasons.GRAPH_LIST_UNSTABLE, None, {"attempts": 1})
            elif following:
                followed[position].add(following)
                waiting[position] = replace(request, path=following, optional=False)
            elif condense is list and isinstance(pages.said, int) and pages.said > len(pages.elements):
                pages.problem = Problem(reasons.GRAPH_LIST_UNSTABLE, None, {"attempts": 1})
    return found
