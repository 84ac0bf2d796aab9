"""How long after a Prefect state its row says so: from Prefect's own state timestamp to the row's write, over 200 runs.

The aim is a 95th percentile under 100 ms. The floor is one read of a flow run from Prefect's API, which a hook in another process
needs, and the row's own statement.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from datetime import datetime
from pathlib import Path
from uuid import UUID, uuid4

import psycopg

from deployments.local.local_stack import LocalStack
from deployments.settings import load_settings
from tests.support.stack import StackUnderTest, environment, fixture_producers, stack_environment

RUNS, AT_ONCE = 200, 1

# The write's own clock, by a trigger: the row itself keeps Prefect's time of the transition.
WATCH = """
CREATE TABLE seen (run uuid, status text, at timestamptz);
CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN INSERT INTO seen VALUES (NEW.id, NEW.status, clock_timestamp()); RETURN NULL; END $$;
CREATE TRIGGER see AFTER UPDATE OF status ON operation_runs FOR EACH ROW
  WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION see();
"""


def show(name: str, seconds: list[float]) -> None:
    """Median and 95th percentile."""
    ordered = sorted(seconds)
    median, high = statistics.median(ordered) * 1000, ordered[int(len(ordered) * 0.95)] * 1000
    print(f"{name:<34} median {median:7.1f} ms   p95 {high:7.1f} ms   over {len(ordered)}")


def prefect_times(stack: StackUnderTest, flow_run_id: UUID) -> dict[str, datetime]:
    """When Prefect's server says that the flow run began and ended."""
    with stack.prefect() as client:
        states = client.get("flow_run_states/", params={"flow_run_id": str(flow_run_id)}).json()
    return {state["type"]: datetime.fromisoformat(state["timestamp"]) for state in states}


def main() -> None:
    """Prints the figures."""
    with (
        tempfile.TemporaryDirectory(prefix="bench", ignore_cleanup_errors=True) as folder,
        environment(stack_environment(Path(folder))),
        fixture_producers(),
        LocalStack(load_settings()) as running,
    ):
        stack = StackUnderTest(running)
        scope = stack.tenant("bench")
        with psycopg.connect(running.database_url, autocommit=True) as connection:
            connection.execute(WATCH)
        details = []
        for _ in range(RUNS // AT_ONCE):
            started = [stack.start(scope, "echo.speak", {"key": str(uuid4())}).run.id for _ in range(AT_ONCE)]
            details += [stack.until(scope, run_id) for run_id in started]
        with psycopg.connect(running.database_url) as connection:
            seen = {(run, status): at for run, status, at in connection.execute("SELECT * FROM seen").fetchall()}
        begun: list[float] = []
        ended: list[float] = []
        for detail in details:
            assert detail.run.flow_run_id is not None
            said = prefect_times(stack, detail.run.flow_run_id)
            begun.append((seen[(detail.run.id, "running")] - said["RUNNING"]).total_seconds())
            ended.append((seen[(detail.run.id, "completed")] - said["COMPLETED"]).total_seconds())
        show("Running in Prefect to the row", begun)
        show("Completed in Prefect to the row", ended)
        floor: list[float] = []
        with stack.prefect() as client:
            for detail in details:
                before = time.perf_counter()
                client.get(f"flow_runs/{detail.run.flow_run_id}").raise_for_status()
                floor.append(time.perf_counter() - before)
        show("floor: one read of a flow run", floor)
        stack.dispose()


if __name__ == "__main__":
    main()
