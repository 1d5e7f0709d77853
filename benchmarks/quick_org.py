"""An org that answers every write after 50 ms, whatever its size, and reads as the one behind it.

What is measured against it is the sender: no rule is run, nothing is written. Everything else is
handed on to the emulated org.
"""

import argparse
import asyncio
import json
import sys
import threading
from typing import Any

import httpx
import uvicorn

DELAY = 0.05
_COLLECTION = "/composite/sobjects"

Scope = dict[str, Any]


class QuickOrg:
    """Counts the calls that cost of the allocation, and answers."""

    def __init__(self, behind: str) -> None:
        self._behind = httpx.AsyncClient(base_url=behind, timeout=60)
        self.calls = 0

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        path = scope["path"]
        if path == "/quick/calls":
            await _answer(send, 200, json.dumps(self.calls).encode())
            return
        self.calls += path.startswith("/services/data/v")
        if scope["method"] == "PATCH":
            await asyncio.sleep(DELAY)
            is_many = path.endswith(_COLLECTION)
            await _answer(send, 200 if is_many else 204, _saved(body) if is_many else b"")
            return
        await self._pass_on(scope, body, send)

    async def _pass_on(self, scope: Scope, body: bytes, send: Any) -> None:
        query = scope["query_string"].decode()
        url = scope["raw_path"].decode() + (f"?{query}" if query else "")
        kept = {"authorization", "content-type", "accept", "if-modified-since"}
        headers = {n.decode(): v.decode() for n, v in scope["headers"] if n.decode() in kept}
        answer = await self._behind.request(scope["method"], url, content=body, headers=headers)
        kind = answer.headers.get("content-type", "application/json")
        text = answer.content.replace(
            str(self._behind.base_url).rstrip("/").encode(), f"http://{_host(scope)}".encode()
        )
        await _answer(send, answer.status_code, text, kind, answer.headers.get("date"))


def _saved(body: bytes) -> bytes:
    records = json.loads(body)["records"]
    saved = [{"id": one["id"], "success": True, "errors": []} for one in records]
    return json.dumps(saved).encode()


def _host(scope: Scope) -> str:
    return str(dict(scope["headers"])[b"host"].decode())


async def _answer(
    send: Any, status: int, body: bytes, kind: str = "application/json", date: str | None = None
) -> None:
    headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
    headers += [(b"date", date.encode())] if date else []
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def main() -> None:
    """Serve until stdin ends, having said the port."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--behind", required=True)
    app = QuickOrg(parser.parse_args().behind)
    config = uvicorn.Config(app, port=0, log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    socket = config.bind_socket()
    socket.listen()
    print(json.dumps({"url": f"http://127.0.0.1:{socket.getsockname()[1]}"}), flush=True)

    def end_with_the_asker() -> None:
        sys.stdin.read()
        server.should_exit = True

    threading.Thread(target=end_with_the_asker, daemon=True).start()
    server.run(sockets=[socket])


if __name__ == "__main__":
    main()
