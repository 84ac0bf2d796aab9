"""Groups: what `group.sync` reads of them, beside the names of a tenant's directory objects."""

from alembic import op

revision = "0006_groups"
down_revision = "0005_tenant_credentials"

_COLUMNS = ("group_kind text", "membership_rule bytea", "members integer", "read_at timestamptz")


def upgrade() -> None:
    """Forward: new columns only, empty until groups are read."""
    op.execute(f"ALTER TABLE directory_names {', '.join(f'ADD {column}' for column in _COLUMNS)}")


def downgrade() -> None:
    """Back: the rules in the policies of syncs stay."""
    for column in reversed(_COLUMNS):
        op.drop_column("directory_names", column.split()[0])
