"""Plain HTTP, with what must be true of every answer looked at on the way."""

from __future__ import annotations

import http.client
import json
import re
from dataclasses import dataclass, replace
from typing import Any

REQUEST_ID = re.compile(r"req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
NOT_SENT = object()

GENERIC_400 = "The server could not comply with the request since it is either malformed or otherwise incorrect."
GENERIC_404 = "The resource could not be found."
MAX_VERSION = "3.71"
PROJECT_KEY = "os-backup-project-attr:project_id"


@dataclass(frozen=True)
class Answer:
    """What came back."""

    asked: str
    status: int
    headers: dict[str, str]  # by lower-case name
    body: bytes

    @property
    def json(self) -> Any:
        assert self.headers.get("content-type") == "application/json", self
        return json.loads(self.body)

    @property
    def request_id(self) -> str:
        return self.headers["x-openstack-request-id"]

    def expect(self, status: int) -> Any:
        """The body, once the status is this one."""
        assert self.status == status, self
        return self.json if self.body else None

    def empty(self, status: int) -> None:
        assert (self.status, self.body) == (status, b""), self
        assert self.headers["content-type"] == "application/json"

    def fault(self, status: int, name: str, message: str | None = None) -> str:
        """The message, once the answer is this JSON fault and nothing more."""
        assert self.status == status, self
        (key, fault), = self.json.items()
        assert key == name, self
        assert set(fault) == ({"code", "message", "retryAfter"} if status == 413 else {"code", "message"}), self
        assert fault["code"] == status, self
        if status == 413:
            assert (fault["retryAfter"], self.headers["retry-after"]) == ("0", "0"), self
        if message is not None:
            assert fault["message"] == message, self
        return fault["message"]

    def bad_request(self, message: str | None = None) -> str:
        return self.fault(400, "badRequest", message)

    def not_found(self, message: str) -> str:
        return self.fault(404, "itemNotFound", message)

    def over_limit(self, message: str) -> str:
        return self.fault(413, "overLimit", message)

    def forbidden(self, rule: str) -> str:
        return self.fault(403, "forbidden", f"Policy doesn't allow {rule} to be performed.")

    def unroutable(self) -> None:
        """404 from in front of the resources: no JSON fault, no version."""
        assert self.status == 404, self
        assert not {"openstack-api-version", "vary", "x-compute-request-id"} & set(self.headers), self
        assert b'"itemNotFound"' not in self.body, self


@dataclass(frozen=True)
class Client:
    """A caller: who, in which project, speaking which version."""

    base: str  # http://127.0.0.1:PORT
    project: str
    token: str | None
    version: str | None = None  # none sent: 3.0

    def at(self, version: str) -> Client:
        return replace(self, version=version)

    def get(self, path: str, **more: Any) -> Answer:
        return self.send("GET", f"/v3/{self.project}{path}", **more)

    def post(self, path: str, body: Any = NOT_SENT, **more: Any) -> Answer:
        return self.send("POST", f"/v3/{self.project}{path}", body, **more)

    def put(self, path: str, body: Any, **more: Any) -> Answer:
        return self.send("PUT", f"/v3/{self.project}{path}", body, **more)

    def delete(self, path: str, **more: Any) -> Answer:
        return self.send("DELETE", f"/v3/{self.project}{path}", **more)

    def action(self, kind: str, identifier: str, name: str, value: Any = None) -> Answer:
        return self.post(f"/{kind}s/{identifier}/action", {name: value})

    def show(self, kind: str, identifier: str) -> dict[str, Any]:
        return self.get(f"/{kind}s/{identifier}").expect(200)[kind]

    def status(self, kind: str, identifier: str) -> str | None:
        """`None` when it is gone."""
        answer = self.get(f"/{kind}s/{identifier}")
        return None if answer.status == 404 else answer.expect(200)[kind]["status"]

    def send(self, method: str, path: str, body: Any = NOT_SENT, *, raw: bytes | None = None,
             headers: dict[str, str] | None = None) -> Answer:
        """A request as it is: `path` is the whole one, `raw` a body that need not be JSON."""
        sent = {"Accept": "application/json"}
        if self.token is not None:
            sent["X-Auth-Token"] = self.token
        if self.version is not None:
            sent["OpenStack-API-Version"] = f"volume {self.version}"
        data = raw
        if body is not NOT_SENT:
            data = json.dumps(body).encode()
            sent["Content-Type"] = "application/json"
        answer = exchange(self.base, method, path, data, sent | (headers or {}))
        assert answer.status < 500 or answer.status == 503, answer
        assert REQUEST_ID.fullmatch(answer.request_id), answer
        assert answer.headers.get("x-compute-request-id", answer.request_id) == answer.request_id, answer
        return answer


def exchange(base: str, method: str, path: str, data: bytes | None, headers: dict[str, str]) -> Answer:
    """One request on a connection of its own."""
    connection = http.client.HTTPConnection(base.removeprefix("http://"), timeout=60)
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        if data is not None:
            connection.putheader("Content-Length", str(len(data)))
        connection.endheaders(data)
        got = connection.getresponse()
        lowered = {name.lower(): value for name, value in got.getheaders()}
        return Answer(f"{method} {path} {data or ''}", got.status, lowered, got.read())
    finally:
        connection.close()
