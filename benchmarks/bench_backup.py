"""How long add-policies takes against a Graph 100 ms away with its published limits on, beside what they allow.

    python benchmarks/bench_backup.py [POLICIES]        (1,000 by default)

For the policies named by id and for `--all`, prints the measured time, the bound and their ratio. The bound is the
larger of two: the reads of the busiest lane at the lane's limit, and the requests at the batch size and the number in
flight, 100 ms each, plus the longest chain of pages that have to follow one another. One read at a time, without
batches, is measured on a tenth of the policies and scaled. Ends with exit code 1 when naming the policies takes more
than 1.3 times its bound. Then 5,000 policies are captured in a process of their own, and the most memory it had is
printed; 400 MB or more end with exit code 1.
"""

from __future__ import annotations

import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from deployments.local.embedded_database import EmbeddedDatabase
from flows._policies.types import Lane
from flows._sources.graph import reader as graph_reader
from flows._sources.graph.limits import PUBLISHED_LIMITS, Lanes
from flows._sources.graph.settings import DEFAULT_IN_FLIGHT, GraphSettings
from flows.registry import migration_folders
from runstore import migrations
from runstore.database import Database, DatabaseRole
from runstore.directory import Directory
from runstore.runs.status import RunStatus
from tests.conftest import Store
from tests.integration.backup.conftest import KEY, Captures
from tests.support.graph_server import GraphServer
from tests.support.graph_server.policies import slug_of

ROOT = Path(__file__).parent.parent
LATENCY = 0.1
ALLOWED_RATIO = 1.3
ALLOWED_MEMORY_MB = 400
MEMORY_POLICIES = 5000


@dataclass
class Measured:
    name: str
    seconds: float
    bound: float
    requests: int
    reads: int
    processor: float

    @property
    def ratio(self) -> float:
        return self.seconds / self.bound

    def __str__(self) -> str:
        return (
            f"{self.name:<34} {self.seconds:7.1f} s   bound {self.bound:6.1f} s   ratio {self.ratio:5.2f}   "
            f"{self.requests} requests, {self.reads} reads, {self.processor:.1f} s of processor"
        )


@contextmanager
def new_store() -> Iterator[Store]:
    with tempfile.TemporaryDirectory() as home, EmbeddedDatabase(Path(home)) as server:
        migrations.upgrade(server.url(), migration_folders())
        roles = {role: Database(server.url(), role, pool_size=4) for role in DatabaseRole}
        yield Store(server.url(), roles)
        for database in roles.values():
            database.dispose()


def captures_of(store: Store, server: GraphServer) -> Captures:
    os.environ.update(server.environment)
    os.environ["TENANTATLAS_ENCRYPTION_KEY"] = KEY
    slug = f"t{time.monotonic_ns()}"
    store.directory.add_tenant(slug, "Graph", server.directory_id)
    return Captures(store, Directory(store.app).for_operator(slug))


def bound(reads: dict[str, int], requests: int, chain: float) -> float:
    limits = [PUBLISHED_LIMITS[Lane(lane)] for lane in reads]
    full_windows = [
        (math.ceil(count / limit.reads) - 1) * limit.seconds
        for count, limit in zip(reads.values(), limits, strict=True)
    ]
    return max([math.ceil(requests / DEFAULT_IN_FLIGHT) * LATENCY + chain, *full_windows])


def measure(name: str, captures: Captures, server: GraphServer, chain: float, **selection: Any) -> Measured:
    graph_reader.lanes_of = lambda endpoint, directory: Lanes()  # a fresh minute for every measurement
    server.control(reset=True, limits=True, latency=LATENCY)
    began, worked = time.monotonic(), time.process_time()
    detail = captures.run(captures.set(name), **selection)
    seconds, processor = time.monotonic() - began, time.process_time() - worked
    assert detail.run.status is RunStatus.COMPLETED, detail.failures[:3]
    counted = server.counted()
    assert counted["throttled"] == 0, "the limits were overstepped"
    return Measured(
        name,
        seconds,
        bound(counted["by_lane"], counted["requests"], chain),
        counted["requests"],
        counted["reads"],
        processor,
    )


def time_it(count: int) -> bool:
    with GraphServer.running(policies=count) as server, new_store() as store:
        held = server.policies()
        types = {key: slug_of(kind) for kind, bodies in held.items() for key in bodies}
        crawling = math.ceil(len(held["conditional_access"]) / 25) * LATENCY
        captures = captures_of(store, server)
        catalog = math.ceil(len(held["settings_catalog"]) / 25) * LATENCY
        everything = measure("--all", captures, server, catalog, all_policies=True)
        know(captures)
        named = measure("every policy named by its id", captures, server, crawling, policy_ids=sorted(types))
        tenth = [key for key in sorted(types) if types[key] != "conditional_access"][: count // 10]
        single = one_at_a_time(captures, server, tenth)
        print(
            f"{count} policies, {LATENCY * 1000:.0f} ms a request, {DEFAULT_IN_FLIGHT} in flight, batches of 20, limits on"
        )
        print(named)
        print(everything)
        print(f"{'one read at a time':<34} {single * count / len(tenth):7.1f} s   (measured on {len(tenth)})")
        return named.ratio <= ALLOWED_RATIO


def know(captures: Captures) -> None:
    """Ids are looked up in the inventory; without one they would have to be looked for in every list."""
    from flows.inventory.flow import read_into_sync
    from flows.inventory.operation import InventoryParameters
    from flows.inventory.start import sync_request
    from tests.support.drift_runs import Runs

    runs = Runs(captures.store, captures.scope)
    request = sync_request("graph")
    run = runs.begin(request)
    read_into_sync(run, InventoryParameters.model_validate(request.parameters))
    runs.end(run)


def one_at_a_time(captures: Captures, server: GraphServer, ids: list[str]) -> float:
    plain = GraphSettings.from_environment

    def slow(environ: Any = None) -> GraphSettings:
        return replace(plain(environ), in_flight=1, batch_size=1)

    GraphSettings.from_environment = slow  # type: ignore[method-assign]
    try:
        return measure("one at a time", captures, server, 0, policy_ids=ids).seconds
    finally:
        GraphSettings.from_environment = plain  # type: ignore[method-assign]


def weigh() -> None:
    """Captures 5,000 policies and prints the most memory this process had."""
    with GraphServer.running(policies=MEMORY_POLICIES) as server, new_store() as store:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        graph_reader.lanes_of = lambda endpoint, directory: Lanes()
        began = time.monotonic()
        captures = captures_of(store, server)
        detail = captures.run(captures.set("All"), all_policies=True)
        assert detail.run.counts.succeeded == MEMORY_POLICIES
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"before": before, "most": most, "seconds": time.monotonic() - began}))


def main() -> int:
    if sys.argv[1:] == ["--weigh"]:
        weigh()
        return 0
    # The variables that lead to the first server must not reach the second measurement.
    environment = dict(os.environ)
    quick = time_it(int(sys.argv[1]) if sys.argv[1:] else 1000)
    said = subprocess.run(
        [sys.executable, __file__, "--weigh"], stdout=subprocess.PIPE, check=True, cwd=ROOT, env=environment
    )
    weight = json.loads(said.stdout.splitlines()[-1])
    print(
        f"{MEMORY_POLICIES} policies captured in {weight['seconds']:.0f} s; most memory {weight['most']:.0f} MB "
        f"({weight['before']:.0f} MB before it began; {ALLOWED_MEMORY_MB} MB allowed)"
    )
    return 0 if quick and weight["most"] < ALLOWED_MEMORY_MB else 1


if __name__ == "__main__":
    sys.exit(main())
