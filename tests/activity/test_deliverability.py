"""The score from real rows, the task that watches it, and what to do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from activity.deliverability_figures import figures, score_now, standing
from activity.deliverability_todo import todo, worst_display
from activity.score import Figures
from activity.tasks import watch_deliverability
from connections.models import ListImport
from contacts.models import Suppression
from contactsync.lib.clock import now
from contactsync.tenancy.models import Account, Suspension, User
from contactsync.tenancy.suspension import (
    open_suspension,
    suspension_decide,
)
from displays.models import Display
from hygiene.models import CleaningRun
from integrations.adapters.errors import Reason
from integrations.models import Delivery, LinkedAccount, State, Target
from tests.activity import factories as make
from tests.activity.population import bad, reached, signups, suppress, target_of

ClientOf = Callable[[User], Client]
LONG_AGO = timedelta(days=45)


@pytest.fixture
def rita(db: None) -> User:
    return User.objects.create_user(
        "rita@host.test", "x" * 12, name="Rita Reed", is_staff=True
    )


def counted(account: Account) -> Figures:
    return figures(account, until=now())


# --- figures ---------------------------------------------------------------------


def test_people_count_by_what_the_provider_answered(
    acme: Account, linked: LinkedAccount
) -> None:
    synced = reached(linked, 10, stem="a")
    reached(linked, 3, state=State.AWAITING_OPT_IN, stem="b")
    reached(linked, 4, state=State.REJECTED, reason=Reason.ADDRESS_FAKE, stem="c")
    reached(linked, 2, state=State.REJECTED, reason=Reason.UNSUBSCRIBED, stem="d")
    for n, state in enumerate((State.PENDING, State.HELD, State.SKIPPED)):
        reached(linked, 5, state=state, stem=f"no{n}")
    suppress(synced[:1], "complaint")
    suppress(synced[1:3], "bounce")
    suppress(synced[3:6], "person")
    suppress(synced[6:8], "admin")

    assert counted(acme) == Figures(
        reached=19, refused=4, complained=1, bounced=2, left=3
    )


def test_one_person_in_two_places_is_one(acme: Account, linked: LinkedAccount) -> None:
    person = reached(linked, 1)[0]
    second = Target.objects.create(
        account=acme, linked_account=linked, audience_id="other"
    )
    Delivery.objects.create(
        account=acme,
        linked_account=linked,
        target=second,
        contact_id=person.pk,
        state=State.REJECTED,
        reason=Reason.ADDRESS_FAKE,
    )
    found = counted(acme)
    assert (found.reached, found.refused) == (1, 1)


def test_older_people_and_older_news_do_not_count(
    acme: Account, linked: LinkedAccount
) -> None:
    old = reached(linked, 5, at=now() - LONG_AGO, stem="old")
    new = reached(linked, 5, stem="new")
    suppress(old, "complaint")
    suppress(new[:2], "bounce", at=now() - LONG_AGO)
    Suppression.objects.create(
        account=acme, email_key="never@ours.net", actor="complaint"
    )
    assert counted(acme) == Figures(reached=5)


def test_other_accounts_and_test_data_do_not_count(
    acme: Account, other: Account, linked: LinkedAccount, display: Display
) -> None:
    sandbox = LinkedAccount.objects.create(
        account=acme, provider="mailchimp", label="Test", environment="test"
    )
    stranger = LinkedAccount.objects.create(
        account=other, provider="mailchimp", label="Theirs"
    )
    suppress(reached(sandbox, 5, stem="test"), "complaint")
    suppress(reached(stranger, 5), "complaint")
    signups(display, 5, category="bot", environment="test")
    assert counted(acme) == Figures()
    assert counted(other).complained == 5


def test_signups_count_by_category_and_traps_apart(
    acme: Account, display: Display
) -> None:
    signups(display, 6)
    signups(display, 3, category="bot")
    signups(display, 2, category="suppressed", rule="trap")
    signups(display, 4, category="suppressed", rule="unsubscribed")
    signups(display, 1, category="denied", rule="domain")
    found = counted(acme)
    assert (found.signups, found.traps) == (16, 2)
    assert sum(found.filtered.values()) == 3


def test_imported_files_count_and_files_that_were_only_cleaned_do_not(
    acme: Account, linked: LinkedAccount
) -> None:
    counts = {"valid": 70, "bot": 20, "syntax": 5, "suppressed": 4, "denied": 1}
    run = CleaningRun.objects.create(account=acme, filename="a.csv", counts=counts)
    CleaningRun.objects.create(account=acme, filename="b.csv", counts={"bot": 900})
    for audience in ("one", "two"):
        target = Target.objects.create(
            account=acme, linked_account=linked, audience_id=audience
        )
        ListImport.objects.create(
            account=acme, run=run, filename="a.csv", target=target, consent="They did"
        )
    found = counted(acme)
    assert (found.listed, found.listed_bad) == (100, 25)


def test_the_trend_compares_with_the_window_before(
    acme: Account, linked: LinkedAccount
) -> None:
    before = now() - LONG_AGO
    old = reached(linked, 300, at=before, stem="old")
    suppress(old[:60], "bounce", at=before + timedelta(days=1))
    reached(linked, 300, stem="new")
    found = standing(acme)
    assert found.now.value == 100 and found.before.value == 35
    assert found.change == 65


# --- the task --------------------------------------------------------------------


def test_an_account_below_the_limit_is_suspended_once_with_its_evidence(
    acme: Account,
    alice: User,
    linked: LinkedAccount,
    django_capture_on_commit_callbacks: Callable,
) -> None:
    bad(linked)
    with django_capture_on_commit_callbacks(execute=True):
        assert watch_deliverability() == 1
        assert watch_deliverability() == 0
    suspension = open_suspension(acme)
    assert suspension is not None and suspension.opened_by is None
    assert suspension.evidence["score"] == 0
    kept = {part["name"]: part for part in suspension.evidence["parts"]}
    assert (kept["complaints"]["count"], kept["bounces"]["count"]) == (40, 60)
    assert any("Clean your list" in step for step in suspension.evidence["todo"])
    (message,) = mail.outbox
    assert message.to == ["alice@acme.test"]
    assert "40 of 400 people" in str(message.body)


def test_healthy_small_and_switched_off_are_left_alone(
    acme: Account, linked: LinkedAccount, display: Display, settings: Any
) -> None:
    suppress(reached(linked, 199)[:100], "complaint")
    signups(display, 500, category="bot")
    assert watch_deliverability() == 0
    suppress(reached(linked, 1, stem="one_more"), "complaint")
    settings.SUSPEND_BELOW = 0
    assert watch_deliverability() == 0
    settings.SUSPEND_BELOW = 40
    assert watch_deliverability() == 1


def test_a_wave_of_bots_suspends_nobody(
    acme: Account, linked: LinkedAccount, display: Display
) -> None:
    suppress(reached(linked, 1000)[:1], "bounce")
    signups(display, 20)
    signups(display, 3000, category="bot")
    signups(display, 300, category="suppressed", rule="trap")
    assert watch_deliverability() == 0
    assert score_now(acme).value == 90


def test_after_a_clearing_only_what_comes_later_counts(
    acme: Account, linked: LinkedAccount, rita: User
) -> None:
    people = bad(linked)
    assert watch_deliverability() == 1
    suspension = open_suspension(acme)
    assert suspension is not None
    suspension_decide(
        suspension=suspension, decision="cleared", reason="A bad import.", by=rita
    )
    assert watch_deliverability() == 0
    assert score_now(acme).value == 100  # the old news is settled

    # A week later the same figures still do not suspend ...
    eight_days_ago = now() - timedelta(days=8)
    Suspension.objects.update(closed_at=eight_days_ago)
    Suppression.objects.update(created_at=now() - timedelta(days=9))
    assert watch_deliverability() == 0
    # ... and new ones do, of people reached before the clearing too.
    Delivery.objects.update(changed_at=now() - timedelta(days=10))
    suppress(people[200:260], "complaint")
    assert watch_deliverability() == 1


def test_within_the_grace_new_evidence_waits_for_its_end(
    acme: Account, linked: LinkedAccount, rita: User
) -> None:
    people = bad(linked)
    watch_deliverability()
    suspension = open_suspension(acme)
    assert suspension is not None
    suspension_decide(suspension=suspension, decision="cleared", reason="ok", by=rita)
    suppress(people[200:260], "complaint", at=now())
    assert score_now(acme).value == 35
    assert watch_deliverability() == 0
    Suspension.objects.update(closed_at=now() - timedelta(days=7, seconds=1))
    assert watch_deliverability() == 1


# --- what to do ------------------------------------------------------------------


def test_the_to_do_list_follows_from_the_parts(
    acme: Account, linked: LinkedAccount, display: Display
) -> None:
    make.rule(display, linked, double_opt_in=False)
    asked = Display.objects.create(account=acme, name="Asks first", status="live")
    make.rule(asked, linked, double_opt_in=True)
    assert todo(acme, score_now(acme)) == []

    Target.objects.filter(rule__display=asked).update(double_opt_in=True)
    target_of(linked)
    rows = signups(display, 40)
    reached(linked, 300, stem="fine")
    reached(
        linked,
        40,
        state=State.REJECTED,
        reason=Reason.ADDRESS_ROLE,
        stem="role",
        signup_ids=[row.pk for row in rows],
    )
    reached(linked, 30, state=State.REJECTED, reason=Reason.ADDRESS_FAKE, stem="fake")
    steps = {step.title: step for step in todo(acme, score_now(acme))}
    assert list(steps)[0] == "Clean your list"
    opt_in = steps["Turn on double opt-in"]
    assert "Spring welcome popup" in opt_in.text and "Asks first" not in opt_in.text
    assert opt_in.links[0][1].endswith(f"{display.pk}/settings/")
    assert "40 addresses such as info@" in steps["Remove role addresses"].text
    assert "30 addresses" in steps["Look at what was refused"].text
    worst = steps["Check Spring welcome popup"]
    assert "40 of its 40 signups" in worst.text


def test_the_worst_display_is_by_rate_and_needs_some_signups(
    acme: Account, display: Display
) -> None:
    few = Display.objects.create(account=acme, name="Few", status="live")
    quiet = Display.objects.create(account=acme, name="Footer", status="live")
    signups(few, 5, category="bot")
    assert worst_display(acme, now()) is None
    signups(display, 90)
    signups(display, 10, category="bot")
    signups(quiet, 20)
    signups(quiet, 10, category="bot")
    worst = worst_display(acme, now())
    assert worst is not None
    assert (worst.display, worst.count, worst.of) == (quiet, 10, 30)
