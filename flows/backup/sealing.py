"""How a captured policy is kept: compressed, and encrypted when it holds what looks like a live secret."""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Self
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from flows.backup.reasons import BACKUP_KEY_UNUSABLE
from runstore.errors import BadInputError
from runstore.reasons import ReasonedError

VARIABLE: Final = "TENANTATLAS_ENCRYPTION_KEY"
SHORTEST_KEY: Final = 32
_NONCE: Final = 12
_PURPOSE: Final = b"tenantatlas backup items 1"


class KeyMissingError(BadInputError):
    """A captured policy is encrypted and TENANTATLAS_ENCRYPTION_KEY is not set, or is not the key it was kept under."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A body ready for the table; `key_id` is `None` when it is only compressed."""

    data: bytes
    key_id: str | None


@dataclass(frozen=True)
class SealingKey:
    """The installation's encryption key, as far as backups use it."""

    secret: bytes

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Self | None:
        """The key of TENANTATLAS_ENCRYPTION_KEY; `None` when it is not set. ReasonedError when it is too short."""
        return cls.from_text((os.environ if environ is None else environ).get(VARIABLE, ""))

    @classmethod
    def from_text(cls, value: str) -> Self | None:
        """The key of what the setting holds; `None` when that is empty. ReasonedError when it is too short."""
        if not value:
            return None
        if len(value) < SHORTEST_KEY:
            raise ReasonedError(BACKUP_KEY_UNUSABLE.failure(setting_name=VARIABLE, limit=SHORTEST_KEY))
        return cls(value.encode())

    @cached_property
    def _derived(self) -> bytes:
        # The setting protects other things as well: each gets a key of its own.
        return HKDF(hashes.SHA256(), 32, None, _PURPOSE).derive(self.secret)

    @cached_property
    def id(self) -> str:
        """Names the key without telling anything about it, so that a wrong one is noticed as such."""
        return hashlib.sha256(b"id of " + self._derived).hexdigest()[:16]

    def encrypt(self, data: bytes, bound_to: bytes) -> bytes:
        """The data encrypted; it opens only for the same `bound_to`, so that rows cannot be swapped unnoticed."""
        nonce = os.urandom(_NONCE)
        return nonce + AESGCM(self._derived).encrypt(nonce, data, bound_to)

    def decrypt(self, data: bytes, bound_to: bytes) -> bytes:
        """What was encrypted. KeyMissingError when it was not with this key, for this place, or was changed since."""
        try:
            return AESGCM(self._derived).decrypt(data[:_NONCE], data[_NONCE:], bound_to)
        except InvalidTag:
            raise KeyMissingError(
                "A captured policy does not open with TENANTATLAS_ENCRYPTION_KEY: the row was changed or moved."
            ) from None


def binding(tenant_id: UUID, set_id: UUID, policy_id: str, content_hash: bytes) -> bytes:
    """What an item's encryption is bound to: its place in the table."""
    return b"\0".join((tenant_id.bytes, set_id.bytes, policy_id.encode("utf-8", "surrogatepass"), content_hash))


def sealed(data: bytes, *, secret: bool, key: SealingKey | None, bound_to: bytes) -> Sealed | None:
    """The bytes of a body as they are kept; `None` when they hold a secret and there is no key."""
    packed = zlib.compress(data, 6)
    if not secret:
        return Sealed(packed, None)
    if key is None:
        return None
    return Sealed(key.encrypt(packed, bound_to), key.id)


def opened(data: bytes, key_id: str | None, key: SealingKey | None, bound_to: bytes) -> bytes:
    """The bytes of a body that was kept. KeyMissingError when the key it needs is not the one there is."""
    if key_id is not None:
        if key is None:
            raise KeyMissingError(
                "The set holds policies that are encrypted: set TENANTATLAS_ENCRYPTION_KEY to the key they were kept under."
            )
        if key.id != key_id:
            raise KeyMissingError(
                "TENANTATLAS_ENCRYPTION_KEY is not the key these policies were kept under: set it to that one."
            )
        data = key.decrypt(data, bound_to)
    return zlib.decompress(data)
