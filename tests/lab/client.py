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


class CommandFailed(Exception):
    def __init__(self, command: str, code: int, said: str) -> None:
        super().__init__(f"`{command}` ended with {code}: {said.strip()}")
        self.said = said


class RequestFailed(Exception):
    def __init__(self, method: str, path: str, status: int, body: str) -> None:
        super().__init__(f"{method} {path} was answered with {status}: {body}")
        self.status = status


class Openstack:
    """The `openstack` command of the venv."""

    def __init__(self, program: Path, endpoint: str, tell: Callable[[str], None] = lambda _: None) -> None:
        self.program = program
        self.endpoint = endpoint
        self.tell = tell
        # No OS_ variable of the caller's shell may decide where the command goes.
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}

    def run(self, *arguments: str) -> str:
        shown = shlex.join(("openstack", *arguments))
        self.tell(f"$ {shown}")
        done = subprocess.run([str(self.program), "--os-auth-type", "none", "--os-endpoint", self.endpoint, *arguments],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, env=self.environment)
        if done.returncode:
            raise CommandFailed(shown, done.returncode, done.stderr or done.stdout)
        return done.stdout

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "-f", "json"))


class Rest:
    """JSON over one kept connection; not for several threads at a time."""

    def __init__(self, base: str, project: str, microversion: str = "3.64") -> None:
        self.host = urlsplit(base).netloc
        self.prefix = f"/v3/{project}"
        self.project = project
        self.headers = {"X-Auth-Token": "lab", "OpenStack-API-Version": f"volume {microversion}"}
        self.connection = http.client.HTTPConnection(self.host, timeout=120)

    def get(self, path: str) -> Any:
        return self._request("GET", path)

    def post(self, path: str, body: Any) -> Any:
        return self._request("POST", path, body)

    def delete(self, path: str) -> Any:
        return self._request("DELETE", path)

    def show(self, kind: str, identifier: str) -> dict[str, Any]:
        """One volume, snapshot or backup."""
        return self.get(f"/{kind}s/{identifier}")[kind]

    def await_status(self, kind: str, identifier: str, wanted: str, patience: float = 120.0, every: float = 0.02) -> dict:
        """Ask until the status is the wanted one; an error status, or time, ends it."""
        deadline = time.monotonic() + patience
        while True:
            seen = self.show(kind, identifier)
            if seen["status"] == wanted:
                return seen
            if seen["status"].startswith("error") or time.monotonic() > deadline:
                why = f", fail_reason: {seen['fail_reason']}" if seen.get("fail_reason") else ""
                raise TimeoutError(f"{kind} {identifier} is `{seen['status']}` instead of becoming `{wanted}`{why}")
            time.sleep(every)  # an outside observer can only ask again

    def await_gone(self, kind: str, identifier: str, patience: float = 120.0, every: float = 0.02) -> None:
        deadline = time.monotonic() + patience
        while True:
            try:
                seen = self.show(kind, identifier)
            except RequestFailed as failure:
                if failure.status == 404:
                    return
                raise
            if seen["status"].startswith("error") or time.monotonic() > deadline:
                why = f", fail_reason: {seen['fail_reason']}" if seen.get("fail_reason") else ""
                raise TimeoutError(f"{kind} {identifier} is `{seen['status']}` instead of being gone{why}")
            time.sleep(every)

    def quota_in_use(self) -> dict[str, int]:
        quotas = self.get(f"/os-quota-sets/{self.project}?usage=True")["quota_set"]
        return {name: value["in_use"] for name, value in quotas.items() if isinstance(value, dict)}

    def _request(self, method: str, path: str, body: Any = None) -> Any:
        headers = dict(self.headers)
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        answer, text = self._send(method, path, data, headers)
        if answer.status >= 300:
            raise RequestFailed(method, self.prefix + path, answer.status, text)
        return json.loads(text) if text else None

    def _send(self, method: str, path: str, data: bytes | None, headers: dict[str, str]) -> tuple[Any, str]:
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
        return answer, answer.read().decode()
