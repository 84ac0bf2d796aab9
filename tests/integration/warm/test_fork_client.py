"""The client stands for a child of the warm parent, whatever becomes of any of the three; a run never starts twice."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest
from prefect.settings import get_current_settings

from deployments.orchestration.warm import client
from tests.support.script_parent import SCRIPT
from tests.support.stack import eventually

ENGINE_CODE = 7
CLIENT = Path(client.__file__)
ROOT = Path(__file__).parents[3]


@dataclass
class Warm:
    """A parent at work, a test's own folder, and how to start runs as Prefect's worker does."""

    home: Path
    folder: Path
    parent: subprocess.Popen[bytes]

    @property
    def path(self) -> Path:
        return self.home / "w.sock"

    @property
    def environment(self) -> dict[str, str]:
        """The variables as Prefect's worker has them; an interpreter that is started for a run would only note that."""
        prefects = get_current_settings().to_environment_variables(exclude_unset=True)
        return {
            **os.environ,
            **prefects,
            "PYTHONPATH": f"{self.home}{os.pathsep}{ROOT}",
            "OUT": str(self.folder / "out"),
        }

    @property
    def lines(self) -> list[str]:
        """What runs wrote; `engine` for one that started an interpreter."""
        out = self.folder / "out"
        return out.read_text().splitlines() if out.exists() else []

    def start(
        self, script: str = "", *, path: Path | str | None = None, client_file: Path = CLIENT, **told: str
    ) -> subprocess.Popen[bytes]:
        """A client whose child runs the script; `say` in it writes a line."""
        file = self.folder / f"{abs(hash(script))}.py"
        say = (
            "import os, signal, sys, time\ndef say(line): print(line, file=open(os.environ['OUT'], 'a'), flush=True)\n"
        )
        if not file.exists():
            file.write_text(say + textwrap.dedent(script))
        variables = {**self.environment, SCRIPT: str(file), client.SOCKET: str(self.path if path is None else path)}
        command = [sys.executable, "-I", "-S", str(client_file)]
        return subprocess.Popen(command, env={**variables, **told}, cwd=self.folder, stderr=subprocess.DEVNULL)

    def code(self, script: str = "", **told: str) -> int:
        """How a run's client ended."""
        return self.start(script, **told).wait(30)

    def watcher_and_child(self) -> tuple[psutil.Process, psutil.Process]:
        """Those of the one run there is."""
        watcher, child = eventually(lambda: psutil.Process(self.parent.pid).children(recursive=True)[:2])
        return watcher, child


@contextmanager
def begun(folder: Path) -> Iterator[Warm]:
    noted = f"print('engine', file=open(os.environ['OUT'], 'a'))\n    os._exit({ENGINE_CODE})"
    is_engine = f"'-m' in sys.orig_argv and {client.ENGINE!r} in sys.orig_argv"
    (folder / "sitecustomize.py").write_text(f"import os, sys\nif {is_engine}:\n    {noted}\n")
    warm = Warm(folder, folder, None)  # type: ignore[arg-type]
    command = [sys.executable, "-P", "-m", "tests.support.script_parent", str(warm.path)]
    with (folder / "log").open("wb") as log:
        warm.parent = subprocess.Popen(
            command, env=warm.environment, stdin=subprocess.PIPE, stdout=log, stderr=log, process_group=0
        )
    try:
        eventually(warm.path.exists)
        yield warm
    finally:
        assert warm.parent.stdin
        warm.parent.stdin.close()
        if warm.parent.poll() is None:
            os.killpg(warm.parent.pid, signal.SIGTERM)
        warm.parent.wait(30)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warm]:
    """A parent for the tests that leave it alive."""
    with begun(tmp_path_factory.mktemp("warm")) as warm:
        yield warm


@pytest.fixture
def warm(shared: Warm, tmp_path: Path) -> Warm:
    return replace(shared, folder=tmp_path)


LOOP = "say('begun')\nwhile not os.path.exists('go'): time.sleep(0.02)\nsay('done')"


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("say('x')", 0),
        ("say('x')\nsys.exit(3)", 3),
        ("say('x')\nos.kill(os.getpid(), 9)", -9),
        ("say('x')\nos.abort()", -6),
    ],
)
def test_the_childs_end_is_the_clients(warm: Warm, script: str, code: int) -> None:
    assert warm.code(script) == code
    assert warm.lines == ["x"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_go_through(warm: Warm, number: signal.Signals) -> None:
    handler = f"signal.signal({int(number)}, lambda *_: (say('told'), sys.exit(5)))\n"
    run = warm.start(handler + LOOP)
    eventually(lambda: warm.lines == ["begun"])
    run.send_signal(number)
    assert run.wait(30) == 5
    assert warm.lines == ["begun", "told"]


def test_a_run_whose_client_is_killed_goes_on_unless_it_was_told_to_stop(warm: Warm) -> None:
    run = warm.start(LOOP)
    eventually(lambda: warm.lines == ["begun"])
    run.kill()
    run.wait()
    (warm.folder / "go").touch()
    eventually(lambda: warm.lines == ["begun", "done"])
    (warm.folder / "go").unlink()
    stubborn = warm.start("signal.signal(15, lambda *_: say('no'))\n" + LOOP)
    eventually(lambda: warm.lines[2:] == ["begun"])
    _, child = warm.watcher_and_child()
    stubborn.terminate()
    eventually(lambda: warm.lines[2:] == ["begun", "no"])
    stubborn.kill()
    stubborn.wait()
    eventually(lambda: not child.is_running())


def test_a_run_outlives_its_parent_and_its_client_stands_for_it_still(tmp_path: Path) -> None:
    with begun(tmp_path) as warm:
        run = warm.start("signal.signal(15, lambda *_: say('told'))\n" + LOOP + "\nsys.exit(3)")
        eventually(lambda: warm.lines == ["begun"])
        warm.parent.kill()
        warm.parent.wait()
        run.terminate()
        eventually(lambda: "told" in warm.lines)
        assert run.poll() is None
        (warm.folder / "go").touch()
        assert run.wait(30) == 3
        assert warm.lines == ["begun", "told", "done"]


def test_a_client_whose_watcher_is_killed_waits_for_the_run_and_does_not_start_it_again(warm: Warm) -> None:
    run = warm.start(LOOP)
    eventually(lambda: warm.lines == ["begun"])
    watcher, child = warm.watcher_and_child()
    watcher.kill()
    eventually(lambda: not watcher.is_running())
    assert run.poll() is None and child.is_running()
    (warm.folder / "go").touch()
    assert run.wait(30) == client.UNKNOWN_END
    assert warm.lines == ["begun", "done"]


def test_a_parents_group_that_is_told_to_end_ends_its_runs_and_kills_those_that_stay(tmp_path: Path) -> None:
    with begun(tmp_path) as warm:
        obliging, stubborn = warm.start(LOOP), warm.start("signal.signal(15, lambda *_: say('no'))\n" + LOOP)
        eventually(lambda: warm.lines == ["begun", "begun"])
        assert warm.parent.stdin
        warm.parent.stdin.close()
        os.killpg(warm.parent.pid, signal.SIGTERM)
        assert obliging.wait(30) == -signal.SIGTERM
        assert stubborn.wait(30) == -signal.SIGKILL
        assert warm.parent.wait(30) == 0
        assert warm.lines == ["begun", "begun", "no"]


def test_a_parent_whose_worker_is_gone_starts_nothing_more_and_ends_with_its_last_run(tmp_path: Path) -> None:
    with begun(tmp_path) as warm:
        run = warm.start(LOOP)
        eventually(lambda: warm.lines == ["begun"])
        assert warm.parent.stdin
        warm.parent.stdin.close()
        eventually(lambda: warm.code() == ENGINE_CODE)
        (warm.folder / "go").touch()
        assert run.wait(30) == 0
        assert warm.parent.wait(30) == 0


def test_what_a_run_prints_goes_where_the_parent_prints(warm: Warm) -> None:
    assert warm.code("print('said to stdout')\nsys.stderr.write('said to stderr')") == 0
    eventually(lambda: b"said to stdout" in (log := (warm.home / "log").read_bytes()) and b"said to stderr" in log)


def test_a_run_has_its_own_variables_and_directory(warm: Warm) -> None:
    (there := warm.folder / "there").mkdir()
    run = "say(os.environ['ONE'] + str('TWO' in os.environ) + os.getcwd())"
    assert warm.code(run, ONE="1", TWO="2") == 0
    assert warm.code(run.replace("say", f"os.chdir({str(there)!r}) or say"), ONE="1") == 0
    assert warm.lines == [f"1True{warm.folder}", f"1False{there}"]


@pytest.mark.parametrize("name", ["PYTHONPATH", "TZ", "PREFECT_LOGGING_LEVEL", "LD_LIBRARY_PATH", "TMPDIR"])
def test_a_job_that_changes_what_an_interpreter_reads_has_its_own(warm: Warm, name: str) -> None:
    told = {name: f"{warm.home}{os.pathsep}elsewhere" if name == "PYTHONPATH" else "DEBUG"}
    assert warm.code("say('forked')", **told) == ENGINE_CODE
    assert warm.lines == ["engine"]


def test_a_hundred_at_once_run_once_each(warm: Warm) -> None:
    runs = [warm.start("say(os.environ['NAME'])\ntime.sleep(0.2)", NAME=str(number)) for number in range(100)]
    codes = Counter(run.wait(60) for run in runs)
    done = Counter(warm.lines)
    assert codes[0] + codes[ENGINE_CODE] == 100, codes
    assert done.pop("engine", 0) == codes[ENGINE_CODE]
    assert set(done.values()) == {1}
    assert len(done) == codes[0]


Answer = Callable[[socket.socket], None]


@contextmanager
def answering(folder: Path, answer: Answer, *, backlog: int = 8) -> Iterator[Path]:
    """A socket at which something else than a parent answers each connection in turn."""
    path = folder / "other.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen(backlog)

        def serve() -> None:
            while True:
                try:
                    channel, _ = server.accept()
                except OSError:
                    return
                with channel:
                    answer(channel)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield path
        server.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def read(channel: socket.socket) -> None:
    """The whole request."""
    with channel.makefile("rb") as lines:
        lines.readline()


def dies_after_the_fork(channel: socket.socket) -> None:
    read(channel)
    channel.sendall(client.BEGUN)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(lambda channel: None, id="hangs up"),
        pytest.param(lambda channel: channel.recv(10), id="dies in the request"),
        pytest.param(read, id="dies between request and fork"),
        pytest.param(lambda channel: (read(channel), channel.sendall(b"what?\n")), id="speaks another language"),
        pytest.param(dies_after_the_fork, id="dies with its child at once"),
    ],
)
def test_a_parent_that_does_not_fork_leaves_the_run_to_its_client(warm: Warm, answer: Answer) -> None:
    with answering(warm.folder, answer) as path:
        assert warm.start("say('forked')", path=path).wait(30) in (ENGINE_CODE, client.UNKNOWN_END)
        assert warm.lines in (["engine"], [])


def test_a_run_that_a_frozen_parent_was_to_start_is_not_started_by_it_when_it_thaws(tmp_path: Path) -> None:
    with begun(tmp_path) as warm:
        impatient = tmp_path / "impatient.py"
        impatient.write_text(CLIENT.read_text().replace("ANSWER_SECONDS = 5, 20.0", "ANSWER_SECONDS = 5, 0.5"))
        warm.parent.send_signal(signal.SIGSTOP)
        assert warm.start("say('forked')", client_file=impatient).wait(30) == ENGINE_CODE
        warm.parent.send_signal(signal.SIGCONT)
        assert warm.code("say('later')") == 0
        eventually(lambda: not psutil.Process(warm.parent.pid).children())
        assert warm.lines == ["engine", "later"]


def test_no_socket_a_stale_one_and_a_file_are_no_parent(warm: Warm) -> None:
    stale, file = warm.folder / "stale.sock", warm.folder / "file"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(stale))
    file.touch()
    for path in ("", warm.folder / "none.sock", stale, file, "x" * 200):
        assert warm.start("say('forked')", path=path).wait(30) == ENGINE_CODE
    assert warm.lines == ["engine"] * 5


def test_a_backlog_that_stays_full_is_waited_for_only_a_while(warm: Warm) -> None:
    path = warm.folder / "full.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen(0)
        waiting = socket.socket(socket.AF_UNIX)
        waiting.connect(str(path))
        assert warm.start("say('forked')", path=path).wait(30) == ENGINE_CODE
        # A place that becomes free in time is taken.
        run = warm.start("say('forked')", path=path)
        time.sleep(1)  # the wait itself
        server.accept()[0].close()
        server.settimeout(3)
        with server.accept()[0] as channel:
            read(channel)
        assert run.wait(30) == ENGINE_CODE
        waiting.close()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user as well")
def test_another_users_socket_is_told_nothing(warm: Warm, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    path, heard = tmp_path / "theirs.sock", tmp_path / "heard"
    listen = (
        f"import os, socket\nos.setuid(65534)\ns = socket.socket(socket.AF_UNIX)\ns.bind({str(path)!r})\ns.listen()\n"
        f"c, _ = s.accept()\nopen({str(heard)!r}, 'wb').write(c.recv(100))\n"
    )
    for parent in tmp_path.parents:
        if parent.stat().st_uid == 0 and parent.is_relative_to(os.environ.get("PYTEST_DEBUG_TEMPROOT", "/tmp")):
            parent.chmod(parent.stat().st_mode | 0o011)
    other = subprocess.Popen([sys.executable, "-c", listen])
    eventually(path.exists)
    assert warm.start("say('forked')", path=path).wait(30) == ENGINE_CODE
    assert other.wait(30) == 0
    assert heard.read_bytes() == b""
