"""Our Sinch MessageMedia adapter lives through a story in the simulator."""

from __future__ import annotations

import json
from typing import Any

import pytest

from integrations.adapters.base import Contact, Options, OutcomeState
from integrations.adapters.errors import (
    CredentialsError,
    Reason,
    ScopeError,
    TargetError,
    TransientError,
)
from integrations.adapters.messagemedia import MessageMedia
from integrations.sandbox.messagemedia.contacts import identifier
from integrations.sandbox.testing import RunningSandbox
from tests.integrations.sandbox.listening import listening

ADA = "ada.lovelace@analytical.example"
GRACE = "grace.hopper@compilers.example"
ALAN = "alan.turing@bletchley.example"  # channel unsubscribed
EDSGER = "edsger.dijkstra@paths.example"  # on the blacklist
NUMBERS = {
    email: f"+6149157000{place}"
    for place, email in enumerate((ADA, GRACE, ALAN, EDSGER), 1)
}
MARIE, NUMBER = "Marie.Curie@radium.example", "+61491570099"
NEWS, VIP, SIZE = identifier("news"), identifier("vip"), identifier("size")
SYNCED, REJECTED, RETRY = (
    OutcomeState.SYNCED,
    OutcomeState.REJECTED,
    OutcomeState.RETRY,
)


@pytest.fixture
def ours(sandbox: RunningSandbox) -> MessageMedia:
    return linked(sandbox)


def linked(sandbox: RunningSandbox, **secrets: str) -> MessageMedia:
    usual = {"api_key": "uCXUdoogNfCsehEClbO2", "api_secret": "q1w2e3r4t5y6u7i8o9"}
    base = sandbox.base_url("messagemedia")
    return MessageMedia({**usual, **secrets}, base_url=base)


def marie(email: str = MARIE, **fields: Any) -> Contact:
    return Contact(email=email, fields={"phone": NUMBER, **fields})


def known(email: str, **fields: Any) -> Contact:
    return Contact(email=email, fields={"phone": NUMBERS[email], **fields})


def statuses(sandbox: RunningSandbox, audience: str = "Newsletter") -> dict[str, str]:
    rows = sandbox.members("messagemedia", audience=audience)
    return {row["email"]: row["status"] for row in rows}


class TestOurAdapter:
    def test_what_is_there(self, ours: MessageMedia) -> None:
        reading = ours.verify()
        assert reading.identity == "Sandbox7000"
        assert [(r.name, r.count) for r in reading.resources] == [
            ("contacts", 4),
            ("lists", 2),
            ("custom fields", 2),
            ("opt-outs", None),
        ]
        assert [(a.label, a.size) for a in ours.audiences()] == [
            ("Newsletter", 4),
            ("VIP early access", 0),
        ]
        assert {f.label for f in ours.fields(NEWS) if f.read_only} == {"E-mail"}

    def test_a_signup_from_first_to_last(
        self, ours: MessageMedia, sandbox: RunningSandbox
    ) -> None:
        [made] = ours.upsert([marie(firstName="Marie")], VIP, Options())
        [again] = ours.upsert([marie(), marie()], VIP, Options())[:1]
        assert (made.state, again.state) == (SYNCED, SYNCED)
        assert made.remote_id == again.remote_id
        ours.upsert([marie(country="FR", firstName=" ", **{SIZE: "M"})], VIP, Options())
        [member] = sandbox.members("messagemedia", MARIE)
        assert member["fields"] == {"firstName": "Marie", "country": "FR"}
        assert ours.subscriptions([MARIE], VIP)[0].status == "subscribed"
        assert ours.subscriptions([MARIE], NEWS)[0].status == "absent"
        assert ours.unsubscribe([MARIE], VIP)[0].state is SYNCED
        assert ours.subscriptions([MARIE], VIP)[0].status == "unsubscribed"
        [back] = ours.upsert([marie(firstName="M")], NEWS, Options())
        assert (back.state, back.reason) == (REJECTED, Reason.UNSUBSCRIBED)
        assert ours.erase(MARIE).ok
        assert sandbox.members("messagemedia", MARIE) == []
        [gone] = ours.upsert([marie()], NEWS, Options())
        assert gone.state is REJECTED, "the number stays blocked"

    def test_nobody_who_left_is_subscribed_again(
        self, ours: MessageMedia, sandbox: RunningSandbox
    ) -> None:
        before = statuses(sandbox)
        people = [known(email, firstName="X") for email in (ALAN, EDSGER)]
        for audience in (NEWS, VIP):
            outcomes = ours.upsert(people, audience, Options())
            assert [o.reason for o in outcomes] == [Reason.UNSUBSCRIBED] * 2
        assert statuses(sandbox) == before
        assert statuses(sandbox, "VIP early access") == {}
        assert [s.status for s in ours.subscriptions([ALAN, EDSGER], NEWS)] == [
            "unsubscribed",
            "unsubscribed",
        ]

    def test_a_batch_of_all_kinds(
        self, ours: MessageMedia, sandbox: RunningSandbox
    ) -> None:
        born = {"dateOfBirth": "soon", "phone": "+61491570097"}
        outcomes = ours.upsert(
            [
                marie(firstName="Marie"),
                known(ADA, firstName="Augusta"),
                known(EDSGER),
                Contact(email="no@number.example"),
                Contact(email="odd@number.example", fields={"phone": "0491 570 156"}),
                Contact(email="born@later.example", fields=born),
                Contact(email="fake@x.example", fields={"phone": "+61491570098"}),
            ],
            VIP,
            Options(),
        )
        assert [(o.state, o.reason) for o in outcomes] == [
            (SYNCED, None),
            (SYNCED, None),
            (REJECTED, Reason.UNSUBSCRIBED),
            (REJECTED, Reason.REQUIRED_FIELD),
            (REJECTED, Reason.FIELD_TYPE),
            (REJECTED, Reason.FIELD_TYPE),
            (REJECTED, Reason.REFUSED),
        ]
        rows = statuses(sandbox, "VIP early access")
        assert rows == {MARIE: "subscribed", ADA: "subscribed"}

    def test_a_list_that_was_deleted(
        self, ours: MessageMedia, sandbox: RunningSandbox
    ) -> None:
        sandbox.control("DELETE", "messagemedia/audiences", {"audience": VIP})
        for act in (
            lambda: ours.upsert([marie()], VIP, Options()),
            lambda: ours.subscriptions([MARIE], VIP),
            lambda: ours.unsubscribe([MARIE], VIP),
        ):
            with pytest.raises(TargetError):
                act()
        assert sandbox.members("messagemedia", MARIE) == []

    def test_a_walk_reads_everybody_on_the_list(
        self, ours: MessageMedia, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("integrations.adapters.messagemedia.adapter.AT_ONCE", 3)
        first = ours.changes(NEWS, "")
        rest = ours.changes(NEWS, first.cursor)
        assert (first.more, rest.more, rest.cursor) == (True, False, "")
        found = {c.email: (c.status, c.fields["phone"]) for c in first.changes}
        found |= {c.email: (c.status, c.fields["phone"]) for c in rest.changes}
        assert found == {
            ADA: ("subscribed", NUMBERS[ADA]),
            GRACE: ("subscribed", NUMBERS[GRACE]),
            ALAN: ("unsubscribed", NUMBERS[ALAN]),
            EDSGER: ("unsubscribed", NUMBERS[EDSGER]),
        }

    def test_a_stop_arrives_signed(self, sandbox: RunningSandbox) -> None:
        with listening() as (url, calls):
            kept = linked(sandbox).add_webhook(url, NEWS)
            sandbox.control("POST", "messagemedia/unsubscribe", {"email": ADA})
            [call] = calls.wait(1)
            ours = linked(sandbox, **kept)
            [change] = ours.webhook(call)
        assert (change.email, change.status) == (ADA, "unsubscribed")
        assert change.fields == {"phone": NUMBERS[ADA]}
        assert json.loads(call.body)["notification_id"]
        assert ours.subscriptions([ADA], NEWS)[0].status == "unsubscribed"
        other = linked(sandbox).add_webhook(f"{url}?secret=s", NEWS)
        assert "webhook_key" not in other, "the account's active key stays"
        forged = type(call)(
            method="POST", url=call.url, headers=call.headers, body=b"{}"
        )
        with pytest.raises(CredentialsError):
            ours.webhook(forged)


class TestTheFaultDial:
    @pytest.mark.parametrize(
        ("fault", "wait"),
        [
            ({"status": 429, "retry_after": 7}, 7.0),
            ({"status": 500}, None),
            ({"truncate": True}, None),
            ({"drop": True}, None),
        ],
    )
    def test_outages_pass(
        self,
        ours: MessageMedia,
        sandbox: RunningSandbox,
        fault: Any,
        wait: float | None,
    ) -> None:
        sandbox.faults("messagemedia", **fault, times=1)
        with pytest.raises(TransientError) as caught:
            ours.upsert([marie()], NEWS, Options())
        assert caught.value.retry_after == wait
        assert ours.upsert([marie()], NEWS, Options())[0].state is SYNCED

    def test_done_but_not_told(
        self,
        ours: MessageMedia,
        sandbox: RunningSandbox,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(MessageMedia, "read_timeout", 0.3)
        for only in (
            "POST /api/v1/contacts/contacts",
            "PATCH /api/v1/contacts/lists/*",
        ):
            dial = {"timeout_after_accept": True, "only": only, "times": 1}
            sandbox.faults("messagemedia", **dial)
            [outcome] = ours.upsert([marie()], NEWS, Options())
            assert outcome.state is RETRY
        assert ours.upsert([marie()], NEWS, Options())[0].state is SYNCED
        assert len(sandbox.members("messagemedia", MARIE)) == 1

    def test_half_a_batch_fails(
        self, ours: MessageMedia, sandbox: RunningSandbox
    ) -> None:
        people = [
            Contact(email=f"p{n}@x.example", fields={"phone": f"+6149157008{n}"})
            for n in range(4)
        ]
        sandbox.faults("messagemedia", fail_share=0.5)
        states = [o.state for o in ours.upsert(people, NEWS, Options())]
        assert {SYNCED, REJECTED} == set(states)
        sandbox.faults("messagemedia")
        outcomes = ours.upsert(people, NEWS, Options())
        assert [o.state for o in outcomes] == [SYNCED] * 4

    @pytest.mark.parametrize(
        "fault", [{"credentials": "broken"}, {"revoked": ["q1w2e3r4t5y6u7i8o9"]}]
    )
    def test_a_broken_key(
        self, ours: MessageMedia, sandbox: RunningSandbox, fault: Any
    ) -> None:
        sandbox.faults("messagemedia", **fault)
        with pytest.raises(CredentialsError):
            ours.verify()
        with pytest.raises(CredentialsError):  # a 403 in the older half
            ours.blocked([NUMBER])

    def test_something_that_is_not_allowed(
        self, ours: MessageMedia, sandbox: RunningSandbox
    ) -> None:
        sandbox.faults("messagemedia", status=403)
        with pytest.raises(ScopeError):
            ours.audiences()
