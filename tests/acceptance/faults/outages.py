"""Runs started while Prefect's server is down, twice, and what became of them.

    python -m tests.acceptance.faults.outages [RUNS]

Half of RUNS (200) is started while the server is stopped. Once it is back and a tenth of them have ended, it is stopped
again, in the middle of the others' work, and the second half is started. Afterwards each run must have ended and each
must be one flow run of Prefect. Prints what does not hold; exit code 1 then.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from pathlib import Path
from uuid import UUID

import psycopg

from deployments.local.local_stack import LocalStack
from deployments.settings import load_settings
from runstore.runs.status import TERMINAL
from runstore.tenancy import TenantScope
from tests.acceptance.faults.invariants import not_one_flow_run
from tests.support.stack import StackUnderTest, environment, eventually, fixture_producers, stack_environment

SERVER = "prefect-server"
SECONDS_A_RUN = 5.0
_ENDED = """
SELECT id, concat_ws(' ', status, failures -> 0 ->> 'reason_code', failures -> 0 ->> 'message', last_source)
FROM operation_runs WHERE tenant_id = %s AND status = ANY(%s)
"""


def twice_down(stack: StackUnderTest, scope: TenantScope, runs: int) -> list[str]:
    """What did not hold, a sentence each; empty when every run has ended and is one flow run."""
    patience = 120 + runs * SECONDS_A_RUN
    with stack.without(SERVER):
        started = _start(stack, scope, range(runs // 2))
    eventually(lambda: len(_ended(stack, scope)) >= runs // 10, seconds=patience)
    with stack.without(SERVER):
        started += _start(stack, scope, range(runs // 2, runs))
    eventually(lambda: len(_ended(stack, scope)) >= runs, seconds=patience)
    ended = _ended(stack, scope)
    found = [f"run {run_id} has not ended" for run_id in started if run_id not in ended]
    with stack.prefect() as client:
        found += not_one_flow_run(client, started)
    print(f"{runs} runs ended: {dict(Counter(ended.values()))}", flush=True)
    return found


def _start(stack: StackUnderTest, scope: TenantScope, numbers: range) -> list[UUID]:
    return [stack.start(scope, "echo.speak", {"key": str(number)}).run.id for number in numbers]


def _ended(stack: StackUnderTest, scope: TenantScope) -> dict[UUID, str]:
    with psycopg.connect(stack.running.database_url) as connection:
        return dict(connection.execute(_ENDED, (scope.tenant_id, [status.value for status in TERMINAL])).fetchall())


def main() -> int:
    """The command."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with (
        tempfile.TemporaryDirectory(prefix="outages", ignore_cleanup_errors=True) as folder,
        environment(stack_environment(Path(folder))),
        fixture_producers(),
        LocalStack(load_settings()) as running,
    ):
        stack = StackUnderTest(running)
        try:
            problems = twice_down(stack, stack.tenant("outages"), runs)
        finally:
            stack.dispose()
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
