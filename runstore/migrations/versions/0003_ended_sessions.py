"""Sessions that were signed out, for every hub that has the secret."""

import sqlalchemy as sa
from alembic import op

from runstore.database import DatabaseRole

revision = "0003_ended_sessions"
down_revision = "0002_run_questions"


def upgrade() -> None:
    op.create_table(
        "ended_sessions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ended_sessions")),
    )
    # A session belongs to no tenant. Its id opens nothing: the cookie is signed.
    op.execute(f"GRANT SELECT, INSERT, DELETE ON ended_sessions TO {DatabaseRole.APP}, {DatabaseRole.ADMIN}")


def downgrade() -> None:
    op.drop_table("ended_sessions")
