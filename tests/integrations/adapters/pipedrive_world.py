"""Pipedrive's answers, as its API reference shows them, and the requests we make."""

from __future__ import annotations

from typing import Any

from integrations.adapters.base import Contact, Options
from integrations.adapters.pipedrive import Pipedrive
from tests.integrations.conformance import Operation, Step

API = "https://api.pipedrive.com/api"
V2, V1 = f"{API}/v2", f"{API}/v1"
TOKEN = "0123456789abcdef0123456789abcdef01234567"
SOURCE = "9dc80c50d78a15643bfc4ca79d76156a73a1ca0e"
TOPICS = "4f7e2b1c0d9a8e7f6a5b4c3d2e1f0a9b8c7d6e5f"
HOME = "1a2b3c4d5e6f7a8b9c0d1e2f3a4b5c6d7e8f9a0b"
VALUE = "2b3c4d5e6f7a8b9c0d1e2f3a4b5c6d7e8f9a0b1c"
NEW, OLD, LEFT = "new@x.org", "old@x.org", "left@x.org"


def field(code: str, name: str, kind: str, *options: Any, custom: bool = False) -> Any:
    return {
        "field_code": code,
        "field_name": name,
        "field_type": kind,
        "options": [{"id": id, "label": text} for id, text in options] or None,
        "subfields": None,
        "is_custom_field": custom,
        "is_optional_response_field": code == "marketing_status",
    }


PLAIN = (
    field("name", "Name", "varchar"),
    field("phone", "Phone", "phone"),
    field("email", "Email", "varchar"),
    field("owner_id", "Owner", "user"),
    field("label_ids", "Labels", "set", (5, "Newsletter"), (6, "Customer")),
    field(SOURCE, "Lead source", "enum", (1, "Inbound"), (2, "Outbound"), custom=True),
    field(TOPICS, "Topics", "set", (7, "Tea"), (8, "Coffee"), custom=True),
    field(HOME, "Home", "address", custom=True),
    field(VALUE, "Worth", "monetary", custom=True),
)
CAMPAIGNS = field("marketing_status", "Marketing status", "enum")


def listing(*rows: Any, cursor: str | None = None) -> dict[str, Any]:
    # Null at the end, says the text of the description; its schema wants it left out.
    extra = {"next_cursor": cursor} if cursor else {}
    return {"success": True, "data": list(rows), "additional_data": extra}


def person(number: int, email: str, **more: Any) -> dict[str, Any]:
    return {
        "id": number,
        "name": "Mary",
        "owner_id": 1,
        "add_time": "2026-08-01T10:00:00Z",
        "update_time": "2026-08-01T10:00:00Z",
        "emails": [{"value": email, "primary": True, "label": "work"}],
        "phones": [],
        "is_deleted": False,
        "visible_to": 7,
        "label_ids": [],
        "custom_fields": {},
        **more,
    }


def one(number: int, email: str, **more: Any) -> dict[str, Any]:
    return {"success": True, "data": person(number, email, **more)}


def hits(*found: tuple[int, str]) -> dict[str, Any]:
    items = [
        {"result_score": 0.5, "item": {"id": id, "type": "person", "emails": [email]}}
        for id, email in found
    ]
    return {"success": True, "data": {"items": items}, "additional_data": {}}


UNAUTHORIZED = {"success": False, "error": "unauthorized access", "errorCode": 401}
FORBIDDEN = {"success": False, "error": "Scope and URL mismatch", "errorCode": 403}
MISSING = {"success": False, "error": "Person not found", "code": "ERR_NOT_FOUND"}
REFUSED = {"success": False, "error": "Validation failed: name", "data": None}
ME = {
    "success": True,
    "data": {"id": 1, "email": "me@shop.example", "company_name": "The Shop"},
}
CAPPED = {"success": False, "error": "Limit reached", "code": "feature_capping_x_limit"}

FIELDS = Step(method="GET", url=f"{V2}/personFields", answer=listing(*PLAIN))
WITH_CAMPAIGNS = Step(
    method="GET", url=f"{V2}/personFields", answer=listing(*PLAIN, CAMPAIGNS)
)
NOBODY = Step(method="GET", url=f"{V2}/persons/search", answer=hits())
FOUND = Step(method="GET", url=f"{V2}/persons/search", answer=hits((3, OLD)))
FOUND_LEFT = Step(method="GET", url=f"{V2}/persons/search", answer=hits((4, LEFT)))
READ = Step(method="GET", url=f"{V2}/persons/3", answer=one(3, OLD), missing_ok=True)
MAKE = Step(method="POST", url=f"{V2}/persons", answer=one(9, NEW))
PATCH = Step(method="PATCH", url=f"{V2}/persons/3", answer=one(3, OLD), missing_ok=True)


def read_left(status: str, number: int = 4) -> Step:
    return Step(
        method="GET",
        url=f"{V2}/persons/{number}",
        answer=one(number, LEFT, marketing_status=status),
        missing_ok=True,
    )


VALUES = {"name": "Mary", SOURCE: "Inbound", TOPICS: ["Tea"], "phone": "+44 1"}
BATCH = (Contact(email=NEW, fields={"name": "Ann"}), Contact(email="b@x.org"))


def upsert(*contacts: Contact, audience: str = "people", **options: bool) -> Any:
    return lambda adapter: adapter.upsert(contacts, audience, Options(**options))


WRITES = (
    Operation(
        name="upsert of two new people",
        run=lambda adapter: adapter.upsert(BATCH, "people", Options()),
        steps=(NOBODY, MAKE, NOBODY, MAKE),
    ),
    Operation(
        name="upsert of somebody known",
        run=upsert(Contact(email=OLD, fields=VALUES), audience="5"),
        steps=(FIELDS, FOUND, READ, PATCH),
    ),
    Operation(
        name="unsubscribe",
        run=lambda adapter: adapter.unsubscribe([LEFT], "people"),
        steps=(
            WITH_CAMPAIGNS,
            FOUND_LEFT,
            read_left("subscribed"),
            Step(
                method="PATCH",
                url=f"{V2}/persons/4",
                answer=one(4, LEFT, marketing_status="unsubscribed"),
                missing_ok=True,
            ),
        ),
    ),
)
OPERATIONS = (
    Operation(
        name="verify",
        run=Pipedrive.verify,
        steps=(
            Step(method="GET", url=f"{V1}/users/me", answer=ME),
            Step(
                method="GET",
                url=f"{V2}/persons",
                answer=listing(person(3, OLD)),
                forbidden_ok=True,
            ),
            Step(
                method="GET",
                url=f"{V2}/personFields",
                answer=listing(PLAIN[0]),
                forbidden_ok=True,
            ),
        ),
    ),
    Operation(name="audiences", run=Pipedrive.audiences, steps=(FIELDS,)),
    Operation(
        name="fields", run=lambda adapter: adapter.fields("people"), steps=(FIELDS,)
    ),
    *WRITES,
    Operation(
        name="subscriptions",
        run=lambda adapter: adapter.subscriptions([OLD], "people"),
        steps=(FOUND, FIELDS, READ),
    ),
    Operation(
        name="changes",
        run=lambda adapter: adapter.changes("people", ""),
        steps=(
            WITH_CAMPAIGNS,
            Step(method="GET", url=f"{V2}/persons", answer=listing(person(3, OLD))),
        ),
    ),
    Operation(
        name="add_webhook",
        run=lambda adapter: adapter.add_webhook("https://us.example/hook", "people"),
        steps=(
            Step(
                method="POST",
                url=f"{V1}/webhooks",
                answer={"status": "ok", "success": True, "data": {"id": 1}},
                status=201,
            ),
        ),
    ),
    Operation(
        name="remove_webhook",
        run=lambda adapter: adapter.remove_webhook("1", "people"),
        steps=(
            Step(
                method="DELETE",
                url=f"{V1}/webhooks/1",
                answer={"status": "ok", "success": True},
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
                url=f"{V2}/persons/3",
                answer={"success": True, "data": {"id": 3}},
                missing_ok=True,
            ),
        ),
    ),
)
