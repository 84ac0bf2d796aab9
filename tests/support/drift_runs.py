"""Runs of `inventory.sync` and `drift.generate` on a real store, their work done in this process without Prefect."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from flows._tracking.progress import ProgressReporter
from flows._tracking.tracked_flow import TrackedRun
from flows.drift.flow import compare_and_keep
from flows.drift.operation import DriftParameters
from flows.drift.register.reading import findings_document
from flows.drift.start import generate_request
from flows.inventory.flow import read_into_sync
from flows.inventory.operation import InventoryParameters
from flows.inventory.start import sync_request
from flows.registry import told_items
from runstore.runs.recorder import Recorder
from runstore.runs.run import Counts, RunObservation, Source
from runstore.runs.starter import StartRequest, start
from runstore.runs.status import ObservedState
from runstore.tenancy import TenantScope
from tests.conftest import Store


@dataclass
class Runs:
    """A tenant's runs, each made by a real start and worked off at once."""

    store: Store
    scope: TenantScope
    counts: dict[UUID, Counts] = field(default_factory=dict)
    compared: UUID | None = None

    def sync(self, folder: Path, key: str = "default", then: str | None = None) -> UUID:
        """The id of the run that synced this folder."""
        request = sync_request(f"folder:{folder}", key, then=then)
        run = self.begin(request)
        read_into_sync(run, InventoryParameters.model_validate(request.parameters))
        return self.end(run)

    def drift(self, **wanted: Any) -> UUID:
        """The id of the run that compared."""
        request = generate_request(self.store.app, self.scope, **wanted)
        run = self.begin(request)
        compare_and_keep(run, DriftParameters.model_validate(request.parameters))
        self.compared = self.end(run)
        return self.compared

    def found(self) -> dict[str, Any]:
        """What the last of `drift` found, in the JSON shape of the contract."""
        assert self.compared is not None
        return findings_document(self.store.app, self.scope, run_id=str(self.compared))

    def begin(self, request: StartRequest) -> TrackedRun:
        """The started run, running."""
        run = start(self.store.app, self.scope, request).run
        recorder = Recorder(self.store.worker, self.scope)
        recorder.observe(RunObservation(run.id, 1, ObservedState.RUNNING, Source.HOOK, datetime.now(UTC)))
        called = partial(told_items, self.store.worker, self.scope)
        reporter = ProgressReporter(recorder, run.id, 1, called=called)
        return TrackedRun(run.id, 1, self.scope, self.store.worker, reporter)

    def end(self, run: TrackedRun) -> UUID:
        """The id of the run, its last progress written and its end recorded."""
        run.progress._write()
        self.counts[run.run_id] = run.progress.counts
        Recorder(self.store.worker, self.scope).observe(
            RunObservation(run.run_id, 1, ObservedState.FINISHED, Source.HOOK, datetime.now(UTC))
        )
        return run.run_id


def export(folder: Path, bodies: Sequence[Mapping[str, Any]]) -> Path:
    """A folder that holds one file for each body."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, body in enumerate(bodies):
        (folder / f"{number:05}.json").write_text(json.dumps(body))
    return folder


def policy(policy_id: str, name: str = "A policy", value: Any = 1, **more: Any) -> dict[str, Any]:
    """A small settings-catalog policy with one setting."""
    return {
        "@odata.type": "#microsoft.graph.deviceManagementConfigurationPolicy",
        "id": policy_id,
        "name": name,
        "platforms": "windows10",
        "technologies": "mdm",
        "settings": [
            {
                "id": "0",
                "settingInstance": {
                    "settingDefinitionId": "device_vendor_msft_policy_config_defender_avgcpuloadfactor",
                    "simpleSettingValue": {"value": value},
                },
            }
        ],
        "assignments": [],
        **more,
    }
