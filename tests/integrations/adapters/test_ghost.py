"""Ghost (tests/live/test_ghost.py drives a real one)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from integrations.adapters.base import Contact, Incoming, Options, OutcomeState
from integrations.adapters.errors import (
    CredentialsError,
    Reason,
    RejectedError,
    ScopeError,
    SetupError,
    TargetError,
)
from integrations.adapters.ghost import Ghost
from tests.integrations.adapters import ghost_world as world
from tests.integrations.adapters.ghost_world import (
    ABOUT,
    API,
    CHANGED,
    DAILY,
    INTEGRITY,
    MADE,
    MAILED,
    NEW,
    NEWSLETTERS,
    OLD,
    PEOPLE,
    SECRETS,
    TOKEN,
    WEEKLY,
    events,
    found,
    member,
    problem,
)
from tests.integrations.conformance import (
    AdapterConformance,
    Refusal,
    Step,
    register,
    wire,
)
from tests.integrations.contract import AdapterContract

DOCS = "https://docs.ghost.org/admin-api"
SOURCE = "https://github.com/TryGhost/Ghost/blob/main/ghost/core/core/server"
MEMBERS_API = f"{SOURCE}/services/members/members-api"
READ = "(read 2026-11-22)"


class TestGhost(AdapterConformance):
    adapter = Ghost
    secrets = SECRETS
    operations = world.OPERATIONS
    silent = frozenset({"fields"})
    batch = PEOPLE
    batch_operation = "upsert of two in any order"
    batch_outcomes = world.STATES
    unauthorized = world.UNAUTHORIZED
    forbidden = world.FORBIDDEN
    missing = world.MISSING
    refused = world.INVALID
    audience_id = DAILY
    odd_answers = True
    leavers = world.LEAVERS
    peculiar = (
        Refusal(
            status=400,
            body=problem("BadRequestError", "Invalid token", code="INVALID_JWT"),
            error=CredentialsError,
        ),
    )


class TestGhostContract(AdapterContract):
    adapter = Ghost
    secrets = SECRETS
    operations = world.OPERATIONS
    documented = {
        ("GET", "/ghost/api/admin/site/"): f"{DOCS}/#endpoints {READ}",
        ("GET", "/ghost/api/admin/newsletters/"): f"{DOCS}/newsletters/overview {READ}",
        ("GET", "/ghost/api/admin/members/"): f"{DOCS}/members/overview {READ}",
        (
            "GET",
            "/ghost/api/admin/members/events/",
        ): f"{MEMBERS_API}/repositories/event-repository.js {READ}",
        (
            "POST",
            "/ghost/api/admin/members/",
        ): f"{DOCS}/members/creating-a-member {READ}",
        (
            "PUT",
            "/ghost/api/admin/members/{id}/",
        ): f"{DOCS}/members/updating-a-member {READ}",
        (
            "DELETE",
            "/ghost/api/admin/members/{id}/",
        ): f"{SOURCE}/api/endpoints/members.js {READ}",
        (
            "POST",
            "/ghost/api/admin/webhooks/",
        ): f"{DOCS}/webhooks/creating-a-webhook {READ}",
        (
            "DELETE",
            "/ghost/api/admin/webhooks/{id}/",
        ): f"{DOCS}/webhooks/deleting-a-webhook {READ}",
        (
            "GET",
            "/members/api/integrity-token/",
        ): f"{SOURCE}/services/members/middleware.js {READ}",
        (
            "POST",
            "/members/api/send-magic-link/",
        ): f"{MEMBERS_API}/controllers/router-controller.js {READ}",
    }


def run(*steps: Step, contact: Contact = PEOPLE[0], **options: Any) -> Any:
    """The outcome, and the member or else the body of the last request."""
    with wire() as mock:
        for step in (NEWSLETTERS, *steps):
            register(mock, step)
        [outcome] = Ghost(SECRETS).upsert([contact], DAILY, Options(**options))
        assert len(mock.calls) == len(steps) + 1
        sent = json.loads(mock.calls[-1].request.body or "{}")
    return outcome, sent["members"][0] if "members" in sent else sent


def test_a_token_that_ghost_takes() -> None:
    scheme, _, token = Ghost(SECRETS).headers()["Authorization"].partition(" ")
    assert scheme == "Ghost"
    parts = [part + "=" * (-len(part) % 4) for part in token.split(".")]
    head, claims, seal = (base64.urlsafe_b64decode(part) for part in parts)
    assert json.loads(head) == {"alg": "HS256", "typ": "JWT", "kid": world.KEY_ID}
    times = json.loads(claims)
    assert times["exp"] - times["iat"] == 300
    assert times["aud"] == "/admin/"
    signed = token.rpartition(".")[0].encode()
    expected = hmac.new(bytes.fromhex(world.SECRET), signed, hashlib.sha256)
    assert seal == expected.digest()


def test_a_token_is_renewed_before_it_dies(monkeypatch: pytest.MonkeyPatch) -> None:
    adapter = Ghost(SECRETS)
    first = adapter.headers()
    assert adapter.headers() == first
    assert adapter.safe(first["Authorization"]) != first["Authorization"]
    adapter._signed_at -= 300
    monkeypatch.setattr("time.time", lambda now=adapter._signed_at: now + 700)
    later = adapter.headers()["Authorization"]
    assert later != first["Authorization"]
    assert later.split()[1] not in adapter.safe(f"echo {later}")


@pytest.mark.parametrize("key", ["", "abc", "abc:xyz", "abc:123", f"{'a' * 24}:"])
def test_what_is_no_key(key: str) -> None:
    with wire(), pytest.raises(CredentialsError, match="hexadecimal"):
        Ghost({**SECRETS, "admin_key": key}).verify()


@pytest.mark.parametrize(
    "url", ["", "http://acme.ghost.io", "acme.ghost.io", "https://u:p@x.org"]
)
def test_the_address_must_be_whole_and_safe(url: str) -> None:
    with wire(), pytest.raises(SetupError, match="https"):
        Ghost({**SECRETS, "url": url}).verify()


@pytest.mark.parametrize("end", ["", "/", "/ghost", "/ghost/", "/ghost/#/settings"])
def test_the_address_of_the_admin_pages_is_understood(end: str) -> None:
    assert Ghost({"url": f"https://x.org/blog{end}"}).home == "https://x.org/blog"


def test_a_new_person_gets_that_newsletter_only() -> None:
    _, sent = run(found(), MADE)
    assert sent["newsletters"] == [{"id": DAILY}]
    assert sent["labels"] == [{"name": "fair"}]
    assert sent["name"] == "Anna"
    assert "note" not in sent and "subscribed" not in sent


def test_a_member_keeps_newsletters_and_labels() -> None:
    """Who never had it may get it; who has it is only updated."""
    elsewhere = found(member(NEW, WEEKLY))
    _, sent = run(elsewhere, events((WEEKLY, True)), CHANGED)
    assert sent["newsletters"] == [{"id": WEEKLY}, {"id": DAILY}]
    assert sent["labels"] == [{"name": "VIP"}, {"name": "fair"}]
    _, sent = run(found(member(NEW, DAILY)), CHANGED)
    assert set(sent) == {"name", "labels"}
    same = Contact(email=NEW, fields={"name": "Mary"}, tags=("vip",))
    outcome, _ = run(found(member(NEW, DAILY)), contact=same)
    assert outcome.state is OutcomeState.SYNCED
    outcome, _ = run(found(member(NEW, DAILY)), update_existing=False)
    assert outcome.reason is Reason.EXISTING


@pytest.mark.parametrize(
    "history",
    [
        events((DAILY, True)),  # taken off by staff, which leaves no event
        events(*[(WEEKLY, True)] * 100),  # there may be more
        Step(method="GET", url=f"{API}/members/events/", status=403, answer={}),
        Step(method="GET", url=f"{API}/members/events/", status=404, answer={}),
    ],
)
def test_in_doubt_somebody_turned_it_off(history: Step) -> None:
    outcome, _ = run(found(member(NEW, WEEKLY)), history)
    assert outcome.reason is Reason.UNSUBSCRIBED


def test_new_people_are_asked_by_the_site_itself() -> None:
    outcome, sent = run(found(), ABOUT, INTEGRITY, MAILED, double_opt_in=True)
    assert outcome.state is OutcomeState.AWAITING_OPT_IN
    assert sent == {
        "email": NEW,
        "emailType": "subscribe",
        "newsletters": [{"name": "Daily"}],
        "labels": ["fair"],
        "integrityToken": TOKEN,
        "name": "Anna",
    }


def test_the_site_is_asked_without_our_token() -> None:
    with wire() as mock:
        for step in (NEWSLETTERS, found(), ABOUT, INTEGRITY, MAILED):
            register(mock, step)
        Ghost(SECRETS).upsert(PEOPLE[:1], DAILY, Options(double_opt_in=True))
        signed = ["Authorization" in call.request.headers for call in mock.calls]
    assert signed == [True, True, True, False, False]


def test_a_member_cannot_be_asked() -> None:
    steps = (found(member(NEW, WEEKLY)), events((WEEKLY, True)))
    outcome, _ = run(*steps, double_opt_in=True)
    assert outcome.reason is Reason.REFUSED
    outcome, _ = run(found(member(NEW, DAILY)), CHANGED, double_opt_in=True)
    assert outcome.state is OutcomeState.SYNCED


def test_refusals_are_told_apart() -> None:
    def refused(step: Step, status: int, body: object) -> Step:
        return Step(method=step.method, url=step.url, status=status, answer=body)

    assert run(found(), refused(MADE, 422, world.INVALID))[0].reason is (
        Reason.ADDRESS_INVALID
    )
    again, _ = run(found(), refused(MADE, 422, world.DUPLICATE))
    assert again.reason is Reason.DUPLICATE
    closed = problem(
        "BadRequestError", "This site is invite-only, contact the owner for access."
    )
    with pytest.raises(ScopeError, match="invite-only"):
        run(found(), ABOUT, INTEGRITY, refused(MAILED, 400, closed), double_opt_in=True)
    with wire() as mock, pytest.raises(TargetError):
        register(mock, NEWSLETTERS)
        Ghost(SECRETS).upsert(PEOPLE, "gone", Options())


def test_addresses_are_quoted_in_filters() -> None:
    with wire() as mock:
        register(mock, found(member("o'neil@x.org", DAILY)))
        [one] = Ghost(SECRETS).subscriptions(["O'Neil@x.org"], DAILY)
        asked = parse_qs(urlsplit(str(mock.calls[0].request.url)).query)["filter"]
    assert asked == [r"email:['O\'Neil@x.org','o\'neil@x.org']"]
    assert one.status == "subscribed"


def test_a_walk_lists_who_has_the_newsletter() -> None:
    here, gone = member(OLD, DAILY), member(NEW, WEEKLY)
    with wire() as mock:
        mock.add("GET", f"{API}/members/", json=world.members(here, gone, total=150))
        mock.add("GET", f"{API}/members/", json=world.members(here, total=150))
        first = Ghost(SECRETS).changes(DAILY, "")
        second = Ghost(SECRETS).changes(DAILY, first.cursor)
        assert "page=2" in str(mock.calls[1].request.url)
    assert [change.email for change in first.changes] == [OLD]
    assert first.changes[0].tags == ("VIP",)
    assert (first.more, second.more, second.cursor) == (True, False, "")
    with pytest.raises(RejectedError):
        Ghost(SECRETS).changes(DAILY, "elsewhere")


def post(body: object, secret: str = "whisper-quietly") -> Incoming:
    data = json.dumps(body).encode()
    seal = hmac.new(secret.encode(), data + b"1764000000000", hashlib.sha256)
    return Incoming(
        method="POST",
        url="https://sync.example/h",
        headers={"x-ghost-signature": f"sha256={seal.hexdigest()}, t=1764000000000"},
        body=data,
    )


def told(current: object, previous: object) -> list[tuple[str, str, str, str]]:
    body = {"member": {"current": current, "previous": previous}}
    changes = Ghost(SECRETS).webhook(post(body))
    return [(c.kind, c.email, c.status, c.audience_id) for c in changes]


def test_webhooks() -> None:
    both = [("upsert", OLD, "subscribed", id) for id in (DAILY, WEEKLY)]
    assert told(member(OLD, DAILY, WEEKLY), {}) == both
    assert told(member(OLD), {}) == [("upsert", OLD, "unsubscribed", "")]
    assert told({}, member(OLD)) == [("delete", OLD, "absent", "")]
    moved = told(member(OLD, DAILY), {"email": NEW})
    assert moved[0] == ("email", OLD, "", "")
    assert told({}, {}) == []


def test_only_signed_webhooks_are_read() -> None:
    body = {"member": {"current": member(OLD), "previous": {}}}
    for secrets, request in (
        (SECRETS, post(body, secret="guessed")),
        ({**SECRETS, "webhook_secret": ""}, post(body, secret="")),
        (SECRETS, Incoming(method="POST", url="https://sync.example/h", body=b"{}")),
    ):
        with pytest.raises(CredentialsError):
            Ghost(secrets).webhook(request)
    others: tuple[object, ...] = ({"post": {}}, [], {"member": "x"})
    for other in others:
        with pytest.raises(RejectedError):
            Ghost(SECRETS).webhook(post(other))


def test_one_webhook_for_each_event() -> None:
    with wire() as mock:
        for _ in range(3):
            register(mock, world.HOOKED)
        kept = Ghost(SECRETS).add_webhook("https://sync.example/h", DAILY)
        rows = [
            json.loads(call.request.body or "")["webhooks"][0] for call in mock.calls
        ]
    assert kept == {"webhook_id": "5f04028c,5f04028c,5f04028c"}
    assert {row["secret"] for row in rows} == {"whisper-quietly"}
    assert len({row["event"] for row in rows}) == 3
