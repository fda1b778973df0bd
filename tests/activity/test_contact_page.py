"""One contact's page: the gates, the timeline, the details, the buttons."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
import responses
from django.test import Client

from activity import timeline as tl
from contacts.models import Consent, Contact, Event, Suppression
from contactsync.lib.clock import now
from contactsync.tenancy.models import Account, Membership, Role, User
from displays.models import Display
from integrations.adapters.errors import Reason
from integrations.models import Delivery, LinkedAccount, State
from tests.activity import factories as make
from tests.activity.world import every_kind

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(client_of: Callable[[User], Client], bob: User) -> Client:
    return client_of(bob)


def url(contact: Contact, more: str = "") -> str:
    return f"/a/acme-outdoor/contacts/{contact.pk}/{more}"


def text(html: str) -> str:
    """What a person reads: no tags, one space."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_every_kind_has_a_page_with_its_sentence_and_five_gates(
    page: Client, display: Display, linked: LinkedAccount
) -> None:
    for name, kind in every_kind(display, linked).items():
        response = page.get(url(kind.contact))
        html = response.content.decode()
        assert kind.label in html, name
        (card,) = response.context["told"].cards
        assert card.sentence.replace("'", "&#x27;") in html, name
        for title in ("Signup accepted", "Rule matched", "Connection works"):
            assert title in html, name
        if name in make.EVIDENCE:
            assert make.EVIDENCE[name][1] in html
        if name == "fake":
            assert "contactsync has no way to override it" in html
            assert "looks fake or invalid, please enter" in html


def test_queries_are_fixed(
    page: Client,
    display: Display,
    linked: LinkedAccount,
    django_assert_max_num_queries: Callable,
) -> None:
    make.rule(display, linked)
    contact = make.signup(display, "mira@example.com")
    make.settle(contact, State.SYNCED, attempt=make.attempt(linked))
    page.get(url(contact))
    with django_assert_max_num_queries(28) as few:
        page.get(url(contact))
    for _ in range(12):
        make.signup(display, "mira@example.com")
        make.settle(contact, State.SYNCED, attempt=make.attempt(linked))
    with django_assert_max_num_queries(28) as many:
        page.get(url(contact))

    assert len(many) == len(few)


def test_timeline_tells_all_newest_first(
    page: Client, acme: Account, display: Display, linked: LinkedAccount
) -> None:
    make.rule(display, linked)
    contact = make.signup(display, "mira@example.com")
    make.settle(
        contact,
        State.PENDING,
        Reason.RATE.value,
        "429 Too Many Requests",
        due=now() + timedelta(seconds=40),
        attempt=make.attempt(linked, status=429),
    )
    Delivery.objects.update(due=now())
    make.settle(contact, State.SYNCED, attempt=make.attempt(linked, contacts=12))

    told = tl.timeline(contact, acme)

    (day,) = told.days
    assert day.label == "Today"
    assert [entry.title for entry in day.entries] == [
        "Added to VIP early access in Mailchimp",
        "Mailchimp could not take it yet",
        "Consent given",
        "Signed up on",
    ]
    added, retried, consent, signed = day.entries
    assert added.shared == 12
    assert retried.exchanges[0]["status"] == 429
    assert "429 Too Many Requests" in retried.detail
    assert re.search(r"Tried again after (39|40) s\.", retried.detail)
    assert "Email me news and offers." in consent.detail
    assert signed.detail == "https://shop.test/tents · utm_campaign=spring"

    html = page.get(url(contact)).content.decode()
    assert "One call for 12 contacts" in html
    assert "m•••@example.com" in html
    assert "&lt;b&gt;Invalid&lt;/b&gt;" in html


def test_timeline_filters(
    page: Client, display: Display, linked: LinkedAccount
) -> None:
    make.rule(display, linked)
    contact = make.signup(display, "mira@example.com")
    make.settle(contact, State.SYNCED)

    def titles(show: str) -> list[str]:
        days = page.get(url(contact), {"show": show}).context["timeline"].days
        return [entry.title for day in days for entry in day.entries]

    assert titles("sync") == ["Added to VIP early access in Mailchimp"]
    assert titles("consent") == ["Consent given", "Signed up on"]
    assert titles("nonsense") == titles("all") == titles("sync") + titles("consent")


def test_timeline_pages_lose_and_repeat_nothing_while_rows_are_added(
    acme: Account, display: Display, linked: LinkedAccount
) -> None:
    make.rule(display, linked)
    for _ in range(25):
        contact = make.signup(display, "mira@example.com")
        make.settle(contact, State.SYNCED)
    expected = Event.objects.count() + Consent.objects.count()
    assert expected == 75
    marks = [tl.page(contact, acme, "all", "")]
    while marks[-1][1] and len(marks) < 9:
        make.signup(display, "mira@example.com")
        marks.append(tl.page(contact, acme, "all", marks[-1][1]))

    seen = [(type(row), row.pk) for rows, _ in marks for row in rows]
    assert len(marks) == 3
    assert len(seen) == len(set(seen)) == expected


def test_days_are_told_apart(acme: Account, display: Display) -> None:
    contact = make.signup(display, "mira@example.com", at=now() - timedelta(days=1))
    make.signup(display, "mira@example.com", at=now() - timedelta(days=40))
    make.signup(display, "mira@example.com")

    labels = [day.label for day in tl.timeline(contact, acme).days]

    assert labels[0] == "Today"
    assert "Yesterday" in labels


def test_an_event_of_a_kind_not_known_here_is_still_shown(
    acme: Account, display: Display
) -> None:
    contact = make.signup(display, "mira@example.com")
    Event.objects.create(account=acme, contact_id=contact.pk, kind="contact.exported")

    (day,) = tl.timeline(contact, acme).days

    assert day.entries[0].title == "Contact exported"


def test_details(
    page: Client, acme: Account, display: Display, linked: LinkedAccount
) -> None:
    make.rule(display, linked, tags=["spring-2026", "popup"])
    contact = make.signup(
        display, "mira@example.com", fields={"first_name": "Mira", "country": "Ireland"}
    )
    Suppression.objects.create(
        account=acme, email_key="mira@example.com", actor="complaint"
    )

    said = text(page.get(url(contact)).content.decode())

    assert "Country Ireland" in said
    assert "Tags spring-2026, popup" in said
    assert "On your suppression list since" in said
    assert "the person complained" in said


# --- buttons -------------------------------------------------------------------


def failed(display: Display, linked: LinkedAccount) -> tuple[Contact, Delivery]:
    make.rule(display, linked)
    contact = make.signup(display, "mira@example.com")
    return contact, make.settle(contact, State.FAILED, Reason.SERVER.value)


def test_retry_sends_again_and_wakes_the_worker(
    page: Client,
    display: Display,
    linked: LinkedAccount,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    woken: list[object] = []
    monkeypatch.setattr("activity.actions.waker.wake", woken.extend)
    contact, row = failed(display, linked)
    assert "Retry now" in page.get(url(contact)).content.decode()

    response = page.post(url(contact, f"retry/{row.pk}/"), follow=True)

    row.refresh_from_db()
    assert (row.state, row.attempts) == (State.PENDING, 0)
    assert woken == [linked.pk]
    assert "It is being sent again" in response.content.decode()
    assert "Sent again by hand to Mailchimp" in response.content.decode()


def test_retry_of_what_moved_on_changes_nothing(
    page: Client, display: Display, linked: LinkedAccount
) -> None:
    make.rule(display, linked)
    contact = make.signup(display, "mira@example.com")
    row = make.settle(contact, State.SYNCED)

    response = page.post(url(contact, f"retry/{row.pk}/"), follow=True)

    row.refresh_from_db()
    assert row.state == State.SYNCED
    assert "Nothing to retry" in response.content.decode()


@pytest.mark.parametrize("method", ["get", "head", "put"])
def test_buttons_are_posts(
    page: Client, display: Display, linked: LinkedAccount, method: str
) -> None:
    contact, row = failed(display, linked)
    for path in (f"retry/{row.pk}/", f"check/{linked.pk}/"):
        assert getattr(page, method)(url(contact, path)).status_code == 405


def test_who_may_press(
    client_of: Callable[[User], Client],
    vera: User,
    charlie: User,
    other: Account,
    display: Display,
    linked: LinkedAccount,
) -> None:
    contact, row = failed(display, linked)
    paths = [url(contact, f"retry/{row.pk}/"), url(contact, f"check/{linked.pk}/")]
    paths.append(f"/a/acme-outdoor/activity/retry/{linked.pk}/")
    viewer, stranger = client_of(vera), client_of(charlie)
    for path in paths:
        assert viewer.post(path).status_code == 403
        assert stranger.post(path).status_code == 404
        assert (
            stranger.post(path.replace("acme-outdoor", "other-store")).status_code
            == 404
        )
    row.refresh_from_db()
    assert row.state == State.FAILED
    html = viewer.get(url(contact)).content.decode()
    assert "Retry now" not in html.replace("Press Retry now", "")
    assert "Ask a marketer" in html


def test_retry_needs_the_contact_s_own_delivery(
    page: Client, display: Display, linked: LinkedAccount
) -> None:
    contact, row = failed(display, linked)
    someone = make.signup(display, "omar@example.com")
    assert page.post(url(someone, f"retry/{row.pk}/")).status_code == 404
    assert page.post(url(contact, f"retry/{row.pk + 999}/")).status_code == 404
    assert page.get(f"/a/acme-outdoor/contacts/{uuid4()}/").status_code == 404


MEMBERS = re.compile(r"https://us21\.api\.mailchimp\.com/3\.0/lists/8f21c0/.*")


def awaiting(display: Display, linked: LinkedAccount) -> tuple[Contact, Delivery]:
    make.rule(display, linked, double_opt_in=True)
    contact = make.signup(display, "mira@example.com")
    return contact, make.settle(contact, State.AWAITING_OPT_IN)


@pytest.mark.parametrize(
    ("status", "state", "said"),
    [
        ("subscribed", State.SYNCED, "has news"),
        ("pending", State.AWAITING_OPT_IN, "No news from Mailchimp"),
        ("unsubscribed", State.REJECTED, "has news"),
    ],
)
@responses.activate
def test_check_now_asks_the_provider(
    page: Client,
    display: Display,
    linked: LinkedAccount,
    status: str,
    state: str,
    said: str,
) -> None:
    contact, row = awaiting(display, linked)
    member = {"id": "1", "email_address": "mira@example.com", "status": status}
    responses.get(MEMBERS, json={**member, "members": [member], "total_items": 1})

    response = page.post(url(contact, f"check/{linked.pk}/"), follow=True)

    row.refresh_from_db()
    assert row.state == state
    assert said in response.content.decode()


@responses.activate
def test_a_provider_that_refuses_becomes_a_message(
    page: Client, display: Display, linked: LinkedAccount
) -> None:
    contact, row = awaiting(display, linked)
    problem = {"title": "API Key Invalid", "status": 401, "detail": "Your key is bad."}
    responses.get(MEMBERS, json=problem, status=401)

    html = page.post(url(contact, f"check/{linked.pk}/"), follow=True).content.decode()

    assert "Mailchimp could not be asked" in html
    row.refresh_from_db()
    assert row.state == State.AWAITING_OPT_IN


def test_credentials_that_cannot_be_opened_become_a_message(
    page: Client, display: Display, linked: LinkedAccount
) -> None:
    contact, _ = awaiting(display, linked)
    LinkedAccount.objects.update(sealed="rubbish")

    html = page.post(url(contact, f"check/{linked.pk}/"), follow=True).content.decode()

    assert "Mailchimp could not be asked" in html


def test_a_member_of_two_accounts_cannot_mix_them(
    client_of: Callable[[User], Client],
    charlie: User,
    acme: Account,
    other: Account,
    display: Display,
    linked: LinkedAccount,
) -> None:
    contact, _ = awaiting(display, linked)
    Membership.objects.create(account=acme, user=charlie, role=Role.MARKETER)
    page = client_of(charlie)
    path = f"/a/other-store/contacts/{contact.pk}/check/{linked.pk}/"
    assert page.post(path).status_code == 404
    assert page.get(f"/a/other-store/contacts/{contact.pk}/").status_code == 404
