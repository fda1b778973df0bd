"""Sinch MessageMedia's answers, as its API description shows them, and every request we
make."""

from __future__ import annotations

from typing import Any

from integrations.adapters.base import Contact, Options
from integrations.adapters.errors import Reason
from integrations.adapters.messagemedia import MessageMedia
from tests.integrations.conformance import Leaver, Operation, Step

SECRETS = {"api_key": "uCXUdoogNfCsehEClbO2", "api_secret": "q1w2e3r4t5y6u7i8o9"}
HOST = "https://eu.app.api.sinch.com"
CONTACTS = f"{HOST}/api/v1/contacts/contacts"
CUSTOM = f"{HOST}/api/v1/contacts/custom-fields"
LISTS = f"{HOST}/api/v1/contacts/lists"
BLACKLIST = f"{HOST}/v1/number_authorisation/mt/blacklist"
KEYS = f"{HOST}/v1/iam/signature_keys"
WEBHOOKS = f"{HOST}/v1/webhooks/messages"

LIST = "025e93d3-051b-43f9-b12e-4b5842228dee"
OTHER = "025e93d3-051b-43f9-b12e-4b5842228def"
EMAIL_FIELD = "11111111-5717-4562-b3fc-2c963f66afa6"
SIZE_FIELD = "22222222-5717-4562-b3fc-2c963f66afa6"
NEW, OLD, BAD, LEFT = "new@x.org", "old@x.org", "bad@x.org", "left@x.org"
PHONES = {
    NEW: "+61491570101",
    OLD: "+61491570102",
    BAD: "+61491570103",
    LEFT: "+61491570104",
}
IDS = {
    email: f"3fa85f64-5717-4562-b3fc-2c963f66af0{place}"
    for place, email in enumerate(PHONES)
}
STAMPS = {
    "createdDate": "2026-08-18T09:15:03.112Z",
    "lastModifiedDate": "2026-08-18T09:15:03.112Z",
}
OWNER = {"accountId": "Bakery7000", "vendorId": "SinchEU"}
ERROR = {"uuid": "3fa85f64-5717-4562-b3fc-2c963f66afa6", "detail": ""}
UNAUTHORIZED = {"message": "Invalid authentication credentials"}
FORBIDDEN = {**ERROR, "type": "forbidden", "title": "Forbidden"}
MISSING = {**ERROR, "type": "not_found", "title": "Not found"}
CONFLICT = {**ERROR, "type": "conflict", "title": "Contact already exists"}
REFUSED = {
    **ERROR,
    "type": "validation",
    "title": "Validation failed",
    "invalidFields": [
        {"name": "dateOfBirth", "reason": "must be a date", "code": "invalid_format"}
    ],
}


def contact(
    email: str, *lists: str, state: str = "SUBSCRIBED", **more: Any
) -> dict[str, Any]:
    return {
        "id": IDS[email],
        **OWNER,
        "firstName": "Mary",
        "lastName": "",
        "fullName": "Mary",
        "alias": "",
        "country": "",
        "state": "",
        "location": "",
        "note": "",
        **STAMPS,
        "customFields": [
            {"id": EMAIL_FIELD, "mergeTag": "email", "type": "EMAIL", "value": email},
            {"id": SIZE_FIELD, "mergeTag": "size", "type": "TEXT", "value": "M"},
        ],
        "channels": [
            {"channelId": PHONES[email], "type": "SMS", "subscriptionState": state}
        ],
        "lists": [{"id": number, "name": "Newsletter"} for number in lists],
        **more,
    }


def page(*rows: Any, token: str = "", total: int | None = None) -> dict[str, Any]:
    answer = {
        "content": list(rows),
        "totalElements": len(rows) if total is None else total,
    }
    return {**answer, "nextPageToken": token} if token else answer


def audience(number: str = LIST, name: str = "Newsletter") -> dict[str, Any]:
    return {"id": number, **OWNER, "name": name, "alias": "", **STAMPS}


def custom(number: str, tag: str, kind: str) -> dict[str, Any]:
    return {
        "id": number,
        **OWNER,
        "label": tag.title(),
        "mergeTag": tag,
        "maxLength": 60,
        "type": kind,
        **STAMPS,
    }


def got(url: str, answer: object, **more: Any) -> Step:
    return Step(method="GET", url=url, answer=answer, **more)


def authorised(*emails: str, blocked: tuple[str, ...] = ()) -> Step:
    numbers = [PHONES[email] for email in emails]
    return got(
        f"{HOST}/v1/number_authorisation/is_authorised/{','.join(numbers)}",
        {
            "uri": f"/v1/number_authorisation/is_authorised/{','.join(numbers)}",
            "numbers": [
                {
                    "number": PHONES[email].lstrip("+"),
                    "authorised": email not in blocked,
                }
                for email in emails
            ],
        },
    )


def person(email: str, **fields: Any) -> Contact:
    return Contact(email=email, fields={"phone": PHONES[email], **fields})


def found(*rows: Any) -> Step:
    return got(CONTACTS, page(*rows))


FIELDS = got(
    CUSTOM,
    page(
        custom(SIZE_FIELD, "size", "TEXT"),
        custom("33333333-5717-4562-b3fc-2c963f66afa6", "work", "EMAIL"),
        custom(EMAIL_FIELD, "email", "EMAIL"),
    ),
)
THERE = got(f"{LISTS}/{LIST}", audience())
JOIN = Step(method="PATCH", url=f"{LISTS}/{LIST}/contacts", answer=audience())
CREATE = Step(method="POST", url=CONTACTS, answer=contact(NEW), status=201)
CHANGE = Step(
    method="PATCH",
    url=f"{CONTACTS}/{IDS[OLD]}",
    answer=contact(OLD, LIST),
    missing_ok=True,
)
NEW_KEY = {
    "key_id": "7ca628a8-08b0-4e42-aeb8-960b37049c31",
    "public_key": "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCB",
    "cipher": "RSA",
    "digest": "SHA512",
    "created": "2018-01-18T10:16:12.364Z",
    "enabled": False,
}
HOOK_ID = "8805c9d8-bef7-41c7-906a-69ede93aa024"
HOOK = Step(
    method="POST",
    url=WEBHOOKS,
    answer={"id": HOOK_ID},
    status=201,
)
NO_KEY = got(
    f"{KEYS}/enabled",
    {"message": "Currently no key is enabled"},
    status=404,
    missing_ok=True,
    forbidden_ok=True,
)
MAKE_KEY = Step(method="POST", url=KEYS, answer=NEW_KEY, status=201)
USE_KEY = Step(
    method="PATCH",
    url=f"{KEYS}/enabled",
    answer={k: v for k, v in NEW_KEY.items() if k != "public_key"},
)


def several(
    name: str, people: tuple[Contact, ...], *steps: Step, **options: Any
) -> Any:
    return Operation(
        name=f"upsert of several, {name}",
        run=lambda adapter: adapter.upsert(people, LIST, Options(**options)),
        steps=steps,
    )


# Without a number nothing is asked about somebody.
PEOPLE = (
    person(NEW),
    Contact(email=BAD),
    Contact(email="worse@x.org", fields={"phone": "0491 570 156"}),
)
READING = (
    Operation(
        name="verify",
        run=lambda adapter: adapter.verify(),
        steps=(
            got(CONTACTS, page(contact(OLD), total=42), forbidden_ok=True),
            got(LISTS, page(audience()), forbidden_ok=True),
            got(CUSTOM, FIELDS.answer, forbidden_ok=True),
            got(
                BLACKLIST,
                {"uri": "/v1/number_authorisation/mt/blacklist", "numbers": []},
                forbidden_ok=True,
            ),
        ),
    ),
    Operation(
        name="audiences",
        run=lambda adapter: adapter.audiences(),
        steps=(
            got(LISTS, page(audience(), token="t1")),
            got(CONTACTS, page(contact(OLD), total=42)),
            got(LISTS, page(audience(OTHER, "Shop"))),
            got(CONTACTS, page()),
        ),
    ),
    Operation(name="fields", run=lambda adapter: adapter.fields(LIST), steps=(FIELDS,)),
    Operation(
        name="subscriptions",
        run=lambda adapter: adapter.subscriptions([OLD, NEW], LIST),
        steps=(found(contact(OLD, LIST)), authorised(OLD)),
    ),
    Operation(
        name="subscriptions of a stranger",
        run=lambda adapter: adapter.subscriptions([NEW], LIST),
        steps=(found(), THERE),
    ),
    Operation(
        name="changes",
        run=lambda adapter: adapter.changes(LIST, ""),
        steps=(
            got(CONTACTS, page(contact(OLD, LIST), contact(LEFT, LIST), token="t2")),
            authorised(OLD, LEFT, blocked=(LEFT,)),
        ),
    ),
)
BATCH = several(
    "some without a number",
    PEOPLE,
    found(),
    authorised(NEW),
    THERE,
    FIELDS,
    CREATE,
    JOIN,
)
WRITING = (
    BATCH,
    several(
        "known ones",
        (person(OLD, firstName="Ann"),),
        found(contact(OLD)),
        authorised(OLD),
        THERE,
        FIELDS,
        CHANGE,
        JOIN,
    ),
    Operation(
        name="unsubscribe",
        run=lambda adapter: adapter.unsubscribe([OLD], LIST),
        steps=(
            found(contact(OLD, LIST)),
            Step(
                method="POST",
                url=BLACKLIST,
                answer={
                    "uri": "/v1/number_authorisation/mt/blacklist",
                    "numbers": [PHONES[OLD]],
                },
                status=201,
            ),
        ),
    ),
    Operation(
        name="unsubscribe of a stranger",
        run=lambda adapter: adapter.unsubscribe([NEW], LIST),
        steps=(found(), THERE),
    ),
    Operation(
        name="erase",
        run=lambda adapter: adapter.erase(OLD),
        steps=(
            found(contact(OLD)),
            Step(
                method="DELETE",
                url=f"{CONTACTS}/{IDS[OLD]}",
                status=204,
                missing_ok=True,
            ),
        ),
    ),
    Operation(
        name="add_webhook",
        run=lambda adapter: adapter.add_webhook("https://h.example/?secret=s", LIST),
        steps=(NO_KEY, MAKE_KEY, USE_KEY, HOOK),
    ),
    Operation(
        name="remove_webhook",
        run=lambda adapter: adapter.remove_webhook(HOOK_ID, LIST),
        steps=(Step(method="DELETE", url=f"{WEBHOOKS}/{HOOK_ID}", status=204),),
    ),
)
OPERATIONS = READING + WRITING

NEVER = ("SUBSCRIBED", "contactsToAddIds", '"channels"')
LEAVERS = tuple(
    Leaver(
        status="unsubscribed",
        steps=steps,
        reason=Reason.UNSUBSCRIBED,
        never=NEVER,
        contacts=(person(LEFT, firstName="Ann"),),
        audience_id=LIST,
    )
    for steps in (
        (found(contact(LEFT, LIST)), authorised(LEFT, blocked=(LEFT,))),
        (found(contact(LEFT, LIST, state="UNSUBSCRIBED")), authorised(LEFT)),
        (found(contact(LEFT, state="UNSUBSCRIBED")), authorised(LEFT)),
        (found(), authorised(LEFT, blocked=(LEFT,))),
    )
)


def adapter(**secrets: str) -> MessageMedia:
    return MessageMedia({**SECRETS, **secrets})
