"""How alembic runs here: one lock for all machines, short timeouts, one transaction a revision."""

import time

from alembic import context
from sqlalchemy import create_engine, pool, text

from runstore.database import sqlalchemy_url
from runstore.schema import Base

MIGRATION_LOCK = 0x7461_6F70
"""The advisory lock that every migrating process takes; its number only has to be ours."""

RETRY_SECONDS = 0.2


def run() -> None:
    engine = create_engine(
        sqlalchemy_url(context.config.attributes["url"]), poolclass=pool.NullPool, connect_args={"connect_timeout": 5}
    )
    with engine.connect() as connection:
        # Each waits for its turn by asking again: a statement that waited in the server would hold a snapshot, which an index
        # that the other machine builds concurrently would wait for in turn.
        while not connection.execute(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": MIGRATION_LOCK}).scalar_one():
            connection.rollback()
            time.sleep(RETRY_SECONDS)
        connection.rollback()
        connection.execute(text("SET lock_timeout = '5s'"))
        connection.execute(text("SET statement_timeout = '10min'"))
        connection.commit()
        try:
            context.configure(
                connection=connection,
                target_metadata=Base.metadata,
                transaction_per_migration=True,
                compare_type=True,
                compare_server_default=True,
            )
            with context.begin_transaction():
                context.run_migrations()
        finally:
            connection.rollback()
            connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": MIGRATION_LOCK})
            connection.commit()


run()
