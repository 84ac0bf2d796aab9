"""Points Prefect's client, before it is imported, at the server the settings or the running local stack name."""

from __future__ import annotations

import os

from deployments.settings import Settings
from deployments.stack.record import read_record
from runstore.errors import UnavailableError


class NoPrefectServerError(UnavailableError):
    """No Prefect server is known here; start one with `tenantatlas up`, or set PREFECT_API_URL to its address."""


def use_prefect(settings: Settings) -> str:
    """The address of Prefect's API, now in the environment as well. Raises NoPrefectServerError when there is none.

    Prefect reads its address when it is imported, so call this first.
    """
    record = read_record(settings.state)
    address = settings.prefect_api_url or (record.prefect_api_url if record else None)
    if address is None:
        raise NoPrefectServerError
    os.environ["PREFECT_API_URL"] = address
    # Otherwise Prefect would start a throw-away server of its own when this one does not answer.
    os.environ.setdefault("PREFECT_SERVER_ALLOW_EPHEMERAL_MODE", "false")
    return address
