"""Which schedule is which: the same work of the same tenant under the same name is one schedule, whenever it is to start."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from deployments.orchestration.schedules.timetable import Row
from flows.producer import Operation
from runstore.errors import BadInputError

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,29}")
_DIGEST = r"[0-9a-f]{10}"


def checked_name(name: str | None) -> str | None:
    """The name as given. BadInputError for one that could not be read in a list, or would not fit into an address."""
    if name is not None and not _NAME.fullmatch(name):
        raise BadInputError(
            f"{name[:40]!r} is no schedule's name: use lower-case letters, digits and -, 30 at most, such as weekends."
        )
    return name


def essence(operation: Operation, parameters: Mapping[str, Any]) -> str | None:
    """What of the parameters says which work it is: those that differ from what the operation takes by itself.

    A release that adds a parameter with a default leaves it as it is. None for parameters that the operation does not take.
    """
    try:
        given = operation.parameters.model_validate(dict(parameters))
    except ValidationError:
        return None
    fields = type(given).model_fields
    values = given.model_dump(mode="json")
    special = {
        name: value
        for name, value in values.items()
        if fields[name].is_required() or getattr(given, name) != fields[name].get_default(call_default_factory=True)
    }
    return json.dumps(special, sort_keys=True)


def slug(tenant: str, work: str, name: str | None) -> str:
    """The schedule's own name at Prefect's server, where it is unique in its deployment."""
    digest = hashlib.sha256(work.encode()).hexdigest()[:10]
    return f"{tenant}-{digest}" if name is None else f"{tenant}-{digest}-{name}"


def tenant_of(row: Row) -> str:
    """The tenant whose schedule it is; nothing for a removed one."""
    return str(row.parameters.get("tenant", ""))


def parameters_of(row: Row) -> dict[str, Any]:
    """The operation's own parameters."""
    return {name: value for name, value in row.parameters.items() if name != "tenant"}


def name_of(row: Row) -> str | None:
    """The name it was added under, if any."""
    found = _ours(row)
    return found[1] if found else None


class Known:
    """The schedules of an operation, to be found by the work they do."""

    def __init__(self, operation: Operation, rows: Sequence[Row]) -> None:
        self._by_slug = {row.slug: row for row in rows}
        # The slugs of earlier releases were made of every parameter, with the defaults of their time.
        self._by_work = {
            (tenant_of(row), essence(operation, parameters_of(row)), name_of(row)): row for row in rows if _ours(row)
        }

    def find(self, tenant: str, work: str, name: str | None) -> Row | None:
        """The schedule of this work, also a removed one whose row still stands; None when there is none."""
        return self._by_slug.get(slug(tenant, work, name)) or self._by_work.get((tenant, work, name))


def _ours(row: Row) -> re.Match[str] | None:
    # Others make schedules in Prefect's UI, and those have no slug, or one of their own.
    return re.fullmatch(rf"{re.escape(tenant_of(row))}-{_DIGEST}(?:-(.+))?", row.slug or "") if tenant_of(row) else None
