"""A server that answers a warm worker as Prefect's does, and fails where a test says so, which Prefect's own would not."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from deployments.orchestration.warm.worker import WORKER_TYPE, WarmWorker
from tests.support.stack import eventually

POOL, QUEUE, FLOW, DEPLOYMENT = (uuid4() for _ in range(4))


HANGS_UP = 0
"""Instead of a code: the connection ends before the answer does."""


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _state(kind: str, name: str | None = None) -> dict[str, Any]:
    return {"id": str(uuid4()), "type": kind, "name": name or kind.title(), "timestamp": _now(), "state_details": {}}


class PrefectDouble:
    """Flow runs of one deployment in one pool. Whoever changes it from a test sees it answer so from the next request."""

    def __init__(self) -> None:
        self.runs: dict[UUID, dict[str, Any]] = {}
        self.failing: dict[str, int] = {}
        """Paths, as far as they matter, and the code they are answered with, or HANGS_UP."""
        self.proposed: list[tuple[UUID, str]] = []
        """Every state that was asked for, in order."""
        self.refused: Counter[str] = Counter()
        """How often a path was answered with its code, and how often somebody who listened was hung up on."""
        self.listeners = 0
        self.hangs_up = False
        """Whether events are closed in order as soon as somebody listens."""
        self.is_deaf = False
        """Whether nobody is let in to listen."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told: list[asyncio.Queue[dict[str, Any]]] = []

    def add(self, kind: str = "SCHEDULED") -> UUID:
        """A flow run in that state; a scheduled one is offered to the worker."""
        run = uuid4()
        state = _state(kind)
        if kind == "SCHEDULED":
            state["state_details"] = {"scheduled_time": _now()}
        self.runs[run] = {
            "id": str(run),
            "created": _now(),
            "updated": _now(),
            "name": "run",
            "flow_id": str(FLOW),
            "deployment_id": str(DEPLOYMENT),
            "state": state,
            "state_type": kind,
            "state_name": state["name"],
        }
        return run

    def move(self, run: UUID, kind: str) -> None:
        """Puts a flow run into a state."""
        self.runs[run] |= {"state": _state(kind), "state_type": kind, "state_name": kind.title()}

    def tell_cancelling(self, run: UUID) -> None:
        """Sends the event of a run that is to be cancelled to everybody who listens."""
        event = {
            "id": str(uuid4()),
            "occurred": _now(),
            "received": _now(),
            "event": "prefect.flow-run.Cancelling",
            "resource": {"prefect.resource.id": f"prefect.flow-run.{run}"},
            "related": [],
            "payload": {},
        }
        assert self._loop is not None
        for queue in self._told:
            self._loop.call_soon_threadsafe(queue.put_nowait, {"type": "event", "event": event})

    async def _answer(self, request: Request) -> Response:
        path = request.url.path.removeprefix("/api")
        for part, code in self.failing.items():
            if part in path:
                self.refused[part] += 1
                if code == HANGS_UP:
                    return Response(headers={"Content-Length": "1"})
                return JSONResponse({"detail": "told to fail"}, code)
        match [part for part in path.split("/") if part], request.method:
            case ["admin", "version"], _:
                return JSONResponse("3.8.8")
            case ["flow_runs", "filter"], _:
                wanted = (await request.json())["flow_runs"]
                kinds = wanted["state"]["type"]["any_"]
                return JSONResponse(
                    [
                        run
                        for id, run in self.runs.items()
                        if str(id) in wanted["id"]["any_"] and run["state_type"] in kinds
                    ]
                )
            case ["flow_runs", run, "set_state"], _:
                return self._moved(UUID(run), (await request.json())["state"])
            case ["flow_runs", run], "GET":
                known = self.runs.get(UUID(run))
                return JSONResponse(known or {"detail": "not found"}, 200 if known else 404)
            case ["flow_runs", *_], _:
                return Response(status_code=204)
            case ["work_pools", _, "get_scheduled_flow_runs"], _:
                return JSONResponse(
                    [
                        {"work_pool_id": str(POOL), "work_queue_id": str(QUEUE), "flow_run": run}
                        for run in self.runs.values()
                        if run["state_type"] == "SCHEDULED"
                        and datetime.fromisoformat(run["state"]["state_details"]["scheduled_time"]) <= datetime.now(UTC)
                    ]
                )
            case ["work_pools", name], "GET":
                return JSONResponse(_pool(name))
            case ["deployments", _], _:
                document = {"id": str(DEPLOYMENT), "name": "tried", "flow_id": str(FLOW), "entrypoint": "a.b.c"}
                return JSONResponse({**document, "created": _now(), "updated": _now()})
            case ["flows", _], _:
                return JSONResponse({"id": str(FLOW), "name": "flow", "created": _now(), "updated": _now()})
            case ["work_pools" | "logs", *_], _:
                return Response(status_code=204)
            case _:
                return JSONResponse({"detail": "not found"}, 404)

    def _moved(self, run: UUID, state: dict[str, Any]) -> Response:
        self.proposed.append((run, state["type"]))
        self.move(run, state["type"])
        self.runs[run]["state"]["state_details"] = {
            key: value for key, value in (state.get("state_details") or {}).items() if key == "scheduled_time"
        }
        return JSONResponse(
            {"state": self.runs[run]["state"], "status": "ACCEPT", "details": {"type": "accept_details"}}, 201
        )

    async def _events(self, socket: WebSocket) -> None:
        self._loop = asyncio.get_running_loop()
        if self.is_deaf:
            await socket.close()
            return
        await socket.accept(subprotocol="prefect")
        await socket.receive_text()
        await socket.send_json({"type": "auth_success"})
        told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        with suppress(WebSocketDisconnect):
            await socket.receive_text()
            if self.hangs_up:
                self.refused["events"] += 1
                await socket.close(1000)
                return
            self._told.append(told)
            self.listeners += 1
            gone = asyncio.create_task(socket.receive())
            while not gone.done():
                news = asyncio.create_task(told.get())
                await asyncio.wait({news, gone}, return_when=asyncio.FIRST_COMPLETED)
                if news.done():
                    await socket.send_json(news.result())
                else:
                    news.cancel()
        if told in self._told:
            self._told.remove(told)
            self.listeners -= 1

    async def _take_events(self, socket: WebSocket) -> None:
        await socket.accept(subprotocol="prefect")
        await socket.receive_text()
        await socket.send_json({"type": "auth_success"})
        with suppress(WebSocketDisconnect):
            while True:
                await socket.receive_text()

    @contextmanager
    def served(self) -> Generator[str]:
        """The block can reach it at this address."""
        app = Starlette(
            routes=[
                WebSocketRoute("/api/events/out", self._events),
                WebSocketRoute("/api/events/in", self._take_events),
                Route("/{path:path}", self._answer, methods=["GET", "POST", "PATCH", "PUT"]),
            ]
        )
        with socket.create_server(("127.0.0.1", 0)) as listening:
            config = uvicorn.Config(app, log_level="critical", ws="websockets-sansio", timeout_graceful_shutdown=1)
            server = uvicorn.Server(config)
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
            thread.start()
            try:
                eventually(lambda: server.started)
                yield f"http://127.0.0.1:{listening.getsockname()[1]}/api"
            finally:
                server.should_exit = True
                thread.join()


def _pool(name: str) -> dict[str, Any]:
    return {
        "id": str(POOL),
        "created": _now(),
        "updated": _now(),
        "name": name,
        "type": WORKER_TYPE,
        "base_job_template": WarmWorker.get_default_base_job_template(),
        "is_paused": False,
        "concurrency_limit": None,
        "status": "READY",
        "default_queue_id": str(QUEUE),
        "storage_configuration": {},
    }
