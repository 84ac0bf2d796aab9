"""Runs the tests of a module against each of its breaks and shows what they did not notice.

Each break is tried in a process of its own, which is given the broken module in place of the file: nothing is written into
the tree. All share one database server, whose template is made once. Ends with 1 when fewer than 85 % are noticed or a break
is neither noticed nor listed with a reason.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType

import pytest
from hypothesis import Phase, settings

from deployments.local.embedded_database import EmbeddedDatabase
from tests.conftest import SHARED_POSTGRES, migrated_template
from tests.mutants.breaking import Break, breaks
from tests.mutants.catalogue import MODULES, SLOW, UNNOTICED

ROOT = Path(__file__).parents[2]
AT_ONCE = os.cpu_count() or 1
OURS = ("runstore", "flows", "monitoring_app", "deployments", "tests")
LEAST_NOTICED = 0.85
EARLY = "ignore:Module already imported:pytest.PytestAssertRewriteWarning"
"""Hypothesis is imported here already. Its own assertions need no rewriting."""


class _Broken(SourceFileLoader):
    """Gives one module another source, and leaves every other import alone."""

    source = ""

    def get_code(self, fullname: str) -> CodeType:
        return compile(self.source, self.path, "exec", dont_inherit=True)

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        return (
            importlib.util.spec_from_file_location(fullname, self.path, loader=self) if fullname == self.name else None
        )


@dataclass
class _Trial:
    """A run of the tests against one source. `told` holds what pytest printed."""

    module: str
    source: str
    told: Path
    broken: Break | None = None
    pid: int = 0
    began: float = 0.0

    def begin(self) -> None:
        self.began = time.monotonic()
        self.pid = os.fork()
        if self.pid == 0:
            code = 70
            try:
                code = self._test()
            finally:
                os._exit(code)

    def _test(self) -> int:
        os.setsid()
        output = os.open(self.told, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        for descriptor in (1, 2):
            os.dup2(output, descriptor)
        for name in [name for name in sys.modules if name.partition(".")[0] in OURS]:
            del sys.modules[name]
        # One example that fails is enough, and the same ones are tried each time.
        settings.register_profile("breaks", phases=(Phase.explicit, Phase.generate), derandomize=True, database=None)
        settings.load_profile("breaks")
        loader = _Broken(self.module.removesuffix(".py").replace("/", "."), str(ROOT / self.module))
        loader.source = self.source
        sys.meta_path.insert(0, loader)
        place = f"--basetemp={self.told}.files"
        words = ("-x", "-q", "-p", "no:cacheprovider", "-W", EARLY, "-k", SLOW, "--tb", "line", place)
        return int(pytest.main([*words, *MODULES[self.module]]))

    def ended(self, seconds: float) -> int | None:
        """The exit code; None while the tests run, and 1 when they were ended because they took too long."""
        done, status = os.waitpid(self.pid, os.WNOHANG)
        if not done and time.monotonic() - self.began < seconds:
            return None
        # A server that a broken module started ends with its trial.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        if done:
            return os.waitstatus_to_exitcode(status)
        os.waitpid(self.pid, 0)
        return 1


def _try_all(trials: Sequence[_Trial], seconds: float) -> dict[int, int]:
    """The exit code of each trial, by its number."""
    codes: dict[int, int] = {}
    waiting, running = list(enumerate(trials)), dict[int, _Trial]()
    while waiting or running:
        while waiting and len(running) < AT_ONCE:
            number, trial = waiting.pop(0)
            trial.begin()
            running[number] = trial
        for number, trial in list(running.items()):
            if (code := trial.ended(seconds)) is not None:
                codes[number] = code
                del running[number]
        time.sleep(0.02)
    return codes


def _module(module: str, told: Path) -> tuple[int, list[Break]]:
    """How many breaks were made of a module, and those that nothing noticed."""
    source = (ROOT / module).read_text()
    whole = _Trial(module, source, told / "whole")
    began = time.monotonic()
    if _try_all([whole], 600) != {0: 0}:
        raise SystemExit(f"The tests of {module} do not pass as it is:\n{whole.told.read_text()[-3000:]}")
    seconds = 30 + 5 * (time.monotonic() - began)
    trials = [_Trial(module, one.source, told / str(number), one) for number, one in enumerate(breaks(source))]
    codes = _try_all(trials, seconds)
    return len(trials), [one for n, trial in enumerate(trials) if codes[n] == 0 and (one := trial.broken) is not None]


def main(words: Sequence[str]) -> int:
    """Tries the modules whose paths hold one of the words; all without any."""
    chosen = [module for module in MODULES if not words or any(word in module for word in words)]
    made = noticed = unexplained = 0
    os.chdir(ROOT)
    with tempfile.TemporaryDirectory(prefix="tenantatlas-mutants-") as place:
        home, told = Path(place) / "pg", Path(place) / "told"
        told.mkdir()
        with EmbeddedDatabase(home) as server:
            migrated_template(server)
            os.environ[SHARED_POSTGRES] = str(home)
            for module in chosen:
                began = time.monotonic()
                count, left = _module(module, told)
                made, noticed = made + count, noticed + count - len(left)
                print(f"{module}: {count - len(left)} of {count} noticed, {time.monotonic() - began:.0f} s", flush=True)
                for one in left:
                    why = UNNOTICED.get((module, one.after))
                    unexplained += why is None
                    print(f"  {one.line}: {one.before}\n    -> {one.after}\n    {why or 'NOT NOTICED'}", flush=True)
    print(f"{noticed} of {made} noticed ({noticed / max(made, 1):.1%}); {unexplained} neither noticed nor explained")
    return int(noticed < LEAST_NOTICED * made or unexplained > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
