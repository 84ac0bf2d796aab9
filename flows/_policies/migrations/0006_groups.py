"""Groups: what `group.sync` reads of them, beside the names of a tenant's directory objects."""

import sqlalchemy as sa
from alembic import op

revision = "0006_groups"
down_revision = "0005_tenant_credentials"

_COLUMNS = (
    ("group_kind", sa.Text()),
    ("membership_rule", sa.LargeBinary()),
    ("members", sa.Integer()),
    ("read_at", sa.DateTime(timezone=True)),
)


def upgrade() -> None:
    """Forward: new columns only, empty until groups are read."""
    for name, kind in _COLUMNS:
        op.add_column("directory_names", sa.Column(name, kind, nullable=True))


def downgrade() -> None:
    """Back: the rules in the policies of syncs stay."""
    for name, _ in reversed(_COLUMNS):
        op.drop_column("directory_names", name)
