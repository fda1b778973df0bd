"""Our Constant Contact adapter through the whole story, and when things go wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from integrations.adapters.base import Contact, Options, Outcome, OutcomeState
from integrations.adapters.constantcontact import ConstantContact
from integrations.adapters.errors import (
    CredentialsError,
    Reason,
    RejectedError,
    TargetError,
    TransientError,
)
from integrations.sandbox.constantcontact.render import uid
from integrations.sandbox.constantcontact.simulator import NEWSLETTER, VIP
from integrations.sandbox.testing import RunningSandbox

SLUG = "constantcontact"
TOKEN = "a-constant-contact-token"
SIZE = uid("field Size")
MARIE = Contact(
    email="marie.curie@radium.example",
    fields={
        "first_name": "Marie",
        "birthday": "11/07",
        "street_address.city": "Paris",
        "phone_number": "555-0100",
        SIZE: "S",
    },
)
ADA = "ada.lovelace@analytical.example"
ALAN = "alan.turing@bletchley.example"  # unsubscribed
HEDY = "hedy.lamarr@spectrum.example"  # pending
SYNCED, AWAITING = OutcomeState.SYNCED, OutcomeState.AWAITING_OPT_IN
SUBMITTED, REJECTED = OutcomeState.SUBMITTED, OutcomeState.REJECTED


@pytest.fixture
def ours(sandbox: RunningSandbox) -> ConstantContact:
    return ConstantContact({"access_token": TOKEN}, base_url=sandbox.base_url(SLUG))


@pytest.fixture
def confirmed(sandbox: RunningSandbox) -> None:
    """The account asks new contacts to confirm."""
    body = {"name": "Asked", "double_optin": True}
    sandbox.control("POST", f"{SLUG}/audiences", body)


def status(ours: ConstantContact, email: str, list_id: str = NEWSLETTER) -> str:
    [found] = ours.subscriptions([email], list_id)
    return found.status


def write(ours: ConstantContact, *people: Contact, **options: Any) -> list[Outcome]:
    return ours.upsert(people, NEWSLETTER, Options(**options))


def test_what_is_there(ours: ConstantContact) -> None:
    reading = ours.verify()
    assert reading.account_name == "Provider sandbox"
    counts = {resource.name: resource.count for resource in reading.resources}
    assert (counts["lists"], counts["contacts"]) == (2, 4)
    found = {audience.id: audience for audience in ours.audiences()}
    assert (found[NEWSLETTER].label, found[NEWSLETTER].size) == ("Newsletter", 2)
    assert found[VIP].size == 0
    assert SIZE in {field.id for field in ours.fields(NEWSLETTER)}


def test_signing_up_leaving_and_signing_up_again(
    ours: ConstantContact, sandbox: RunningSandbox
) -> None:
    [outcome] = write(ours, MARIE)
    assert outcome.state is SYNCED
    assert status(ours, MARIE.email) == "subscribed"
    assert status(ours, MARIE.email, VIP) == "absent"
    [again] = write(ours, Contact(email=MARIE.email, fields={"last_name": "Curie"}))
    assert (again.state, again.remote_id) == (SYNCED, outcome.remote_id)
    [row] = sandbox.members(SLUG, MARIE.email)
    assert (row["fields"]["first_name"], row["fields"]["last_name"]) == (
        "Marie",
        "Curie",
    )
    [out] = ours.unsubscribe([MARIE.email], NEWSLETTER)
    assert out.state is SYNCED
    assert status(ours, MARIE.email) == "unsubscribed"
    [row] = sandbox.members(SLUG, MARIE.email)
    assert row["fields"]["first_name"] == "Marie", "a PUT empties what it leaves out"
    [back] = write(ours, MARIE)
    assert (back.state, back.reason) == (REJECTED, Reason.UNSUBSCRIBED)
    assert status(ours, MARIE.email) == "unsubscribed"


def test_asking_somebody_back(ours: ConstantContact, sandbox: RunningSandbox) -> None:
    later = datetime.now(UTC) + timedelta(minutes=1)
    signed_up = Contact(email=ALAN, signed_up_at=later)
    [outcome] = write(ours, signed_up, reconfirm=True)
    assert outcome.state is AWAITING
    assert status(ours, ALAN) == "pending"
    sandbox.control("POST", f"{SLUG}/confirm", {"email": ALAN})
    assert status(ours, ALAN) == "subscribed"
    sandbox.control("POST", f"{SLUG}/unsubscribe", {"email": ALAN, "by": "person"})
    [outcome] = write(ours, signed_up, reconfirm=True)
    assert (outcome.state, outcome.reason) == (REJECTED, Reason.UNSUBSCRIBED)
    assert "asks once" in outcome.detail


@pytest.mark.usefixtures("confirmed")
def test_confirmed_opt_in(ours: ConstantContact, sandbox: RunningSandbox) -> None:
    assert [outcome.state for outcome in write(ours, MARIE, Contact(email=ADA))] == [
        AWAITING,
        SYNCED,
    ]
    [again] = write(ours, MARIE)
    assert again.state is AWAITING, "a second sign-up would skip the confirmation"
    assert status(ours, MARIE.email) == "pending"
    [elsewhere] = ours.upsert([MARIE], VIP, Options())
    assert elsewhere.state is AWAITING
    sandbox.control("POST", f"{SLUG}/confirm", {"email": MARIE.email})
    assert status(ours, MARIE.email) == "subscribed"
    assert status(ours, MARIE.email, VIP) == "subscribed"


def test_nobody_who_left_comes_back(ours: ConstantContact) -> None:
    before = ours.subscriptions([ALAN, HEDY], NEWSLETTER)
    assert [item.status for item in before] == ["unsubscribed", "pending"]
    people = [Contact(email=ALAN.upper(), fields={"first_name": "X"}), MARIE]
    for batch in (people, people[:1]):
        assert write(ours, *batch)[0].state is REJECTED
        ours.upsert(batch, VIP, Options())
    write(ours, Contact(email=HEDY))
    assert ours.subscriptions([ALAN, HEDY], NEWSLETTER) == before


def test_deleted_contacts(ours: ConstantContact, sandbox: RunningSandbox) -> None:
    assert ours.erase(ADA).ok
    assert status(ours, ADA) == "archived"
    assert write(ours, Contact(email=ADA))[0].state is SYNCED
    assert status(ours, ADA) == "subscribed"
    sandbox.control("POST", f"{SLUG}/unsubscribe", {"email": ADA, "by": "person"})
    ours.erase(ADA)
    [outcome] = write(ours, Contact(email=ADA))
    assert (outcome.state, outcome.reason) == (REJECTED, Reason.UNSUBSCRIBED)


def test_tags_are_polled(ours: ConstantContact, sandbox: RunningSandbox) -> None:
    tagged = Contact(email=ADA, tags=("Popup", "vip"))
    for known in (0, 2):
        assert len(sandbox.member(ADA, SLUG)["tags"]) == known
        [outcome] = write(ours, tagged)
        assert outcome.state is SUBMITTED
        assert ours.poll(outcome.job, [ADA], NEWSLETTER) == []
        [ended] = ours.poll(outcome.job, [ADA], NEWSLETTER)
        assert (ended.state, ended.detail) == (SYNCED, "")
    assert sandbox.member(ADA, SLUG)["tags"] == ["Popup", "vip"]


def test_half_of_a_batch_fails(ours: ConstantContact, sandbox: RunningSandbox) -> None:
    sandbox.faults(SLUG, fail_share=0.5)
    outcomes = write(ours, *(Contact(email=f"p{n}@x.example") for n in range(4)))
    assert [(o.state, o.reason) for o in outcomes] == [
        (SYNCED, None),
        (REJECTED, Reason.ADDRESS_INVALID),
        (SYNCED, None),
        (REJECTED, Reason.ADDRESS_INVALID),
    ]


def test_refused_one_by_one(ours: ConstantContact, sandbox: RunningSandbox) -> None:
    for contact, reason in (
        (Contact(email="no address"), Reason.ADDRESS_INVALID),
        (Contact(email="fake@x.example"), Reason.ADDRESS_INVALID),
        (
            Contact(email="a@x.example", fields={uid("no field"): "x"}),
            Reason.FIELD_TYPE,
        ),
        (
            Contact(email="a@x.example", fields={"first_name": "x" * 300}),
            Reason.FIELD_TYPE,
        ),
    ):
        [outcome] = write(ours, contact)
        assert (outcome.state, outcome.reason) == (REJECTED, reason)
        assert sandbox.member(contact.email, SLUG) is None


def walk(ours: ConstantContact, cursor: str) -> tuple[dict[str, str], str]:
    """A round of changes: status by address, and the cursor behind it."""
    seen: dict[str, str] = {}
    while True:
        page = ours.changes(NEWSLETTER, cursor)
        seen |= {change.email: change.status for change in page.changes}
        cursor = page.cursor
        if not page.more:
            return seen, cursor


def test_changes(ours: ConstantContact, sandbox: RunningSandbox) -> None:
    write(ours, *(Contact(email=f"p{n}@x.example") for n in range(3)), MARIE)
    first, cursor = walk(ours, "")
    assert len(first) == 7
    assert (first[HEDY], first[MARIE.email]) == ("pending", "subscribed")
    assert ALAN not in first
    sandbox.control("POST", f"{SLUG}/unsubscribe", {"email": ADA, "by": "person"})
    ours.erase("p1@x.example")
    then, _ = walk(ours, cursor)
    assert (then[ADA], then["p1@x.example"]) == ("unsubscribed", "archived")
    page = ours.changes(NEWSLETTER, "")
    [marie] = [c for c in page.changes if c.email == MARIE.email]
    assert marie.fields == MARIE.fields
    with pytest.raises(RejectedError) as caught:
        ours.changes(NEWSLETTER, '[-1, "", "2026-01-01T00:00:00Z", "cursor=none"]')
    assert caught.value.reason is Reason.CURSOR_EXPIRED


@pytest.mark.parametrize(
    "faults",
    [
        {"status": 429, "retry_after": 7},
        {"status": 500},
        {"truncate": True},
        {"drop": True},
        {"drop_after_accept": True},
    ],
)
@pytest.mark.parametrize("only", ["GET *", "POST /v3/contacts/sign_up_form"])
def test_an_outage_leaves_nothing_half_done(
    ours: ConstantContact, sandbox: RunningSandbox, faults: dict[str, Any], only: str
) -> None:
    sandbox.faults(SLUG, **faults, only=only, times=1)
    outcomes = write(ours, MARIE, Contact(email=ADA))
    assert {outcome.state for outcome in outcomes} == {OutcomeState.RETRY}
    assert {o.retry_after for o in outcomes} == {faults.get("retry_after")}
    outcomes = write(ours, MARIE, Contact(email=ADA))
    assert {outcome.state for outcome in outcomes} == {SYNCED}
    assert len(sandbox.members(SLUG, MARIE.email)) == 1


@pytest.mark.usefixtures("confirmed")
def test_an_answer_that_never_comes(
    ours: ConstantContact, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ConstantContact, "read_timeout", 0.5)
    only = "POST /v3/contacts/sign_up_form"
    sandbox.faults(SLUG, timeout_after_accept=True, only=only, times=1)
    [outcome] = write(ours, MARIE)
    assert (outcome.state, outcome.reason) == (OutcomeState.RETRY, Reason.TIMEOUT)
    assert write(ours, MARIE)[0].state is AWAITING
    assert sandbox.member(MARIE.email, SLUG)["opt_in_mails"] == 1


def test_broken_accounts_and_lists(
    ours: ConstantContact, sandbox: RunningSandbox
) -> None:
    with pytest.raises(TargetError):
        ours.upsert([MARIE], uid("no list"), Options())
    with pytest.raises(TargetError):
        ours.changes(uid("no list"), "")
    for token in ("a-bad-token-of-theirs", "short"):
        wrong = ConstantContact({"access_token": token}, base_url=ours.base_url)
        with pytest.raises(CredentialsError):
            wrong.audiences()
    sandbox.faults(SLUG, status=503)
    with pytest.raises(TransientError):
        ours.audiences()
