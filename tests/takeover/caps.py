"""A Ceph user who may not fence anybody."""

from __future__ import annotations

import json
import subprocess

from cluster import BACKUPS_POOL
from service import binary

USER = "cindervault-unfenced"


def allow(cluster, lab, mon: str) -> None:
    command = {"prefix": "auth get-or-create", "entity": f"client.{USER}",
               "caps": ["mon", mon, "osd", f"profile rbd pool={BACKUPS_POOL}"]}
    code, keyring, said = cluster.mon_command(json.dumps(command), b"")
    assert code == 0, said
    path = lab.cluster.dir / f"keyring/ceph.client.{USER}.keyring"
    path.touch(mode=0o600)
    path.write_bytes(keyring)


def test_is_told_by_the_check_and_at_the_start(start, lab, cluster):
    allow(cluster, lab, "allow r")
    server = start("unfenced", "api", **{"backups.ceph": {"user": USER}})
    checked = subprocess.run([str(binary()), "check", "--format", "json", "--config", str(server.conf)],
                             stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert checked.returncode == 1
    findings = {finding["what"]: finding for finding in json.loads(checked.stdout)}
    assert findings["volumes pool"]["ok"]
    assert not findings["backups pool"]["ok"]
    assert "mon 'profile rbd'" in findings["backups pool"]["detail"]
    assert server.fails_to_start("worker")
    assert "mon 'profile rbd'" in server.log("worker").read_text()
