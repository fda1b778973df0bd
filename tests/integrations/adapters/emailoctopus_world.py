"""EmailOctopus's answers, and the requests we make."""

from __future__ import annotations

import hashlib
from typing import Any

from integrations.adapters.base import Contact, Options
from integrations.adapters.emailoctopus import EmailOctopus
from tests.integrations.conformance import Operation, Step

API = "https://api.emailoctopus.com"
DOCS = "https://emailoctopus.com/api-documentation/v2"
SECRETS = {"api_key": "eo_3f9c1b7a5d2e8f604c9b1a7d5e3f2c8b"}
LIST, OTHER = "fa482fa2-5ac4-11ed", "0b7c6d5e-5ac4-11ed"
NEW, OLD, LEFT = "new@x.org", "old@x.org", "left@x.org"
ONCE = Options()


def md5(email: str) -> str:
    return hashlib.md5(email.encode(), usedforsecurity=False).hexdigest()


def person(email: str = OLD, status: str = "subscribed", **more: Any) -> dict[str, Any]:
    return {
        "id": f"id-of-{email.partition('@')[0]}",
        "email_address": email,
        "status": status,
        "fields": {"FirstName": "Mary", "City": "", "Likes": ["tea"]},
        "tags": ["vip"],
        "created_at": "2026-07-01T10:00:00+00:00",
        "last_updated_at": "2026-08-01T10:00:00+00:00",
        **more,
    }


def page(*rows: Any, after: str = "") -> dict[str, Any]:
    following = {"url": f"{API}/next", "starting_after": after} if after else None
    return {"data": list(rows), "paging": {"next": following}}


def problem(status: int, name: str, detail: str, **more: Any) -> dict[str, Any]:
    kind = f"{DOCS}#{name}"
    return {"type": kind, "title": name, "status": status, "detail": detail, **more}


def get(path: str, answer: object, **more: Any) -> Step:
    return Step(method="GET", url=f"{API}/{path}", answer=answer, **more)


def known(email: str = OLD, status: str = "subscribed") -> Step:
    path = f"lists/{LIST}/contacts/{md5(email)}"
    return get(path, person(email, status), missing_ok=True)


def nobody(email: str = NEW) -> Step:
    path = f"lists/{LIST}/contacts/{md5(email)}"
    answer = problem(404, "not-found", "The contact was not found.")
    return get(path, answer, status=404, missing_ok=True)


def created(status: str = "subscribed") -> Step:
    url = f"{API}/lists/{LIST}/contacts"
    return Step(method="POST", url=url, answer=person(NEW, status), status=201)


def denied(status: int, answer: object) -> Step:
    url = f"{API}/lists/{LIST}/contacts"
    return Step(method="POST", url=url, answer=answer, status=status)


def updated(email: str = OLD, status: str = "subscribed") -> Step:
    row = person(email, status)
    url = f"{API}/lists/{LIST}/contacts/{row['id']}"
    return Step(method="PUT", url=url, answer=row, missing_ok=True)


def deleted(audience: str, status: int = 204) -> Step:
    url = f"{API}/lists/{audience}/contacts/{md5(OLD)}"
    return Step(method="DELETE", url=url, status=status, missing_ok=True)


FIELDS = [
    {"tag": "EmailAddress", "type": "text", "label": "Email address"},
    {"tag": "FirstName", "type": "text", "label": "First name"},
    {"tag": "City", "type": "text", "label": "City"},
    {"tag": "Born", "type": "date", "label": ""},
    {
        "tag": "Likes",
        "type": "choice_multiple",
        "label": "Likes",
        "choices": ["tea", "cake"],
    },
]


def audience(id: str, name: str, asks: bool) -> dict[str, Any]:
    counts = {"pending": 1, "subscribed": 42, "unsubscribed": 7}
    shown = {"id": id, "name": name, "double_opt_in": asks, "counts": counts}
    return {**shown, "fields": FIELDS, "tags": ["vip"]}


LISTS = get("lists", page(audience(LIST, "News", True)))
EVERY = get("lists", page(audience(LIST, "News", True), audience(OTHER, "Tea", False)))
TAKEN = problem(409, "conflict", "A contact already exists with this e-mail address.")
FULL = Contact(
    email=OLD,
    fields={"FirstName": "Ann", "City": " ", "Likes": ["tea", "cake"]},
    tags=("popup",),
)


def operation(name: str, run: Any, *steps: Step) -> Operation:
    return Operation(name=name, run=run, steps=steps)


def upsert(contact: Contact, options: Options = ONCE) -> Any:
    return lambda a: a.upsert([contact], LIST, options)


OPERATIONS = (
    operation("verify", EmailOctopus.verify, LISTS),
    operation("audiences", EmailOctopus.audiences, LISTS),
    operation(
        "fields",
        lambda a: a.fields(LIST),
        get(f"lists/{LIST}", audience(LIST, "News", True)),
    ),
    operation("subscriptions", lambda a: a.subscriptions([OLD], LIST), known()),
    operation(
        "changes",
        lambda a: a.changes(LIST, ""),
        get(f"lists/{LIST}/contacts", page(person())),
    ),
    operation(
        "upsert of somebody new",
        upsert(Contact(email=NEW, fields={"FirstName": "Ann"}, tags=("popup",))),
        *(nobody(), created("pending")),
    ),
    operation("upsert of somebody known", upsert(FULL), known(), updated()),
    operation("unsubscribe", lambda a: a.unsubscribe([OLD], LIST), known(), updated()),
    operation(
        "erase",
        lambda a: a.erase(OLD),
        *(EVERY, deleted(LIST), deleted(OTHER, 404)),
    ),
)
