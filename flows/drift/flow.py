"""The flow of `drift.generate`."""

from __future__ import annotations

from flows._tracking.tracked_flow import TrackedRun, tracked_flow
from flows.drift.comparing import compare_and_keep
from flows.drift.operation import OPERATION, DriftParameters


@tracked_flow(OPERATION, own_steps=True)
def generate_drift(run: TrackedRun, parameters: DriftParameters) -> None:
    """Compares two syncs and keeps what differs as findings, all in one transaction."""
    compare_and_keep(run, parameters)
