"""listmonk: answers as its API pages show them, with what the sources of 6.2 add."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from integrations.adapters.base import Contact, Options, OutcomeState
from integrations.adapters.errors import (
    CredentialsError,
    Reason,
    RejectedError,
    ScopeError,
    SetupError,
    TargetError,
)
from integrations.adapters.listmonk import Listmonk
from tests.integrations.conformance import (
    AdapterConformance,
    Leaver,
    Operation,
    Refusal,
    Step,
    register,
    wire,
)
from tests.integrations.contract import AdapterContract, Description

HOST = "https://lists.acme.example"
API = f"{HOST}/api"
SECRETS = {"url": f"{HOST}/admin/", "username": "sync", "token": "kQ8vX2mZr7TfLw0p"}
SOURCE = "https://github.com/knadh/listmonk/blob/v6.2.0/cmd"
READ = "(read 2026-11-22)"
NEW, OLD, LEFT, BLOCKED = "new@x.org", "old@x.org", "left@x.org", "blocked@x.org"
LONG_AGO, JULY = "2026-01-02T10:00:00.5+01:00", "2026-07-03T12:17:29.735507+05:30"


def on(status: str = "confirmed", optin: str = "single", id: int = 3) -> dict[str, Any]:
    return {
        "subscription_status": status,
        "subscription_created_at": LONG_AGO,
        "subscription_updated_at": JULY,
        "id": id,
        "uuid": "ce13e971-c2ed-4069-bd0c-240e9a9f56f9",
        "name": "Newsletter",
        "type": "public",
        "optin": optin,
        "tags": ["test"],
        "created_at": LONG_AGO,
        "updated_at": LONG_AGO,
    }


def person(email: str, *lists: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "id": 7,
        "created_at": LONG_AGO,
        "updated_at": JULY,
        "uuid": "eb420c55-4cfb-4972-92ba-c93c34ba475d",
        "email": email,
        "name": "Mary",
        "attribs": {"city": "Pune"},
        "status": "enabled",
        "lists": list(lists),
        **more,
    }


def data(value: object) -> dict[str, object]:
    return {"data": value}


def page(*rows: object, total: int | None = None) -> dict[str, object]:
    total = len(rows) if total is None else total
    found = {"results": list(rows), "query": "", "total": total}
    return data({**found, "per_page": Listmonk.page_size, "page": 1})


def found(*people: dict[str, Any]) -> Step:
    return Step(method="GET", url=f"{API}/subscribers", answer=page(*people))


NEWSLETTER = {
    "id": 3,
    "created_at": LONG_AGO,
    "updated_at": LONG_AGO,
    "uuid": "ce13e971-c2ed-4069-bd0c-240e9a9f56f9",
    "name": "Newsletter",
    "type": "public",
    "optin": "double",
    "status": "active",
    "tags": [],
    "subscriber_count": 42,
}
PROFILE = {
    "id": 2,
    "username": "sync",
    "type": "api",
    "user_role": {
        "id": 2,
        "name": "Sync",
        "permissions": ["subscribers:get_all", "subscribers:manage"],
    },
    "list_role": None,
}
LISTS = Step(method="GET", url=f"{API}/lists", answer=page(NEWSLETTER))
MADE = Step(
    method="POST", url=f"{API}/subscribers", answer=data(person(NEW, on("unconfirmed")))
)
ASKED = Step(
    method="POST",
    url=f"{API}/subscribers",
    answer=data(person(NEW, on("unconfirmed", "double"))),
)
CHANGED = Step(method="PUT", url=f"{API}/subscribers/7", answer=data(person(OLD, on())))
MOVED = Step(method="PUT", url=f"{API}/subscribers/lists", answer=data(True))
MAILED = Step(method="POST", url=f"{API}/subscribers/7/optin", answer=data(True))
DELETED = Step(
    method="DELETE",
    url=f"{API}/subscribers/7",
    answer=data(True),
    missing_ok=True,
)
CONTACTS = tuple(
    Contact(email=email, fields={"name": "Anna", "city": "Berlin", "vip": True})
    for email in (NEW, OLD)
)
BACK = Contact(email=LEFT, signed_up_at=datetime(2026, 8, 1, tzinfo=UTC))
GONE = person(LEFT, on("unsubscribed", "double"))


def upsert(name: str, *steps: Step, contact: Contact, **options: Any) -> Operation:
    return Operation(
        name=f"upsert {name}",
        run=lambda adapter: adapter.upsert([contact], "3", Options(**options)),
        steps=(LISTS, *steps),
    )


def changes(cursor: str) -> Any:
    return lambda adapter: adapter.changes("3", cursor)


LATER = '[0, "2026-08-01T00:00:00+00:00", "", ""]'
OPERATIONS = (
    Operation(
        name="verify",
        run=Listmonk.verify,
        steps=(
            Step(method="GET", url=f"{API}/profile", answer=data(PROFILE)),
            LISTS,
        ),
    ),
    Operation(name="audiences", run=Listmonk.audiences, steps=(LISTS,)),
    Operation(
        name="upsert of two",
        run=lambda adapter: adapter.upsert(CONTACTS, "3", Options()),
        steps=(LISTS, found(), ASKED, found(person(OLD, on())), CHANGED),
    ),
    Operation(
        name="upsert of two in any order",
        run=lambda adapter: adapter.upsert(CONTACTS, "3", Options()),
        steps=(LISTS, found(), MADE, found(), MADE),
    ),
    upsert(
        "asking again",
        found(GONE),
        MOVED,
        MAILED,
        contact=BACK,
        reconfirm=True,
    ),
    Operation(
        name="subscriptions",
        run=lambda adapter: adapter.subscriptions([OLD, NEW], "3"),
        steps=(found(person(OLD, on())),),
    ),
    Operation(name="changes", run=changes(""), steps=(found(person(OLD, on())),)),
    Operation(
        name="unsubscribe",
        run=lambda adapter: adapter.unsubscribe([OLD, NEW], "3"),
        steps=(found(person(OLD, on())), MOVED),
    ),
    Operation(
        name="erase",
        run=lambda adapter: adapter.erase(OLD),
        steps=(found(person(OLD)), DELETED),
    ),
)


class TestListmonk(AdapterConformance):
    adapter = Listmonk
    secrets = SECRETS
    operations = OPERATIONS
    silent = frozenset({"fields"})
    batch = CONTACTS
    batch_operation = "upsert of two in any order"
    batch_outcomes = (OutcomeState.SYNCED, OutcomeState.SYNCED)
    unauthorized = {"message": "invalid API credentials"}
    forbidden = {"message": "permission denied: subscribers:manage"}
    missing = {"message": "Not Found"}
    refused = {"message": "Invalid email."}
    audience_id = "3"
    odd_answers = True
    peculiar = (
        Refusal(
            status=403,
            body={"message": "invalid API credentials"},
            error=CredentialsError,
        ),
    )
    leavers = (
        Leaver(
            status="unsubscribed",
            reason=Reason.UNSUBSCRIBED,
            audience_id="3",
            contacts=(BACK,),
            steps=(LISTS, found(GONE)),
            never=("confirmed", "add"),
        ),
        *(
            Leaver(
                status=status,
                reason=Reason.UNSUBSCRIBED,
                audience_id="3",
                contacts=(Contact(email=BLOCKED, signed_up_at=datetime.now(UTC)),),
                options=Options(reconfirm=True),
                steps=(LISTS, found(person(BLOCKED, on(), status="blocklisted"))),
                never=("confirmed", "enabled", "add"),
            )
            for status in ("bounced", "complained")  # which listmonk blocklists
        ),
    )


class TestListmonkContract(AdapterContract):
    adapter = Listmonk
    secrets = SECRETS
    operations = OPERATIONS
    descriptions = (
        Description(
            name="listmonk.yaml",
            server=API,
            # listmonk's sources, cmd/subscribers.go of 6.2.
            beyond={("GET", "/subscribers"): ("search",)},
            requests_beyond={
                ("PUT", "/subscribers/lists"): "target_list_ids is a list of numbers",
            },
        ),
    )
    documented = {("GET", "/api/profile"): f"{SOURCE}/users.go {READ}"}


def run(*steps: Step, contact: Contact = CONTACTS[0], **options: Any) -> Any:
    """The outcome, and the body of the last request."""
    with wire() as mock:
        for step in (LISTS, *steps):
            register(mock, step)
        [outcome] = Listmonk(SECRETS).upsert([contact], "3", Options(**options))
        assert len(mock.calls) == len(steps) + 1
        body = mock.calls[-1].request.body
    return outcome, json.loads(body) if body else None


def test_the_list_decides_about_double_opt_in() -> None:
    outcome, sent = run(found(), ASKED)
    assert outcome.state is OutcomeState.AWAITING_OPT_IN
    assert "preconfirm_subscriptions" not in sent
    assert sent["attribs"] == {"city": "Berlin", "vip": True}
    assert run(found(), MADE)[0].state is OutcomeState.SYNCED


def test_other_lists_and_attributes_are_kept() -> None:
    other = on("unsubscribed", id=9)
    contact = Contact(email=OLD, fields={"city": "", "plan": "pro"})
    outcome, sent = run(found(person(OLD, other)), CHANGED, contact=contact)
    assert outcome.state is OutcomeState.SYNCED
    assert sent == {
        "email": OLD,
        "name": "Mary",
        "lists": [9, 3],
        "attribs": {"city": "Pune", "plan": "pro"},
    }


def test_nothing_is_written_that_is_there_already() -> None:
    """A PUT makes listmonk mail everybody who has not confirmed yet once more."""
    waiting = found(person(NEW, on("unconfirmed", "double")))
    outcome, _ = run(waiting, contact=Contact(email=NEW, fields={"name": "Mary"}))
    assert outcome.state is OutcomeState.AWAITING_OPT_IN
    outcome, _ = run(waiting, update_existing=False)
    assert outcome.reason is Reason.EXISTING


def test_people_of_other_lists_join_with_their_values_left_alone() -> None:
    elsewhere = found(person(NEW, on(id=9)))
    _, sent = run(elsewhere, CHANGED, update_existing=False)
    assert (sent["name"], sent["attribs"]) == ("Mary", {"city": "Pune"})


def test_who_left_a_double_opt_in_list_may_be_asked_again() -> None:
    outcome, _ = run(found(GONE), MOVED, MAILED, contact=BACK, reconfirm=True)
    assert outcome.state is OutcomeState.AWAITING_OPT_IN
    single = person(LEFT, on("unsubscribed"))
    outcome, _ = run(found(single), contact=BACK, reconfirm=True)
    assert outcome.reason is Reason.UNSUBSCRIBED


def test_refusals_are_told_apart() -> None:
    def refused(status: int, text: str) -> Step:
        url = f"{API}/subscribers"
        return Step(method="POST", url=url, status=status, answer={"message": text})

    blocked = refused(400, "The e-mail domain is blocklisted.")
    assert run(found(), blocked)[0].reason is Reason.ADDRESS_INVALID
    hidden, _ = run(found(), refused(409, "E-mail already exists."))
    assert hidden.reason is Reason.DUPLICATE
    assert "subscribers:get_all" in hidden.detail
    with wire() as mock, pytest.raises(TargetError):
        mock.add("GET", f"{API}/lists", json={"data": []})
        Listmonk(SECRETS).upsert(CONTACTS, "3", Options())


def test_only_the_address_itself_counts_as_found() -> None:
    near = person("OLD@x.org.example", on())
    with wire() as mock:
        register(mock, found(near))
        [here] = Listmonk(SECRETS).subscriptions(["o+d@x.org"], "3")
        url = str(mock.calls[0].request.url)
    assert here.status == "absent"
    assert "search=%5E%28o%5C%2Bd%40x%5C.org%29%24" in url


def walk(cursor: str, *answers: tuple[int, object]) -> tuple[list[Any], list[str]]:
    """The pages from `cursor` on, and the addresses asked."""
    with wire() as mock:
        for status, answer in answers:
            mock.add("GET", f"{API}/subscribers", status=status, json=answer)
        pages = [Listmonk(SECRETS).changes("3", cursor)]
        while pages[-1].more:
            pages.append(Listmonk(SECRETS).changes("3", pages[-1].cursor))
        assert len(mock.calls) == len(answers)
        return pages, [str(call.request.url) for call in mock.calls]


def test_a_walk_then_only_what_changed() -> None:
    row = person(OLD, on("unsubscribed"))
    pages, urls = walk("", (200, page(row, total=60)), (200, page(row, total=60)))
    assert ["page=2" in url for url in urls] == [False, True]
    assert all(p.complete for p in pages)
    assert pages[0].changes[0].status == "unsubscribed"
    assert pages[0].changes[0].fields == {"name": "Mary", "city": "Pune"}
    [later], [url] = walk(pages[-1].cursor, (200, page()))
    assert "subscriber_lists.updated_at" in url
    assert not later.complete


def test_without_the_permission_everything_is_read() -> None:
    denied = {"message": "Permission denied: subscribers:sql_query"}
    [after], urls = walk(LATER, (403, denied), (200, page(person(OLD, on()))))
    assert ["query=" in url for url in urls] == [True, False]
    assert (after.complete, len(after.changes)) == (True, 1)
    whole = (200, page(person(OLD, on()), total=60))
    with pytest.raises(ScopeError):  # of a whole walk there is nothing wider to read
        walk("", whole, (403, denied), whole)


def test_people_deleted_during_a_walk_hide_nobody() -> None:
    row = person(OLD, on())
    totals = (120, 119, 119, 119, 119)
    _, urls = walk("", *((200, page(row, total=total)) for total in totals))
    assert [url.partition("&page=")[2][0] for url in urls] == list("12123")


@pytest.mark.parametrize("cursor", ["x", '[0, "1=1", "", ""]', '[0, "", "", "[0, 0]"]'])
def test_a_foreign_cursor_starts_anew(cursor: str) -> None:
    with pytest.raises(RejectedError) as caught:
        Listmonk(SECRETS).changes("3", cursor)
    assert caught.value.reason is Reason.CURSOR_EXPIRED


@pytest.mark.parametrize("url", ["", "http://lists.example.com", "https://u:p@x.org"])
def test_the_address_must_be_whole_and_safe(url: str) -> None:
    with wire(), pytest.raises(SetupError, match="https"):
        Listmonk({**SECRETS, "url": url}).verify()


def test_what_the_api_user_may() -> None:
    with wire() as mock:
        mock.add("GET", f"{API}/profile", json=data(PROFILE))
        register(mock, LISTS)
        reading = Listmonk(SECRETS).verify()
    rights = [(r.readable, r.writable) for r in reading.resources]
    assert rights == [(True, None), (True, True)]
    assert "sql_query" in reading.notes[0]
