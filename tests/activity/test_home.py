from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from activity.home import nav_counts
from contactsync.tenancy import nav
from contactsync.tenancy.models import Account, User
from displays.models import Display
from integrations.models import Delivery, LinkedAccount, State, Target

ClientOf = Callable[[User], Client]


def home(client: Client, account: Account) -> str:
    answer = client.get(reverse("home", args=[account.slug]))
    assert answer.status_code == 200
    return answer.content.decode()


def delivery(linked: LinkedAccount, state: State, reason: str = "") -> Delivery:
    target = Target.objects.create(
        account=linked.account, linked_account=linked, audience_id="a1"
    )
    return Delivery.objects.create(
        account=linked.account,
        linked_account=linked,
        target=target,
        contact_id=target.pk,
        state=state,
        reason=reason,
    )


def test_a_new_account_is_told_to_link_one(
    acme: Account, alice: User, client_of: ClientOf
) -> None:
    page = home(client_of(alice), acme)
    assert "0 of 5 steps done" in page and "Next: link an account" in page
    assert page.count('class="btn primary"') == 1


def test_the_next_step_follows_from_the_facts(
    acme: Account,
    alice: User,
    client_of: ClientOf,
    linked: LinkedAccount,
    display: Display,
) -> None:
    page = home(client_of(alice), acme)
    assert "2 of 5 steps done" in page and "Next: add a sync rule" in page
    Display.objects.update(status=Display.Status.DRAFT)
    assert "Next: publish a display" in home(client_of(alice), acme)


def test_the_figures_count_this_account_only(
    acme: Account,
    other: Account,
    alice: User,
    charlie: User,
    client_of: ClientOf,
    linked: LinkedAccount,
) -> None:
    delivery(linked, State.SYNCED)
    delivery(linked, State.REJECTED, "address.role")
    delivery(linked, State.PENDING)
    delivery(linked, State.AWAITING_OPT_IN)
    client = client_of(alice)
    answer = client.get(reverse("home", args=[acme.slug]))
    figures = {each["word"]: each["n"] for each in answer.context["figures"]}
    assert figures == {
        "signups": 0,
        "rejected": 0,
        "synced": 1,
        "asked to confirm": 1,
        "waiting or held": 1,
        "refused there": 1,
    }
    answer = client_of(charlie).get(reverse("home", args=[other.slug]))
    assert {each["n"] for each in answer.context["figures"]} == {0}


def test_a_broken_account_needs_attention(
    acme: Account, alice: User, vera: User, client_of: ClientOf, linked: LinkedAccount
) -> None:
    assert "Needs attention" not in home(client_of(alice), acme)
    LinkedAccount.objects.update(
        status=LinkedAccount.Status.BROKEN, detail="The key was revoked."
    )
    delivery(linked, State.HELD, "auth.revoked")
    page = home(client_of(alice), acme)
    assert "is disconnected" in page and "The key was revoked." in page
    assert "1 contact waits" in page and "Reconnect" in page
    assert "Ask an admin to reconnect it." in home(client_of(vera), acme)


def test_what_is_held_for_another_cause_is_shown_with_its_fix(
    acme: Account, alice: User, client_of: ClientOf, linked: LinkedAccount
) -> None:
    delivery(linked, State.HELD, "schema.required_field")
    page = home(client_of(alice), acme)
    assert "Needs attention" in page and "See which" in page


def test_the_menu_counts_what_to_act_on(
    acme: Account,
    alice: User,
    client_of: ClientOf,
    linked: LinkedAccount,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert nav_counts(acme) == {"linked_accounts": 0, "sync_activity": 0}
    LinkedAccount.objects.update(status=LinkedAccount.Status.BROKEN)
    delivery(linked, State.HELD, "auth.revoked")
    assert nav_counts(acme) == {"linked_accounts": 1, "sync_activity": 1}
    monkeypatch.setattr(nav, "counters", [nav_counts])
    page = home(client_of(alice), acme)
    assert page.count("to look at") == 2
