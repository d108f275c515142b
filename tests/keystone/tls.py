"""A Keystone behind TLS, with a certificate of one's own."""

from __future__ import annotations

import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from certificate import certificate_in
from conformance.people import Identity
from conformance.server import Lab
from starting import cindervault


@dataclass
class Terminator:
    """What stands before Keystone and speaks TLS."""

    url: str
    certificate: Path


@pytest.fixture
def tls(identity: Identity, tmp_path: Path) -> Iterator[Terminator]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate = certificate_in(tmp_path / "keystone.pem", "keystone of a test")
    context.load_cert_chain(certificate)
    address = urlsplit(identity.keystone.url())
    keystone = (address.hostname, address.port)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            try:
                secured = context.wrap_socket(self.request, server_side=True)
            except ssl.SSLError:
                return  # the client did not like the certificate
            with secured, socket.create_connection(keystone, timeout=30) as plain:
                answers = threading.Thread(target=_copy, args=(plain, secured))
                answers.start()
                _copy(secured, plain)
                answers.join()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield Terminator(f"https://127.0.0.1:{server.server_address[1]}/v3", certificate)
        server.shutdown()
        serving.join()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # one side has gone, and so will the other


def test_a_certificate_that_is_trusted(lab: Lab, identity: Identity, tls: Terminator):
    done = cindervault(lab, identity, "check", auth_url=tls.url, ca_file=str(tls.certificate))
    assert "logged in" in done.stdout, done.stdout


def test_a_certificate_that_is_not(lab: Lab, identity: Identity, tls: Terminator):
    done = cindervault(lab, identity, "check", auth_url=tls.url)
    assert done.returncode != 0
    assert "certificate" in done.stdout, done.stdout


def test_a_file_without_certificates(lab: Lab, identity: Identity, tls: Terminator, tmp_path: Path):
    empty = tmp_path / "empty.pem"
    empty.touch()
    done = cindervault(lab, identity, "check", auth_url=tls.url, ca_file=str(empty))
    assert done.returncode != 0
    assert str(empty) in done.stdout, done.stdout
