"""How what a tenant's policies say is kept: compressed, and encrypted under a key of the tenant's own.

The tenant's key is random and lies in the database, wrapped under the installation's key, which is never there. Content hashes
and digests are made before anything is encrypted, so that comparing needs no key until it shows what differs.

A tenant is sealed from its first policy on. One that has policies of an earlier release stays in clear, for the processes of that
release, until `tenantatlas db seal`; both are read at any time.
"""

import base64
import hashlib
import json
import os
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Final, Self
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import ColumnElement, Connection, exists, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert as upsert

from flows._policies.tables import PolicyContent, TenantKey
from runstore.database import Database
from runstore.reasons import (
    ENCRYPTION_KEY_MISSING,
    ENCRYPTION_KEY_UNUSABLE,
    ENCRYPTION_KEY_WRONG,
    ReasonCode,
    ReasonedError,
)
from runstore.schema import Base, Tenant
from runstore.tenancy import TenantScope

VARIABLE: Final = "TENANTATLAS_ENCRYPTION_KEY"
FILE_VARIABLE: Final = "TENANTATLAS_ENCRYPTION_KEY_FILE"
SHORTEST_KEY: Final = 32
MARK: Final = b"\x01"
"""The first byte of what is encrypted; neither JSON nor zlib begins with it."""
BATCH: Final = 200
_NONCE: Final = 12
_WRAPS: Final = b"tenantatlas tenant keys 1"


class EncryptionKeyError(ReasonedError):
    """What is asked for is encrypted, or has to be, and the key of the settings is missing, too short or another one."""

    exit_code: ClassVar[int] = 6

    @classmethod
    def of(cls, reason: ReasonCode) -> Self:
        """The error for one of the three reasons."""
        return cls(reason.failure(setting_name=VARIABLE, limit=SHORTEST_KEY))


@dataclass(frozen=True)
class InstallationKey:
    """One key of the settings. It encrypts nothing itself: each purpose has a key derived from it."""

    secret: bytes

    def derived(self, purpose: bytes) -> bytes:
        """The 32 bytes for one purpose."""
        return HKDF(hashes.SHA256(), 32, None, purpose).derive(self.secret)

    def id(self, purpose: bytes = _WRAPS) -> str:
        """Names the key without telling anything about it, so that a wrong one is noticed as such."""
        return hashlib.sha256(b"id of " + self.derived(purpose)).hexdigest()[:16]


@dataclass(frozen=True)
class KeyRing:
    """The installation's keys: the first is the one in force, those after it are being replaced by it."""

    keys: tuple[InstallationKey, ...]

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Self:
        """The keys of TENANTATLAS_ENCRYPTION_KEY, or of the lines of the file that TENANTATLAS_ENCRYPTION_KEY_FILE names.

        EncryptionKeyError when there is none, or one is too short.
        """
        values = os.environ if environ is None else environ
        told = [values.get(VARIABLE, "")]
        if not told[0] and values.get(FILE_VARIABLE):
            with suppress(OSError, UnicodeDecodeError):
                told = Path(values[FILE_VARIABLE]).read_text().split("\n")
        lines = [line for line in told if line.strip()]
        if not lines:
            raise EncryptionKeyError.of(ENCRYPTION_KEY_MISSING)
        if any(len(line) < SHORTEST_KEY for line in lines):
            raise EncryptionKeyError.of(ENCRYPTION_KEY_UNUSABLE)
        return cls(tuple(InstallationKey(line.encode()) for line in lines))

    def find(self, key_id: str, purpose: bytes = _WRAPS) -> InstallationKey:
        """The key of that name. EncryptionKeyError when it is none of these."""
        for key in self.keys:
            if key.id(purpose) == key_id:
                return key
        raise EncryptionKeyError.of(ENCRYPTION_KEY_WRONG)

    def wrapped(self, key: bytes, tenant_id: UUID) -> dict[str, Any]:
        """The columns of a tenant's key, wrapped under the key in force."""
        first = self.keys[0]
        return {"key_id": first.id(), "wrapped": encrypted(first.derived(_WRAPS), key, tenant_id.bytes)}

    def unwrapped(self, key_id: str, wrapped: bytes, tenant_id: UUID) -> bytes:
        """A tenant's key. EncryptionKeyError when it was wrapped under none of these keys."""
        return decrypted(self.find(key_id).derived(_WRAPS), wrapped, tenant_id.bytes)


def encrypted(key: bytes, data: bytes, place: bytes) -> bytes:
    """The data encrypted; it opens only for the same `place`, so that rows cannot be swapped unnoticed."""
    nonce = os.urandom(_NONCE)
    return nonce + AESGCM(key).encrypt(nonce, data, place)


def decrypted(key: bytes, data: bytes, place: bytes) -> bytes:
    """What was encrypted. EncryptionKeyError when it was not with this key, for this place, or was changed since."""
    try:
        return AESGCM(key).decrypt(data[:_NONCE], data[_NONCE:], place)
    except InvalidTag:
        raise EncryptionKeyError.of(ENCRYPTION_KEY_WRONG) from None


@dataclass(frozen=True)
class Seals:
    """Seals and opens what is kept of one tenant, in the caller's transaction; its key is looked up when it is first needed.

    EncryptionKeyError, of every method, when the settings' key is needed and is missing or another one.
    """

    connection: Connection
    scope: TenantScope

    def kept(self, data: bytes, place: bytes, *, clear: bool = True) -> bytes:
        """The data as it is kept; as it is where the tenant is not sealed yet, unless `clear` forbids that."""
        if clear and not self._seals:
            return data
        return MARK + encrypted(self._key, zlib.compress(data, 1), place)

    def opened(self, data: bytes, place: bytes) -> bytes:
        if not data.startswith(MARK):
            return data
        return zlib.decompress(decrypted(self._key, data[len(MARK) :], place))

    def kept_json(self, value: Any, place: bytes) -> Any:
        """The value for a JSON column: a text where it is sealed. An empty one says nothing, and is not."""
        if not value or not self._seals:
            return value
        return base64.b64encode(self.kept(json.dumps(value).encode(), place)).decode()

    def opened_json(self, value: Any, place: bytes) -> Any:
        """What `kept_json` was given."""
        return json.loads(self.opened(base64.b64decode(value), place)) if isinstance(value, str) else value

    @cached_property
    def _seals(self) -> bool:
        row = self._row()
        # Asked before the first content is there, and once there is a key the row says it.
        return row.sealed if row is not None else self.connection.execute(select(self._is_new)).scalar_one()

    @cached_property
    def _key(self) -> bytes:
        ring = KeyRing.from_environment()
        row = self._row()
        if row is None:
            fresh = {"tenant_id": self.scope.tenant_id, "sealed": self._is_new}
            fresh |= ring.wrapped(os.urandom(32), self.scope.tenant_id)
            self.connection.execute(upsert(TenantKey).values(fresh).on_conflict_do_nothing())
            row = self._row()
        return ring.unwrapped(row.key_id, bytes(row.wrapped), self.scope.tenant_id)

    @property
    def _is_new(self) -> ColumnElement[bool]:
        return ~exists().where(PolicyContent.tenant_id == self.scope.tenant_id)

    def _row(self) -> Any:
        wanted = select(TenantKey.key_id, TenantKey.wrapped, TenantKey.sealed)
        return self.connection.execute(wanted.where(TenantKey.tenant_id == self.scope.tenant_id).limit(1)).one_or_none()


@dataclass(frozen=True)
class SealedRows:
    """Rows of a table that hold what is sealed: which of them are not yet, and what they become.

    `keys` are the key's columns beside the tenant, `reads` what `resealed` needs beside them.
    """

    table: type[Base]
    keys: tuple[str, ...]
    reads: tuple[str, ...]
    unsealed: ColumnElement[bool]
    resealed: Callable[[Seals, Any], Mapping[str, Any]]


BODIES: Final = SealedRows(
    PolicyContent,
    ("content_hash",),
    ("body",),
    func.substr(PolicyContent.body, 1, 1) != MARK,
    lambda seals, row: {"body": seals.kept(bytes(row.body), bytes(row.content_hash))},
)


def bring_under_key(database: Database, scope: TenantScope, kinds: Sequence[SealedRows]) -> int:
    """Seals what is kept of a tenant in clear or under an older key; how many rows that were.

    In steps that each stand for themselves: ended in between, it goes on with what is left. The role is ADMIN.
    """
    ring = KeyRing.from_environment()
    with database.transaction(scope) as connection:
        seals = Seals(connection, scope)
        seals.kept(b"", b"", clear=False)
        of_tenant = TenantKey.tenant_id == scope.tenant_id
        row = connection.execute(select(TenantKey.key_id, TenantKey.wrapped).where(of_tenant).with_for_update()).one()
        key = ring.unwrapped(row.key_id, bytes(row.wrapped), scope.tenant_id)
        again = {} if row.key_id == ring.keys[0].id() else ring.wrapped(key, scope.tenant_id)
        connection.execute(update(TenantKey).where(of_tenant).values(sealed=True, **again))
    return sum(_seal(database, scope, kind) for kind in kinds)


def _seal(database: Database, scope: TenantScope, kind: SealedRows) -> int:
    keys = [getattr(kind.table, name) for name in kind.keys]
    of_tenant = getattr(kind.table, "tenant_id") == scope.tenant_id  # noqa: B009 - a model of any table
    wanted = (
        select(*keys, *(getattr(kind.table, name) for name in kind.reads))
        .where(of_tenant, kind.unsealed)
        .order_by(*keys)
        .limit(BATCH)
        .with_for_update()
    )
    done, last = 0, None
    while True:
        with database.transaction(scope) as connection:
            seals = Seals(connection, scope)
            rows = connection.execute(wanted if last is None else wanted.where(tuple_(*keys) > last)).all()
            for row in rows:
                here = (one == value for one, value in zip(keys, row, strict=False))
                change = update(kind.table).where(of_tenant, *here)
                connection.execute(change.values(kind.resealed(seals, row)))
        if not rows:
            return done
        done, last = done + len(rows), tuple_(*rows[-1][: len(keys)])


@dataclass(frozen=True, slots=True)
class Standing:
    """How many tenants keep policies in clear, how many have a key that the settings' keys do not open, and how many those are."""

    in_clear: int
    other_key: int
    keys: int


def standing(database: Database) -> Standing:
    """How the tenants' policies are kept. A setting without a key opens none. The role is ADMIN."""
    try:
        names = [key.id() for key in KeyRing.from_environment().keys]
    except EncryptionKeyError:
        names = []
    has_content = exists().where(PolicyContent.tenant_id == Tenant.id)
    is_sealed = exists().where(TenantKey.tenant_id == Tenant.id, TenantKey.sealed)
    with database.across_tenants() as connection:
        return Standing(
            connection.execute(select(func.count(Tenant.id)).where(has_content, ~is_sealed)).scalar_one(),
            connection.execute(
                select(func.count(TenantKey.tenant_id)).where(TenantKey.key_id.not_in(names))
            ).scalar_one(),
            len(names),
        )
