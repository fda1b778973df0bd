"""Sync activity: deliveries, counts, root causes."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest
from django.test import Client

from activity import sync
from activity.causes import causes
from contactsync.tenancy.models import Account, AuditEntry, User
from displays.models import Display
from integrations.adapters.errors import Reason
from integrations.holding import account_break
from integrations.models import BulkRun, Delivery, LinkedAccount, State
from integrations.services import linked_account_create
from tests.activity import factories as make
from tests.activity.world import every_kind

pytestmark = pytest.mark.django_db

URL = "/a/acme-outdoor/activity/"


@pytest.fixture
def page(client_of: Callable[[User], Client], bob: User) -> Client:
    return client_of(bob)


@pytest.mark.parametrize(
    ("state", "found"),
    [
        ("", {"synced", "pending", "waiting", "held", "fake", "failed", "skipped"}),
        ("attention", {"held", "fake", "failed"}),
        ("held", {"held"}),
        ("synced", {"synced"}),
        ("nonsense", {"synced", "pending", "waiting", "held", "fake"}),
    ],
)
def test_state_filter(
    page: Client, display: Display, linked: LinkedAccount, state: str, found: set[str]
) -> None:
    kinds = every_kind(display, linked)
    rows = page.get(URL, {"state": state}).context["rows"]
    emails = {row.email for row in rows}
    assert emails >= {kinds[name].contact.email for name in found}
    if state not in ("", "nonsense"):
        assert len(emails) == len(found)


def test_account_and_reason_filters(
    page: Client, acme: Account, display: Display, linked: LinkedAccount
) -> None:
    every_kind(display, linked)

    def count(**query: str) -> int:
        return len(page.get(URL, query).context["rows"])

    assert count(linked=str(linked.pk)) == 7
    assert count(linked=str(uuid4())) == 0
    assert count(linked="x", reason="x") == 7
    assert count(state="held", reason="target.missing") == 1
    assert "Clear filters" in page.get(URL, {"linked": str(uuid4())}).content.decode()


def test_empty(page: Client) -> None:
    html = page.get(URL).content.decode()
    assert "Nothing has been sent yet" in html
    assert "Balanced" in html


def test_pages_lose_and_repeat_nothing_while_rows_are_added(
    acme: Account,
    display: Display,
    linked: LinkedAccount,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sync, "PAGE_SIZE", 3)
    make.rule(display, linked)
    for number in range(10):
        make.signup(display, f"p{number}@example.com")
    seen: list[str] = []
    after = ""
    for _ in range(9):
        rows, after = sync.newest(acme, sync.Filters(), after)
        seen += [row.email for row in rows]
        make.signup(display, f"new{len(seen)}@example.com")
        if not after:
            break

    assert len(seen) == len(set(seen)) == 10
    assert sync.newest(acme, sync.Filters(), "9" * 30)[0]


def test_thousands_of_one_cause_are_one_card(
    acme: Account, display: Display, linked: LinkedAccount
) -> None:
    make.rule(display, linked)
    make.rule(display, linked, audience_id="b", audience_label="Newsletter")
    for number in range(5):
        make.signup(display, f"p{number}@example.com")
    account_break(linked, Reason.AUTH_REVOKED.value, "API Key Invalid")

    (cause,) = causes(acme)

    assert (cause.count, cause.counted) == (10, "10 contacts")
    assert cause.audience == ""
    assert (cause.action, cause.action_label) == ("reconnect", "Reconnect")
    assert cause.provider_words == "API Key Invalid"


def test_causes_of_an_audience_are_told_apart(
    acme: Account, display: Display, linked: LinkedAccount
) -> None:
    every_kind(display, linked)

    found = {cause.state: cause for cause in causes(acme)}

    assert set(found) == {"held", "failed"}
    assert found["held"].audience == "VIP early access"
    assert found["held"].action == "edit_rule"
    assert found["held"].display_id == display.pk
    assert found["failed"].action == "retry"


def test_only_admins_are_sent_to_reconnect(
    client_of: Callable[[User], Client],
    alice: User,
    bob: User,
    display: Display,
    linked: LinkedAccount,
) -> None:
    make.rule(display, linked)
    make.signup(display, "mira@example.com")
    account_break(linked, Reason.AUTH_REVOKED.value, "API Key Invalid")

    assert "Ask an admin" in client_of(bob).get(URL).content.decode()
    html = client_of(alice).get(URL).content.decode()
    assert f"/account/integrations/{linked.pk}/reconnect/" in html


def test_retry_all_takes_only_that_cause(
    page: Client, acme: Account, display: Display, linked: LinkedAccount
) -> None:
    make.rule(display, linked)
    for number, reason in enumerate((Reason.SERVER, Reason.SERVER, Reason.INTERNAL)):
        contact = make.signup(display, f"p{number}@example.com")
        make.settle(contact, State.FAILED, reason.value)

    page.post(f"{URL}retry/{linked.pk}/", {"reason": "server"}, follow=True)

    assert Delivery.objects.filter(state=State.FAILED).count() == 3
    run = BulkRun.objects.get()
    assert (run.kind, run.what["reason"]) == ("retry", "server")

    page.post(f"{URL}retry/{linked.pk}/", {"reason": "internal"}, follow=True)

    assert Delivery.objects.get(state=State.PENDING).attempts == 0
    entry = AuditEntry.objects.get(action="deliveries.retried")
    assert entry.detail == {"reason": "internal", "count": 1}


def test_counts_per_linked_account(
    acme: Account, alice: User, display: Display, linked: LinkedAccount
) -> None:
    every_kind(display, linked)
    linked_account_create(
        account=acme,
        provider="mailchimp",
        label="Second",
        credentials={"api_key": "0123456789abcdef0123456789abcdef-us2"},
        by=alice,
    )

    first, second = sync.standings(acme)

    assert {tally.state: tally.count for tally in first.counts} == dict.fromkeys(
        ["synced", "awaiting_opt_in", "pending", "held", "rejected", "failed"]
        + ["skipped"],
        1,
    )
    assert (first.total, second.total) == (7, 0)


def test_another_account_s_rows_are_not_counted(
    client_of: Callable[[User], Client],
    charlie: User,
    other: Account,
    display: Display,
    linked: LinkedAccount,
) -> None:
    every_kind(display, linked)
    stranger = client_of(charlie)
    assert stranger.get(URL).status_code == 404
    response = stranger.get("/a/other-store/activity/")
    assert response.context["rows"] == []
    assert response.context["standings"] == response.context["causes"] == []


def test_queries_are_fixed(
    page: Client,
    display: Display,
    linked: LinkedAccount,
    django_assert_max_num_queries: Callable,
) -> None:
    make.rule(display, linked)
    page.get(URL)
    make.settle(make.signup(display, "a@example.com"), State.FAILED, "internal")
    with django_assert_max_num_queries(29) as few:
        page.get(URL)
    for number in range(30):
        contact = make.signup(display, f"p{number}@example.com")
        make.settle(contact, State.FAILED, "internal")
    with django_assert_max_num_queries(29) as many:
        page.get(URL)

    assert len(many) == len(few)
