"""A Keystone behind TLS, with a certificate of one's own."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from conformance.people import Identity
from conformance.server import Lab
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from starting import cindervault


@dataclass
class Terminator:
    """What stands before Keystone and speaks TLS."""

    url: str
    certificate: Path


@pytest.fixture
def tls(identity: Identity, tmp_path: Path) -> Iterator[Terminator]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate = _certificate(tmp_path)
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


def _certificate(directory: Path) -> Path:
    """Key and certificate in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "keystone of a test")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=30)).add_extension(address, critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True).sign(key, hashes.SHA256()))
    file = directory / "keystone.pem"
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return file


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
