"""Salesforce's answers, as its guides show them, and every request we make."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

from integrations.adapters.base import Contact, Options, OutcomeState
from integrations.adapters.salesforce import Salesforce
from tests.integrations.conformance import Leaver, Operation, Step, register, wire

HOST = "https://acme.my.salesforce.com"
SECRETS = {
    "domain": "acme.my",
    "instance_url": HOST,
    "access_token": "00DB0000000TfcR!AQQAQFhoK8vTMg_rKA.esrJ2bCs.OOIjJgl",
}
DATA = f"{HOST}/services/data/v64.0"
QUERY, QUERY_ALL = f"{DATA}/query", f"{DATA}/queryAll"
ROWS = f"{DATA}/composite/sobjects"
AT = "2026-08-01T10:00:00.000+0000"
NEW, OLD, LEFT = "new@x.org", "old@x.org", "left@x.org"
IDS = {
    NEW: "00Q5e00001AbCdEEAV",
    OLD: "00Q5e00001AbCdFEAV",
    LEFT: "00Q5e00001AbCdGEAV",
}
PEOPLE = tuple(
    Contact(email=email, fields={"LastName": "Ray", "Company": "X"})
    for email in (NEW, OLD)
)


def problem(code: str, message: str, *fields: str) -> list[dict[str, Any]]:
    body: dict[str, Any] = {"message": message, "errorCode": code}
    return [{**body, **({"fields": list(fields)} if fields else {})}]


UNAUTHORIZED = problem("INVALID_SESSION_ID", "Session expired or invalid")
FORBIDDEN = problem(
    "INSUFFICIENT_ACCESS", "You don't have permission to view this record."
)
MISSING = problem("NOT_FOUND", "The requested resource does not exist")
REFUSED = problem("MALFORMED_QUERY", "unexpected token: 'x'")
TOO_MANY = problem("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")


def record(email: str, **more: Any) -> dict[str, Any]:
    number = IDS[email]
    url = f"/services/data/v64.0/sobjects/Lead/{number}"
    return {
        "attributes": {"type": "Lead", "url": url},
        "Id": number,
        "Email": email,
        "HasOptedOutOfEmail": False,
        "EmailBouncedDate": None,
        "SystemModstamp": AT,
        "CreatedDate": AT,
        "LastName": "Sample",
        "IsConverted": False,
        **more,
    }


def found(*records: Any, following: str = "") -> dict[str, Any]:
    body = {"totalSize": len(records), "done": not following, "records": list(records)}
    return {**body, **({"nextRecordsUrl": following} if following else {})}


def lookup(*records: Any, **more: Any) -> Step:
    return Step(method="GET", url=QUERY, answer=found(*records), **more)


ELSEWHERE = lookup(missing_ok=True, forbidden_ok=True)


def saved(email: str) -> dict[str, Any]:
    return {"id": IDS[email], "success": True, "errors": []}


def unsaved(code: str, message: str, *fields: str) -> dict[str, Any]:
    error = {"statusCode": code, "message": message, "fields": list(fields)}
    return {"success": False, "errors": [error]}


def rows(method: str, *results: Any) -> Step:
    return Step(method=method, url=ROWS, answer=list(results))


def column(name: str, kind: str = "string", **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "label": name,
        "type": kind,
        "createable": True,
        "updateable": True,
        "nillable": True,
        "defaultedOnCreate": False,
        "deprecatedAndHidden": False,
        "picklistValues": [],
        **more,
    }


def picked(value: str, *, active: bool = True) -> dict[str, Any]:
    return {"active": active, "value": value, "label": value, "defaultValue": False}


COLUMNS = (
    column("Id", "id", createable=False, updateable=False, nillable=False),
    column("LastName", nillable=False),
    column("Company", nillable=False),
    column("Name", createable=False, updateable=False, nillable=False),
    column("Email", "email"),
    column("Phone", "phone"),
    column("PostalCode"),
    column("Address", "address", createable=False, updateable=False),
    column("NumberOfEmployees", "int"),
    column("HasOptedOutOfEmail", "boolean", nillable=False, defaultedOnCreate=True),
    column(
        "Industry", "picklist", picklistValues=[picked("A"), picked("B", active=False)]
    ),
)


def described(thing: str = "Lead", **more: Any) -> dict[str, Any]:
    return {
        "name": thing,
        "queryable": True,
        "createable": True,
        "updateable": True,
        "fields": list(COLUMNS),
        **more,
    }


def describe(thing: str, **more: Any) -> Step:
    url = f"{DATA}/sobjects/{thing}/describe"
    return Step(method="GET", url=url, answer=described(thing), **more)


def count(number: int, **more: Any) -> Step:
    answer = {"totalSize": number, "done": True, "records": []}
    return Step(method="GET", url=QUERY, answer=answer, **more)


LIMITS = {"DailyApiRequests": {"Max": 15000, "Remaining": 14998}}
ORGANISATION = {"Id": "00DB0000000TfcRMAS", "Name": "Acme", "IsSandbox": True}
JOINED = "campaign:7015e00001AbCdEAAV"
CAMPAIGN = {
    "Id": "7015e00001AbCdEAAV",
    "Name": "Spring fair",
    "NumberOfLeads": 3,
    "NumberOfContacts": 2,
}
SEEN = {"missing_ok": True, "forbidden_ok": True}


def member(email: str, *, contact: bool = False) -> dict[str, Any]:
    return {
        "Id": f"00v{IDS[email][3:]}",
        "LeadId": None if contact else IDS[email],
        "ContactId": IDS[email] if contact else None,
    }


def operation(name: str, run: Any, *steps: Step) -> Operation:
    return Operation(name=name, run=run, steps=steps)


OPERATIONS = (
    operation(
        "verify",
        Salesforce.verify,
        lookup(ORGANISATION),
        Step(method="GET", url=f"{DATA}/limits", answer=LIMITS, forbidden_ok=True),
        describe("Lead", **SEEN),
        count(42, **SEEN),
        describe("Contact", **SEEN),
        count(7, **SEEN),
    ),
    operation(
        "audiences",
        Salesforce.audiences,
        count(42),
        count(7),
        lookup(CAMPAIGN, **SEEN),
    ),
    operation("fields", lambda a: a.fields("Lead"), describe("Lead")),
    operation(
        "subscriptions",
        lambda a: a.subscriptions([OLD, NEW], "Lead"),
        Step(
            method="GET",
            url=QUERY,
            answer=found(record(OLD), following="/services/data/v64.0/query/01g-2000"),
        ),
        Step(method="GET", url=f"{QUERY}/01g-2000", answer=found(record(OLD))),
    ),
    operation(
        "changes",
        lambda a: a.changes("Lead", ""),
        Step(method="GET", url=QUERY_ALL, answer=found(record(OLD, LastName="Ray"))),
    ),
    operation(
        "changes with somebody deleted",
        lambda a: a.changes("Lead", f'[0, "{AT}", "{AT}", "{AT} {IDS[OLD]}"]'),
        Step(method="GET", url=QUERY_ALL, answer=found(record(LEFT, IsDeleted=True))),
        lookup(),
    ),
    operation(
        "upsert",
        lambda a: a.upsert(PEOPLE, "Lead", Options()),
        lookup(record(OLD)),
        ELSEWHERE,
        rows("PATCH", unsaved("STRING_TOO_LONG", "Company: value too large")),
        rows("POST", saved(NEW)),
    ),
    operation(
        "unsubscribe",
        lambda a: a.unsubscribe([OLD, NEW], "Lead"),
        lookup(record(OLD)),
        rows("PATCH", saved(OLD)),
    ),
    operation(
        "upsert to a campaign",
        lambda a: a.upsert(PEOPLE, JOINED, Options()),
        lookup(record(OLD)),
        lookup(),
        ELSEWHERE,
        rows("POST", saved(NEW)),
        lookup(member(OLD, contact=True)),
        rows("POST", {"id": "00v5e00001AbCdJAAV", "success": True, "errors": []}),
    ),
    operation(
        "subscriptions to a campaign",
        lambda a: a.subscriptions([OLD, NEW], JOINED),
        lookup(),
        lookup(record(OLD)),
        lookup(member(OLD)),
    ),
    operation(
        "changes of a campaign",
        lambda a: a.changes(JOINED, ""),
        lookup(member(OLD), member(LEFT, contact=True)),
        lookup(record(OLD)),
        lookup(record(LEFT, HasOptedOutOfEmail=True)),
    ),
    operation(
        "unsubscribe from a campaign",
        lambda a: a.unsubscribe([OLD, NEW], JOINED),
        lookup(),
        lookup(record(OLD)),
        lookup(member(OLD)),
        rows("DELETE", saved(OLD)),
    ),
    operation(
        "erase",
        lambda a: a.erase(OLD),
        lookup(record(OLD)),
        lookup(),
        rows("DELETE", saved(OLD)),
    ),
)

LOST = operation(
    "upsert of somebody whom a campaign does not take",
    lambda a: a.upsert(PEOPLE[1:], JOINED, Options()),
    lookup(record(OLD)),
    lookup(),
    rows("POST", unsaved("FIELD_CUSTOM_VALIDATION_EXCEPTION", "Full.")),
    lookup(CAMPAIGN),
)

NEVER = (
    '"HasOptedOutOfEmail": false',
    '"EmailBouncedDate"',
    '"EmailBouncedReason"',
)
TRIES = {"HasOptedOutOfEmail": False, "EmailBouncedDate": "", "LastName": "Ray"}


def leaver(status: str, *steps: Step, audience: str = "Lead") -> Leaver:
    return Leaver(
        status=status,
        state=OutcomeState.SYNCED,
        reason=None,
        audience_id=audience,
        contacts=(Contact(email=LEFT, fields={**TRIES, "EmailBouncedReason": "none"}),),
        steps=steps,
        never=NEVER,
    )


LEAVERS = (
    leaver(
        "unsubscribed",
        lookup(record(LEFT, HasOptedOutOfEmail=True)),
        rows("PATCH", saved(LEFT)),
    ),
    leaver(
        "unsubscribed",
        lookup(),
        lookup(record(LEFT, HasOptedOutOfEmail=True)),
        rows("POST", saved(LEFT)),
        audience="Contact",
    ),
    leaver(
        "unsubscribed",
        lookup(record(LEFT, HasOptedOutOfEmail=True)),
        lookup(member(LEFT, contact=True)),
        audience=JOINED,
    ),
    leaver(
        "bounced",
        lookup(record(LEFT, EmailBouncedDate=AT)),
        rows("PATCH", saved(LEFT)),
    ),
)


def run(steps: tuple[Step, ...], do: Any) -> tuple[Any, list[Any]]:
    """What `do` gives, and what was sent: SOQL, or a JSON body."""
    with wire() as mock:
        for step in steps:
            register(mock, step)
        result = do(Salesforce(SECRETS))
        sent = []
        for call in mock.calls:
            query = parse_qs(urlsplit(str(call.request.url)).query)
            body = json.loads(call.request.body) if call.request.body else None
            sent.append(query["q"][0] if "q" in query else body or query)
        assert len(sent) == len(steps)
        return result, sent
