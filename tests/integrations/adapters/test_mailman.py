"""GNU Mailman: answers as Mailman 3.3.10 gave them (tests/live drives a real one)."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.adapters.base import Contact, Options, OutcomeState
from integrations.adapters.errors import Reason, RejectedError, SetupError, TargetError
from integrations.adapters.mailman import Mailman
from tests.integrations.conformance import (
    AdapterConformance,
    Leaver,
    Operation,
    Step,
    register,
    wire,
)
from tests.integrations.contract import AdapterContract

HOST = "https://lists.acme.example/rest"
API = f"{HOST}/3.1"
NEWS = "news.acme.example"
LIST = f"{API}/lists/{NEWS}"
SECRETS = {"url": f"{HOST}/", "username": "restadmin", "password": "correct-horse"}
DOCS = "https://docs.mailman3.org/projects/mailman/en/latest/src/mailman/rest/docs/"
READ = "(read 2026-11-22)"
NEW, OLD, BANNED, BOUNCED = "new@x.org", "old@x.org", "banned@x.org", "bounced@x.org"


def found(*rows: dict[str, Any], total: int | None = None) -> dict[str, Any]:
    page: dict[str, Any] = {"start": 0, "total_size": len(rows), "http_etag": '"x"'}
    if total is not None:
        page["total_size"] = total
    return {**page, "entries": list(rows)} if rows else page


def member(email: str, key: str = "a3b1") -> dict[str, Any]:
    return {
        "email": email,
        "list_id": NEWS,
        "member_id": key,
        "display_name": "Ann",
        "role": "member",
        "delivery_mode": "regular",
    }


def problem(status: str, text: str) -> dict[str, str]:
    return {"title": status, "description": text}


def wants(status: str) -> dict[str, str]:
    return {"delivery_status": status, "delivery_mode": "regular"}


VERSION = {"mailman_version": "GNU Mailman 3.3.10 (Tom Sawyer)", "api_version": "3.1"}
ROW = {"list_id": NEWS, "fqdn_listname": "news@acme.example", "member_count": 42}
POLICY = {"subscription_policy": "confirm"}
FIND = f"{API}/members/find"
PREFERENCES = f"{API}/members/a3b1/all/preferences"
FOUND_OLD = Step(method="GET", url=FIND, answer=found(member(OLD)))
NOBODY = Step(method="GET", url=FIND, answer=found())
ENABLED = Step(method="GET", url=PREFERENCES, answer=wants("enabled"))
RENAMED = Step(method="PATCH", url=f"{API}/addresses/{OLD}", status=204)
JOINED = Step(method="POST", url=f"{API}/members", status=201)
ASKED = Step(
    method="POST",
    url=f"{API}/members",
    status=202,
    answer={"token": "d14c", "token_owner": "subscriber"},
)


def refused(status: int, title: str, text: str) -> Step:
    answer = problem(f"{status} {title}", text)
    return Step(method="POST", url=f"{API}/members", status=status, answer=answer)


IS_BANNED = refused(400, "Bad Request", "Membership is banned")
PEOPLE = tuple(
    Contact(email=email, fields={"display_name": "Mary"})
    for email in (NEW, OLD, BANNED)
)


def upsert(name: str, email: str, *steps: Step, **options: bool) -> Operation:
    contact = Contact(email=email, fields={"display_name": "Mary"})
    return Operation(
        name=f"upsert {name}",
        run=lambda adapter: adapter.upsert([contact], NEWS, Options(**options)),
        steps=steps,
    )


REQUESTS = f"{LIST}/requests"
OPERATIONS = (
    Operation(
        name="verify",
        run=Mailman.verify,
        steps=(
            Step(method="GET", url=f"{API}/system/versions", answer=VERSION),
            Step(method="GET", url=f"{API}/lists", answer=found(ROW)),
        ),
    ),
    Operation(
        name="audiences",
        run=Mailman.audiences,
        steps=(
            Step(method="GET", url=f"{API}/lists", answer=found(ROW)),
            Step(method="GET", url=f"{LIST}/config/subscription_policy", answer=POLICY),
        ),
    ),
    Operation(
        name="upsert of several",
        run=lambda adapter: adapter.upsert(PEOPLE, NEWS, Options()),
        steps=(NOBODY, JOINED, FOUND_OLD, ENABLED, RENAMED, NOBODY, IS_BANNED),
    ),
    Operation(
        name="upsert of two in one order",
        run=lambda adapter: adapter.upsert((PEOPLE[0], PEOPLE[2]), NEWS, Options()),
        steps=(NOBODY, JOINED, NOBODY, JOINED),
    ),
    upsert("asking", NEW, NOBODY, ASKED, double_opt_in=True),
    upsert("of one there, left alone", OLD, FOUND_OLD, ENABLED, update_existing=False),
    Operation(
        name="subscriptions",
        run=lambda adapter: adapter.subscriptions([OLD, NEW], NEWS),
        steps=(
            Step(method="GET", url=REQUESTS, answer=found({"email": NEW})),
            FOUND_OLD,
            ENABLED,
            NOBODY,
        ),
    ),
    Operation(
        name="changes",
        run=lambda adapter: adapter.changes(NEWS, ""),
        steps=(
            Step(
                method="GET",
                url=f"{LIST}/roster/member",
                answer=found(member(OLD)),
            ),
        ),
    ),
    Operation(
        name="unsubscribe",
        run=lambda adapter: adapter.unsubscribe([OLD, NEW], NEWS),
        steps=(
            FOUND_OLD,
            Step(
                method="DELETE",
                url=f"{API}/members/a3b1",
                status=204,
                missing_ok=True,
            ),
            NOBODY,
        ),
    ),
    Operation(
        name="erase",
        run=lambda adapter: adapter.erase(OLD),
        steps=(
            Step(
                method="DELETE",
                url=f"{API}/users/{OLD}",
                status=204,
                missing_ok=True,
            ),
        ),
    ),
)


class TestMailman(AdapterConformance):
    adapter = Mailman
    odd_answers = True
    secrets = SECRETS
    operations = OPERATIONS
    silent = frozenset({"fields"})
    batch = (PEOPLE[0], PEOPLE[2])
    batch_operation = "upsert of two in one order"
    batch_outcomes = (OutcomeState.SYNCED, OutcomeState.SYNCED)
    unauthorized = problem("401 Unauthorized", "REST API authorization failed")
    forbidden = problem("403 Forbidden", "no")
    missing = problem("404 Not Found", "404 Not Found")
    refused = problem("400 Bad Request", 'Invalid Parameter "subscriber": .')
    audience_id = NEWS
    leavers = (
        Leaver(
            status="bounced",
            reason=Reason.BOUNCED,
            audience_id=NEWS,
            contacts=(Contact(email=BOUNCED),),
            steps=(
                Step(method="GET", url=FIND, answer=found(member(BOUNCED))),
                Step(method="GET", url=PREFERENCES, answer=wants("by_bounces")),
            ),
            never=("pre_confirmed", "delivery_status=enabled"),
        ),
        Leaver(
            status="complained",
            reason=Reason.COMPLIANCE,
            audience_id=NEWS,
            contacts=(Contact(email=BANNED),),
            steps=(NOBODY, IS_BANNED),
            never=("bans",),
        ),
    )
    no_leavers = {
        "unsubscribed": "Mailman forgets who left; our own suppression keeps them out.",
    }


class TestMailmanContract(AdapterContract):
    adapter = Mailman
    secrets = SECRETS
    operations = OPERATIONS
    documented = {
        ("GET", "/rest/3.1/system/versions"): f"{DOCS}systemconf.html {READ}",
        ("GET", "/rest/3.1/lists"): f"{DOCS}lists.html {READ}",
        (
            "GET",
            "/rest/3.1/lists/{list}/config/subscription_policy",
        ): f"{DOCS}listconf.html {READ}",
        ("GET", "/rest/3.1/lists/{list}/requests"): f"{DOCS}sub-moderation.html {READ}",
        (
            "GET",
            "/rest/3.1/lists/{list}/roster/member",
        ): f"{DOCS}membership.html {READ}",
        ("GET", "/rest/3.1/members/find"): f"{DOCS}membership.html {READ}",
        (
            "GET",
            "/rest/3.1/members/{id}/all/preferences",
        ): f"{DOCS}preferences.html {READ}",
        ("POST", "/rest/3.1/members"): f"{DOCS}membership.html {READ}",
        ("DELETE", "/rest/3.1/members/{id}"): f"{DOCS}membership.html {READ}",
        ("PATCH", "/rest/3.1/addresses/{email}"): f"{DOCS}addresses.html {READ}",
        ("DELETE", "/rest/3.1/users/{email}"): f"{DOCS}users.html {READ}",
    }


def run(*steps: Step, **options: bool) -> Any:
    with wire() as mock:
        for step in steps:
            register(mock, step)
        [outcome] = Mailman(SECRETS).upsert(
            [Contact(email=NEW)], NEWS, Options(**options)
        )
    return outcome


def test_who_was_asked_waits_and_a_moderator_s_list_says_so() -> None:
    assert run(NOBODY, ASKED, double_opt_in=True).state is OutcomeState.AWAITING_OPT_IN
    again = refused(409, "Conflict", "Subscription request already pending")
    assert run(NOBODY, again).state is OutcomeState.AWAITING_OPT_IN
    moderated = Step(
        method="POST",
        url=f"{API}/members",
        status=202,
        answer={"token": "972e", "token_owner": "moderator"},
    )
    assert "moderator" in run(NOBODY, moderated).detail
    there = refused(409, "Conflict", "Member already subscribed")
    assert run(NOBODY, there).state is OutcomeState.SYNCED


def test_refusals_are_told_apart() -> None:
    bad = refused(400, "Bad Request", 'Invalid Parameter "subscriber": .')
    assert run(NOBODY, bad).reason is Reason.ADDRESS_INVALID
    assert run(NOBODY, IS_BANNED).reason is Reason.COMPLIANCE
    with pytest.raises(TargetError):
        run(NOBODY, refused(400, "Bad Request", "No such list"))


def test_a_long_roster_is_walked_to_its_end() -> None:
    with wire() as mock:
        url = f"{LIST}/roster/member"
        mock.add("GET", url, json=found(member(OLD), total=150))
        mock.add("GET", url, json=found(member(NEW), total=150))
        first = Mailman(SECRETS).changes(NEWS, "")
        second = Mailman(SECRETS).changes(NEWS, first.cursor)
        assert "page=2" in str(mock.calls[1].request.url)
    assert (first.more, second.more, second.cursor) == (True, False, "")
    assert first.complete and second.complete
    with pytest.raises(RejectedError):
        Mailman(SECRETS).changes(NEWS, "elsewhere")


@pytest.mark.parametrize(
    "url", ["", "http://lists.example.com", "lists.example.com", "https://u:p@x.org"]
)
def test_the_address_must_be_whole_and_safe(url: str) -> None:
    with wire(), pytest.raises(SetupError, match="https"):
        Mailman({**SECRETS, "url": url}).verify()


@pytest.mark.parametrize("half", [{}, {"total_size": 2}, {"entries": None}])
def test_a_search_that_does_not_answer_finds_not_nobody(half: Any) -> None:
    outcome = run(Step(method="GET", url=FIND, answer=half))
    assert outcome.state is OutcomeState.RETRY


def test_a_roster_that_shrank_is_read_again() -> None:
    with wire() as mock:
        mock.add("GET", f"{LIST}/roster/member", json=found(member(OLD), total=101))
        mock.add("GET", f"{LIST}/roster/member", json=found(total=100))
        mock.add("GET", f"{LIST}/roster/member", json=found(member(NEW), total=100))
        pages = [Mailman(SECRETS).changes(NEWS, "")]
        while pages[-1].more:
            pages.append(Mailman(SECRETS).changes(NEWS, pages[-1].cursor))
        asked = [str(call.request.url).partition("&page=")[2] for call in mock.calls]
    assert asked == ["1", "2", "1"]
    assert [change.email for page in pages for change in page.changes] == [OLD, NEW]
