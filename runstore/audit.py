"""Who did what to what, in one tenant. Entries are only ever added."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, insert, select, text, tuple_

from runstore.database import TenantReader
from runstore.errors import BadInputError
from runstore.fence.redaction import scrub_json
from runstore.runs.filters import Cursor
from runstore.schema import AuditEntry
from runstore.tenancy import TenantScope


def record_audit(
    connection: Connection, scope: TenantScope, verb: str, subject: str, detail: Mapping[str, Any] | None = None
) -> None:
    """Adds an entry in the caller's transaction, so that the act and its entry are both there or neither."""
    record_audits(connection, scope, verb, {subject: detail or {}})


def record_audits(
    connection: Connection,
    scope: TenantScope,
    verb: str,
    subjects: Mapping[str, Mapping[str, Any]],
    actor: str | None = None,
) -> None:
    """Adds an entry for each subject, with its detail, as `record_audit` does; `actor` names a program that acted by itself."""
    by = (scope.actor.label, scope.actor.user_id) if actor is None else (actor, None)
    entries = [
        {
            "tenant_id": scope.tenant_id,
            "actor": by[0],
            "actor_user": by[1],
            "verb": verb,
            "subject": subject,
            "detail": scrub_json(detail),
        }
        for subject, detail in subjects.items()
    ]
    if entries:
        connection.execute(insert(AuditEntry), entries)


MOST_ENTRIES: Final = 10_000
PRUNED: Final = "audit.prune"
"""The verb of an entry that says up to which place the ones before were pruned, and the hash there."""


class AuditReader(TenantReader):
    """The audit log of one tenant, for those who may see it."""

    def list(
        self,
        *,
        actor: str = "",
        verb: str = "",
        subject: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
        before: Cursor | None = None,
        limit: int = 100,
    ) -> list[dict[str, Any]]:
        """The newest entries, or those after `before`; texts are looked for within, `since` counts. BadInputError."""
        if not 1 <= limit <= MOST_ENTRIES:
            raise BadInputError(f"The limit has to be between 1 and {MOST_ENTRIES:,}.")
        where: list[ColumnElement[bool]] = [AuditEntry.tenant_id == self._scope.tenant_id]
        asked = ((AuditEntry.actor, actor), (AuditEntry.verb, verb), (AuditEntry.subject, subject))
        where += [column.icontains(wanted.replace("\x00", ""), autoescape=True) for column, wanted in asked if wanted]
        where += [AuditEntry.at >= since] if since is not None else []
        where += [AuditEntry.at < until] if until is not None else []
        if before is not None:
            where.append(tuple_(AuditEntry.at, AuditEntry.id) < (before.created_at, before.run_id))
        newest = (AuditEntry.at.desc(), AuditEntry.id.desc())
        shown = select(*(getattr(AuditEntry, name) for name in _SHOWN)).where(*where).order_by(*newest).limit(limit)
        return [
            {**dict(zip(_SHOWN, row, strict=True)), "id": str(row.id), "at": row.at.isoformat()}
            for row in self._rows(shown)
        ]

    def verify(self) -> dict[str, Any]:
        """Whether the chain is whole: `checked` entries, `unchained` ones older than the chain, and `problems`.

        A problem at `seq` is `changed` (not what its hash says), `missing`, or `end` (the log ends before the chain
        does).
        """
        with self._database.reading(self._scope):
            found = [{"seq": seq, "what": what} for seq, what in self._rows(_BROKEN)]
            checked, unchained, last, end = self._rows(_COUNTED)[0]
        if end != last:
            found.append({"seq": end, "what": "end"})
        return {"checked": checked, "unchained": unchained, "problems": found, "whole": not found}


_SHOWN: Final = ("id", "seq", "at", "actor", "verb", "subject", "detail")
# An entry's hash is over the one before as it stands there, so what was changed shows at itself and what was put in another's
# place at both.
_BROKEN: Final = text(
    f"""
    WITH pruned AS (
      SELECT (detail ->> 'through')::bigint AS seq, decode(detail ->> 'hash', 'hex') AS hash FROM audit_log
      WHERE tenant_id = :tenant AND verb = '{PRUNED}' AND detail ? 'hash' ORDER BY audit_log.seq DESC LIMIT 1
    )
    SELECT seq, what FROM (
      SELECT e.seq, CASE
        WHEN e.seq <> coalesce(lag(e.seq) OVER in_order, (SELECT seq FROM pruned), 0) + 1 THEN 'missing'
        WHEN e.hash <> audit_hash(e, coalesce(lag(e.hash) OVER in_order, (SELECT hash FROM pruned), '')) THEN 'changed'
      END AS what
      FROM audit_log e WHERE e.tenant_id = :tenant AND e.seq IS NOT NULL
      WINDOW in_order AS (ORDER BY e.seq)
    ) checked WHERE what IS NOT NULL ORDER BY seq LIMIT {MOST_ENTRIES}
    """
)
_COUNTED: Final = text(
    """
    SELECT count(*) FILTER (WHERE seq IS NOT NULL), count(*) FILTER (WHERE seq IS NULL), coalesce(max(seq), 0),
      coalesce((SELECT h.seq FROM audit_heads h WHERE h.tenant_id = :tenant), 0)
    FROM audit_log WHERE tenant_id = :tenant
    """
)
