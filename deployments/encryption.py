"""The installation's encryption key: made for the embedded database, replaced, and everything brought under it."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from deployments.settings import Settings
from runstore.database import Database
from runstore.directory import Directory
from runstore.errors import BadInputError
from runstore.tenancy import LOCAL_OPERATOR, TenantScope


def ensure_key(settings: Settings) -> None:
    """Makes the key of an embedded database that has none; one of one's own has to be given its key."""
    if settings.is_embedded and settings.encryption_key is None and settings.encryption_key_file is not None:
        kept_secret(settings.encryption_key_file)


def kept_secret(path: Path) -> str:
    """A random secret, made once and readable by its owner only: whole on the disk, or not there."""
    if not path.exists():
        draft = _draft(path, secrets.token_urlsafe(48))
        with suppress(FileExistsError):
            # Two that start at once have the same one.
            os.link(draft, path)
        draft.unlink()
    return path.read_text().strip()


def everything_under_key(admin: Database) -> dict[str, int]:
    """Seals what is in clear or under an older key; how many rows, by tenant. May be repeated."""
    # Every command makes sure of the key, and few need what this does.
    from flows._policies.sealing import BODIES, bring_under_key
    from flows.backup.sealing import ITEMS
    from flows.drift.tables import SEALED

    found = Directory(admin).tenants()
    scopes = [TenantScope(tenant.id, tenant.slug, LOCAL_OPERATOR) for tenant in found]
    return {scope.slug: bring_under_key(admin, scope, (BODIES, *SEALED, ITEMS)) for scope in scopes}


def new_key(settings: Settings) -> Path:
    """The key's file, with a new key first. BadInputError when it is not in a file that can be written."""
    file = settings.encryption_key_file
    if settings.encryption_key is not None or file is None:
        raise BadInputError(
            "TENANTATLAS_ENCRYPTION_KEY is a setting of yours, which this command cannot change. Write the new key and the old one "
            "into a file, a line each, name it with TENANTATLAS_ENCRYPTION_KEY_FILE instead, and run `tenantatlas db seal`."
        )
    try:
        lines = file.read_text().split()
        if len(lines) == 1:
            _draft(file, f"{secrets.token_urlsafe(48)}\n{lines[0]}").replace(file)
    except OSError as problem:
        raise BadInputError(f"{file} cannot be changed: {problem.strerror or problem}.") from None
    return file


def forget_older(file: Path) -> None:
    _draft(file, file.read_text().splitlines()[0]).replace(file)


def report(admin: Database) -> tuple[list[str], int]:
    """What an operator has to know of how policies are kept, and the exit code: nothing and 0 when all are sealed and open."""
    from flows._policies.sealing import EncryptionKeyError, standing

    found = standing(admin)
    said: list[str] = []
    if found.in_clear:
        said.append(
            f"The policies of {found.in_clear} tenants are kept in clear: once every process is of this version, run "
            "`tenantatlas db seal`."
        )
    if found.other_key:
        why = ", and TENANTATLAS_ENCRYPTION_KEY is not set here: whatever reads or writes them needs it."
        if found.keys:
            why = (
                " under another key than TENANTATLAS_ENCRYPTION_KEY is here: nothing of them opens until it is the key of the "
                "database they come from."
            )
        said.append(f"The policies of {found.other_key} tenants are encrypted{why}")
    return said, EncryptionKeyError.exit_code if found.other_key else 0


def _draft(path: Path, text: str) -> Path:
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(f"{text}\n")
        file.flush()
        os.fsync(file.fileno())
    return draft
