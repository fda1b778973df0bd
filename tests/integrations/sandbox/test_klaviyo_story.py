"""Our Klaviyo adapter through the whole story, and when things go wrong."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from integrations.adapters.base import Contact, Incoming, Options, Outcome, OutcomeState
from integrations.adapters.errors import (
    AdapterError,
    CredentialsError,
    Reason,
    RejectedError,
    TargetError,
    TransientError,
)
from integrations.adapters.klaviyo import Klaviyo
from integrations.sandbox.klaviyo.simulator import NEWSLETTER, VIP
from integrations.sandbox.testing import RunningSandbox

KEY = "pk_0123456789abcdef0123456789abcdef01"
SECRET = "a shared secret of ours"
MARIE = Contact(
    email="marie.curie@radium.example",
    fields={"first_name": "Marie", "location.city": "Paris", "Size": "S"},
)
ADA = "ada.lovelace@analytical.example"
ALAN = "alan.turing@bletchley.example"  # unsubscribed
CHARLES = "charles.babbage@engines.example"  # bounced
JOHN = "john.spam@inbox.example"  # complained
SYNCED, AWAITING = OutcomeState.SYNCED, OutcomeState.AWAITING_OPT_IN
SUBMITTED, REJECTED = OutcomeState.SUBMITTED, OutcomeState.REJECTED


@pytest.fixture
def ours(sandbox: RunningSandbox) -> Klaviyo:
    secrets = {"api_key": KEY, "webhook_secret": SECRET}
    return Klaviyo(secrets, base_url=sandbox.base_url("klaviyo"))


def status(ours: Klaviyo, email: str, list_id: str) -> str:
    [found] = ours.subscriptions([email], list_id)
    return found.status


def settle(ours: Klaviyo, outcomes: list[Outcome], *emails: str) -> list[Outcome]:
    """Polls the one job until it has ended."""
    [job] = {outcome.job for outcome in outcomes}
    for _ in range(3):
        if found := ours.poll(job, list(emails), NEWSLETTER):
            return found
    raise AssertionError("the job never ended")


def test_what_is_there(ours: Klaviyo) -> None:
    reading = ours.verify()
    assert reading.account_name == "Provider sandbox"
    assert {resource.readable for resource in reading.resources} == {True}
    assert [(a.id, a.double_opt_in) for a in ours.audiences()] == [
        (NEWSLETTER, False),
        (VIP, True),
    ]


def test_signing_up_leaving_and_signing_up_again(
    ours: Klaviyo, sandbox: RunningSandbox
) -> None:
    [outcome] = ours.upsert([MARIE], NEWSLETTER, Options())
    assert outcome.state is SUBMITTED
    [ended] = ours.poll(outcome.job, [MARIE.email], NEWSLETTER)
    assert ended.state is SYNCED
    assert status(ours, MARIE.email, NEWSLETTER) == "subscribed"
    assert "Size" in {field.id for field in ours.fields(NEWSLETTER)}
    [again] = ours.upsert([MARIE], NEWSLETTER, Options())
    assert (again.state, again.remote_id) == (SYNCED, ended.remote_id)
    assert len(sandbox.members("klaviyo", MARIE.email)) == 1
    [out] = ours.unsubscribe([MARIE.email], NEWSLETTER)
    assert out.state is SYNCED
    assert status(ours, MARIE.email, NEWSLETTER) == "unsubscribed"
    signed_up = Contact(email=MARIE.email, signed_up_at=datetime.now(UTC))
    for reconfirm in (False, True):
        options = Options(reconfirm=reconfirm)
        [back] = ours.upsert([signed_up], NEWSLETTER, options)
        assert (back.state, back.reason) == (REJECTED, Reason.UNSUBSCRIBED)
    assert status(ours, MARIE.email, NEWSLETTER) == "unsubscribed"
    assert ours.erase(MARIE.email).ok
    assert status(ours, MARIE.email, NEWSLETTER) == "absent"


def test_nobody_who_left_comes_back(ours: Klaviyo) -> None:
    people = [Contact(email=email.upper()) for email in (ALAN, CHARLES, JOHN)]
    before = ours.subscriptions([ALAN, CHARLES, JOHN], NEWSLETTER)
    assert [item.status for item in before] == ["unsubscribed", "bounced", "complained"]
    for batch in ([*people, MARIE, Contact(email=ADA)], people, *([p] for p in people)):
        for list_id in (NEWSLETTER, VIP):
            outcomes = ours.upsert(batch, list_id, Options())
            assert {outcome.state for outcome in outcomes[:3]} == {REJECTED}
    assert ours.subscriptions([ALAN, CHARLES, JOHN], NEWSLETTER) == before


def test_double_opt_in(ours: Klaviyo, sandbox: RunningSandbox) -> None:
    [outcome] = ours.upsert([MARIE], VIP, Options())
    assert outcome.state is AWAITING
    assert status(ours, MARIE.email, VIP) == "unknown"
    sandbox.control("POST", "klaviyo/confirm", {"email": MARIE.email})
    assert status(ours, MARIE.email, VIP) == "subscribed"


def test_a_batch_tells_each_apart(ours: Klaviyo) -> None:
    wrong = Contact(email="paul@x.example", fields={"phone_number": "555"})
    people = [MARIE, Contact(email=ADA), wrong, Contact(email=ALAN)]
    outcomes = ours.upsert(people, NEWSLETTER, Options())
    assert [o.state for o in outcomes] == [SUBMITTED, SUBMITTED, SUBMITTED, REJECTED]
    ended = settle(ours, outcomes[:3], MARIE.email, ADA, "paul@x.example")
    assert [(o.state, o.reason) for o in ended] == [
        (SYNCED, None),
        (SYNCED, None),
        (SYNCED, None),
    ]
    assert "details were refused" in ended[2].detail, "subscribed without them"
    assert "Invalid phone number format" in ended[2].detail


def test_half_of_a_batch_fails(ours: Klaviyo, sandbox: RunningSandbox) -> None:
    sandbox.faults("klaviyo", fail_share=0.5)
    emails = [f"p{number}@x.example" for number in range(4)]
    people = [Contact(email=email) for email in emails]
    outcomes = ours.upsert(people, NEWSLETTER, Options())
    ended = settle(ours, outcomes, *emails)
    assert [o.reason for o in ended] == [
        None,
        Reason.ADDRESS_INVALID,
        None,
        Reason.ADDRESS_INVALID,
    ]


def test_refused_one_by_one(ours: Klaviyo, sandbox: RunningSandbox) -> None:
    for contact, reason in (
        (Contact(email="not an address"), Reason.ADDRESS_INVALID),
        (Contact(email="fake@x.example"), Reason.ADDRESS_INVALID),
        (
            Contact(email="a@x.example", fields={"phone_number": "1"}),
            Reason.FIELD_TYPE,
        ),
    ):
        [outcome] = ours.upsert([contact], NEWSLETTER, Options())
        assert (outcome.state, outcome.reason) == (REJECTED, reason)
        assert sandbox.member(contact.email, "klaviyo") is None


def walk(ours: Klaviyo, cursor: str) -> tuple[dict[str, str], str]:
    """A round of changes: status by address, and the cursor behind it."""
    seen: dict[str, str] = {}
    while True:
        page = ours.changes(NEWSLETTER, cursor)
        seen |= {change.email: change.status for change in page.changes}
        cursor = page.cursor
        if not page.more:
            return seen, cursor


def test_changes(ours: Klaviyo, sandbox: RunningSandbox) -> None:
    for number in range(3):
        people = [Contact(email=f"p{number}-{n}@x.example") for n in range(50)]
        ours.upsert(people, NEWSLETTER, Options())
    first, cursor = walk(ours, "")
    assert len(first) == 154  # two were subscribed, two are on it without a mail
    assert first[CHARLES] == "bounced"
    sandbox.control("POST", "klaviyo/unsubscribe", {"email": ADA, "by": "person"})
    ours.upsert([MARIE], NEWSLETTER, Options())
    then, _ = walk(ours, cursor)
    assert then[ADA] == "unsubscribed"
    assert then[MARIE.email] == "subscribed"
    with pytest.raises(RejectedError) as caught:
        ours.changes(NEWSLETTER, '[-1, "", "2026-01-01T00:00:00Z", "nothing"]')
    assert caught.value.reason is Reason.CURSOR_EXPIRED


WRITES = ("POST /api/profile-import", "POST *-jobs")


@pytest.mark.parametrize(
    ("faults", "only"),
    [
        *(
            (faults, only)
            for only in ("GET *", *WRITES)
            for faults in (
                {"status": 429, "retry_after": 7},
                {"status": 500},
                {"drop": True},
                {"drop_after_accept": True},
            )
        ),
        # The answer to a job has no body to cut.
        ({"truncate": True}, "GET *"),
        ({"truncate": True}, WRITES[0]),
    ],
)
def test_an_outage_leaves_nothing_half_done(
    ours: Klaviyo, sandbox: RunningSandbox, faults: dict[str, Any], only: str
) -> None:
    sandbox.faults("klaviyo", **faults, only=only, times=1)
    with pytest.raises(TransientError) as caught:
        ours.upsert([MARIE], NEWSLETTER, Options())
    assert caught.value.retry_after == faults.get("retry_after")
    [outcome] = ours.upsert([MARIE], NEWSLETTER, Options())
    assert outcome.state in (SUBMITTED, SYNCED)
    assert status(ours, MARIE.email, NEWSLETTER) == "subscribed"
    assert len(sandbox.members("klaviyo", MARIE.email)) == 1


def test_an_answer_that_never_comes(
    ours: Klaviyo, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Klaviyo, "read_timeout", 0.5)
    sandbox.faults(
        "klaviyo", timeout_after_accept=True, only="POST /api/profile-import", times=1
    )
    with pytest.raises(TransientError) as caught:
        ours.upsert([MARIE], VIP, Options())
    assert caught.value.reason is Reason.TIMEOUT
    [outcome] = ours.upsert([MARIE], VIP, Options())
    assert outcome.state is AWAITING
    assert len(sandbox.members("klaviyo", MARIE.email)) == 1


def test_broken_accounts_and_lists(ours: Klaviyo, sandbox: RunningSandbox) -> None:
    with pytest.raises(TargetError):
        ours.upsert([MARIE], "nolist", Options())
    sandbox.faults("klaviyo", credentials="broken")
    failure: type[AdapterError] = CredentialsError
    with pytest.raises(failure) as caught:
        ours.upsert([MARIE], NEWSLETTER, Options())
    assert KEY not in str(caught.value)


class Hook(http.server.BaseHTTPRequestHandler):
    received: list[Incoming]
    arrived: threading.Event

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.received.append(
            Incoming(
                method="POST",
                url=self.path,
                headers=headers,
                body=self.rfile.read(length),
            )
        )
        self.send_response(200)
        self.end_headers()
        self.arrived.set()

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def hook() -> Iterator[tuple[str, type[Hook]]]:
    handler = type("Here", (Hook,), {"received": [], "arrived": threading.Event()})
    server = http.server.HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook", handler
    server.shutdown()
    server.server_close()
    thread.join(timeout=5)


def test_webhooks_carry_a_signature_that_we_check(
    ours: Klaviyo, sandbox: RunningSandbox, hook: tuple[str, type[Hook]]
) -> None:
    url, handler = hook
    assert ours.add_webhook(url, NEWSLETTER)["webhook_id"]
    control = {"email": ADA, "by": "complaint"}
    sandbox.control("POST", "klaviyo/unsubscribe", control)
    assert handler.arrived.wait(60)
    [request] = handler.received
    [change] = ours.webhook(request)
    assert (change.email, change.status) == (ADA, "complained")
    forged = Klaviyo({"api_key": KEY, "webhook_secret": "another secret"})
    with pytest.raises(CredentialsError):
        forged.webhook(request)
