"""iContact's answers, as the pages of its API reference show them, and every request
we make."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from integrations.adapters.base import Contact, Options
from integrations.adapters.errors import Reason
from integrations.adapters.icontact import IContact
from tests.integrations.conformance import Leaver, Operation, Step

SECRETS = {
    "app_id": "Ml5SnuFhnoOsuZeTOuZQnLUHTbzeUyhx",
    "username": "freddie@freddies.example",
    "api_password": "application-pass",
    "sub_account": "111111/222222",
}
HOST = "https://app.icontact.com/icp"
FOLDER = f"{HOST}/a/111111/c/222222"
CONTACTS, SUBSCRIPTIONS = f"{FOLDER}/contacts", f"{FOLDER}/subscriptions"
LIST = "444444"

NEW, OLD, FAKE, LEFT = "new@x.org", "old@x.org", "fake@x.org", "left@x.org"
IDS = {NEW: 333001, OLD: 333002, FAKE: 333003, LEFT: 333004}
LEFT_AT = "2026-08-01T10:00:00-0400"
AFTER = datetime(2026, 8, 1, 14, 0, 5, tzinfo=UTC)

UNAUTHORIZED = {"errors": ["Api username invalid"]}
FORBIDDEN = {"errors": ["You do not have permission to perform that action."]}
MISSING = {"errors": ["Resource not found"]}
REFUSED = {"errors": ["Your request contained invalid data."]}
BAD_ADDRESS = "email is not a valid email address."


def contact(email: str, status: str = "normal", **more: Any) -> dict[str, Any]:
    """Page "Contacts" (kb.icontact.com/hc/en-us/articles/360046954672)."""
    return {
        "contactId": str(IDS.get(email, 333999)),
        "email": email,
        "prefix": "",
        "firstName": "Mary",
        "lastName": "",
        "suffix": "",
        "street": "",
        "street2": "",
        "city": "",
        "state": "",
        "postalCode": "",
        "phone": "",
        "fax": "",
        "business": "",
        "status": status,
        "createDate": "2026-07-24 01:00:00",
        "bounceCount": 0,
        "birthdate": "",
        **more,
    }


def place(email: str, status: str = "normal", audience_id: str = LIST) -> Any:
    """Page "Subscriptions" (kb.icontact.com/hc/en-us/articles/360047450911)."""
    number = IDS.get(email, 333999)
    return {
        "subscriptionId": f"{audience_id}_{number}",
        "contactId": number,
        "listId": int(audience_id),
        "status": status,
        "addDate": "2026-07-27T15:36:37-04:00",
    }


def page(name: str, *rows: Any, total: int | None = None, **more: Any) -> Any:
    count = len(rows) if total is None else total
    return {name: list(rows), "total": count, "limit": 500, "offset": 0, **more}


def action(status: str, when: str, audience_id: str = LIST) -> dict[str, Any]:
    """Page "Contact History" (kb.icontact.com/hc/en-us/articles/360047386411)."""
    return {
        "actionType": "EditSubscription",
        "actionTime": when,
        "actor": "407118",
        "details": {"listId": audience_id, "newStatus": status},
    }


def got(url: str, answer: object, **more: Any) -> Step:
    return Step(method="GET", url=url, answer=answer, **more)


def posted(url: str, answer: object, **more: Any) -> Step:
    return Step(method="POST", url=url, answer=answer, **more)


def looked_up(email: str, status: str | None = "normal", own: str = "normal") -> Any:
    """The steps that find somebody; `status` None: not on the list."""
    if email in (NEW, FAKE):
        return (got(CONTACTS, page("contacts")),)
    there = (place(email, "normal", "555555"),)
    if status is not None:
        there = (*there, place(email, status))
    return (
        got(CONTACTS, page("contacts", contact(email, own))),
        got(SUBSCRIPTIONS, page("subscriptions", *there)),
    )


ACCOUNT = {
    "accountId": "111111",
    "companyName": "Freddie's Jokes",
    "email": "freddie@freddies.example",
    "enabled": 1,
    "multiClientFolder": "0",
}
FOLDER_ROW = {"clientFolderId": "222222", "logoId": None, "emailRecipient": "b@x.org"}
LISTS = page(
    "lists",
    {"listId": LIST, "name": "Newsletter", "publicname": "News", "description": ""},
    {"listId": "555555", "name": "Shop", "publicname": "", "description": ""},
)
CUSTOM = page(
    "customfields",
    {
        "customFieldId": "birthdate",
        "privateName": "birthdate",
        "publicName": "Birthday",
        "displayToUser": 1,
        "fieldType": "date",
    },
    {"privateName": "vip", "publicName": "", "fieldType": "checkbox"},
)
MESSAGES = page(
    "messages",
    {"messageId": "555666", "messageType": "confirmation", "subject": "Confirm!"},
    {"messageId": "555600", "messageType": "confirmation", "subject": "Old one"},
)
PEOPLE = tuple(
    Contact(email=email, fields={"firstName": "Mary"}) for email in (NEW, FAKE)
)
CONFIRMATIONS = got(f"{FOLDER}/messages", MESSAGES)


def one(
    name: str, email: str, *steps: Step, options: Options | None = None, **more: Any
) -> Operation:
    person = Contact(email=email, fields={"firstName": "Mary"}, **more)
    return Operation(
        name=f"upsert of one, {name}",
        run=lambda adapter: adapter.upsert([person], LIST, options or Options()),
        steps=steps,
    )


SAVED = posted(CONTACTS, page("contacts", contact(OLD)))
JOINED = posted(SUBSCRIPTIONS, page("subscriptions", place(OLD)))
MODIFIED = f"{SUBSCRIPTIONS}/{LIST}_{IDS[LEFT]}"
HISTORY = got(
    f"{CONTACTS}/{IDS[LEFT]}/actions",
    page(
        "actions",
        action("unsubscribed", LEFT_AT),
        action("normal", "2026-07-01T10:00:00-0400"),
        {"actionType": "AddContact", "actionTime": LEFT_AT, "details": []},
    ),
    missing_ok=True,
)

READING = (
    Operation(
        name="verify",
        run=lambda adapter: adapter.verify(),
        steps=(
            got(f"{HOST}/a/111111", {"account": ACCOUNT}),
            got(f"{FOLDER}/lists", LISTS, forbidden_ok=True),
            got(CONTACTS, page("contacts", total=42), forbidden_ok=True),
            got(f"{FOLDER}/customfields", CUSTOM, forbidden_ok=True),
            got(f"{FOLDER}/messages", MESSAGES, forbidden_ok=True),
        ),
    ),
    Operation(
        name="sub_accounts",
        run=lambda adapter: adapter.sub_accounts(),
        steps=(
            got(f"{HOST}/a/", page("accounts", ACCOUNT)),
            got(f"{HOST}/a/111111/c/", page("clientfolders", FOLDER_ROW)),
        ),
    ),
    Operation(
        name="audiences",
        run=lambda adapter: adapter.audiences(),
        steps=(
            got(f"{FOLDER}/lists", LISTS),
            got(SUBSCRIPTIONS, page("subscriptions", place(OLD), total=42)),
            got(SUBSCRIPTIONS, page("subscriptions")),
        ),
    ),
    Operation(
        name="fields",
        run=lambda adapter: adapter.fields(LIST),
        steps=(got(f"{FOLDER}/customfields", CUSTOM),),
    ),
    Operation(
        name="subscriptions",
        run=lambda adapter: adapter.subscriptions([OLD, NEW], LIST),
        steps=(*looked_up(OLD), *looked_up(NEW)),
    ),
    Operation(
        name="subscriptions of a stranger",
        run=lambda adapter: adapter.subscriptions([NEW], LIST),
        steps=(*looked_up(NEW), got(f"{FOLDER}/lists/{LIST}", {"list": {}})),
    ),
    Operation(
        name="changes",
        run=lambda adapter: adapter.changes(LIST, ""),
        steps=(
            got(CONTACTS, page("contacts", contact(NEW), contact(OLD), total=3)),
            got(SUBSCRIPTIONS, page("subscriptions", place(OLD, "pending"))),
        ),
    ),
)
THERE = got(f"{FOLDER}/lists/{LIST}", {"list": {"listId": LIST}})
BATCH = Operation(
    name="upsert of several",
    run=lambda adapter: adapter.upsert(PEOPLE, LIST, Options()),
    steps=(
        *looked_up(NEW),
        *looked_up(FAKE),
        THERE,
        posted(CONTACTS, page("contacts", contact(NEW), warnings=[BAD_ADDRESS])),
        posted(SUBSCRIPTIONS, page("subscriptions", place(NEW))),
    ),
)
WRITING = (
    BATCH,
    one("known, not on the list", OLD, *looked_up(OLD, None), THERE, SAVED, JOINED),
    one("on the list", OLD, *looked_up(OLD), SAVED),
    one(
        "refused by the list",
        OLD,
        *looked_up(OLD, None),
        THERE,
        SAVED,
        posted(SUBSCRIPTIONS, page("subscriptions", warnings=["No."])),
    ),
    one(
        "double opt-in",
        NEW,
        *looked_up(NEW),
        THERE,
        CONFIRMATIONS,
        posted(CONTACTS, page("contacts", contact(NEW))),
        posted(SUBSCRIPTIONS, page("subscriptions", place(NEW, "pending"))),
        options=Options(double_opt_in=True),
    ),
    one(
        "left, asked again",
        LEFT,
        *looked_up(LEFT, "unsubscribed"),
        HISTORY,
        CONFIRMATIONS,
        posted(MODIFIED, {"subscription": place(LEFT, "pending")}, missing_ok=True),
        options=Options(reconfirm=True),
        signed_up_at=AFTER,
    ),
    Operation(
        name="unsubscribe",
        run=lambda adapter: adapter.unsubscribe([LEFT], LIST),
        steps=(
            *looked_up(LEFT),
            posted(
                MODIFIED,
                {"subscription": place(LEFT, "unsubscribed")},
                missing_ok=True,
            ),
        ),
    ),
    Operation(
        name="unsubscribe of a stranger",
        run=lambda adapter: adapter.unsubscribe([NEW], LIST),
        steps=(*looked_up(NEW), got(f"{FOLDER}/lists/{LIST}", {"list": {}})),
    ),
    Operation(
        name="erase",
        run=lambda adapter: adapter.erase(OLD),
        steps=(
            got(CONTACTS, page("contacts", contact(OLD))),
            Step(
                method="DELETE",
                url=f"{CONTACTS}/{IDS[OLD]}",
                answer=[],
                missing_ok=True,
            ),
        ),
    ),
    Operation(
        name="remove_webhook",
        run=lambda adapter: adapter.remove_webhook("5", LIST),
        steps=(Step(method="DELETE", url=f"{FOLDER}/webhooks/5", answer=[]),),
    ),
    Operation(
        name="add_webhook",
        run=lambda adapter: adapter.add_webhook("https://h.example/?secret=s", LIST),
        steps=(
            posted(
                f"{FOLDER}/webhooks",
                {"webhooks": [{"webhookId": n, "eventId": "x"} for n in range(4)]},
            ),
        ),
    ),
)
OPERATIONS = READING + WRITING

NEVER = ('"status": "normal"', '"status": "pending"', '"listId"')


def gone(status: str, own: str = "normal", there: str | None = "normal") -> Leaver:
    reason = Reason.BOUNCED if status == "bounced" else Reason.UNSUBSCRIBED
    return Leaver(
        status=status,
        steps=looked_up(LEFT, there, own),
        reason=reason,
        never=NEVER,
        audience_id=LIST,
        contacts=(Contact(email=LEFT, fields={"firstName": "Ann"}),),
    )


LEAVERS = (
    gone("unsubscribed", there="unsubscribed"),
    gone("unsubscribed", own="donotcontact"),
    gone("unsubscribed", own="donotcontact", there=None),
    gone("bounced", own="bounced"),
    gone("bounced", own="bounced", there=None),
    gone("archived", own="deleted", there=None),
)


def adapter(**secrets: str) -> IContact:
    return IContact({**SECRETS, **secrets})
