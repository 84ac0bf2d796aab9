"""Indexes made and dropped while workers go on writing, for migrations of tables that may be large."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

from alembic import op


def create_index(name: str, table: str, columns: Sequence[Any], **options: Any) -> None:
    """Makes the index without keeping anyone from writing, also where a build had failed.

    Ends the migration's transaction: what stands before it is kept even if the index fails; make it safe to repeat.
    """
    with _patiently():
        op.drop_index(name, table, postgresql_concurrently=True, if_exists=True)
        op.create_index(name, table, list(columns), postgresql_concurrently=True, **options)


def drop_index(name: str, table: str) -> None:
    with _patiently():
        op.drop_index(name, table, postgresql_concurrently=True, if_exists=True)


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
