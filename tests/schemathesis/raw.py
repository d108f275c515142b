"""What no client library sends, for every operation that is described: nothing breaks, nothing hangs."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator

import pytest

from conformance.people import People
from conformance.wire import MAX_VERSION, exchange
from stock import Stock

MAX_BODY = 114_688
STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")


class Wire:
    """A caller that writes bytes."""

    def __init__(self, people: People) -> None:
        self.people = people
        self.host, self.port = people.server.base.removeprefix("http://").split(":")

    def head(self, method: str, path: bytes, *headers: bytes) -> bytes:
        token = b"X-Auth-Token: " + self.people.admin.token.encode()
        version = f"OpenStack-API-Version: volume {MAX_VERSION}".encode()
        first = method.encode() + b" " + path + b" HTTP/1.1"
        lines = (first, b"Host: h", b"Connection: close", token, version, *headers)
        return b"\r\n".join(lines) + b"\r\n\r\n"

    def send(self, *parts: bytes) -> tuple[int, bytes]:
        """The status and all that is answered until the connection ends, which it must."""
        with socket.create_connection((self.host, int(self.port)), timeout=30) as connection:
            answer = b""
            try:
                for part in parts:
                    connection.sendall(part)
            except (BrokenPipeError, ConnectionResetError):
                pass  # answered before all was sent
            try:
                while piece := connection.recv(65536):
                    answer += piece
            except ConnectionResetError:
                pass  # the rest of what was sent is not read; the answer came before
            found = STATUS.match(answer)
            assert found, (parts[0][:200], answer[:200])
            return int(found[1]), answer


@pytest.fixture(scope="module")
def wire(people: People) -> Wire:
    return Wire(people)


@pytest.fixture(scope="module")
def operations(people: People, stock: Stock) -> list[tuple[str, str, bool]]:
    """Method, path of something that is there, and whether there is a body, of each operation on a resource."""
    paths = json.loads(exchange(people.server.base, "GET", "/openapi.json", None, {}).body)["paths"]
    return list(described(paths, people.project, stock))


def described(paths: dict, project: str, stock: Stock) -> Iterator[tuple[str, str, bool]]:
    for path, methods in paths.items():
        if not path.startswith("/v3/{project_id}/"):
            continue
        kind = path.split("/")[3]
        filled = path.replace("{project_id}", project).replace("{id}", stock.ids.get(kind, [project])[0])
        for method, operation in methods.items():
            yield method.upper(), re.sub(r"\{\w+\}", "key", filled), "requestBody" in operation


def test_paths_and_queries_that_are_no_text(wire: Wire, operations: list[tuple[str, str, bool]]) -> None:
    odd = (b"/%ff", b"/%00", b"/%", b"/%zz", b"/..%2f..", b"?%ff=1", b"?a=%ff", b"?%", b"?limit=%00", b"?\xff=\xfe",
           b"?a=%u1234", b"?" + b"&" * 2000, b"?" + b"a=1&" * 2000)
    for method, path, _ in operations:
        if method == "DELETE":
            continue  # what stands behind the question mark would not keep it from being done
        for suffix in odd:
            status, answer = wire.send(wire.head(method, path.encode() + suffix))
            assert status < 500, (method, path, suffix, answer)


def test_methods(wire: Wire, operations: list[tuple[str, str, bool]]) -> None:
    """Those that a path does not have are routed nowhere, whatever they are called."""
    for path in {path for _, path, _ in operations}:
        for method in ("HEAD", "OPTIONS", "TRACE", "PATCH", "CONNECT", "PROPFIND", "X" * 200):
            status, answer = wire.send(wire.head(method, path.encode()))
            assert status in ((400, 404) if method == "CONNECT" else (404,)), (method, path, answer)


def test_long_addresses_and_headers(wire: Wire, operations: list[tuple[str, str, bool]]) -> None:
    for method, path, _ in operations:
        if method != "GET":
            continue
        for length, statuses in ((4_000, {200, 400, 404}), (100_000, {400, 414, 431}), (2_000_000, {400, 414, 431})):
            status, answer = wire.send(wire.head(method, path.encode() + b"?name=" + b"x" * length))
            assert status in statuses, (method, path, length, answer[:300])
        long = b"X-Odd: " + b"y" * 2_000_000
        for headers, statuses in ((long,), {431}), (tuple(b"X-%d: y" % n for n in range(500)), {431}):
            status, answer = wire.send(wire.head(method, path.encode(), *headers))
            assert status in statuses, (method, path, len(headers), answer[:300])


def chunks(body: bytes, size: int) -> bytes:
    pieces = (body[at:at + size] for at in range(0, len(body), size))
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def test_bodies_in_pieces(wire: Wire, operations: list[tuple[str, str, bool]]) -> None:
    """A body counts as it is, in whatever pieces it comes; one that is too large is refused before all is there."""
    chunked = (b"Content-Type: application/json", b"Transfer-Encoding: chunked")
    for method, path, takes in operations:
        if method == "DELETE" or not takes:
            continue
        head = wire.head(method, path.encode(), *chunked)
        status, answer = wire.send(head, chunks(b'{"nothing of ours": 1}', 3))
        assert status == 400, (method, path, answer)
        status, answer = wire.send(head, chunks(b" " * MAX_BODY, 8192))
        assert status in (400, 404), (method, path, answer)
        for large in (MAX_BODY + 1, 4_000_000):
            status, answer = wire.send(head, chunks(b" " * large, 65536))
            assert status == 413, (method, path, large, answer)


def test_bodies_that_are_cut_or_lied_about(wire: Wire, stock: Stock) -> None:
    path = f"/v3/{wire.people.project}/volumes".encode()
    json_type = b"Content-Type: application/json"
    for headers, body, statuses in (
        ((b"Transfer-Encoding: chunked",), b"zz\r\n{}\r\n0\r\n\r\n", {400, 408}),
        ((b"Content-Length: nine",), b"{}", {400}),
        ((b"Content-Length: -1",), b"{}", {400}),
        ((b"Content-Length: 2", b"Content-Length: 3"), b"{}", {400}),
        ((b"Content-Length: 99999999999999999999",), b"{}", {400, 413}),
        ((b"Content-Length: 9999999999",), b"{}", {413}),
        ((b"Expect: 100-continue", b"Content-Length: 2"), b"{}", {100, 400}),
    ):
        status, answer = wire.send(wire.head("POST", path, json_type, *headers), body)
        assert status in statuses, (headers, answer)


def test_tokens_that_are_no_text(wire: Wire) -> None:
    """A service token that can not be one is not valid, beside a good token as well."""
    path = f"/v3/{wire.people.project}/volumes".encode()
    assert wire.send(wire.head("GET", path))[0] == 200
    for value in (b"\xff\xfe", b"", "é".encode(), b"x" * 20_000):
        assert wire.send(wire.head("GET", path, b"X-Service-Token: " + value))[0] == 401, value


def test_depth(wire: Wire, operations: list[tuple[str, str, bool]]) -> None:
    """Deep JSON is refused, not followed."""
    for method, path, takes in operations:
        if not takes:
            continue
        for body in (b"[" * 100_000, b'{"a":' * 20_000, b'{"volume":' + b"[" * 100_000):
            headers = (b"Content-Type: application/json", b"Content-Length: %d" % len(body))
            status, answer = wire.send(wire.head(method, path.encode(), *headers), body)
            assert status == 400, (method, path, answer)
