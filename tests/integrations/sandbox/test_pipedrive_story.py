"""Our Pipedrive adapter lives through a story in the simulator."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from integrations.adapters.base import Contact, Options, OutcomeState
from integrations.adapters.errors import (
    CredentialsError,
    Reason,
    RejectedError,
    TargetError,
    TransientError,
)
from integrations.adapters.pipedrive import Pipedrive
from integrations.sandbox.pipedrive.simulator import SOURCE, TOPICS
from integrations.sandbox.testing import RunningSandbox
from tests.integrations.adapters.test_pipedrive import (
    TestPipedriveContract as PipedriveContract,
)
from tests.integrations.sandbox.listening import listening

TOKEN = "0123456789abcdef0123456789abcdef01234567"
SECRET = "hook-secret-of-ours"
GRACE = "grace.hopper@compilers.example"
ALAN = "alan.turing@bletchley.example"  # unsubscribed
BARBARA = "barbara.liskov@types.example"  # never asked
ADA = "ada.lovelace@analytical.example"
SYNCED, REJECTED, SKIPPED, RETRY = (
    OutcomeState.SYNCED,
    OutcomeState.REJECTED,
    OutcomeState.SKIPPED,
    OutcomeState.RETRY,
)


@pytest.fixture
def ours(sandbox: RunningSandbox) -> Pipedrive:
    secrets = {"api_token": TOKEN, "webhook_secret": SECRET}
    return Pipedrive(secrets, base_url=sandbox.base_url("pipedrive"))


class TestOurAdapter:
    def test_what_is_there(self, ours: Pipedrive) -> None:
        reading = ours.verify()
        assert reading.account_name == "Sandbox Ltd"
        assert all(resource.readable for resource in reading.resources)
        assert [(a.id, a.label) for a in ours.audiences()] == [
            ("people", "Everybody"),
            ("6", "Customer"),
            ("5", "Newsletter"),
        ]
        fields = {field.id: field for field in ours.fields("5")}
        assert fields[SOURCE].options == ("Web", "Shop")
        assert fields["owner_id"].read_only

    def test_a_signup_from_first_to_last(
        self, ours: Pipedrive, sandbox: RunningSandbox
    ) -> None:
        values = {"name": "Ada", "phone": "+44 1", SOURCE: "Web", TOPICS: ["Tea"]}
        ada = Contact(email=ADA, fields=values)
        made, again = ours.upsert([ada, ada], "5", Options())
        fresh = Pipedrive(ours.secrets, base_url=ours.base_url)
        [later] = fresh.upsert([ada], "5", Options())
        assert {o.state for o in (made, again, later)} == {SYNCED}
        assert {o.remote_id for o in (again, later)} == {made.remote_id}
        rows = sandbox.members("pipedrive", ADA)
        assert {row["audience"] for row in rows} == {"Everybody", "Newsletter"}
        assert rows[0]["fields"] == {
            "name": "Ada",
            "phone": "+44 1",
            "Lead source": "Web",
            "Topics": "Tea",
            "marketing_status": "no_consent",
        }
        [there] = ours.subscriptions([ADA], "5")
        assert there.status == "unknown"  # nobody asked for marketing consent
        assert ours.subscriptions([ADA], "6")[0].status == "absent"
        assert ours.unsubscribe([ADA], "5")[0].state is SYNCED
        assert ours.subscriptions([ADA], "5")[0].status == "unsubscribed"
        [back] = ours.upsert([ada], "5", Options())
        assert (back.state, "Unsubscribed" in back.detail) == (SYNCED, True)
        assert ours.subscriptions([ADA], "5")[0].status == "unsubscribed"
        assert ours.erase(ADA).ok
        assert sandbox.members("pipedrive", ADA) == []
        assert fresh.upsert([ada], "people", Options())[0].state is SYNCED

    def test_nobody_who_left_is_subscribed_again(
        self, ours: Pipedrive, sandbox: RunningSandbox
    ) -> None:
        sandbox.control("POST", "pipedrive/unsubscribe", {"email": GRACE})
        people = [Contact(email=e, fields={"name": "X"}) for e in (ALAN, GRACE)]
        outcomes = ours.upsert(people, "5", Options(double_opt_in=True))
        assert [o.state for o in outcomes] == [SYNCED, SYNCED]
        assert all("stays out" in o.detail for o in outcomes)
        found = ours.subscriptions([ALAN, GRACE, BARBARA], "people")
        assert [s.status for s in found] == ["unsubscribed", "unsubscribed", "unknown"]
        row = sandbox.member(ALAN, "pipedrive", "people")
        assert (row["status"], row["fields"]["name"]) == ("unsubscribed", "X")

    def test_a_batch_of_all_kinds(
        self, ours: Pipedrive, sandbox: RunningSandbox
    ) -> None:
        people = [
            Contact(email=ADA, fields={SOURCE: "Shop"}),
            Contact(email="fake@x.example"),
            Contact(email="b@x.example", fields={SOURCE: "Radio"}),
            Contact(email="c@x.example", fields={"gone": "x"}),
            Contact(email=GRACE, fields={"name": "Amazing"}),
        ]
        outcomes = ours.upsert(people, "people", Options(update_existing=False))
        assert [(o.state, o.reason) for o in outcomes] == [
            (SYNCED, None),
            (REJECTED, Reason.ADDRESS_INVALID),
            (REJECTED, Reason.OPTION_MISSING),
            (REJECTED, Reason.REFUSED),
            (SKIPPED, Reason.EXISTING),
        ]
        row = sandbox.member(GRACE, "pipedrive", "people")
        assert row["fields"]["name"] == "Grace Hopper"

    def test_changes_walk_and_then_follow(self, ours: Pipedrive) -> None:
        first = ours.changes("people", "")
        assert (first.complete, first.more) == (True, False)
        assert {c.email: c.status for c in first.changes} == {
            GRACE: "subscribed",
            ALAN: "unsubscribed",
            BARBARA: "unknown",
        }
        ours.upsert([Contact(email=ADA, fields={SOURCE: "Web"})], "5", Options())
        second = ours.changes("people", first.cursor)
        assert not second.complete
        seen = {change.email: change for change in second.changes}
        assert seen[ADA].fields == {"name": ADA, SOURCE: "Web"}
        assert [c.email for c in ours.changes("5", "").changes] == [ADA]
        with pytest.raises(RejectedError) as caught:
            ours.changes("people", '["", "foreign", "", true]')
        assert caught.value.reason is Reason.CURSOR_EXPIRED

    def test_every_row_of_many_pages(
        self, ours: Pipedrive, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Pipedrive, "page_size", 7)
        people = [Contact(email=f"p{n}@x.example") for n in range(20)]
        ours.upsert(people, "people", Options())
        seen, cursor, more = [], "", True
        while more:
            page = ours.changes("people", cursor)
            seen += [change.email for change in page.changes]
            cursor, more = page.cursor, page.more
        assert sorted(seen) == sorted(
            [GRACE, ALAN, BARBARA, *(p.email for p in people)]
        )

    def test_webhooks_with_our_secret(
        self, ours: Pipedrive, sandbox: RunningSandbox
    ) -> None:
        with listening() as (url, calls):
            assert ours.add_webhook(url, "people")["webhook_id"]
            ours.upsert([Contact(email=ADA)], "people", Options())
            created = calls.wait(1)[0]
            [change] = ours.webhook(created)
            assert (change.email, change.kind) == (ADA, "upsert")
            sandbox.control("POST", "pipedrive/unsubscribe", {"email": GRACE})
            [change] = ours.webhook(calls.wait(2)[1])
            assert (change.email, change.status) == (GRACE, "unsubscribed")
            ours.erase(ADA)
            [change] = ours.webhook(calls.wait(3)[2])
            assert (change.email, change.kind) == (ADA, "delete")
            other = Pipedrive({"webhook_secret": "another-secret"})
            with pytest.raises(CredentialsError):
                other.webhook(created)

    def test_a_label_that_is_gone(
        self, ours: Pipedrive, sandbox: RunningSandbox
    ) -> None:
        sandbox.control("DELETE", "pipedrive/audiences", {"audience": "Newsletter"})
        with pytest.raises(TargetError):
            ours.upsert([Contact(email=ADA)], "5", Options())


class TestSigningIn:
    def test_a_token_from_the_sign_in_page(self, sandbox: RunningSandbox) -> None:
        base = sandbox.base_url("pipedrive")
        back = "http://localhost:8000/oauth/callback/pipedrive/"
        asked = {
            "response_type": "code",
            "client_id": "app",
            "redirect_uri": back,
            "state": "s",
        }
        with requests.Session() as session:
            session.trust_env = False
            said_yes = session.post(
                f"{base}/oauth/authorize",
                params=asked,
                data={**asked, "decision": "allow"},
                allow_redirects=False,
                timeout=10,
            )
            sent_to = urlsplit(said_yes.headers["Location"])
            answer = session.post(
                f"{base}/oauth/token",
                data={
                    "grant_type": "authorization_code",
                    "code": parse_qs(sent_to.query)["code"][0],
                    "redirect_uri": back,
                },
                auth=("app", "secret"),
                timeout=10,
            ).json()
        assert Pipedrive.from_token(answer) == {
            "api_domain": "https://sandbox.pipedrive.com"
        }
        secrets = {"access_token": answer["access_token"]}
        assert Pipedrive(secrets, base_url=base).verify().identity
        invented = {"access_token": "sandbox-0123456789"}
        with pytest.raises(CredentialsError):
            Pipedrive(invented, base_url=base).verify()


class TestTheDial:
    PEOPLE = [Contact(email=ADA), Contact(email="b@x.example")]

    @pytest.mark.parametrize(
        ("faults", "reason"),
        [
            ({"status": 429, "retry_after": 3}, Reason.RATE),
            ({"status": 500}, Reason.SERVER),
            ({"truncate": True}, Reason.NETWORK),
            ({"drop": True}, Reason.NETWORK),
            ({"drop_after_accept": True}, Reason.NETWORK),
        ],
    )
    def test_what_passes_by_itself(
        self, ours: Pipedrive, sandbox: RunningSandbox, faults: Any, reason: Reason
    ) -> None:
        only = {"only": "POST *persons", "times": 1}
        sandbox.faults("pipedrive", **faults, **only)
        outcomes = ours.upsert(self.PEOPLE, "people", Options())
        assert [o.state for o in outcomes] == [RETRY, RETRY]
        assert outcomes[0].reason is reason
        assert outcomes[0].retry_after == faults.get("retry_after")
        again = ours.upsert(self.PEOPLE, "people", Options())
        assert [o.state for o in again] == [SYNCED, SYNCED]
        assert len(sandbox.members("pipedrive", ADA)) == 1

    def test_a_burst_says_when_to_come_back(
        self, ours: Pipedrive, sandbox: RunningSandbox
    ) -> None:
        sandbox.faults("pipedrive", status=429, times=1)
        with pytest.raises(TransientError) as caught:
            ours.verify()
        assert (caught.value.reason, caught.value.retry_after) == (Reason.RATE, 2.0)

    def test_done_but_never_answered(
        self,
        ours: Pipedrive,
        sandbox: RunningSandbox,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(Pipedrive, "read_timeout", 0.3)
        held = {"timeout_after_accept": True, "only": "POST *persons", "times": 1}
        sandbox.faults("pipedrive", **held)
        first, second = ours.upsert(self.PEOPLE, "people", Options())
        assert (first.state, first.reason) == (RETRY, Reason.TIMEOUT)
        assert second.state is RETRY
        again = ours.upsert(self.PEOPLE, "people", Options())
        assert [o.state for o in again] == [SYNCED, SYNCED]
        assert len(sandbox.members("pipedrive", ADA)) == 1

    def test_half_of_a_batch(self, ours: Pipedrive, sandbox: RunningSandbox) -> None:
        sandbox.faults("pipedrive", fail_share=0.5)
        people = [Contact(email=f"p{n}@x.example") for n in range(4)]
        outcomes = ours.upsert(people, "5", Options())
        assert sorted(o.state for o in outcomes) == sorted([SYNCED, REJECTED] * 2)
        assert len(sandbox.members("pipedrive", audience="5")) == 2

    @pytest.mark.parametrize(
        "faults", [{"credentials": "broken"}, {"revoked": [TOKEN]}]
    )
    def test_a_key_that_stopped_working(
        self, ours: Pipedrive, sandbox: RunningSandbox, faults: Any
    ) -> None:
        sandbox.faults("pipedrive", **faults)
        with pytest.raises(CredentialsError, match="unauthorized access"):
            ours.verify()


@pytest.mark.contract
def test_every_answer_is_one_that_pipedrive_describes(
    ours: Pipedrive, sandbox: RunningSandbox
) -> None:
    """The requests and answers of a story, held against Pipedrive's descriptions."""
    people = [Contact(email=e, fields={SOURCE: "Web"}) for e in (ADA, ALAN)]
    ours.verify()
    ours.audiences()
    ours.add_webhook("https://us.example/hook", "people")
    for audience in ("people", "5"):
        ours.upsert(people, audience, Options())
        ours.subscriptions([ADA, ALAN], audience)
        page = ours.changes(audience, "")
        ours.changes(audience, page.cursor)
        ours.unsubscribe([ADA], audience)
    ours.erase(ADA)
    rows = sandbox.requests("pipedrive")
    for row in rows:
        body = json.loads(row["body"]) if row["body"] else None
        request = requests.Request(
            row["method"],
            f"https://api.pipedrive.com{row['path']}",
            json=body,
            headers=ours.headers(),
        )
        answer = json.loads(row["response"], object_hook=without_nulls)
        PipedriveContract.check(request.prepare(), row["status"], answer)
    assert {row["status"] for row in rows} == {200, 201}


def without_nulls(found: dict[str, Any]) -> dict[str, Any]:
    """Pipedrive gives null for what has no value, and describes texts and lists."""
    return {name: value for name, value in found.items() if value is not None}
