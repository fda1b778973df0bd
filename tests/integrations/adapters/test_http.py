"""HttpAdapter against a real server on the loopback interface."""

from __future__ import annotations

import gzip
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
import responses

from integrations.adapters.base import Contact, Options, filled
from integrations.adapters.errors import (
    AdapterError,
    CredentialsError,
    Reason,
    RejectedError,
    ScopeError,
    SetupError,
    TargetError,
    TransientError,
)
from integrations.adapters.http import HttpAdapter, retry_after, to_json

SECRET = "s3cr3t/kéy+with=signs"


class Plain(HttpAdapter):
    slug = "plain"
    label = "Plain"
    kind = "other"
    home = "https://plain.example"  # type: ignore[assignment]

    def headers(self) -> dict[str, str]:
        return {"Authorization": "Bearer tok-0123456789"}

    def verify(self) -> Any:
        return self.request("GET", "/me")

    def audiences(self) -> Any:
        return self.request("GET", "/lists")

    def upsert(self, contacts: Any, audience_id: str, options: Options) -> Any:
        return self.request("POST", "/contacts", payload={"n": len(contacts)})


def plain(base_url: str | None = None) -> Plain:
    return Plain({"key": SECRET}, base_url=base_url)


Talk = Callable[[socket.socket], None]


@contextmanager
def server(*talks: Talk) -> Iterator[tuple[str, list[bytes]]]:
    """A TCP server that answers connection n with talk n; what it got is collected."""
    listener = socket.create_server(("127.0.0.1", 0))
    got: list[bytes] = []

    def serve() -> None:
        for talk in talks:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                got.append(connection.recv(65_536))
                with suppress(OSError):
                    talk(connection)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", got
    finally:
        # Closing alone does not wake a thread that waits in accept.
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


def saying(*parts: bytes) -> Talk:
    def talk(connection: socket.socket) -> None:
        for part in parts:
            connection.sendall(part)

    return talk


def answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


class TestOverTheWire:
    def test_json_and_headers(self) -> None:
        with server(saying(answer(b'{"id": 1}'))) as (url, got):
            assert plain(url).verify() == {"id": 1}
        assert got[0].startswith(b"GET /me HTTP/1.1\r\n")
        assert b"Authorization: Bearer tok-0123456789" in got[0]
        assert b"User-Agent: contactsync" in got[0]

    def test_compressed_and_chunked(self) -> None:
        body = gzip.compress(b'{"id": 1}')
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
        chunks = b"".join(
            b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:5], body[5:])
        )
        reply = head + b"Content-Encoding: gzip\r\n\r\n" + chunks + b"0\r\n\r\n"
        with server(saying(reply)) as (url, _):
            assert plain(url).verify() == {"id": 1}

    @pytest.mark.parametrize(
        ("reply", "reason"),
        [
            (b"", Reason.NETWORK),
            (b"garbage\r\n\r\n", Reason.NETWORK),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{", Reason.NETWORK),
            (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
                Reason.NETWORK,
            ),
            (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n",
                Reason.NETWORK,
            ),
            (
                b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n"
                b"\r\nabcd",
                Reason.NETWORK,
            ),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{]}", Reason.SERVER),
        ],
    )
    def test_broken_answers_are_transient(self, reply: bytes, reason: Reason) -> None:
        with (
            server(saying(reply)) as (url, _),
            pytest.raises(TransientError) as caught,
        ):
            plain(url).verify()
        assert caught.value.reason is reason

    def test_nobody_listening(self) -> None:
        with server() as (url, _):
            pass
        with pytest.raises(TransientError) as caught:
            plain(url).verify()
        assert caught.value.reason is Reason.NETWORK

    def test_silence_ends(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Plain, "read_timeout", 0.2)
        done = threading.Event()
        with (
            server(lambda connection: done.wait(5) and None) as (url, _),
            pytest.raises(TransientError) as caught,
        ):
            try:
                plain(url).verify()
            finally:
                done.set()
        assert caught.value.reason is Reason.TIMEOUT

    def test_a_trickle_ends(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each byte comes in time, the whole never would."""
        monkeypatch.setattr(Plain, "read_timeout", 5.0)
        monkeypatch.setattr(Plain, "total_timeout", 0.3)
        stop = threading.Event()

        def trickle(connection: socket.socket) -> None:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n")
            for _ in range(100):
                if stop.wait(0.05):
                    break
                connection.sendall(b" ")

        with (
            server(trickle) as (url, _),
            pytest.raises(TransientError) as caught,
        ):
            try:
                plain(url).verify()
            finally:
                stop.set()
        assert caught.value.reason is Reason.TIMEOUT

    def test_a_flood_is_cut_off_while_it_comes(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Plain, "max_bytes", 100_000)
        sent = 0

        def flood(connection: socket.socket) -> None:
            nonlocal sent
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            for _ in range(2000):
                connection.sendall(b"x" * 65_536)
                sent += 65_536

        with (
            server(flood) as (url, _),
            pytest.raises(TransientError, match="larger than 100,000 bytes"),
        ):
            plain(url).verify()
        assert sent < 60_000_000

    def test_a_compression_bomb_is_cut_off(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Plain, "max_bytes", 100_000)
        bomb = gzip.compress(b"0" * 50_000_000)
        with (
            server(saying(answer(bomb, "Content-Encoding: gzip"))) as (url, _),
            pytest.raises(TransientError, match="larger than"),
        ):
            plain(url).verify()

    def test_redirects_are_not_followed(self) -> None:
        with server(saying(answer(b"[]"))) as (elsewhere, got):
            for status, error in (
                ("301 Moved", SetupError),
                ("308 Moved", SetupError),
                ("302 Found", TransientError),
                ("307 Elsewhere", TransientError),
            ):
                reply = answer(b"", f"Location: {elsewhere}/taken", status=status)
                with (
                    server(saying(reply)) as (url, _),
                    pytest.raises(error, match="not followed") as caught,
                ):
                    plain(url).verify()
                assert elsewhere not in caught.value.detail
            assert got == []

    def test_connections_are_kept_but_no_cookies(self) -> None:
        reply = answer(b"{}", "Set-Cookie: tenant=1; Path=/")
        received: list[bytes] = []

        def twice(connection: socket.socket) -> None:
            connection.sendall(reply)
            received.append(connection.recv(65_536))
            connection.sendall(reply)

        with server(twice) as (url, _):
            first = plain(url)
            first.verify()
            plain(url).verify()
            assert not first._session.cookies
        assert len(received) == 1
        assert b"Cookie" not in received[0]

    def test_the_environment_has_no_say(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:1")
        monkeypatch.setenv("NO_PROXY", "")
        with server(saying(answer(b"{}"))) as (url, _):
            assert plain(url).verify() == {}


class TestStatusMap:
    @pytest.mark.parametrize(
        ("status", "error", "reason"),
        [
            (301, SetupError, Reason.TARGET_MISSING),
            (303, TransientError, Reason.SERVER),
            (400, RejectedError, Reason.REFUSED),
            (401, CredentialsError, Reason.AUTH_REVOKED),
            (402, SetupError, Reason.QUOTA),
            (403, ScopeError, Reason.SCOPE),
            (404, TargetError, Reason.TARGET_MISSING),
            (408, TransientError, Reason.TIMEOUT),
            (409, RejectedError, Reason.DUPLICATE),
            (410, TargetError, Reason.TARGET_MISSING),
            (413, RejectedError, Reason.REFUSED),
            (422, RejectedError, Reason.REFUSED),
            (425, TransientError, Reason.RATE),
            (429, TransientError, Reason.RATE),
            (500, TransientError, Reason.SERVER),
            (504, TransientError, Reason.TIMEOUT),
            (599, TransientError, Reason.SERVER),
        ],
    )
    def test_by_remedy(
        self, status: int, error: type[AdapterError], reason: Reason
    ) -> None:
        with responses.RequestsMock() as mock, pytest.raises(AdapterError) as caught:
            mock.add("GET", "https://plain.example/me", status=status, body="no")
            plain().verify()
        assert type(caught.value) is error
        assert caught.value.reason is reason
        assert caught.value.status == status

    @pytest.mark.parametrize(
        ("status", "body"), [(200, b" \n"), (200, b""), (204, b"")]
    )
    def test_no_body_is_none(self, status: int, body: bytes) -> None:
        with responses.RequestsMock() as mock:
            mock.add("GET", "https://plain.example/me", status=status, body=body)
            assert plain().verify() is None

    def test_people_are_masked_in_what_concerns_the_account(self) -> None:
        body = {"detail": "mary@x.org is over\nquota " + "x" * 900}
        details = {}
        for status in (400, 429):
            with (
                responses.RequestsMock() as mock,
                pytest.raises(AdapterError) as caught,
            ):
                mock.add("GET", "https://plain.example/me", status=status, json=body)
                plain().verify()
            details[status] = caught.value.detail
        assert details[429].startswith(
            "Plain answered 429: m•••@x.org is over quota xx"
        )
        assert details[400].startswith("mary@x.org is over quota")
        assert all(len(detail) < 540 for detail in details.values())


NOW = datetime(2026, 8, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("", None),
        ("0", 0.0),
        ("120", 120.0),
        (" 1.5 ", 1.5),
        ("86400", 3600.0),
        ("-5", None),
        ("inf", None),
        ("nan", None),
        ("1e9", None),
        ("٣", None),
        ("soon", None),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90.0),
        (format_datetime(NOW - timedelta(days=1), usegmt=True), 0.0),
        (format_datetime(NOW + timedelta(days=9), usegmt=True), 3600.0),
        ("Sat, 01 Aug 2026 12:00:30 -0000", 30.0),
        ("Sat, 99 Aug 2026 12:00:30 GMT", None),
    ],
)
def test_retry_after(value: str, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds


class TestExchanges:
    def test_exchanges_of_a_failure_say_why(self) -> None:
        with server(saying(b"")) as (url, _):
            adapter = plain(url)
            with pytest.raises(TransientError):
                adapter.upsert([], "a", Options())
        [exchange] = adapter.exchanges
        assert (exchange.method, exchange.path) == ("POST", "/contacts")
        assert exchange.status is None
        assert exchange.request == '{"n": 0}'
        assert exchange.response == "Plain could not be reached."

    def test_the_query_is_part_of_the_exchange(self) -> None:
        adapter = plain()
        with responses.RequestsMock() as mock:
            mock.add("GET", "https://plain.example/find", json={})
            adapter.request(
                "GET", "/find", params={"email": "mary@x.org", "key": SECRET}
            )
        assert adapter.exchanges[0].path == "/find?email=m•••%40x.org&key=•••"

    def test_only_the_newest_exchanges_are_kept(self) -> None:
        adapter = plain()
        with responses.RequestsMock() as mock:
            mock.add("GET", "https://plain.example/n", json={})
            for number in range(130):
                adapter.request("GET", "/n", params={"n": number})
        assert len(adapter.exchanges) == 100
        assert adapter.exchanges[-1].path == "/n?n=129"


def test_json_is_utf8_and_takes_dates() -> None:
    assert (
        to_json({"n": "José", "d": NOW.date()})
        == '{"n": "José", "d": "2026-08-01"}'.encode()
    )
    assert to_json("\ud800") == b'"?"'
    with pytest.raises(ValueError, match="JSON"):
        to_json(float("nan"))


def test_blank_values_are_left_out_but_false_and_zero_are_values() -> None:
    fields = {"a": "", "b": " ", "c": None, "d": [], "e": {"x": ""}, "f": [None]}
    kept = {"g": 0, "h": False, "i": "x", "j": {"x": "", "y": 1}}
    assert filled(fields | kept) == kept
    assert Contact(email="a@x.org").fields == {}
