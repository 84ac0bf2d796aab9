"""A Microsoft Graph of the tests' own, over real sockets, in a process of its own."""

from __future__ import annotations

from tests.support.graph_server.client import GraphServer

__all__ = ["GraphServer"]
