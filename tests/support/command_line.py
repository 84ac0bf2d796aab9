"""The command line in the test's own process: what it printed on either side, and its exit code."""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from deployments.cli import main as cli
from tests.support.stack import environment


@dataclass
class Outcome:
    """What one command did."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """What it printed with `--json`."""
        return json.loads(self.out)


@dataclass
class CommandLine:
    """Runs commands in a home, with `variables` and a call's own as the only settings there are."""

    home: Path
    capture: pytest.CaptureFixture[str]
    variables: Mapping[str, str] = field(default_factory=dict[str, str])

    def __call__(self, *arguments: str, **variables: str) -> Outcome:
        before = signal.getsignal(signal.SIGTERM)
        with environment({"TENANTATLAS_HOME": str(self.home), **self.variables, **variables}):
            self.capture.readouterr()
            try:
                code = cli.run(arguments)
            finally:
                signal.signal(signal.SIGTERM, before)
        said = self.capture.readouterr()
        return Outcome(code, said.out, said.err)
