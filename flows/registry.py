"""What the producers declare: operations, reason codes, migrations. Nothing lists them; see `flows.folders`."""

import importlib
import logging
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType, ModuleType

from flows.folders import Broken, BrokenPartError, Found, folders, parts, why
from flows.producer import Operation
from runstore.database import Database
from runstore.errors import BadInputError, StoreUnavailableError
from runstore.ids import by_name
from runstore.reasons import Catalogue
from runstore.tenancy import TenantScope

_log = logging.getLogger("flows.registry")


def operations() -> Mapping[str, Operation]:
    """Every operation that can be used, by its type (`drift.generate`), sorted. `broken` says which are left out.

    Imports only the Prefect-free `operation.py` of each producer.
    """
    return _declared().values


def operation_named(name: str) -> Operation:
    """The operation of that name. BadInputError says which there are, and which producers are left out."""
    found = operations().get(name)
    if found is None:
        left_out = "".join(f" {one}" for one in broken())
        raise BadInputError(f"{name[:80]!r} is not an operation here; there are {', '.join(operations())}.{left_out}")
    return found


def broken() -> Sequence[Broken]:
    """The producers whose operations are left out, and why."""
    return _declared().broken


def forget() -> None:
    """The producers are looked for again: the import path has changed."""
    _declared.cache_clear()


@cache
def _declared() -> Found[Operation]:
    found: dict[str, Operation] = {}

    def read(module: ModuleType) -> None:
        declared = getattr(module, "OPERATION", None)
        if not isinstance(declared, Operation):
            raise BrokenPartError("its OPERATION has to be a flows.producer.Operation")
        if fault := declared.fault():
            raise BrokenPartError(fault)
        slug = str(declared.type)
        if slug in found:
            raise BrokenPartError(f"{slug} is declared already, by {found[slug].flow}")
        found[slug] = declared

    read_parts = parts("operation", read)
    return Found(MappingProxyType(dict(sorted(found.items()))), read_parts.broken)


def migration_folders() -> Sequence[Path]:
    """The folders of revisions beside the core's: shared tables first, then each producer's that has some."""
    return [folder / "migrations" for folder in folders() if any((folder / "migrations").glob("*.py"))]


def reasons() -> Catalogue:
    """The core's reason codes joined with every `REASONS` that a `flows/<folder>/**/reasons.py` declares.

    Codes that cannot be read, or that are declared already, are left out with a line in the log.
    """
    catalogue = Catalogue.core()
    for folder in folders():
        for path in sorted(folder.glob("**/reasons.py")):
            module = ".".join(("flows", *path.relative_to(folder.parent).with_suffix("").parts))
            try:
                catalogue = Catalogue(catalogue.values(), importlib.import_module(module).REASONS)
            except (Exception, SystemExit) as problem:
                _log.error("%s", Broken(f"flows/{path.relative_to(folder.parent)}", why(problem, folder)))
    return catalogue


def told_items(database: Database, scope: TenantScope, items: Sequence[str]) -> Mapping[str, str]:
    """The items of a run as text shows them, by their names where they have one; none while the store is away."""
    # Imported here: who asks which operations there are needs no policies and no store.
    from flows._policies.known_names import item_names

    try:
        names = item_names(database, scope, items)
    except StoreUnavailableError:
        return {}
    return {item: by_name(item, names) for item in names}
