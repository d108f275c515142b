"""What of Nova the openstack command asks before it makes an attachment: whether there is such a server."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Answer(BaseHTTPRequestHandler):
    """Every server that is asked for is there."""

    def do_GET(self) -> None:  # noqa: N802 - http.server's name
        server = self.path.rsplit("/", 1)[-1]
        body = json.dumps({"server": {"id": server, "name": server}}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def nova() -> Iterator[dict[str, str]]:
    """The environment in which clients find it."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            yield {"OS_COMPUTE_ENDPOINT_OVERRIDE": f"http://127.0.0.1:{server.server_port}/v2.1"}
        finally:
            server.shutdown()
