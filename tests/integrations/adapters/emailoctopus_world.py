"""EmailOctopus's answers, and the requests we make."""

from __future__ import annotations

import hashlib
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

from integrations.adapters.base import Contact, Options
from integrations.adapters.emailoctopus import EmailOctopus
from tests.integrations.conformance import Operation, Step, register, wire

API = "https://api.emailoctopus.com"
DOCS = "https://emailoctopus.com/api-documentation/v2"
SECRETS = {
    "api_key": "eo_3f9c1b7a5d2e8f604c9b1a7d5e3f2c8b",
    "webhook_secret": "whs-5d2e8f604c9b1a7d5e3f",
}
LIST, OTHER = "fa482fa2-5ac4-11ed", "0b7c6d5e-5ac4-11ed"
PEOPLE = f"lists/{LIST}/contacts"
NEW, OLD, LEFT = "new@x.org", "old@x.org", "left@x.org"
SINCE = '[0, "2026-11-22T09:50:00Z", "", ""]'
ONCE = Options()


def md5(email: str) -> str:
    return hashlib.md5(email.encode(), usedforsecurity=False).hexdigest()


def person(email: str = OLD, status: str = "subscribed", **more: Any) -> dict[str, Any]:
    return {
        "id": f"id-of-{email.partition('@')[0]}",
        "email_address": email,
        "status": status,
        "fields": {"FirstName": "Mary", "City": "", "Likes": ["tea"], "Cats": 2},
        "tags": ["vip"],
        "created_at": "2026-07-01T10:00:00+00:00",
        "last_updated_at": "2026-08-01T10:00:00+00:00",
        **more,
    }


def page(*rows: Any, after: str = "") -> dict[str, Any]:
    following = {"url": f"{API}/next", "starting_after": after} if after else {}
    return {"data": list(rows), "paging": {"next": following}}


def problem(status: int, name: str, detail: str, **more: Any) -> dict[str, Any]:
    said = {"title": "An error occurred.", "detail": detail, "status": status}
    return {**said, "type": f"{DOCS}#{name}", **more}


def invalid(pointer: str, detail: str) -> dict[str, Any]:
    errors = [{"detail": detail, "pointer": pointer}]
    words = "Unprocessable content."
    return problem(422, "unprocessable-content", words, errors=errors)


def play(run: Any, *steps: Step) -> tuple[Any, list[Any], list[Any]]:
    """The result, the JSON bodies sent, and the queries."""
    with wire() as mock:
        for step in steps:
            register(mock, step)
        result = run(EmailOctopus(SECRETS))
        assert len(mock.calls) == len(steps)
        requests = [call.request for call in mock.calls]
    bodies = [json.loads(r.body) for r in requests if r.body]
    return result, bodies, [parse_qs(urlsplit(str(r.url)).query) for r in requests]


def get(path: str, answer: object, **more: Any) -> Step:
    return Step(method="GET", url=f"{API}/{path}", answer=answer, **more)


def known(email: str = OLD, status: str = "subscribed") -> Step:
    path = f"{PEOPLE}/{md5(email)}"
    return get(path, person(email, status), missing_ok=True)


def nobody(email: str = NEW) -> Step:
    path = f"{PEOPLE}/{md5(email)}"
    return get(path, GONE, status=404, missing_ok=True)


def created(status: str = "subscribed") -> Step:
    url = f"{API}/{PEOPLE}"
    return Step(method="POST", url=url, answer=person(NEW, status), status=201)


def denied(status: int, answer: object) -> Step:
    url = f"{API}/{PEOPLE}"
    return Step(method="POST", url=url, answer=answer, status=status)


def updated(email: str = OLD, status: str = "subscribed") -> Step:
    row = person(email, status)
    url = f"{API}/{PEOPLE}/{row['id']}"
    return Step(method="PUT", url=url, answer=row, missing_ok=True)


def deleted(audience: str, status: int = 204) -> Step:
    url = f"{API}/lists/{audience}/contacts/{md5(OLD)}"
    answer = GONE if status == 404 else None
    return Step(method="DELETE", url=url, answer=answer, status=status, missing_ok=True)


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
    {"tag": "Cats", "type": "number", "label": "Cats", "fallback": "0"},
]


def audience(id: str, name: str, asks: bool) -> dict[str, Any]:
    counts = {"pending": 1, "subscribed": 42, "unsubscribed": 7}
    shown = {"id": id, "name": name, "double_opt_in": asks, "counts": [counts]}
    return {**shown, "fields": FIELDS, "tags": ["vip"]}


LISTS = get("lists", page(audience(LIST, "News", True)))
EVERY = get("lists", page(audience(LIST, "News", True), audience(OTHER, "Tea", False)))
GONE = problem(404, "not-found", "Resource not found.")
TAKEN = problem(409, "conflict", "Resource already exists.")
FULL = Contact(
    email=OLD,
    fields={"FirstName": "Ann", "City": " ", "Likes": ["tea", "cake"], "Cats": 3},
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
    operation("changes", lambda a: a.changes(LIST, ""), get(PEOPLE, page(person()))),
    operation(
        "changes since a time",
        lambda a: a.changes(LIST, SINCE),
        get(PEOPLE, page(person(), after="x==")),
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
