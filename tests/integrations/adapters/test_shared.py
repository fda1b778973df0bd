"""Cursors, times and webhooks as several adapters read them."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest

from integrations.adapters.base import Incoming
from integrations.adapters.errors import CredentialsError, Reason, RejectedError
from integrations.adapters.shared import (
    check_secret_url,
    check_signed,
    json_body,
    moment,
    parse_place,
    to_place,
)


class TestCursor:
    def test_comes_back_as_it_was_written(self) -> None:
        assert parse_place(to_place("a", 3, True), str, int, bool) == ["a", 3, True]

    def test_none_is_the_beginning(self) -> None:
        assert parse_place("", str) is None

    @pytest.mark.parametrize(
        "text",
        ["x", "{}", "3", "null", '["a"]', '["a", true]', '["a", "3"]', "[" * 100_000],
    )
    def test_one_that_is_not_ours(self, text: str) -> None:
        with pytest.raises(RejectedError) as caught:
            parse_place(text, str, int)
        assert caught.value.reason is Reason.CURSOR_EXPIRED


NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-08-01T12:00:00Z", NOON),
        ("2026-08-01T07:00:00-05:00", NOON),
        ("2026-08-01T14:00:00.000+02:00", NOON),
        ("2026-08-01 12:00:00", NOON),
        ("2026-08-01", NOON.replace(hour=0)),
        (NOON.timestamp(), NOON),
        (int(NOON.timestamp()), NOON),
        ("0000-00-00 00:00:00", None),
        ("", None),
        (None, None),
        (True, None),
        (1e30, None),
        (float("nan"), None),
        ("9999-12-31T23:59:59-23:59", None),
    ],
)
def test_moment(value: object, expected: datetime | None) -> None:
    assert moment(value) == expected


class TestWebhook:
    def check(self, given: str, **secrets: str) -> None:
        query = {"secret": given} if given else {}
        request = Incoming(method="POST", url="https://x.example/", query=query)
        check_secret_url(request, secrets)

    def test_the_secret_in_the_address(self) -> None:
        self.check("s3cret", webhook_secret="s3cret")

    @pytest.mark.parametrize(
        ("given", "secrets"),
        [
            ("", {"webhook_secret": "s3cret"}),
            ("other", {"webhook_secret": "s3cret"}),
            ("", {"webhook_secret": ""}),
            ("", {}),
            ("schlüssel", {"webhook_secret": "s3cret"}),
        ],
    )
    def test_any_other_secret(self, given: str, secrets: dict[str, str]) -> None:
        with pytest.raises(CredentialsError):
            self.check(given, **secrets)

    # RFC 4231, test case 2.
    KEY, TEXT = "Jefe", b"what do ya want for nothing?"
    HEX = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    BASE64 = base64.b64encode(bytes.fromhex(HEX)).decode()

    @pytest.mark.parametrize("given", [(HEX,), (BASE64,), ("", HEX)])
    def test_a_signature_in_hex_or_base64(self, given: tuple[str, ...]) -> None:
        check_signed({"webhook_secret": self.KEY}, self.TEXT, *given)

    @pytest.mark.parametrize(
        ("given", "key"),
        [
            ((), KEY),
            (("",), KEY),
            (("é", BASE64[:-1]), KEY),
            ((HEX, BASE64), "other"),
            ((HEX,), ""),
        ],
    )
    def test_any_other_signature(self, given: tuple[str, ...], key: str) -> None:
        with pytest.raises(CredentialsError):
            check_signed({"webhook_secret": key}, self.TEXT, *given)

    def test_a_body(self) -> None:
        request = Incoming(method="POST", url="", body=b'{"a": "b\\u0000"}')
        assert json_body(request) == {"a": "b\ufffd"}

    @pytest.mark.parametrize("body", [b"", b"a=b", b"\xff", b"[" * 100_000])
    def test_what_is_no_body(self, body: bytes) -> None:
        with pytest.raises(RejectedError):
            json_body(Incoming(method="POST", url="", body=body))
