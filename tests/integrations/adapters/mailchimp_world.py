"""Mailchimp's answers, as its API reference shows them, and every request we make."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from integrations.adapters.base import Contact, Options
from integrations.adapters.errors import Reason
from integrations.adapters.mailchimp import Mailchimp
from integrations.adapters.mailchimp.members import member_hash
from tests.integrations.conformance import Leaver, Operation, Step

KEY = "0123456789abcdef0123456789abcdef-us6"
API = "https://us6.api.mailchimp.com/3.0"
LIST = f"{API}/lists/a1"


def member(email: str, status: str = "subscribed", **more: Any) -> dict[str, Any]:
    return {
        "id": member_hash(email),
        "email_address": email,
        "status": status,
        "merge_fields": {"FNAME": "Mary", "LNAME": ""},
        "last_changed": "2026-08-01T10:00:00+00:00",
        "tags": [{"id": 1, "name": "popup"}],
        "list_id": "a1",
        **more,
    }


def problem(title: str, status: int, detail: str, *errors: Any) -> dict[str, Any]:
    body = {
        "type": "https://mailchimp.com/developer/marketing/docs/errors/",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": "995c5cb0-3280-4a6e-808b-3b096d0bb219",
    }
    return {**body, "errors": list(errors)} if errors else body


UNAUTHORIZED = problem("API Key Invalid", 401, "Your API key may be invalid.")
FORBIDDEN = problem("Forbidden", 403, "You are not permitted to do this.")
MISSING = problem("Resource Not Found", 404, "The requested resource is missing.")
REFUSED = problem("Invalid Resource", 400, "The resource could not be validated.")


def batch(
    new: tuple[Any, ...] = (),
    updated: tuple[Any, ...] = (),
    errors: tuple[Any, ...] = (),
) -> dict[str, Any]:
    return {
        "new_members": list(new),
        "updated_members": list(updated),
        "errors": list(errors),
        "total_created": len(new),
        "total_updated": len(updated),
        "error_count": len(errors),
    }


def row_error(
    email: str, error: str, code: str = "ERROR_GENERIC", field: str = "", said: str = ""
) -> dict[str, str]:
    return {
        "email_address": email,
        "error": error,
        "error_code": code,
        "field": field,
        "field_message": said,
    }


def exists(email: str) -> dict[str, str]:
    text = (
        f"{email} is already a list member. Use PUT to insert or update list members."
    )
    return row_error(email, text, "ERROR_CONTACT_EXISTS")


def member_url(email: str) -> str:
    return f"{LIST}/members/{member_hash(email)}"


def page(key: str, *rows: Any, total: int | None = None) -> dict[str, Any]:
    return {key: list(rows), "total_items": len(rows) if total is None else total}


ROOT = {
    "account_id": "8d3a3db4d97663a9074efcc16",
    "account_name": "Freddie's Jokes",
    "email": "freddie@freddies.example",
    "role": "owner",
}
AUDIENCE = {
    "id": "a1",
    "name": "Newsletter",
    "double_optin": True,
    "stats": {"member_count": 42},
}
FNAME = {
    "tag": "FNAME",
    "name": "First name",
    "type": "text",
    "required": False,
    "options": {"size": 25},
}
SIZE = {
    "tag": "SIZE",
    "name": "Size",
    "type": "dropdown",
    "required": True,
    "options": {"choices": ["S", "M"]},
}
NEW, OLD, FAKE, LEFT = "new@x.org", "old@x.org", "fake@x.org", "left@x.org"
AFTER = datetime(2026, 8, 1, 10, 0, 5, tzinfo=UTC)  # after every last_changed
PEOPLE = tuple(
    Contact(email=email, fields={"FNAME": "Mary"}, tags=("popup",))
    for email in (NEW, OLD, FAKE, LEFT)
)
LOOKS_FAKE = "fake@x.org looks fake or invalid, please enter a real email address."

READING = (
    Operation(
        name="verify",
        run=Mailchimp.verify,
        steps=(
            Step(method="GET", url=f"{API}/", answer=ROOT),
            Step(method="GET", url=f"{API}/lists", answer=page("lists", AUDIENCE)),
            Step(
                method="GET",
                url=f"{LIST}/members",
                answer={"total_items": 42},
                forbidden_ok=True,
            ),
            Step(
                method="GET",
                url=f"{LIST}/merge-fields",
                answer={"total_items": 2},
                forbidden_ok=True,
            ),
            Step(
                method="GET",
                url=f"{LIST}/tag-search",
                answer=page("tags", {"id": 1, "name": "popup"}),
                forbidden_ok=True,
            ),
        ),
    ),
    Operation(
        name="audiences",
        run=Mailchimp.audiences,
        steps=(
            Step(
                method="GET",
                url=f"{API}/lists",
                answer=page("lists", AUDIENCE, total=2),
            ),
            Step(
                method="GET",
                url=f"{API}/lists",
                answer=page("lists", {"id": "a2", "name": "Shop"}, total=2),
            ),
        ),
    ),
    Operation(
        name="fields",
        run=lambda adapter: adapter.fields("a1"),
        steps=(
            Step(
                method="GET",
                url=f"{LIST}/merge-fields",
                answer=page("merge_fields", FNAME, SIZE),
            ),
        ),
    ),
    Operation(
        name="subscriptions",
        run=lambda adapter: adapter.subscriptions([OLD], "a1"),
        steps=(
            Step(
                method="GET", url=member_url(OLD), answer=member(OLD), missing_ok=True
            ),
        ),
    ),
    Operation(
        name="subscriptions of somebody absent",
        run=lambda adapter: adapter.subscriptions([NEW], "a1"),
        steps=(
            Step(
                method="GET",
                url=member_url(NEW),
                status=404,
                answer=MISSING,
                missing_ok=True,
            ),
            Step(method="GET", url=LIST, answer={"id": "a1"}),
        ),
    ),
    Operation(
        name="changes",
        run=lambda adapter: adapter.changes("a1", ""),
        steps=(
            Step(
                method="GET", url=f"{LIST}/members", answer=page("members", member(OLD))
            ),
        ),
    ),
    Operation(
        name="changes among the archived",
        run=lambda adapter: adapter.changes(
            "a1", '[1, "2026-08-01T10:00:00+00:00", "2026-08-01T11:00:00+00:00", ""]'
        ),
        steps=(
            Step(
                method="GET",
                url=f"{LIST}/members",
                answer=page("members", member(OLD, "archived")),
            ),
        ),
    ),
)

WRITING = (
    Operation(
        name="upsert of one",
        run=lambda adapter: adapter.upsert(PEOPLE[:1], "a1", Options()),
        steps=(
            Step(method="PUT", url=member_url(NEW), answer=member(NEW)),
            Step(method="POST", url=f"{member_url(NEW)}/tags", status=204),
        ),
    ),
    Operation(
        name="upsert asking somebody who left",
        run=lambda adapter: adapter.upsert(
            [Contact(email=LEFT, signed_up_at=AFTER)], "a1", Options(reconfirm=True)
        ),
        steps=(
            Step(
                method="GET",
                url=member_url(LEFT),
                answer=member(LEFT, "unsubscribed"),
                missing_ok=True,
            ),
            Step(method="PATCH", url=member_url(LEFT), answer=member(LEFT, "pending")),
            Step(method="PUT", url=member_url(LEFT), answer=member(LEFT, "pending")),
        ),
    ),
    Operation(
        name="upsert of several",
        run=lambda adapter: adapter.upsert(PEOPLE, "a1", Options()),
        steps=(
            Step(
                method="POST",
                url=LIST,
                answer=batch(
                    new=(member(NEW),),
                    errors=(exists(OLD), row_error(FAKE, LOOKS_FAKE), exists(LEFT)),
                ),
            ),
            Step(
                method="POST",
                url=LIST,
                answer=batch(updated=(member(OLD), member(LEFT, "unsubscribed"))),
            ),
        ),
    ),
    Operation(
        name="upsert of several, one refused for an unknown cause",
        run=lambda adapter: adapter.upsert(PEOPLE[1:3], "a1", Options()),
        steps=(
            Step(
                method="POST",
                url=LIST,
                answer=batch(errors=(exists(OLD), exists(FAKE))),
            ),
            Step(
                method="POST",
                url=LIST,
                answer=batch(
                    updated=(member(FAKE),),
                    errors=(row_error(OLD, "No status given."),),
                ),
            ),
            Step(method="PUT", url=member_url(OLD), answer=member(OLD)),
            Step(method="POST", url=f"{member_url(OLD)}/tags", status=204),
        ),
    ),
    Operation(
        name="upsert of new ones only, asking leavers again",
        run=lambda adapter: adapter.upsert(
            PEOPLE[:2], "a1", Options(update_existing=False, reconfirm=True)
        ),
        steps=(
            Step(
                method="POST",
                url=LIST,
                answer=batch(new=(member(NEW),), errors=(exists(OLD),)),
            ),
            Step(
                method="GET", url=member_url(OLD), answer=member(OLD), missing_ok=True
            ),
        ),
    ),
    Operation(
        name="unsubscribe",
        run=lambda adapter: adapter.unsubscribe([OLD], "a1"),
        steps=(
            Step(
                method="PATCH",
                url=member_url(OLD),
                answer=member(OLD, "unsubscribed"),
                missing_ok=True,
            ),
        ),
    ),
    Operation(
        name="unsubscribe of somebody absent",
        run=lambda adapter: adapter.unsubscribe([NEW], "a1"),
        steps=(
            Step(
                method="PATCH",
                url=member_url(NEW),
                status=404,
                answer=MISSING,
                missing_ok=True,
            ),
            Step(method="GET", url=LIST, answer={"id": "a1"}),
        ),
    ),
    Operation(
        name="erase",
        run=lambda adapter: adapter.erase(OLD),
        steps=(
            Step(method="GET", url=f"{API}/lists", answer=page("lists", AUDIENCE)),
            Step(
                method="POST",
                url=f"{member_url(OLD)}/actions/delete-permanent",
                status=204,
                missing_ok=True,
            ),
        ),
    ),
)

HOOK = {"id": "ac3b1a", "url": "https://hooks.acme.example/?secret=x", "list_id": "a1"}
LINKING = (
    Operation(
        name="add_webhook",
        run=lambda adapter: adapter.add_webhook(HOOK["url"], "a1"),
        steps=(Step(method="POST", url=f"{LIST}/webhooks", answer=HOOK),),
    ),
    Operation(
        name="remove_webhook",
        run=lambda adapter: adapter.remove_webhook("ac3b1a", "a1"),
        steps=(Step(method="DELETE", url=f"{LIST}/webhooks/ac3b1a", status=204),),
    ),
)
OPERATIONS = READING + WRITING + LINKING


def leaver(status: str, reason: Reason, answer: Any, code: int = 200) -> Leaver:
    step = Step(method="PUT", url=member_url(LEFT), status=code, answer=answer)
    return Leaver(
        status=status,
        reason=reason,
        steps=(step,),
        never=('"status": "subscribed"', '"status": "pending"'),
    )


LEAVERS = (
    leaver("unsubscribed", Reason.UNSUBSCRIBED, member(LEFT, "unsubscribed")),
    leaver("bounced", Reason.BOUNCED, member(LEFT, "cleaned")),
    leaver(
        "complained",
        Reason.COMPLIANCE,
        problem(
            "Member In Compliance State",
            400,
            f"{LEFT} is in a compliance state due to unsubscribe, bounce, or "
            "compliance review and cannot be subscribed.",
        ),
        400,
    ),
)
