"""How a captured policy is kept: under the tenant's key, whatever it holds; and how the releases before kept theirs."""

import zlib
from typing import Any, Final
from uuid import UUID

from flows._policies.sealing import KeyRing, SealedRows, Seals, decrypted
from flows.backup.tables import BackupItem

OF_TENANT: Final = "tenant"
"""The `key_id` of what is sealed under the tenant's key."""
_PURPOSE: Final = b"tenantatlas backup items 1"


def place(tenant_id: UUID, set_id: UUID, policy_id: str, content_hash: bytes) -> bytes:
    return b"\0".join((tenant_id.bytes, set_id.bytes, policy_id.encode("utf-8", "surrogatepass"), content_hash))


def kept(seals: Seals, row: dict[str, Any]) -> dict[str, Any]:
    """The item's row with its JSON bytes sealed. EncryptionKeyError when there is no key, or another one."""
    here = place(row["tenant_id"], row["set_id"], row["policy_id"], row["content_hash"])
    return row | {"body": seals.kept(row["body"], here, clear=False), "key_id": OF_TENANT}


def opened(seals: Seals, set_id: UUID, item: Any) -> bytes:
    """The JSON bytes of an item. EncryptionKeyError when the key it needs is not the one there is."""
    here = place(seals.scope.tenant_id, set_id, item.policy_id, bytes(item.content_hash))
    data = bytes(item.body)
    if item.key_id == OF_TENANT:
        return seals.opened(data, here)
    if item.key_id is not None:
        # The releases before encrypted what held a live secret, under the installation's key itself.
        key = KeyRing.from_environment().find(item.key_id, _PURPOSE)
        data = decrypted(key.derived(_PURPOSE), data, here)
    return zlib.decompress(data)


ITEMS: Final = SealedRows(
    BackupItem,
    ("set_id", "policy_id", "content_hash"),
    ("body", "key_id"),
    BackupItem.key_id.is_distinct_from(OF_TENANT),
    lambda seals, row: {"body": _again(seals, row), "key_id": OF_TENANT},
)


def _again(seals: Seals, row: Any) -> bytes:
    here = place(seals.scope.tenant_id, row.set_id, row.policy_id, bytes(row.content_hash))
    return seals.kept(opened(seals, row.set_id, row), here)
