"""Our HubSpot adapter lives through a story in the simulator."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from integrations.adapters.base import Contact, Incoming, Options, OutcomeState
from integrations.adapters.errors import (
    CredentialsError,
    Reason,
    RejectedError,
    TargetError,
    TransientError,
)
from integrations.adapters.hubspot import HubSpot
from integrations.sandbox.hubspot.simulator import CLIENT_SECRET
from integrations.sandbox.testing import RunningSandbox
from tests.integrations.adapters.hubspot_world import API
from tests.integrations.adapters.test_hubspot_contract import (
    TestHubSpotContract as HubSpotContract,
)
from tests.integrations.sandbox.listening import listening

TOKEN = "pat-eu1-0123456789"
GRACE = "grace.hopper@compilers.example"
ALAN = "alan.turing@bletchley.example"  # unsubscribed from all
CHARLES = "charles.babbage@engines.example"  # bounced
ADA = "ada.lovelace@analytical.example"
EVERYBODY, LIST, TYPE = "contacts", "list:42", "subscription:789"
SYNCED, REJECTED, SKIPPED, RETRY = (
    OutcomeState.SYNCED,
    OutcomeState.REJECTED,
    OutcomeState.SKIPPED,
    OutcomeState.RETRY,
)


@pytest.fixture
def ours(sandbox: RunningSandbox) -> HubSpot:
    secrets = {"token": TOKEN, "webhook_secret": CLIENT_SECRET}
    return HubSpot(secrets, base_url=sandbox.base_url("hubspot"))


@pytest.fixture
def http(sandbox: RunningSandbox) -> Iterator[Any]:
    """Calls that the client, at this version, does not have."""
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {TOKEN}"

        def call(method: str, path: str, body: Any = None) -> requests.Response:
            url = sandbox.base_url("hubspot") + path
            return session.request(method, url, json=body, timeout=10)

        yield call


class TestOurAdapter:
    def test_what_is_there(self, ours: HubSpot) -> None:
        reading = ours.verify()
        assert reading.identity == "62515"
        assert [(r.name, r.count) for r in reading.resources][:2] == [
            ("contacts", 3),
            ("lists", 1),
        ]
        assert [a.id for a in ours.audiences()] == [EVERYBODY, LIST, TYPE]
        fields = {field.id: field for field in ours.fields(LIST)}
        assert fields["lifecyclestage"].options == ("subscriber", "lead", "customer")
        assert fields["hs_email_optout"].read_only

    def test_a_signup_from_first_to_last(
        self, ours: HubSpot, sandbox: RunningSandbox
    ) -> None:
        ada = Contact(email=ADA, fields={"firstname": "Ada", "lifecyclestage": "lead"})
        [made] = ours.upsert([ada], LIST, Options())
        [again] = ours.upsert([ada, ada], LIST, Options())[:1]
        assert (made.state, again.state) == (SYNCED, SYNCED)
        assert made.remote_id == again.remote_id
        rows = sandbox.members("hubspot", ADA)
        assert {row["audience"] for row in rows} == {"All contacts", "Shop customers"}
        [there] = ours.subscriptions([ADA], LIST)
        assert there.status == "subscribed"
        assert ours.subscriptions([ADA], TYPE)[0].status == "absent"
        assert ours.upsert([ada], TYPE, Options())[0].state is SYNCED
        assert ours.subscriptions([ADA], TYPE)[0].status == "subscribed"
        [left] = ours.unsubscribe([ADA], TYPE)
        assert left.state is SYNCED
        [back] = ours.upsert([ada], TYPE, Options())
        assert (back.state, back.reason) == (REJECTED, Reason.UNSUBSCRIBED)
        assert ours.subscriptions([ADA], TYPE)[0].status == "unsubscribed"
        assert ours.unsubscribe([ADA], LIST)[0].state is SYNCED
        assert ours.subscriptions([ADA], LIST)[0].status == "absent"
        assert ours.erase(ADA).ok
        assert sandbox.members("hubspot", ADA) == []
        [refused] = ours.upsert([ada], LIST, Options())
        assert refused.state is REJECTED

    def test_nobody_who_left_is_subscribed_again(
        self, ours: HubSpot, sandbox: RunningSandbox
    ) -> None:
        people = [Contact(email=e, fields={"firstname": "Al"}) for e in (ALAN, CHARLES)]
        told = ours.upsert(people, EVERYBODY, Options())
        assert [o.state for o in told] == [SYNCED, SYNCED]
        assert "Unsubscribed" in told[0].detail
        assert "bounced" in told[1].detail
        refused = ours.upsert(people, TYPE, Options())
        assert [o.reason for o in refused] == [Reason.UNSUBSCRIBED, Reason.BOUNCED]
        rows = sandbox.members("hubspot", audience="All contacts")
        now = {row["email"]: (row["status"], row["fields"]) for row in rows}
        assert now[ALAN] == ("unsubscribed", {"firstname": "Al"})
        assert now[CHARLES] == ("cleaned", {"firstname": "Al"})
        assert [m["email"] for m in sandbox.members("hubspot", audience="789")] == [
            GRACE
        ]

    def test_who_left_and_was_deleted_does_not_come_back(
        self, ours: HubSpot, sandbox: RunningSandbox
    ) -> None:
        sandbox.control("POST", "hubspot/unsubscribe", {"email": GRACE})
        sandbox.control("POST", "hubspot/delete", {"email": GRACE})
        [refused] = ours.upsert([Contact(email=GRACE)], TYPE, Options())
        assert (refused.state, refused.reason) == (REJECTED, Reason.UNSUBSCRIBED)

    def test_a_batch_of_all_kinds(self, ours: HubSpot, sandbox: RunningSandbox) -> None:
        field = {"audience": "contacts", "tag": "size", "type": "enumeration"}
        field |= {"options": ["s"], "required": True}
        sandbox.control("POST", "hubspot/fields", field)
        people = [
            Contact(email=ADA, fields={"size": "s"}),
            Contact(email="fake@x.example", fields={"size": "s"}),
            Contact(email="b@x.example", fields={"size": "xxl"}),
            Contact(email="c@x.example"),
            Contact(email="d@x.example", fields={"size": "s", "colour": "red"}),
            Contact(email=GRACE, fields={"firstname": "Amazing"}),
        ]
        outcomes = ours.upsert(people, EVERYBODY, Options(update_existing=False))
        assert [(o.state, o.reason) for o in outcomes] == [
            (SYNCED, None),
            (REJECTED, Reason.ADDRESS_INVALID),
            (REJECTED, Reason.OPTION_MISSING),
            (REJECTED, Reason.REQUIRED_FIELD),
            (REJECTED, Reason.FIELD_TYPE),
            (SKIPPED, Reason.EXISTING),
        ]

    def test_changes_walk_and_then_follow(
        self, ours: HubSpot, sandbox: RunningSandbox
    ) -> None:
        first = ours.changes(EVERYBODY, "")
        assert (first.complete, first.more) == (True, False)
        assert {c.email: c.status for c in first.changes} == {
            GRACE: "subscribed",
            ALAN: "unsubscribed",
            CHARLES: "bounced",
        }
        sandbox.control("POST", "hubspot/unsubscribe", {"email": GRACE})
        ours.upsert([Contact(email=ADA, fields={"company": "X"})], EVERYBODY, Options())
        second = ours.changes(EVERYBODY, first.cursor)
        assert not second.complete
        seen = {change.email: change for change in second.changes}
        assert seen[GRACE].status == "unsubscribed"
        assert seen[ADA].fields["company"] == "X"
        members = ours.changes(LIST, "")
        assert [c.email for c in members.changes] == [GRACE]
        assert [c.email for c in ours.changes(TYPE, "").changes] == [
            GRACE,
            ALAN,
            CHARLES,
        ]

    def test_every_row_of_many_pages(self, ours: HubSpot) -> None:
        people = [Contact(email=f"p{n}@x.example") for n in range(230)]
        for start in range(0, 230, 100):
            ours.upsert(people[start : start + 100], LIST, Options())
        for audience, cursor in ((EVERYBODY, ""), (LIST, "")):
            seen: set[str] = set()
            more = True
            while more:
                page = ours.changes(audience, cursor)
                seen |= {change.email for change in page.changes}
                cursor, more = page.cursor, page.more
            assert {person.email for person in people} <= seen
        seen, more, cursor = set(), True, '[0, "1970-01-01T00:00:00Z", "", ""]'
        while more:
            page = ours.changes(EVERYBODY, cursor)
            seen |= {change.email for change in page.changes}
            cursor, more = page.cursor, page.more
        assert len(seen) == 233

    def test_signed_webhooks(self, ours: HubSpot, http: Any) -> None:
        with listening() as (url, calls):
            http("PUT", "/webhooks/v3/7/settings", {"targetUrl": url})
            for kind in ("contact.creation", "contact.deletion"):
                row = {"eventType": kind, "active": True}
                http("POST", "/webhooks/v3/7/subscriptions", row)
            ours.upsert([Contact(email=ADA)], EVERYBODY, Options())
            created = calls.wait(1)[0]
            [change] = ours.webhook(created)
            assert (change.email, change.kind) == (ADA, "upsert")
            forged = Incoming(
                method="POST",
                url=created.url,
                headers=created.headers,
                body=created.body + b" ",
            )
            with pytest.raises(CredentialsError):
                ours.webhook(forged)
            record = ours.find([ADA])[ADA]["id"]
            http("DELETE", f"/crm/v3/objects/contacts/{record}")
            [change] = ours.webhook(calls.wait(2)[1])
            assert (change.email, change.kind) == (ADA, "delete")

    def test_what_is_not_there(self, ours: HubSpot) -> None:
        for audience in ("list:999", "subscription:1"):
            with pytest.raises(TargetError):
                ours.upsert([Contact(email=ADA)], audience, Options())
        with pytest.raises(RejectedError, match="DYNAMIC"):
            ours.upsert([Contact(email=ADA)], "list:43", Options())


class TestTheDial:
    PEOPLE = [Contact(email=ADA), Contact(email="b@x.example")]

    @pytest.mark.parametrize(
        ("faults", "reason"),
        [
            ({"status": 429, "retry_after": 3}, Reason.RATE),
            ({"status": 423}, Reason.RATE),
            ({"status": 500}, Reason.SERVER),
            ({"truncate": True}, Reason.NETWORK),
            ({"drop": True}, Reason.NETWORK),
            ({"drop_after_accept": True}, Reason.NETWORK),
        ],
    )
    def test_what_passes_by_itself(
        self, ours: HubSpot, sandbox: RunningSandbox, faults: Any, reason: Reason
    ) -> None:
        only = {"only": "POST *upsert", "times": 1}
        sandbox.faults("hubspot", **faults, **only)
        with pytest.raises(TransientError) as caught:
            ours.upsert(self.PEOPLE, LIST, Options())
        assert caught.value.reason is reason
        assert caught.value.retry_after == faults.get("retry_after")
        again = ours.upsert(self.PEOPLE, LIST, Options())
        assert [o.state for o in again] == [SYNCED, SYNCED]
        assert len(sandbox.members("hubspot", ADA, "42")) == 1

    def test_done_but_never_answered(
        self,
        ours: HubSpot,
        sandbox: RunningSandbox,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(HubSpot, "read_timeout", 0.3)
        held = {"timeout_after_accept": True, "only": "POST *upsert", "times": 1}
        sandbox.faults("hubspot", **held)
        with pytest.raises(TransientError) as caught:
            ours.upsert(self.PEOPLE, EVERYBODY, Options())
        assert caught.value.reason is Reason.TIMEOUT
        assert len(sandbox.members("hubspot", ADA)) == 1
        assert ours.upsert(self.PEOPLE, EVERYBODY, Options())[0].state is SYNCED
        assert len(sandbox.members("hubspot", ADA)) == 1

    def test_half_of_a_batch(self, ours: HubSpot, sandbox: RunningSandbox) -> None:
        sandbox.faults("hubspot", fail_share=0.5)
        people = [Contact(email=f"p{n}@x.example") for n in range(4)]
        outcomes = ours.upsert(people, LIST, Options())
        assert sorted(o.state for o in outcomes) == sorted([SYNCED, REJECTED] * 2)
        assert len(sandbox.members("hubspot", audience="42")) == 3  # Grace is one

    def test_subscribing_stops_where_it_fails(
        self, ours: HubSpot, sandbox: RunningSandbox
    ) -> None:
        sandbox.faults("hubspot", status=500, only="POST *b@x.example", times=1)
        outcomes = ours.upsert(self.PEOPLE, TYPE, Options())
        assert [o.state for o in outcomes] == [SYNCED, RETRY]

    @pytest.mark.parametrize(
        "faults", [{"credentials": "broken"}, {"revoked": [TOKEN]}]
    )
    def test_a_key_that_stopped_working(
        self, ours: HubSpot, sandbox: RunningSandbox, faults: Any
    ) -> None:
        sandbox.faults("hubspot", **faults)
        with pytest.raises(CredentialsError):
            ours.verify()


@pytest.mark.contract
def test_every_answer_is_one_that_hubspot_describes(
    ours: HubSpot, sandbox: RunningSandbox
) -> None:
    """The requests and answers of a story, held against HubSpot's descriptions."""
    people = [Contact(email=e) for e in (ADA, ALAN, "fake@x.example")]
    ours.verify()
    ours.audiences()
    for audience in (EVERYBODY, LIST, TYPE):
        ours.upsert(people, audience, Options())
        ours.subscriptions([ADA, ALAN], audience)
        page = ours.changes(audience, "")
        ours.changes(audience, page.cursor)
        ours.unsubscribe([ADA], audience)
    ours.erase(ADA)
    sandbox.faults("hubspot", status=429, times=1)
    with pytest.raises(TransientError):
        ours.verify()
    rows = sandbox.requests("hubspot")
    for row in rows:
        body = json.loads(row["body"]) if row["body"] else None
        request = requests.Request(
            row["method"], API + row["path"], json=body, headers=ours.headers()
        )
        text = row["response"]
        answer = json.loads(text, object_hook=without_nulls) if text else None
        HubSpotContract.check(request.prepare(), row["status"], answer)
    assert {row["status"] for row in rows} == {200, 204, 207, 429}


def without_nulls(found: dict[str, Any]) -> dict[str, Any]:
    """HubSpot gives null for a property without a value, and describes only texts."""
    return {name: value for name, value in found.items() if value is not None}
