"""Transactions on the store: each has a database role and, for tenant data, a tenant. Driver errors are translated here."""

import math
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, Executable, Row, create_engine, event, exc
from sqlalchemy.engine import make_url

from runstore.bounded import CONNECT_SECONDS, BoundedConnection, waiting_at_most
from runstore.errors import (
    BadInputError,
    ConflictError,
    SchemaMismatchError,
    StoreBusyError,
    StoreError,
    StoreUnavailableError,
)
from runstore.tenancy import Permission, TenantScope


class DatabaseRole(StrEnum):
    """The database role a process works under. What each may do is granted in the migrations."""

    HUB = "tenantatlas_hub"
    """SELECT on tenant data, of the tenant set; its transactions are read-only."""
    APP = "tenantatlas_app"
    """Start actions, feature pages, the command line: writes of the tenant set; reads who is a member of what."""
    WORKER = "tenantatlas_worker"
    """Flows and hooks: writes of the tenant set."""
    RELAY = "tenantatlas_relay"
    """Dispatcher and reconciler: runs and notifications of every tenant."""
    ADMIN = "tenantatlas_admin"
    """Tenants, users, members."""


CHECK_SECONDS = 3.0
"""Seconds a connection that was idle may take to show that its server answers."""

REST_SECONDS = 2.0
"""Seconds for which a server that was waited for in vain is not asked again: all who want it would wait as long, one by one."""

_SET_ROLE_AND_TENANT = (
    "SELECT set_config('role', %(role)s, true), set_config('tenantatlas.tenant_id', %(tenant)s, true),"
    " set_config('tenantatlas.user_id', %(user)s, true)"
)


class Database:
    """Connections to the store under one role. Opens nothing until the first transaction; threads may share it.

    A statement has its timeout; a server that says nothing for a second more counts as not reachable.
    """

    def __init__(self, url: str, role: DatabaseRole, *, pool_size: int = 5, statement_timeout_ms: int = 30_000) -> None:
        self.url = url
        self.role = role
        self._engine = _engine(url, role, pool_size, statement_timeout_ms)
        self._resting_until = 0.0

    @contextmanager
    def transaction(self, scope: TenantScope) -> Generator[Connection]:
        """A transaction that sees and writes this tenant's rows only. Commits at the end.

        StoreUnavailableError when the server is away, ConflictError on a violated uniqueness, StoreError for the rest.
        """
        if (joined := self._joined(scope)) is not None:
            with translated_errors():
                yield joined
            return
        with self._connected(scope) as connection:
            yield connection
            connection.commit()

    @contextmanager
    def reading(self, scope: TenantScope) -> Generator[None]:
        """This thread's transactions of the scope are one in here, which keeps nothing."""
        if self._joined(scope) is not None:
            yield
            return
        with self._connected(scope) as connection:
            token = _READING.set((self, scope, connection))
            try:
                yield
            finally:
                _READING.reset(token)

    @contextmanager
    def across_tenants(self) -> Generator[Connection]:
        """A transaction with no tenant set: row-level security leaves HUB and WORKER with nothing, by intent."""
        with self._connected(None) as connection:
            yield connection
            connection.commit()

    @contextmanager
    def _connected(self, scope: TenantScope | None) -> Generator[Connection]:
        """A connection within a transaction that is rolled back unless the block commits it."""
        tenant, user = ("", None) if scope is None else (str(scope.tenant_id), scope.actor.user_id)
        setting = {"role": self.role.value, "tenant": tenant, "user": str(user or "")}
        begun = time.monotonic()
        if begun < self._resting_until:
            raise StoreUnavailableError()
        try:
            with translated_errors(), self._begun(setting) as connection:
                yield connection
        except StoreUnavailableError as problem:
            now = time.monotonic()
            # A pool that is used up says nothing against the server.
            if now - begun > REST_SECONDS and not isinstance(problem, StoreBusyError):
                self._resting_until = now + REST_SECONDS
            raise

    def _begun(self, setting: Mapping[str, str], *, again: bool = True) -> Connection:
        """A connection with a transaction begun, in one way to the server.

        One that was lost while idle shows it here, before anything was asked: then all idle ones are let go, and another is made.
        """
        with waiting_at_most(CHECK_SECONDS):
            connection = self._engine.connect()
            driver: Any = connection.connection.driver_connection
            try:
                lost: psycopg.Error | None = None
                with driver.pipeline():
                    try:
                        driver.execute(_SET_ROLE_AND_TENANT, setting)
                    except psycopg.Error as problem:
                        # Raised in here, it would make psycopg print what nobody can act on.
                        lost = problem
                if lost is not None:
                    raise lost
            except psycopg.Error:
                connection.invalidate()
                connection.close()
                if not (again and driver.closed):
                    raise
                self.dispose()
                return self._begun(setting, again=False)
        return connection

    def _joined(self, scope: TenantScope) -> Connection | None:
        current = _READING.get()
        return current[2] if current is not None and current[0] is self and current[1] == scope else None

    def dispose(self, *, close: bool = True) -> None:
        """Lets go of every idle connection; a forked child does not close them, as its parent still uses them."""
        self._engine.dispose(close=close)


class TenantReader:
    """Reads one tenant's rows, as one actor. ForbiddenError at once when the actor may not view them."""

    def __init__(self, database: Database, scope: TenantScope) -> None:
        scope.require(Permission.VIEW)
        self._database = database
        self._scope = scope

    def _rows(self, query: Executable, values: Mapping[str, Any] | None = None) -> Sequence[Row[Any]]:
        with self._database.transaction(self._scope) as connection:
            return connection.execute(query, {"tenant": self._scope.tenant_id, **(values or {})}).all()


_READING: ContextVar[tuple[Database, TenantScope, Connection] | None] = ContextVar("reading", default=None)


_LISTING = ("plan_cache_mode=force_custom_plan", "max_parallel_workers_per_gather=0", "jit=off", "random_page_cost=1.1")


def _engine(url: str, role: DatabaseRole, pool_size: int, statement_timeout_ms: int) -> Engine:
    # Those who list runs plan each statement for its own tenant: a plan kept for the average of all would sort the whole of a
    # large one. The others' statements go by unique keys, and their plans are kept.
    lists = role in (DatabaseRole.HUB, DatabaseRole.APP)
    # None is worth a second process or compiling: starting either takes longer than the answer. An index is walked in order, not
    # sorted as a whole for its first page: on the disks of today a page read at random costs hardly more than the next one.
    planning = "".join(f" -c {setting}" for setting in _LISTING) if lists else ""
    # Also where one login serves all roles: then the server refuses a write by the transaction, not by the login.
    read_only = " -c default_transaction_read_only=on" if role is DatabaseRole.HUB else ""
    options = {
        "application_name": "tenantatlas",
        "connect_timeout": CONNECT_SECONDS,
        "options": f"-c statement_timeout={statement_timeout_ms} -c lock_timeout=10000 -c timezone=UTC{planning}{read_only}",
    }
    engine = create_engine(
        sqlalchemy_url(url),
        pool_size=pool_size,
        # What a process may hold at most is what is multiplied by machines and runs: there is nothing beyond it.
        max_overflow=0,
        pool_timeout=10,
        connect_args=options,
        hide_parameters=True,
    )

    def connect(dialect: Any, record: Any, arguments: list[Any], options: dict[str, Any]) -> BoundedConnection:
        made = BoundedConnection.connect(*arguments, **options)
        # Above the server's own limit, which tells a slow statement from a server that says nothing.
        # 0 is not a limit, to the server as well.
        made.limit_seconds = statement_timeout_ms / 1000 + 1 if statement_timeout_ms else math.inf
        return made

    event.listen(engine, "do_connect", connect)
    return engine


def sqlalchemy_url(url: str) -> Any:
    """The SQLAlchemy URL for a PostgreSQL address. BadInputError when it is none; the message never repeats the address."""
    try:
        parsed = make_url(url)
    except exc.ArgumentError:
        raise BadInputError(
            "TENANTATLAS_DATABASE_URL is not a database address: write it as postgresql://user:password@host:5432/database."
        ) from None
    if parsed.get_backend_name() not in ("postgresql", "postgres"):
        raise BadInputError(
            "TENANTATLAS_DATABASE_URL does not point at PostgreSQL: it has to start with postgresql://."
        )
    return parsed.set(drivername="postgresql+psycopg")


def driver_connection(url: str, **options: Any) -> BoundedConnection:
    """A connection of the driver's own, outside of any pool: for COPY, LISTEN and CREATE DATABASE. psycopg.Error."""
    return BoundedConnection.connect(driver_address(url), connect_timeout=CONNECT_SECONDS, **options)


def driver_address(url: str) -> str:
    """The address as libpq takes it, with its password. BadInputError."""
    return sqlalchemy_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


@contextmanager
def translated_errors() -> Generator[None]:
    """Turns what the driver raises into the store's own errors. No statement, parameter or address is carried over."""
    try:
        yield
    except exc.DBAPIError as error:
        raise _translate(error.orig, is_lost=error.connection_invalidated) from None
    except psycopg.Error as error:
        raise _translate(error) from None
    except exc.TimeoutError:
        raise StoreBusyError() from None


def _translate(origin: BaseException | None, *, is_lost: bool = False) -> Exception:
    if isinstance(origin, psycopg.errors.UniqueViolation):
        return ConflictError()
    if isinstance(origin, psycopg.errors.UndefinedTable | psycopg.errors.UndefinedColumn):
        return SchemaMismatchError()
    if isinstance(origin, psycopg.errors.UndefinedObject | psycopg.errors.InvalidParameterValue):
        # set_config('role', …) names a role that no migration has made yet.
        return SchemaMismatchError()
    if is_lost or (isinstance(origin, psycopg.OperationalError) and not origin.sqlstate):
        return StoreUnavailableError()
    if isinstance(origin, psycopg.errors.QueryCanceled | psycopg.errors.LockNotAvailable):
        return StoreError("The run store took too long to answer; try again shortly.")
    if origin is not None and (getattr(origin, "sqlstate", None) or "").startswith(("57", "08", "53")):
        return StoreUnavailableError()
    code = getattr(origin, "sqlstate", None) or type(origin).__name__
    return StoreError(f"The run store refused a statement (SQLSTATE {code}).")
