"""Writes a backup set as a folder of JSON that `inventory sync --source folder:…` reads back to the same hashes."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy import Select, select

from flows._policies.sealing import Seals
from flows._policies.types import BY_SLUG
from flows.backup.sealing import opened
from flows.backup.sets import get_set
from flows.backup.tables import BackupItem
from runstore.database import Database
from runstore.errors import BadInputError
from runstore.tenancy import Permission, TenantScope

_CONTEXT: Final = "https://graph.microsoft.com/{version}/$metadata#{collection}/$entity"


def export_set(database: Database, scope: TenantScope, set_id: UUID, folder: Path) -> tuple[Path, int]:
    """Writes the newest version of each policy into a folder that is empty or not there yet; the folder, and how many.

    Files are the owner's alone, as policies may hold secrets. ForbiddenError; BadInputError for the folder; without the
    key EncryptionKeyError, before anything is written.
    """
    scope.require(Permission.OPERATE)
    get_set(database, scope, set_id)
    keyed = _first_of_each(scope, set_id, BackupItem.key_id).where(BackupItem.key_id.is_not(None))
    with database.transaction(scope) as connection:
        for item in connection.execute(keyed).all():
            opened(Seals(connection, scope), set_id, item)
    root = _prepared(folder)
    written = 0
    taken: set[Path] = set()
    try:
        for item, body in _newest(database, scope, set_id):
            path = _path(root, item, taken)
            path.parent.mkdir(mode=0o700, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(_document(item, body))
            written += 1
    except OSError as problem:
        raise BadInputError(
            f"The export stopped after {written} policies: {problem.strerror or 'cannot write'}."
        ) from None
    return root, written


def _newest(database: Database, scope: TenantScope, set_id: UUID) -> Iterator[tuple[Any, bytes]]:
    order = (BackupItem.policy_id, BackupItem.captured_at.desc(), BackupItem.content_hash)
    with database.transaction(scope) as connection:
        seals = Seals(connection, scope)
        rows = connection.execution_options(yield_per=100).execute(_first_of_each(scope, set_id, *order))
        for item in rows:
            yield item, opened(seals, set_id, item)


def _first_of_each(scope: TenantScope, set_id: UUID, kind: Any, *order: Any) -> Select[Any]:
    read = ("policy_id", "policy_type", "name", "origin", "content_hash", "body", "key_id")
    mine = (BackupItem.tenant_id == scope.tenant_id, BackupItem.set_id == set_id)
    columns = (getattr(BackupItem, name) for name in read)
    return select(*columns).distinct(kind).where(*mine).order_by(kind, *order)


def _prepared(folder: Path) -> Path:
    root = folder.expanduser().absolute()
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(root.iterdir()):
            raise BadInputError(
                "The folder to export to is not empty; name one that is, or one that does not exist yet."
            )
    except OSError as problem:
        raise BadInputError(
            f"The folder to export to cannot be used: {problem.strerror or 'unknown reason'}; name another with --to."
        ) from None
    return root


def _document(item: Any, body: bytes) -> bytes:
    """The policy with the context Graph gives a single one, so that its type is beyond doubt when it is read back."""
    policy: dict[str, Any] = orjson.loads(body)
    version, _, collection = str(item.origin).partition("/")
    if version in ("v1.0", "beta"):
        policy |= {"@odata.context": _CONTEXT.format(version=version, collection=collection)}
    return orjson.dumps(policy, option=orjson.OPT_INDENT_2)


def _path(root: Path, item: Any, taken: set[Path]) -> Path:
    entry = BY_SLUG.get(item.policy_type)
    folder = root / _safe((entry.folders or (f"Tenant {entry.label}",))[0] if entry else "Other")
    stem = f"{_safe(item.name)}__{_safe(item.policy_id)}"
    path = folder / f"{stem}.json"
    number = 2
    while path in taken:
        path = folder / f"{stem}_{number}.json"
        number += 1
    taken.add(path)
    return path


def _safe(text: str) -> str:
    """A part of a file name that every file system takes: letters, digits, blanks, dots inside, dashes; 100 bytes."""
    kept = "".join(character if character.isalnum() or character in " -_." else "_" for character in text)
    cut = kept.encode()[:100].decode(errors="ignore")
    return cut.strip(" .") or "_"
