"""Finds the producers: every folder under flows/ with an operation.py. A broken or double one fails loudly."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType

import flows
from flows.producer import Operation
from runstore.errors import TenantAtlasError
from runstore.reasons import Catalogue


class BrokenProducerError(TenantAtlasError):
    """A producer's folder cannot be used."""


@cache
def operations() -> Mapping[str, Operation]:
    """Every operation by its type (`drift.generate`), sorted. BrokenProducerError names the folder that is at fault.

    Imports only the Prefect-free `operation.py` of each producer.
    """
    found: dict[str, Operation] = {}
    for folder in producer_folders():
        name = f"flows.{folder.name}.operation"
        try:
            declared = importlib.import_module(name).OPERATION
        except Exception as problem:
            raise BrokenProducerError(
                f"The producer flows/{folder.name} is broken: {name} does not give an OPERATION"
                f" ({type(problem).__name__}: {problem})."
            ) from problem
        if not isinstance(declared, Operation):
            raise BrokenProducerError(
                f"The producer flows/{folder.name} is broken: OPERATION is no flows.producer.Operation."
            )
        slug = str(declared.type)
        if slug in found:
            raise BrokenProducerError(
                f"The operation {slug!r} is declared twice: by {found[slug].flow} and by {declared.flow}."
            )
        found[slug] = declared
    return MappingProxyType(dict(sorted(found.items())))


def producer_folders() -> Sequence[Path]:
    """The folders of the producers, sorted by name."""
    return [folder for folder in _folders() if not folder.name.startswith("_") and (folder / "operation.py").is_file()]


def migration_folders() -> Sequence[Path]:
    """The folders of revisions beside the core's: shared tables first, then each producer's that has some."""
    return [folder / "migrations" for folder in _folders() if any((folder / "migrations").glob("*.py"))]


def _folders() -> Sequence[Path]:
    """Every folder under flows/, sorted; of two with one name the first on the path, which is the one imports find."""
    found: dict[str, Path] = {}
    for root in flows.__path__:
        for path in Path(root).iterdir():
            if path.is_dir():
                found.setdefault(path.name, path)
    return [found[name] for name in sorted(found)]


def reasons() -> Catalogue:
    """The core's reason codes joined with every `REASONS` that a `flows/<folder>/**/reasons.py` declares.

    CatalogueError when a code is declared twice.
    """
    catalogue = Catalogue.core()
    for folder in _folders():
        for path in sorted(folder.glob("**/reasons.py")):
            module = ".".join(("flows", *path.relative_to(folder.parent).with_suffix("").parts))
            catalogue = catalogue.joined(importlib.import_module(module).REASONS)
    return catalogue
