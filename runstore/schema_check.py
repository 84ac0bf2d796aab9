"""Refuses to work on a schema this version does not know, and says how to fix it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from runstore import migrations
from runstore.errors import SchemaMismatchError


def verify_schema(url: str, producers: Sequence[Path] = ()) -> None:
    """Nothing when the schema has every revision this version knows, or more: one release ahead is safe to work on.

    Raises SchemaMismatchError naming what was found, what is needed and the command that fixes it; StoreUnavailableError when
    the database is not reachable.
    """
    missing = migrations.missing(url, producers)
    if not missing:
        return
    found = migrations.found(url)
    state = f"is at revision {_names(found)}" if found else "is empty"
    raise SchemaMismatchError(
        f"The run store's schema {state}, and this version needs {_names(missing)}: run `tenantatlas db upgrade`."
    )


def _names(revisions: frozenset[str]) -> str:
    return ", ".join(sorted(revisions))
