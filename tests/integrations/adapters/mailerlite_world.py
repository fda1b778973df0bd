"""MailerLite's answers, as its pages show them, and every request we make."""

from __future__ import annotations

from typing import Any

from integrations.adapters.base import Contact, Options, OutcomeState
from integrations.adapters.errors import Reason
from integrations.adapters.mailerlite import MailerLite
from tests.integrations.conformance import Leaver, Operation, Step

API = "https://connect.mailerlite.com/api"
SECRETS = {"api_key": "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJhdWQiOiI0In0.c2lnbmVk"}
GROUP = "82374892374897239"

UNAUTHORIZED = {"message": "Unauthenticated."}
FORBIDDEN = {"message": "This action is unauthorized."}
MISSING = {"message": "Resource not found."}
REFUSED = {
    "message": "The given data was invalid.",
    "errors": {"email": ["The email must be a valid email address."]},
}
NO_GROUP = {
    "message": "The given data was invalid.",
    "errors": {"groups.0": ["The selected groups.0 is invalid."]},
}
BAD_VALUE = {
    "message": "The given data was invalid.",
    "errors": {"fields.age": ["The fields.age must be a number."]},
}
NEW, OLD, BAD, LEFT = "new@x.org", "old@x.org", "bad@x", "left@x.org"
IDS = {NEW: "11", OLD: "12", BAD: "13", LEFT: "14"}


def person(
    email: str, status: str = "active", groups: tuple[str, ...] = (GROUP,), **more: Any
) -> dict[str, Any]:
    return {
        "id": IDS[email],
        "email": email,
        "status": status,
        "source": "api",
        "subscribed_at": "2026-07-01 10:00:00",
        "unsubscribed_at": None,
        "created_at": "2026-07-01 10:00:00",
        "updated_at": "2026-08-01 10:00:00",
        "fields": {"name": "Mary", "last_name": None},
        "groups": [{"id": group, "name": "Newsletter"} for group in groups],
        **more,
    }


def one(code: int, body: object) -> dict[str, Any]:
    return {"code": code, "body": body}


def there(row: object, code: int = 200) -> dict[str, Any]:
    return one(code, {"data": row})


NOBODY = one(404, MISSING)
GROUP_THERE = one(200, {"data": []})


def batch(*responses: dict[str, Any]) -> Step:
    well = sum(response["code"] < 300 for response in responses)
    answer = {
        "total": len(responses),
        "successful": well,
        "failed": len(responses) - well,
        "responses": list(responses),
    }
    return Step(method="POST", url=f"{API}/batch", answer=answer)


def page(*rows: Any, **meta: Any) -> dict[str, Any]:
    return {"data": list(rows), "links": {"next": None}, "meta": meta}


GROUPS = page(
    {"id": GROUP, "name": "Newsletter", "active_count": 42},
    current_page=1,
    last_page=1,
    total=1,
)
FIELDS = page(
    {"id": "1", "name": "Email", "key": "email", "type": "text"},
    {"id": "2", "name": "Name", "key": "name", "type": "text"},
    {"id": "3", "name": "Phone", "key": "phone", "type": "text"},
    {"id": "4", "name": "Age", "key": "age", "type": "number"},
    {"id": "5", "name": "Since", "key": "since", "type": "date"},
    current_page=1,
    last_page=1,
    total=5,
)
PEOPLE = (
    Contact(email=NEW, fields={"name": "Mary", "age": 42}),
    Contact(email=OLD),
    Contact(email=LEFT),
)
# In this order: somebody new, somebody active, somebody who left.
READ = batch(NOBODY, there(person(OLD)), there(person(LEFT, "unsubscribed")))


def operation(name: str, run: Any, *steps: Step) -> Operation:
    return Operation(name=name, run=run, steps=steps)


READING = (
    operation(
        "verify",
        MailerLite.verify,
        Step(method="GET", url=f"{API}/subscribers", answer={"total": 42}),
        Step(method="GET", url=f"{API}/groups", answer=GROUPS, forbidden_ok=True),
        Step(method="GET", url=f"{API}/fields", answer=FIELDS, forbidden_ok=True),
    ),
    operation(
        "audiences",
        MailerLite.audiences,
        Step(method="GET", url=f"{API}/groups", answer=GROUPS),
    ),
    operation(
        "fields",
        lambda a: a.fields(GROUP),
        Step(method="GET", url=f"{API}/fields", answer=FIELDS),
    ),
    operation(
        "subscriptions",
        lambda a: a.subscriptions([OLD], GROUP),
        batch(there(person(OLD))),
    ),
    operation(
        "changes",
        lambda a: a.changes(GROUP, ""),
        Step(
            method="GET",
            url=f"{API}/groups/{GROUP}/subscribers",
            answer=page(person(OLD), next_cursor="eyJpZCI6MX0"),
        ),
    ),
)
WRITING = (
    operation(
        "upsert of several",
        lambda a: a.upsert(PEOPLE, GROUP, Options()),
        READ,
        batch(GROUP_THERE, there(person(NEW), 201), there(person(OLD))),
    ),
    operation(
        "upsert of one",
        lambda a: a.upsert(PEOPLE[1:2], GROUP, Options()),
        batch(there(person(OLD))),
        batch(GROUP_THERE, there(person(OLD))),
    ),
    operation(
        "add_webhook",
        lambda a: a.add_webhook("https://x.example/hook", GROUP),
        Step(
            method="POST",
            url=f"{API}/webhooks",
            status=201,
            answer={"data": {"id": "7", "secret": "s3cret", "enabled": True}},
        ),
    ),
    operation(
        "unsubscribe",
        lambda a: a.unsubscribe([OLD], GROUP),
        batch(there(person(OLD))),
        Step(
            method="POST",
            url=f"{API}/subscribers",
            answer={"data": person(OLD, "unsubscribed")},
        ),
    ),
    operation(
        "erase",
        lambda a: a.erase(OLD),
        Step(
            method="GET",
            url=f"{API}/subscribers/old%40x.org",
            answer={"data": person(OLD)},
            missing_ok=True,
        ),
        Step(
            method="POST",
            url=f"{API}/subscribers/12/forget",
            answer={"message": "Subscriber data will be completely deleted."},
            missing_ok=True,
        ),
    ),
    operation(
        "remove_webhook",
        lambda a: a.remove_webhook("7", GROUP),
        Step(method="DELETE", url=f"{API}/webhooks/7", status=204),
    ),
)
OPERATIONS = READING + WRITING

# Recorded from these pages, the requests and the answers.
PAGES = "https://developers.mailerlite.com/api"
DAY = "(read 2026-11-22)"
DOCUMENTED = {
    ("GET", "/api/subscribers"): f"{PAGES}/subscribers {DAY}",
    ("POST", "/api/subscribers"): f"{PAGES}/subscribers {DAY}",
    ("GET", "/api/subscribers/{email}"): f"{PAGES}/subscribers {DAY}",
    ("POST", "/api/subscribers/{id}/forget"): f"{PAGES}/subscribers {DAY}",
    ("GET", "/api/groups"): f"{PAGES}/groups {DAY}",
    ("GET", "/api/groups/{id}/subscribers"): f"{PAGES}/groups {DAY}",
    ("GET", "/api/fields"): f"{PAGES}/fields {DAY}",
    ("POST", "/api/batch"): f"{PAGES}/batching {DAY}",
    ("POST", "/api/webhooks"): f"{PAGES}/webhooks {DAY}",
    ("DELETE", "/api/webhooks/{id}"): f"{PAGES}/webhooks {DAY}",
}


def leaver(
    status: str, reason: Reason, theirs: str, options: Options | None = None
) -> Leaver:
    return Leaver(
        status=status,
        reason=reason,
        state=OutcomeState.REJECTED,
        steps=(
            batch(there(person(LEFT, theirs)), NOBODY),
            batch(GROUP_THERE, there(person(NEW), 201)),
        ),
        contacts=(Contact(email=LEFT), Contact(email=NEW)),
        options=options or Options(),
        never=("resubscribe", '"status": "active"', f'"email": "{LEFT}"'),
        audience_id=GROUP,
    )


LEAVERS = (
    leaver("unsubscribed", Reason.UNSUBSCRIBED, "unsubscribed"),
    leaver(
        "unsubscribed",
        Reason.UNSUBSCRIBED,
        "unsubscribed",
        Options(double_opt_in=True, reconfirm=True),
    ),
    leaver("bounced", Reason.BOUNCED, "bounced"),
    leaver("complained", Reason.COMPLIANCE, "junk"),
)
