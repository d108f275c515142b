#!/usr/bin/python3
"""Start and stop a private lab: Ceph, Postgres and Cindervault in one directory, on loopback.

    lab.py walk               a fresh lab, the walk through all it does, everything stopped again
    lab.py serve              a lab left running in the background; a stopped one continues where it was
    lab.py stop               end every process of the lab
    lab.py run [--service] -- COMMAND …
                              a fresh Ceph and Postgres (and service) for the time of one command

The directory is LAB_DIR (default .lab). With AUTH=keystone there is a Keystone as well, and everybody needs
a token. Ports and sizes: see `make help`.
"""

from __future__ import annotations

import argparse
import os
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keystone
from cluster import BACKUPS_POOL, VOLUMES_POOL, Cluster
from database import Database
from identity import PASSWORD
from keystone import Keystone
from processes import LabError, interruptions_deferred, one_start_at_a_time
from service import ROOT, Service, binary

# The cinder command's way without Keystone has another name than the openstack command's, and the one's
# variables break the other.
CINDER = """\
cinder() {
  env -u OS_AUTH_TYPE -u OS_ENDPOINT cinder --os-auth-type noauth --os-user-id admin \\
    --os-project-id "$CINDERVAULT_PROJECT" --os-endpoint "$CINDERVAULT_URL/v3/$CINDERVAULT_PROJECT" "$@"
}
"""

# The openstack and the cinder command are one user's until they are told to be another's.
BE = """\
be() {  # be USER PROJECT
  export OS_USERNAME="$1" OS_PROJECT_NAME="$2"
}
"""

# A stray one of these in a newcomer's shell would send the client somewhere else.
FOREIGN = ("OS_CLOUD", "OS_AUTH_TYPE", "OS_ENDPOINT", "OS_AUTH_URL", "OS_TOKEN", "OS_USERNAME", "OS_PASSWORD",
           "OS_PROJECT_NAME", "OS_PROJECT_ID", "OS_USER_DOMAIN_NAME", "OS_USER_DOMAIN_ID", "OS_PROJECT_DOMAIN_NAME", "OS_PROJECT_DOMAIN_ID",
           "OS_REGION_NAME", "OS_INTERFACE", "OS_IDENTITY_API_VERSION", "OS_SYSTEM_SCOPE", "OS_TRUST_ID")


class Lab:
    def __init__(self, directory: Path) -> None:
        self.dir = directory
        self.marker = directory / "is-a-cindervault-lab"
        _check_directory(directory, self.marker)
        self.cluster = Cluster(directory / "ceph")
        self.database = Database(directory / "postgres")
        self.keystone = Keystone(directory / "keystone")
        self.with_keystone = _with_keystone()
        self.service = Service(directory, self._project())
        self.env_file = directory / "env"

    def running(self) -> list[str]:
        daemons = (self.service.daemon, self.keystone.daemon, self.database.server, self.cluster.osd, self.cluster.mon)
        return [daemon.name for daemon in daemons if daemon.pid()]

    def start(self, service: bool) -> None:
        with one_start_at_a_time():
            started = time.monotonic()
            needed = {"Ceph": self.cluster, "Postgres": self.database}
            if service and self.with_keystone:
                keystone.venv()  # say at once that there is none, not after Ceph has started
                needed["Keystone"] = self.keystone
            with interruptions_deferred(), ThreadPoolExecutor(len(needed)) as together:
                parts = [together.submit(part.start) for part in needed.values()]
            for part in parts:
                part.result()
            _say(f"{_listed(needed)} are up ({time.monotonic() - started:.1f} s)")
            if service:
                started = time.monotonic()
                was_running = self.service.daemon.pid() is not None
                if self.with_keystone:
                    self.service.project = self.keystone.login("demo", "demo").project_id
                self.service.start(self.cluster, self.database, self.keystone if self.with_keystone else None)
                if self.with_keystone:
                    self.keystone.publish(self.service.base())
                self.env_file.touch(mode=0o600)  # it holds the database's password
                self.env_file.write_text(self._env_text())
                _say(f"cindervault is already running at {self.service.url()}" if was_running else
                     f"cindervault is up at {self.service.url()} ({time.monotonic() - started:.1f} s)")

    def must_not_run(self) -> None:
        if running := self.running():
            raise LabError(f"a lab runs in {_short(self.dir)} ({', '.join(running)}): "
                           f"end it with `make stop`, or choose another directory with LAB_DIR")

    def must_not_run_otherwise(self) -> None:
        """A running service keeps the way it knows its callers by: an environment for another would not fit it."""
        running, wanted = self.service.running_auth(), "keystone" if self.with_keystone else "noauth"
        if running and running != wanted:
            raise LabError(f"this lab runs with AUTH={running}: `make stop` first, "
                           f"or choose another directory with LAB_DIR")

    def stop(self) -> None:
        ends = (self.service.stop, self.keystone.stop, self.database.stop, self.cluster.stop)
        ended = [said for end in ends for said in end()]
        for said in ended or [f"nothing runs in {_short(self.dir)}"]:
            _say(said)
        self.env_file.unlink(missing_ok=True)

    def wipe(self) -> None:
        """Remove what a lab made, and nothing else."""
        self.drop_data()
        for path in (self.service.conf, self.service.log, self.env_file, self.dir / "postgres.log"):
            path.unlink(missing_ok=True)
        shutil.rmtree(self.cluster.dir / "log", ignore_errors=True)

    def drop_data(self) -> None:
        """After a good end the logs are worth keeping, the gigabytes are not."""
        self.cluster.wipe()
        self.keystone.wipe()
        log = self.database.home / "postgres.log"
        if log.exists():
            shutil.copy(log, self.dir / "postgres.log")
        self.database.wipe()

    def env(self, service: bool) -> dict[str, str]:
        env = {
            "CEPH_CONF": str(self.cluster.conf),
            "VOLUMES_POOL": VOLUMES_POOL,
            "BACKUPS_POOL": BACKUPS_POOL,
        }
        if service:
            env |= {
                "DATABASE_URL": self.database.url(),
                "CINDERVAULT_URL": self.service.base(),
                "CINDERVAULT_PROJECT": self.service.project,
                "CINDERVAULT_PID": str(self.service.daemon.pid()),
                "CINDERVAULT_LOG": str(self.service.log),
                "CINDERVAULT_CONFIG": str(self.service.conf),
            }
            env |= self._login()
        return env

    def _login(self) -> dict[str, str]:
        """What makes the clients somebody: a member of a project where there is a Keystone."""
        if not self.with_keystone:
            return {"OS_AUTH_TYPE": "none", "OS_ENDPOINT": self.service.url()}
        return {
            "KEYSTONE_PID": str(self.keystone.daemon.pid()),
            "OS_AUTH_URL": self.keystone.url(),
            "OS_IDENTITY_API_VERSION": "3",
            "OS_REGION_NAME": keystone.REGION,
            "OS_USERNAME": "demo",
            "OS_PASSWORD": PASSWORD,
            "OS_USER_DOMAIN_NAME": "Default",
            "OS_PROJECT_NAME": "demo",
            "OS_PROJECT_DOMAIN_NAME": "Default",
        }

    def _env_text(self) -> str:
        lines = ["# Of a running lab: `source` this, then use openstack, cinder, rbd, ceph, psql and curl."]
        lines += [f"unset {' '.join(FOREIGN)}"]
        lines += [f"export {name}={shlex.quote(value)}" for name, value in self.env(service=True).items()]
        programs = f"{venv() / 'bin'}:{binary().parent}"
        lines += [f'export PATH={shlex.quote(programs)}:"$PATH"']
        if self.with_keystone:
            lines += ["# You are the first of these; `be USER PROJECT` makes you another. Every password is `secret`."]
            lines += [f"#   {name:<16} {', '.join(f'{roles[0]} of {project}' for project, roles in grants.items())}"
                      for name, grants in sorted(keystone.USERS.items(), key=lambda user: user[0] != "demo")]
        return "\n".join(lines) + "\n" + (BE if self.with_keystone else CINDER)

    def _project(self) -> str:
        file = self.dir / "project"
        if not file.exists():
            file.write_text(secrets.token_hex(16) + "\n")
        return file.read_text().strip()


def walk(lab: Lab, arguments: list[str]) -> int:
    return _for_a_while(lab, True, [str(ROOT / "tests/lab/walk.py"), *arguments])


def serve(lab: Lab) -> int:
    lab.must_not_run_otherwise()
    binary()  # say at once that there is none, not after Ceph has started
    try:
        lab.start(service=True)
    except BaseException:
        lab.stop()
        raise
    print(f"\nThe lab runs in the background until `make stop`. To use it:\n\n    source {_short(lab.env_file)}\n\n"
          f"Then, for example:\n\n"
          f"    openstack volume create --size 1 first\n"
          f"    openstack volume backup create --name backup-of-first first\n"
          f"    rbd ls --long --pool $BACKUPS_POOL\n", flush=True)
    return 0


def run(lab: Lab, service: bool, command: list[str]) -> int:
    if not command:
        raise LabError("lab.py run: which command?")
    return _for_a_while(lab, service, command)


def _for_a_while(lab: Lab, service: bool, command: list[str]) -> int:
    """Start a fresh lab, run the command in it, stop the lab whatever happens; the command's exit code."""
    lab.must_not_run()
    lab.wipe()
    if service:
        binary()
    code = 1
    child = None
    try:
        lab.start(service)
        # No OS_ variable of the caller's shell may decide where the clients go.
        env = {name: value for name, value in os.environ.items() if not name.startswith("OS_")} | lab.env(service) | {
            "LAB_DIR": str(lab.dir),
            "CINDERVAULT_TEST_CEPH_CONF": str(lab.cluster.conf),
            "CINDERVAULT_TEST_DATABASE_URL": lab.database.superuser_url(),
        }
        child = subprocess.Popen(command, env=env)
        code = child.wait()
    except KeyboardInterrupt:
        _say("interrupted: stopping the lab")
        code = 130
    finally:
        for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(sig, signal.SIG_IGN)  # nothing may stop the stopping
        if child:
            _end_child(child)
        lab.stop()
    if code == 0:
        lab.drop_data()
    else:
        _say(f"logs and data are left in {_short(lab.dir)}")
    return code


def _end_child(child: subprocess.Popen) -> None:
    if child.poll() is None:
        child.terminate()
    try:
        child.wait(20)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _with_keystone() -> bool:
    auth = os.environ.get("AUTH") or "noauth"
    if auth not in ("noauth", "keystone"):
        raise LabError(f"AUTH={auth} is neither noauth nor keystone")
    return auth == "keystone"


def venv() -> Path:
    return ROOT / (os.environ.get("VENV") or ".venv")


def _check_directory(directory: Path, marker: Path) -> None:
    # Ceph's options are lists, split at these characters.
    if bad := [char for char in str(directory) if char.isspace() or char in ",;=#$'\"\\"]:
        raise LabError(f"the path of a lab may not contain {bad[0]!r} (Ceph's configuration cannot express it): {directory}")
    if directory.exists() and not marker.exists() and any(directory.iterdir()):
        raise LabError(f"{directory} holds other things: LAB_DIR must be a new or an empty directory")
    directory.mkdir(parents=True, exist_ok=True)
    marker.touch()


def _short(path: Path) -> str:
    short = os.path.relpath(path)
    return str(path) if short.startswith("..") else short


def _listed(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}"


def _say(text: str) -> None:
    print(f"lab: {text}", flush=True)


def _interrupted(signum: int, frame: object) -> None:
    raise KeyboardInterrupt


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("walk").add_argument("arguments", nargs="*", metavar="ARGUMENT", help="passed to walk.py")
    commands.add_parser("serve")
    commands.add_parser("stop")
    run_parser = commands.add_parser("run")
    run_parser.add_argument("--service", action="store_true", help="start cindervault too")
    run_parser.add_argument("words", nargs=argparse.REMAINDER, metavar="-- COMMAND …")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, _interrupted)
    signal.signal(signal.SIGHUP, _interrupted)
    lab = Lab(Path(os.environ.get("LAB_DIR") or ROOT / ".lab").absolute())
    actions: dict[str, Callable[[], int]] = {
        "walk": lambda: walk(lab, chosen.arguments),
        "serve": lambda: serve(lab),
        "stop": lambda: (lab.stop(), 0)[1],
        "run": lambda: run(lab, chosen.service, chosen.words[1:] if chosen.words[:1] == ["--"] else chosen.words),
    }
    return actions[chosen.command]()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
