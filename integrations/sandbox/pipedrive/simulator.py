"""The Pipedrive simulator: who may call, which call it is, webhooks."""

from __future__ import annotations

import base64
import json
import re
from typing import ClassVar

from integrations.sandbox.book import Attribute, Book, Person, now
from integrations.sandbox.booked import Call, Route
from integrations.sandbox.faults import Faults
from integrations.sandbox.messages import Json, Request, Response
from integrations.sandbox.oauth import OAuthServer
from integrations.sandbox.pipedrive import words
from integrations.sandbox.pipedrive.persons import Persons
from integrations.sandbox.pipedrive.values import EVERYBODY, FIELD_TYPES
from integrations.sandbox.posts import Post
from integrations.sandbox.store import Store

TOKEN = re.compile(r"[\x21-\x7e]{10,}")
PERSON = "/api/v2/persons/{id}"
SOURCE = "9dc80c50d78a15643bfc4ca79d76156a73a1ca0e"
TOPICS = "4f7e2b1c0d9a8e7f6a5b4c3d2e1f0a9b8c7d6e5f"
SEED = (  # address, name, where they stand, consent
    ("grace.hopper@compilers.example", "Grace Hopper", "subscribed", "subscribed"),
    ("alan.turing@bletchley.example", "Alan Turing", "unsubscribed", "subscribed"),
    ("barbara.liskov@types.example", "Barbara Liskov", "subscribed", "no_consent"),
)
ACTIONS = {"subscribe": "create", "delete": "delete"}  # everything else is a change


class Pipedrive(Persons):
    """One company with Campaigns, which any token of ten characters opens."""

    slug: ClassVar[str] = "pipedrive"
    label: ClassVar[str] = "Pipedrive"
    field_types: ClassVar[tuple[str, ...]] = FIELD_TYPES

    def sign_in(self, store: Store) -> OAuthServer:
        return OAuthServer(
            self.slug,
            self.label,
            store,
            authorize="/oauth/authorize",
            token="/oauth/token",
            extra=lambda request: {"api_domain": "https://sandbox.pipedrive.com"},
        )

    def plant(self, book: Book) -> None:
        for code, name, kind in (
            ("name", "Name", "varchar"),
            ("email", "Email", "varchar"),
            ("phone", "Phone", "phone"),
            ("owner_id", "Owner", "user"),
            ("label_ids", "Labels", "set"),
            ("marketing_status", "Marketing status", "enum"),
        ):
            book.set_attribute(Attribute(code, name, kind, extra={"custom": False}))
        book.set_attribute(
            Attribute(SOURCE, "Lead source", "enum", options=["Web", "Shop"])
        )
        book.set_attribute(
            Attribute(TOPICS, "Topics", "set", options=["Tea", "Coffee"])
        )
        book.add_list("Everybody", EVERYBODY)
        book.add_list("Newsletter", "5")
        book.add_list("Customer", "6")
        for email, name, status, consent in (
            (
                "grace.hopper@compilers.example",
                "Grace Hopper",
                "subscribed",
                "subscribed",
            ),
            ("alan.turing@bletchley.example", "Alan Turing", "unsubscribed", ""),
            (
                "barbara.liskov@types.example",
                "Barbara Liskov",
                "subscribed",
                "no_consent",
            ),
        ):
            person = book.add(email)
            rows = [{"value": email, "primary": True, "label": "work"}]
            person.values |= {"name": name, "emails": rows, "phones": []}
            person.values["custom_fields"] = {}
            person.extra["consent"] = consent
            book.place(person, EVERYBODY, status)
            book.place(person, "6", status)

    def authorize(self, request: Request, faults: Faults) -> None:
        token = self.caller(request)
        good = TOKEN.fullmatch(token) is not None
        if self.oauth is not None and "authorization" in request.headers:
            good = good and self.oauth.accepts(token)
        out = token.lower() in faults.revoked or "bad" in token.lower()
        if not good or out or faults.credentials != "ok":
            raise words.refused(401)

    def caller(self, request: Request) -> str:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return token.strip()
        return request.headers.get("x-api-token") or request.query.get("api_token", "")

    def problem(self, status: int) -> Response:
        return words.answer(status)

    def not_found(self) -> Response:
        return words.answer(404, "Unknown method .")

    def me(self, call: Call) -> Json:
        data = {
            "id": 1,
            "name": "Sandbox",
            "email": "sandbox@pipedrive.example",
            "company_id": 54235233,
            "company_name": "Sandbox Ltd",
            "company_domain": "sandbox",
            "is_you": True,
        }
        return {"success": True, "data": data}

    def event(self, kind: str, person: Person, list_id: str) -> list[Post]:
        if list_id not in ("", EVERYBODY):
            return []  # once for the person, not for each label
        action = ACTIONS.get(kind, "change")
        state = self.render(None, person)
        previous = person.extra.pop("previous", {}) if action == "change" else None
        body = {
            "meta": {
                "action": action,
                "entity": "person",
                "entity_id": person.id,
                "timestamp": now(),
                "type": "general",
                "version": "2.0",
                "change_source": "app",
                "attempt": 1,
                "host": "sandbox.pipedrive.com",
            },
            "data": None if action == "delete" else state,
            "previous": state if action == "delete" else previous,
        }
        return [
            Post(
                url=hook["subscription_url"],
                body=json.dumps(body).encode(),
                type=f"{action}.person",
                email=person.email,
                headers={"Content-Type": "application/json", **_basic(hook)},
            )
            for hook in self._hooks
            if hook["event_action"] in (action, "*")
            and hook["event_object"] in ("person", "*")
        ]

    routes: ClassVar[tuple[Route, ...]] = (
        ("GET", "/api/v1/users/me", me),
        ("GET", "/api/v1/webhooks", Persons.hooks),
        ("POST", "/api/v1/webhooks", Persons.hook),
        ("DELETE", "/api/v1/webhooks/{id}", Persons.unhook),
        ("GET", "/api/v2/personFields", Persons.fields),
        ("GET", "/api/v2/persons", Persons.listing),
        ("POST", "/api/v2/persons", Persons.create),
        ("GET", "/api/v2/persons/search", Persons.search),
        ("GET", PERSON, Persons.read),
        ("PATCH", PERSON, Persons.update),
        ("DELETE", PERSON, Persons.remove),
    )


def _basic(hook: Json) -> dict[str, str]:
    if not hook.get("http_auth_user"):
        return {}
    pair = f"{hook['http_auth_user']}:{hook.get('http_auth_password') or ''}"
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
