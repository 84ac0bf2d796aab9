"""The command line on the sample exports: exactly the written-down changes, and none where nothing changed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.drift_compare import compared, folder_snapshot
from tests.support.stack import StackUnderTest

SAMPLES = Path(__file__).parents[2] / "deployments" / "samples" / "acme"


@pytest.fixture
def command(stack: StackUnderTest) -> Callable[..., Any]:
    """Runs `tenantatlas … --json` against the stack; answers the document. Exit codes 0 and 1 are runs that were made."""
    environment: Mapping[str, str] = {**os.environ, **stack.running.environment}

    def run(*words: str) -> Any:
        done = subprocess.run(
            [sys.executable, "-m", "deployments.cli", *words, "--json"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode in (0, 1), done.stderr
        return json.loads(done.stdout)

    return run


def changed_only_in_form(folder: Path, target: Path) -> None:
    """The same policies with other dates, other key order, other encodings, and metadata."""
    for number, path in enumerate(sorted(folder.rglob("*.json"))):
        copy = target / path.relative_to(folder)
        copy.parent.mkdir(parents=True, exist_ok=True)
        try:
            body = json.loads(path.read_text("utf-8-sig"))
        except ValueError:
            copy.write_bytes(path.read_bytes())
            continue
        if isinstance(body, dict) and "id" in body:
            body = dict(reversed(body.items()))
            body["lastModifiedDateTime"] = "2026-11-20T10:00:00Z"
            body["@odata.editLink"] = "https://graph.microsoft.com/beta/x"
        text = json.dumps(body, indent=number % 3 or None, ensure_ascii=number % 2 == 0)
        copy.write_bytes(text.encode(("utf-8", "utf-8-sig", "utf-16")[number % 3]))


def told(document: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """What each finding says, down to the place of each change."""
    places = ("facet", "setting", "path", "change")
    return sorted(
        (
            one["kind"],
            one.get("policy_id") or "",
            one["policy_type"],
            tuple(sorted(tuple(str(change[place]) for place in places) for change in one.get("changes") or ())),
        )
        for one in document["findings"]
    )


@pytest.mark.stack
@pytest.mark.timeout(600)
def test_known_changes_are_found(stack: StackUnderTest, command: Callable[..., Any]) -> None:
    scope = stack.tenant("by-command")
    before, after = (folder for folder in sorted(SAMPLES.iterdir()) if folder.is_dir())
    for folder in (before, after):
        started = command("inventory", "sync", "--tenant", scope.slug, "--source", f"folder:{folder}", "--wait")
        assert started["run"]["bucket"] in ("succeeded", "partial")
    drift = command("drift", "generate", "--tenant", scope.slug, "--scope", "default", "--wait")
    assert drift["run"]["type"] == "drift.generate"
    found = command("drift", "findings", "--tenant", scope.slug)
    expected = json.loads((SAMPLES / "expected.json").read_text())
    assert told(found) == told(expected)


def test_form_alone_is_no_change(tmp_path: Path) -> None:
    """The two folders are read by the source that a sync reads with."""
    first = max(folder for folder in SAMPLES.iterdir() if folder.is_dir())
    changed_only_in_form(first, tmp_path)
    assert folder_snapshot(tmp_path).policies
    assert compared(folder_snapshot(first), folder_snapshot(tmp_path)).findings == []
