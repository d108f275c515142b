"""What must not be seen: passwords and keys, by whoever reads logs, processes, messages, or the wire."""

from __future__ import annotations

import os
import re
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from certificate import certificate_in
from database import Database
from test_start import cindervault, conf, keyed, started  # noqa: F401 - fixtures of ours, too

PLANTED = "PLANTEDSECRET"


@pytest.fixture
def database() -> Database:
    return Database(Path(os.environ["LAB_DIR"]) / "postgres")


def psql(database: Database, *statements: str) -> None:
    for statement in statements:  # each by itself: ALTER SYSTEM can not run in a transaction
        subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", statement, database.superuser_url()],
                       check=True, capture_output=True)


@pytest.fixture
def secured(database: Database) -> Iterator[Path]:
    """Postgres takes TLS connections, too; its certificate."""
    certificate = certificate_in(database.home / "server.pem", "postgres of a test")
    owner = (database.home / "data").stat()
    os.chown(certificate, owner.st_uid, owner.st_gid)
    psql(database, f"ALTER SYSTEM SET ssl_cert_file = '{certificate}'", f"ALTER SYSTEM SET ssl_key_file = '{certificate}'",
         "ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()")
    yield certificate
    psql(database, "ALTER SYSTEM RESET ssl", "ALTER SYSTEM RESET ssl_cert_file", "ALTER SYSTEM RESET ssl_key_file",
         "SELECT pg_reload_conf()")
    certificate.unlink()


def test_postgres_behind_a_certificate_of_ones_own(tmp_path, conf, secured: Path):  # noqa: F811
    url = conf["database"]["url"]
    conf["database"]["url"] = f"{url}?sslmode=verify-full&sslrootcert={secured}"
    done = cindervault(tmp_path, conf, "check")
    assert done.returncode == 0, done
    # it is the certificate that is looked at: another one of the same name does not do
    other = certificate_in(tmp_path / "other.pem", "postgres of a test")
    conf["database"]["url"] = f"{url}?sslmode=verify-full&sslrootcert={other}"
    done = cindervault(tmp_path, conf, "check")
    assert done.returncode != 0 and "certificate" in done.stdout + done.stderr, done


def test_a_postgres_without_tls_is_not_spoken_to_where_it_is_demanded(tmp_path, conf):  # noqa: F811
    conf["database"]["url"] += "?sslmode=require"
    done = cindervault(tmp_path, conf, "check")
    assert done.returncode != 0, done
    assert "TLS" in done.stdout + done.stderr, done


def secrets(conf: dict) -> set[str]:  # noqa: F811
    """The password of the database, the keys of the cephx users, and a key that nobody would think of."""
    found = set(re.findall(r"://[^:]+:([^@]+)@", conf["database"]["url"]))
    keyrings = Path(conf["volumes"]["ceph"]["conf"]).parent.glob("keyring/*.keyring")
    found |= {key for keyring in keyrings for key in re.findall(r"key = (\S+)", keyring.read_text())}
    assert len(found) > 3, found
    return found


def test_no_secret_is_told(tmp_path, conf, tenant):  # noqa: F811
    """Not in the log of the service that all other tests have used, not by the commands, not in the process list."""
    known = secrets(conf)
    told = {"the log": Path(os.environ["CINDERVAULT_CONFIG"]).with_suffix(".log").read_text(errors="replace")}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (process / "cmdline").read_bytes()
            if b"cindervault" in arguments.split(b"\0")[0]:
                told[f"process {process.name}"] = arguments.decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
    for level in ("info", "trace"):
        conf["log"] = {"level": level}
        for broken in ({}, {"user": "nobody"}, {"pool": "no-such-pool"}):
            conf["backups"]["ceph"] |= broken
            done = cindervault(tmp_path, conf, "check")
            told[f"check at {level} with {broken}"] = done.stdout + done.stderr
    wrong = conf | {"database": {"url": conf["database"]["url"].replace("@", f"{uuid.uuid4().hex}@").replace("/cindervault", "/x")}}
    done = cindervault(tmp_path, wrong, "serve")
    assert done.returncode != 0
    told["a database that refuses"] = done.stdout + done.stderr
    known |= secrets(wrong) - known
    # what users can ask for
    told["volumes"], told["pools"] = str(tenant.rest.get("/volumes/detail")), str(tenant.rest.get("/scheduler-stats/get_pools"))
    for where, text in told.items():
        assert text is not None
        leaked = {secret for secret in known if secret in text}
        assert not leaked, f"{where} tells {len(leaked)} secrets"


@pytest.mark.parametrize(("line", "said"), [
    ('url = "postgres://u:{planted}@127.0.0.1:9/x', "line 2, column"),
    ("url = postgres://u:{planted}@127.0.0.1:9/x", "line 2, column"),
    ('connections = "{planted}"', "database.connections: must be"),
    ('url = "{planted}://:::"', "database.url must be of Postgres"),
    ('url = "postgres://u:1/{planted}@127.0.0.1:9/x"', "%2F"),
    ('url = "postgres://u:{planted}%zz@127.0.0.1:9/x"', "no connection"),
    ('url = "postgres://u@127.0.0.1:9/x?pasword={planted}"', "pasword is not known here"),
    ('url = "postgres://u@127.0.0.1:9/x?{planted}"', "name=value"),
    ('url = "postgres://u:{planted}@127.0.0.1:9/x"\n[auth]\nmode = "keystone"\n'
     '[auth.keystone]\nauth_url = "http://u:{planted}@127.0.0.1:9/v3"', "auth.keystone.auth_url must be without"),
    ('url = "postgres://u@127.0.0.1:9/x"\n[api]\npublic_url = "http://u:{planted}@h"', "api.public_url must be without"),
])
def test_what_is_written_wrongly_is_not_told(tmp_path, conf, line, said):  # noqa: F811
    pools = "".join(f'[{side}.ceph]\nconf = "/nowhere"\nuser = "u"\npool = "p"\n' for side in ("volumes", "backups"))
    file = tmp_path / "cindervault.toml"
    file.touch(mode=0o600)
    file.write_text(f'[database]\n{line.format(planted=PLANTED)}\n{pools}[log]\nlevel = "trace"\n')
    for command in ("check", "migrate"):
        done = started(file, command)
        told = done.stdout + done.stderr
        assert done.returncode != 0 and PLANTED not in told, (command, told)
        if command == "check":
            assert said in told, told


@pytest.mark.parametrize("options", ["key = {planted}", "keyfile = {place}", "keyring = {place}"])
def test_a_key_that_is_none_is_not_told(tmp_path, conf, keyed, options):  # noqa: F811
    """librados would, on its standard error, which is ours where the conf says so."""
    place = tmp_path / "key"
    place.touch(mode=0o600)
    entry = f"[client.cindervault-volumes]\n\tkey = {PLANTED}\n"
    place.write_text(entry if "keyring" in options else PLANTED)
    ceph_conf, _ = keyed("log to stderr = true\n" + options.format(planted=PLANTED, place=place))
    for command in ("check", "worker"):
        done = cindervault(tmp_path, conf, command)
        told = done.stdout + done.stderr
        assert done.returncode == 2 and PLANTED not in told, told
        assert str(ceph_conf if options.startswith("key =") else place) in told, told
