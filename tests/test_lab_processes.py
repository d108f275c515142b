"""Stopping a lab must end what is its own, for certain, and nothing else."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from lab import Lab
from processes import Daemon, LabError, choose_port

STUBBORN = "import signal, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); signal.pause()"
POLITE = "import signal, sys; print('up', flush=True); signal.pause()"


@pytest.fixture
def process(tmp_path, request):
    code = getattr(request, "param", POLITE)
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "mine.conf")], stdout=subprocess.PIPE) as started:
        assert started.stdout.readline() == b"up\n"
        yield started
        started.kill()


def daemon(tmp_path: Path, argument: str = "mine.conf") -> Daemon:
    return Daemon("thing", tmp_path / "run/thing.pid", str(tmp_path / argument))


def test_a_process_is_ended_once(tmp_path, process):
    mine = daemon(tmp_path)
    mine.record(process.pid)
    assert mine.pid() == process.pid
    assert mine.end() == f"thing (pid {process.pid}) ended"
    assert process.wait() == -signal.SIGTERM
    assert mine.pid() is None
    assert mine.end() is None


@pytest.mark.parametrize("process", [STUBBORN], indirect=True)
def test_a_stubborn_process_is_killed(tmp_path, process):
    mine = daemon(tmp_path)
    mine.record(process.pid)
    assert "was killed" in mine.end(patience=0.2)
    assert process.wait() == -signal.SIGKILL


def test_a_pid_that_now_is_somebody_elses_is_left_alone(tmp_path, process):
    stale = daemon(tmp_path, argument="mine.con")
    stale.record(process.pid)
    assert stale.pid() is None
    assert stale.end() is None
    assert process.poll() is None
    assert not stale.pid_file.exists()


def test_a_dead_process_is_not_running(tmp_path, process):
    mine = daemon(tmp_path)
    mine.record(process.pid)
    process.kill()
    process.stdout.read()  # ends with the process, which stays a zombie until it is waited for
    assert mine.end() is None


def test_a_taken_default_port_makes_way_and_a_taken_chosen_one_fails(monkeypatch, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        chosen = choose_port("SOME_PORT", port, "something")
        assert chosen > port
        assert f"port {port} for something is taken: using {chosen}" in capsys.readouterr().out
        monkeypatch.setenv("SOME_PORT", str(port))
        with pytest.raises(LabError, match=f"port {port} for something .SOME_PORT. is taken"):
            choose_port("SOME_PORT", 1, "something")
    monkeypatch.setenv("SOME_PORT", "many")
    with pytest.raises(LabError, match="SOME_PORT=many is not a port number"):
        choose_port("SOME_PORT", 1, "something")


def test_a_lab_does_not_move_into_a_directory_with_other_things(tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(LabError, match="holds other things"):
        Lab(tmp_path)
    with pytest.raises(LabError, match="may not contain ' '"):
        Lab(tmp_path / "my lab")
    Lab(tmp_path / "new")
    Lab(tmp_path / "new")
