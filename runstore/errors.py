"""One error tree. Each class carries the exit code of the command line and a docstring that is its default message."""

from typing import ClassVar


class TenantAtlasError(Exception):
    """The operation failed."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip().splitlines()[0])


class BadInputError(TenantAtlasError):
    """The input is not usable as given."""

    exit_code: ClassVar[int] = 2


class ForbiddenError(TenantAtlasError):
    """This is not allowed for you."""

    exit_code: ClassVar[int] = 3


class NotFoundError(TenantAtlasError):
    """There is no such thing here."""

    exit_code: ClassVar[int] = 4


class UnavailableError(TenantAtlasError):
    """A service this needs is not reachable."""

    exit_code: ClassVar[int] = 5


class StoreUnavailableError(UnavailableError):
    """The run store's database is not reachable; start it with `tenantatlas up` or check TENANTATLAS_DATABASE_URL."""


class StoreBusyError(StoreUnavailableError):
    """The run store is busy: no database connection became free within 10 s; try again shortly."""


class SchemaMismatchError(UnavailableError):
    """The run store's schema is not the one this version needs; run `tenantatlas db upgrade`."""


class StoreError(TenantAtlasError):
    """The run store refused a statement."""


class ConflictError(StoreError):
    """The run store refused a write because an identical one is already there."""
