"""A private, throw-away Ceph cluster: one mon, one OSD, no mgr, no systemd, wholly inside one directory."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import secrets
import shutil
import subprocess
import uuid
from pathlib import Path

from processes import Daemon, LabError, choose_port, port_is_free

VOLUMES_POOL = "volumes_ssd"
BACKUPS_POOL = "backups"
PLACEMENT_GROUPS = 8

# What Cindervault may do: snapshots and images in the one pool, backup images in the other, nothing else.
USERS = {
    "cindervault-volumes": {"mon": "profile rbd", "osd": f"profile rbd pool={VOLUMES_POOL}"},
    "cindervault-backups": {"mon": "profile rbd", "osd": f"profile rbd pool={BACKUPS_POOL}"},
}

CONF = """\
[global]
fsid = {fsid}
mon host = {mon_host}
mon initial members = a
public network = 127.0.0.0/8
cluster network = 127.0.0.0/8
ms bind ipv4 = true
ms bind ipv6 = false
ms bind port min = {osd_ports[0]}
ms bind port max = {osd_ports[1]}
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
auth allow insecure global id reclaim = false
keyring = {dir}/keyring/$cluster.$name.keyring
run dir = {dir}/run
# Socket paths may not exceed 107 characters, a clone's directory may. Without one there is no `ceph tell`, either.
admin socket =
crash dir = {dir}/log
log file = {dir}/log/$cluster-$name.log
log to stderr = false
err to stderr = true
setuser match path =
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = {pgs}
osd pool default pgp num = {pgs}
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
# In a pool of one replica, a lease for reads that ran out while the OSD was stopped may never be renewed: it lasts 600 s.
osd pool default read lease ratio = 30
mon allow pool delete = true
mon allow pool size one = true
mon max pg per osd = 2000
mon warn on pool no redundancy = false
mon data avail warn = 1
mon data avail crit = 1
mon cluster log to file = false
paxos propose interval = 0.01
paxos min wait = 0.01
mon election timeout = 1
mon tick interval = 1

[client]
log file = /dev/null

[mon]
mon data = {dir}/mon/$cluster-$id
keyring = {dir}/keyring/ceph.mon.keyring

[osd]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
osd data = {dir}/osd/$cluster-$id
osd objectstore = {objectstore}
osd op queue = wpq
osd memory target = 1073741824
# The OSD takes a file for a slow disk and would rest 5 s between deletions.
osd snap trim sleep hdd = 0
osd delete sleep hdd = 0
osd scrub begin hour = 3
osd scrub end hour = 4
bluestore block create = true
bluestore block size = {osd_bytes}
bluestore block path =
bluestore block db create = false
bluestore block wal create = false
bluestore cache size = 268435456
# What was freed is written again before what never was: the OSD's file only ever grows.
bluestore avl alloc bf free pct = 100
memstore device bytes = {osd_bytes}
"""


class Cluster:
    def __init__(self, directory: Path) -> None:
        self.dir = directory
        self.conf = directory / "ceph.conf"
        self.objectstore = os.environ.get("CEPH_OBJECTSTORE") or "bluestore"
        self.osd_bytes = int(os.environ.get("CEPH_OSD_GIB") or "20") << 30
        if self.objectstore not in ("bluestore", "memstore"):
            raise LabError(f"CEPH_OBJECTSTORE={self.objectstore}: bluestore and memstore are known")
        self.mon = Daemon("ceph-mon", directory / "run/mon.a.pid", str(self.conf))
        self.osd = Daemon("ceph-osd", directory / "run/osd.0.pid", str(self.conf))

    def start(self) -> None:
        """Idempotent: makes what is missing, starts what does not run, returns when the pools take writes."""
        complete = self.dir / "complete"
        kept_in_memory = self.objectstore == "memstore" and not self.osd.pid()
        if not complete.exists() or kept_in_memory:
            self.stop()
            self.wipe()
            for part in ("mon/ceph-a", "osd/ceph-0", "log", "run", "keyring"):
                (self.dir / part).mkdir(parents=True, exist_ok=True, mode=0o700)
            self._make_mon(self._choose_address())
        if not self.mon.pid():
            self._start_mon()
        with self.connected() as cluster:
            if not complete.exists():
                self._make_osd(cluster)
            if not self.osd.pid():
                # otherwise it waits until the leases of the one before, which it takes for another, have run out
                if complete.exists():
                    _command(cluster, prefix="osd down", ids=["0"], definitely_dead=True)
                self._start_osd()
            if not complete.exists():
                self._make_pools(cluster)
                self._make_users(cluster)
            self._await_pools(cluster)
        complete.touch()

    def stop(self) -> list[str]:
        return [said for said in (self.osd.end(), self.mon.end()) if said]

    def wipe(self) -> None:
        """Remove everything but the logs."""
        if self.osd.pid() or self.mon.pid():
            raise LabError(f"{self.dir} is in use by a running cluster")
        (self.dir / "complete").unlink(missing_ok=True)  # first: what an interruption leaves is not complete
        for path in self.dir.iterdir() if self.dir.is_dir() else ():
            if path.is_dir() and path.name != "log":
                shutil.rmtree(path)
            elif path.is_file():
                path.unlink()

    def trim(self) -> int:
        """Give the disk back what the OSD has freed; returns the bytes.

        Bluestore does not discard on a block device that is a file, so that file only ever grows. With
        the OSD stopped, its free extents are punched out of the file.
        """
        data = self.dir / "osd/ceph-0"
        if self.objectstore != "bluestore":
            return 0
        self.osd.end()
        dump = _run("ceph-bluestore-tool", "free-dump", "--allocator", "block", "--path", str(data))
        extents = json.loads(dump[dump.index("{"):])["extents"]
        libc = ctypes.CDLL("libc.so.6", use_errno=True)
        libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_long]
        keep_size_and_punch_hole = 0x01 | 0x02
        before = (data / "block").stat().st_blocks * 512
        with open(data / "block", "r+b") as block:
            for extent in extents:
                offset, length = int(extent["offset"], 0), int(extent["length"], 0)
                if libc.fallocate(block.fileno(), keep_size_and_punch_hole, offset, length):
                    raise OSError(ctypes.get_errno(), f"punching {length} bytes at {offset} out of {data}/block")
        self.start()
        return before - (data / "block").stat().st_blocks * 512

    def disk_bytes(self) -> int:
        """What the OSD's block file takes on the disk."""
        block = self.dir / "osd/ceph-0/block"
        return block.stat().st_blocks * 512 if block.exists() else 0

    @contextlib.contextmanager
    def connected(self, user: str = "admin"):
        import rados  # from Debian's python3-rados: not there before the dependencies are

        patience = {"client_mount_timeout": "30", "rados_mon_op_timeout": "60", "rados_osd_op_timeout": "60"}
        with rados.Rados(conffile=str(self.conf), name=f"client.{user}", conf=patience) as cluster:
            yield cluster

    def _choose_address(self) -> str:
        v2 = choose_port("CEPH_MON_PORT_V2", 3300, "the Ceph mon")
        v1 = choose_port("CEPH_MON_PORT_V1", 6789, "the Ceph mon (v1)", avoid=frozenset({v2}))
        (self.dir / "mon.ports").write_text(f"{v2} {v1}\n")
        return _address(v2, v1)

    def _make_mon(self, address: str) -> None:
        self.conf.write_text(CONF.format(fsid=uuid.uuid4(), mon_host=address, dir=self.dir, pgs=PLACEMENT_GROUPS,
                                         osd_ports=_osd_ports(), objectstore=self.objectstore,
                                         osd_bytes=self.osd_bytes))
        mon_keyring = self.dir / "keyring/ceph.mon.keyring"
        admin_keyring = self.dir / "keyring/ceph.client.admin.keyring"
        _run("ceph-authtool", "--create-keyring", str(mon_keyring), "--gen-key", "-n", "mon.", "--cap", "mon", "allow *")
        _run("ceph-authtool", "--create-keyring", str(admin_keyring), "--gen-key", "-n", "client.admin",
             "--cap", "mon", "allow *", "--cap", "osd", "allow *", "--cap", "mds", "allow *", "--cap", "mgr", "allow *")
        _run("ceph-authtool", str(mon_keyring), "--import-keyring", str(admin_keyring))
        _run("ceph-mon", "-c", str(self.conf), "--mkfs", "-i", "a", "--monmap", self._mon_map(address),
             "--keyring", str(mon_keyring))

    def _start_mon(self) -> None:
        v2, v1 = (int(port) for port in (self.dir / "mon.ports").read_text().split())
        address = _address(v2, v1)
        if not (port_is_free(v2) and port_is_free(v1)):
            print(f"port {v2} or {v1} of this lab's Ceph mon was taken by others meanwhile", flush=True)
            address = self._choose_address()
            lines = self.conf.read_text().splitlines()
            self.conf.write_text("\n".join(f"mon host = {address}" if line.startswith("mon host =") else line
                                           for line in lines) + "\n")
            _run("ceph-mon", "-c", str(self.conf), "-i", "a", "--inject-monmap", self._mon_map(address))
        _run("ceph-mon", "-c", str(self.conf), "-i", "a", "--public-addrv", address,
             "--pid-file", str(self.mon.pid_file))

    def _mon_map(self, address: str) -> str:
        fsid = next(line.split("=")[1].strip() for line in self.conf.read_text().splitlines() if line.startswith("fsid"))
        map_file = str(self.dir / "monmap")
        _run("monmaptool", "--create", "--clobber", "--fsid", fsid, "--addv", "a", address, map_file)
        return map_file

    def _make_osd(self, cluster) -> None:
        osd_uuid, key = str(uuid.uuid4()), _run("ceph-authtool", "--gen-print-key").strip()
        _command(cluster, json.dumps({"cephx_secret": key}).encode(), prefix="osd new", uuid=osd_uuid, id=0)
        keyring = self.dir / "keyring/ceph.osd.0.keyring"
        _write_private(keyring, f"[osd.0]\n\tkey = {key}\n".encode())
        _run("ceph-osd", "-c", str(self.conf), "-i", "0", "--mkfs", "--osd-uuid", osd_uuid)

    def _start_osd(self) -> None:
        _run("ceph-osd", "-c", str(self.conf), "-i", "0", "--pid-file", str(self.osd.pid_file))

    def _make_pools(self, cluster) -> None:
        for pool in (VOLUMES_POOL, BACKUPS_POOL):
            _command(cluster, prefix="osd pool create", pool=pool, pg_num=PLACEMENT_GROUPS, pgp_num=PLACEMENT_GROUPS,
                     pool_type="replicated", size=1)

    def _make_users(self, cluster) -> None:
        for user, caps in USERS.items():
            flat = [word for cap in caps.items() for word in cap]
            keyring = _command(cluster, prefix="auth get-or-create", entity=f"client.{user}", caps=flat)
            _write_private(self.dir / f"keyring/ceph.client.{user}.keyring", keyring)

    def _await_pools(self, cluster) -> None:
        import rbd

        for pool in (VOLUMES_POOL, BACKUPS_POOL):
            with cluster.open_ioctx(pool) as io:
                _write_to_every_placement_group(io)
                rbd.RBD().pool_init(io, True)


def _write_to_every_placement_group(io) -> None:
    """Returns when all of them are active: without a mgr no status command could tell."""
    names = [f"probe.{number}.{secrets.token_hex(4)}" for number in range(8 * PLACEMENT_GROUPS)]
    for start in (lambda name: io.aio_write_full(name, b"x"), io.aio_remove):
        for completion in [start(name) for name in names]:
            completion.wait_for_complete_and_cb()
            if completion.get_return_value() < 0:
                raise LabError(f"the OSD does not take writes: {os.strerror(-completion.get_return_value())}; "
                               f"its log may say why")


def _address(v2: int, v1: int) -> str:
    return f"[v2:127.0.0.1:{v2},v1:127.0.0.1:{v1}]"


def _osd_ports() -> tuple[int, int]:
    """A range that labs may share: an OSD takes the ports in it that are free."""
    text = os.environ.get("CEPH_OSD_PORTS", "") or "6800-6999"
    try:
        low, high = (int(end) for end in text.split("-"))
    except ValueError:
        raise LabError(f"CEPH_OSD_PORTS={text} is not a range such as 6800-6999") from None
    return low, high


def _command(cluster, data: bytes = b"", **command) -> bytes:
    code, out, said = cluster.mon_command(json.dumps(command), data, timeout=60)
    if code:
        raise LabError(f"ceph {command['prefix']} failed: {said or os.strerror(-code)}")
    return out


def _run(*command: str) -> str:
    # In a session of its own: a Ctrl-C is ours to act upon, a half-started daemon would only confuse.
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          errors="replace", start_new_session=True)
    if done.returncode:
        raise LabError(f"{' '.join(command)}\nended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def _write_private(path: Path, content: bytes) -> None:
    with open(path, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(content)
