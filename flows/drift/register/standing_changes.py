"""What stands open after several steps: the changes since a finding began, not those of its last step alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import ColumnElement, Text, case, cast, func

from flows._policies.sealing import SealedRows
from flows.drift.comparison.compare import pair_changes, rated
from flows.drift.comparison.findings import Finding, FindingKind
from flows.drift.comparison.not_read import Sides
from flows.drift.comparison.severity import SeverityRule
from flows.drift.comparison.states import Bodies, PolicyState
from flows.drift.register.life import FindingStatus, KnownFinding
from flows.drift.tables import DriftFinding, DriftRunFinding


def since_it_began(
    known: KnownFinding, finding: Finding, bodies: Bodies, sides: Sides, rules: Sequence[SeverityRule]
) -> Finding:
    """The finding with everything that differs from what was there before it began; as it is where that is the same.

    A value that goes critical and is followed by a rename is still critical. What somebody accepted is where it begins. Where
    the earlier content is no longer kept, it stays as it is.
    """
    goes_on = known.after_hash in (finding.before_hash, finding.after_hash) and known.after_hash is not None
    if finding.kind is not FindingKind.MODIFIED or not goes_on or not _is_undecided(known.status):
        return finding
    is_back = finding.after_hash in (known.before_hash, known.origin_hash)
    if is_back or known.before_hash == finding.before_hash or finding.after_hash is None:
        return finding
    if known.before_hash is None:
        # It came, and was changed before anybody spoke for it: it is still one that came.
        return rated(replace(finding, kind=FindingKind.ADDED, changes=(), before_hash=None), rules)
    old, new = (
        PolicyState(
            finding.policy_id or "", finding.policy_type, finding.policy_name or "", None, digest, origin=origin
        )
        for digest, origin in ((known.before_hash, ""), (finding.after_hash, finding.origin))
    )
    changes = pair_changes(old, new, bodies, sides)
    return rated(replace(finding, changes=changes, before_hash=known.before_hash), rules) if changes else finding


def _is_undecided(status: FindingStatus) -> bool:
    return status in (FindingStatus.OPEN, FindingStatus.ACKNOWLEDGED)


_IS_MORE = DriftFinding.changes_run_id == DriftFinding.last_run_id

AS_IT_STANDS = (
    # A run that was attempted again may not have found it the second time: what the register knows itself stands in.
    case((_IS_MORE, DriftFinding.kind), else_=func.coalesce(DriftRunFinding.kind, DriftFinding.kind)).label("kind"),
    case((_IS_MORE, DriftFinding.severity), else_=func.coalesce(DriftRunFinding.severity, DriftFinding.severity)).label(
        "severity"
    ),
    case((_IS_MORE, DriftFinding.changes), else_=DriftRunFinding.changes).label("changes"),
)
"""SQL: kind, severity and changes of a finding joined with what its last run found."""


def _unsealed(column: Any) -> ColumnElement[bool]:
    return (func.json_typeof(column) == "array") & (cast(column, Text) != "[]")


SEALED: Final = (
    SealedRows(
        DriftFinding,
        ("id",),
        ("changes",),
        _unsealed(DriftFinding.changes),
        lambda seals, row: {"changes": seals.kept_json(row.changes, row.id.bytes)},
    ),
    SealedRows(
        DriftRunFinding,
        ("run_id", "finding_id"),
        ("changes",),
        _unsealed(DriftRunFinding.changes),
        lambda seals, row: {"changes": seals.kept_json(row.changes, row.finding_id.bytes)},
    ),
)
"""What of the register is sealed: the changes, with what was there before and after."""
