"""Finds the producers: every folder under flows/ with an operation.py. A broken or double one fails loudly."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType

from flows.producer import Operation
from runstore.errors import TenantAtlasError

FLOWS = Path(__file__).parent


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


def producer_folders(root: Path = FLOWS) -> Sequence[Path]:
    """The folders of the producers, sorted by name."""
    return sorted(path.parent for path in root.glob("*/operation.py") if not path.parent.name.startswith("_"))


def migration_folders(root: Path = FLOWS) -> Sequence[Path]:
    """The folders of revisions beside the core's: shared tables first, then each producer's that has some."""
    return sorted(path for path in root.glob("*/migrations") if any(path.glob("*.py")))
