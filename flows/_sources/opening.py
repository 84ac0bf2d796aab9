"""From what a person wrote, `folder:PATH` or `graph`, to a source of policies."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import Final

from flows._sources.folder_walk import checked_root
from runstore.errors import BadInputError

FOLDER: Final = "folder:"
GRAPH: Final = "graph"


def checked_source(text: str) -> str:
    """The source in the form a run keeps: a folder by its absolute path. BadInputError says what is wrong with it.

    Looks at the folder, so that one that is missing or empty is refused before there is a run.
    """
    wanted = text.strip()
    if wanted == GRAPH:
        return GRAPH
    if not wanted.startswith(FOLDER):
        raise BadInputError(
            "The source must be folder:PATH or graph; for a folder of exports write --source folder:PATH."
        )
    path = wanted.removeprefix(FOLDER)
    if not path:
        raise BadInputError("The source folder: names no folder; write --source folder:PATH.")
    if "\x00" in path:
        raise BadInputError("The path of the source folder holds a NUL character; give the folder's real path.")
    return f"{FOLDER}{checked_root(Path(path))}"


def one_spelling(source: str) -> str:
    """The source with the path of its folder in its one spelling: without `/` at its end, or `/./`."""
    path = source.removeprefix(FOLDER)
    return f"{FOLDER}{PurePath(path)}" if source.startswith(FOLDER) and path else source


def folder_of(source: str) -> Path | None:
    """The folder a kept source names; `None` if it is not one."""
    return Path(source.removeprefix(FOLDER)) if source.startswith(FOLDER) else None
