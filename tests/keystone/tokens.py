"""Who is let in, and who is not any more."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from conformance.people import Identity, People
from conformance.server import Server
from waiting import until
from conformance.wire import Answer, Client
from identity import PASSWORD, Login

# Revocations are asked for every five seconds; far less than the five minutes for which a token is remembered.
SOON = 30.0


def shown(server: Server, token: str | None, **headers: str) -> Answer:
    return Client(server.base, "", token).send("GET", "/v3/backups", headers=headers)


def statuses(server: Server, token: str) -> int:
    return shown(server, token).status


def new_login(identity: Identity, *roles: str) -> Login:
    return identity.login(*identity.project(), roles or ("member", "reader"))


@pytest.mark.parametrize("token", [None, "", "nonsense", "gAAAAAB" + "x" * 200, "x" * 20_000, "a:b", "admin"])
@pytest.mark.parametrize("path", ["/v3/backups", "/v3/0a/backups", "/v3/nowhere", "/v3/backups?limit=x"])
def test_without_a_valid_token(guarded: Server, identity: Identity, token: str | None, path: str):
    answer = Client(guarded.base, "", token, "99.9").send("GET", path)
    assert answer.expect(401) == {"error": {
        "code": 401, "title": "Unauthorized", "message": "The request you have made requires authentication."}}
    assert answer.headers["www-authenticate"] == f'Keystone uri="{identity.keystone.url()}"'
    assert set(answer.headers) == {"www-authenticate", "content-type", "x-openstack-request-id", "content-length", "date"}


def test_what_needs_no_token(guarded: Server):
    nobody = Client(guarded.base, "", None)
    assert [nobody.send("GET", path).status for path in ("/", "/v3/", "/healthcheck")] == [300, 200, 200]


def test_a_valid_token(ours: People):
    for who in (ours.member, ours.reader, ours.admin):
        who.get("/backups").expect(200)


def test_a_revoked_token_is_not_valid_any_more(guarded: Server, identity: Identity):
    revoked, kept = new_login(identity), new_login(identity)
    for login in (revoked, kept):
        shown(guarded, login.token).expect(200)
    revoked.revoke()
    until(lambda: statuses(guarded, revoked.token), lambda status: status == 401, "the token to be refused", SOON)
    shown(guarded, kept.token).expect(200)


def test_a_disabled_users_tokens_are_not_valid_any_more(guarded: Server, identity: Identity):
    login = new_login(identity)
    shown(guarded, login.token).expect(200)
    identity.admin.ask("PATCH", f"/users/{login.user_id}", {"user": {"enabled": False}})
    until(lambda: statuses(guarded, login.token), lambda status: status == 401, "the token to be refused", SOON)


def test_a_deleted_projects_tokens_are_not_valid_any_more(guarded: Server, identity: Identity):
    login = new_login(identity)
    shown(guarded, login.token).expect(200)
    identity.admin.ask("DELETE", f"/projects/{login.project_id}")
    until(lambda: statuses(guarded, login.token), lambda status: status == 401, "the token to be refused", SOON)


@pytest.fixture
def short_lived(identity: Identity) -> Iterator[Identity]:
    """A Keystone whose tokens live for seconds."""
    former, identity.keystone.token_seconds = identity.keystone.token_seconds, 8
    identity.keystone.restart()
    yield identity
    identity.keystone.token_seconds = former
    identity.keystone.restart()


def test_an_expired_token_is_not_valid_any_more_unless_a_service_vouches_for_it(guarded: Server, short_lived: Identity):
    """The token is remembered when it expires. A service that took it in time may still act with it."""
    login = new_login(short_lived)
    shown(guarded, login.token).expect(200)
    until(lambda: statuses(guarded, login.token), lambda status: status == 401, "the token to expire", SOON)
    service = short_lived.keystone.login("cinder", "service")
    shown(guarded, login.token, **{"X-Service-Token": service.token}).expect(200)
    shown(guarded, login.token).expect(401)
    # anybody's good token is no service's
    another = new_login(short_lived)
    shown(guarded, login.token, **{"X-Service-Token": another.token}).expect(401)
    shown(guarded, "nonsense", **{"X-Service-Token": service.token}).expect(401)


def test_a_service_token(guarded: Server, identity: Identity):
    login, service = new_login(identity), identity.keystone.login("cinder", "service")
    shown(guarded, login.token, **{"X-Service-Token": service.token}).expect(200)
    shown(guarded, login.token, **{"X-Service-Token": new_login(identity).token}).expect(200)
    for bad in ("nonsense", ""):
        shown(guarded, login.token, **{"X-Service-Token": bad}).expect(401)
    shown(guarded, None, **{"X-Service-Token": service.token}).expect(401)


def test_a_token_without_a_project(guarded: Server, identity: Identity, ours: People):
    login = new_login(identity)
    nowhere = Client(guarded.base, ours.project, identity.keystone.login(login.user).token)
    nowhere.get("/backups").bad_request("Malformed request url")
    for path, rule in [("/v3/backups", "backup:get_all"), ("/v3/backups/detail", "backup:get_all"),
                       ("/v3/volumes", "volume:get_all"), ("/v3/snapshots", "volume:get_all_snapshots"),
                       ("/v3/os-services", "volume_extension:services:index"), ("/v3/types", "volume_extension:type_get_all")]:
        nowhere.send("GET", path).forbidden(rule)
    nowhere.send("POST", "/v3/volumes", {"volume": {"size": 1}}).forbidden("volume:create")


def test_an_admin_of_the_system_sees_what_names_no_project(guarded: Server, identity: Identity, ours: People):
    """A role admin is the cloud's, wherever it is held; without a project there is nothing of one's own."""
    token = Login(identity.keystone.url(), "admin", system=True).token
    everywhere = Client(guarded.base, ours.project, token)
    everywhere.get("/backups").bad_request("Malformed request url")
    backup = ours.rows.backup()
    assert everywhere.send("GET", f"/v3/backups/{backup}").expect(200)["backup"]["id"] == backup
    assert everywhere.send("GET", "/v3/backups").expect(200) == {"backups": []}
    everywhere.send("GET", "/v3/os-services").expect(200)
    everywhere.send("POST", "/v3/volumes", {"volume": {"size": 1}}).forbidden("volume:create")


def test_the_log_tells_no_secrets(guarded: Server, identity: Identity):
    """It is written with everything that the service and its libraries can say."""
    login, service = new_login(identity), identity.keystone.login("cinder", "service")
    shown(guarded, login.token, **{"X-Service-Token": service.token}).expect(200)
    shown(guarded, "nonsense-that-could-be-a-token").expect(401)
    log = guarded.log("api").read_text()
    assert "DEBUG" in log
    for secret in (login.token, service.token, "nonsense-that-could-be-a-token", PASSWORD, "gAAAA"):
        assert secret not in log
