"""Opaque words that somebody may be shown again, by their fingerprint: kept encrypted, and only where the tenant's owner allows it.

Kept is what was only opaque. What its place, its name or a public form says to be a secret is never kept; its fingerprint then
stands without a word, so that the same word is not kept for another place either.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import Connection, delete, select, text
from sqlalchemy.dialects.postgresql import insert as upsert

from flows._policies.sealing import Seals
from flows._policies.secrets import Fingerprint, Noting
from flows._policies.snapshots import fingerprint_of
from flows._policies.tables import KeptWord, Reveal
from runstore.audit import record_audit
from runstore.database import Database
from runstore.errors import ForbiddenError
from runstore.tenancy import Permission, TenantScope


def allow_reveal(database: Database, scope: TenantScope, *, allowed: bool) -> None:
    """Lets opaque words be kept and revealed from now on, or forgets all that were kept. The role is ADMIN."""
    scope.require(Permission.ADMINISTER)
    with database.transaction(scope) as connection:
        if allowed:
            connection.execute(upsert(Reveal).values(tenant_id=scope.tenant_id).on_conflict_do_nothing())
        else:
            # The words go with it: they refer to the permission.
            connection.execute(delete(Reveal).where(Reveal.tenant_id == scope.tenant_id))
        record_audit(connection, scope, "tenant.reveal", scope.slug, {"allowed": allowed})


def is_allowed(connection: Connection, scope: TenantScope) -> bool:
    """Whether values of the tenant may be revealed."""
    allowed = select(Reveal.tenant_id).where(Reveal.tenant_id == scope.tenant_id).limit(1)
    return connection.execute(allowed).first() is not None


def noting_fingerprint(connection: Connection, scope: TenantScope) -> Fingerprint:
    """The tenant's fingerprint function, which notes the words where they may be kept."""
    made = fingerprint_of(connection, scope)
    return Noting(made) if is_allowed(connection, scope) else made


def keep_words(connection: Connection, scope: TenantScope, words: Mapping[str, str | None]) -> None:
    """Keeps the words by fingerprint, if that is still allowed; `None` says of one that it is a secret for sure."""
    seals = Seals(connection, scope)
    rows = [
        {
            "tenant": scope.tenant_id,
            "fingerprint": mark,
            "sealed": None if word is None else seals.kept(word.encode(), mark.encode(), clear=False),
        }
        # In one order, so that two syncs at once cannot wait for each other.
        for mark, word in sorted(words.items())
    ]
    if rows:
        connection.execute(_KEEP, rows)


_KEEP: Final = text(
    """
    INSERT INTO policy_kept_words (tenant_id, fingerprint, sealed)
    SELECT tenant_id, :fingerprint, CAST(:sealed AS bytea) FROM policy_reveals WHERE tenant_id = :tenant FOR KEY SHARE
    ON CONFLICT (tenant_id, fingerprint) DO UPDATE SET sealed = NULL WHERE excluded.sealed IS NULL
    """
)


def kept_words(connection: Connection, scope: TenantScope, marks: Sequence[str], seals: Seals) -> dict[str, str]:
    """Fingerprint → the word that it stands for, for those that are kept. ForbiddenError where nothing may be revealed."""
    of_tenant = (
        (KeptWord.tenant_id == Reveal.tenant_id) & KeptWord.fingerprint.in_(marks) & KeptWord.sealed.is_not(None)
    )
    rows = connection.execute(
        select(KeptWord.fingerprint, KeptWord.sealed)
        .select_from(Reveal)
        .outerjoin(KeptWord, of_tenant)
        .where(Reveal.tenant_id == scope.tenant_id)
        .limit(len(marks) + 1)
    ).all()
    if not rows:
        raise ForbiddenError(
            f"Tenant {scope.slug} does not allow values to be revealed: its owner allows it with "
            f"`tenantatlas tenant set {scope.slug} --allow-reveal`, and what is synced from then on can be."
        )
    return {mark: seals.opened(bytes(sealed), mark.encode()).decode() for mark, sealed in rows if mark is not None}
