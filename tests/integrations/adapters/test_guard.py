"""The address guard in front of user-supplied hosts."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from integrations.adapters import guard
from integrations.adapters.errors import Reason, SetupError, TransientError
from integrations.adapters.http import GUARDED
from integrations.adapters.webhook import Webhook

INSIDE = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::8.8.8.8",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:8.8.8.8",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::808:808",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:808:808::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
]
OUTSIDE = ["8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "2a00::1"]


@pytest.mark.parametrize("address", INSIDE)
def test_inside_addresses_are_not_public(address: str) -> None:
    assert not guard.is_public(address)


@pytest.mark.parametrize("address", OUTSIDE)
def test_outside_addresses_are_public(address: str) -> None:
    assert guard.is_public(address)


def names(monkeypatch: pytest.MonkeyPatch, *rounds: list[str]) -> list[str]:
    """Make every name mean these addresses: round after round, the last one stays."""
    asked: list[str] = []

    def getaddrinfo(host: str, port: int, *args: Any, **kwargs: Any) -> list[Any]:
        found = rounds[min(len(asked), len(rounds) - 1)]
        asked.append(host)
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [
            (
                socket.AF_INET6 if ":" in address else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (address, port),
            )
            for address in found
        ]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


@pytest.fixture(autouse=True)
def fresh_pools() -> Iterator[None]:
    """No connection of an earlier test is reused."""
    GUARDED.close()
    yield
    GUARDED.close()


def webhook(url: str, **options: Any) -> Webhook:
    secrets = {"url": url, "signing_secret": "signing-secret"}
    return Webhook(secrets, **options)


@pytest.fixture
def no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.mark.usefixtures("no_sockets")
class TestNothingIsOpened:
    @pytest.mark.parametrize("address", INSIDE)
    def test_for_a_name_inside(
        self, monkeypatch: pytest.MonkeyPatch, address: str
    ) -> None:
        names(monkeypatch, [address])
        adapter = webhook("https://hooks.customer.example/in")
        with pytest.raises(SetupError, match="not a public internet address"):
            adapter.verify()
        assert adapter.exchanges[0].status is None

    @pytest.mark.parametrize(
        "host",
        [
            "127.0.0.1",
            "2130706433",
            "0x7f.1",
            "0177.0.0.1",
            "127.1",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "169.254.169.254",
        ],
    )
    def test_for_an_address_in_any_spelling(self, host: str) -> None:
        with pytest.raises((SetupError, TransientError)):
            webhook(f"https://{host}/in").verify()

    def test_for_localhost(self) -> None:
        with pytest.raises(SetupError, match="not a public"):
            webhook("https://localhost:8443/in").verify()

    def test_for_a_name_that_mixes_inside_and_outside(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for mixed in (["8.8.8.8", "10.0.0.1"], ["10.0.0.1", "8.8.8.8"]):
            names(monkeypatch, mixed)
            with pytest.raises(SetupError, match="not a public"):
                webhook("https://hooks.customer.example/in").verify()

    def test_for_plain_http_either(self, monkeypatch: pytest.MonkeyPatch) -> None:
        names(monkeypatch, ["10.0.0.1"])
        with pytest.raises(SetupError, match="not a public"):
            webhook("http://hooks.customer.example/in", allow_http=True).verify()


def test_an_unknown_name_is_transient(monkeypatch: pytest.MonkeyPatch) -> None:
    names(monkeypatch, [])
    with pytest.raises(TransientError) as caught:
        webhook("https://nowhere.customer.example/in").verify()
    assert caught.value.reason is Reason.NETWORK


def test_the_judged_address_is_the_one_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name that changes its answer after the check gains nothing."""
    asked = names(monkeypatch, ["8.8.8.8"], ["127.0.0.1"])
    opened: list[Any] = []

    def connect(self: socket.socket, address: Any) -> None:
        opened.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket.socket, "connect", connect)
    with pytest.raises(TransientError):
        webhook("https://hooks.customer.example/in").verify()
    assert asked == ["hooks.customer.example"]
    assert opened == [("8.8.8.8", 443)]


def test_the_next_address_is_tried_when_one_cannot_be_reached(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names(monkeypatch, ["2606:4700:4700::1111", "1.1.1.1"])
    opened: list[Any] = []

    def connect(self: socket.socket, address: Any) -> None:
        opened.append(address[0])
        raise TimeoutError if len(opened) == 2 else OSError("unreachable")

    monkeypatch.setattr(socket.socket, "connect", connect)
    with pytest.raises(TransientError) as caught:
        webhook("https://hooks.customer.example/in").verify()
    assert opened == ["2606:4700:4700::1111", "1.1.1.1"]
    assert caught.value.reason is Reason.TIMEOUT


def certificate(folder: Path, name: str) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return path


def request(connection: socket.socket) -> bytes:
    """A whole request with its JSON body."""
    got = connection.recv(65_536)
    while not got.endswith(b"}"):
        got += connection.recv(65_536)
    return got


@contextmanager
def tls_server(pem: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """One TLS connection on the loopback interface; what was asked is collected."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    seen: dict[str, Any] = {}

    def note_name(_socket: Any, name: str | None, _context: Any) -> None:
        seen["sni"] = name

    context.sni_callback = note_name  # type: ignore[assignment]
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        try:
            connection, _ = listener.accept()
            connection.settimeout(5)
            with context.wrap_socket(connection, server_side=True) as wrapped:
                seen["request"] = request(wrapped)
                wrapped.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
        except OSError as error:
            seen["error"] = error

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1], seen
    finally:
        listener.close()
        thread.join(10)


class TestTls:
    """Loopback stands in for the public internet here, and only here."""

    @pytest.fixture(autouse=True)
    def loopback_counts_as_public(self, monkeypatch: pytest.MonkeyPatch) -> None:
        names(monkeypatch, ["127.0.0.1"])
        monkeypatch.setattr(guard, "is_public", lambda text: True)

    def call(self, port: int, ca: Path) -> Any:
        adapter = webhook(f"https://hooks.customer.example:{port}/in")
        adapter._session.verify = str(ca)
        return adapter.verify()

    def test_host_sni_and_certificate_keep_the_name(self, tmp_path: Path) -> None:
        pem = certificate(tmp_path, "hooks.customer.example")
        with tls_server(pem) as (port, seen):
            assert self.call(port, pem).resources[0].writable
        assert seen["sni"] == "hooks.customer.example"
        assert f"Host: hooks.customer.example:{port}".encode() in seen["request"]

    def test_a_certificate_for_another_name_is_a_matter_for_the_owner(
        self, tmp_path: Path
    ) -> None:
        pem = certificate(tmp_path, "other.example")
        with (
            tls_server(pem) as (port, seen),
            pytest.raises(SetupError, match="certificate is not valid"),
        ):
            self.call(port, pem)
        assert "request" not in seen

    def test_an_unknown_issuer_is_too(self, tmp_path: Path) -> None:
        pem = certificate(tmp_path, "hooks.customer.example")
        other = certificate(tmp_path, "other.example")
        with (
            tls_server(pem) as (port, _),
            pytest.raises(SetupError, match="certificate is not valid"),
        ):
            self.call(port, other)


def test_base_url_is_exempt() -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            request(connection)
            connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    thread = threading.Thread(target=serve)
    thread.start()
    base = f"http://127.0.0.1:{listener.getsockname()[1]}"
    assert webhook("https://hooks.customer.example/in", base_url=base).verify()
    listener.close()
    thread.join(10)
