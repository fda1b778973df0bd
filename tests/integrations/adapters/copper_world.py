"""Copper's answers, as its documentation shows them, and the requests we make."""

from __future__ import annotations

import json
from typing import Any

from integrations.adapters.base import Contact, Incoming, Options
from integrations.adapters.copper import Copper
from tests.integrations.conformance import Operation, Step

API = "https://api.copper.com/developer_api/v1"
SECRETS = {
    "api_key": "9b1f0e2d3c4b5a69788796a5b4c3d2e1",
    "user_email": "owner@shop.example",
    "webhook_secret": "hook-secret-of-ours",
}
NEW, OLD = "new@x.org", "old@x.org"
AT = 1490045413


def person(id: int, email: str, **more: Any) -> dict[str, Any]:
    return {
        "id": id,
        "name": "My Contact",
        "first_name": "My",
        "last_name": "Contact",
        "address": None,
        "assignee_id": None,
        "company_id": None,
        "contact_type_id": 451492,
        "details": None,
        "emails": [{"email": email, "category": "work"}],
        "phone_numbers": [{"number": "415-123-45678", "category": "mobile"}],
        "socials": [],
        "tags": [],
        "title": None,
        "websites": [],
        "custom_fields": [{"custom_field_definition_id": 100764, "value": None}],
        "date_created": AT,
        "date_modified": AT,
        "interaction_count": 0,
        **more,
    }


def failure(status: int, message: str) -> dict[str, Any]:
    return {"success": False, "status": status, "message": message}


def definition(id: int, name: str, kind: str, *options: str, on: str = "person") -> Any:
    row = {"id": id, "name": name, "data_type": kind, "available_on": [on]}
    if not options:
        return row
    return {
        **row,
        "options": [
            {"id": id * 10 + rank, "name": text, "rank": rank}
            for rank, text in enumerate(options)
        ],
    }


CUSTOM = [
    definition(1, "Source", "Dropdown", "Web", "Shop"),
    definition(2, "Topics", "MultiSelect", "Tea", "Coffee"),
    definition(3, "Born", "Date"),
    definition(4, "Stage", "Dropdown", "Open", on="opportunity"),
    definition(5, "Partner", "Connect"),
]
ACCOUNT = {"id": 1, "name": "The Shop", "settings": {"enable_leads": False}}
FETCH = f"{API}/people/fetch_by_email"
NOBODY = Step(
    method="POST",
    url=FETCH,
    answer=failure(404, "Resource not found"),
    status=404,
    missing_ok=True,
)
FOUND = Step(method="POST", url=FETCH, answer=person(7, OLD), missing_ok=True)
MAKE = Step(method="POST", url=f"{API}/people", answer=person(9, NEW))
PUT = Step(method="PUT", url=f"{API}/people/7", answer=person(7, OLD), missing_ok=True)
SEARCH = Step(method="POST", url=f"{API}/people/search", answer=[person(7, OLD)])
DEFINITIONS = Step(method="GET", url=f"{API}/custom_field_definitions", answer=CUSTOM)
FULL = Contact(
    email=NEW,
    fields={
        "name": "Ann",
        "phone": "+44 1",
        "website": "https://x.org",
        "address.city": "Bath",
        "address.country": "GB",
        "1": "Web",
        "2": ["Tea"],
        "3": "2026-08-01",
    },
    tags=("popup",),
)
BATCH = (Contact(email=NEW, fields={"name": "Ann"}), Contact(email="b@x.org"))
HOOK = Step(
    method="POST",
    url=f"{API}/webhooks",
    answer={"id": 17065, "target": "https://us.example/h", "type": "person"},
)


def notice(event: str = "update", kind: str = "person", **more: Any) -> Incoming:
    body = {
        "ids": [7, 8],
        "type": kind,
        "event": event,
        "subscription_id": 17065,
        "contactsync": SECRETS["webhook_secret"],
        "updated_attributes": {"title": [None, "Boss"]},
        **more,
    }
    url = "https://us.example/h"
    return Incoming(method="POST", url=url, body=json.dumps(body).encode())


HEARD = (
    Step(method="GET", url=f"{API}/people/7", answer=person(7, OLD)),
    Step(
        method="GET",
        url=f"{API}/people/8",
        answer=failure(404, "Resource not found"),
        status=404,
    ),
)
OPERATIONS = (
    Operation(
        name="verify",
        run=Copper.verify,
        steps=(
            Step(method="GET", url=f"{API}/account", answer=ACCOUNT),
            Step(
                method="POST",
                url=f"{API}/people/search",
                answer=[person(7, OLD)],
                forbidden_ok=True,
            ),
        ),
    ),
    Operation(
        name="fields",
        run=lambda adapter: adapter.fields("people"),
        steps=(DEFINITIONS,),
    ),
    Operation(
        name="upsert of two new people",
        run=lambda adapter: adapter.upsert(BATCH, "people", Options()),
        steps=(NOBODY, MAKE, NOBODY, MAKE),
    ),
    Operation(
        name="upsert of somebody known",
        run=lambda adapter: adapter.upsert([FULL], "people", Options()),
        steps=(FOUND, DEFINITIONS, PUT),
    ),
    Operation(
        name="subscriptions",
        run=lambda adapter: adapter.subscriptions([OLD], "people"),
        steps=(FOUND,),
    ),
    Operation(
        name="changes",
        run=lambda adapter: adapter.changes("people", ""),
        steps=(SEARCH,),
    ),
    Operation(
        name="add_webhook",
        run=lambda adapter: adapter.add_webhook("https://us.example/h", "people"),
        steps=(HOOK, HOOK, HOOK),
    ),
    Operation(
        name="remove_webhook",
        run=lambda adapter: adapter.remove_webhook("17065", "people"),
        steps=(
            Step(
                method="DELETE",
                url=f"{API}/webhooks/17065",
                answer={"id": 17065, "is_deleted": True},
            ),
        ),
    ),
    Operation(
        name="erase",
        run=lambda adapter: adapter.erase(OLD),
        steps=(
            FOUND,
            Step(
                method="DELETE",
                url=f"{API}/people/7",
                answer={"id": 7, "is_deleted": True},
                missing_ok=True,
            ),
        ),
    ),
)
