"""The signed webhook."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from integrations.adapters.base import Contact, Options, OutcomeState
from integrations.adapters.errors import (
    AdapterError,
    CredentialsError,
    RejectedError,
    SetupError,
    TargetError,
)
from integrations.adapters.webhook import Webhook, signature
from tests.integrations.conformance import AdapterConformance, Operation, Step, wire

HOST = "https://hooks.customer.example"
URL = f"{HOST}/in/9f8e7d6c5b4a"
SECRET = "correct horse/battery+staple"
SECRETS = {"url": URL, "signing_secret": SECRET}
PEOPLE = (
    Contact(
        email="Mary@x.org",
        fields={"first name": "Mary", "note": "", "size": "M"},
        tags=("popup",),
        ip="192.0.2.7",
        signed_up_at=datetime(2026, 8, 1, 12, tzinfo=UTC),
    ),
    Contact(email="josé@x.org"),
)
POST = (Step(method="POST", url=URL, answer={"ok": True}, status=202),)


class TestWebhook(AdapterConformance):
    adapter = Webhook
    secrets = SECRETS
    operations = (
        Operation(name="verify", run=Webhook.verify, steps=POST),
        Operation(
            name="upsert of several",
            run=lambda adapter: adapter.upsert(PEOPLE, "endpoint", Options()),
            steps=POST,
        ),
        Operation(
            name="unsubscribe",
            run=lambda adapter: adapter.unsubscribe(["mary@x.org"], "endpoint"),
            steps=POST,
        ),
        Operation(
            name="erase", run=lambda adapter: adapter.erase("mary@x.org"), steps=POST
        ),
    )
    batch = PEOPLE
    batch_operation = "upsert of several"
    batch_outcomes = (OutcomeState.SYNCED, OutcomeState.SYNCED)
    reads_answers = False
    silent = frozenset({"audiences", "fields"})
    leavers = ()
    no_leavers = dict.fromkeys(
        ("unsubscribed", "bounced", "complained"),
        "An endpoint subscribes nobody: it is told what happened, and decides itself.",
    )


def sent(run: Any) -> tuple[dict[str, str], dict[str, Any], bytes]:
    with wire() as mock:
        mock.add("POST", URL, status=200)
        run(Webhook(SECRETS))
        [call] = mock.calls
    body = call.request.body
    assert isinstance(body, bytes)
    return dict(call.request.headers), json.loads(body), body


def test_the_signature_covers_time_and_body() -> None:
    headers, _, body = sent(Webhook.verify)
    parts = dict(
        part.split("=") for part in headers["Contactsync-Signature"].split(",")
    )
    expected = hmac.new(
        SECRET.encode(), parts["t"].encode() + b"." + body, hashlib.sha256
    ).hexdigest()
    assert parts["v1"] == expected
    assert abs(int(parts["t"]) - time.time()) < 60
    assert headers["Content-Type"] == "application/json"


def test_the_signature_is_what_the_documentation_says() -> None:
    # printf '1700000000.{}' | openssl dgst -sha256 -hmac key
    assert signature("key", b"{}", 1_700_000_000) == (
        "t=1700000000,v1="
        "9d713ed406bb7076d4123f0dc2c39d2df5c654ed4b0cd56b52c8b4c940bd63ae"
    )


def test_an_event_tells_everything_about_a_contact_but_blanks() -> None:
    _, body, _ = sent(
        lambda adapter: adapter.upsert(
            PEOPLE, "endpoint", Options(double_opt_in=True, tags=("all",))
        )
    )
    assert body["type"] == "contact.upsert"
    assert body["audience"] == "endpoint"
    assert body["options"] == {
        "double_opt_in": True,
        "update_existing": True,
        "reconfirm": False,
    }
    mary, jose = body["contacts"]
    mary.pop("id")
    assert mary == {
        "email": "Mary@x.org",
        "fields": {"first name": "Mary", "size": "M"},
        "tags": ["all", "popup"],
        "ip": "192.0.2.7",
        "signed_up_at": "2026-08-01T12:00:00+00:00",
    }
    assert jose["email"] == "josé@x.org"


def identity(contact: Contact) -> tuple[str, str, str]:
    """The event's id, its Idempotency-Key, the contact's id."""
    headers, body, _ = sent(
        lambda adapter: adapter.upsert([contact], "endpoint", Options())
    )
    return body["id"], headers["Idempotency-Key"], body["contacts"][0]["id"]


def test_ids_are_the_same_for_a_repetition_and_differ_for_a_change() -> None:
    mary = PEOPLE[0]
    event, key, contact = identity(mary)
    assert event == key
    assert identity(mary) == (event, key, contact)
    for other in (
        replace(mary, fields={"first name": "Mary Ann"}),
        replace(mary, tags=()),
        replace(mary, email="ann@x.org"),
        replace(mary, signed_up_at=datetime(2026, 8, 2, tzinfo=UTC)),
    ):
        changed = identity(other)
        assert changed[0] != event
        assert changed[2] != contact


def test_verify_reports_status_and_time_and_only_the_host() -> None:
    with wire() as mock:
        mock.add("POST", URL, status=204)
        reading = Webhook(SECRETS).verify()
        assert json.loads(mock.calls[0].request.body or b"")["type"] == "ping"
    assert reading.identity == "hooks.customer.example"
    [events] = reading.resources
    assert events.writable
    assert "204" in events.detail
    assert " ms" in events.detail


def test_the_one_audience_is_the_endpoint() -> None:
    [audience] = Webhook(SECRETS).audiences()
    assert (audience.id, audience.label) == ("endpoint", "hooks.customer.example")
    assert Webhook(SECRETS).fields("endpoint") == []


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (410, TargetError),
        (404, TargetError),
        (413, RejectedError),
        (422, RejectedError),
    ],
)
def test_other_answers(status: int, error: type[AdapterError]) -> None:
    with wire() as mock, pytest.raises(error):
        mock.add("POST", URL, status=status, body="no")
        Webhook(SECRETS).upsert(PEOPLE, "endpoint", Options())


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.customer.example/in",
        "http://hooks.customer.example/in",
        "ftp://hooks.customer.example/in",
        "file:///etc/passwd",
        "https://user:password@hooks.customer.example/in",
        "https://",
        "https://[::1",
        "https://hooks.customer.example:http/",
    ],
)
def test_only_a_whole_https_address_will_do(url: str) -> None:
    with wire() as mock, pytest.raises(SetupError) as caught:
        Webhook({**SECRETS, "url": url}).verify()
    assert len(mock.calls) == 0
    assert "password@" not in caught.value.detail


def test_http_needs_the_explicit_flag() -> None:
    secrets = {**SECRETS, "url": "http://hooks.customer.example/in"}
    with wire() as mock:
        mock.add("POST", secrets["url"])
        assert Webhook(secrets, allow_http=True).verify()


def test_base_url_takes_the_place_of_scheme_and_host() -> None:
    secrets = {**SECRETS, "url": f"{URL}?token=abc"}
    with wire() as mock:
        mock.add("POST", "http://127.0.0.1:9/hook/in/9f8e7d6c5b4a?token=abc")
        assert Webhook(secrets, base_url="http://127.0.0.1:9/hook").verify()


def test_no_signing_secret_no_event() -> None:
    with wire() as mock, pytest.raises(CredentialsError, match="signing secret"):
        Webhook({"url": URL, "signing_secret": " "}).verify()
    assert len(mock.calls) == 0


def test_the_path_of_the_endpoint_is_a_secret_too() -> None:
    adapter = Webhook(SECRETS)
    with wire() as mock, pytest.raises(RejectedError) as caught:
        mock.add("POST", URL, status=400, json={"message": f"no route {URL}"})
        adapter.verify()
    assert "9f8e7d6c5b4a" not in repr(adapter.exchanges) + caught.value.detail
