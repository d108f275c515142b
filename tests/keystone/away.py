"""Keystone goes away and comes back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from conformance.conftest import Start
from conformance.people import Identity
from conformance.server import Server
from waiting import until
from conformance.wire import Client


@pytest.fixture
def away(identity: Identity) -> Iterator[Identity]:
    """Whatever becomes of Keystone in a test, the next one finds it running."""
    yield identity
    identity.keystone.start()


def client(server: Server, token: str) -> Client:
    return Client(server.base, "", token)


def test_who_is_known_goes_on_and_others_are_asked_to_come_back(guarded: Server, away: Identity):
    project = away.project()
    known, unknown = (away.login(*project, ("reader",)) for _ in range(2))
    client(guarded, known.token).send("GET", "/v3/backups").expect(200)
    away.keystone.stop()
    for _ in range(3):
        client(guarded, known.token).send("GET", "/v3/backups").expect(200)
        for token in (unknown.token, "nonsense"):
            answer = client(guarded, token).send("GET", "/v3/backups")
            answer.fault(503, "serviceUnavailable")
            assert 1 <= int(answer.headers["retry-after"]) <= 60
    client(guarded, None).send("GET", "/v3/backups").expect(401)
    assert client(guarded, None).send("GET", "/healthcheck").status == 200
    away.keystone.start()
    until(lambda: client(guarded, unknown.token).send("GET", "/v3/backups").status, lambda status: status == 200,
          "Keystone to be asked again")
    client(guarded, "nonsense").send("GET", "/v3/backups").expect(401)


def test_a_service_that_starts_while_keystone_is_away(start: Start, away: Identity):
    login = away.login(*away.project(), ("reader",))
    settings = away.settings()
    away.keystone.stop()
    server = start("before_keystone", "api", **settings)
    client(server, login.token).send("GET", "/v3/backups").fault(503, "serviceUnavailable")
    away.keystone.start()
    until(lambda: client(server, login.token).send("GET", "/v3/backups").status, lambda status: status == 200,
          "Keystone to be found")
    server.stop()
