"""Brevo's answers, as its API reference shows them, and every request we make."""

from __future__ import annotations

from typing import Any

from integrations.adapters.base import Contact, Options, OutcomeState
from integrations.adapters.brevo import Brevo
from integrations.adapters.errors import Reason
from tests.integrations.conformance import Leaver, Operation, Step

API = "https://api.brevo.com/v3"
SECRETS = {"api_key": "xkeysib-0123456789abcdef0123456789abcdef-AbCdEfGhIjKlMnOp"}
ASKING = {"doi_template": "5", "doi_redirect": "https://shop.example/welcome"}

UNAUTHORIZED = {"code": "unauthorized", "message": "Key not found"}
FORBIDDEN = {"code": "permission_denied", "message": "Permission denied"}
MISSING = {"code": "document_not_found", "message": "Contact does not exist"}
REFUSED = {"code": "invalid_parameter", "message": "Invalid email address"}
NEW, OLD, LEFT = "new@x.org", "old@x.org", "left@x.org"


def person(email: str, **more: Any) -> dict[str, Any]:
    return {
        "id": 42,
        "email": email,
        "emailBlacklisted": False,
        "smsBlacklisted": False,
        "createdAt": "2026-07-01T10:00:00.000+02:00",
        "modifiedAt": "2026-08-01T10:00:00.000+02:00",
        "listIds": [],
        "listUnsubscribed": None,
        "attributes": {"FIRSTNAME": "Mary", "LASTNAME": ""},
        **more,
    }


def stats(**more: Any) -> dict[str, Any]:
    """Part of a contact's details: what happened in the last 90 days."""
    none = {"userUnsubscription": [], "adminUnsubscription": []}
    return {"messagesSent": [], "unsubscriptions": none, **more}


EVENT = {"campaignId": 21, "eventTime": "2026-08-01T10:00:00.000+02:00"}
CLICKED = {"userUnsubscription": [{**EVENT, "ip": "192.0.2.7"}]}


def url(email: str) -> str:
    return f"{API}/contacts/{email.replace('@', '%40')}"


def find(email: str, **more: Any) -> Step:
    return Step(
        method="GET", url=url(email), answer=person(email, **more), missing_ok=True
    )


def nobody(email: str) -> Step:
    return Step(
        method="GET", url=url(email), status=404, answer=MISSING, missing_ok=True
    )


ATTRIBUTES = Step(
    method="GET",
    url=f"{API}/contacts/attributes",
    answer={
        "attributes": [
            {"name": "EMAIL", "category": "normal", "type": "text"},
            {"name": "FIRSTNAME", "category": "normal", "type": "text"},
            {"name": "AGE", "category": "normal", "type": "float"},
            {"name": "SMS", "category": "normal", "type": "text"},
            {
                "name": "GENDER",
                "category": "category",
                "enumeration": [
                    {"value": 1, "label": "Female"},
                    {"value": 2, "label": "Male"},
                ],
            },
            {
                "name": "LIKES",
                "category": "normal",
                "type": "multiple-choice",
                "multiCategoryOptions": ["Tea", "Jam"],
            },
            {"name": "ORDER_ID", "category": "transactional", "type": "id"},
            {
                "name": "DOUBLE_OPT-IN",
                "category": "category",
                "enumeration": [
                    {"value": 1, "label": "Yes"},
                    {"value": 2, "label": "No"},
                ],
            },
        ]
    },
)
WRITE = Step(method="POST", url=f"{API}/contacts", status=201, answer={"id": 42})
UPDATE = Step(method="POST", url=f"{API}/contacts", status=204)
ASK = Step(method="POST", url=f"{API}/contacts/doubleOptinConfirmation", status=201)
LIST = {
    "id": 1,
    "name": "Newsletter",
    "folderId": 1,
    "uniqueSubscribers": 42,
    "totalSubscribers": 43,
    "totalBlacklisted": 1,
}


def lists(*rows: Any, count: int, **more: Any) -> Step:
    answer = {"count": count, "lists": list(rows)}
    return Step(method="GET", url=f"{API}/contacts/lists", answer=answer, **more)


def walk(*people: Any, count: int, **more: Any) -> Step:
    answer = {"count": count, "contacts": list(people)}
    return Step(method="GET", url=f"{API}/contacts", answer=answer, **more)


MARY = Contact(email=NEW, fields={"FIRSTNAME": "Mary", "GENDER": "Female", "AGE": 42})
PLAIN = Contact(email=OLD)


def operation(name: str, run: Any, *steps: Step) -> Operation:
    return Operation(name=name, run=run, steps=steps)


def asking(adapter: Brevo) -> Any:
    adapter.secrets |= ASKING
    return adapter.upsert([MARY], "1", Options(double_opt_in=True))


READING = (
    operation(
        "verify",
        Brevo.verify,
        Step(
            method="GET",
            url=f"{API}/account",
            answer={"email": "mary@shop.example", "companyName": "Mary's Shop"},
        ),
        lists(LIST, count=2, forbidden_ok=True),
        walk(person(OLD), count=42, forbidden_ok=True),
        Step(
            method="GET",
            url=ATTRIBUTES.url,
            answer=ATTRIBUTES.answer,
            forbidden_ok=True,
        ),
    ),
    operation(
        "audiences",
        Brevo.audiences,
        lists(LIST, count=2),
        lists({**LIST, "id": 2}, count=2),
    ),
    operation("fields", lambda a: a.fields("1"), ATTRIBUTES),
    operation(
        "subscriptions",
        lambda a: a.subscriptions([OLD, NEW], "1"),
        find(OLD, listIds=[1]),
        nobody(NEW),
    ),
    operation(
        "changes",
        lambda a: a.changes("1", ""),
        walk(person(OLD, listIds=[1]), count=1),
    ),
)
WRITING = (
    operation(
        "upsert of one",
        lambda a: a.upsert([MARY], "1", Options()),
        nobody(NEW),
        ATTRIBUTES,
        WRITE,
    ),
    operation(
        "upsert of one without values",
        lambda a: a.upsert([PLAIN], "1", Options()),
        find(OLD, listIds=[1]),
        UPDATE,
    ),
    operation(
        "upsert with double opt-in",
        asking,
        nobody(NEW),
        ATTRIBUTES,
        ASK,
    ),
    operation(
        "add_webhook",
        lambda a: a.add_webhook("https://x.example/hook?secret=s", "1"),
        Step(method="POST", url=f"{API}/webhooks", status=201, answer={"id": 7}),
    ),
    operation(
        "remove_webhook",
        lambda a: a.remove_webhook("7", "1"),
        Step(method="DELETE", url=f"{API}/webhooks/7", status=204),
    ),
    operation(
        "unsubscribe",
        lambda a: a.unsubscribe([OLD], "1"),
        Step(method="PUT", url=url(OLD), status=204, missing_ok=True),
    ),
    operation(
        "erase",
        lambda a: a.erase(OLD),
        Step(method="DELETE", url=url(OLD), status=204, missing_ok=True),
    ),
)
OPERATIONS = READING + WRITING

# Recorded from these pages, the requests and the answers.
PAGES = "https://developers.brevo.com/reference"
SDK = "https://github.com/getbrevo/brevo-python/blob/main/docs"
DAY = "(read 2026-11-22)"
ONE = "/v3/contacts/{identifier}"
DOCUMENTED = {
    ("GET", "/v3/account"): f"{SDK}/AccountApi.md {DAY}",
    ("GET", "/v3/contacts/lists"): f"{SDK}/ContactsApi.md {DAY}",
    ("GET", "/v3/contacts/attributes"): f"{SDK}/ContactsApi.md {DAY}",
    ("GET", "/v3/contacts"): f"{PAGES}/get-contacts {DAY}",
    ("POST", "/v3/contacts"): f"{SDK}/ContactsApi.md {DAY}",
    (
        "POST",
        "/v3/contacts/doubleOptinConfirmation",
    ): f"{PAGES}/create-doi-contact {DAY}",
    ("GET", ONE): f"{PAGES}/get-contact-info {DAY}",
    ("PUT", ONE): f"{SDK}/ContactsApi.md {DAY}",
    ("DELETE", ONE): f"{SDK}/ContactsApi.md {DAY}",
    ("POST", "/v3/webhooks"): f"{SDK}/WebhooksApi.md {DAY}",
    ("DELETE", "/v3/webhooks/{id}"): f"{PAGES}/delete-webhook {DAY}",
}


def leaver(
    status: str, reason: Reason, options: Options | None = None, **more: Any
) -> Leaver:
    return Leaver(
        status=status,
        reason=reason,
        state=OutcomeState.REJECTED,
        steps=(find(LEFT, **more),),
        options=options or Options(),
        never=("listIds", "includeListIds", "emailBlacklisted"),
        audience_id="1",
    )


LEAVERS = (
    leaver("unsubscribed", Reason.UNSUBSCRIBED, emailBlacklisted=True),
    leaver("unsubscribed", Reason.UNSUBSCRIBED, listUnsubscribed=[7, 1]),
    leaver(
        "unsubscribed",
        Reason.UNSUBSCRIBED,
        Options(double_opt_in=True, reconfirm=True),
        listUnsubscribed=[1],
    ),
    leaver(
        "bounced",
        Reason.BOUNCED,
        emailBlacklisted=True,
        statistics=stats(hardBounces=[EVENT]),
    ),
    leaver(
        "complained",
        Reason.COMPLIANCE,
        emailBlacklisted=True,
        statistics=stats(complaints=[EVENT], hardBounces=[EVENT]),
    ),
)
