"""Where the embedded server's Unix socket goes: beside its data, or somewhere short when that path will not do."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from pathlib import Path

from runstore.errors import UnavailableError

# The kernel's limit for a socket's path is 108 bytes with its closing NUL on Linux, 104 on the BSDs and macOS.
LONGEST_SOCKET_PATH = 103
SOCKET_NAME = ".s.PGSQL.5432"

# PostgreSQL and libpq both read a comma as a separator of several directories, and quote characters have meaning in the
# configuration file; anything out of the ordinary goes to the short directory instead.
_PLAIN = re.compile(r"[A-Za-z0-9/._+-]+")


def choose_socket_directory(data: Path, *, owner: tuple[int, int] | None) -> Path:
    """The data directory itself, or a private directory with a short name that only this data directory uses.

    `owner` is the (user id, group id) the server runs as when that is not the current user. Raises UnavailableError when
    someone else owns the short directory's name or even that path is too long.
    """
    if _fits(data):
        return data
    identity = f"{data.stat().st_dev}-{data.stat().st_ino}"
    name = f"tenantatlas-{os.geteuid()}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}"
    for parent in (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp"):  # noqa: S108 - made private below
        if parent and Path(parent).is_dir() and _fits(short := Path(parent) / name):
            _make_private(short, owner)
            return short
    raise UnavailableError(
        f"The path {data} is too long or too unusual for a Unix socket, and so is every temporary directory. "
        "Set TENANTATLAS_HOME to a shorter path."
    )


def _fits(directory: Path) -> bool:
    path = str(directory / SOCKET_NAME)
    return len(os.fsencode(path)) <= LONGEST_SOCKET_PATH and _PLAIN.fullmatch(path) is not None


def _make_private(directory: Path, owner: tuple[int, int] | None) -> None:
    """Makes the directory ours alone. An existing one must already be: others may write in a temporary directory."""
    try:
        directory.mkdir(mode=0o700)
        if owner is not None:
            os.chown(directory, *owner)
    except FileExistsError:
        found = directory.lstat()
        user_id = os.geteuid() if owner is None else owner[0]
        if directory.is_symlink() or found.st_uid != user_id or found.st_mode & 0o077:
            raise UnavailableError(
                f"{directory} belongs to someone else or is open to others; remove it, or set TENANTATLAS_HOME to a "
                "shorter path."
            ) from None
