"""The HubSpot simulator: who may call, which call it is, webhooks, controls."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import time
from typing import Any, ClassVar

from integrations.sandbox.book import Attribute, Book, Person
from integrations.sandbox.booked import Call, Route
from integrations.sandbox.faults import ControlError, Faults
from integrations.sandbox.hubspot import words
from integrations.sandbox.hubspot.contacts import EVERYBODY
from integrations.sandbox.hubspot.lists import FIELD_TYPES, Lists
from integrations.sandbox.messages import Json, Request, Response, json_response
from integrations.sandbox.oauth import PREFIX, OAuthServer
from integrations.sandbox.posts import Post
from integrations.sandbox.store import Store

CLIENT_SECRET = "5d1e0a8f-7c52-4b9c-9d8e-1d0a6d5f3b11"  # of every simulated app
TOKEN = re.compile(r"[\x21-\x7e]{10,}")
CONTACTS = "/crm/v3/objects/contacts"
LISTS = "/crm/v3/lists"
STATUSES = "/communication-preferences/v4/statuses"
APP = "/webhooks/v3/{app_id}"
EVENTS = {
    "subscribe": "contact.creation",
    "update": "contact.propertyChange",
    "unsubscribe": "contact.propertyChange",
    "complaint": "contact.propertyChange",
    "bounce": "contact.propertyChange",
    "delete": "contact.deletion",
}


class HubSpot(Lists):
    """One account, which any token of ten characters opens."""

    slug: ClassVar[str] = "hubspot"
    label: ClassVar[str] = "HubSpot"
    field_types: ClassVar[tuple[str, ...]] = tuple(FIELD_TYPES)

    def sign_in(self, store: Store) -> OAuthServer:
        return OAuthServer(
            self.slug,
            self.label,
            store,
            authorize="/oauth/authorize",
            token="/oauth/v3/token",
            lifetime=1800,
        )

    def plant(self, book: Book) -> None:
        for name, label in (
            ("firstname", "First name"),
            ("lastname", "Last name"),
            ("company", "Company name"),
        ):
            book.set_attribute(Attribute(name, label, "string"))
        book.set_attribute(
            Attribute("phone", "Phone", "string", extra={"field_type": "phonenumber"})
        )
        stages = ["subscriber", "lead", "customer"]
        book.set_attribute(
            Attribute("lifecyclestage", "Stage", "enumeration", options=stages)
        )
        book.add_list("All contacts", EVERYBODY)
        book.add_list("Shop customers", "42", extra={"kind": "list"})
        dynamic = {"kind": "list", "processing": "DYNAMIC"}
        book.add_list("Active this month", "43", extra=dynamic)
        book.add_list("Newsletter", "789", extra={"kind": "subscription"})
        for email, name, status in (
            ("grace.hopper@compilers.example", "Grace", "subscribed"),
            ("alan.turing@bletchley.example", "Alan", "unsubscribed"),
            ("charles.babbage@engines.example", "Charles", "cleaned"),
        ):
            person = book.add(email, values={"firstname": name})
            book.place(person, EVERYBODY, status)
            if status == "subscribed":
                book.place(person, "42", "subscribed")
                book.place(person, "789", "subscribed")

    def caller(self, request: Request) -> str:
        return request.headers.get("authorization", "").partition(" ")[2].strip()

    def authorize(self, request: Request, faults: Faults) -> None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        token = token.strip()
        good = scheme.lower() == "bearer" and TOKEN.fullmatch(token)
        if self.oauth is not None and self.oauth.standing(token) == "expired":
            text = "The OAuth token used to make this call expired."
            raise words.refused(401, text, "EXPIRED_AUTHENTICATION")
        if self.oauth is not None and not self.oauth.accepts(token):
            good = None
        wrong = "bad" in token.lower() and not token.startswith(PREFIX)
        out = wrong or token.lower() in faults.revoked
        if not good or out or faults.credentials != "ok":
            raise words.refused(401)

    def problem(self, status: int) -> Response:
        return words.answer(status)

    def not_found(self) -> Response:
        return words.answer(404)

    def account(self, call: Call) -> Json:
        return {
            "portalId": 62515,
            "accountType": "STANDARD",
            "timeZone": "Europe/Berlin",
            "companyCurrency": "EUR",
            "additionalCurrencies": [],
            "utcOffset": "+01:00",
            "utcOffsetMilliseconds": 3_600_000,
            "uiDomain": "app.hubspot.com",
            "dataHostingLocation": "eu1",
        }

    # Webhooks of an app, signed with version 3

    def hook(self, call: Call) -> Json:
        return self._app(call.params["app_id"])["settings"]  # type: ignore[no-any-return]

    def hook_set(self, call: Call) -> Json:
        app = self._app(call.params["app_id"])
        app["settings"] |= {"targetUrl": str((call.json() or {}).get("targetUrl", ""))}
        self.book.touch_notes()
        return app["settings"]  # type: ignore[no-any-return]

    def subscriptions(self, call: Call) -> Json:
        return {"results": self._app(call.params["app_id"])["subscriptions"]}

    def subscribe(self, call: Call) -> Response:
        body = call.json() or {}
        row = {
            "id": str(self.book.next_id()),
            "eventType": str(body.get("eventType")),
            "propertyName": body.get("propertyName"),
            "active": bool(body.get("active", False)),
            "createdAt": "2026-11-22T00:00:00Z",
        }
        self._app(call.params["app_id"])["subscriptions"].append(row)
        self.book.touch_notes()
        return json_response(row, 201)

    def _app(self, app_id: str) -> Json:
        apps = self.book.notes.setdefault("apps", {})
        usual = {"targetUrl": "", "throttling": {"maxConcurrentRequests": 10}}
        fresh = {"settings": usual, "subscriptions": []}
        app: Json = apps.setdefault(app_id, fresh)
        return app

    def event(self, kind: str, person: Person, list_id: str) -> list[Post]:
        what = EVENTS.get(kind)
        posts = []
        for app_id, app in self.book.notes.get("apps", {}).items():
            for row in app["subscriptions"]:
                if row["active"] and row["eventType"] == what:
                    body = self._event(str(what), person, row, app_id)
                    posts.append(_signed(app["settings"]["targetUrl"], body, person))
        return posts

    def _event(self, what: str, person: Person, row: Json, app_id: str) -> Json:
        body: Json = {
            "eventId": self.book.next_id(),
            "subscriptionId": int(row["id"]),
            "portalId": 62515,
            "appId": int(app_id) if app_id.isdigit() else 0,
            "occurredAt": int(time.time() * 1000),
            "subscriptionType": what,
            "attemptNumber": 0,
            "objectId": int(person.id),
            "changeSource": "API",
        }
        if what == "contact.propertyChange":
            name = row.get("propertyName") or "email"
            value = self.properties_of(person).get(name, "")
            body |= {"propertyName": name, "propertyValue": value}
        return body

    # Controls

    def unsubscribe(self, email: str, by: str, audience: str = "") -> list[Json]:
        item = self.book.list_named(audience) if audience else None
        if item is not None and item.extra.get("kind") == "list":
            audience = EVERYBODY  # nobody unsubscribes from a static list
        return super().unsubscribe(email, by, audience)

    def delete(self, email: str, permanent: bool, audience: str = "") -> list[Json]:
        with self.lock:
            person = self.book.find(email)
            if person is None or (audience and audience not in person.places):
                raise ControlError("email", "There is no such contact.", 404)
            views: list[Any] = [
                {**self._view(self.book.lists[key], person), "status": "deleted"}
                for key in ([audience] if audience else person.places)
            ]
            self.put_away(person, forget=permanent)
            self.book.flush()
        self.after()
        return views

    def add_audience(self, name: str, double_optin: bool) -> Json:
        with self.lock:
            item = self.book.add_list(name, extra={"kind": "list"})
            self.book.flush()
            return {"id": item.id, "name": name, "double_opt_in": False}

    routes: ClassVar[tuple[Route, ...]] = (
        ("GET", "/account-info/v3/details", account),
        ("GET", CONTACTS, Lists.contact_list),
        ("POST", CONTACTS, Lists.contact_create),
        ("POST", f"{CONTACTS}/search", Lists.search),
        ("POST", f"{CONTACTS}/gdpr-delete", Lists.gdpr_delete),
        ("POST", f"{CONTACTS}/batch/read", Lists.batch_read),
        ("POST", f"{CONTACTS}/batch/create", Lists.batch_create),
        ("POST", f"{CONTACTS}/batch/update", Lists.batch_update),
        ("POST", f"{CONTACTS}/batch/upsert", Lists.batch_upsert),
        ("POST", f"{CONTACTS}/batch/archive", Lists.batch_archive),
        ("GET", f"{CONTACTS}/{{id}}", Lists.contact_read),
        ("PATCH", f"{CONTACTS}/{{id}}", Lists.contact_update),
        ("DELETE", f"{CONTACTS}/{{id}}", Lists.contact_archive),
        ("GET", "/crm/v3/properties/contacts", Lists.property_list),
        ("POST", "/crm/v3/properties/contacts", Lists.property_create),
        ("POST", f"{LISTS}/search", Lists.list_search),
        ("POST", f"{LISTS}/records/memberships/batch/read", Lists.members_read),
        ("POST", LISTS, Lists.list_create),
        ("GET", f"{LISTS}/{{list_id}}", Lists.list_read),
        ("DELETE", f"{LISTS}/{{list_id}}", Lists.list_delete),
        ("GET", f"{LISTS}/{{list_id}}/memberships", Lists.members_list),
        ("PUT", f"{LISTS}/{{list_id}}/memberships/add", Lists.members_change),
        ("PUT", f"{LISTS}/{{list_id}}/memberships/remove", Lists.members_change),
        ("GET", "/communication-preferences/v4/definitions", Lists.definitions),
        ("GET", f"{STATUSES}/{{email}}", Lists.statuses),
        ("POST", f"{STATUSES}/{{email}}", Lists.status_set),
        ("GET", f"{STATUSES}/{{email}}/unsubscribe-all", Lists.unsubscribed_all),
        ("POST", f"{STATUSES}/{{email}}/unsubscribe-all", Lists.unsubscribe_all),
        ("GET", f"{APP}/settings", hook),
        ("PUT", f"{APP}/settings", hook_set),
        ("GET", f"{APP}/subscriptions", subscriptions),
        ("POST", f"{APP}/subscriptions", subscribe),
    )


def _signed(url: str, event: Json, person: Person) -> Post:
    body = json.dumps([event]).encode()
    stamp = str(event["occurredAt"])
    text = f"POST{url}".encode() + body + stamp.encode()
    digest = hmac.new(CLIENT_SECRET.encode(), text, hashlib.sha256).digest()
    return Post(
        url=url,
        body=body,
        type=str(event["subscriptionType"]),
        email=person.email,
        headers={
            "Content-Type": "application/json",
            "X-HubSpot-Request-Timestamp": stamp,
            "X-HubSpot-Signature-v3": base64.b64encode(digest).decode(),
        },
    )
