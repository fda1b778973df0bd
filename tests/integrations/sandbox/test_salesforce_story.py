"""Our Salesforce adapter lives through a story in the simulator."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.adapters.base import Contact, Options, OutcomeState
from integrations.adapters.errors import (
    CredentialsError,
    Reason,
    TargetError,
    TransientError,
)
from integrations.adapters.salesforce import Salesforce
from integrations.sandbox.testing import RunningSandbox

TOKEN = "00D5e000001Sand!AQ0123456789"
GRACE = "grace.hopper@compilers.example"
ALAN = "alan.turing@bletchley.example"  # opted out as a lead
CHARLES = "charles.babbage@engines.example"  # bounced, a contact
ADA = "ada.o'lovelace@analytical.example"
CAMPAIGN = "campaign:7015e0000000001EAA"
FIELDS = {"LastName": "Lovelace", "Company": "Engines"}
SYNCED, REJECTED, SKIPPED, RETRY = (
    OutcomeState.SYNCED,
    OutcomeState.REJECTED,
    OutcomeState.SKIPPED,
    OutcomeState.RETRY,
)


@pytest.fixture
def ours(sandbox: RunningSandbox) -> Salesforce:
    secrets = {"access_token": TOKEN}
    return Salesforce(secrets, base_url=sandbox.base_url("salesforce"))


def lead(email: str, **fields: Any) -> Contact:
    return Contact(email=email, fields={**FIELDS, **fields})


def statuses(sandbox: RunningSandbox, email: str) -> dict[str, str]:
    return {
        row["audience"]: row["status"] for row in sandbox.members("salesforce", email)
    }


def test_what_is_there(ours: Salesforce) -> None:
    reading = ours.verify()
    assert reading.account_name == "Provider sandbox"
    assert [(r.name, r.writable, r.count) for r in reading.resources] == [
        ("leads", True, 2),
        ("contacts", True, 1),
    ]
    assert [(a.id, a.size) for a in ours.audiences()] == [
        ("Lead", 2),
        ("Contact", 1),
        (CAMPAIGN, 0),
    ]
    fields = {field.id: field for field in ours.fields("Lead")}
    assert [n for n, f in fields.items() if f.required] == ["LastName", "Company"]
    assert fields["Rating"].options == ("Hot", "Cold")
    assert fields["HasOptedOutOfEmail"].read_only
    assert "Company" not in {field.id for field in ours.fields("Contact")}


def test_a_signup_from_first_to_last(ours: Salesforce, sandbox: RunningSandbox) -> None:
    [made] = ours.upsert([lead(ADA)], "Lead", Options())
    [again, twice] = ours.upsert([lead(ADA, Phone="1")] * 2, "Lead", Options())
    assert [o.state for o in (made, again, twice)] == [SYNCED] * 3
    assert {o.remote_id for o in (made, again, twice)} == {made.remote_id}
    [row] = sandbox.members("salesforce", ADA)
    assert row["fields"] == {**FIELDS, "Phone": "1"}
    assert ours.subscriptions([ADA], "Lead")[0].status == "subscribed"
    assert ours.unsubscribe([ADA, "no@x.example"], "Lead")[0].state is SYNCED
    assert ours.subscriptions([ADA], "Lead")[0].status == "unsubscribed"
    [back] = ours.upsert([lead(ADA, HasOptedOutOfEmail=False)], "Lead", Options())
    assert back.state is SYNCED
    assert "Unsubscribed at Salesforce" in back.detail
    assert statuses(sandbox, ADA) == {"Leads": "unsubscribed"}
    assert ours.erase(ADA).ok
    assert ours.subscriptions([ADA], "Lead")[0].status == "absent"
    assert "did not hold" in ours.erase(ADA).note


def test_nobody_who_left_is_subscribed_again(
    ours: Salesforce, sandbox: RunningSandbox
) -> None:
    [told] = ours.upsert([lead(ALAN)], "Lead", Options())
    assert (told.state, "Unsubscribed" in told.detail) == (SYNCED, True)
    person = Contact(email=ALAN, fields={"LastName": "Turing"})
    [other] = ours.upsert([person], "Contact", Options())
    assert (other.state, "marked as opted out" in other.detail) == (SYNCED, True)
    assert statuses(sandbox, ALAN) == {
        "Leads": "unsubscribed",
        "Contacts": "unsubscribed",
    }
    [bounced] = ours.upsert(
        [Contact(email=CHARLES, fields={"Phone": "1"})], "Contact", Options()
    )
    assert (bounced.state, "bounced" in bounced.detail) == (SYNCED, True)
    assert statuses(sandbox, CHARLES) == {"Contacts": "cleaned"}


def test_a_campaign_from_first_to_last(
    ours: Salesforce, sandbox: RunningSandbox
) -> None:
    people = [lead(ADA), lead(CHARLES), lead(ALAN), lead("fake@x.example")]
    for _ in range(2):
        outcomes = ours.upsert(people, CAMPAIGN, Options())
        assert [o.state for o in outcomes] == [SYNCED, SYNCED, SYNCED, REJECTED]
    assert "bounced" in outcomes[1].detail
    assert "Unsubscribed" in outcomes[2].detail
    emails = [ADA, CHARLES, ALAN, GRACE]
    found = ours.subscriptions(emails, CAMPAIGN)
    assert [s.status for s in found] == [
        *("subscribed", "bounced", "unsubscribed", "absent"),
    ]
    page = ours.changes(CAMPAIGN, "")
    assert {c.email: c.status for c in page.changes} == {
        ADA: "subscribed",
        CHARLES: "bounced",
        ALAN: "unsubscribed",
    }
    assert statuses(sandbox, CHARLES)["Contacts"] == "cleaned"
    assert ours.audiences()[2].size == 3
    gone = ours.unsubscribe([ADA, GRACE], CAMPAIGN)
    assert [o.state for o in gone] == [SYNCED, SKIPPED]
    assert ours.subscriptions([ADA], CAMPAIGN)[0].status == "absent"
    assert ours.subscriptions([ADA], "Lead")[0].status == "subscribed"
    sandbox.control("DELETE", "salesforce/audiences", {"audience": "Spring fair"})
    with pytest.raises(TargetError):
        ours.upsert([lead(ADA)], CAMPAIGN, Options())


def test_a_batch_of_all_kinds(ours: Salesforce, sandbox: RunningSandbox) -> None:
    field = {"audience": "Lead", "tag": "Size__c", "type": "string", "required": True}
    sandbox.control("POST", "salesforce/fields", field)
    people = [
        lead(ADA, Size__c="s"),
        lead("fake@x.example", Size__c="s"),
        lead("b@x.example", Size__c="s", Rating="Warm"),
        lead("c@x.example"),
        lead("d@x.example", Size__c="x" * 300),
        lead(GRACE, Size__c="s"),
    ]
    outcomes = ours.upsert(people, "Lead", Options(update_existing=False))
    assert [(o.state, o.reason) for o in outcomes] == [
        (SYNCED, None),
        (REJECTED, Reason.ADDRESS_INVALID),
        (REJECTED, Reason.OPTION_MISSING),
        (REJECTED, Reason.REQUIRED_FIELD),
        (REJECTED, Reason.FIELD_TYPE),
        (SKIPPED, Reason.EXISTING),
    ]
    assert "Size__c" in outcomes[3].detail


def test_whom_the_organisation_s_rules_take_for_somebody_else(
    ours: Salesforce, sandbox: RunningSandbox
) -> None:
    sandbox.faults("salesforce", throttled=[ADA], compliance=["b@x.example"])
    outcomes = ours.upsert([lead(ADA), lead("b@x.example")], "Lead", Options())
    assert [(o.state, o.reason) for o in outcomes] == [
        (RETRY, Reason.SERVER),
        (REJECTED, Reason.REFUSED),
    ]


def test_changes_walk_and_then_follow(
    ours: Salesforce, sandbox: RunningSandbox
) -> None:
    first = ours.changes("Lead", "")
    assert (first.complete, first.more) == (True, False)
    assert {c.email: c.status for c in first.changes} == {
        GRACE: "subscribed",
        ALAN: "unsubscribed",
    }
    ours.upsert([lead(ADA)], "Lead", Options())
    sandbox.control("POST", "salesforce/unsubscribe", {"email": GRACE})
    sandbox.control("POST", "salesforce/delete", {"email": ALAN})
    second = ours.changes("Lead", first.cursor)
    assert not second.complete
    seen = {change.email: (change.kind, change.status) for change in second.changes}
    assert seen == {
        ADA: ("upsert", "subscribed"),
        GRACE: ("upsert", "unsubscribed"),
        ALAN: ("delete", ""),
    }


def test_every_row_of_many_pages(ours: Salesforce) -> None:
    people = [lead(f"p{n}@x.example", LastName=f"P{n}") for n in range(450)]
    for start in range(0, 450, 200):
        outcomes = ours.upsert(people[start : start + 200], "Lead", Options())
        assert {o.state for o in outcomes} == {SYNCED}
    seen: list[str] = []
    cursor, more = "", True
    while more:
        page = ours.changes("Lead", cursor)
        assert page.complete
        seen += [change.email for change in page.changes]
        cursor, more = page.cursor, page.more
    assert sorted(seen) == sorted([GRACE, ALAN, *(p.email for p in people)])
    again = ours.upsert(people[:200], "Lead", Options())
    assert {o.state for o in again} == {SYNCED}
    assert ours.audiences()[0].size == 452


class TestTheDial:
    PEOPLE = [lead(ADA), lead("b@x.example", LastName="B")]

    @pytest.mark.parametrize(
        ("faults", "reason"),
        [
            ({"status": 429, "retry_after": 3}, Reason.RATE),
            ({"status": 503}, Reason.SERVER),
            ({"status": 500}, Reason.SERVER),
            ({"status": 403}, Reason.QUOTA),
            ({"truncate": True}, Reason.NETWORK),
            ({"drop": True}, Reason.NETWORK),
            ({"drop_after_accept": True}, Reason.NETWORK),
        ],
    )
    def test_what_passes_by_itself(
        self, ours: Salesforce, sandbox: RunningSandbox, faults: Any, reason: Reason
    ) -> None:
        sandbox.faults("salesforce", **faults, only="POST *sobjects", times=1)
        with pytest.raises(TransientError) as caught:
            ours.upsert(self.PEOPLE, "Lead", Options())
        assert caught.value.reason is reason
        again = ours.upsert(self.PEOPLE, "Lead", Options())
        assert [o.state for o in again] == [SYNCED, SYNCED]
        assert len(sandbox.members("salesforce", ADA)) == 1

    def test_done_but_never_answered(
        self,
        ours: Salesforce,
        sandbox: RunningSandbox,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(Salesforce, "read_timeout", 0.3)
        held = {"timeout_after_accept": True, "only": "POST *sobjects", "times": 1}
        sandbox.faults("salesforce", **held)
        with pytest.raises(TransientError) as caught:
            ours.upsert(self.PEOPLE, "Lead", Options())
        assert caught.value.reason is Reason.TIMEOUT
        assert ours.upsert(self.PEOPLE, "Lead", Options())[0].state is SYNCED
        assert len(sandbox.members("salesforce", ADA)) == 1

    def test_half_of_a_batch(self, ours: Salesforce, sandbox: RunningSandbox) -> None:
        sandbox.faults("salesforce", fail_share=0.5)
        people = [lead(f"p{n}@x.example", LastName=f"P{n}") for n in range(4)]
        outcomes = ours.upsert(people, "Lead", Options())
        assert sorted(o.state for o in outcomes) == sorted([SYNCED, REJECTED] * 2)

    @pytest.mark.parametrize(
        "faults", [{"credentials": "broken"}, {"revoked": [TOKEN]}]
    )
    def test_a_session_that_ended(
        self, ours: Salesforce, sandbox: RunningSandbox, faults: Any
    ) -> None:
        sandbox.faults("salesforce", **faults)
        with pytest.raises(CredentialsError) as caught:
            ours.verify()
        assert caught.value.reason is Reason.AUTH_EXPIRED
