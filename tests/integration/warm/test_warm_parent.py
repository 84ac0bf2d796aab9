"""What a warm parent does with what it is asked for, and what becomes of a request it cannot meet."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from deployments.orchestration.warm import forked_process
from deployments.orchestration.warm.fork_client import ParentEndedError, RequestRefusedError, WarmParentError
from deployments.orchestration.warm.forked_process import ProcessTree
from deployments.orchestration.warm.framing import packed
from tests.integration.warm.conftest import Forking, until_gone
from tests.support.script_parent import ScriptParent
from tests.support.stack import eventually

SLEEP = "import time; time.sleep(60)"


def test_many_large_requests_at_once_are_all_met(forking: Forking) -> None:
    request = forking.request("pass", PAD="x" * 50_000)

    async def all_at_once() -> list[int | None]:
        return await asyncio.gather(*(forking.ended(request) for _ in range(60)))

    assert forking.run(all_at_once()) == [0] * 60


def test_an_environment_of_megabytes_arrives_whole(forking: Forking) -> None:
    told = {f"PAD_{number}": "x" * 100_000 for number in range(20)}
    script = """
        import os
        with open(os.environ["OUT"], "w") as out:
            out.write(str(sum(len(value) for name, value in os.environ.items() if name.startswith("PAD_"))))
    """
    assert forking.said(script, **told) == "2000000"


def test_a_variable_that_is_no_utf_8_arrives_as_it_is(forking: Forking) -> None:
    script = """
        import os
        with open(os.environ["OUT"], "w") as out:
            out.write(repr(os.environb[b"NAME"]))
    """
    assert forking.said(script, NAME=os.fsdecode(b"caf\xe9")) == repr(b"caf\xe9")


def test_a_request_that_cannot_be_sent_leaves_nothing_behind(forking: Forking) -> None:
    request = forking.request("pass")
    # What JSON cannot say is the point.
    request.environment["NAME"] = b"bytes"  # type: ignore[assignment]
    with pytest.raises(TypeError):
        forking.run(forking.parent.fork(request))
    assert forking.parent._starting == {}
    assert forking.run(forking.ended(forking.request("pass"))) == 0


def test_a_request_that_makes_no_sense_is_refused_and_the_parent_lives(forking: Forking) -> None:
    async def nonsense() -> None:
        number = next(forking.parent._numbers)
        answer = asyncio.get_running_loop().create_future()
        forking.parent._starting[number] = answer
        forking.parent._channel.write(packed(number, {})[:-2] + b"{]")
        try:
            await answer
        finally:
            del forking.parent._starting[number]

    with pytest.raises(RequestRefusedError):
        forking.run(nonsense())
    assert forking.run(forking.ended(forking.request("pass"))) == 0


def test_a_system_that_makes_no_further_process_fails_one_start_only(forking: Forking) -> None:
    async def refused() -> tuple[str, int | None]:
        running = await forking.parent.fork(forking.request(SLEEP))
        forking.no_fork.touch()
        try:
            with pytest.raises(WarmParentError) as refusal:
                await forking.parent.fork(forking.request("pass"))
        finally:
            forking.no_fork.unlink()
        running.signal(signal.SIGKILL)
        return str(refusal.value), await until_gone(running)

    said, code = forking.run(refused())
    assert "temporarily unavailable" in said
    assert code == -signal.SIGKILL
    assert forking.run(forking.ended(forking.request("pass"))) == 0


def test_two_processes_of_one_flow_run_keep_their_own_ends(forking: Forking) -> None:
    async def both() -> tuple[int | None, int | None, int | None]:
        first, second = [await forking.parent.fork(forking.request(SLEEP, run="same")) for _ in range(2)]
        first.signal(signal.SIGKILL)
        await first.ended.wait()
        still = second.returncode
        second.signal(signal.SIGTERM)
        return await until_gone(first), still, await until_gone(second)

    assert forking.run(both()) == (-signal.SIGKILL, None, -signal.SIGTERM)


def test_a_process_can_be_signalled_the_moment_it_is_told_of(forking: Forking) -> None:
    async def at_once() -> tuple[bool, int | None]:
        forked = await forking.parent.fork(forking.request(SLEEP))
        tree = ProcessTree(forked)
        alive = tree.is_alive(forked.pid)
        tree.hard_kill(forked.pid)
        return alive, await until_gone(forked)

    assert forking.run(at_once()) == (True, -signal.SIGKILL)


def test_signals_reach_what_the_process_started(forking: Forking) -> None:
    script = """
        import os, subprocess, time
        started = subprocess.Popen(["sleep", "60"])
        with open(os.environ["OUT"], "w") as out:
            out.write(str(started.pid))
        time.sleep(60)
    """
    forking.out.unlink(missing_ok=True)

    async def killed() -> int:
        forked = await forking.parent.fork(forking.request(script))
        pid = int(await asyncio.to_thread(eventually, lambda: forking.out.exists() and forking.out.read_text()))
        ProcessTree(forked).graceful_kill(forked.pid)
        await forked.ended.wait()
        return pid

    pid = forking.run(killed())
    eventually(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


def test_a_start_that_nobody_waits_for_any_more_is_ended(forking: Forking) -> None:
    async def given_up() -> None:
        asked = asyncio.create_task(forking.parent.fork(forking.request(SLEEP)))
        await asyncio.sleep(0)
        asked.cancel()
        while not asked.done() or forking.parent._running:
            await asyncio.sleep(0.01)

    forking.run(given_up())
    children = psutil.Process(forking.parent.pid).children()
    assert eventually(lambda: all(child.status() == psutil.STATUS_ZOMBIE for child in children) or not children)


def test_an_allocation_beyond_the_memory_limit_fails_the_run_and_nothing_else(forking: Forking) -> None:
    script = "held = bytearray(400 * 1024 * 1024)"
    assert forking.run(forking.ended(forking.request(script, memory_mb=300))) == 1
    assert forking.run(forking.ended(forking.request(script, memory_mb=2048))) == 0


def test_a_memory_limit_beyond_what_the_process_may_have_is_no_error(start: Callable[..., Forking]) -> None:
    forking = start()
    resource.prlimit(forking.parent.pid, resource.RLIMIT_DATA, (512 * 1024 * 1024, 512 * 1024 * 1024))
    script = """
        import os, resource
        with open(os.environ["OUT"], "w") as out:
            out.write(str(resource.getrlimit(resource.RLIMIT_DATA)[0]))
    """
    assert forking.said(script, memory_mb=2048) == str(512 * 1024 * 1024)


def test_a_killed_parent_leaves_its_processes_watched_and_takes_no_more(start: Callable[..., Forking]) -> None:
    forking = start()

    async def orphaned() -> tuple[int | None, int | None]:
        forked = await forking.parent.fork(forking.request(SLEEP))
        os.kill(forking.parent.pid, signal.SIGKILL)
        await forking.parent.wait()
        with pytest.raises(ParentEndedError):
            await forking.parent.fork(forking.request("pass"))
        still = forked.returncode
        forked.signal(signal.SIGKILL)
        return still, await until_gone(forked)

    assert forking.run(orphaned()) == (None, forked_process.END_UNKNOWN)


def test_an_orphan_is_looked_at_where_there_is_no_descriptor_for_it(
    start: Callable[..., Forking], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(pid: int) -> int:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "pidfd_open", refused)
    forking = start()

    async def orphaned() -> tuple[int | None, int | None]:
        forked = await forking.parent.fork(forking.request(SLEEP))
        os.kill(forking.parent.pid, signal.SIGKILL)
        while forking.parent.alive:
            await asyncio.sleep(0.01)
        still = forked.returncode
        forked.signal(signal.SIGKILL)
        return still, await until_gone(forked)

    assert forking.run(orphaned()) == (None, forked_process.END_UNKNOWN)


def test_a_retired_parent_ends_after_its_last_process(start: Callable[..., Forking]) -> None:
    forking = start()

    async def retired() -> int | None:
        forked = await forking.parent.fork(forking.request(SLEEP))
        forking.parent.retire()
        assert forked.returncode is None
        forked.signal(signal.SIGTERM)
        await forking.parent.wait()
        return forked.returncode

    assert forking.run(retired()) == -signal.SIGTERM


@contextmanager
def descriptors_left(number: int) -> Iterator[None]:
    """While the block runs, this process can open that many more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    held: list[int] = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(open_descriptors()) + 1 + number, hard))
    try:
        with suppress(OSError):
            while True:
                held.append(os.open(os.devnull, os.O_RDONLY))
        for descriptor in held[:number]:
            os.close(descriptor)
        del held[:number]
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for descriptor in held:
            os.close(descriptor)


def open_descriptors() -> set[int]:
    return {int(descriptor.name) for descriptor in Path("/proc/self/fd").iterdir()}


@pytest.mark.parametrize("left", [0, 2])
def test_no_descriptor_left_is_an_error_with_a_sentence_and_leaves_nothing_open(forking: Forking, left: int) -> None:
    """Two are enough for the sockets and not for the process."""
    before = len(open_descriptors())
    with descriptors_left(left), pytest.raises(WarmParentError, match="cannot be started"):
        forking.run(ScriptParent.start(forking.environment))
    forking.run(asyncio.sleep(0))
    assert len(open_descriptors()) == before


def test_a_folder_called_like_ours_where_the_worker_was_started_is_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: Callable[..., Forking]
) -> None:
    (tmp_path / "deployments").mkdir()
    (tmp_path / "deployments" / "__init__.py").write_text("raise SystemExit(7)")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "__init__.py").write_text("raise SystemExit(7)")
    monkeypatch.chdir(tmp_path)
    forking = start()
    assert forking.run(forking.ended(forking.request("pass"))) == 0
