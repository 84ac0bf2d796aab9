"""Points Prefect's client, before it is imported, at the server the settings or the running local stack name."""

import os
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

import certifi

from deployments.local.record import read_record
from deployments.settings import Settings
from runstore.errors import UnavailableError

_CERTIFICATE_END: Final = "-----END CERTIFICATE-----"


class NoPrefectServerError(UnavailableError):
    """No Prefect server is known here; start one with `tenantatlas up`, or set PREFECT_API_URL to its address."""


def use_prefect(settings: Settings) -> None:
    """Puts the address of Prefect's API into the environment, from which Prefect reads it when imported. NoPrefectServerError."""
    record = read_record(settings.state)
    address = settings.prefect_api_url or (record.prefect_api_url if record else None)
    if address is None:
        raise NoPrefectServerError
    os.environ["PREFECT_API_URL"] = address
    # Otherwise Prefect would start a throw-away server of its own when this one does not answer.
    os.environ.setdefault("PREFECT_SERVER_ALLOW_EPHEMERAL_MODE", "false")
    if address.startswith("http://"):
        _trust_one_authority(settings.home)


def one_authority_file(home: Path) -> Path:
    """Where the one authority is that Prefect's clients on this machine read; flow runs elsewhere have no such file."""
    return home / "one-authority.pem"


def _trust_one_authority(home: Path) -> None:
    """Spares Prefect's clients the reading of 140 authorities for a server that is spoken to without TLS.

    Each client reads them again, in 45 ms of processor, and a flow run's process has three. Clients of anything else
    do not read this variable. A home that cannot be written to only costs the time.
    """
    first = certifi.contents().partition(_CERTIFICATE_END)
    path = one_authority_file(home)
    text = first[0] + first[1] + "\n"
    with suppress(OSError):
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            home.mkdir(parents=True, exist_ok=True)
            # Replaced whole: another process may be reading it.
            with NamedTemporaryFile("w", dir=home, delete=False, encoding="utf-8") as written:
                written.write(text)
            Path(written.name).replace(path)
        os.environ.setdefault("PREFECT_API_SSL_CERT_FILE", str(path))
