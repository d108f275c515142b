"""Keystone over plain HTTP: logging in, and asking with what one got."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from typing import Any

# Nothing here is worth a secret: it is a lab on loopback, made to be logged in to by whoever stands before it.
PASSWORD = "secret"
DOMAIN = "default"


class IdentityError(Exception):
    def __init__(self, method: str, path: str, status: int, body: str) -> None:
        super().__init__(f"Keystone answered {status} to {method} {path}: {body}")
        self.status = status


class Login:
    """A user's token, for a project, for the whole cloud (`system`) or for nothing."""

    def __init__(self, auth_url: str, user: str, project: str | None = None, password: str = PASSWORD,
                 system: bool = False) -> None:
        self.auth_url = auth_url
        self.user = user
        identity = {"methods": ["password"],
                    "password": {"user": {"name": user, "domain": {"id": DOMAIN}, "password": password}}}
        scope: Any = {"project": {"name": project, "domain": {"id": DOMAIN}}} if project else "unscoped"
        if system:
            scope = {"system": {"all": True}}
        answer, headers = _ask(auth_url, "POST", "/auth/tokens", {"auth": {"identity": identity, "scope": scope}}, {})
        self.token = headers["X-Subject-Token"]
        self.user_id: str = answer["token"]["user"]["id"]
        self.project_id: str | None = answer["token"].get("project", {}).get("id")

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        return _ask(self.auth_url, method, path, body, {"X-Auth-Token": self.token} | headers)[0]

    def revoke(self) -> None:
        self.ask("DELETE", "/auth/tokens", **{"X-Subject-Token": self.token})


def lab_login() -> Login | None:
    """Whoever the environment of a lab says that one is; nobody in a lab without Keystone."""
    if "OS_AUTH_URL" not in os.environ:
        return None
    return Login(os.environ["OS_AUTH_URL"], os.environ["OS_USERNAME"], os.environ["OS_PROJECT_NAME"],
                 os.environ["OS_PASSWORD"])


def _ask(auth_url: str, method: str, path: str, body: Any, headers: dict[str, str]) -> tuple[Any, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(auth_url + path, data, headers | {"Content-Type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
            return (json.loads(text) if text else None), answer.headers
    except urllib.error.HTTPError as error:
        raise IdentityError(method, path, error.code, error.read().decode(errors="replace")) from None
