"""From what a person wrote, `folder:PATH` or `graph`, to a source of policies, and from a folder to the files of an export: every
`*.json` and `*.yaml` below it, each real folder once, in one order."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Final

from flows._policies.recognise import types_for
from flows._sources.forms import FORMS
from flows._sources.forms.form import ARCHIVE, SUFFIXES, ExportFile
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


def checked_root(root: Path) -> Path:
    """The absolute folder; BadInputError with the one sentence that says why it is of no use."""
    try:
        resolved = root.expanduser().resolve()
        is_folder = resolved.is_dir()
        exists = resolved.exists()
    except (OSError, RuntimeError, ValueError):
        raise BadInputError(f"The folder {_shown(root)} cannot be opened; check its permissions and links.") from None
    if not exists:
        raise BadInputError(f"There is no folder {_shown(root)}; give the path of the folder that holds the export.")
    if not is_folder:
        raise BadInputError(f"{_shown(root)} is a file; give the folder that holds the exported *.json files.")
    try:
        first = next(export_files(resolved), None)
    except PermissionError:
        raise BadInputError(f"The folder {_shown(root)} may not be read; check its permissions.") from None
    if first is None:
        raise BadInputError(
            f"The folder {_shown(root)} holds no *.json file and no *.yaml one; export policies into it first.{_foreign(resolved)}"
        )
    return resolved


def export_files(root: Path) -> Iterator[ExportFile]:
    """Every `*.json`, `*.yaml` and `*.yml` below `root`, sorted folder by folder.

    Links are followed; a folder met again is not entered.
    Hidden files and folders are left out (they are of editors, archives and version control). Raises PermissionError
    when `root` itself may not be listed; a folder below it that may not comes out as one unreadable file.
    """
    yield from _folder(root, "", {os.path.realpath(root)})


def _folder(folder: Path, prefix: str, seen: set[str]) -> Iterator[ExportFile]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        if not prefix:
            raise PermissionError from None
        yield ExportFile(folder, prefix.rstrip("/"), 0, readable=False)
        return
    for entry in entries:
        name = os.fsencode(entry.name).decode("utf-8", "replace")
        if name.startswith(".") or name == "__MACOSX":
            continue
        path = Path(entry.path)
        try:
            found = os.stat(path)  # noqa: PTH116 - one call for kind and size, links followed
        except OSError:
            # A link that leads nowhere or in a circle: one that calls itself JSON or YAML claims to be a policy, and one without an
            # ending may be a folder of them.
            if Path(name).suffix.lower() in ("", *SUFFIXES):
                yield ExportFile(path, prefix + name, 0, readable=False)
            continue
        if stat.S_ISDIR(found.st_mode):
            real = os.path.realpath(path)
            if real not in seen:
                seen.add(real)
                inside = _folder(path, f"{prefix}{name}/", seen)
                if (first := next(inside, None)) is not None:
                    yield first
                    yield from inside
                elif name.lower().endswith(SUFFIXES):
                    yield ExportFile(path, prefix + name, 0, readable=False)
        elif name.lower().endswith(ARCHIVE) and types_for((name[: -len(ARCHIVE)],)):
            # The folder of a type that was never unpacked.
            yield ExportFile(path, prefix + name, found.st_size, readable=False)
        elif name.lower().endswith(SUFFIXES):
            yield ExportFile(path, prefix + name, found.st_size, readable=stat.S_ISREG(found.st_mode))


def _foreign(folder: Path) -> str:
    """A sentence more for a folder that another tool filled with files that are not read."""
    names = [entry.name for entry in folder.iterdir()]
    tools = sorted(form.tool for form in FORMS if any(map(form.refused_file, names)))
    return f" It looks like an export of {tools[0]}, which is not read." if tools else ""


def _shown(path: Path) -> str:
    return "".join(character if character.isprintable() else "?" for character in os.fspath(path))[:300]
