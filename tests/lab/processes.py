"""Processes and ports of a lab.

Whatever a lab starts is found again through a pid file. A pid alone proves nothing, since the kernel
hands it to somebody else later; so every process is also known by an argument that only a process of
this lab has (the path of its own configuration or data). Signals go through a pidfd taken before that
argument is looked at, so that nothing can come between the look and the signal.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import signal
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path


class LabError(Exception):
    """Something that the person at the keyboard has to read; shown without a traceback."""


class Daemon:
    """One long-running process, known by its pid file and by an argument of its command line."""

    def __init__(self, name: str, pid_file: Path, argument: str) -> None:
        self.name = name
        self.pid_file = pid_file
        self.argument = argument

    def pid(self) -> int | None:
        """The pid, if the process runs and is ours."""
        with self._opened() as found:
            return found[0] if found else None

    def record(self, pid: int) -> None:
        self.pid_file.parent.mkdir(parents=True, exist_ok=True)
        self.pid_file.write_text(f"{pid}\n")

    def end(self, sig: signal.Signals = signal.SIGTERM, patience: float = 20.0) -> str | None:
        """End the process and wait until it is gone. Says how, or None when there was nothing to end."""
        said = None
        with self._opened() as found:
            if found:
                pid, pidfd = found
                said = f"{self.name} (pid {pid}) ended"
                _signal(pidfd, sig)
                if not _gone(pidfd, patience):
                    said = f"{self.name} (pid {pid}) did not end within {patience:.0f} s and was killed"
                    _signal(pidfd, signal.SIGKILL)
                    if not _gone(pidfd, 10.0):
                        raise LabError(f"{self.name} (pid {pid}) survived SIGKILL for 10 s")
        self.pid_file.unlink(missing_ok=True)
        return said

    @contextlib.contextmanager
    def _opened(self) -> Iterator[tuple[int, int] | None]:
        try:
            pid = int(self.pid_file.read_text().split("\n", 1)[0])
            pidfd = os.pidfd_open(pid)
        except (FileNotFoundError, ValueError, ProcessLookupError):
            yield None
            return
        try:
            # A process that has ended but was not reaped has an empty command line: it is not running.
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            yield (pid, pidfd) if self.argument.encode() in arguments else None
        except (FileNotFoundError, ProcessLookupError):
            yield None
        finally:
            os.close(pidfd)


def _signal(pidfd: int, sig: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(pidfd, sig)


def _gone(pidfd: int, seconds: float) -> bool:
    """A pidfd becomes readable when its process ends."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


@contextlib.contextmanager
def interruptions_deferred() -> Iterator[None]:
    """Ctrl-C and its kin wait for the end of the block: half a start could not be undone."""
    seen: list[int] = []
    former = {sig: signal.signal(sig, lambda signum, _: seen.append(signum))
              for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for sig, handler in former.items():
            signal.signal(sig, handler)
    if seen:
        raise KeyboardInterrupt


def port_is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: connections of a former server that are still winding down do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True


def choose_port(variable: str, default: int, what: str, avoid: frozenset[int] = frozenset()) -> int:
    """The port of `variable` if it is set and free, else the default, else the next free one above it."""
    given = os.environ.get(variable, "")
    if given:
        port = _port_number(variable, given)
        if not port_is_free(port):
            raise LabError(f"port {port} for {what} ({variable}) is taken; choose another or leave {variable} unset")
        return port
    for port in range(default, min(default + 1000, 65536)):
        if port not in avoid and port_is_free(port):
            if port != default:
                print(f"port {default} for {what} is taken: using {port} (set {variable} to choose)", flush=True)
            return port
    raise LabError(f"no free port for {what} from {default} on; set {variable}")


def _port_number(variable: str, text: str) -> int:
    if text.isdigit() and 0 < int(text) < 65536:
        return int(text)
    raise LabError(f"{variable}={text} is not a port number")


@contextlib.contextmanager
def one_start_at_a_time() -> Iterator[None]:
    """Hold off other labs of this user while ports are chosen and not yet listened on."""
    path = Path(tempfile.gettempdir()) / f"cindervault-lab-{os.geteuid()}.lock"
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
