"""Our iContact adapter lives through a story in the simulator."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from integrations.adapters.base import Change, Contact, Options, OutcomeState
from integrations.adapters.errors import (
    CredentialsError,
    Reason,
    RejectedError,
    TargetError,
    TransientError,
)
from integrations.adapters.icontact import IContact
from integrations.sandbox.testing import RunningSandbox
from tests.integrations.sandbox.listening import listening

ADA = "ada.lovelace@analytical.example"
GRACE = "grace.hopper@compilers.example"
ALAN = "alan.turing@bletchley.example"  # unsubscribed
CHARLES = "charles.babbage@engines.example"  # bounced
EDSGER = "edsger.dijkstra@paths.example"  # complained: Do Not Contact
HEDY = "hedy.lamarr@spectrum.example"  # pending
MARIE = "Marie.Curie@radium.example"
NEWS, VIP = "3001", "3002"
SECRETS = {
    "app_id": "Ml5SnuFhnoOsuZeTOuZQnLUHTbzeUyhx",
    "username": "marketer",
    "api_password": "application-pass",
}
SYNCED, REJECTED, AWAITING = (
    OutcomeState.SYNCED,
    OutcomeState.REJECTED,
    OutcomeState.AWAITING_OPT_IN,
)


def linked(sandbox: RunningSandbox, **secrets: str) -> IContact:
    return IContact({**SECRETS, **secrets}, base_url=sandbox.base_url("icontact"))


@pytest.fixture
def ours(sandbox: RunningSandbox) -> IContact:
    return linked(sandbox)


def statuses(sandbox: RunningSandbox, audience: str = "Newsletter") -> dict[str, str]:
    rows = sandbox.members("icontact", audience=audience)
    return {row["email"]: row["status"] for row in rows}


class TestOurAdapter:
    def test_the_only_client_folder_needs_no_choosing(self, ours: IContact) -> None:
        assert [item.id for item in ours.sub_accounts()] == ["1001/2001"]
        reading = ours.verify()
        assert reading.account_name == "Provider sandbox"
        assert [(r.name, r.count) for r in reading.resources] == [
            ("lists", 2),
            ("contacts", 7),
            ("custom fields", 2),
            ("confirmation messages", 1),
        ]

    def test_an_agency_chooses(self, sandbox: RunningSandbox) -> None:
        agency = linked(sandbox, username="agency@x.example")
        assert [item.label for item in agency.sub_accounts()] == [
            "Provider sandbox: First client",
            "Provider sandbox: Second client",
        ]
        with pytest.raises(TargetError, match="2 client folders"):
            agency.verify()
        chosen = linked(sandbox, username="agency@x.example", sub_account="1001/2001")
        assert [a.label for a in chosen.audiences()] == [
            "Newsletter",
            "VIP early access",
        ]

    def test_what_is_there(self, ours: IContact) -> None:
        assert [(a.id, a.size) for a in ours.audiences()] == [(NEWS, 3), (VIP, 0)]
        fields = {field.id: field.type for field in ours.fields(NEWS)}
        assert (fields["birthday"], fields["vip"]) == ("date", "boolean")

    def test_a_signup_from_first_to_last(
        self, ours: IContact, sandbox: RunningSandbox
    ) -> None:
        marie = Contact(email=MARIE, fields={"firstName": "Marie", "vip": True})
        [made] = ours.upsert([marie], NEWS, Options())
        [again] = ours.upsert([marie, marie], NEWS, Options())[:1]
        assert (made.state, again.state) == (SYNCED, SYNCED)
        assert made.remote_id == again.remote_id
        [member] = sandbox.members("icontact", MARIE)
        assert member["fields"] == {"firstName": "Marie", "vip": 1}
        city = Contact(email=MARIE.upper(), fields={"city": "Paris", "firstName": ""})
        ours.upsert([city], NEWS, Options())
        [member] = sandbox.members("icontact", MARIE)
        assert member["fields"] == {"firstName": "Marie", "vip": 1, "city": "Paris"}
        assert ours.unsubscribe([MARIE], NEWS)[0].state is SYNCED
        [back] = ours.upsert([marie], NEWS, Options())
        assert (back.state, back.reason) == (REJECTED, Reason.UNSUBSCRIBED)
        assert ours.subscriptions([MARIE], NEWS)[0].status == "unsubscribed"
        assert ours.upsert([marie], VIP, Options())[0].state is SYNCED
        assert ours.erase(MARIE).ok
        assert sandbox.members("icontact", MARIE) == []

    def test_double_opt_in_to_its_end(
        self, ours: IContact, sandbox: RunningSandbox
    ) -> None:
        marie = Contact(email=MARIE)
        options = Options(double_opt_in=True)
        assert ours.upsert([marie], VIP, options)[0].state is AWAITING
        assert ours.upsert([marie], VIP, options)[0].state is AWAITING
        [member] = sandbox.members("icontact", MARIE)
        assert (member["status"], member["opt_in_mails"]) == ("pending", 1)
        sandbox.control("POST", "icontact/confirm", {"email": MARIE})
        assert ours.subscriptions([MARIE], VIP)[0].status == "subscribed"
        assert ours.upsert([marie], VIP, options)[0].state is SYNCED

    def test_nobody_who_left_is_subscribed_again(
        self, ours: IContact, sandbox: RunningSandbox
    ) -> None:
        before = statuses(sandbox)
        people = [
            Contact(email=email, fields={"city": "X"})
            for email in (ALAN, CHARLES, EDSGER)
        ]
        for audience in (NEWS, VIP):
            outcomes = ours.upsert(people, audience, Options(reconfirm=True))
            if audience == NEWS:
                assert [o.reason for o in outcomes] == [
                    Reason.UNSUBSCRIBED,
                    Reason.BOUNCED,
                    Reason.UNSUBSCRIBED,
                ]
        assert statuses(sandbox) == before
        assert statuses(sandbox, "VIP early access") == {ALAN: "subscribed"}
        assert [s.status for s in ours.subscriptions([CHARLES, EDSGER], VIP)] == [
            "bounced",
            "unsubscribed",
        ]

    def test_who_left_is_asked_again_after_a_later_signup(
        self, ours: IContact, sandbox: RunningSandbox
    ) -> None:
        sandbox.control(
            "POST", "icontact/unsubscribe", {"email": GRACE, "by": "person"}
        )
        options = Options(reconfirm=True)
        now = datetime.now(UTC)
        early = Contact(email=GRACE, signed_up_at=now - timedelta(hours=1))
        assert ours.upsert([early], NEWS, options)[0].state is REJECTED
        late = Contact(email=GRACE, signed_up_at=now + timedelta(minutes=1))
        assert ours.upsert([late], NEWS, options)[0].state is AWAITING
        assert statuses(sandbox)[GRACE] == "pending"

    def test_a_batch_of_all_kinds(
        self, ours: IContact, sandbox: RunningSandbox
    ) -> None:
        people = [
            Contact(email=MARIE),
            Contact(email=ADA, fields={"city": "London"}),
            Contact(email=ALAN),
            Contact(email=HEDY),
            Contact(email="fake@x.example"),
        ]
        outcomes = ours.upsert(people, NEWS, Options())
        assert [o.state for o in outcomes] == [
            SYNCED,
            SYNCED,
            REJECTED,
            AWAITING,
            REJECTED,
        ]
        assert outcomes[4].reason is Reason.ADDRESS_INVALID
        with pytest.raises(RejectedError):  # the caller splits it
            ours.upsert(
                [Contact(email=e) for e in ("fake1@x.example", "fake2@x.example")],
                NEWS,
                Options(),
            )

    def test_a_list_that_was_deleted(
        self, ours: IContact, sandbox: RunningSandbox
    ) -> None:
        sandbox.control("DELETE", "icontact/audiences", {"audience": VIP})
        for act in (
            lambda: ours.upsert([Contact(email=MARIE)], VIP, Options()),
            lambda: ours.subscriptions([MARIE], VIP),
            lambda: ours.unsubscribe([MARIE], VIP),
        ):
            with pytest.raises(TargetError):
                act()
        assert sandbox.members("icontact", MARIE) == []

    def test_a_walk_reads_everybody_on_the_list(
        self, ours: IContact, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(
            "integrations.adapters.icontact.adapter.IContact.page_size", 3
        )
        found: dict[str, Change] = {}
        cursor, more, pages = "", True, 0
        while more:
            page = ours.changes(NEWS, cursor)
            assert page.complete
            found |= {change.email: change for change in page.changes}
            cursor, more, pages = page.cursor, page.more, pages + 1
        assert (pages, cursor) == (3, "")
        assert {
            email: (c.status, c.fields["status"]) for email, c in found.items()
        } == {
            ADA: ("subscribed", "Normal"),
            GRACE: ("subscribed", "Normal"),
            ALAN: ("unsubscribed", "Normal"),
            CHARLES: ("bounced", "Bounced"),
            EDSGER: ("unsubscribed", "DNC"),
            HEDY: ("pending", "Normal"),
        }

    def test_webhooks_arrive_and_are_understood(self, sandbox: RunningSandbox) -> None:
        ours = linked(sandbox, webhook_secret="s3cret")
        with listening() as (url, calls):
            kept = ours.add_webhook(f"{url}?secret=s3cret", NEWS)
            assert len(kept["webhook_id"].split(",")) == 4
            sandbox.control("POST", "icontact/unsubscribe", {"email": ADA})
            [call] = calls.wait(1)
        assert call.query["secret"] == "s3cret"
        [change] = ours.webhook(call)
        assert (change.email, change.status, change.audience_id) == (
            ADA,
            "unsubscribed",
            NEWS,
        )


class TestTheFaultDial:
    MARIE = Contact(email=MARIE, fields={"firstName": "Marie"})

    @pytest.mark.parametrize(
        ("fault", "wait"),
        [
            ({"status": 503, "retry_after": 7}, 7.0),
            ({"status": 500}, None),
            ({"truncate": True}, None),
            ({"drop": True}, None),
        ],
    )
    def test_outages_pass(
        self, ours: IContact, sandbox: RunningSandbox, fault: Any, wait: float | None
    ) -> None:
        sandbox.faults("icontact", **fault, times=1)
        with pytest.raises(TransientError) as caught:
            ours.upsert([self.MARIE], NEWS, Options())
        assert caught.value.retry_after == wait
        assert ours.upsert([self.MARIE], NEWS, Options())[0].state is SYNCED

    def test_done_but_not_told(
        self, ours: IContact, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(IContact, "read_timeout", 0.3)
        for path in ("contacts", "subscriptions"):
            only = f"POST /icp/a/*/c/*/{path}"
            sandbox.faults("icontact", timeout_after_accept=True, only=only, times=1)
            with pytest.raises(TransientError):
                ours.upsert([self.MARIE], NEWS, Options())
        assert ours.upsert([self.MARIE], NEWS, Options())[0].state is SYNCED
        assert len(sandbox.members("icontact", MARIE)) == 1

    def test_half_a_batch_fails(self, ours: IContact, sandbox: RunningSandbox) -> None:
        people = [Contact(email=f"p{n}@x.example") for n in range(2)]
        sandbox.faults("icontact", fake=["p1@x.example"])
        outcomes = ours.upsert(people, NEWS, Options())
        assert [o.state for o in outcomes] == [SYNCED, REJECTED]

    @pytest.mark.parametrize(
        "fault", [{"credentials": "broken"}, {"revoked": ["application-pass"]}]
    )
    def test_a_broken_log_in(
        self, ours: IContact, sandbox: RunningSandbox, fault: Any
    ) -> None:
        sandbox.faults("icontact", **fault)
        with pytest.raises(CredentialsError) as caught:
            ours.verify()
        assert "application-pass" not in json.dumps(caught.value.detail)
