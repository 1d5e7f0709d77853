"""A peer that speaks a little differently: it passes requests on and rewrites what comes back."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote_plus

import httpx

Rewrite = Callable[[str, Any], Any]
"""Given the decoded path and the JSON body, gives the body to send instead."""


@contextmanager
def relay(target: str, rewrite: Rewrite, *, dated: bool = True) -> Iterator[str]:
    """Serve on a free port what the target answers, rewritten."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Keep the test's output its own."""

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {k: v for k, v in self.headers.items() if k.lower() in PASSED}
            answer = http.request(self.command, target + self.path, content=body, headers=headers)
            self._send(answer)

        do_POST = do_GET  # noqa: N815 - the name that http.server calls

        def _send(self, answer: httpx.Response) -> None:
            content = answer.content
            if answer.is_success and "json" in answer.headers.get("content-type", ""):
                document = json.loads(content.replace(target.encode(), url.encode()))
                content = json.dumps(rewrite(unquote_plus(self.path), document)).encode()
            self.send_response_only(answer.status_code)
            if dated:
                self.send_header("Date", answer.headers["date"])
            self.send_header("Content-Type", answer.headers.get("content-type", "text/plain"))
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    with httpx.Client(timeout=120) as http:
        thread.start()
        try:
            yield url
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


PASSED = {"authorization", "content-type", "if-modified-since", "sforce-query-options"}
