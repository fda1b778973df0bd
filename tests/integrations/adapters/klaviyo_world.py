"""Klaviyo's answers, as its API reference shows them, and every request we make."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import responses

from integrations.adapters.base import Contact, Options
from integrations.adapters.errors import Reason
from integrations.adapters.klaviyo import Klaviyo
from tests.integrations.conformance import Leaver, Operation, Step, register, wire

SECRETS = {"access_token": "eyJ-klaviyo-access-token-42", "webhook_secret": "w" * 20}
HOME = "https://a.klaviyo.com"
API = f"{HOME}/api"
LIST = f"{API}/lists/a1"
MEMBERS = f"{LIST}/profiles"
PROFILES = f"{API}/profiles"
IMPORT = f"{API}/profile-import"
IMPORTS = f"{API}/profile-bulk-import-jobs"
SUBSCRIBE = f"{API}/profile-subscription-bulk-create-jobs"
UNSUBSCRIBE = f"{API}/profile-subscription-bulk-delete-jobs"
STAMP = "2026-08-01T10:00:00+00:00"
NEW, OLD, LEFT, OTHER = "new@x.org", "old@x.org", "left@x.org", "other@x.org"


def pid(email: str) -> str:
    return f"01{email.partition('@')[0].upper()}"


def links(path: str, cursor: str = "") -> dict[str, str]:
    found = {"self": f"{HOME}{path}"}
    if cursor:
        found["next"] = f"{HOME}{path}?page%5Bcursor%5D={cursor}"
    return found


def marketing(consent: str = "SUBSCRIBED", *reasons: str, **more: Any) -> Any:
    return {
        "can_receive_email_marketing": not reasons,
        "consent": consent,
        "consent_timestamp": STAMP,
        "last_updated": STAMP,
        "suppression": [
            {"reason": reason, "timestamp": "2026-08-02T10:00:00+00:00"}
            for reason in reasons
        ],
        "list_suppressions": [],
        **more,
    }


def profile(email: str, state: Any = None, **more: Any) -> dict[str, Any]:
    return {
        "type": "profile",
        "id": pid(email),
        "attributes": {
            "email": email,
            "first_name": "Mary",
            "last_name": None,
            "location": {"city": "Rome", "region": None},
            "properties": {"Size": "S", "$source": 1},
            "updated": STAMP,
            "joined_group_at": STAMP,
            "subscriptions": {"email": {"marketing": state or marketing()}},
            **more,
        },
        "links": links(f"/api/profiles/{pid(email)}"),
    }


def page(*rows: Any, cursor: str = "") -> dict[str, Any]:
    return {"data": list(rows), "links": links("/api/any", cursor)}


def one_list(process: str = "single_opt_in", id: str = "a1", **more: Any) -> Any:
    return {
        "type": "list",
        "id": id,
        "attributes": {"name": "Newsletter", "opt_in_process": process, **more},
        "links": links(f"/api/lists/{id}"),
    }


def import_job(status: str = "complete", failed: int = 0, **more: Any) -> Any:
    return {
        "data": {
            "type": "profile-bulk-import-job",
            "id": "job1",
            "attributes": {
                "status": status,
                "created_at": STAMP,
                "total_count": 2,
                "completed_count": 2 - failed,
                "failed_count": failed,
                "completed_at": STAMP if status == "complete" else None,
                **more,
            },
            "links": links("/api/profile-bulk-import-jobs/job1"),
        }
    }


def import_error(email: str, pointer: str = "/data/attributes/phone_number") -> Any:
    return {
        "type": "import-error",
        "id": "e1",
        "attributes": {
            "code": "invalid",
            "title": "Invalid input.",
            "detail": "Invalid phone number format.",
            "source": {"pointer": pointer},
            "original_payload": {"email": email},
        },
        "links": links("/api/import-errors/e1"),
    }


def problem(status: int, code: str, detail: str, pointer: str = "/data") -> Any:
    return {
        "errors": [
            {
                "id": "f2b6a3ee-9d8b-45f1-87a8-e035418cd5c1",
                "status": status,
                "code": code,
                "title": "Something is wrong.",
                "detail": detail,
                "source": {"pointer": pointer},
                "links": {},
                "meta": {},
            }
        ]
    }


UNAUTHORIZED = problem(401, "not_authenticated", "Missing or invalid key.")
FORBIDDEN = problem(403, "permission_denied", "You do not have permission.")
MISSING = problem(404, "not_found", "A list with id a1 does not exist.")
REFUSED = problem(400, "invalid", "Invalid input.")
BAD_KEY = problem(400, "invalid", "Invalid or missing API key.")
ACCOUNT = {
    "type": "account",
    "id": "WBhXHN",
    "attributes": {
        "test_account": False,
        "contact_information": {
            "default_sender_name": "Owner",
            "default_sender_email": "owner@shop.example",
            "organization_name": "A Shop",
            "street_address": {},
        },
        "timezone": "US/Eastern",
        "preferred_currency": "USD",
        "public_api_key": "WBhXHN",
        "locale": "en-US",
    },
    "links": links("/api/accounts/WBhXHN"),
}
IMPORTED = {"data": profile(NEW, marketing("NEVER_SUBSCRIBED"))}


def get(url: str, answer: Any, **more: Any) -> Step:
    return Step(method="GET", url=url, answer=answer, **more)


def post(url: str, answer: Any = None, status: int = 202, **more: Any) -> Step:
    return Step(method="POST", url=url, answer=answer, status=status, **more)


def looked_up(*on_list: Any, aside: tuple[Any, ...] | None = ()) -> Any:
    """What every write reads first; `aside` None: everybody is on the list."""
    first = (get(MEMBERS, page(*on_list)),)
    return first if aside is None else (*first, get(PROFILES, page(*aside)))


def look(*on_list: Any, aside: tuple[Any, ...] | None = (), **how: str) -> Any:
    """The same, where there is somebody to be written."""
    return (*looked_up(*on_list, aside=aside), get(LIST, {"data": one_list(**how)}))


ASK = {"process": "double_opt_in"}
NEVER = marketing("NEVER_SUBSCRIBED")
MARY = Contact(email=NEW, fields={"first_name": "Mary", "Size": "S"})
UNSUBSCRIBED = profile(LEFT, marketing("UNSUBSCRIBED", "UNSUBSCRIBE"))
PEOPLE = (
    MARY,
    Contact(email=OLD, fields={"first_name": "Joe"}),
    Contact(email=LEFT, fields={"first_name": "Ann"}),
)

READING = (
    Operation(
        name="verify",
        run=Klaviyo.verify,
        steps=(
            get(f"{API}/accounts", page(ACCOUNT), forbidden_ok=True),
            get(f"{API}/lists", page(one_list()), forbidden_ok=True),
            get(PROFILES, page(profile(OLD)), forbidden_ok=True),
        ),
    ),
    Operation(
        name="audiences",
        run=Klaviyo.audiences,
        steps=(
            get(f"{API}/lists", page(one_list(), cursor="c2")),
            get(f"{API}/lists", page(one_list("double_opt_in", "a2"))),
        ),
    ),
    Operation(
        name="fields",
        run=lambda adapter: adapter.fields("a1"),
        steps=(get(MEMBERS, page(profile(OLD))),),
    ),
    Operation(
        name="subscriptions",
        run=lambda adapter: adapter.subscriptions([OLD, LEFT, NEW], "a1"),
        steps=(
            get(MEMBERS, page(profile(OLD))),
            get(PROFILES, page(UNSUBSCRIBED, profile(NEW, NEVER))),
            get(LIST, {"data": one_list("double_opt_in")}),
        ),
    ),
    Operation(
        name="changes",
        run=lambda adapter: adapter.changes("a1", ""),
        steps=(get(MEMBERS, page(profile(OLD), cursor="c2")),),
    ),
    Operation(
        name="changes since",
        run=lambda adapter: adapter.changes(
            "a1", '[0, "2026-08-01T10:00:00Z", "", "c2"]'
        ),
        steps=(
            get(PROFILES, page(profile(OLD), UNSUBSCRIBED)),
            get(MEMBERS, page(profile(OLD))),
        ),
    ),
)

WRITING = (
    Operation(
        name="upsert of one",
        run=lambda adapter: adapter.upsert([MARY], "a1", Options()),
        steps=(*look(), post(IMPORT, IMPORTED, 201), post(SUBSCRIBE)),
    ),
    Operation(
        name="upsert of several",
        run=lambda adapter: adapter.upsert(PEOPLE, "a1", Options()),
        steps=(
            *look(profile(OLD), aside=(UNSUBSCRIBED,)),
            post(IMPORTS, import_job("queued")),
            post(SUBSCRIBE),
        ),
    ),
    Operation(
        name="poll",
        run=lambda adapter: adapter.poll("add:job1", [NEW, OLD], "a1"),
        steps=(
            get(f"{IMPORTS}/job1", import_job(failed=1)),
            get(f"{IMPORTS}/job1/import-errors", page(import_error(OLD))),
            get(MEMBERS, page(profile(NEW))),
            get(PROFILES, page()),
        ),
    ),
    Operation(
        name="poll of a subscription",
        run=lambda adapter: adapter.poll(f"add::{pid(NEW)}", [NEW], "a1"),
        steps=(get(MEMBERS, page()), get(PROFILES, page(profile(NEW, NEVER)))),
    ),
    Operation(
        name="unsubscribe",
        run=lambda adapter: adapter.unsubscribe([OLD, OTHER], "a1"),
        steps=(get(MEMBERS, page(profile(OLD))), post(UNSUBSCRIBE)),
    ),
    Operation(
        name="erase",
        run=lambda adapter: adapter.erase(OLD),
        steps=(post(f"{API}/data-privacy-deletion-jobs"),),
    ),
    Operation(
        name="add_webhook",
        run=lambda adapter: adapter.add_webhook("https://us.example/hook", "a1"),
        steps=(
            post(
                f"{API}/webhooks",
                {
                    "data": {
                        "type": "webhook",
                        "id": "w1",
                        "attributes": {
                            "name": "contactsync",
                            "endpoint_url": "https://us.example/h...",
                            "enabled": True,
                        },
                        "links": links("/api/webhooks/w1"),
                    }
                },
                201,
            ),
        ),
    ),
    Operation(
        name="remove_webhook",
        run=lambda adapter: adapter.remove_webhook("w1", "a1"),
        steps=(Step(method="DELETE", url=f"{API}/webhooks/w1", status=204),),
    ),
)
OPERATIONS = READING + WRITING


def leaver(status: str, reason: Reason, state: Any, *, on_list: bool) -> Leaver:
    person = profile(LEFT, state)
    steps = looked_up(person, aside=None) if on_list else looked_up(aside=(person,))
    return Leaver(
        status=status,
        reason=reason,
        steps=steps,
        never=('"profile', "SUBSCRIBED"),
        contacts=(Contact(email=LEFT, fields={"first_name": "Ann"}),),
    )


LEAVERS = (
    leaver(
        "unsubscribed",
        Reason.UNSUBSCRIBED,
        marketing("UNSUBSCRIBED", "UNSUBSCRIBE"),
        on_list=False,
    ),
    leaver(
        "unsubscribed", Reason.UNSUBSCRIBED, marketing("UNSUBSCRIBED"), on_list=True
    ),
    leaver(
        "unsubscribed",
        Reason.UNSUBSCRIBED,
        marketing("SUBSCRIBED", "USER_SUPPRESSED"),
        on_list=True,
    ),
    leaver(
        "unsubscribed",
        Reason.UNSUBSCRIBED,
        marketing(
            list_suppressions=[
                {"list_id": "a1", "reason": "UNSUBSCRIBE", "timestamp": STAMP}
            ]
        ),
        on_list=False,
    ),
    leaver(
        "bounced", Reason.BOUNCED, marketing("SUBSCRIBED", "HARD_BOUNCE"), on_list=True
    ),
    leaver(
        "complained",
        Reason.COMPLIANCE,
        marketing("UNSUBSCRIBED", "UNSUBSCRIBE", "SPAM_COMPLAINT"),
        on_list=True,
    ),
)


def adapter(**secrets: str) -> Klaviyo:
    return Klaviyo(secrets or SECRETS)


@contextmanager
def playing(*steps: Step) -> Iterator[responses.RequestsMock]:
    with wire() as mock:
        for step in steps:
            register(mock, step)
        yield mock


def sent(mock: responses.RequestsMock, index: int = -1) -> Any:
    return json.loads(mock.calls[index].request.body or "null")


def query(mock: responses.RequestsMock, index: int = -1) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(str(mock.calls[index].request.url)).query))
