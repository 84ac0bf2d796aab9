"""Scrubs what a flow process sends to Prefect as events: among them the states of its tasks, messages and all."""

from __future__ import annotations

import re
from typing import Any, Final

from prefect.events import Event
from prefect.events.clients import PrefectEventsClient
from prefect.events.worker import EventsWorker, emit_events_to_cloud, should_emit_events_to_running_server

from runstore.fence.redaction import scrub_json

_EXCEPTION: Final = re.compile(r"(Task run encountered an exception:? )(?!ReasonedError\b)(\w+): .*", re.DOTALL)
"""What Prefect says of a task that raised: the class tells what it was, and the text may quote anything."""


class ScrubbedEventsClient(PrefectEventsClient):
    """Prefect's own client, which sends an event only without secrets and without the text of exceptions."""

    async def emit(self, event: Event) -> None:
        """Sends the event."""
        clean = _clean(event.model_dump(mode="json", include={"resource", "related", "payload"}))
        await super().emit(Event.model_validate({**event.model_dump(exclude=set(clean)), **clean}))


def _clean(value: Any) -> Any:
    return _untold(scrub_json(value))


def _untold(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _untold(one) for key, one in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list):
        return [_untold(one) for one in value]  # pyright: ignore[reportUnknownVariableType]
    return _EXCEPTION.sub(r"\1\2", value) if isinstance(value, str) else value


def scrub_events() -> None:
    """Has this process's events sent by that client. Prefect Cloud has a client of its own, which stays."""
    if should_emit_events_to_running_server() and not emit_events_to_cloud():
        EventsWorker.set_client_override(ScrubbedEventsClient)
