"""Drip's answers, as its reference shows them, and the requests we make."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from integrations.adapters.base import Contact, Options
from integrations.adapters.drip import Drip
from integrations.adapters.errors import (
    Reason,
)
from tests.integrations.conformance import (
    Leaver,
    Operation,
    Step,
)

API = "https://api.getdrip.com/v2"
BASE = f"{API}/9999999"
SECRETS = {"api_key": "0123456789abcdef0123456789abcdef", "sub_account": "9999999"}
OURS = "secret-of-our-own-address"
SERIES, TAG, ALL = "campaign:123456", "tag:VIP", "everybody"
NEW, OLD, LEFT = "new@x.org", "old@x.org", "left@x.org"
ONCE = Options()


def failure(code: str, message: str, attribute: str = "") -> dict[str, Any]:
    row = {"code": code, "message": message}
    return {"errors": [row | ({"attribute": attribute} if attribute else {})]}


def person(email: str = OLD, status: str = "active", **more: Any) -> dict[str, Any]:
    return {
        "id": "z1togz2hcjrkpp5treip",
        "status": status,
        "email": email,
        "first_name": "Mary",
        "last_name": None,
        "custom_fields": {"shirt_size": "Medium"},
        "tags": ["Customer", "VIP"],
        "created_at": "2026-07-01T10:00:00Z",
        **more,
    }


def rows(name: str, *items: Any, pages: int = 1) -> dict[str, Any]:
    meta = {
        **{"page": 1, "count": len(items), "total_pages": pages},
        **{"total_count": len(items)},
    }
    return {"links": {}, "meta": meta, name: list(items)}


def one(*people: Any) -> dict[str, Any]:
    return {"links": {}, "subscribers": list(people)}


def get(path: str, answer: object, **more: Any) -> Step:
    return Step(method="GET", url=f"{BASE}/{path}", answer=answer, **more)


def post(path: str, answer: object, status: int = 200, **more: Any) -> Step:
    url = f"{BASE}/{path}"
    return Step(method="POST", url=url, answer=answer, status=status, **more)


MISSING = failure("not_found_error", "The resource you requested was not found")


def nobody(email: str = NEW) -> Step:
    path = f"subscribers/{email.replace('@', '%40')}"
    return get(path, MISSING, status=404, missing_ok=True)


def there(row: Any) -> Step:
    path = f"subscribers/{row['email'].replace('@', '%40')}"
    return get(path, one(row), missing_ok=True)


def on(*statuses: str, campaign: str = "123456") -> Step:
    found = [
        {"id": str(n), "campaign_id": campaign, "status": status}
        for n, status in enumerate(statuses)
    ]
    path = "subscribers/z1togz2hcjrkpp5treip/campaign_subscriptions"
    return get(path, rows("campaign_subscriptions", *found))


def campaign(double_optin: bool = True) -> dict[str, Any]:
    return {
        **{"id": "123456", "status": "active", "name": "SEO Email Course"},
        **{"double_optin": double_optin, "active_subscriber_count": 320},
    }


ASKS = get("campaigns/123456", {"links": {}, "campaigns": [campaign()]})
SILENT = get("campaigns/123456", {"links": {}, "campaigns": [campaign(False)]})
CAMPAIGNS = get("campaigns", rows("campaigns", campaign()))
TAGS = get("tags", {"tags": ["VIP"]})
CUSTOM = get(
    "custom_field_identifiers", {"custom_field_identifiers": ["shirt_size", "city"]}
)
PUT = post("subscribers", one(person()))
JOIN = post("campaigns/123456/subscribers", one(person(NEW)), 201)
HOOK = post("webhooks", {"webhooks": [{"id": "77", "post_url": "x", "events": []}]})
LEAVE = post("subscribers/old%40x.org/unsubscribe_all", one(person()), missing_ok=True)
REMOVE = post("subscribers/old%40x.org/remove", one(person()), missing_ok=True)
DELETE = Step(
    method="DELETE",
    url=f"{BASE}/subscribers/old%40x.org",
    status=204,
    missing_ok=True,
)
FULL = Contact(
    email=OLD,
    fields={"first_name": "Ann", "custom_fields.shirt_size": "L", "city": " "},
    tags=("popup",),
    ip="192.0.2.7",
)


def operation(name: str, run: Any, *steps: Step) -> Operation:
    return Operation(name=name, run=run, steps=steps)


ACCOUNT = {"id": "9999999", "name": "Acme", "primary_email": "owner@shop.example"}
OPERATIONS = (
    operation(
        "verify",
        Drip.verify,
        Step(
            method="GET",
            url=f"{API}/accounts/9999999",
            answer={"links": {}, "accounts": [ACCOUNT]},
        ),
        get("subscribers", rows("subscribers"), forbidden_ok=True),
        replace(CAMPAIGNS, forbidden_ok=True),
    ),
    operation(
        "sub_accounts",
        Drip.sub_accounts,
        Step(method="GET", url=f"{API}/accounts", answer={"accounts": [ACCOUNT]}),
    ),
    operation("audiences", Drip.audiences, TAGS, CAMPAIGNS),
    operation("fields", lambda a: a.fields(ALL), CUSTOM),
    operation(
        "subscriptions",
        lambda a: a.subscriptions([OLD], SERIES),
        *(there(person()), on("active")),
    ),
    operation(
        "changes",
        lambda a: a.changes(SERIES, ""),
        get("campaigns/123456/subscribers", rows("subscribers", person())),
    ),
    operation(
        "upsert of somebody new",
        lambda a: a.upsert([Contact(email=NEW)], SERIES, ONCE),
        *(ASKS, nobody(), JOIN),
    ),
    operation(
        "upsert of somebody known",
        lambda a: a.upsert([FULL], TAG, ONCE),
        *(there(person()), PUT),
    ),
    operation("unsubscribe", lambda a: a.unsubscribe([OLD], ALL), LEAVE),
    operation(
        "unsubscribe from a campaign", lambda a: a.unsubscribe([OLD], SERIES), REMOVE
    ),
    operation("erase", lambda a: a.erase(OLD), DELETE),
    operation(
        "add_webhook",
        lambda a: a.add_webhook("https://x.example/hook?secret=s", ALL),
        HOOK,
    ),
    operation(
        "remove_webhook",
        lambda a: a.remove_webhook("77", ALL),
        Step(method="DELETE", url=f"{BASE}/webhooks/77", status=204),
    ),
)


def leaver(status: str, reason: Reason, to: str, *steps: Step) -> Leaver:
    return Leaver(
        status=status,
        reason=reason,
        steps=steps,
        contacts=(Contact(email=LEFT, signed_up_at=datetime(2026, 9, 1, tzinfo=UTC)),),
        options=Options(double_opt_in=True, reconfirm=True),
        never=("status", "double_optin", "reactivate_if_removed", '"email"'),
        audience_id=to,
    )


GONE = there(person(LEFT, "unsubscribed"))
HERE = there(person(LEFT))
