"""The staff area: who gets in, what a reviewer sees, and who may decide."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from activity.staff import views
from activity.staff.urls import urlpatterns
from activity.tasks import release_held, watch_deliverability
from contactsync.lib.clock import now
from contactsync.tenancy.models import (
    Account,
    AuditEntry,
    Membership,
    Role,
    Suspension,
    User,
)
from contactsync.tenancy.services import IssuedKey
from contactsync.tenancy.suspension import (
    is_waiting,
    open_suspension,
    suspension_appeal,
    suspension_open,
)
from integrations.adapters.errors import Reason
from integrations.models import Delivery, LinkedAccount, State
from integrations.waker import waker
from tests.activity.population import bad, reached
from tests.contactsync.api.client import Api

ClientOf = Callable[[User], Client]


@pytest.fixture
def rita(db: None) -> User:
    return User.objects.create_user(
        "rita@host.test", "x" * 12, name="Rita Reed", is_staff=True
    )


@pytest.fixture(autouse=True)
def woken(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Which accounts the workers were told to let go."""
    told: list[Any] = []
    monkeypatch.setattr(views.releaser, "wake", told.extend)
    monkeypatch.setattr(waker, "wake", lambda ids: None)
    return told


@pytest.fixture
def suspension(acme: Account, alice: User, linked: LinkedAccount) -> Suspension:
    bad(linked)
    assert watch_deliverability() == 1
    found = open_suspension(acme)
    assert found is not None
    return found


def decide_url(suspension: Suspension) -> str:
    return reverse("staff_decide", args=[suspension.pk])


def every_url(account: Account, suspension: Suspension) -> list[tuple[str, str]]:
    found = [
        ("GET", reverse("staff_queue")),
        ("GET", reverse("staff_accounts")),
        ("GET", reverse("staff_wishes")),
        ("GET", reverse("staff_account", args=[account.slug])),
        ("POST", reverse("staff_suspend", args=[account.slug])),
        ("POST", decide_url(suspension)),
    ]
    assert len(found) == len(urlpatterns)
    return found


CLEAR = {"decision": "cleared", "reason": "Looks fine now."}


def test_every_page_of_the_area_is_behind_its_door() -> None:
    for pattern in urlpatterns:
        assert getattr(pattern.callback, "staff_only", False), pattern.name


def test_tenants_find_nothing_and_nobody_is_led_to_the_log_in(
    acme: Account,
    alice: User,
    charlie: User,
    suspension: Suspension,
    client_of: ClientOf,
    secret_key: IssuedKey,
) -> None:
    for method, url in every_url(acme, suspension):
        for person in (alice, charlie):
            answer = client_of(person).generic(method, url)
            assert answer.status_code == 404, url
        answer = Client().generic(method, url)
        assert answer.status_code == 302 and "/accounts/login/" in answer["Location"]
        keyed = Client(headers={"authorization": f"Bearer {secret_key.text}"})
        assert keyed.generic(method, url).status_code == 302
    client_of(alice).post(decide_url(suspension), CLEAR)
    Client().post(decide_url(suspension), CLEAR)
    keyed.post(decide_url(suspension), CLEAR)
    Api(secret_key.text).post(f"suspensions/{suspension.pk}/decide", CLEAR)
    acme.refresh_from_db()
    assert acme.suspended_at and open_suspension(acme) == suspension


def test_a_forged_post_without_a_token_is_refused(
    acme: Account, rita: User, suspension: Suspension
) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(
        rita, backend="allauth.account.auth_backends.AuthenticationBackend"
    )
    assert client.post(decide_url(suspension), CLEAR).status_code == 403
    assert client.get(decide_url(suspension)).status_code == 405
    assert open_suspension(acme) == suspension


def test_who_is_staff_no_more_is_out(
    acme: Account, rita: User, suspension: Suspension, client_of: ClientOf
) -> None:
    client = client_of(rita)
    User.objects.filter(pk=rita.pk).update(is_staff=False)
    assert client.post(decide_url(suspension), CLEAR).status_code == 404
    assert open_suspension(acme) == suspension


def test_the_queue_has_appeals_first_then_the_oldest_then_the_kept(
    acme: Account, other: Account, alice: User, rita: User, client_of: ClientOf
) -> None:
    third = Account.objects.create(name="Third Shop", slug="third")
    fourth = Account.objects.create(name="Fourth Shop", slug="fourth")
    for account in (third, other, acme, fourth):
        suspension_open(account=account, reason="Bad figures", evidence={})
    Suspension.objects.filter(account=third).update(decision="kept", decided_at=now())
    suspension_appeal(account=acme, text="Please", by=alice)
    shown = client_of(rita).get(reverse("staff_queue")).content.decode()
    names = ["Acme Outdoor", "Other Store", "Fourth Shop", "Third Shop"]
    places = [shown.index(f">{name}</a>") for name in names]
    assert places == sorted(places)
    assert "1 appeal" in shown


def test_the_account_s_page_has_what_a_reviewer_needs(
    acme: Account,
    alice: User,
    rita: User,
    linked: LinkedAccount,
    suspension: Suspension,
    client_of: ClientOf,
) -> None:
    reached(
        linked, 3, state=State.REJECTED, reason=Reason.ADDRESS_FAKE, stem="qwertyuiop"
    )
    suspension_appeal(account=acme, text="It was one bad file.", by=alice)
    url = reverse("staff_account", args=[acme.slug])
    shown = client_of(rita).get(url).content.decode()
    assert "It was one bad file." in shown
    assert "40 of 400 people marked your mail as spam" in shown  # as it was
    assert "40 of 403 people marked your mail as spam" in shown  # as it is
    assert "q•••@example.net" in shown and "p•••@example.net" in shown
    assert "qwertyuiop" not in shown and "person1@" not in shown
    assert "refused: looks fake" in shown and "The person complained" in shown


def test_clearing_lets_go_at_once_and_is_written_down(
    acme: Account,
    alice: User,
    rita: User,
    linked: LinkedAccount,
    suspension: Suspension,
    client_of: ClientOf,
    woken: list[Any],
    django_capture_on_commit_callbacks: Callable,
) -> None:
    reached(linked, 5, state=State.HELD, reason=Reason.SUSPENDED, stem="held")
    with django_capture_on_commit_callbacks(execute=True):
        answer = client_of(rita).post(decide_url(suspension), CLEAR)
    assert answer.status_code == 302
    acme.refresh_from_db()
    assert acme.suspended_at is None and woken == [acme.pk]
    assert release_held(str(acme.pk)) == 5
    assert Delivery.objects.filter(state=State.PENDING).count() == 5
    entry = AuditEntry.objects.for_account(acme).latest("id")
    assert (entry.action, entry.actor_label, entry.ip) == (
        "suspension.decided",
        "Reviewer Rita Reed",
        None,
    )
    assert entry.detail == {"decision": "Cleared", "reason": "Looks fine now."}
    assert mail.outbox[-1].to == ["alice@acme.test"]
    log = client_of(alice).get(reverse("audit", args=[acme.slug])).content.decode()
    assert "Reviewer Rita Reed" in log and "Looks fine now." in log


def test_keeping_needs_a_reason_too_and_lets_nothing_go(
    acme: Account,
    rita: User,
    suspension: Suspension,
    client_of: ClientOf,
    woken: list[Any],
) -> None:
    client = client_of(rita)
    for wrong in (
        {"decision": "kept", "reason": " "},
        {"decision": "cleared"},
        {"reason": "No decision"},
        {"decision": "forgotten", "reason": "What"},
    ):
        answer = client.post(decide_url(suspension), wrong)
        assert answer.status_code == 422 and b"Nothing was decided" in answer.content
    assert open_suspension(acme) == suspension
    client.post(decide_url(suspension), {"decision": "kept", "reason": "Still bad."})
    suspension.refresh_from_db()
    assert (suspension.decision, suspension.closed_at) == ("kept", None)
    assert suspension.decided_by == rita and woken == []


def test_an_appeal_that_came_after_the_page_is_not_answered_unread(
    acme: Account,
    alice: User,
    rita: User,
    suspension: Suspension,
    client_of: ClientOf,
) -> None:
    client = client_of(rita)
    page = client.get(reverse("staff_account", args=[acme.slug]))
    suspension_appeal(account=acme, text="We mended the form.", by=alice)
    kept = {"decision": "kept", "reason": "Nothing changed."}
    client.post(decide_url(suspension), {**kept, "read": page.context["read"]})
    suspension.refresh_from_db()
    assert is_waiting(suspension)
    page = client.get(reverse("staff_account", args=[acme.slug]))
    client.post(decide_url(suspension), {**kept, "read": page.context["read"]})
    suspension.refresh_from_db()
    assert not is_waiting(suspension)
    assert suspension.decision == "kept"


def test_a_decision_on_what_was_closed_meanwhile_changes_nothing(
    acme: Account,
    rita: User,
    suspension: Suspension,
    client_of: ClientOf,
    woken: list[Any],
) -> None:
    client = client_of(rita)
    client.post(decide_url(suspension), CLEAR)
    late = {"decision": "kept", "reason": "Late"}
    answer = client.post(decide_url(suspension), late, follow=True)
    assert "decided meanwhile" in answer.content.decode()
    suspension.refresh_from_db()
    assert suspension.decision == "cleared" and woken == [acme.pk]
    assert client.post(reverse("staff_decide", args=[uuid4()]), CLEAR).status_code == (
        404
    )


@pytest.mark.parametrize("role", Role.values)
def test_four_eyes_a_member_of_the_account_does_not_decide_on_it(
    role: int, acme: Account, rita: User, suspension: Suspension, client_of: ClientOf
) -> None:
    Membership.objects.create(account=acme, user=rita, role=role)
    client = client_of(rita)
    answer = client.post(decide_url(suspension), CLEAR)
    assert answer.status_code == 403
    assert "You work in Acme Outdoor" in answer.content.decode()
    shown = client.get(reverse("staff_account", args=[acme.slug])).content.decode()
    assert 'name="decision"' not in shown and "You work in Acme Outdoor" in shown
    assert open_suspension(acme) == suspension


def test_leaving_the_account_first_does_not_help(
    acme: Account, rita: User, suspension: Suspension, client_of: ClientOf
) -> None:
    Membership.objects.create(account=acme, user=rita, role=Role.OWNER)
    client = client_of(rita)
    assert client.post(reverse("team_leave", args=[acme.slug])).status_code == 302
    assert not Membership.objects.filter(account=acme, user=rita).exists()
    answer = client.post(decide_url(suspension), CLEAR)
    assert answer.status_code == 403
    assert "You worked in Acme Outdoor before" in answer.content.decode()
    assert open_suspension(acme) == suspension


def test_suspending_by_hand(
    acme: Account, alice: User, rita: User, client_of: ClientOf
) -> None:
    url = reverse("staff_suspend", args=[acme.slug])
    client = client_of(rita)
    assert client.post(url, {"reason": ""}).status_code == 422
    assert open_suspension(acme) is None
    assert client.post(url, {"reason": "Phishing."}).status_code == 302
    again = client.post(url, {"reason": "Twice"}, follow=True)
    assert "decided meanwhile" in again.content.decode()
    suspension = Suspension.objects.get()
    assert (suspension.reason, suspension.opened_by) == ("Phishing.", rita)
    assert suspension.evidence["score"] is None
    page = reverse("deliverability", args=[acme.slug])
    assert "Phishing." in client_of(alice).get(page).content.decode()


def test_four_eyes_hold_for_suspending_too(
    acme: Account, rita: User, client_of: ClientOf
) -> None:
    Membership.objects.create(account=acme, user=rita, role=Role.OWNER)
    url = reverse("staff_suspend", args=[acme.slug])
    assert client_of(rita).post(url, {"reason": "Mine"}).status_code == 403
    assert open_suspension(acme) is None


def test_the_list_of_accounts_finds_and_pages(
    acme: Account,
    other: Account,
    rita: User,
    linked: LinkedAccount,
    client_of: ClientOf,
) -> None:
    reached(linked, 250)
    client, url = client_of(rita), reverse("staff_accounts")
    shown = client.get(url).content.decode()
    assert "Acme Outdoor" in shown and "Other Store" in shown
    assert '<span class="num">100</span>' in shown and "Too few to tell" in shown
    found = client.get(url, {"q": "OUTDOOR"}).content.decode()
    assert "Acme Outdoor" in found and "Other Store" not in found
    assert "No account is called that" in client.get(url, {"q": "zzz"}).content.decode()
    assert client.get(url, {"q": "x" * 500, "page": "-3"}).status_code == 200
    for n in range(30):
        Account.objects.create(name=f"Shop {n:02}", slug=f"shop-{n:02}")
    suspension_open(
        account=Account.objects.get(slug="shop-29"), reason="Bad", evidence={}
    )
    first = client.get(url).content.decode()
    assert "Shop 29" in first and "Page 1 of 2" in first  # suspended ones first


def test_only_staff_have_the_entry_in_their_menu(
    acme: Account, alice: User, rita: User, client_of: ClientOf
) -> None:
    home = reverse("home", args=[acme.slug])
    assert "Staff area" not in client_of(alice).get(home).content.decode()
    shown = client_of(rita).get(reverse("staff_queue")).content.decode()
    assert "Staff area" in shown
