"""Klaviyo's system webhooks: kept, and called for loopback addresses.

developers.klaviyo.com/en/docs/working_with_system_webhooks (read 2026-11-22)
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from email.utils import formatdate
from typing import TYPE_CHECKING

from integrations.sandbox.book import Book, Person, made_up, now
from integrations.sandbox.booked import Call
from integrations.sandbox.klaviyo.listing import page_of
from integrations.sandbox.klaviyo.profiles import attributes_in, made_id
from integrations.sandbox.klaviyo.render import answer, links, refuse
from integrations.sandbox.messages import Json, Response
from integrations.sandbox.posts import Post, is_loopback

if TYPE_CHECKING:
    from integrations.sandbox.klaviyo.simulator import Klaviyo

TOPICS = {
    "subscribe": "event:klaviyo.subscribed_to_email_marketing",
    "confirm": "event:klaviyo.subscribed_to_email_marketing",
    "unsubscribe": "event:klaviyo.unsubscribed_from_email_marketing",
    "complaint": "event:klaviyo.marked_email_as_spam",
    "bounce": "event:klaviyo.bounced_email",
}
OTHERS = ("event:klaviyo.manually_suppressed_from_email_marketing",)  # never called
KNOWN = frozenset({*TOPICS.values(), *OTHERS})
SHORTEST_SECRET = 16


def posts(book: Book, kind: str, person: Person) -> list[Post]:
    """The calls that a change causes."""
    topic = TOPICS.get(kind)
    return [
        _post(webhook, topic, person)
        for webhook in book.notes.get("webhooks", {}).values()
        if topic in webhook["topics"]
    ]


def _post(webhook: Json, topic: str | None, person: Person) -> Post:
    number = made_up(f"{webhook['id']}{person.id}{time.time_ns()}", 11)
    facts = {"email_address": person.email}
    if topic == TOPICS["bounce"]:
        facts["Bounce Type"] = "Hard"
    attributes = {"timestamp": int(time.time()), "event_properties": facts}
    event = {"type": "event", "id": number, "attributes": attributes}
    body = json.dumps(
        {
            "data": [
                {"topic": topic, "external_id": number, "payload": {"data": event}}
            ],
            "meta": {
                "timestamp": now(),
                "klaviyo_webhook_id": webhook["id"],
                "klaviyo_account_id": "SNDBOX",
            },
        }
    ).encode()
    at = formatdate(usegmt=True)
    signed = hmac.new(webhook["secret"].encode(), body + at.encode(), hashlib.sha256)
    return Post(
        url=webhook["url"],
        body=body,
        type=str(topic),
        email=person.email,
        headers={
            "Content-Type": "application/json",
            "Klaviyo-Webhook-Id": webhook["id"],
            "Klaviyo-Timestamp": at,
            "Klaviyo-Signature": signed.hexdigest(),
        },
    )


def _row(webhook: Json, call: Call) -> Json:
    return {
        "type": "webhook",
        "id": webhook["id"],
        "attributes": {
            "name": webhook["name"],
            "description": None,
            "endpoint_url": webhook["url"][:24] + "...",
            "enabled": True,
            "created_at": webhook["created"],
            "updated_at": webhook["created"],
        },
        "links": links(call.request.base_url, f"/api/webhooks/{webhook['id']}/"),
    }


def create(sim: Klaviyo, call: Call) -> Response:
    given = attributes_in(call, "webhook")
    for name in ("name", "endpoint_url", "secret_key"):
        if not isinstance(given.get(name), str) or not given[name]:
            raise refuse(400, f"{name} is required.", f"/data/attributes/{name}")
    if len(given["secret_key"]) < SHORTEST_SECRET:
        detail = f"secret_key must have {SHORTEST_SECRET} characters or more."
        raise refuse(400, detail, "/data/attributes/secret_key")
    url = given["endpoint_url"]
    if not url.startswith("https://") and not is_loopback(url):
        raise refuse(
            400, "endpoint_url must be https.", "/data/attributes/endpoint_url"
        )
    related = call.json()["data"].get("relationships") or {}
    rows = (related.get("webhook-topics") or {}).get("data") or []
    wanted = [row.get("id") for row in rows]
    if not wanted or not set(wanted) <= KNOWN:
        raise refuse(400, "Unknown topic.", "/data/relationships/webhook-topics")
    webhook = {
        "id": made_id(f"webhook{sim.book.next_id()}"),
        "name": given["name"],
        "url": url,
        "secret": given["secret_key"],
        "topics": wanted,
        "created": now(),
    }
    sim.book.notes.setdefault("webhooks", {})[webhook["id"]] = webhook
    sim.book.touch_notes()
    return answer({"data": _row(webhook, call)}, 201)


def all_of_them(sim: Klaviyo, call: Call) -> Response:
    rows = [_row(item, call) for item in sim.book.notes.get("webhooks", {}).values()]
    return answer(page_of(rows, call.request))


def delete(sim: Klaviyo, call: Call) -> Response:
    if sim.book.notes.get("webhooks", {}).pop(call.params["id"], None) is None:
        raise refuse(404, "There is no such webhook.")
    sim.book.touch_notes()
    return Response(status=204)


def topics(sim: Klaviyo, call: Call) -> Response:
    base = call.request.base_url
    rows = [
        {
            "type": "webhook-topic",
            "id": topic,
            "links": links(base, f"/api/webhook-topics/{topic}/"),
        }
        for topic in sorted(KNOWN)
    ]
    return answer({"data": rows, "links": links(base, "/api/webhook-topics/")})
