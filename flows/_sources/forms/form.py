"""One file of an export before anybody has read it, and what is to be known of one tool's form of writing policies down."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

Body = dict[str, Any]

SUFFIXES: Final = (".json", ".yaml", ".yml")
"""How the names of files end that may hold policies, in any case."""

ARCHIVE: Final = ".zip"


@dataclass(frozen=True, slots=True)
class ExportFile:
    """One file: where it is, how to call it, its size; `readable` is false for what is not an ordinary file."""

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
        return name[: name.rindex(".")] if name.lower().endswith((*SUFFIXES, ARCHIVE)) else name

    @property
    def is_yaml(self) -> bool:
        """Whether its name says that it holds YAML."""
        return self.origin.lower().endswith(SUFFIXES[1:])


@dataclass(frozen=True, slots=True)
class Form:
    """How one tool writes, as far as it differs from what Graph answers. Every function gets one file's content, or a part.

    `leaves_out` names files that nobody has to read: the tool's own, and those of the past. `document` turns a whole
    file into what Graph would answer, `body` one policy; both return what they were given when the form is not theirs, and
    never change it. `stem` gives the part of a file's name that belongs to the policy. `cut` tells whether a policy lost
    content on its way into the file, `own` whether something that is not a policy is the tool's own. `others` are the folders, by
    their letters and digits, where the tool keeps objects of kinds that are not asked for. `refused` recognises an
    object in a form that is not read, `refused_file` a file by its name.
    """

    tool: str
    leaves_out: Callable[[ExportFile], bool] = lambda file: False
    document: Callable[[Any, ExportFile], Any] = lambda document, file: document
    body: Callable[[Body], Body] = lambda body: body
    stem: Callable[[Body, str], str] = lambda body, stem: stem
    cut: Callable[[Body], bool] = lambda body: False
    own: Callable[[ExportFile], bool] = lambda file: False
    others: frozenset[str] = frozenset()
    refused: Callable[[Body], bool] = lambda body: False
    refused_file: Callable[[str], bool] = lambda name: False
