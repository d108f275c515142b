"""Callers that a real Keystone knows: a project of its own for each test, and who is what in it."""

from __future__ import annotations

import uuid
from functools import cached_property
from pathlib import Path

from identity import DOMAIN, PASSWORD, Login
from keystone import REGION, Keystone
from processes import one_start_at_a_time

from .rows import Rows
from .server import Server
from .wire import Client

# What each is in a test's project. `stranger` is in it without being allowed to read.
PEOPLE = {"member": ("member", "reader"), "reader": ("reader",), "admin": ("admin", "member", "reader"),
          "stranger": ("creator",)}


class Identity:
    """The Keystone of the run."""

    def __init__(self, directory: Path) -> None:
        self.keystone = Keystone(directory)
        with one_start_at_a_time():
            self.keystone.start()
        self.admin = self.keystone.login("admin", "admin")
        self.roles = {role["name"]: role["id"] for role in self.admin.ask("GET", "/roles")["roles"]}

    def stop(self) -> None:
        self.keystone.stop()

    def settings(self) -> dict[str, dict]:
        """For a server that asks it."""
        return {
            "auth": {"mode": "keystone"},
            "auth.keystone": {"auth_url": self.keystone.url(), "username": "cinder", "password": PASSWORD,
                              "project_name": "service", "region": REGION},
        }

    def project(self) -> tuple[str, str]:
        """A new project's name and id."""
        name = f"test-{uuid.uuid4()}"
        body = {"project": {"name": name, "domain_id": DOMAIN}}
        return name, self.admin.ask("POST", "/projects", body)["project"]["id"]

    def login(self, project_name: str, project: str, roles: tuple[str, ...]) -> Login:
        """A new user with these roles in the project."""
        name = f"user-{uuid.uuid4()}"
        body = {"user": {"name": name, "domain_id": DOMAIN, "password": PASSWORD}}
        user = self.admin.ask("POST", "/users", body)["user"]["id"]
        for role in roles:
            self.admin.ask("PUT", f"/projects/{project}/users/{user}/roles/{self.roles[role]}")
        return self.keystone.login(name, project_name)


class People:
    """Those of one test."""

    def __init__(self, identity: Identity, server: Server) -> None:
        self.identity = identity
        self.server = server
        self.name, self.project = identity.project()
        self.rows = Rows(server, self.project)
        self._logins: dict[str, Login] = {}

    def login(self, who: str) -> Login:
        """One of `PEOPLE`, made the first time that anybody asks."""
        if who not in self._logins:
            self._logins[who] = self.identity.login(self.name, self.project, PEOPLE[who])
        return self._logins[who]

    @cached_property
    def member(self) -> Client:
        return self._client("member")

    @cached_property
    def reader(self) -> Client:
        return self._client("reader")

    @cached_property
    def admin(self) -> Client:
        return self._client("admin")

    @cached_property
    def stranger(self) -> Client:
        return self._client("stranger")

    @cached_property
    def elsewhere(self) -> Client:
        """A member of another project."""
        return People(self.identity, self.server).member

    @property
    def nobody(self) -> Client:
        """Without a token."""
        return Client(self.server.base, self.project, None)

    def _client(self, who: str) -> Client:
        return Client(self.server.base, self.project, self.login(who).token)
