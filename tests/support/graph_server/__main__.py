"""Runs the server: prints its addresses as one JSON line, and ends when its standard input closes."""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import sys
from pathlib import Path

import uvicorn

from tests.support.graph_server.app import make_app
from tests.support.graph_server.certificates import make_certificates
from tests.support.graph_server.directory import Directory
from tests.support.graph_server.policies import make_policies


def _listen() -> socket.socket:
    # Named as TCP: asyncio switches Nagle's algorithm off only on sockets that say so, and 40 ms an answer are at stake.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    return listener


async def _serve(directory: Directory, folder: Path) -> None:
    ca, certificate, key = make_certificates(folder)
    app = make_app(directory)
    plain, secure = _listen(), _listen()
    shared = {"log_level": "critical", "access_log": False, "lifespan": "off", "date_header": False}
    servers = [
        uvicorn.Server(uvicorn.Config(app, **shared)),
        uvicorn.Server(uvicorn.Config(app, ssl_certfile=certificate, ssl_keyfile=key, **shared)),
    ]
    sys.stdout.write(
        json.dumps(
            {
                "endpoint": f"http://127.0.0.1:{plain.getsockname()[1]}",
                "authority": f"https://127.0.0.1:{secure.getsockname()[1]}",
                "ca_file": str(ca),
            }
        )
        + "\n"
    )
    sys.stdout.flush()
    running = asyncio.gather(servers[0].serve([plain]), servers[1].serve([secure]))
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, sys.stdin.read)
    for server in servers:
        server.should_exit = server.force_exit = True
    await running


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--policies", type=int, default=0)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--directory", required=True)
    parser.add_argument("--client-id", required=True)
    parser.add_argument("--client-secret", required=True)
    given = parser.parse_args()
    directory = Directory(
        given.directory, given.client_id, given.client_secret, make_policies(given.policies, given.seed)
    )
    asyncio.run(_serve(directory, given.folder))


if __name__ == "__main__":
    main()
