"""One file of an export, before anybody has read it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

SUFFIXES: Final = (".json", ".yaml", ".yml")
"""How the names of files end that may hold policies, in any case."""


@dataclass(frozen=True, slots=True)
class ExportFile:
    """One file: where it is, how to call it, its size; `readable` is false for what is no ordinary file."""

    path: Path
    origin: str
    size: int
    readable: bool

    @property
    def folders(self) -> tuple[str, ...]:
        """The names of the folders it lies in below the export's root, innermost first."""
        return tuple(reversed(self.origin.split("/")[:-1]))

    @property
    def stem(self) -> str:
        """The file's name without its ending."""
        name = self.origin.rsplit("/", 1)[-1]
        ending = next((suffix for suffix in SUFFIXES if name.lower().endswith(suffix)), "")
        return name[: len(name) - len(ending)]

    @property
    def is_yaml(self) -> bool:
        """Whether its name says that it holds YAML."""
        return self.origin.lower().endswith(SUFFIXES[1:])


def may_hold_policies(name: str) -> bool:
    """Whether a file of this name is read at all."""
    return name.lower().endswith(SUFFIXES)
