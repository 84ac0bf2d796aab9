"""Compares two stored syncs and stores the findings, in one transaction.

What differs between the two is settled inside the database: only that ever leaves it.
"""

import gc
from collections import Counter
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, func, or_, select, text, update

from flows._policies.canonical import CANONICAL_VERSION, body_hash, canonical, content_declared
from flows._policies.rehash import bring_up_to_date
from flows._policies.sealing import Seals
from flows._policies.secrets import protected
from flows._policies.snapshots import bodies, fingerprint_of, in_sync
from flows._policies.tables import PolicyContent, SyncPolicy
from flows.drift.attribution import attributed
from flows.drift.comparison.compare import Differences, compare
from flows.drift.comparison.findings import Comparison
from flows.drift.comparison.sides import Pair, PolicyState
from flows.drift.register.ignore_rules import rules_held
from flows.drift.register.record import save
from flows.drift.register.rule_book import severity_rules
from flows.drift.start import Chosen
from flows.drift.tables import DriftComparison, DriftFinding
from runstore.tenancy import TenantScope


@contextmanager
def _collector_at_rest() -> Generator[None]:
    """The block runs without the collector of cycles. Trees have none: what a comparison drops is freed at once as it is.

    The collector's full passes, which look through all of Prefect as well, come more often the more is found: they took a
    fifth of the time of 1,000 findings, and hardly any of 100 (`benchmarks/bench_drift.py`).
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


@_collector_at_rest()
def generate(connection: Connection, scope: TenantScope, run_id: UUID, chosen: Chosen) -> Comparison:
    """The comparison, stored as the run's findings; whatever an earlier attempt of the run stored is replaced.

    Contents hashed by older rules are brought up to date first.
    """
    baseline, current = syncs = (chosen.baseline, chosen.current)
    for sync in syncs:
        bring_up_to_date(connection, scope, sync)
    seals, rules = Seals(connection, scope), severity_rules(connection, scope)

    def fetched(hashes: Iterable[bytes]) -> Mapping[bytes, Mapping[str, Any]]:
        return bodies(connection, scope, hashes, seals)

    comparison = compare(
        differences(connection, scope, baseline.id, current.id),
        fetched,
        chosen.sides,
        rules=rules,
        fingerprint=lambda secret: fingerprint_of(connection, scope)(secret),
    )
    # Before any finding is touched, as when a rule is changed: both take the rules first, then the findings.
    rules_held(connection, scope, change=False)
    bring_findings_up_to_date(connection, scope, current.scope)
    changed_by = attributed(connection, scope, baseline, current, comparison.findings)
    save(connection, scope, run_id, chosen, comparison, changed_by, fetched, rules)
    return comparison


_DIFFERING = text(
    """
    SELECT policy_id,
           a.policy_type, a.name, a.platform, a.content_hash, a.subtype, a.origin,
           b.policy_type, b.name, b.platform, b.content_hash, b.subtype, b.origin
      FROM (SELECT policy_id, policy_type, name, platform, content_hash, subtype, origin
              FROM inventory_sync_policies WHERE tenant_id = :tenant AND sync_id = :baseline) AS a
      FULL JOIN
           (SELECT policy_id, policy_type, name, platform, content_hash, subtype, origin
              FROM inventory_sync_policies WHERE tenant_id = :tenant AND sync_id = :current) AS b
     USING (policy_id)
     WHERE a.content_hash IS DISTINCT FROM b.content_hash OR a.subtype <> b.subtype
    """
)


def differences(connection: Connection, scope: TenantScope, baseline: UUID, current: UUID) -> Differences:
    """The differences between two syncs of the tenant, by hash alone."""
    added: list[PolicyState] = []
    removed: list[PolicyState] = []
    differing: list[Pair] = []
    rows = connection.execute(_DIFFERING, {"tenant": scope.tenant_id, "baseline": baseline, "current": current})
    for policy_id, *sides in rows:
        # A side without the policy has no hash.
        old, new = (PolicyState(policy_id, *side) if side[3] else None for side in (sides[:6], sides[6:]))
        if old is not None and new is not None:
            differing.append((old, new))
        elif new is not None:
            added.append(new)
        elif old is not None:
            removed.append(old)
    kinds = (SyncPolicy.policy_type, func.coalesce(SyncPolicy.subtype, text("''")))
    by_kind = select(*kinds, func.count()).where(*in_sync(scope, current)).group_by(*kinds)
    counted = connection.execute(by_kind).all() if differing else ()
    in_both = Counter({(policy_type, subtype): count for policy_type, subtype, count in counted})
    in_both.subtract(state.kind for state in added)
    return Differences(added, removed, differing, in_both)


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
    remembered = (DriftFinding.before_hash, DriftFinding.after_hash, DriftFinding.origin_hash)
    rows = connection.execute(
        select(DriftFinding.id, DriftFinding.policy_type, *remembered, PolicyContent.content_hash)
        .join(PolicyContent, or_(*(PolicyContent.content_hash == column for column in remembered)))
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
