"""The two ways to ask Cindervault: the real `openstack` command, and plain HTTP."""

from __future__ import annotations

import http.client
import json
import os
import shlex
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from waiting import until


class CommandFailed(Exception):
    def __init__(self, command: str, code: int, said: str) -> None:
        super().__init__(f"`{command}` ended with {code}: {said.strip()}")
        self.said = said


class RequestFailed(Exception):
    def __init__(self, method: str, path: str, status: int, body: str) -> None:
        super().__init__(f"{method} {path} was answered with {status}: {body}")
        self.status = status
        self.body = body

    @property
    def message(self) -> str | None:
        """What the fault says, where the body is one."""
        try:
            (fault,) = json.loads(self.body).values()
            return fault["message"]
        except (ValueError, TypeError, KeyError, AttributeError):
            return None


class Openstack:
    """The `openstack` command of the venv, as whoever the environment of a lab says that one is."""

    def __init__(self, program: Path, tell: Callable[[str], None] = lambda _: None) -> None:
        self.program = program
        self.tell = tell

    def run(self, *arguments: str) -> str:
        shown = shlex.join(("openstack", *arguments))
        self.tell(f"$ {shown}")
        done = subprocess.run([str(self.program), *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode:
            raise CommandFailed(shown, done.returncode, done.stderr or done.stdout)
        return done.stdout

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "-f", "json"))


# Seconds after which a kept connection is not used again: the server closes one that is idle for half a minute.
IDLE = 10


class Rest:
    """JSON over one kept connection; not for several threads at a time."""

    def __init__(self, base: str, project: str, microversion: str = "3.64", token: str = "lab") -> None:
        self.host = urlsplit(base).netloc
        self.prefix = f"/v3/{project}"
        self.project = project
        self.headers = {"X-Auth-Token": token, "OpenStack-API-Version": f"volume {microversion}"}
        self.connection = http.client.HTTPConnection(self.host, timeout=120)
        self.used = 0.0

    def get(self, path: str) -> Any:
        return self._request("GET", path)

    def post(self, path: str, body: Any) -> Any:
        return self._request("POST", path, body)

    def put(self, path: str, body: Any) -> Any:
        return self._request("PUT", path, body)

    def delete(self, path: str) -> Any:
        return self._request("DELETE", path)

    def show(self, kind: str, identifier: str) -> dict[str, Any]:
        """One volume, snapshot or backup."""
        return self.get(f"/{kind}s/{identifier}")[kind]

    def await_status(self, kind: str, identifier: str, wanted: str, patience: float = 120.0, every: float = 0.02) -> dict:
        """Ask until the status is the wanted one; another status of an error, or time, ends it."""
        return self._await(kind, identifier, f"becoming `{wanted}`", lambda seen: seen and seen["status"] == wanted,
                           patience, every)

    def await_gone(self, kind: str, identifier: str, patience: float = 120.0, every: float = 0.02) -> None:
        self._await(kind, identifier, "being gone", lambda seen: seen is None, patience, every)

    def await_error(self, kind: str, identifier: str, patience: float = 120.0, every: float = 0.02) -> dict:
        """Ask until it is in some status of an error."""
        return self._await(kind, identifier, "failing", lambda seen: seen and seen["status"].startswith("error"),
                           patience, every)

    def _await(self, kind: str, identifier: str, what: str, is_it: Callable[[dict | None], Any], patience: float,
               every: float) -> Any:
        def look() -> dict | None:
            try:
                return self.show(kind, identifier)
            except RequestFailed as failure:
                if failure.status != 404:
                    raise
                return None

        def ended(seen: dict | None) -> bool:
            return bool(is_it(seen)) or seen is None or seen["status"].startswith("error")

        seen = until(look, ended, f"{kind} {identifier} {what}", patience, every)
        if not is_it(seen):
            status = seen["status"] if seen else "gone"
            why = f", fail_reason: {seen['fail_reason']}" if seen and seen.get("fail_reason") else ""
            raise TimeoutError(f"{kind} {identifier} is `{status}` instead of {what}{why}")
        return seen

    def quota_in_use(self) -> dict[str, int]:
        quotas = self.get(f"/os-quota-sets/{self.project}?usage=True")["quota_set"]
        return {name: value["in_use"] for name, value in quotas.items() if isinstance(value, dict)}

    def _request(self, method: str, path: str, body: Any = None) -> Any:
        return self.send(method, path, None if body is None else json.dumps(body).encode())

    def send(self, method: str, path: str, data: bytes | None) -> Any:
        """A request whose body may be no JSON at all."""
        headers = dict(self.headers)
        if data is not None:
            headers["Content-Type"] = "application/json"
        answer, text = self._send(method, path, data, headers)
        if answer.status >= 300:
            raise RequestFailed(method, self.prefix + path, answer.status, text)
        return json.loads(text) if text else None

    def _send(self, method: str, path: str, data: bytes | None, headers: dict[str, str]) -> tuple[Any, str]:
        if time.monotonic() - self.used > IDLE:
            self.connection.close()
        if self.connection.sock is None:
            self.connection.connect()
        try:
            self.connection.request(method, self.prefix + path, data, headers)
            answer = self.connection.getresponse()
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            # The server may close a kept connection that was idle. Nothing was answered: ask on a new one, once.
            self.connection.close()
            if method != "GET":
                raise
            self.connection.request(method, self.prefix + path, data, headers)
            answer = self.connection.getresponse()
        text = answer.read().decode()
        self.used = time.monotonic()
        return answer, text
