"""Kit's answers, as its reference shows them, and the requests we make."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from integrations.adapters.base import Contact, Options
from integrations.adapters.errors import (
    Reason,
)
from integrations.adapters.kit import Kit
from tests.integrations.conformance import (
    Leaver,
    Operation,
    Step,
)

API = "https://api.kit.com/v4"
SECRETS = {"api_key": "kit_0b7c6d5e4f3a2b1c0d9e8f7a6b5c4d3e"}
OURS = "secret-that-kit-made"
FORM, TAG = "form:53", "tag:7"
NEW, OLD, LEFT = "new@x.org", "old@x.org", "left@x.org"
IDS = {NEW: 11, OLD: 12, LEFT: 13}
ONCE = Options()


def failure(*words: str) -> dict[str, Any]:
    return {"errors": list(words)}


def person(email: str = OLD, state: str = "active", **more: Any) -> dict[str, Any]:
    return {
        "id": IDS[email],
        "first_name": "Mary",
        "email_address": email,
        "state": state,
        "created_at": "2026-07-01T10:00:00Z",
        "fields": {"city": "Bath", "last_name": None},
        **more,
    }


def page(name: str, *rows: Any, after: str = "", total: int = 0) -> dict[str, Any]:
    return {
        name: list(rows),
        "pagination": {
            "has_previous_page": False,
            "has_next_page": bool(after),
            "start_cursor": "WzUzXQ==",
            "end_cursor": after or "WzUyXQ==",
            "per_page": 1000,
            "total_count": total,
        },
    }


def get(path: str, answer: object, **more: Any) -> Step:
    return Step(method="GET", url=f"{API}/{path}", answer=answer, **more)


def post(path: str, answer: object, status: int = 201, **more: Any) -> Step:
    url = f"{API}/{path}"
    return Step(method="POST", url=url, answer=answer, status=status, **more)


def known(*rows: Any) -> Step:
    return get("subscribers", page("subscribers", *rows))


def made(email: str = NEW, state: str = "inactive", status: int = 201) -> Step:
    return post("subscribers", {"subscriber": person(email, state)}, status)


def added(email: str = NEW, state: str = "inactive", to: str = "forms/53") -> Step:
    row = person(email, state, added_at="2026-08-01T10:00:00Z")
    return post(f"{to}/subscribers", {"subscriber": row})


FORMS = page("forms", {"id": 53, "name": "Sign up", "subscriber_count": 42})
TAGS = page("tags", {"id": 7, "name": "VIP"})
CUSTOM = get(
    "custom_fields",
    page(
        "custom_fields",
        {"id": 1, "name": "ck_field_1_city", "key": "city", "label": "City"},
    ),
)
MAKE_TAG = post("tags", {"tag": {"id": 9, "name": "popup"}})
LEAVE = post("subscribers/12/unsubscribe", None, 204, missing_ok=True)
HOOK = post(
    "webhook_endpoints",
    {"webhook_endpoint": {"id": 5, "url": "x", "secret": "whsec-of-kit", "events": []}},
)
FULL = Contact(
    email=OLD, fields={"first_name": "Ann", "city": ["Bath", "York"]}, tags=("popup",)
)


def operation(name: str, run: Any, *steps: Step) -> Operation:
    return Operation(name=name, run=run, steps=steps)


OPERATIONS = (
    operation(
        "verify",
        Kit.verify,
        get(
            "account",
            {"user": {"email": "owner@shop.example"}, "account": {"name": "Shop"}},
        ),
        get("subscribers", page("subscribers"), forbidden_ok=True),
        get("forms", FORMS, forbidden_ok=True),
        get("tags", TAGS, forbidden_ok=True),
        replace(CUSTOM, forbidden_ok=True),
    ),
    operation("audiences", Kit.audiences, get("forms", FORMS), get("tags", TAGS)),
    operation("fields", lambda a: a.fields(FORM), CUSTOM),
    operation("subscriptions", lambda a: a.subscriptions([OLD], FORM), known(person())),
    operation(
        "changes",
        lambda a: a.changes(FORM, ""),
        get("forms/53/subscribers", page("subscribers", person())),
    ),
    operation(
        "upsert of somebody new",
        lambda a: a.upsert([Contact(email=NEW)], FORM, ONCE),
        *(known(), made(), added()),
    ),
    operation(
        "upsert of somebody known",
        lambda a: a.upsert([FULL], TAG, ONCE),
        known(person()),
        CUSTOM,
        made(OLD, "active", 200),
        added(OLD, "active", "tags/7"),
        MAKE_TAG,
        added(OLD, "active", "tags/9"),
    ),
    operation(
        "unsubscribe",
        lambda a: a.unsubscribe([OLD], FORM),
        *(known(person()), LEAVE),
    ),
    operation(
        "add_webhook",
        lambda a: a.add_webhook("https://x.example/hook", FORM),
        HOOK,
    ),
    operation(
        "remove_webhook",
        lambda a: a.remove_webhook("5", FORM),
        Step(method="DELETE", url=f"{API}/webhook_endpoints/5", status=204),
    ),
)


def leaver(state: str, status: str, reason: Reason) -> Leaver:
    return Leaver(
        status=status,
        reason=reason,
        steps=(known(person(LEFT, state)),),
        contacts=(Contact(email=LEFT, signed_up_at=datetime(2026, 9, 1, tzinfo=UTC)),),
        options=Options(double_opt_in=True, reconfirm=True),
        never=("state", "forms"),
        audience_id=FORM,
    )
