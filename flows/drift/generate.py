"""Compares two stored syncs and stores the findings, in one transaction."""

from __future__ import annotations

import gc
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from flows._policies.rehash import bring_up_to_date
from flows._policies.sealing import Seals
from flows._policies.snapshots import bodies, fingerprint_of
from flows.drift.attribution import attributed
from flows.drift.choosing import Chosen
from flows.drift.comparison.compare import compare
from flows.drift.comparison.completeness import Completeness
from flows.drift.comparison.findings import Comparison
from flows.drift.differences import differences
from flows.drift.register.hiding import rules_held
from flows.drift.register.record import Compared, save
from flows.drift.register.rehashing import bring_findings_up_to_date
from flows.drift.register.rules import severity_rules
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


@dataclass(frozen=True, slots=True)
class _Bodies:
    seals: Seals

    def __call__(self, hashes: Iterable[bytes]) -> Mapping[bytes, Mapping[str, Any]]:
        return bodies(self.seals.connection, self.seals.scope, hashes, self.seals)


def compared(connection: Connection, scope: TenantScope, chosen: Chosen) -> Comparison:
    """The comparison of two syncs, nothing stored. Contents hashed by older rules are brought up to date first."""
    for sync in (chosen.baseline, chosen.current):
        bring_up_to_date(connection, scope, sync)
    found = differences(connection, scope, chosen.baseline.id, chosen.current.id)
    return compare(
        found.added,
        found.removed,
        found.differing,
        found.in_both,
        _Bodies(Seals(connection, scope)),
        baseline=Completeness.of_json(chosen.baseline.unread),
        current=Completeness.of_json(chosen.current.unread),
        rules=severity_rules(connection, scope),
        fingerprint=lambda secret: fingerprint_of(connection, scope)(secret),
    )


@_collector_at_rest()
def generate(connection: Connection, scope: TenantScope, run_id: UUID, chosen: Chosen) -> Comparison:
    """The comparison, stored as the run's findings; whatever an earlier attempt of the run stored is replaced."""
    comparison = compared(connection, scope, chosen)
    # Before any finding is touched, as when a rule is changed: both take the rules first, then the findings.
    rules_held(connection, scope, change=False)
    bring_findings_up_to_date(connection, scope, chosen.current.scope)
    save(
        connection,
        scope,
        Compared(
            run_id=run_id,
            scope_key=chosen.current.scope,
            against=chosen.against.value,
            baseline_sync_id=chosen.baseline.id,
            current_sync_id=chosen.current.id,
            baseline=Completeness.of_json(chosen.baseline.unread),
            current=Completeness.of_json(chosen.current.unread),
            live=chosen.live,
        ),
        comparison,
        attributed(connection, scope, chosen.baseline, chosen.current, comparison.findings),
        _Bodies(Seals(connection, scope)),
        severity_rules(connection, scope),
    )
    return comparison
