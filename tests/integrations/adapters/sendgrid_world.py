"""SendGrid's answers, as its API reference shows them, and every request we make."""

from __future__ import annotations

from typing import Any

from integrations.adapters.base import Contact, Options, OutcomeState
from integrations.adapters.errors import Reason
from integrations.adapters.sendgrid import SendGrid
from tests.integrations.conformance import Leaver, Operation, Step

API = "https://api.sendgrid.com/v3"
SECRETS = {
    "api_key": "SG.0123456789abcdefghijkl.mnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQ"
}
LIST = "ca1f6ba6-0f0c-4fc5-95ca-1ac6b4e5ab5f"
JOB = "3a6ef7c3-5f3e-4a4a-8a4b-7d4c1f0f8d11"


def problem(message: str, field: str | None = None) -> dict[str, Any]:
    return {"errors": [{"message": message, "field": field}]}


UNAUTHORIZED = problem(
    "The provided authorization grant is invalid, expired, or revoked"
)
FORBIDDEN = problem("access forbidden")
MISSING = problem("not found")
REFUSED = problem("email 'new@x' is not valid", "contacts[0].email")
NEW, OLD, LEFT = "new@x.org", "old@x.org", "left@x.org"
SPAM, BOUNCES, UNSUBSCRIBES, GLOBAL = (
    f"{API}/suppression/spam_reports",
    f"{API}/suppression/bounces",
    f"{API}/suppression/unsubscribes",
    f"{API}/asm/suppressions/global",
)


def person(email: str, *lists: str) -> dict[str, Any]:
    return {
        "id": f"id-{email[0]}",
        "email": email,
        "first_name": "Mary",
        "last_name": "",
        "list_ids": list(lists),
        "segment_ids": [],
        "custom_fields": {"town": "Bath", "gone": "x"},
        "created_at": "2026-07-01T10:00:00Z",
        "updated_at": "2026-08-01T10:00:00Z",
    }


def at(email: str) -> str:
    return email.replace("@", "%40")


def single(
    email: str, *, spam: bool = False, bounced: bool = False, left: bool = False
) -> tuple[Step, ...]:
    """The three suppression lists, asked for one address."""
    entry = {"created": 1785578400, "email": email}
    return (
        Step(
            method="GET",
            url=f"{SPAM}/{at(email)}",
            answer=[{**entry, "ip": "192.0.2.7"}] if spam else [],
            missing_ok=True,
        ),
        Step(
            method="GET",
            url=f"{BOUNCES}/{at(email)}",
            answer=[{**entry, "reason": "550", "status": "5.1.1"}] if bounced else [],
            missing_ok=True,
        ),
        Step(
            method="GET",
            url=f"{GLOBAL}/{at(email)}",
            answer={"recipient_email": email} if left else {},
            missing_ok=True,
        ),
    )


def whole(
    spam: tuple[str, ...] = (),
    bounced: tuple[str, ...] = (),
    left: tuple[str, ...] = (),
) -> tuple[Step, ...]:
    """The three suppression lists as they are."""

    def entries(emails: tuple[str, ...], **more: Any) -> list[dict[str, Any]]:
        return [{"created": 1785578400, "email": email, **more} for email in emails]

    return (
        Step(method="GET", url=SPAM, answer=entries(spam, ip="192.0.2.7")),
        Step(
            method="GET",
            url=BOUNCES,
            answer=entries(bounced, reason="550", status="5.1.1"),
        ),
        Step(method="GET", url=UNSUBSCRIBES, answer=entries(left)),
    )


PUT = Step(
    method="PUT",
    url=f"{API}/marketing/contacts",
    status=202,
    answer={"job_id": JOB},
)
SEARCH_URL = f"{API}/marketing/contacts/search/emails"


def search(*people: Any, missing: tuple[str, ...] = ()) -> Step:
    found: dict[str, Any] = {row["email"]: {"contact": row} for row in people}
    found |= {email: {"error": "contact not found"} for email in missing}
    return Step(
        method="POST", url=SEARCH_URL, answer={"result": found}, missing_ok=True
    )


NONE = Step(method="POST", url=SEARCH_URL, status=404, answer=MISSING, missing_ok=True)
JOB_URL = f"{API}/marketing/contacts/imports/{JOB}"


def job(status: str, errored: int = 0) -> Step:
    answer = {
        "id": JOB,
        "status": status,
        "job_type": "upsert",
        "results": {"requested_count": 2, "errored_count": errored},
        "started_at": "2026-08-01T10:00:00Z",
        "finished_at": "2026-08-01T10:00:09Z",
    }
    return Step(method="GET", url=JOB_URL, answer=answer, missing_ok=True)


LISTS = {
    "result": [{"id": LIST, "name": "Newsletter", "contact_count": 42}],
    "_metadata": {"self": f"{API}/marketing/lists?page_size=1000&page_token="},
}
FIELDS = {
    "custom_fields": [
        {"id": "w1_N", "name": "orders", "field_type": "Number"},
        {"id": "w2_D", "name": "since", "field_type": "Date"},
        {"id": "w3_T", "name": "town", "field_type": "Text"},
    ],
    "reserved_fields": [
        {"id": "_rf0_T", "name": "first_name", "field_type": "Text"},
        {"id": "_rf2_T", "name": "email", "field_type": "Text"},
        {"id": "_rf9_T", "name": "postal_code", "field_type": "Text"},
        {"id": "_rf16_T", "name": "list_ids", "field_type": "Text", "read_only": True},
    ],
}
PEOPLE = tuple(
    Contact(email=email) for email in (NEW, OLD, LEFT, "spam@x.org", "bounced@x.org")
)


def operation(name: str, run: Any, *steps: Step) -> Operation:
    return Operation(name=name, run=run, steps=steps)


READING = (
    operation(
        "verify",
        SendGrid.verify,
        Step(
            method="GET",
            url=f"{API}/scopes",
            answer={"scopes": ["marketing.read", "marketing.update"]},
        ),
        Step(
            method="GET",
            url=f"{API}/user/email",
            answer={"email": "mary@shop.example"},
            forbidden_ok=True,
        ),
        Step(
            method="GET", url=f"{API}/marketing/lists", answer=LISTS, forbidden_ok=True
        ),
        Step(
            method="GET",
            url=f"{API}/marketing/contacts/count",
            answer={"contact_count": 42},
            forbidden_ok=True,
        ),
        Step(method="GET", url=UNSUBSCRIBES, answer=[], forbidden_ok=True),
    ),
    operation(
        "audiences",
        SendGrid.audiences,
        Step(method="GET", url=f"{API}/marketing/lists", answer=LISTS),
    ),
    operation(
        "fields",
        lambda a: a.fields(LIST),
        Step(method="GET", url=f"{API}/marketing/field_definitions", answer=FIELDS),
    ),
    operation(
        "subscriptions",
        lambda a: a.subscriptions([OLD], LIST),
        *single(OLD),
        search(person(OLD, LIST)),
        Step(method="GET", url=f"{API}/marketing/field_definitions", answer=FIELDS),
    ),
)
WRITING = (
    operation(
        "upsert of several",
        lambda a: a.upsert(PEOPLE, LIST, Options()),
        *whole(spam=("spam@x.org",), bounced=("bounced@x.org",), left=(LEFT,)),
        PUT,
    ),
    operation(
        "upsert of new ones only",
        lambda a: a.upsert(PEOPLE[:2], LIST, Options(update_existing=False)),
        *single(NEW)[:1],
        *single(OLD)[:1],
        *single(NEW)[1:2],
        *single(OLD)[1:2],
        *single(NEW)[2:],
        *single(OLD)[2:],
        search(person(OLD, LIST), missing=(NEW,)),
        PUT,
    ),
    operation("poll", lambda a: a.poll(JOB, [NEW, OLD], LIST), job("completed")),
    operation(
        "poll of a job that went wrong",
        lambda a: a.poll(JOB, [NEW, OLD], LIST),
        job("errored", 1),
        search(person(OLD, LIST), missing=(NEW,)),
    ),
    operation(
        "add_webhook",
        lambda a: a.add_webhook("https://x.example/hook?secret=s", LIST),
        Step(
            method="POST",
            url=f"{API}/user/webhooks/event/settings",
            status=201,
            answer={
                "id": "77d4a5da-7015-11ed-a1eb-0242ac120002",
                "enabled": True,
                "url": "https://x.example/hook?secret=s",
                **dict.fromkeys(
                    (
                        *("group_resubscribe", "delivered", "group_unsubscribe"),
                        *("deferred", "processed", "open", "click", "dropped"),
                    ),
                    False,
                ),
                **dict.fromkeys(("spam_report", "bounce", "unsubscribe"), True),
                "friendly_name": "contactsync",
                "created_date": "2026-08-01T12:00:00Z",
                "updated_date": "2026-08-01T12:00:00Z",
            },
        ),
    ),
    operation(
        "remove_webhook",
        lambda a: a.remove_webhook("77d4a5da-7015-11ed-a1eb-0242ac120002", LIST),
        Step(
            method="DELETE",
            url=f"{API}/user/webhooks/event/settings/"
            "77d4a5da-7015-11ed-a1eb-0242ac120002",
            status=204,
        ),
    ),
    operation(
        "unsubscribe",
        lambda a: a.unsubscribe([OLD], LIST),
        Step(method="POST", url=GLOBAL, status=201, answer={"recipient_emails": [OLD]}),
    ),
    operation(
        "erase",
        lambda a: a.erase(OLD),
        search(person(OLD, LIST)),
        Step(
            method="DELETE",
            url=f"{API}/marketing/contacts",
            status=202,
            answer={"job_id": {}},
        ),
        Step(
            method="POST",
            url=f"{API}/recipients/erasejob",
            status=202,
            answer={"job_id": JOB},
        ),
    ),
)
OPERATIONS = READING + WRITING

# Recorded from Twilio's published descriptions, the requests and the answers.
SPEC = "https://github.com/twilio/sendgrid-oai/blob/main/spec/json/tsg"
DAY = "(read 2026-11-22)"
CONTACTS, SUPPRESSIONS = f"{SPEC}_mc_contacts_v3.json", f"{SPEC}_suppressions_v3.json"
DOCUMENTED = {
    ("GET", "/v3/scopes"): f"{SPEC}_scopes_v3.json {DAY}",
    ("GET", "/v3/user/email"): f"{SPEC}_user_v3.json {DAY}",
    ("GET", "/v3/marketing/lists"): f"{SPEC}_mc_lists_v3.json {DAY}",
    ("GET", "/v3/marketing/contacts/count"): f"{CONTACTS} {DAY}",
    (
        "GET",
        "/v3/marketing/field_definitions",
    ): f"{SPEC}_mc_custom_fields_v3.json {DAY}",
    ("POST", "/v3/marketing/contacts/search/emails"): f"{CONTACTS} {DAY}",
    ("PUT", "/v3/marketing/contacts"): f"{CONTACTS} {DAY}",
    ("DELETE", "/v3/marketing/contacts"): f"{CONTACTS} {DAY}",
    ("GET", "/v3/marketing/contacts/imports/{id}"): f"{CONTACTS} {DAY}",
    ("GET", "/v3/suppression/unsubscribes"): f"{SUPPRESSIONS} {DAY}",
    ("GET", "/v3/asm/suppressions/global/{email}"): f"{SUPPRESSIONS} {DAY}",
    ("POST", "/v3/asm/suppressions/global"): f"{SUPPRESSIONS} {DAY}",
    ("GET", "/v3/suppression/bounces"): f"{SUPPRESSIONS} {DAY}",
    ("GET", "/v3/suppression/bounces/{email}"): f"{SUPPRESSIONS} {DAY}",
    ("GET", "/v3/suppression/spam_reports"): f"{SUPPRESSIONS} {DAY}",
    ("GET", "/v3/suppression/spam_reports/{email}"): f"{SUPPRESSIONS} {DAY}",
    (
        "POST",
        "/v3/recipients/erasejob",
    ): f"{SPEC}_recipients_data_erasure_v3.json {DAY}",
    ("POST", "/v3/user/webhooks/event/settings"): f"{SPEC}_webhooks_v3.json {DAY}",
    (
        "DELETE",
        "/v3/user/webhooks/event/settings/{id}",
    ): f"{SPEC}_webhooks_v3.json {DAY}",
}


def leaver(
    status: str, reason: Reason, steps: tuple[Step, ...], *others: Contact
) -> Leaver:
    return Leaver(
        status=status,
        reason=reason,
        state=OutcomeState.REJECTED,
        steps=(*steps, PUT) if others else steps,
        contacts=(Contact(email=LEFT.upper()), *others),
        never=(f'"email": "{LEFT}"', LEFT.upper()),
        audience_id=LIST,
    )


LEAVERS = (
    leaver("unsubscribed", Reason.UNSUBSCRIBED, single(LEFT, left=True)),
    leaver("bounced", Reason.BOUNCED, single(LEFT, bounced=True, left=True)),
    leaver("complained", Reason.COMPLIANCE, single(LEFT, spam=True, bounced=True)),
    *(
        leaver(status, reason, whole(**{name: (LEFT,)}), *PEOPLE[:2], *PEOPLE[3:])
        for status, reason, name in (
            ("unsubscribed", Reason.UNSUBSCRIBED, "left"),
            ("bounced", Reason.BOUNCED, "bounced"),
            ("complained", Reason.COMPLIANCE, "spam"),
        )
    ),
)
