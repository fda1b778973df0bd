"""Ghost: answers as 5.130.6 gave them or as its documentation shows them."""

from __future__ import annotations

from typing import Any

from integrations.adapters.base import Contact, Options, OutcomeState
from integrations.adapters.errors import Reason
from integrations.adapters.ghost import Ghost
from tests.integrations.conformance import Leaver, Operation, Step

HOST = "https://acme.ghost.io"
SITE = "https://www.acme.example"
API = f"{HOST}/ghost/api/admin"
KEY_ID = "6748592f4b9b7700010f6564"
SECRET = "c9b1f0a2d3e4958677a6b5c4d3e2f1a0b9c8d7e6f5041322314253647586978a"
SECRETS = {
    "url": f"{HOST}/ghost/",
    "admin_key": f"{KEY_ID}:{SECRET}",
    "webhook_secret": "whisper-quietly",
}
DAILY, WEEKLY = "62750bff2b868a34f814af08", "62750bff2b868a34f814af09"
ID = "624d445026833200a5801bce"
NEW, OLD, LEFT = "new@x.org", "old@x.org", "left@x.org"
TOKEN = f"1764000000000:{'0a' * 16}:{'1b' * 32}"


def problem(kind: str, message: str, context: str = "", code: str = "") -> object:
    found = {"message": message, "context": context or None, "type": kind}
    return {"errors": [{**found, "code": code or None, "id": "5c91e460"}]}


UNAUTHORIZED = problem("UnauthorizedError", "Unknown Admin API Key")
FORBIDDEN = problem("NoPermissionError", "You do not have permission to add members")
MISSING = problem("NotFoundError", "Resource not found error, cannot read member.")
INVALID = problem(
    "ValidationError", "Validation error, cannot save member.", "Invalid Email"
)
DUPLICATE = problem(
    "ValidationError",
    "Validation error, cannot save member.",
    "Member already exists. Attempting to add member with existing email address",
)


def newsletter(id: str, name: str) -> dict[str, Any]:
    return {"id": id, "name": name, "description": None, "status": "active"}


def member(email: str, *newsletters: str, **more: Any) -> dict[str, Any]:
    return {
        "id": ID,
        "uuid": "83525d87-ac70-40f5-b13c-f9b9753dcbe8",
        "email": email,
        "name": "Mary",
        "note": None,
        "subscribed": bool(newsletters),
        "created_at": "2026-04-06T07:42:08.000Z",
        "updated_at": "2026-07-06T07:42:08.000Z",
        "labels": [{"id": "l1", "name": "VIP", "slug": "vip"}],
        "status": "free",
        "newsletters": [newsletter(id, id[-2:]) for id in newsletters],
        "email_suppression": {"suppressed": False, "info": None},
        **more,
    }


def suppressed(reason: str) -> dict[str, Any]:
    info = {"reason": reason, "timestamp": "2026-07-01T10:00:00.000Z"}
    return {"email_suppression": {"suppressed": True, "info": info}}


def members(*rows: object, total: int | None = None) -> dict[str, object]:
    total = len(rows) if total is None else total
    pages = {"page": 1, "limit": 100, "pages": 1, "total": total, "next": None}
    return {"members": list(rows), "meta": {"pagination": pages}}


def events(*rows: tuple[str, bool]) -> Step:
    """Newest first: newsletter, whether subscribed."""
    found = [
        {
            "type": "newsletter_event",
            "data": {
                "id": f"e{index}",
                "member_id": ID,
                "newsletter_id": id,
                "subscribed": subscribed,
                "source": "member",
                "created_at": "2026-07-01T10:00:00.000Z",
            },
        }
        for index, (id, subscribed) in enumerate(rows)
    ]
    return Step(
        method="GET",
        url=f"{API}/members/events/",
        answer={"events": found, "meta": {"pagination": {"total": len(found)}}},
        missing_ok=True,
        forbidden_ok=True,
    )


def found(*rows: object) -> Step:
    return Step(method="GET", url=f"{API}/members/", answer=members(*rows))


NEWSLETTERS = Step(
    method="GET",
    url=f"{API}/newsletters/",
    answer={
        "newsletters": [
            {**newsletter(DAILY, "Daily"), "count": {"active_members": 42}},
            {**newsletter(WEEKLY, "Weekly"), "count": {"active_members": 7}},
        ],
    },
)
ABOUT = Step(
    method="GET",
    url=f"{API}/site/",
    answer={"site": {"title": "Acme", "url": f"{SITE}/", "version": "5.130"}},
)
MADE = Step(
    method="POST", url=f"{API}/members/", status=201, answer=members(member(NEW, DAILY))
)
CHANGED = Step(
    method="PUT", url=f"{API}/members/{ID}/", answer=members(member(OLD, DAILY))
)
INTEGRITY = Step(method="GET", url=f"{SITE}/members/api/integrity-token/", answer=TOKEN)
MAILED = Step(
    method="POST",
    url=f"{SITE}/members/api/send-magic-link/",
    status=201,
    answer="Created.",  # seen at Ghost 5.130.6; not JSON
)
DELETED = Step(method="DELETE", url=f"{API}/members/{ID}/", status=204, missing_ok=True)
HOOKED = Step(
    method="POST",
    url=f"{API}/webhooks/",
    status=201,
    answer={"webhooks": [{"id": "5f04028c", "event": "member.added"}]},
)
PEOPLE = tuple(
    Contact(email=email, fields={"name": "Anna", "note": ""}, tags=("fair",))
    for email in (NEW, OLD)
)


def upsert(name: str, *steps: Step, contact: Contact, **options: Any) -> Operation:
    return Operation(
        name=f"upsert {name}",
        run=lambda adapter: adapter.upsert([contact], DAILY, Options(**options)),
        steps=(NEWSLETTERS, *steps),
    )


OPERATIONS = (
    Operation(name="verify", run=Ghost.verify, steps=(ABOUT, found(), NEWSLETTERS)),
    Operation(name="audiences", run=Ghost.audiences, steps=(NEWSLETTERS,)),
    Operation(
        name="upsert of two",
        run=lambda adapter: adapter.upsert(PEOPLE, DAILY, Options()),
        steps=(NEWSLETTERS, found(), MADE, found(member(OLD, DAILY)), CHANGED),
    ),
    Operation(
        name="upsert of two in any order",
        run=lambda adapter: adapter.upsert(PEOPLE, DAILY, Options()),
        steps=(NEWSLETTERS, found(), MADE, found(), MADE),
    ),
    upsert(
        "of a member new to it",
        found(member(OLD, WEEKLY)),
        events((WEEKLY, True)),
        CHANGED,
        contact=PEOPLE[1],
    ),
    upsert(
        "asking",
        found(),
        ABOUT,
        INTEGRITY,
        MAILED,
        contact=PEOPLE[0],
        double_opt_in=True,
    ),
    Operation(
        name="subscriptions",
        run=lambda adapter: adapter.subscriptions([OLD, NEW], DAILY),
        steps=(found(member(OLD, DAILY)),),
    ),
    Operation(
        name="changes",
        run=lambda adapter: adapter.changes(DAILY, ""),
        steps=(found(member(OLD, DAILY)),),
    ),
    Operation(
        name="add_webhook",
        run=lambda adapter: adapter.add_webhook("https://sync.example/h", DAILY),
        steps=(HOOKED, HOOKED, HOOKED),
    ),
    Operation(
        name="remove_webhook",
        run=lambda adapter: adapter.remove_webhook("5f04028c", DAILY),
        steps=(Step(method="DELETE", url=f"{API}/webhooks/5f04028c/", status=204),),
    ),
    Operation(
        name="unsubscribe",
        run=lambda adapter: adapter.unsubscribe([OLD, NEW], DAILY),
        steps=(found(member(OLD, DAILY, WEEKLY)), CHANGED),
    ),
    Operation(
        name="erase",
        run=lambda adapter: adapter.erase(OLD),
        steps=(found(member(OLD)), DELETED),
    ),
)


def leaver(status: str, reason: Reason, *steps: Step, **options: Any) -> Leaver:
    return Leaver(
        status=status,
        reason=reason,
        audience_id=DAILY,
        steps=steps,
        never=('"newsletters"', '"subscribed"', "send-magic-link"),
        options=Options(**options),
    )


LEAVERS = (
    leaver(
        "unsubscribed",
        Reason.UNSUBSCRIBED,
        NEWSLETTERS,
        found(member(LEFT, WEEKLY)),
        events((DAILY, False), (WEEKLY, True), (DAILY, True)),
    ),
    leaver(
        "unsubscribed",
        Reason.UNSUBSCRIBED,
        NEWSLETTERS,
        found(member(LEFT)),
        double_opt_in=True,
    ),
    leaver(
        "bounced",
        Reason.BOUNCED,
        NEWSLETTERS,
        found(member(LEFT, WEEKLY, **suppressed("fail"))),
    ),
    leaver(
        "complained",
        Reason.COMPLIANCE,
        NEWSLETTERS,
        found(member(LEFT, DAILY, **suppressed("spam"))),
    ),
)
STATES = (OutcomeState.SYNCED, OutcomeState.SYNCED)
