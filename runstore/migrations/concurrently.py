"""Indexes made and dropped while workers go on writing, for migrations of tables that may be large."""

from collections.abc import Generator
from contextlib import contextmanager

from alembic import op


def create_index(definition: str, *, unique: bool = False) -> None:
    """Makes the index, `name ON table (…)`, without keeping anyone from writing, also where a build had failed.

    Ends the migration's transaction: what stands before it is kept even if the index fails; make it safe to repeat.
    """
    drop_index(definition.split()[0])
    with _patiently():
        op.execute(f"CREATE {'UNIQUE ' if unique else ''}INDEX CONCURRENTLY {definition}")


def drop_index(name: str) -> None:
    with _patiently():
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")


@contextmanager
def _patiently() -> Generator[None]:
    # A concurrent build waits for every transaction that began before it, and keeps nobody waiting meanwhile.
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")
        op.execute("SET statement_timeout = 0")
        try:
            yield
        finally:
            op.execute("SET lock_timeout = '5s'")
            op.execute("SET statement_timeout = '10min'")
