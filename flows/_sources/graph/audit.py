"""Who changed policies, from Graph's audit logs: Intune's own, and the directory's for Conditional Access.

Of an event only the actor's sign-in or application name, the time, the activity's name and the ids of what it changed are
taken; addresses, ids of people and the values changed never leave this module.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from flows._policies.audit import AuditedChange, AuditLog, AuditStatus
from flows._policies.json_shape import GUID, as_dict, as_list, as_text
from flows._policies.types import Lane
from flows._sources.graph.answers import Request
from flows._sources.graph.paging import Pages, read_collections
from flows._sources.graph.pump import Job
from runstore.fence.reason_fields import plain_text
from runstore.fence.redaction import scrub_text

_LIMIT: Final = 200
"""Characters of an actor or an activity that are kept."""
_FRACTION: Final = re.compile(r"(\.\d{6})\d+")
_LEADING_ID: Final = re.compile(rf"({GUID.pattern})_")


_SINCE: Final = "$filter=activityDateTime%20gt%20{start}"
_PLACES: Final[Mapping[AuditLog, tuple[str, Lane]]] = {
    AuditLog.INTUNE: (f"v1.0/deviceManagement/auditEvents?{_SINCE}", Lane.INTUNE),
    AuditLog.CONDITIONAL_ACCESS: (
        f"v1.0/auditLogs/directoryAudits?{_SINCE}%20and%20loggedByService%20eq%20'Conditional%20Access'",
        Lane.DIRECTORY_LOGS,
    ),
}
"""The log's address and its lane."""


@dataclass(frozen=True, slots=True)
class AuditReading:
    """What reading one log from `start` on gave."""

    log: AuditLog
    status: AuditStatus
    start: datetime
    changes: tuple[AuditedChange, ...] = ()


def read_log(log: AuditLog, start: datetime) -> Job[AuditReading]:
    """Reads a log from `start` on to its end; what came before a page that did not is true all the same and kept."""
    path, lane = _PLACES[log]
    request = Request(path.format(start=start.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")), lane, alone=True)
    # Condensed page by page: a busy tenant's log is far larger than what is kept of it.
    pages: Pages = (yield from read_collections([request], condense=_condensed))[0]
    status = AuditStatus.READ
    if pages.problem is not None:
        status = AuditStatus.PERMISSION_MISSING if pages.problem.status == 403 else AuditStatus.NOT_READ
    return AuditReading(log, status, start, tuple(pages.elements))


def _condensed(elements: Iterable[Any]) -> list[AuditedChange]:
    return [change for element in elements for change in changes_of(as_dict(element))]


def changes_of(event: Mapping[str, Any]) -> Iterator[AuditedChange]:
    """The changes an event of either log tells of; none for one that failed, has no time, or names nothing changed."""
    result = as_text(event.get("activityResult")) or as_text(event.get("result")) or ""
    at = _time(as_text(event.get("activityDateTime")))
    if at is None or result.casefold() not in ("success", ""):
        return
    names = ("activityType", "activityDisplayName", "displayName")
    activity = _clean(next((text for name in names if (text := as_text(event.get(name)))), ""))
    actor = _clean(_actor(event))
    resources = as_list(event.get("resources")) or as_list(event.get("targetResources"))
    named = {as_text(resource.get("resourceId")) or as_text(resource.get("id")) for resource in map(as_dict, resources)}
    for policy_id in sorted({each for name in named if name for each in _policy_ids(name)}):
        yield AuditedChange(policy_id, at, actor, activity)


def _actor(event: Mapping[str, Any]) -> str | None:
    actor = as_dict(event.get("actor"))
    if actor:
        # A portal is an application too, but the change is the person's who sat before it.
        names = ("userPrincipalName", "servicePrincipalName", "applicationDisplayName")
        return next((text for name in names if (text := as_text(actor.get(name)))), None)
    by = as_dict(event.get("initiatedBy"))
    user, app = as_dict(by.get("user")), as_dict(by.get("app"))
    return as_text(user.get("userPrincipalName")) or as_text(app.get("displayName")) or as_text(user.get("displayName"))


def _policy_ids(name: str) -> Iterator[str]:
    """The ids a resource's id may stand for: itself, and the policy an assignment's id begins with. The store knows."""
    if "\x00" in name:
        return
    yield name
    if found := _LEADING_ID.match(name):
        yield found.group(1)


def _clean(value: str | None) -> str:
    return plain_text(scrub_text(value), _LIMIT) if value else ""


def _time(value: str | None) -> datetime | None:
    # Graph writes seven digits of a second, one more than a datetime holds.
    try:
        found = datetime.fromisoformat(_FRACTION.sub(r"\1", value or ""))
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
