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
            raise BrokenProducerError(f"The producer flows/{folder.name} is broken: OPERATION is no flows.producer.Operation.")
        slug = str(declared.type)
        if slug in found:
            raise BrokenProducerError(
                f"The operation {slug!r} is declared twice: by {found[slug].flow} and by {declared.flow}."
            )
        found[slug] = declared
    return MappingProxyType(dict(sorted(found.items())))


def producer_folders() -> Sequence[Path]:
    """The folders of the producers, sorted by name."""
    found = (path.parent for root in flows.__path__ for path in Path(root).glob("*/operation.py"))
    return sorted((folder for folder in found if not folder.name.startswith("_")), key=lambda folder: folder.name)


def migration_folders() -> Sequence[Path]:
    """The folders of revisions beside the core's: shared tables first, then each producer's that has some."""
    found = (path for root in flows.__path__ for path in Path(root).glob("*/migrations") if any(path.glob("*.py")))
    return sorted(found, key=lambda path: path.parent.name)


def reasons() -> Catalogue:
    """The core's reason codes joined with every `REASONS` that a `flows/<folder>/**/reasons.py` declares.

    CatalogueError when a code is declared twice.
    """
    catalogue = Catalogue.core()
    for root in flows.__path__:
        for path in sorted(Path(root).glob("*/**/reasons.py")):
            module = ".".join(("flows", *path.relative_to(root).with_suffix("").parts))
            catalogue = catalogue.joined(importlib.import_module(module).REASONS)
    return catalogue
