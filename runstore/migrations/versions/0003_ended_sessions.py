"""Sessions that were signed out, for every hub that has the secret."""

from alembic import op

from runstore.database import DatabaseRole

revision = "0003_ended_sessions"
down_revision = "0002_run_questions"


def upgrade() -> None:
    op.execute(
        "CREATE TABLE ended_sessions (id text CONSTRAINT pk_ended_sessions PRIMARY KEY, expires_at timestamptz NOT NULL)"
    )
    # A session belongs to no tenant. Its id opens nothing: the cookie is signed.
    op.execute(f"GRANT SELECT, INSERT, DELETE ON ended_sessions TO {DatabaseRole.APP}, {DatabaseRole.ADMIN}")


def downgrade() -> None:
    op.drop_table("ended_sessions")
