"""Sinch MessageMedia's callbacks: signatures, opt-outs, adding one."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from integrations.adapters.base import Change, Incoming
from integrations.adapters.errors import (
    CredentialsError,
    RejectedError,
    TransientError,
)
from tests.integrations.adapters import messagemedia_world as world
from tests.integrations.adapters.messagemedia_world import (
    CONTACTS,
    LIST,
    NO_KEY,
    OLD,
    PHONES,
    adapter,
    contact,
    found,
    got,
)
from tests.integrations.conformance import Step, register, wire

PRIVATE = rsa.generate_private_key(public_exponent=65537, key_size=1024)
PUBLIC = base64.b64encode(
    PRIVATE.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
).decode()
BODY = json.dumps(
    {
        "event": "opt_out",
        "source_number": PHONES[OLD],
        "date_received": "2026-08-07T08:44:00.850Z",
    }
).encode()
DATE = "Fri, 07 Aug 2026 08:44:01 GMT"
DIGESTS = {"SHA-224": hashes.SHA224, "SHA-256": hashes.SHA256, "SHA-512": hashes.SHA512}


def callback(
    body: bytes = BODY,
    *,
    digest: str = "SHA-512",
    signed: bytes | None = None,
    **more: str,
) -> Incoming:
    """A callback, signed as the provider's guide for Python servers shows it."""
    text = b"POST /hooks/7?a=b HTTP/1.1" + DATE.encode() + (signed or body)
    proof = PRIVATE.sign(text, padding.PKCS1v15(), DIGESTS[digest]())
    headers = {
        "date": DATE,
        "x-messagemedia-signature": base64.b64encode(proof).decode(),
        "x-messagemedia-digest-type": digest,
        "x-messagemedia-cipher-type": "RSA",
    }
    return Incoming(
        method="POST",
        url="https://h.example/hooks/7?a=b",
        headers={**headers, **more},
        query={"a": "b"},
        body=body,
    )


class TestWebhook:
    def receive(self, request: Incoming, **secrets: str) -> list[Change]:
        with wire() as mock:
            register(mock, found(contact(OLD, LIST)))
            return adapter(**secrets).webhook(request)

    @pytest.mark.parametrize("digest", list(DIGESTS))
    def test_an_opt_out_that_is_signed(self, digest: str) -> None:
        [change] = self.receive(callback(digest=digest), webhook_key=PUBLIC)
        assert (change.email, change.kind, change.status) == (
            OLD,
            "status",
            "unsubscribed",
        )
        assert change.fields == {"phone": PHONES[OLD]}
        assert change.at is not None
        assert change.audience_id == ""

    @pytest.mark.parametrize(
        "request_",
        [
            callback(signed=b"something else"),
            callback(date="Fri, 07 Aug 2026 08:44:02 GMT"),
            callback(**{"x-messagemedia-signature": ""}),
            callback(**{"x-messagemedia-signature": "AAAA"}),
            callback(
                **{"x-messagemedia-signature": base64.b64encode(b"\xff" * 128).decode()}
            ),
            callback(**{"x-messagemedia-digest-type": "SHA-256"}),
            callback(**{"x-messagemedia-digest-type": "MD5"}),
            callback(**{"x-messagemedia-digest-type": ""}),
            Incoming(method="POST", url="https://h.example/hooks/7?a=b", body=BODY),
        ],
    )
    def test_anything_else_is_refused(self, request_: Incoming) -> None:
        with pytest.raises(CredentialsError):
            self.receive(request_, webhook_key=PUBLIC)

    @pytest.mark.parametrize(
        "key",
        ["MA==", "not base64!", "MIGf", PUBLIC[:40]],
        ids=["short", "no base64", "cut", "cut in the middle"],
    )
    def test_a_key_that_is_none_lets_nobody_in(self, key: str) -> None:
        with pytest.raises(CredentialsError):
            self.receive(callback(), webhook_key=key)

    def test_where_callbacks_are_not_signed_the_address_has_the_secret(self) -> None:
        def plain(secret: str) -> Incoming:
            query = {"secret": secret}
            return Incoming(
                method="POST", url="https://h.example/", query=query, body=BODY
            )

        [change] = self.receive(plain("s3cret"), webhook_secret="s3cret")
        assert change.email == OLD
        with pytest.raises(CredentialsError):
            self.receive(plain("guess"), webhook_secret="s3cret")

    @pytest.mark.parametrize(
        "body",
        [
            b"[]",
            b'{"event": "reply"}',
            b"{",
            b'{"event": "opt_out", "source_number": null}',
        ],
    )
    def test_something_else(self, body: bytes) -> None:
        with pytest.raises(RejectedError):
            self.receive(callback(body), webhook_key=PUBLIC)

    def test_a_number_of_nobody(self) -> None:
        with wire() as mock:
            register(mock, found())
            assert adapter(webhook_key=PUBLIC).webhook(callback()) == []

    def test_a_provider_that_is_away_has_it_sent_again(self) -> None:
        with wire() as mock, pytest.raises(TransientError):
            mock.add("GET", CONTACTS, body=requests.ConnectionError("refused"))
            adapter(webhook_key=PUBLIC).webhook(callback())


class TestAddingAWebhook:
    def add(self, *steps: Step) -> tuple[dict[str, str], Any]:
        with wire() as mock:
            for step in steps:
                register(mock, step)
            kept = adapter().add_webhook("https://h.example/?secret=s", LIST)
            return kept, json.loads(mock.calls[-1].request.body or "")

    def test_makes_a_key_where_none_is_active(self) -> None:
        kept, hook = self.add(NO_KEY, world.MAKE_KEY, world.USE_KEY, world.HOOK)
        assert kept["webhook_key"] == world.NEW_KEY["public_key"]
        assert kept["webhook_id"] == "8805c9d8-bef7-41c7-906a-69ede93aa024"
        assert hook["events"] == ["OPT_OUT_SMS"]
        assert "$replyId" not in hook["template"], "opt-outs have none"
        assert json.loads(hook["template"])["source_number"] == "$sourceAddress"

    @pytest.mark.parametrize("status", [200, 403])
    def test_never_replaces_a_key_that_others_rely_on(self, status: int) -> None:
        there = got(NO_KEY.url, {"message": "x"}, status=status)
        kept, _ = self.add(there, world.HOOK)
        assert "webhook_key" not in kept
