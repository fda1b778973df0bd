"""GetResponse's answers, as its description shows them, and the requests we make."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from integrations.adapters.base import Contact, Options
from integrations.adapters.errors import Reason
from integrations.adapters.getresponse import GetResponse
from integrations.adapters.shared import to_place
from tests.integrations.conformance import Leaver, Operation, Step

API = "https://api.getresponse.com/v3"
SECRETS = {"api_key": "0fvhw9z6t2j4w1c8p3n5k7d1s9q2x4b6"}
LIST = "p86zQ"
NEW, OLD, LEFT = "new@x.org", "old@x.org", "left@x.org"
ONCE = Options()


def failure(status: int, code: int, message: str) -> dict[str, Any]:
    return {
        "httpStatus": status,
        "code": code,
        "codeDescription": "",
        "message": message,
        "moreInfo": f"https://apidocs.getresponse.com/v3/errors/{code}",
        "context": {},
        "uuid": "5b2c3f0a-6c1e-4a3f-8d9e-1f2a3b4c5d6e",
    }


def campaign(api: str = "single") -> dict[str, Any]:
    types = {"email": "single", "api": api, "import": "single", "webform": "double"}
    return {"campaignId": LIST, "name": "newsletter", "optinTypes": types}


def person(email: str = OLD, **more: Any) -> dict[str, Any]:
    return {
        "contactId": "a1B",
        "name": "Mary",
        "origin": "api",
        "email": email,
        "campaign": {"campaignId": LIST, "name": "newsletter"},
        "createdOn": "2026-07-01T10:00:00+0000",
        "changedOn": "2026-08-01T10:00:00+0000",
        **more,
    }


def removed(reason: str, email: str = LEFT, **more: Any) -> dict[str, Any]:
    return {
        "contactId": "x9",
        "email": email,
        "campaign": {"campaignId": LIST},
        "reason": reason,
        "deletedOn": "2026-08-01T10:00:00+0000",
        **more,
    }


DETAIL = person(
    tags=[{"tagId": "t1", "name": "vip"}],
    customFieldValues=[
        {"customFieldId": "f1", "value": ["London"], "fieldType": "text"},
        {"customFieldId": "f2", "value": ["Tea", "Milk"], "fieldType": "checkbox"},
    ],
)
CUSTOM = [
    {"customFieldId": "f1", "name": "city", "valueType": "string", "format": "text"},
    {
        **{"customFieldId": "f2", "name": "likes", "valueType": "string"},
        **{"format": "checkbox", "values": ["Tea", "Milk"]},
    },
    {
        **{"customFieldId": "f3", "name": "age", "valueType": "string"},
        **{"fieldType": "single_select", "values": ["<18", "18+"]},
    },
    {"customFieldId": "f4", "name": "born", "valueType": "date", "values": []},
]


def get(path: str, answer: object, **more: Any) -> Step:
    return Step(method="GET", url=f"{API}/{path}", answer=answer, **more)


def post(path: str, answer: object, status: int = 200, **more: Any) -> Step:
    url = f"{API}/{path}"
    return Step(method="POST", url=url, answer=answer, status=status, **more)


def found(*rows: Any) -> Step:
    return get("contacts", list(rows))


def searched(*rows: Any) -> Step:
    return post("search-contacts/contacts", list(rows))


SINGLE = get(f"campaigns/{LIST}", campaign())
DOUBLE = get(f"campaigns/{LIST}", campaign("double"))
ADD = post("contacts", None, 202)
CUSTOMS = post("contacts/a1B/custom-fields", [], missing_ok=True)
TAGGED = post("contacts/a1B/tags", [], missing_ok=True)
NAMED = post("contacts/a1B", DETAIL, missing_ok=True)
DELETE = Step(method="DELETE", url=f"{API}/contacts/a1B", status=204, missing_ok=True)
TAGS = get("tags", [{"tagId": "t1", "name": "VIP"}])
MADE = post("tags", {"tagId": "t2", "name": "pop_up"}, 201)
FULL = Contact(
    email=OLD,
    fields={"name": "Ann", "f1": "Bath", "f2": ["Tea"], "f4": " "},
    tags=("vip", "pop up"),
)


def operation(name: str, run: Any, *steps: Step) -> Operation:
    return Operation(name=name, run=run, steps=steps)


OPERATIONS = (
    operation(
        "verify",
        GetResponse.verify,
        get("accounts", {"email": "owner@shop.example", "companyName": "Shop"}),
        get("campaigns", [campaign()], forbidden_ok=True),
        get("contacts", [person()], forbidden_ok=True),
        get("custom-fields", CUSTOM, forbidden_ok=True),
    ),
    operation(
        "audiences",
        GetResponse.audiences,
        get("campaigns", [{"campaignId": LIST, "name": "newsletter"}]),
        DOUBLE,
        get("contacts", [person()]),
    ),
    operation("fields", lambda a: a.fields(LIST), get("custom-fields", CUSTOM)),
    operation(
        "subscriptions",
        lambda a: a.subscriptions([NEW], LIST),
        found(),
        searched(),
        searched(),
    ),
    operation(
        "subscriptions of somebody who is there",
        lambda a: a.subscriptions([OLD], LIST),
        found(person()),
        get("contacts/a1B", DETAIL, missing_ok=True),
    ),
    operation(
        "changes",
        lambda a: a.changes(LIST, ""),
        found(person()),
        get("contacts/a1B", DETAIL, missing_ok=True),
    ),
    operation(
        "changes since",
        lambda a: a.changes(LIST, to_place(0, "2026-08-01T00:00:00+0000", "", "")),
        searched(removed("unsubscribe")),
        found(),
    ),
    operation(
        "upsert of two new people",
        lambda a: a.upsert((Contact(email=NEW), Contact(email="b@x.org")), LIST, ONCE),
        *(SINGLE, found(), searched(), ADD, found(), searched(), ADD),
    ),
    operation(
        "upsert of somebody known",
        lambda a: a.upsert([FULL], LIST, ONCE),
        *(SINGLE, found(person()), TAGS, MADE, NAMED, CUSTOMS, TAGGED),
    ),
    operation("poll", lambda a: a.poll("j", [OLD], LIST), found(person())),
    operation(
        "unsubscribe", lambda a: a.unsubscribe([OLD], LIST), found(person()), DELETE
    ),
    operation("erase", lambda a: a.erase(OLD), found(person()), DELETE),
)
GONE_AT = datetime(2026, 8, 1, 10, tzinfo=UTC)


def leaver(status: str, reason: Reason, why: str, *modes: Any) -> Leaver:
    mode, options, at = modes or (SINGLE, ONCE, None)
    return Leaver(
        status=status,
        reason=reason,
        steps=(mode, found(), searched(removed(why))),
        contacts=(Contact(email=LEFT, signed_up_at=at),),
        options=options,
        never=('"campaign"', "dayOfCycle"),
        audience_id=LIST,
    )


AGAIN = Options(reconfirm=True)
LATER = datetime(2026, 9, 1, tzinfo=UTC)


LEAVERS = (
    leaver("unsubscribed", Reason.UNSUBSCRIBED, "unsubscribe"),
    # The list asks nobody, so neither does the rule that wants to.
    leaver("unsubscribed", Reason.UNSUBSCRIBED, "api", SINGLE, AGAIN, LATER),
    leaver("unsubscribed", Reason.UNSUBSCRIBED, "unsubscribe", DOUBLE, AGAIN, None),
    leaver("bounced", Reason.BOUNCED, "bounce", DOUBLE, AGAIN, LATER),
    leaver("complained", Reason.COMPLIANCE, "complaint", DOUBLE, AGAIN, LATER),
    leaver("archived", Reason.UNSUBSCRIBED, "user", DOUBLE, AGAIN, LATER),
)


DOCS = "https://apireference.getresponse.com"
SEEN = "(read 2026-11-22)"
OPS = {
    ("GET", "/v3/accounts"): "getAccount",
    ("GET", "/v3/campaigns"): "getCampaignList",
    ("GET", "/v3/campaigns/{id}"): "getCampaign",
    ("GET", "/v3/custom-fields"): "getCustomFieldList",
    ("GET", "/v3/contacts"): "getContactList",
    ("GET", "/v3/contacts/{id}"): "getContactById",
    ("POST", "/v3/contacts"): "createContact",
    ("POST", "/v3/contacts/{id}"): "updateContact",
    ("POST", "/v3/contacts/{id}/custom-fields"): "upsertContactCustoms",
    ("POST", "/v3/contacts/{id}/tags"): "upsertTags",
    ("DELETE", "/v3/contacts/{id}"): "deleteContact",
    ("GET", "/v3/tags"): "getTagsList",
    ("POST", "/v3/tags"): "createTag",
    (
        "POST",
        "/v3/search-contacts/contacts",
    ): "getContactsFromSearchContactsConditions",
}


DOCUMENTED = {route: f"{DOCS}/#operation/{name} {SEEN}" for route, name in OPS.items()}
