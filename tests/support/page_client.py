"""A browser's half of Streamlit's conversation, without a browser: runs the pages' scripts over the real socket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect

from monitoring_app import texts

WAIT_SECONDS = 60.0
_BROKEN = texts.PROBLEM.partition("{")[0]
_CODE = frozenset({"js_content", "css_content", "html_content"})
"""Fields of a component that hold its own code, and nothing of a page."""


@dataclass
class Shown:
    """What one run of a page's script sent: its elements, the fragments that want to be run again, whether it broke."""

    elements: list[Any] = field(default_factory=list[Any])
    fragments: list[tuple[str, float]] = field(default_factory=list[tuple[str, float]])
    stopped: bool = False

    @property
    def failed(self) -> bool:
        """Whether the script did not get to its end, or a part of the page says that it has a problem."""
        return self.stopped or _BROKEN in self.text

    @property
    def text(self) -> str:
        """Everything a reader could get to see, as text."""
        return "\n".join(_texts(element) for element in self.elements)


class PageClient:
    """One tab of a signed-in browser."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._hash = ""

    def open(self, address: str) -> Shown:
        """Runs the script of an address (`/operations?tenant=…`) and answers what it showed."""
        parts = urlsplit(address)
        message = BackMsg()
        state = message.rerun_script
        state.query_string = parts.query
        state.page_name = parts.path.strip("/")
        self._describe(state)
        return self._run(message)

    def refresh(self, fragment: str, address: str) -> Shown:
        """Runs one fragment again, as its timer would."""
        message = BackMsg()
        state = message.rerun_script
        state.query_string = urlsplit(address).query
        state.page_script_hash = self._hash
        state.fragment_id = fragment
        state.is_auto_rerun = True
        self._describe(state)
        return self._run(message)

    def _describe(self, state: Any) -> None:
        state.context_info.timezone = "Europe/Berlin"
        state.context_info.locale = "en-GB"

    def _run(self, message: BackMsg) -> Shown:
        self._connection.send(message.SerializeToString())
        shown = Shown()
        while True:
            received = ForwardMsg()
            # recv() answers bytes or text by the frame; Streamlit sends bytes only, and text would fail right here.
            received.ParseFromString(self._connection.recv(timeout=WAIT_SECONDS))  # type: ignore[arg-type]
            kind = received.WhichOneof("type")
            if kind == "new_session":
                self._hash = received.new_session.page_script_hash
                shown = Shown()
            elif kind == "delta":
                shown.elements.append(received.delta)
                shown.stopped |= received.delta.new_element.WhichOneof("type") == "exception"
            elif kind == "auto_rerun":
                shown.fragments.append((received.auto_rerun.fragment_id, received.auto_rerun.interval))
            elif kind == "script_finished":
                status = received.script_finished
                if status == ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                    continue
                shown.stopped |= status not in (
                    ForwardMsg.FINISHED_SUCCESSFULLY,
                    ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY,
                )
                return shown


@contextmanager
def tab(url: str, session: str, identity: dict[str, str] | None = None) -> Iterator[PageClient]:
    """A tab of whoever holds that session cookie, or of whom a proxy says it is by the headers of `identity`."""
    address = f"{url.replace('http', 'ws', 1)}/_stcore/stream"
    headers = identity or {"cookie": f"tenantatlas={session}"}
    # The library brands its own string types; at run time they are plain strings.
    with connect(address, origin=url, additional_headers=headers, max_size=None, subprotocols=["streamlit"]) as opened:  # type: ignore[list-item,arg-type]
        yield PageClient(opened)


def _texts(message: Any) -> str:
    found: list[str] = []
    for declared, value in message.ListFields():
        if declared.name in _CODE:
            continue
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, bytes):
            found.append(value.decode(errors="replace"))
        elif hasattr(value, "ListFields"):
            found.append(_texts(value))
        elif hasattr(value, "__iter__"):
            found += [_texts(part) if hasattr(part, "ListFields") else str(part) for part in value]
    return "\n".join(found)
