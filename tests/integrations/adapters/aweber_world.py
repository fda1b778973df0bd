"""AWeber's answers, as its reference shows them, and the requests we make."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from integrations.adapters.aweber import AWeber
from integrations.adapters.base import Contact, Options
from integrations.adapters.errors import (
    Reason,
)
from tests.integrations.conformance import (
    Leaver,
    Operation,
    Step,
)

API = "https://api.aweber.com/1.0/accounts"
ACCOUNT = f"{API}/123"
LIST = f"{ACCOUNT}/lists/456"
PEOPLE = f"{LIST}/subscribers"
SECRETS = {
    "access_token": "aw-0b7c6d5e4f3a2b1c0d9e8f7a6b5c4d3e",
    "sub_account": "123",
    "webhook_secret": "client-secret-of-the-app",
}
NEW, OLD, LEFT = "new@x.org", "old@x.org", "left@x.org"
LEFT_AT = "2026-08-01T10:41:43.300889-04:00"


def failure(status: int, kind: str, message: str) -> dict[str, Any]:
    return {
        "error": {
            "status": status,
            "message": message,
            "type": kind,
            "documentation_url": f"https://api.aweber.com#{kind.lower()}",
        }
    }


LIMIT = failure(403, "ForbiddenError", "Rate Limit Error")


def person(email: str = OLD, status: str = "subscribed", **more: Any) -> dict[str, Any]:
    return {
        "id": 789,
        "email": email,
        "name": "Mary",
        "status": status,
        "custom_fields": {"apple": "fuji", "pear": None},
        "tags": ["slow"],
        "ad_tracking": None,
        "misc_notes": "",
        "subscribed_at": "2026-07-01T10:00:00-04:00",
        "self_link": f"{PEOPLE}/789",
        **more,
    }


def found(*rows: Any) -> Step:
    return Step(method="GET", url=PEOPLE, answer={"entries": list(rows), "start": 0})


def get(url: str, *rows: Any, **more: Any) -> Step:
    answer = {"entries": list(rows), "start": 0, "total_size": len(rows)}
    return Step(method="GET", url=url, answer=answer, **more)


ADD = Step(method="POST", url=PEOPLE, status=201)
PATCH = Step(
    method="PATCH", url=f"{PEOPLE}/789", status=209, answer=person(), missing_ok=True
)
DELETE = Step(method="DELETE", url=f"{PEOPLE}/789", missing_ok=True)
LISTS = get(
    f"{ACCOUNT}/lists",
    {"id": 456, "name": "Weekly Newsletter", "total_subscribed_subscribers": 250},
)
CUSTOM = get(f"{LIST}/custom_fields", {"id": 1, "name": "apple"})
FULL = Contact(
    email=OLD,
    fields={"name": "Ann", "custom:pear": ["bosc", "anjou"], "misc_notes": " "},
    tags=("slow", "fast"),
)
ONCE = Options()


def operation(name: str, run: Any, *steps: Step) -> Operation:
    return Operation(name=name, run=run, steps=steps)


OPERATIONS = (
    operation(
        "verify",
        AWeber.verify,
        Step(method="GET", url=ACCOUNT, answer={"id": 123, "company": "Shop"}),
        replace(LISTS, forbidden_ok=True),
    ),
    operation("sub_accounts", AWeber.sub_accounts, get(API, {"id": 123})),
    operation("audiences", AWeber.audiences, LISTS),
    operation("fields", lambda a: a.fields("456"), CUSTOM),
    operation(
        "subscriptions", lambda a: a.subscriptions([OLD], "456"), found(person())
    ),
    operation("changes", lambda a: a.changes("456", ""), found(person())),
    operation(
        "upsert of somebody new",
        lambda a: a.upsert([Contact(email=NEW)], "456", ONCE),
        *(found(), ADD, found(person(NEW))),
    ),
    operation(
        "upsert of somebody known",
        lambda a: a.upsert([FULL], "456", ONCE),
        *(found(person()), PATCH),
    ),
    operation(
        "unsubscribe",
        lambda a: a.unsubscribe([OLD], "456"),
        *(found(person()), PATCH),
    ),
    operation("erase", lambda a: a.erase(OLD), get(ACCOUNT, person()), DELETE),
)


def leaver(status: str, reason: Reason, how: str) -> Leaver:
    gone = person(LEFT, "unsubscribed", unsubscribe_method=how, unsubscribed_at=LEFT_AT)
    return Leaver(
        status=status,
        reason=reason,
        steps=(found(gone),),
        contacts=(Contact(email=LEFT, signed_up_at=datetime(2026, 9, 1, tzinfo=UTC)),),
        options=Options(double_opt_in=True, reconfirm=True),
        never=("status", "update_existing", '"email"'),
        audience_id="456",
    )
