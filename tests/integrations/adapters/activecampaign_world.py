"""ActiveCampaign's answers, as its API reference shows them, and every request."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from integrations.adapters.activecampaign import ActiveCampaign
from integrations.adapters.base import Contact, Options
from integrations.adapters.errors import Reason
from tests.integrations.conformance import Leaver, Operation, Step

HOME = "https://acme.api-us1.com"
API = f"{HOME}/api/3"
SECRETS = {"url": HOME, "api_key": "0f1e2d3c4b5a69788796a5b4c3d2e1f00112233"}

UNAUTHORIZED = {"message": "The request could not be authenticated."}
FORBIDDEN = {
    "errors": [
        {
            "status": 403,
            "title": "Forbidden",
            "detail": "You do not have permission to view lists.",
        }
    ]
}
MISSING = {"message": "No Result found for Subscriber with id 121"}
REFUSED = {
    "errors": [
        {
            "title": "Contact Email Address is not valid.",
            "detail": "",
            "code": "email_invalid",
            "source": {"pointer": "/data/attributes/email"},
        }
    ]
}
NEW, OLD, GONE = "new@x.org", "old@x.org", "left@x.org"
AFTER = datetime(2026, 9, 1, tzinfo=UTC)


def contact(number: int, email: str, **more: Any) -> dict[str, Any]:
    return {
        "id": str(number),
        "email": email,
        "phone": "",
        "firstName": "Mary",
        "lastName": "",
        "bounced_hard": "0",
        "cdate": "2026-07-01T10:00:00-05:00",
        "udate": "2026-08-01T10:00:00-05:00",
        **more,
    }


def membership(number: int, status: str, **more: Any) -> dict[str, Any]:
    return {
        "id": "19",
        "contact": str(number),
        "list": "1",
        "status": status,
        "sdate": "2026-07-01T10:00:00-05:00",
        "udate": "2026-08-01T10:00:00-05:00",
        "unsubreason": None,
        **more,
    }


def page(name: str, *rows: Any, **more: Any) -> dict[str, Any]:
    return {name: list(rows), "meta": {"total": str(len(rows))}, **more}


def get(name: str, *rows: Any, **more: Any) -> Step:
    return Step(method="GET", url=f"{API}/{name}", answer=page(name, *rows), **more)


def find(*people: Any) -> Step:
    return get("contacts", *people)


def lists_of(number: int, *rows: Any) -> Step:
    return Step(
        method="GET",
        url=f"{API}/contacts/{number}/contactLists",
        answer={"contactLists": list(rows)},
        missing_ok=True,
    )


def sync(number: int, email: str) -> Step:
    answer = {"fieldValues": [], "contact": contact(number, email)}
    url = f"{API}/contact/sync"
    return Step(method="POST", url=url, status=201, answer=answer)


def put(number: int, status: str) -> Step:
    answer = {
        "contacts": [contact(number, NEW)],
        "contactList": membership(number, status),
    }
    return Step(method="POST", url=f"{API}/contactLists", answer=answer)


TAG = {"id": "16", "tag": "Popup", "tagType": "contact", "description": ""}
FIND_TAG = get("tags", TAG)
NO_TAG = get("tags", {**TAG, "id": "17", "tag": "popup 2"})
MAKE_TAG = Step(method="POST", url=f"{API}/tags", status=201, answer={"tag": TAG})
ADD_TAG = Step(
    method="POST",
    url=f"{API}/contactTags",
    status=201,
    answer={"contactTag": {"id": "1", "contact": "1", "tag": "16"}},
)
LIST = {"id": "1", "name": "Newsletter", "stringid": "newsletter"}
FIELDS = (
    {"id": "1", "title": "Town", "type": "text", "isrequired": "0"},
    {"id": "2", "title": "Size", "type": "dropdown", "isrequired": "1"},
    {"id": "3", "title": "Likes", "type": "checkbox", "isrequired": "0"},
)
FIELD_PAGE = page(
    "fields",
    *FIELDS,
    fieldOptions=[
        {"id": "1", "field": "2", "value": "S", "label": "Small"},
        {"id": "2", "field": "2", "value": "M", "label": "Medium"},
    ],
)
PEOPLE = (
    Contact(
        email=NEW,
        fields={"firstName": "Mary", "1": "Bath", "3": ["Tea", "Jam"]},
        tags=("popup",),
    ),
    Contact(email=OLD, fields={"firstName": "Mary"}),
    Contact(email=GONE),
)
ON, OFF = membership(2, "1"), membership(3, "2")
WALK = {
    **page("contacts", contact(2, OLD)),
    "contactLists": [membership(2, "1")],
    "fieldValues": [
        {"contact": "2", "field": "1", "value": "Bath"},
        {"contact": "2", "field": "3", "value": "||Tea||Jam||"},
        {"contact": "9", "field": "1", "value": "Rome"},
    ],
    "contactTags": [{"contact": "2", "tag": "16"}],
    "tags": [TAG],
}
HOOK = {
    "webhook": {
        "id": "1",
        "name": "contactsync",
        "url": "https://x.example/hook?secret=s",
        "events": ["subscribe", "unsubscribe", "update", "bounce"],
        "sources": ["public", "admin", "api", "system"],
        "listid": "1",
    }
}


def operation(name: str, run: Any, *steps: Step) -> Operation:
    return Operation(name=name, run=run, steps=steps)


def upsert(name: str, people: Any, options: Options, *steps: Step) -> Operation:
    return operation(
        f"upsert of {name}", lambda a: a.upsert(people, "1", options), *steps
    )


READING = (
    operation(
        "verify",
        ActiveCampaign.verify,
        Step(
            method="GET",
            url=f"{API}/users/me",
            answer={"user": {"id": "1", "username": "jdoe", "email": "j@x.org"}},
        ),
        get("lists", LIST, forbidden_ok=True),
        get("contacts", contact(1, NEW), forbidden_ok=True),
        get("fields", *FIELDS, forbidden_ok=True),
        get("tags", TAG, forbidden_ok=True),
    ),
    operation(
        "audiences",
        ActiveCampaign.audiences,
        get("lists", LIST),
        find(contact(1, NEW)),
    ),
    operation(
        "fields",
        lambda a: a.fields("1"),
        Step(method="GET", url=f"{API}/fields", answer=FIELD_PAGE),
    ),
    operation(
        "subscriptions",
        lambda a: a.subscriptions([OLD, NEW], "1"),
        find(contact(2, OLD)),
        lists_of(2, ON),
        find(),
    ),
    operation(
        "changes",
        lambda a: a.changes("1", ""),
        Step(method="GET", url=f"{API}/contacts", answer=WALK),
    ),
    operation(
        "changes since",
        lambda a: a.changes("1", '[0, "2026-08-01", "", 0]'),
        Step(method="GET", url=f"{API}/contacts", answer=WALK),
    ),
)
WRITING = (
    upsert(
        "several",
        PEOPLE,
        Options(),
        find(),
        sync(1, NEW),
        put(1, "1"),
        FIND_TAG,
        ADD_TAG,
        find(contact(2, OLD)),
        lists_of(2, ON),
        sync(2, OLD),
        find(contact(3, GONE)),
        lists_of(3, OFF),
    ),
    upsert(
        "one with a new tag",
        PEOPLE[:1],
        Options(),
        find(),
        sync(1, NEW),
        put(1, "1"),
        NO_TAG,
        MAKE_TAG,
        ADD_TAG,
    ),
    upsert(
        "one who is known elsewhere and left alone",
        PEOPLE[1:2],
        Options(update_existing=False),
        find(contact(2, OLD)),
        lists_of(2, membership(2, "1", list="7")),
        put(2, "1"),
    ),
    upsert(
        "one without tags",
        PEOPLE[1:2],
        Options(),
        find(),
        sync(2, OLD),
        put(2, "1"),
    ),
    operation(
        "add_webhook",
        lambda a: a.add_webhook("https://x.example/hook?secret=s", "1"),
        Step(method="POST", url=f"{API}/webhooks", status=201, answer=HOOK),
    ),
    operation(
        "remove_webhook",
        lambda a: a.remove_webhook("1", "1"),
        Step(method="DELETE", url=f"{API}/webhooks/1", answer={}),
    ),
    operation(
        "unsubscribe",
        lambda a: a.unsubscribe([OLD], "1"),
        find(contact(2, OLD)),
        lists_of(2, ON),
        put(2, "2"),
    ),
    operation(
        "erase",
        lambda a: a.erase(OLD),
        find(contact(2, OLD)),
        Step(method="DELETE", url=f"{API}/contacts/2", answer={}, missing_ok=True),
    ),
)
OPERATIONS = READING + WRITING


def leaver(status: str, reason: Reason, *steps: Step) -> Leaver:
    return Leaver(
        status=status,
        reason=reason,
        steps=steps,
        never=("contact/sync", '"contactList"'),
        audience_id="1",
    )


LEAVERS = (
    leaver(
        "unsubscribed", Reason.UNSUBSCRIBED, find(contact(3, GONE)), lists_of(3, OFF)
    ),
    leaver(
        "bounced",
        Reason.BOUNCED,
        find(contact(3, GONE)),
        lists_of(3, membership(3, "3")),
    ),
    leaver(
        "bounced",
        Reason.BOUNCED,
        find(contact(3, GONE, bounced_hard="1")),
        lists_of(3),
    ),
)
