"""Starting where something is missing: the service says what, and ends."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from service import binary

CEPHX_USERS = ("cindervault-volumes", "cindervault-backups")


@pytest.fixture
def conf(service_url: str) -> dict:
    """The running service's configuration, on a port that the system chooses."""
    parsed = tomllib.loads(Path(os.environ["CINDERVAULT_CONFIG"]).read_text())
    parsed["api"]["listen"] = "127.0.0.1:0"
    return parsed


def cindervault(tmp_path: Path, conf: dict, *arguments: str) -> subprocess.CompletedProcess:
    file = tmp_path / "cindervault.toml"
    file.touch(mode=0o600)  # it holds the database's password
    file.write_text("".join(_tables(conf)))
    return started(file, *arguments)


def started(file: Path, *arguments: str) -> subprocess.CompletedProcess:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CINDERVAULT_")}
    # Far longer than it may take: a service that hangs or that starts after all must not hang the tests.
    return subprocess.run([binary(), "--config", file, *arguments], capture_output=True, text=True, timeout=90,
                          stdin=subprocess.DEVNULL, env=environment)


def _tables(table: dict, path: str = ""):
    values = {key: value for key, value in table.items() if not isinstance(value, dict)}
    if values:
        yield f"[{path}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _tables(value, f"{path}.{key}" if path else key)


def test_what_can_be_used_and_is_warned_of(tmp_path, conf):
    rules = tmp_path / "policy.yaml"
    rules.write_text('"backup:gets": "role:a"\n')
    conf["api"]["listen"] = "0.0.0.0:0"
    conf["policy"] = {"file": str(rules)}
    conf["backups"]["ceph"] = conf["volumes"]["ceph"]
    done = cindervault(tmp_path, conf, "check", "-f", "json")
    assert done.returncode == 0, done
    warned = {one["what"]: one["detail"] for one in json.loads(done.stdout) if one["warning"]}
    assert set(warned) == {"auth", "policy", "pools"}
    assert "0.0.0.0" in warned["auth"] and "backup:gets" in warned["policy"]
    assert conf["volumes"]["ceph"]["pool"] in warned["pools"]


def test_secrets_that_everybody_can_read(tmp_path, conf):
    file = tmp_path / "cindervault.toml"
    file.write_text("".join(_tables(conf)))
    for mode in (0o604, 0o646, 0o601):
        file.chmod(mode)
        for command in ("check", "serve", "worker"):
            done = started(file, command)
            assert done.returncode == 2, done
            assert f"chmod o-rwx {file}" in done.stderr, done
    file.chmod(0o640)
    done = started(file, "check")
    assert done.returncode == 0, done
    file.chmod(0o644)
    conf["database"]["url"] = "postgres://127.0.0.1:9/x?user=cindervault&password=x"
    file.write_text("".join(_tables(conf)))
    assert f"chmod o-rwx {file}" in started(file, "check").stderr
    # without the password in it, the file is nobody's secret
    conf["database"]["url"] = "postgres://cindervault@127.0.0.1:9/x"
    file.write_text("".join(_tables(conf)))
    assert "chmod" not in started(file, "check").stderr


@pytest.fixture
def keyed(tmp_path: Path, conf: dict) -> Callable[[str], tuple[Path, str]]:
    """Has the conf say, instead of where the keyring of the volumes' user is, what a template makes of the user's key:
    the conf file, and the key."""
    original = Path(conf["volumes"]["ceph"]["conf"])
    (found,) = original.parent.glob("keyring/*.client.cindervault-volumes.keyring")
    (key,) = re.findall(r"key = (\S+)", found.read_text())
    ceph_conf = tmp_path / "ceph.conf"
    conf["volumes"]["ceph"]["conf"] = str(ceph_conf)

    def written(options: str) -> tuple[Path, str]:
        lines = [line for line in original.read_text().splitlines() if not line.startswith("keyring")]
        ceph_conf.touch(mode=0o600)
        ceph_conf.write_text("\n".join([*lines, "[client.cindervault-volumes]", "keyring = /nowhere", options.format(key=key), ""]))
        return ceph_conf, key

    return written


def test_a_keyring_that_everybody_can_read(tmp_path, conf, keyed):
    keyring = tmp_path / "ceph.client.cindervault-volumes.keyring"
    keyring.touch(mode=0o600)
    _, key = keyed(f"keyring = {keyring}")
    keyring.write_text(f"[client.cindervault-volumes]\n\tkey = {key}\n")
    assert cindervault(tmp_path, conf, "check").returncode == 0
    keyring.chmod(0o644)
    done = cindervault(tmp_path, conf, "check")
    assert done.returncode == 2 and f"chmod o-rwx {keyring}" in done.stderr, done


def test_a_conf_with_a_key_that_everybody_can_read(tmp_path, conf, keyed):
    ceph_conf, _ = keyed("key = {key}")
    assert cindervault(tmp_path, conf, "check").returncode == 0
    ceph_conf.chmod(0o644)
    done = cindervault(tmp_path, conf, "check")
    assert done.returncode == 2 and f"chmod o-rwx {ceph_conf}" in done.stderr, done


def test_a_key_file_that_everybody_can_read(tmp_path, conf, keyed):
    keyfile = tmp_path / "key"
    keyfile.touch(mode=0o600)
    ceph_conf, key = keyed(f"keyfile = {keyfile}")
    ceph_conf.chmod(0o644)  # there is none in it
    keyfile.write_text(f"{key}\n")
    assert cindervault(tmp_path, conf, "check").returncode == 0
    keyfile.chmod(0o644)
    done = cindervault(tmp_path, conf, "check")
    assert done.returncode == 2 and f"chmod o-rwx {keyfile}" in done.stderr, done


def test_all_is_well(tmp_path, conf):
    done = cindervault(tmp_path, conf, "check")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("command", ["check", "serve"])
@pytest.mark.parametrize("section", ["volumes", "backups"])
def test_a_pool_that_is_not_there(tmp_path, conf, section, command):
    conf[section]["ceph"]["pool"] = "no-such-pool"
    done = cindervault(tmp_path, conf, command)
    said = done.stdout + done.stderr
    assert done.returncode != 0
    for part in ("no-such-pool", conf[section]["ceph"]["user"], conf[section]["ceph"]["conf"]):
        assert part in said, said


@pytest.mark.parametrize("command", ["check", "serve"])
@pytest.mark.parametrize("section", ["volumes", "backups"])
def test_a_user_without_the_caps(tmp_path, conf, section, command):
    """Each user may use its own pool only: exchanged, both lack the caps."""
    user = next(user for user in CEPHX_USERS if user != conf[section]["ceph"]["user"])
    conf[section]["ceph"]["user"] = user
    done = cindervault(tmp_path, conf, command)
    said = done.stdout + done.stderr
    assert done.returncode != 0
    for part in (conf[section]["ceph"]["pool"], user, f"profile rbd pool={conf[section]['ceph']['pool']}"):
        assert part in said, said


def test_a_user_that_is_not_there(tmp_path, conf):
    conf["backups"]["ceph"]["user"] = "nobody"
    done = cindervault(tmp_path, conf, "serve")
    said = done.stdout + done.stderr
    assert done.returncode != 0
    for part in (conf["backups"]["ceph"]["pool"], "nobody", conf["backups"]["ceph"]["conf"]):
        assert part in said, said


def test_a_cluster_that_does_not_answer(tmp_path, conf):
    ceph_conf = tmp_path / "ceph.conf"
    lines = Path(conf["volumes"]["ceph"]["conf"]).read_text().splitlines()
    # Port 9 is discard's: nothing listens there.
    ceph_conf.write_text("\n".join("mon host = [v2:127.0.0.1:9]" if line.startswith("mon host") else line
                                   for line in lines) + "\n")
    conf["volumes"]["ceph"]["conf"] = str(ceph_conf)
    done = cindervault(tmp_path, conf, "serve")
    said = done.stdout + done.stderr
    assert done.returncode != 0
    for part in (str(ceph_conf), conf["volumes"]["ceph"]["pool"], conf["volumes"]["ceph"]["user"]):
        assert part in said, said


def test_a_database_that_does_not_answer(tmp_path, conf):
    conf["database"]["url"] = "postgres://cindervault:secret@127.0.0.1:9/cindervault"
    done = cindervault(tmp_path, conf, "serve")
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert "127.0.0.1" in said
    assert "secret" not in said


def test_a_configuration_with_mistakes_names_all_of_them(tmp_path, conf):
    conf["worker"] = {"copies": 0, "colour": "blue"}
    conf["api"]["listen"] = "everywhere"
    done = cindervault(tmp_path, conf, "check")
    assert done.returncode != 0
    assert "worker.colour" in done.stderr, done.stderr
    del conf["worker"]["colour"]
    done = cindervault(tmp_path, conf, "check")
    assert "worker.copies" in done.stderr, done.stderr
    assert "api.listen" in done.stderr, done.stderr
