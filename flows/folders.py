"""Where the producers are, and one part of each: `flows/<folder>/<part>.py`. A part that is broken takes down itself alone.

Imports nothing but the standard library: the command line asks here at every start.
"""

import importlib
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Generic, TypeVar

import flows

Value = TypeVar("Value")


class BrokenPartError(Exception):
    """A part of a producer says something that cannot be used. The sentence is ours and holds no data."""


@dataclass(frozen=True, slots=True)
class Broken:
    """What is left out: a file of a producer's folder, as `flows/restore/page.py`, and why."""

    file: str
    why: str

    def __str__(self) -> str:
        return f"{self.file} is left out: {self.why}."


@dataclass(frozen=True, slots=True)
class Found(Generic[Value]):
    """A part of every producer that has it, by the folder's name, and those that are broken."""

    values: Mapping[str, Value]
    broken: Sequence[Broken]


def folders() -> Sequence[Path]:
    """Every folder under flows/, sorted; of two with one name the first on the path, which is the one imports find."""
    found: dict[str, Path] = {}
    for root in flows.__path__:
        for path in Path(root).iterdir():
            if path.is_dir():
                found.setdefault(path.name, path)
    return [found[name] for name in sorted(found)]


def producer_folders() -> Sequence[Path]:
    """The folders of the producers, sorted by name; those of this product first, so that no other takes what is theirs."""
    own = Path(__file__).parent
    found = [one for one in folders() if not one.name.startswith("_") and (one / "operation.py").is_file()]
    return sorted(found, key=lambda folder: folder.parent != own)


def parts(part: str, read: Callable[[ModuleType], Value]) -> Found[Value]:
    """What `read` gets out of `flows/<folder>/<part>.py` of each producer that has one.

    An exception of the import or of `read` makes the part a broken one; `read` raises BrokenPartError to say why itself.
    """
    values: dict[str, Value] = {}
    broken: list[Broken] = []
    for folder in producer_folders():
        path = folder / f"{part}.py"
        if not path.is_file():
            continue
        try:
            values[folder.name] = read(importlib.import_module(f"flows.{folder.name}.{part}"))
        except (Exception, SystemExit) as problem:
            broken.append(Broken(f"flows/{folder.name}/{part}.py", why(problem, folder)))
    return Found(values, broken)


def why(problem: BaseException, folder: Path) -> str:
    """What went wrong and in which line of the folder. The exception's own text may hold anything, so it is not told."""
    if isinstance(problem, BrokenPartError):
        return str(problem)
    if isinstance(problem, SyntaxError):
        return f"line {problem.lineno} is not valid Python"
    lines = [
        frame for frame in traceback.extract_tb(problem.__traceback__) if Path(frame.filename).is_relative_to(folder)
    ]
    where = f" in line {lines[-1].lineno} of {Path(lines[-1].filename).relative_to(folder)}" if lines else ""
    name = problem.name if isinstance(problem, ImportError) else None
    if name is not None and name.replace(".", "").isidentifier():
        return f"{name} cannot be imported{where}"
    return f"{type(problem).__name__}{where}"
