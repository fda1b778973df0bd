"""The example of CONTRIBUTING.md is an adapter that works as it stands there."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integrations.adapters import base, calls, declare, errors, rest, shapes
from integrations.adapters.base import Contact, Incoming, Options, OutcomeState
from tests.integrations.conformance import wire

PAGE = Path(__file__).resolve().parents[3] / "CONTRIBUTING.md"
API = "https://api.example.com"
SECRETS = {"api_key": "0123456789abcdef", "webhook_secret": "s3cret"}
MIRA = {"id": 5, "email": "mira@x.org", "status": "active", "tags": ["new"]}
LEFT = {**MIRA, "status": "left", "left_at": "2026-08-01T10:00:00Z"}


@pytest.fixture(scope="module")
def example() -> Any:
    [code] = re.findall(r"```python\n(class Example.*?)```", PAGE.read_text(), re.S)
    names: dict[str, Any] = {"Any": Any, "Iterator": Iterator}
    for module in (base, calls, declare, errors, rest, shapes):
        names |= vars(module)
    exec(
        compile(
            code, PAGE.name, "exec", dont_inherit=True, flags=annotations.compiler_flag
        ),
        names,
    )
    return names["Example"](SECRETS)


def test_it_reads_the_account(example: Any) -> None:
    people = {"data": [], "meta": {"total": 7}}
    news = {"id": 1, "name": "News", "size": 3}
    field = {"key": "size", "name": "Size", "type": "number"}
    with wire() as mock:
        mock.add("GET", f"{API}/me", json={"owner": {"email": "me@x.org"}})
        mock.add("GET", f"{API}/lists", json=people)
        mock.add("GET", f"{API}/people", json=people)
        mock.add("GET", f"{API}/lists", json={"data": [news]})
        mock.add("GET", f"{API}/fields", json={"data": [field]})
        reading = example.verify()
        [audience] = example.audiences()
        name, size = example.fields("1")
        assert mock.calls[0].request.headers["X-Api-Key"] == SECRETS["api_key"]
    assert reading.identity == "me@x.org"
    assert [(r.name, r.count) for r in reading.resources] == [
        ("lists", 7),
        ("people", 7),
    ]
    assert (audience.id, audience.label, audience.size) == ("1", "News", 3)
    assert (name.id, size.id, size.type) == ("name", "size", "number")


def test_it_writes_people_and_nobody_who_left(example: Any) -> None:
    contact = Contact(email="mira@x.org", fields={"name": "Mira", "city": "Ulm"})
    with wire() as mock:
        mock.add("GET", f"{API}/people/mira%40x.org", status=404, json={})
        mock.add("POST", f"{API}/people", json={**MIRA, "status": "waiting"})
        [asked] = example.upsert([contact], "1", Options())
        sent = json.loads(mock.calls[1].request.body or "")
    assert sent == {"email": "mira@x.org", "name": "Mira", "fields": {"city": "Ulm"}}
    assert asked.state is OutcomeState.AWAITING_OPT_IN
    assert asked.detail == "Example Mail asks them to confirm."
    with wire() as mock:
        mock.add("GET", f"{API}/people/mira%40x.org", json=LEFT)
        [refused] = example.upsert([contact], "1", Options())
    assert refused.reason is errors.Reason.UNSUBSCRIBED


def test_it_follows_who_leaves(example: Any) -> None:
    with wire() as mock:
        mock.add("GET", f"{API}/people/mira%40x.org", json=MIRA)
        mock.add("POST", f"{API}/people/5/leave", status=204)
        mock.add("GET", f"{API}/lists/1/people", json={"data": [LEFT]})
        mock.add("GET", f"{API}/people/mira%40x.org", json=LEFT)
        mock.add("DELETE", f"{API}/people/5", status=204)
        [done] = example.unsubscribe(["mira@x.org"], "1")
        page = example.changes("1", "")
        receipt = example.erase("mira@x.org")
    assert done.state is OutcomeState.SYNCED
    assert [(c.email, c.status) for c in page.changes] == [
        ("mira@x.org", "unsubscribed")
    ]
    assert (page.complete, page.more) == (True, False)
    assert receipt.note == "Deleted for good."


def test_it_hears_webhooks(example: Any) -> None:
    body = json.dumps({"person": LEFT, "list_id": 1}).encode()
    given = hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()
    [change] = example.webhook(
        Incoming(method="POST", url="/", headers={"x-signature": given}, body=body)
    )
    assert (change.status, change.audience_id) == ("unsubscribed", "1")
    with wire() as mock:
        mock.add("POST", f"{API}/webhooks", json={"id": 9})
        mock.add("DELETE", f"{API}/webhooks/9", status=204)
        assert example.add_webhook("https://us.example/h", "1") == {"webhook_id": "9"}
        example.remove_webhook("9", "1")
