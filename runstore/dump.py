"""The whole run store in one file, and back: every row of every table, or a sentence on why not.

A ZIP archive: a member for each table, as PostgreSQL's COPY writes it, and `manifest.json`; `db upgrade` makes the schema. Both
directions work under the role that sees every tenant, as neither the owner of the tables nor a member of several does.
"""

import os
import zipfile
import zlib
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import sql
from pydantic import BaseModel

from runstore.database import DatabaseRole, driver_connection, translated_errors
from runstore.errors import BadInputError, SchemaMismatchError, StoreError

MANIFEST: Final = "manifest.json"
TABLE_SECONDS: Final = 1800.0
"""Seconds the database may take for a table before it counts as hanging."""

_TABLES: Final = """
SELECT c.relname, array_agg(a.attname ORDER BY a.attnum) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
GROUP BY 1 ORDER BY 1
"""
_REFERENCES: Final = """
SELECT conrelid::regclass::text, confrelid::regclass::text FROM pg_constraint
WHERE contype = 'f' AND conrelid <> confrelid AND connamespace = 'public'::regnamespace
"""
# A role sees every row of a table with row-level security by a policy that says so, unless a restrictive one takes some away.
_HIDDEN: Final = """
SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relrowsecurity
  AND NOT (SELECT rolbypassrls OR rolsuper FROM pg_roles WHERE rolname = %(role)s)
  AND (NOT EXISTS (SELECT FROM pg_policies p WHERE p.schemaname = 'public' AND p.tablename = c.relname
                   AND p.permissive = 'PERMISSIVE' AND p.qual = 'true' AND %(role)s = ANY(p.roles))
    OR EXISTS (SELECT FROM pg_policies p, unnest(p.roles) AS r WHERE p.schemaname = 'public' AND p.tablename = c.relname
               AND p.permissive = 'RESTRICTIVE' AND (r = 'public' OR pg_has_role(%(role)s, r, 'MEMBER'))))
ORDER BY 1
"""


class Manifest(BaseModel):
    revisions: list[str]
    rows: dict[str, int]


def dump(url: str, file: Path) -> dict[str, int]:
    """Writes the store as it is at one moment; how many rows of each table. StoreError, and no file, if not all."""
    unfinished = file.parent / f"{file.name}.unfinished"
    try:
        _refuse_other_than_file(file)
        # The owner's alone: it has every tenant's data.
        with os.fdopen(os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "w+b") as opened:
            with zipfile.ZipFile(opened, "w", zipfile.ZIP_DEFLATED) as archive, _transaction(url) as connection:
                rows = {
                    name: _write(connection, archive, name, columns) for name, columns in _tables(connection).items()
                }
                manifest = Manifest(revisions=_revisions(connection), rows=rows)
                archive.writestr(MANIFEST, manifest.model_dump_json(indent=1))
            opened.flush()
            os.fsync(opened.fileno())
        with zipfile.ZipFile(unfinished) as archive:
            if (broken := archive.testzip()) is not None:
                raise StoreError(
                    f"The file cannot be read back: {broken} is not what was written. Is the disk in order?"
                )
        unfinished.replace(file)
    except OSError as problem:
        raise BadInputError(f"{file} cannot be written: {problem.strerror or problem}.") from problem
    finally:
        # In a folder that takes no file there is none, and no way to say so but an error.
        with suppress(OSError):
            unfinished.unlink()
    return rows


def restore(url: str, file: Path) -> dict[str, int]:
    """Reads the file into an empty store, all of it or nothing; rows by table. BadInputError, SchemaMismatchError."""
    try:
        _refuse_other_than_file(file)
        with zipfile.ZipFile(file) as archive, _transaction(url) as connection:
            manifest = Manifest.model_validate_json(archive.read(MANIFEST))
            tables = _tables(connection)
            present = _revisions(connection)
            if manifest.revisions != present or manifest.rows.keys() != tables.keys():
                raise SchemaMismatchError(
                    f"The file is of the schema {', '.join(manifest.revisions)}, and the run store is at "
                    f"{', '.join(present) or 'none'}: restore it with the release that wrote it, then upgrade."
                )
            connection.execute(
                sql.SQL("LOCK TABLE {} IN EXCLUSIVE MODE").format(sql.SQL(", ").join(map(sql.Identifier, tables)))
            )
            if full := [name for name in tables if _count(connection, name)]:
                raise BadInputError(f"The run store is not empty ({full[0]} has rows): restore into a new database.")
            for name in _referenced_first(connection, tables):
                _read(connection, archive, name, tables[name])
                if (found := _count(connection, name)) != manifest.rows[name]:
                    raise BadInputError(f"{file} is not whole: {name} has {found} of {manifest.rows[name]} rows.")
    except OSError as problem:
        raise BadInputError(f"{file} cannot be read: {problem.strerror or problem}.") from problem
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, KeyError, ValueError, EOFError) as problem:
        raise BadInputError(f"{file} is not a whole file of `tenantatlas db dump`.") from problem
    return manifest.rows


def _refuse_other_than_file(file: Path) -> None:
    """A device or a pipe would be replaced by the dump, or waited for."""
    if file.exists() and not file.is_file():
        raise BadInputError(f"{file} is not a file: name one to write to, or one that `tenantatlas db dump` wrote.")


@contextmanager
def _transaction(url: str) -> Generator[psycopg.Connection[Any]]:
    """One moment of the store, under the role that sees all of it; kept if the block ends well."""
    with translated_errors(), driver_connection(url, options="-c timezone=UTC") as connection:
        connection.limit_seconds = TABLE_SECONDS
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.execute("SELECT set_config('role', %s, true)", (DatabaseRole.ADMIN,))
        if hidden := connection.execute(_HIDDEN, {"role": DatabaseRole.ADMIN}).fetchall():
            raise StoreError(f"Rows of {hidden[0][0]} are hidden from {DatabaseRole.ADMIN}: nothing was done.")
        yield connection


def _tables(connection: psycopg.Connection[Any]) -> dict[str, list[str]]:
    return {name: columns for name, columns in connection.execute(_TABLES) if name != "alembic_version"}


def _revisions(connection: psycopg.Connection[Any]) -> list[str]:
    if connection.execute("SELECT to_regclass('public.alembic_version')").fetchone() == (None,):
        return []
    return [row[0] for row in connection.execute("SELECT version_num FROM alembic_version ORDER BY 1")]


def _count(connection: psycopg.Connection[Any], name: str) -> int:
    row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(name))).fetchone()
    return 0 if row is None else int(row[0])


def _listed(columns: list[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))


def _write(connection: psycopg.Connection[Any], archive: zipfile.ZipFile, name: str, columns: list[str]) -> int:
    counted = _count(connection, name)
    out = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(_listed(columns), sql.Identifier(name))
    with connection.cursor() as cursor:
        with archive.open(name, "w", force_zip64=True) as member, cursor.copy(out) as copy:
            for piece in copy:
                member.write(piece)
        if cursor.rowcount != counted:
            raise StoreError(f"{name} has {counted} rows, and {cursor.rowcount} were written: the dump is not whole.")
    return counted


def _read(connection: psycopg.Connection[Any], archive: zipfile.ZipFile, name: str, columns: list[str]) -> None:
    # By way of a table of this transaction: PostgreSQL copies into none that has row-level security.
    parts = {"table": sql.Identifier(name), "columns": _listed(columns)}
    staged = "CREATE TEMP TABLE staged ON COMMIT DROP AS SELECT {columns} FROM {table} WITH NO DATA"
    connection.execute(sql.SQL(staged).format(**parts))
    with connection.cursor() as cursor, archive.open(name) as member, cursor.copy("COPY staged FROM STDIN") as copy:
        while piece := member.read(1 << 20):
            copy.write(piece)
    connection.execute(sql.SQL("INSERT INTO {table} ({columns}) SELECT * FROM staged").format(**parts))
    connection.execute("DROP TABLE staged")


def _referenced_first(connection: psycopg.Connection[Any], tables: Mapping[str, list[str]]) -> list[str]:
    references = connection.execute(_REFERENCES).fetchall()
    needed = {name: {to for by, to in references if by == name and to in tables} for name in tables}
    try:
        return list(TopologicalSorter(needed).static_order())
    except CycleError as ring:
        names = ", ".join(sorted(set(ring.args[1])))
        raise StoreError(f"The tables {names} refer to each other: they cannot be restored in turn.") from None
