"""HubSpot's answers, as its reference shows them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any
from urllib.parse import quote

from integrations.adapters.base import Contact, Incoming
from integrations.adapters.hubspot import HubSpot
from integrations.adapters.hubspot.wire import trace
from tests.integrations.conformance import Step, register, wire

API = "https://api.hubapi.com"
SECRETS = {
    "access_token": "CKrw8s2rMRICAAEBGNvi3w4g",
    "webhook_secret": "5d1e0a8f-7c52-4b9c-9d8e-1d0a6d5f3b11",
}
CONTACTS = f"{API}/crm/v3/objects/contacts"
LISTS = f"{API}/crm/v3/lists"
STATUSES = f"{API}/communication-preferences/v4/statuses"
LIST, SUBSCRIPTION, EVERYBODY = "list:42", "subscription:789", "contacts"
AT = "2026-08-01T10:00:00.123Z"
NEW, OLD, BAD, LEFT = "new@x.org", "old@x.org", "bad@x.org", "left@x.org"
IDS = {NEW: "101", OLD: "102", BAD: "103", LEFT: "104"}
PEOPLE = tuple(Contact(email=e, fields={"firstname": "Mary"}) for e in (NEW, OLD, BAD))


def error(category: str, message: str, *details: Any, **more: Any) -> dict[str, Any]:
    body = {
        "status": "error",
        "message": message,
        "correlationId": "aeb5f871-7f07-4993-9211-075dc63e7cbf",
        "category": category,
    }
    return {**body, **({"errors": list(details)} if details else {}), **more}


UNAUTHORIZED = error(
    "INVALID_AUTHENTICATION",
    "Authentication credentials not found. This API supports OAuth 2.0 authentication.",
)
FORBIDDEN = error(
    "MISSING_SCOPES",
    "This app hasn't been granted all required scopes to make this call.",
    {
        "message": "One or more of the following scopes are required.",
        "context": {"requiredGranularScopes": ["crm.objects.contacts.write"]},
    },
)
MISSING = error("OBJECT_NOT_FOUND", "Object not found.")
INVALID = 'Property values were not valid: [{"isValid":false,"name":"age"}]'
REFUSED = error("VALIDATION_ERROR", INVALID)


def record(email: str, **properties: str) -> dict[str, Any]:
    return {
        "id": IDS[email],
        "properties": {
            "email": email,
            "firstname": "Mary",
            "hs_object_id": IDS[email],
            "lastmodifieddate": AT,
            **properties,
        },
        "createdAt": AT,
        "updatedAt": AT,
        "archived": False,
    }


def done(*results: Any, errors: tuple[Any, ...] = ()) -> dict[str, Any]:
    body = {
        "status": "COMPLETE",
        "results": list(results),
        "startedAt": AT,
        "completedAt": AT,
    }
    return {**body, **({"errors": list(errors), "numErrors": 1} if errors else {})}


def written(email: str, *, new: bool = False) -> dict[str, Any]:
    return {**record(email), "new": new, "objectWriteTraceId": trace(email)}


def row_error(email: str, message: str = INVALID, code: str = "") -> dict[str, Any]:
    detail = {"message": message, **({"code": code} if code else {})}
    return {
        "status": "error",
        "category": "VALIDATION_ERROR",
        "message": message,
        "context": {"objectWriteTraceId": [trace(email)]},
        "errors": [detail],
        "links": {},
    }


def status(email: str, state: str, **more: Any) -> dict[str, Any]:
    return {
        "channel": "EMAIL",
        "source": "Updated by the contact",
        "status": state,
        "subscriberIdString": email,
        "subscriptionId": 789,
        "subscriptionName": "Newsletter",
        "timestamp": AT,
        **more,
    }


def status_url(email: str) -> str:
    return f"{STATUSES}/{quote(email, safe='')}"


def read(*results: Any, missing: bool = False) -> Step:
    """The look-up before every write."""
    if not missing:
        return Step(method="POST", url=f"{CONTACTS}/batch/read", answer=done(*results))
    gone = {
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "message": "Could not get some CONTACT objects, they may be deleted or not "
        "exist. Check that ids are valid.",
        "context": {"ids": [NEW]},
        "errors": [],
        "links": {},
    }
    answer = done(*results, errors=(gone,))
    return Step(method="POST", url=f"{CONTACTS}/batch/read", status=207, answer=answer)


def upsert(*results: Any, errors: tuple[Any, ...] = ()) -> Step:
    return Step(
        method="POST",
        url=f"{CONTACTS}/batch/upsert",
        status=207 if errors else 200,
        answer=done(*results, errors=errors),
    )


def members(how: str, *ids: str) -> Step:
    answer = {
        "recordsIdsAdded": list(ids) if how == "add" else [],
        "recordIdsRemoved": list(ids) if how == "remove" else [],
        "recordIdsMissing": [],
    }
    return Step(method="PUT", url=f"{LISTS}/42/memberships/{how}", answer=answer)


def asked(email: str, *rows: Any, **more: Any) -> Step:
    return Step(
        method="GET",
        url=status_url(email),
        answer=done(*rows),
        missing_ok=True,
        **more,
    )


def set_to(email: str, state: str, why: str = "REQUESTED_CHANGE_OCCURRED") -> Step:
    answer = done(status(email, state, setStatusSuccessReason=why))
    return Step(method="POST", url=status_url(email), answer=answer)


def prop(name: str, kind: str, field: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "label": name.capitalize(),
        "type": kind,
        "fieldType": field,
        "groupName": "contactinformation",
        "description": "",
        "options": [],
        "hidden": False,
        "calculated": False,
        "modificationMetadata": {
            "archivable": True,
            "readOnlyDefinition": True,
            "readOnlyValue": False,
        },
        **more,
    }


def option(value: str, *, hidden: bool = False) -> dict[str, Any]:
    return {"label": value.upper(), "value": value, "hidden": hidden}


PROPERTIES = {
    "results": [
        prop("email", "string", "text"),
        prop("firstname", "string", "text"),
        prop("age", "number", "number"),
        prop("phone", "string", "phonenumber"),
        prop("size", "enumeration", "select", options=[option("s"), option("m")]),
    ]
}
DETAILS = {
    "portalId": 62515,
    "accountType": "STANDARD",
    "timeZone": "US/Eastern",
    "companyCurrency": "USD",
    "additionalCurrencies": [],
    "utcOffset": "-04:00",
    "utcOffsetMilliseconds": -14_400_000,
    "uiDomain": "app.hubspot.com",
    "dataHostingLocation": "na1",
}


def lists(*rows: tuple[str, str], more: bool = False) -> dict[str, Any]:
    found = [
        {
            "listId": number,
            "listVersion": 1,
            "name": name,
            "objectTypeId": "0-1",
            "processingStatus": "COMPLETE",
            "processingType": "MANUAL",
            "additionalProperties": {"hs_list_size": "7"},
        }
        for number, name in rows
    ]
    return {"lists": found, "hasMore": more, "offset": len(found), "total": 2}


def definition(number: str, name: str, **more: Any) -> dict[str, Any]:
    return {
        "id": number,
        "name": name,
        "description": "",
        "isActive": True,
        "isDefault": False,
        "isInternal": False,
        "createdAt": AT,
        "updatedAt": AT,
        **more,
    }


DEFINITIONS = Step(
    method="GET",
    url=f"{API}/communication-preferences/v4/definitions",
    answer=done(definition("789", "Newsletter")),
    forbidden_ok=True,
)
FIELDS = Step(method="GET", url=f"{API}/crm/v3/properties/contacts", answer=PROPERTIES)


def page(*results: Any, after: str = "") -> dict[str, Any]:
    following = {"paging": {"next": {"after": after, "link": ""}}} if after else {}
    return {"results": list(results), **following}


def member(number: str) -> dict[str, Any]:
    return {"recordId": number, "membershipTimestamp": AT}


def memberships(number: str, *list_ids: str) -> Step:
    row = {
        "recordId": number,
        "objectTypeId": "0-1",
        "recordListMemberships": [
            {"listId": item, "listVersion": 1} for item in list_ids
        ],
    }
    return Step(
        method="POST",
        url=f"{LISTS}/records/memberships/batch/read",
        answer=done(row),
    )


HOOK = "https://app.example.net/hooks/7?a=%3A%2f"


def signed(events: Any, *, age: float = 0, secret: str = "") -> Incoming:
    """What HubSpot posts, `age` seconds ago, signed with version 3."""
    body = json.dumps(events).encode()
    stamp = str(int((time.time() - age) * 1000))
    text = b"POSThttps://app.example.net/hooks/7?a=:/" + body + stamp.encode()
    key = (secret or SECRETS["webhook_secret"]).encode()
    digest = hmac.new(key, text, hashlib.sha256).digest()
    return Incoming(
        method="POST",
        url=HOOK,
        headers={
            "x-hubspot-request-timestamp": stamp,
            "x-hubspot-signature-v3": base64.b64encode(digest).decode(),
        },
        body=body,
    )


def run(steps: tuple[Step, ...], do: Any) -> tuple[Any, list[Any]]:
    """What `do` gives, and the JSON bodies it sent."""
    with wire() as mock:
        for step in steps:
            register(mock, step)
        result = do(HubSpot(SECRETS))
        sent = [json.loads(call.request.body or "null") for call in mock.calls]
        assert len(sent) == len(steps)
        return result, sent
