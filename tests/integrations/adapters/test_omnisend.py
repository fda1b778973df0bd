"""Omnisend: answers as its reference of version 2026-03-15 describes them.

Each page of the reference holds a part of the OpenAPI description; all of it is kept at
github.com/api-evangelist/omnisend in openapi/_original, which is what was read here.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from integrations.adapters.base import Contact, Options, Outcome, OutcomeState
from integrations.adapters.errors import (
    Reason,
    RejectedError,
    TargetError,
    TransientError,
)
from integrations.adapters.omnisend import Omnisend
from tests.integrations.conformance import (
    AdapterConformance,
    Leaver,
    Operation,
    Refusal,
    Step,
    register,
    wire,
)
from tests.integrations.contract import AdapterContract

HOST = "https://api.omnisend.com"
API = f"{HOST}/api"
CONTACTS = f"{API}/contacts"
SECRETS = {"api_key": "6a1f0c5e9b2d-Kq8ZtWvXyLmN"}
DOCS = "https://api-docs.omnisend.com/reference/"
READ = "(read 2026-11-22)"
NEW, OLD, BUYER, LEFT = "new@x.org", "old@x.org", "buyer@x.org", "left@x.org"
STATUS_AT = "2026-11-01T10:00:00.263Z"
SIGNED_UP = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
FIELDS = {"firstName": "Mary", "lastName": " ", "shoe_size": 38}


def row(email: str, status: str = "subscribed", **more: object) -> dict[str, Any]:
    at = more.pop("at", STATUS_AT)
    return {
        "id": f"id-{email.partition('@')[0].lower()}",
        "email": email,
        "status": status,
        "statuses": [
            {"channel": "sms", "status": "subscribed", "statusChangedAt": STATUS_AT},
            {"channel": "email", "status": status, "statusChangedAt": at},
        ],
        "tags": ["vip"],
        "customProperties": {"shoe_size": 41, "member": True, "since": "2020-02-29"},
        "updatedAt": "2026-11-02T10:00:00Z",
        **more,
    }


def page(*rows: dict[str, Any], after: str | None = None) -> dict[str, Any]:
    cursors = {"after": after, "before": None}
    paging = {"limit": 250, "hasMore": bool(after), "cursors": cursors}
    return {"contacts": list(rows), "paging": paging}


def found(*rows: dict[str, Any]) -> Step:
    return Step(method="GET", url=CONTACTS, answer=page(*rows))


def created(email: str = NEW, status: str = "subscribed") -> Step:
    return Step(method="POST", url=CONTACTS, answer=row(email, status), status=201)


def updated(email: str, status: str = "subscribed") -> Step:
    url = f"{CONTACTS}/{row(email)['id']}"
    return Step(method="PATCH", url=url, answer=row(email, status), missing_ok=True)


def problem(status: int, title: str, **more: object) -> dict[str, object]:
    slug = title.lower().replace(" ", "-")
    kind = f"https://problems.omnisend.com/{slug}"
    return {"type": kind, "title": title, "status": status, "detail": title, **more}


def invalid(field: str, message: str) -> Step:
    errors = [{"field": field, "code": "invalid_format", "message": message}]
    answer = problem(400, "Validation failed", errors=errors)
    return Step(method="POST", url=CONTACTS, status=400, answer=answer)


BRAND = {"brandID": "5ff1", "name": "Acme", "website": "https://acme.example"}
PEOPLE = (
    Contact(email=NEW, fields=FIELDS, tags=("news",), signed_up_at=SIGNED_UP),
    Contact(email=OLD, fields=FIELDS),
)


def upsert(name: str, contact: Contact, *steps: Step, **options: Any) -> Operation:
    return Operation(
        name=f"upsert {name}",
        run=lambda adapter: adapter.upsert([contact], "all", Options(**options)),
        steps=steps,
    )


OPERATIONS = (
    Operation(
        name="verify",
        run=Omnisend.verify,
        steps=(
            found(row(OLD)),
            Step(
                method="GET",
                url=f"{API}/brands/current",
                answer=BRAND,
                forbidden_ok=True,
            ),
        ),
    ),
    Operation(
        name="fields",
        run=lambda adapter: adapter.fields("all"),
        steps=(found(row(OLD)),),
    ),
    Operation(
        name="upsert of two new ones",
        run=lambda adapter: adapter.upsert(PEOPLE, "all", Options()),
        steps=(found(), created(), found(), created(OLD)),
    ),
    upsert("of one there", PEOPLE[1], found(row(OLD)), updated(OLD)),
    upsert(
        "of a buyer",
        Contact(email=BUYER),
        found(row(BUYER, "nonSubscribed")),
        updated(BUYER),
    ),
    upsert("left alone", PEOPLE[1], found(row(OLD)), update_existing=False),
    Operation(
        name="subscriptions",
        run=lambda adapter: adapter.subscriptions([OLD, NEW], "all"),
        steps=(found(row(OLD)), found()),
    ),
    Operation(
        name="changes",
        run=lambda adapter: adapter.changes("all", ""),
        steps=(found(row(OLD)),),
    ),
    Operation(
        name="unsubscribe",
        run=lambda adapter: adapter.unsubscribe([OLD, NEW, LEFT], "all"),
        steps=(
            found(row(OLD)),
            updated(OLD, "unsubscribed"),
            found(),
            found(row(LEFT, "unsubscribed")),
        ),
    ),
)
UNKNOWN = "Omnisend makes them unsubscribed, which is proven; the API hides the reason."


class TestOmnisend(AdapterConformance):
    adapter = Omnisend
    secrets = SECRETS
    operations = OPERATIONS
    silent = frozenset({"audiences"})
    odd_answers = True
    public_words = frozenset({"Omnisend-API-Key", "2026-03-15"})
    batch = PEOPLE
    batch_operation = "upsert of two new ones"
    batch_outcomes = (OutcomeState.SYNCED, OutcomeState.SYNCED)
    unauthorized = problem(401, "Unauthorized")
    forbidden = problem(403, "Forbidden")
    missing = problem(404, "Not found")
    refused = problem(400, "Validation failed", errors=[])
    peculiar = (
        Refusal(
            status=429,
            body=problem(429, "Rate limit exceeded", retryAfter=60),
            error=TransientError,
        ),
    )
    audience_id = "all"
    leavers = (
        Leaver(
            status="unsubscribed",
            reason=Reason.UNSUBSCRIBED,
            audience_id="all",
            contacts=(Contact(email=LEFT, fields=FIELDS, signed_up_at=SIGNED_UP),),
            options=Options(reconfirm=True),
            steps=(found(row(LEFT, "unsubscribed")),),
            never=("subscribed", "identifiers"),
        ),
    )
    no_leavers = {"bounced": UNKNOWN, "complained": UNKNOWN}


class TestOmnisendContract(AdapterContract):
    adapter = Omnisend
    secrets = SECRETS
    operations = OPERATIONS
    documented = {
        ("GET", "/api/contacts"): f"{DOCS}get_contacts {READ}",
        ("POST", "/api/contacts"): f"{DOCS}post_contacts {READ}",
        ("PATCH", "/api/contacts/{id}"): f"{DOCS}contacts {READ}",
        ("GET", "/api/brands/current"): f"{DOCS}get_brands-current {READ}",
    }


def run(
    *steps: Step, contact: Contact = PEOPLE[0], **options: Any
) -> tuple[Outcome, list[Any]]:
    """The outcome of one contact, and the bodies sent."""
    with wire() as mock:
        for step in steps:
            register(mock, step)
        [outcome] = Omnisend(SECRETS).upsert([contact], "all", Options(**options))
        assert len(mock.calls) == len(steps)
        sent = [call.request.body for call in mock.calls]
    return outcome, [json.loads(body) for body in sent if body]


def test_somebody_new_is_subscribed_as_of_the_signup() -> None:
    contact = Contact(
        email=NEW, fields=FIELDS, tags=("news",), ip="192.0.2.1", signed_up_at=SIGNED_UP
    )
    outcome, [body] = run(found(), created(), contact=contact, tags=("web", "news"))
    assert (outcome.state, outcome.remote_id) == (OutcomeState.SYNCED, "id-new")
    at = "2026-11-20T09:30:00Z"
    assert body == {
        "firstName": "Mary",
        "customProperties": {"shoe_size": 38},
        "tags": ["web", "news"],
        "identifiers": [
            {
                "type": "email",
                "id": NEW,
                "channels": {"email": {"status": "subscribed", "statusChangedAt": at}},
                "consent": {
                    "source": "contactsync",
                    "createdAt": at,
                    "ip": "192.0.2.1",
                },
            }
        ],
    }


def test_no_time_is_made_up() -> None:
    _, [body] = run(found(), created(), contact=Contact(email=NEW))
    [identifier] = body["identifiers"]
    assert identifier["channels"] == {"email": {"status": "subscribed"}}
    assert "consent" not in identifier


def test_who_is_there_gets_no_status_and_keeps_their_tags() -> None:
    contact = Contact(email=OLD, fields=FIELDS, tags=("news",))
    _, [body] = run(found(row(OLD)), updated(OLD), contact=contact)
    assert body == {
        "firstName": "Mary",
        "customProperties": {"shoe_size": 38},
        "tags": ["vip", "news"],
    }
    outcome, bodies = run(found(row(OLD)), contact=Contact(email=OLD, tags=("vip",)))
    assert (outcome.state, bodies) == (OutcomeState.SYNCED, [])


def test_a_buyer_s_signup_counts_though_omnisend_met_them_after_it() -> None:
    buyer = Contact(email=BUYER, signed_up_at=datetime(2026, 11, 1, tzinfo=UTC))
    _, [body] = run(found(row(BUYER, "nonSubscribed")), updated(BUYER), contact=buyer)
    [identifier] = body["identifiers"]
    assert identifier["channels"]["email"] == {
        "status": "subscribed",
        "statusChangedAt": "2026-11-01T10:00:01Z",
    }
    assert identifier["consent"]["createdAt"] == "2026-11-01T00:00:00Z"


def test_what_omnisend_answers_counts() -> None:
    left, _ = run(found(), created(status="unsubscribed"))
    assert (left.state, left.reason) == (OutcomeState.REJECTED, Reason.UNSUBSCRIBED)
    kept, _ = run(found(), created(status="nonSubscribed"))
    assert (kept.state, kept.reason) == (OutcomeState.REJECTED, Reason.REFUSED)


def test_another_spelling_of_who_left_is_looked_up() -> None:
    steps = found(row("Left@x.org")), found(row(LEFT, "unsubscribed"))
    outcome, bodies = run(*steps, contact=Contact(email="Left@x.org"))
    assert (outcome.reason, bodies) == (Reason.UNSUBSCRIBED, [])


def test_an_answer_without_contacts_is_nobody_s_absence() -> None:
    outcome, _ = run(Step(method="GET", url=CONTACTS, answer={"paging": {}}))
    assert outcome.state is OutcomeState.RETRY


def test_somebody_deleted_meanwhile_is_sent_again() -> None:
    url = f"{CONTACTS}/id-old"
    gone = Step(method="PATCH", url=url, status=404, answer=problem(404, "Not found"))
    outcome, _ = run(found(row(OLD)), gone, contact=PEOPLE[1])
    assert outcome.state is OutcomeState.RETRY


def test_a_retired_version_is_nobody_s_absence() -> None:
    url = f"{CONTACTS}/id-old"
    retired = Step(method="PATCH", url=url, status=410, answer=problem(410, "Gone"))
    with pytest.raises(TargetError):
        run(found(row(OLD)), retired, contact=PEOPLE[1])


def test_the_status_is_the_mail_s_not_the_phone_s() -> None:
    people = (row(OLD), row(BUYER, "nonSubscribed"), row(LEFT, "unsubscribed"))
    with wire() as mock:
        for step in (*map(found, people), found()):
            register(mock, step)
        emails = [OLD, BUYER, LEFT, NEW]
        read = Omnisend(SECRETS).subscriptions(emails, "all")
    assert [each.email for each in read] == emails
    statuses = ["subscribed", "unknown", "unsubscribed", "absent"]
    assert [each.status for each in read] == statuses
    assert read[2].changed_at == datetime.fromisoformat(STATUS_AT)
    assert "never subscribed" in read[1].detail


def test_refusals_are_told_apart() -> None:
    bad, _ = run(found(), invalid("identifiers[0].id", "Must be a valid email address"))
    assert bad.reason is Reason.ADDRESS_INVALID
    assert bad.detail == "identifiers[0].id: Must be a valid email address"
    typed, _ = run(found(), invalid("customProperties.shoe_size", "Invalid"))
    assert typed.reason is Reason.FIELD_TYPE
    other, _ = run(found(), invalid("tags", "Too many"))
    assert other.reason is Reason.REFUSED


def test_the_wait_stands_in_the_body() -> None:
    answer = problem(429, "Rate limit exceeded", retryAfter=60)
    outcome, _ = run(Step(method="GET", url=CONTACTS, status=429, answer=answer))
    assert (outcome.reason, outcome.retry_after) == (Reason.RATE, 60.0)


def test_a_key_that_may_not_read_the_brand_is_good_enough() -> None:
    with wire() as mock:
        register(mock, found())
        mock.add("GET", f"{API}/brands/current", status=403, json={})
        assert Omnisend(SECRETS).verify().identity == ""


def test_properties_are_found_on_the_contacts() -> None:
    with wire() as mock:
        register(mock, found(row(OLD), row(NEW, customProperties={"shoe_size": "big"})))
        fields = {field.id: field.type for field in Omnisend(SECRETS).fields("all")}
    custom = {"member": "boolean", "shoe_size": "number", "since": "date"}
    assert fields.items() >= {"firstName": "name", **custom}.items()


def test_unsubscribe_says_when_it_did_not_happen() -> None:
    with wire() as mock:
        for step in (found(row(OLD)), updated(OLD), found()):
            register(mock, step)
        kept, absent = Omnisend(SECRETS).unsubscribe([OLD, NEW], "all")
        body = json.loads(mock.calls[1].request.body or "")
    assert (kept.state, absent.state) == (OutcomeState.REJECTED, OutcomeState.SKIPPED)
    channels = {"email": {"status": "unsubscribed"}}
    assert body == {"identifiers": [{"type": "email", "id": OLD, "channels": channels}]}


def test_the_first_walk_is_complete_and_the_next_starts_where_it_ended() -> None:
    by_phone = {**row(BUYER), "email": ""}
    late = row(LEFT, "unsubscribed", updatedAt="2026-11-03T10:00:00Z")
    began = datetime.now(UTC)
    with wire() as mock:
        mock.add("GET", CONTACTS, json=page(row(OLD), by_phone, after="c2"))
        mock.add("GET", CONTACTS, json=page(late))
        mock.add("GET", CONTACTS, json=page())
        mock.add("GET", CONTACTS, status=400, json=problem(400, "Validation failed"))
        adapter = Omnisend(SECRETS)
        first = adapter.changes("all", "")
        second = adapter.changes("all", first.cursor)
        third = adapter.changes("all", second.cursor)
        with pytest.raises(RejectedError) as lost:
            adapter.changes("all", first.cursor)
        asked = [call.request.params for call in mock.calls]  # type: ignore[attr-defined]
    assert lost.value.reason is Reason.CURSOR_EXPIRED
    order = {"limit": "250", "sort": "updatedAt", "direction": "asc"}
    assert asked[0] == order
    assert asked[1] == {"limit": "250", "after": "c2"}
    since = asked[2].pop("updatedAtFrom")
    assert asked[2] == order
    assert began - timedelta(minutes=11) < datetime.fromisoformat(since) < began
    ends = [(page.more, page.complete) for page in (first, second, third)]
    assert ends == [(True, True), (False, True), (False, False)]
    [change] = first.changes
    assert (change.email, change.status, change.tags) == (OLD, "subscribed", ("vip",))
    assert change.fields == row(OLD)["customProperties"]
    assert [each.status for each in second.changes] == ["unsubscribed"]
