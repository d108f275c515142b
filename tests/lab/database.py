"""A private Postgres in one directory, on loopback TCP with passwords, run by an ordinary user."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from processes import Daemon, LabError, choose_port, port_is_free

SUPERUSER = "postgres"
SERVICE = "cindervault"  # the role and the database of the service

SETTINGS = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
max_connections = 200
shared_buffers = 64MB
fsync = {fsync}
log_line_prefix = '%m [%p] %d '
"""


class Database:
    def __init__(self, directory: Path) -> None:
        self.dir = directory
        self.secrets = directory / "passwords"
        self.fsync = os.environ.get("PG_FSYNC") or "on"
        self.bin = _server_programs()
        # Where the data is, once it is known that Postgres can live there: see _home().
        self.home = Path(os.readlink(directory / "home")) if (directory / "home").is_symlink() else directory
        self.server = Daemon("postgres", self.home / "data/postmaster.pid", str(self.home / "data"))

    def start(self) -> None:
        """Idempotent; returns when the server answers and the service's database is there."""
        if not (self.dir / "complete").exists():
            self.stop()
            self.wipe()
            self.dir.mkdir(parents=True)
        as_user = self._home()
        data = self.home / "data"
        if not data.exists():
            self._make(as_user, data)
        if not self.server.pid():
            self._settings(data)
            _run(*as_user, str(self.bin / "pg_ctl"), "start", "-w", "-t", "60", "-s", "-D", str(data),
                 "-l", str(self.log), log=self.log)
        if not (self.dir / "complete").exists():
            self._sql(f"CREATE ROLE {SERVICE} LOGIN PASSWORD '{self._passwords()[SERVICE]}'")
            self._sql(f"CREATE DATABASE {SERVICE} OWNER {SERVICE}")
            (self.dir / "complete").touch()

    def stop(self) -> list[str]:
        # SIGINT is Postgres' "fast": it breaks connections off instead of waiting for their ends.
        said = self.server.end(signal.SIGINT)
        return [said] if said else []

    def wipe(self) -> None:
        if self.server.pid():
            raise LabError(f"{self.home} is in use by a running Postgres")
        if self.home != self.dir:
            shutil.rmtree(self.home, ignore_errors=True)
        shutil.rmtree(self.dir, ignore_errors=True)
        self.home = self.dir

    def url(self, user: str = SERVICE, database: str = SERVICE) -> str:
        return f"postgres://{user}:{self._passwords()[user]}@127.0.0.1:{self._port()}/{database}"

    @property
    def log(self) -> Path:
        """What the server writes of itself."""
        return self.home / "postgres.log"

    def superuser_url(self) -> str:
        return self.url(SUPERUSER, "postgres")

    def _home(self) -> list[str]:
        """Find a way for Postgres to live in our directory; what to put before its commands.

        Postgres refuses to run as root. The user it runs as instead may be unable to reach the directory,
        say below a /root of mode 700. Then it keeps the one capability to pass through directories (and
        to read: it is for this throw-away server's own use, and behind a password). Where root has no
        capabilities to give away, the data moves to a directory of its own in the system's place for
        temporary files.
        """
        if os.geteuid() != 0:
            return []
        user = _ordinary_user()
        os.chown(self.home, user.pw_uid, user.pw_gid)
        drop = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        for capability in (None, "dac_read_search", "dac_override"):
            keep = [f"--inh-caps=-all,+{capability}", f"--ambient-caps=-all,+{capability}"] if capability else []
            # Not `test -w`: access(2) looks past capabilities.
            if _works(*drop, *keep, "touch", str(self.home / "reachable")):
                (self.home / "reachable").unlink()
                return drop + keep
        if self.home == self.dir:
            self.home = Path(tempfile.mkdtemp(prefix="cindervault-postgres-"))
            os.symlink(self.home, self.dir / "home")
            self.server = Daemon("postgres", self.home / "data/postmaster.pid", str(self.home / "data"))
            print(f"user {user.pw_name} cannot reach {self.dir}: Postgres keeps its data in {self.home}", flush=True)
            return self._home()
        raise LabError(f"user {user.pw_name} can reach neither {self.dir} nor {self.home}: "
                       f"choose a LAB_DIR that Postgres' user can reach")

    def _make(self, as_user: list[str], data: Path) -> None:
        _write_private(self.secrets, "".join(f"{user} {secrets.token_hex(16)}\n" for user in (SUPERUSER, SERVICE)), None)
        password = self.home / "superuser"
        _write_private(password, self._passwords()[SUPERUSER] + "\n", self.home)
        _run(*as_user, str(self.bin / "initdb"), "-D", str(data), "-U", SUPERUSER, f"--pwfile={password}",
             "-A", "scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions")
        password.unlink()

    def _settings(self, data: Path) -> None:
        port = self._port() if (self.dir / "port").exists() else 0
        if not port or not port_is_free(port):
            if port:
                print(f"port {port} of this lab's Postgres was taken by others meanwhile", flush=True)
            port = choose_port("PG_PORT", 5433, "Postgres")
            (self.dir / "port").write_text(f"{port}\n")
        (data / "postgresql.auto.conf").write_text(SETTINGS.format(port=port, fsync=self.fsync))

    def _sql(self, statement: str) -> str:
        return _run("psql", "-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", "-c", statement, self.superuser_url()).strip()

    def _passwords(self) -> dict[str, str]:
        return dict(line.split() for line in self.secrets.read_text().splitlines())

    def _port(self) -> int:
        return int((self.dir / "port").read_text())


def _server_programs() -> Path:
    """Debian keeps the server's programs out of PATH, one directory per version."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    if not on_path:
        raise LabError("no Postgres server is installed (run `make deps`)")
    return Path(on_path).resolve().parent


def _ordinary_user() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise LabError("Postgres does not run as root, and there is neither a user `postgres` nor a user `nobody`")


def _works(*command: str) -> bool:
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True).returncode == 0


def _run(*command: str, log: Path | None = None) -> str:
    # In a session of its own, for the same reason as in cluster.py.
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          cwd="/", start_new_session=True)
    if done.returncode:
        tail = "".join(log.read_text().splitlines(keepends=True)[-20:]) if log and log.exists() else ""
        # Without the last word: psql's has the password in it.
        raise LabError(f"{' '.join(command[:-1])} …\nended with {done.returncode}:\n{done.stdout}{done.stderr}{tail}")
    return done.stdout


def _write_private(path: Path, content: str, owner_like: Path | None) -> None:
    with open(path, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        if owner_like:
            owner = owner_like.stat()
            os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
        file.write(content)
