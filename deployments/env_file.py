"""The variables that a `.env` puts into this process's environment, told apart from those that were there."""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values

FROM_FILE = "TENANTATLAS_FROM_ENV_FILE"
"""Notes which variables came from a file; processes started by this one inherit the note with the variables."""


def read(file: Path, prefixes: tuple[str, ...]) -> dict[str, str]:
    """The file's variables with these prefixes that are not empty; none when there is no file.

    Raises OSError or UnicodeDecodeError when it cannot be read.
    """
    values = dotenv_values(file) if file.is_file() else {}
    return {name: value for name, value in values.items() if value and name.startswith(prefixes)}


def put(written: Mapping[str, str]) -> None:
    """Makes the environment say what the file says now, wherever it does not speak for itself.

    A variable that only an earlier content of the file had is unset.
    """
    ours = _from_file()
    for name in ours - written.keys():
        del os.environ[name]
    for name, value in written.items():
        if name in ours or name not in os.environ:
            os.environ[name] = value
            ours.add(name)
    os.environ[FROM_FILE] = " ".join(
        f"{name}:{_some_bits(os.environ[name])}" for name in sorted(ours) if name in os.environ
    )


def _from_file() -> set[str]:
    """The variables that still have the value a file gave them, here or in a process this one descends from."""
    found: set[str] = set()
    for entry in os.environ.get(FROM_FILE, "").split():
        name, _, bits = entry.rpartition(":")
        if name in os.environ and _some_bits(os.environ[name]) == bits:
            found.add(name)
    return found


def _some_bits(value: str) -> str:
    """Enough of a value to notice that somebody set it to another one since, and too little to tell a secret by."""
    return f"{zlib.crc32(os.fsencode(value)) & 0xFFF:03x}"
