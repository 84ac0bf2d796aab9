"""A Chromium to drive: one that is there, else the distribution's package, else Playwright's own download, else a sentence."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome", "microsoft-edge-stable")
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage")
MISSING = (
    "No Chromium or Chrome is here, and neither the distribution's package nor Playwright's download could be had. "
    "Install one (Debian, Ubuntu: `apt-get install chromium`), or name one in TENANTATLAS_TEST_BROWSER."
)
PACKAGE_MANAGER_SECONDS = 600.0


class NoBrowserError(Exception):
    """No browser, and none to be had."""


@cache
def chromium() -> str:
    """The path of a browser's program. NoBrowserError, saying what to install, when there is none."""
    for find in (_named, _installed, _downloaded, _from_distribution, _from_playwright):
        path = find()
        if path:
            return path
    raise NoBrowserError(MISSING)


def _named() -> str | None:
    path = os.environ.get("TENANTATLAS_TEST_BROWSER")
    return path if path and Path(path).is_file() else None


def _installed() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def _downloaded() -> str | None:
    # In a process of its own: the caller may have Playwright running, and a process can run it only once.
    ask = "from playwright.sync_api import sync_playwright as run\nwith run() as it: print(it.chromium.executable_path)"
    answer = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, timeout=60, check=False)
    path = answer.stdout.strip()
    return path if path and Path(path).is_file() else None


def _from_distribution() -> str | None:
    if os.name != "posix" or not shutil.which("apt-get") or os.geteuid() != 0:
        return None
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    attempt_patiently(["apt-get", "update", "-qq"], quiet)
    attempt_patiently(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"], quiet)
    return _installed()


def _from_playwright() -> str | None:
    _attempt([sys.executable, "-m", "playwright", "install", "chromium"], dict(os.environ))
    return _downloaded()


def attempt_patiently(
    command: list[str], environment: dict[str, str], *, patience: float = PACKAGE_MANAGER_SECONDS, pause: float = 2.0
) -> str:
    """Runs a command of the package manager, again while another process holds one of its locks; what it said last.

    apt can wait for dpkg's lock by itself (DPkg::Lock::Timeout) but not for the one of its lists.
    """
    give_up_at = time.monotonic() + patience
    while "Could not get lock" in (said := _attempt(command, environment)) and time.monotonic() < give_up_at:
        time.sleep(pause)
    return said


def _attempt(command: list[str], environment: dict[str, str]) -> str:
    try:
        done = subprocess.run(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        return str(problem)
    return done.stdout.decode(errors="replace")
