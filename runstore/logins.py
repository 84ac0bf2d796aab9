"""Logins for the processes: each may take the one database role its process works under, and reading, and nothing else."""

from psycopg import sql
from sqlalchemy import create_engine, pool, text

from runstore.database import DatabaseRole, sqlalchemy_url, translated_errors
from runstore.errors import BadInputError

_HELD = text(
    "SELECT rolname FROM pg_roles WHERE rolname = ANY(:roles) AND pg_has_role(CAST(:login AS name), oid, 'MEMBER')"
)


def ensure_login(owner_url: str, login_url: str, role: DatabaseRole) -> str:
    """Makes the login that `login_url` names a member of `role`, with the password given there; returns its name.

    A login that exists keeps its memberships. BadInputError without a login, or for one that may take another role that
    writes, such as the schema's owner. StoreError when `owner_url` may not create roles (SQLSTATE 42501).
    """
    address = sqlalchemy_url(login_url)
    login, password = str(address.username or ""), str(address.password or "")
    if not login:
        raise BadInputError(
            f"The address for {role} names no login: write it as postgresql://login:password@host/name."
        )
    engine = create_engine(sqlalchemy_url(owner_url), poolclass=pool.NullPool, hide_parameters=True)
    with translated_errors(), engine.begin() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        exists = connection.execute(text("SELECT 1 FROM pg_roles WHERE rolname = :login"), {"login": login}).first()
        if exists:
            roles = {"login": login, "roles": [other.value for other in DatabaseRole]}
            extra = set(connection.execute(_HELD, roles).scalars()) - {role, DatabaseRole.HUB}
            if extra:
                raise BadInputError(
                    f"The login {login!r} may also act as {', '.join(sorted(extra))}: name a login that is only for {role}."
                )
        name = sql.Identifier(login)
        statements = [sql.SQL("ALTER ROLE {} LOGIN" if exists else "CREATE ROLE {} LOGIN").format(name)]
        if password:
            # Hashed here, so that the server's log of statements never shows it.
            hashed = raw.pgconn.encrypt_password(password.encode(), login.encode(), b"scram-sha-256").decode()
            statements.append(sql.SQL("ALTER ROLE {} PASSWORD {}").format(name, sql.Literal(hashed)))
        statements.append(sql.SQL("GRANT {} TO {}").format(sql.Identifier(role.value), name))
        for statement in statements:
            connection.exec_driver_sql(statement.as_string(raw), execution_options={"no_parameters": True})
    return login
