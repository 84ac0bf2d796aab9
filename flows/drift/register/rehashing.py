"""Brings the hashes that findings remember to the canonical rules in force, so that a new rule leaves none open for ever.

A finding is resolved when its policy shows the content it had before, and that is told by hash. Twice gives the same.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Connection, or_, select, update

from flows._policies.canonical import CANONICAL_VERSION, body_hash, canonical, content_declared
from flows._policies.secrets import protected
from flows._policies.snapshots import bodies, fingerprint_of
from flows._policies.tables import PolicyContent
from flows.drift.tables import DriftComparison, DriftFinding
from runstore.tenancy import TenantScope


def bring_findings_up_to_date(connection: Connection, scope: TenantScope, scope_key: str) -> int:
    """How many findings of the scope got a new hash; 0, and one look, where its newest comparison was made by these rules.

    Resolved ones count: the value they return to is told by hash, too.
    """
    newest = connection.execute(
        select(DriftComparison.canonical_version)
        .where(DriftComparison.tenant_id == scope.tenant_id, DriftComparison.scope == scope_key)
        .order_by(DriftComparison.created_at.desc())
        .limit(1)
    ).scalar_one_or_none()
    if newest == CANONICAL_VERSION:
        return 0
    rows = connection.execute(
        select(
            DriftFinding.id,
            DriftFinding.policy_type,
            DriftFinding.before_hash,
            DriftFinding.after_hash,
            DriftFinding.origin_hash,
            PolicyContent.content_hash,
        )
        .join(
            PolicyContent,
            or_(
                PolicyContent.content_hash == DriftFinding.before_hash,
                PolicyContent.content_hash == DriftFinding.after_hash,
                PolicyContent.content_hash == DriftFinding.origin_hash,
            ),
        )
        .where(
            DriftFinding.tenant_id == scope.tenant_id,
            DriftFinding.scope == scope_key,
            PolicyContent.tenant_id == scope.tenant_id,
            PolicyContent.canonical_version != CANONICAL_VERSION,
        )
    ).all()
    moved: set[UUID] = set()
    fingerprint = fingerprint_of(connection, scope)
    for finding_id, policy_type, before, after, origin, digest in rows:
        # One body at a time: there may be many, and some are large.
        body = bodies(connection, scope, [bytes(digest)])[bytes(digest)]
        body = protected(body, fingerprint, content_declared(policy_type))
        fresh = body_hash(body, canonical(policy_type, body))
        if fresh != bytes(digest):
            sides = {"before_hash": before, "after_hash": after, "origin_hash": origin}
            values = {name: fresh for name, one in sides.items() if one is not None and bytes(one) == bytes(digest)}
            connection.execute(update(DriftFinding).where(DriftFinding.id == finding_id).values(values))
            moved.add(finding_id)
    return len(moved)
