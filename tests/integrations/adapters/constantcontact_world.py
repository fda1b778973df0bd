"""Constant Contact's answers, as its API reference shows them, and all our requests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import NAMESPACE_URL, uuid5

import responses

from integrations.adapters.base import Contact, Options
from integrations.adapters.constantcontact import ConstantContact
from integrations.adapters.errors import Reason
from tests.integrations.conformance import Leaver, Operation, Step, register, wire

SECRETS = {"access_token": "eyJ-constant-contact-access-42"}
API = "https://api.cc.email/v3"
CONTACTS = f"{API}/contacts"
SIGN_UP = f"{CONTACTS}/sign_up_form"
TAGS = f"{API}/contact_tags"
TAGGING = f"{API}/activities/contacts_taggings_add"
ADDING = f"{API}/activities/add_list_memberships"
NEW, OLD, LEFT, ASKED = "new@x.org", "old@x.org", "left@x.org", "asked@x.org"
LEFT_AT = "2026-08-01T10:00:00Z"
AFTER = datetime(2026, 8, 1, 10, 0, 5, tzinfo=UTC)


def uid(name: str) -> str:
    return str(uuid5(NAMESPACE_URL, name))


A1, ACTIVITY = uid("list a1"), uid("activity")
LIST = f"{API}/contact_lists/{A1}"
SIZE, DAY = uid("size"), uid("day")


def contact(
    email: str, permission: str = "explicit", *lists: str, **more: Any
) -> dict[str, Any]:
    address = {
        "address": email,
        "permission_to_send": permission,
        "updated_at": "2026-07-01T10:00:00Z",
        "confirm_status": "off",
    }
    address |= more.pop("address", {})
    return {
        "contact_id": uid(email),
        "email_address": address,
        "first_name": "Mary",
        "updated_at": "2026-07-01T10:00:00Z",
        "list_memberships": list(lists),
        **more,
    }


def left(**address: Any) -> dict[str, Any]:
    gone = {"opt_out_date": LEFT_AT, "opt_out_source": "Contact"}
    return contact(LEFT, "unsubscribed", address={**gone, **address})


def page(key: str, *rows: Any, following: str = "") -> dict[str, Any]:
    links = {"_links": {"next": {"href": following}}} if following else {}
    return {key: list(rows), **links}


def problem(key: str, message: str) -> list[dict[str, str]]:
    return [{"error_key": key, "error_message": message}]


UNAUTHORIZED = {"error_key": "unauthorized", "error_message": "Unauthorized"}
FORBIDDEN = {
    "error_key": "access_denied",
    "error_message": "Request forbidden due to insufficient user privileges.",
}
MISSING = problem("contacts.api.not_found", "The requested resource was not found.")
REFUSED = problem("contacts.api.validation.error", "Data validation error.")
QUOTA = {"error_key": "quota_exceeded", "error_message": "Quota exceeded."}
THROTTLED = {"error_key": "throttled", "error_message": "Too many requests."}


def get(url: str, answer: Any, **more: Any) -> Step:
    return Step(method="GET", url=url, answer=answer, **more)


def post(url: str, answer: Any, status: int = 201, **more: Any) -> Step:
    return Step(method="POST", url=url, answer=answer, status=status, **more)


def put(url: str, answer: Any = None, status: int = 200, **more: Any) -> Step:
    return Step(method="PUT", url=url, answer=answer, status=status, **more)


def look(*rows: Any) -> Step:
    return get(CONTACTS, page("contacts", *rows))


def signed_up(email: str, action: str = "created") -> Step:
    answer = {"contact_id": uid(email), "action": action}
    return post(SIGN_UP, answer, 201 if action == "created" else 200)


def activity(state: str = "initialized", *errors: str) -> dict[str, Any]:
    return {
        "activity_id": ACTIVITY,
        "state": state,
        "percent_done": 100,
        "activity_errors": list(errors),
    }


MARY = Contact(email=NEW, fields={"first_name": "Mary", SIZE: "S"})
PEOPLE = (
    Contact(email=ASKED, fields={"first_name": "Eve"}),
    Contact(email=OLD, fields={"first_name": "Joe"}),
    Contact(email=LEFT, fields={"first_name": "Ann"}),
)
EVERYBODY = (
    contact(ASKED, "pending_confirmation", A1),
    contact(OLD, "explicit", A1),
    left(),
)
UPDATED = signed_up(OLD, "updated")
TAGGED = Contact(email=OLD, tags=("popup", "Vip"))
WEEKLY = {
    "list_id": A1,
    "name": "Weekly",
    "membership_count": 42,
    "created_at": LEFT_AT,
}
CUSTOM = (
    {"custom_field_id": SIZE, "label": "Size", "type": "string"},
    {
        "custom_field_id": DAY,
        "label": "Day",
        "type": "date",
        "metadata": {"display_format": "MM/DD/YYYY"},
    },
)
POPUP = {"tag_id": uid("popup"), "name": "Popup"}
VIP = {"tag_id": uid("vip"), "name": "Vip"}

READING = (
    Operation(
        name="verify",
        run=ConstantContact.verify,
        steps=(
            get(
                f"{API}/account/summary",
                {"contact_email": "owner@shop.example", "organization_name": "A Shop"},
                forbidden_ok=True,
            ),
            get(
                f"{API}/contact_lists",
                page("lists", WEEKLY) | {"lists_count": 2},
                forbidden_ok=True,
            ),
            get(
                CONTACTS,
                page("contacts", contact(OLD)) | {"contacts_count": 7},
                forbidden_ok=True,
            ),
            get(
                f"{API}/contact_custom_fields",
                page("custom_fields", *CUSTOM),
                forbidden_ok=True,
            ),
        ),
    ),
    Operation(
        name="audiences",
        run=ConstantContact.audiences,
        steps=(
            get(
                f"{API}/contact_lists",
                page("lists", WEEKLY, following="/v3/contact_lists?limit=1&cursor=c2"),
            ),
            get(
                f"{API}/contact_lists",
                page("lists", {"list_id": uid("list a2"), "name": "Shop"}),
            ),
        ),
    ),
    Operation(
        name="fields",
        run=lambda adapter: adapter.fields(A1),
        steps=(get(f"{API}/contact_custom_fields", page("custom_fields", *CUSTOM)),),
    ),
    Operation(
        name="subscriptions",
        run=lambda adapter: adapter.subscriptions([OLD, NEW], A1),
        steps=(look(contact(OLD, "explicit", A1)), look()),
    ),
    Operation(
        name="changes",
        run=lambda adapter: adapter.changes(A1, ""),
        steps=(
            get(
                CONTACTS,
                page(
                    "contacts",
                    contact(OLD, "explicit", A1),
                    following="/v3/contacts?cursor=c2",
                ),
            ),
        ),
    ),
    Operation(
        name="changes since",
        run=lambda adapter: adapter.changes(A1, '[0, "2026-08-01T10:00:00Z", "", ""]'),
        steps=(look(contact(OLD, "explicit", A1), left()),),
    ),
)

WRITING = (
    Operation(
        name="upsert of one",
        run=lambda adapter: adapter.upsert([MARY], A1, Options()),
        steps=(look(), signed_up(NEW), look(contact(NEW, "explicit", A1))),
    ),
    Operation(
        name="upsert of several",
        run=lambda adapter: adapter.upsert(PEOPLE, A1, Options()),
        steps=(look(*EVERYBODY), look(*EVERYBODY), UPDATED, look(*EVERYBODY)),
    ),
    Operation(
        name="upsert with tags",
        run=lambda adapter: adapter.upsert([TAGGED], A1, Options()),
        steps=(
            look(contact(OLD, "explicit", A1)),
            signed_up(OLD, "updated"),
            get(TAGS, page("tags", POPUP)),
            post(TAGS, VIP),
            post(TAGGING, activity()),
        ),
    ),
    Operation(
        name="poll",
        run=lambda adapter: adapter.poll(f"synced:{ACTIVITY}", [OLD], A1),
        steps=(
            get(f"{API}/activities/{ACTIVITY}", activity("completed"), missing_ok=True),
        ),
    ),
    Operation(
        name="unsubscribe",
        run=lambda adapter: adapter.unsubscribe([OLD], A1),
        steps=(
            look(contact(OLD, "explicit", A1)),
            put(
                f"{CONTACTS}/{uid(OLD)}",
                contact(OLD, "unsubscribed"),
                missing_ok=True,
            ),
        ),
    ),
    Operation(
        name="erase",
        run=lambda adapter: adapter.erase(OLD),
        steps=(
            look(contact(OLD, "explicit", A1)),
            Step(
                method="DELETE",
                url=f"{CONTACTS}/{uid(OLD)}",
                status=204,
                missing_ok=True,
            ),
        ),
    ),
)
OPERATIONS = READING + WRITING


def leaver(status: str, reason: Reason, row: Any) -> Leaver:
    return Leaver(
        status=status,
        reason=reason,
        steps=(look(row),),
        never=("sign_up_form", "explicit", "list_memberships:", "resubscribe/"),
        contacts=(Contact(email=LEFT, fields={"first_name": "Ann"}),),
        audience_id=A1,
    )


LEAVERS = (
    leaver("unsubscribed", Reason.UNSUBSCRIBED, left()),
    leaver("unsubscribed", Reason.UNSUBSCRIBED, left() | {"deleted_at": LEFT_AT}),
    leaver(
        "unsubscribed",
        Reason.UNSUBSCRIBED,
        contact(LEFT, "not_set", address={"opt_out_date": LEFT_AT}),
    ),
    leaver(
        "archived",
        Reason.UNSUBSCRIBED,
        contact(LEFT, "not_set", deleted_at=LEFT_AT),
    ),
    leaver("held back", Reason.COMPLIANCE, contact(LEFT, "temp_hold", A1)),
)


def adapter(**secrets: str) -> ConstantContact:
    return ConstantContact(secrets or SECRETS)


@contextmanager
def playing(*steps: Step) -> Iterator[responses.RequestsMock]:
    with wire() as mock:
        for step in steps:
            register(mock, step)
        yield mock


def sent(mock: responses.RequestsMock, index: int = -1) -> Any:
    return json.loads(mock.calls[index].request.body or "null")


def query(mock: responses.RequestsMock, index: int = -1) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(str(mock.calls[index].request.url)).query))
