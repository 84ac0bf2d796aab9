"""What a comparison of two stored syncs costs, beside DeepDiff over the same pairs in the same process.

`python benchmarks/bench_drift.py` prints one line a promise, kept or missed, and ends with 1 if one is missed. Times are
from the start of the flow's body to findings committed: with 1 % of the policies changed, with nothing changed, and with
ten times as many policies. `--large 0` and `--no-deepdiff` leave the long parts out, and their promises with them.
"""

from __future__ import annotations

import argparse
import copy
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import orjson
from sqlalchemy import text

from deployments.local.embedded_database import EmbeddedDatabase
from flows._policies.protocol import SourcePolicy
from flows._policies.snapshots import add_policies, begin_sync, finish_sync, newest_usable
from flows._policies.stored import stored
from flows._tracking.progress import ProgressReporter
from flows._tracking.tracked_flow import TrackedRun
from flows.drift.flow import compare_and_keep
from flows.drift.operation import DriftParameters
from flows.registry import migration_folders
from runstore import migrations
from runstore.database import Database, DatabaseRole
from runstore.directory import Directory
from runstore.runs.recorder import Recorder
from runstore.tenancy import TenantScope

SETTINGS = 20
CHANGED = 0.01
ROUNDS = 5
FOLDERS = 500

MOST_SECONDS = 1.5
MOST_SECONDS_UNCHANGED = 0.3
MOST_MEGABYTES = 300
MOST_SECONDS_FOLDERS = 1.5
MOST_TIMES_COPYING = 8
MOST_OF_DEEPDIFF = 1 / 25


def policy(number: int) -> dict[str, Any]:
    """A settings-catalog policy of twenty settings, as large as those of public baselines are on average."""
    chance = random.Random(number)
    area = chance.choice(["defender", "bitlocker", "update", "privacy", "edge", "firewall", "laps"])
    settings: list[dict[str, Any]] = []
    for position in range(SETTINGS):
        identifier = f"device_vendor_msft_policy_config_{area}_setting{position:03}"
        if position % 3:
            value: dict[str, Any] = {"simpleSettingValue": {"value": chance.randrange(1000)}}
        else:
            child = {"settingDefinitionId": f"{identifier}_child", "simpleSettingValue": {"value": f"v{number}"}}
            value = {"choiceSettingValue": {"value": f"{identifier}_{chance.randrange(3)}", "children": [child]}}
        settings.append({"id": str(position), "settingInstance": {"settingDefinitionId": identifier, **value}})
    return {
        "@odata.type": "#microsoft.graph.deviceManagementConfigurationPolicy",
        "id": str(UUID(int=number)),
        "name": f"Policy {number}",
        "platforms": "windows10",
        "technologies": "mdm",
        "settings": settings,
        "assignments": [{"id": "x", "target": {"@odata.type": "#microsoft.graph.allDevicesAssignmentTarget"}}],
        "roleScopeTagIds": ["0"],
        "lastModifiedDateTime": "2026-01-01T00:00:00Z",
    }


def edited(body: dict[str, Any]) -> dict[str, Any]:
    """The policy with one setting changed."""
    changed = copy.deepcopy(body)
    changed["settings"][1]["settingInstance"]["simpleSettingValue"]["value"] = -1
    return changed


_COPY = text(
    "INSERT INTO inventory_sync_policies SELECT tenant_id, :copy, policy_id, policy_type, name, platform, subtype,"
    " content_hash, origin, mark FROM inventory_sync_policies WHERE tenant_id = :tenant AND sync_id = :source"
)


class Bench:
    """A store with one tenant, and syncs written straight into the snapshot tables."""

    def __init__(self, url: str) -> None:
        admin = Database(url, DatabaseRole.ADMIN)
        Directory(admin).add_tenant("bench", "Bench")
        self.worker = Database(url, DatabaseRole.WORKER, statement_timeout_ms=600_000)
        self.scope: TenantScope = Directory(Database(url, DatabaseRole.APP)).for_operator("bench")

    def sync(self, key: str, count: int) -> None:
        """A finished sync of `count` policies."""
        with self.worker.transaction(self.scope) as connection:
            sync_id = begin_sync(connection, self.scope, uuid4(), key, "bench")
            for start in range(0, count, 1000):
                batch = [stored(_source(policy(number)), str) for number in range(start, min(start + 1000, count))]
                add_policies(connection, self.scope, sync_id, batch)
            finish_sync(connection, self.scope, sync_id, failures=0, unread={})

    def again(self, key: str, count: int, changed: range) -> None:
        """Another finished sync of what the newest one of `{count}` holds, with the policies numbered in `changed` edited."""
        with self.worker.transaction(self.scope) as connection:
            (newest,) = newest_usable(connection, self.scope, f"{count}", limit=1)
            sync_id = begin_sync(connection, self.scope, uuid4(), key, "bench")
            connection.execute(_COPY, {"tenant": self.scope.tenant_id, "source": newest.id, "copy": sync_id})
            add_policies(
                connection, self.scope, sync_id, [stored(_source(edited(policy(number))), str) for number in changed]
            )
            finish_sync(connection, self.scope, sync_id, failures=0, unread={})

    def analyse(self, url: str) -> None:
        """Brings the planner's figures up to date, as autovacuum does on a server that has run for a minute."""
        import psycopg

        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")

    def compare(self, key: str) -> tuple[float, int]:
        """Seconds from the start of the flow's body to findings committed, and how many findings there are."""
        run_id = uuid4()
        recorder = Recorder(self.worker, self.scope)
        run = TrackedRun(run_id, 1, self.scope, self.worker, ProgressReporter(recorder, run_id, 1))
        began = time.perf_counter()
        compare_and_keep(run, DriftParameters.model_validate({"scope": key}))
        return time.perf_counter() - began, run.progress.counts.succeeded


def _source(body: dict[str, Any]) -> SourcePolicy:
    return SourcePolicy(body["id"], "settings_catalog", body["name"], "windows", body, "bench")


def deepdiff_seconds(count: int) -> tuple[float, int]:
    """Seconds DeepDiff takes over the same pairs, order ignored, and in how many it sees a difference."""
    from deepdiff import DeepDiff

    began, differing = 0.0, 0
    step = round(1 / CHANGED)
    for number in range(count):
        old = policy(number)
        new = edited(old) if number % step == 0 else copy.deepcopy(old)
        start = time.perf_counter()
        differing += bool(DeepDiff(old, new, ignore_order=True))
        began += time.perf_counter() - start
    return began, differing


def folders_seconds(count: int) -> tuple[float, float]:
    """What `tenantatlas drift diff` takes over two folders of `count` policies, 1 % edited, the process's start included: the least
    seconds of a processor, and how many times those of copying the same policies just before, which other load slows as much.
    """
    with tempfile.TemporaryDirectory() as root:
        sides = [Path(root) / side for side in ("before", "after")]
        for side in sides:
            side.mkdir()
        for number in range(count):
            body = policy(number)
            later = body if number % round(1 / CHANGED) else edited(body)
            for side, one in zip(sides, (body, later), strict=True):
                (side / f"{number}.json").write_bytes(orjson.dumps(one))
        bodies = [policy(number) for number in range(count)]
        times: list[float] = []
        shares: list[float] = []
        for _ in range(ROUNDS):
            began = time.process_time()
            copy.deepcopy(bodies)
            copying = time.process_time() - began
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            line = [sys.executable, "-m", "deployments.cli", "drift", "diff", *map(str, sides)]
            subprocess.run(line, check=True, capture_output=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
            shares.append(times[-1] / copying)
    say(
        f"{count:>12} policies in two folders: least {min(times):.3f} s of a processor, {min(shares):.1f} times copying them"
    )
    return min(times), min(shares)


@contextmanager
def database() -> Generator[str]:
    """The address of a migrated database of its own, gone afterwards."""
    with tempfile.TemporaryDirectory() as folder, EmbeddedDatabase(Path(folder)) as server:
        url = server.url()
        migrations.upgrade(url, migration_folders())
        yield url


def measured(bench: Bench, keys: list[str]) -> dict[str, float]:
    """The median seconds of five comparisons of each scope, printed; in turns, so that what else runs slows all alike."""
    runs: dict[str, list[tuple[float, int]]] = {key: [] for key in keys}
    for _ in range(ROUNDS):
        for key in keys:
            runs[key].append(bench.compare(key))
    medians: dict[str, float] = {}
    for key, found in runs.items():
        times = [seconds for seconds, _ in found]
        medians[key] = statistics.median(times)
        say(f"{key:>12} policies: {found[-1][1]} findings, median {medians[key]:.3f} s, worst {max(times):.3f} s")
    return medians


def measure(wanted: argparse.Namespace) -> list[tuple[str, float, float]]:
    """What was promised, what was measured, and the most it may be."""
    step = round(1 / CHANGED)
    with database() as url:
        bench = Bench(url)
        counts = [count for count in (wanted.policies, wanted.large) if count]
        for count in counts:
            bench.sync(f"{count}", count)
            bench.again(f"{count}-same", count, range(0))
            bench.again(f"{count}-same", count, range(0))
            bench.again(f"{count}", count, range(0, count, step))
        bench.analyse(url)
        medians = measured(bench, [key for count in counts for key in (f"{count}", f"{count}-same")])
    # Before DeepDiff runs, whose memory is its own.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    changed = medians[f"{wanted.policies}"]
    lines = [
        ("1 % changed, seconds", changed, MOST_SECONDS),
        ("nothing changed, seconds", medians[f"{wanted.policies}-same"], MOST_SECONDS_UNCHANGED),
        ("peak memory, stored and compared, MB", peak, MOST_MEGABYTES),
    ]
    seconds, times = folders_seconds(FOLDERS)
    lines.append((f"diff of two folders of {FOLDERS}, seconds", seconds, MOST_SECONDS_FOLDERS))
    lines.append((f"diff of two folders of {FOLDERS}, times copying", times, MOST_TIMES_COPYING))
    if wanted.large:
        times = wanted.large / wanted.policies
        lines.append((f"{times:.0f} times the policies, times the time", medians[f"{wanted.large}"] / changed, times))
    if wanted.deepdiff:
        seconds, differing = deepdiff_seconds(wanted.policies)
        say(f"DeepDiff(ignore_order=True): {differing} of {wanted.policies} differ, {seconds:.1f} s")
        lines.append(("share of DeepDiff's time", changed / seconds, MOST_OF_DEEPDIFF))
    return lines


def main() -> None:
    """Measures, prints, and ends with 1 when a promise is missed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--policies", type=int, default=10_000)
    parser.add_argument("--large", type=int, default=100_000, help="a second, larger number of policies; 0 for none")
    parser.add_argument("--deepdiff", action=argparse.BooleanOptionalAction, default=True)
    missed = 0
    os.environ["TENANTATLAS_ENCRYPTION_KEY"] = "a key of the benchmark, long enough"
    for promise, value, most in measure(parser.parse_args()):
        kept = value < most
        missed += not kept
        say(f"{'kept  ' if kept else 'MISSED'} {promise:<40} {value:9.4f}, under {most:g}")
    sys.exit(1 if missed else 0)


def say(text: str) -> None:
    """One line on stdout."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
