"""Every request we make to HubSpot, and who left there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from integrations.adapters.base import Contact, Options, OutcomeState
from integrations.adapters.errors import Reason
from integrations.adapters.hubspot import HubSpot
from tests.integrations.adapters.hubspot_world import (
    API,
    BAD,
    CONTACTS,
    DEFINITIONS,
    DETAILS,
    EVERYBODY,
    FIELDS,
    LEFT,
    LIST,
    LISTS,
    NEW,
    OLD,
    PEOPLE,
    PROPERTIES,
    SUBSCRIPTION,
    asked,
    done,
    lists,
    member,
    members,
    memberships,
    page,
    read,
    record,
    row_error,
    set_to,
    status,
    status_url,
    upsert,
    written,
)
from tests.integrations.conformance import Leaver, Operation, Step


def operation(name: str, run: Any, *steps: Step) -> Operation:
    return Operation(name=name, run=run, steps=steps)


def writing(name: str, audience: str, *steps: Step, **more: Any) -> Operation:
    people = more.pop("people", PEOPLE)
    options = Options(**more)
    return operation(
        f"upsert {name}", lambda a: a.upsert(people, audience, options), *steps
    )


SINCE = '[0, "2026-08-01T10:00:00Z", "", ""]'  # a cursor
# Who may not see what properties there are is told no values.
SEEN = replace(FIELDS, forbidden_ok=True)

OPERATIONS = (
    operation(
        "verify",
        HubSpot.verify,
        Step(method="GET", url=f"{API}/account-info/v3/details", answer=DETAILS),
        Step(
            method="POST",
            url=f"{CONTACTS}/search",
            answer={"total": 1234, "results": [record(OLD)]},
            forbidden_ok=True,
        ),
        Step(
            method="POST",
            url=f"{LISTS}/search",
            answer=lists(("42", "Shop")),
            forbidden_ok=True,
        ),
        Step(
            method="GET",
            url=f"{API}/crm/v3/properties/contacts",
            answer=PROPERTIES,
            forbidden_ok=True,
        ),
        DEFINITIONS,
    ),
    operation(
        "audiences",
        HubSpot.audiences,
        Step(
            method="POST",
            url=f"{LISTS}/search",
            answer=lists(("42", "Shop"), more=True),
        ),
        Step(method="POST", url=f"{LISTS}/search", answer=lists(("43", "Blog"))),
        DEFINITIONS,
    ),
    operation("fields", lambda a: a.fields(EVERYBODY), FIELDS),
    operation(
        "subscriptions among all contacts",
        lambda a: a.subscriptions([OLD, NEW], EVERYBODY),
        SEEN,
        read(record(OLD), missing=True),
    ),
    operation(
        "subscriptions on a list",
        lambda a: a.subscriptions([OLD], LIST),
        SEEN,
        read(record(OLD)),
        memberships("102", "42"),
    ),
    operation(
        "subscriptions to a type",
        lambda a: a.subscriptions([OLD], SUBSCRIPTION),
        SEEN,
        read(record(OLD)),
        asked(OLD, status(OLD, "SUBSCRIBED")),
    ),
    operation(
        "changes walking",
        lambda a: a.changes(EVERYBODY, ""),
        Step(method="GET", url=CONTACTS, answer=page(record(OLD), after="102")),
        FIELDS,
        read(record(OLD)),
    ),
    operation(
        "changes walking a list",
        lambda a: a.changes(LIST, ""),
        Step(method="GET", url=f"{LISTS}/42/memberships", answer=page(member("102"))),
        FIELDS,
        read(record(OLD)),
    ),
    operation(
        "changes walking a subscription type",
        lambda a: a.changes(SUBSCRIPTION, ""),
        Step(method="GET", url=CONTACTS, answer=page(record(OLD))),
        FIELDS,
        read(record(OLD)),
        asked(OLD, status(OLD, "SUBSCRIBED")),
    ),
    operation(
        "changes searching",
        lambda a: a.changes(EVERYBODY, SINCE),
        Step(
            method="POST",
            url=f"{CONTACTS}/search",
            answer={"total": 1, **page(record(OLD))},
        ),
        FIELDS,
        read(record(OLD)),
    ),
    writing(
        "among all contacts",
        EVERYBODY,
        read(record(OLD), missing=True),
        upsert(written(NEW, new=True), written(OLD), errors=(row_error(BAD),)),
    ),
    writing(
        "on a list",
        LIST,
        read(record(OLD)),
        upsert(written(NEW, new=True), written(OLD), written(BAD)),
        members("add", "101", "102", "103"),
    ),
    writing(
        "to a subscription type",
        SUBSCRIPTION,
        read(),
        upsert(written(NEW, new=True), written(OLD)),
        asked(NEW),
        set_to(NEW, "SUBSCRIBED"),
        asked(OLD, status(OLD, "SUBSCRIBED")),
        people=PEOPLE[:2],
    ),
    writing(
        "of new ones only",
        EVERYBODY,
        read(record(OLD)),
        upsert(written(NEW, new=True), written(BAD, new=True)),
        update_existing=False,
    ),
    operation(
        "unsubscribe from all",
        lambda a: a.unsubscribe([OLD], EVERYBODY),
        Step(
            method="POST",
            url=f"{status_url(OLD)}/unsubscribe-all",
            answer=done(),
        ),
    ),
    operation(
        "unsubscribe from a list",
        lambda a: a.unsubscribe([OLD, NEW], LIST),
        read(record(OLD)),
        members("remove", "102"),
    ),
    operation(
        "unsubscribe from a type",
        lambda a: a.unsubscribe([OLD], SUBSCRIPTION),
        set_to(OLD, "UNSUBSCRIBED"),
    ),
    operation(
        "erase",
        lambda a: a.erase(OLD),
        read(record(OLD)),
        Step(method="POST", url=f"{CONTACTS}/gdpr-delete", status=204),
    ),
)

NEVER = ('"SUBSCRIBED"', '"hs_email_optout": "false"', '"hs_email_optout": ""')


def leaver(state: str, audience: str, *more: Step, **properties: str) -> Leaver:
    told = audience != SUBSCRIPTION
    reasons = {"unsubscribed": Reason.UNSUBSCRIBED, "bounced": Reason.BOUNCED}
    return Leaver(
        status=state,
        state=OutcomeState.SYNCED if told else OutcomeState.REJECTED,
        reason=None if told else reasons[state],
        audience_id=audience,
        contacts=(
            Contact(email=LEFT, fields={"firstname": "Ann", "hs_email_optout": False}),
        ),
        steps=(read(record(LEFT, **properties)), upsert(written(LEFT)), *more),
        never=NEVER,
    )


LEAVERS = (
    leaver("unsubscribed", EVERYBODY, hs_email_optout="true"),
    leaver("unsubscribed", LIST, members("add", "104"), hs_email_optout="true"),
    leaver("unsubscribed", SUBSCRIPTION, hs_email_optout="true"),
    leaver("unsubscribed", SUBSCRIPTION, asked(LEFT, status(LEFT, "UNSUBSCRIBED"))),
    leaver("bounced", EVERYBODY, hs_email_hard_bounce_reason_enum="UNKNOWN_USER"),
    leaver("bounced", SUBSCRIPTION, hs_email_hard_bounce_reason_enum="UNKNOWN_USER"),
)
