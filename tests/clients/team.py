"""The people of one project, and the clients that each of them has."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import openstack
from client import Rest
from command import Said, run
from conformance.people import Identity, People
from conformance.server import Paused, Server
from identity import PASSWORD, Login
from keystone import REGION
from openstack.connection import Connection
from tenant import Tenant


class Person:
    """Somebody with a password for a project."""

    def __init__(self, login: Login, project: str) -> None:
        self.login = login
        self.auth = {"auth_url": login.auth_url, "username": login.user, "password": PASSWORD, "project_name": project,
                     "user_domain_name": "Default", "project_domain_name": "Default"}

    def openstack(self, command: str, *arguments: str, at: str | None = None, more: dict[str, str] | None = None) -> Said:
        """`at` is a microversion; without one the client chooses. `more` is in its environment."""
        return run("openstack", *command.split(), *arguments, more=self._environment(at) | (more or {}))

    def cinder(self, command: str, *arguments: str, at: str | None = None) -> Said:
        return run("cinder", command, *arguments, more=self._environment(at))

    @cached_property
    def cloud(self) -> Connection:
        return openstack.connect(load_yaml_config=False, load_envvars=False, region_name=REGION, auth=self.auth)

    @property
    def volumes(self):
        """The SDK's proxy."""
        return self.cloud.block_storage

    def _environment(self, at: str | None) -> dict[str, str]:
        names = {f"OS_{name.upper()}": value for name, value in self.auth.items()}
        version = {"OS_VOLUME_API_VERSION": at} if at else {}
        return names | {"OS_REGION_NAME": REGION, "OS_IDENTITY_API_VERSION": "3"} | version


class Team:
    def __init__(self, identity: Identity, server: Server) -> None:
        self.people = People(identity, server)
        self.server = server
        self.project = self.people.project
        self.name = self.people.name
        self.tenant = Tenant(Rest(server.base, self.project, token=self.people.login("admin").token))
        self.rest = self.tenant.rest

    @cached_property
    def admin(self) -> Person:
        return self._person("admin")

    @cached_property
    def member(self) -> Person:
        return self._person("member")

    @cached_property
    def reader(self) -> Person:
        return self._person("reader")

    def state(self) -> str:
        """All that is kept of the project's."""
        return self.people.rows.state()

    def url(self, path: str) -> str:
        """As the clients name it when they complain."""
        return f"{self.server.base}/v3/{self.project}{path}"

    def shown(self, backup: str) -> dict:
        return self.rest.show("backup", backup)

    def standstill(self) -> Paused:
        """What is being copied inside of this stays being copied."""
        return Paused(self.server.lab)

    def disband(self) -> None:
        """Deletes what is left; then nothing counts any more."""
        self.tenant.clean()
        assert set(self.rest.quota_in_use().values()) == {0}

    def _person(self, who: str) -> Person:
        return Person(self.people.login(who), self.name)


@dataclass
class Things:
    """What a project has, under names that say whose it is."""

    volume: str
    snapshot: str
    backup: str

    @classmethod
    def of(cls, team: Team, whose: str) -> Things:
        volume = team.tenant.volume(name=f"{whose}-volume")
        snapshot = team.tenant.snapshot(volume)
        backup = team.tenant.backup(volume, name=f"{whose}-backup", metadata={"k": "v"})
        return cls(volume, snapshot, backup)
