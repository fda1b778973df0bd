"""The books by day, display and rule: what is owed, missing, pruned."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from activity.ledger import Ledger, ledger
from activity.ledger_lines import Tally, Unexplained
from contactsync.lib.clock import now
from contactsync.tenancy.models import Account, User
from displays.appeals import signup_accept
from displays.models import Display, Signup, SyncRule
from displays.services import (
    RuleSettings,
    rule_remove,
    rule_set_enabled,
    rule_update,
)
from hygiene.services import Author
from integrations.models import DayTotal, Delivery, LinkedAccount, LivePeriod, State
from tests.activity import factories as make
from tests.activity.world import every_kind, lose

pytestmark = pytest.mark.django_db


def balances(tally: Tally) -> bool:
    judged = tally.accepted + tally.refused + tally.details.signups
    sent = tally.owed - tally.details.missing + tally.beyond + tally.lists
    return tally.captured == judged and tally.sent == sent


def line(book: Ledger, key: Any) -> Any:
    return next(each for each in book.lines if each.key == key)


def test_a_deleted_delivery_is_found_on_its_display_rule_and_day(
    acme: Account, display: Display, linked: LinkedAccount
) -> None:
    rule = make.rule(display, linked)
    make.rule(display, linked, audience_id="other")
    lost = make.signup(display, "mira@example.com")
    make.signup(display, "omar@example.com")
    assert ledger(acme).unexplained == 0
    assert ledger(acme).owed == 4

    Delivery.objects.filter(contact_id=lost.pk, target=rule.target_id).delete()

    whole = ledger(acme)
    assert whole.details == Unexplained(missing=1)
    assert "no record of sending it" in whole.complaints[0]
    day = make.last_signup(lost).at.date()
    for by, key in (("display", display.pk), ("rule", rule.pk), ("day", day)):
        book = ledger(acme, by=by)
        assert line(book, key).unexplained == 1
        assert sum(each.unexplained for each in book.lines) == 1
    assert ledger(acme, rule=rule.pk).unexplained == 1
    assert ledger(acme, display=display).unexplained == 1
    assert ledger(acme, until=day - timedelta(days=1)).unexplained == 0


def test_a_rule_switched_on_later_owes_nothing_for_before(
    acme: Account, display: Display, linked: LinkedAccount
) -> None:
    make.signup(display, "mira@example.com")
    rule = make.rule(display, linked)
    make.signup(display, "omar@example.com")
    rule_set_enabled(rule=rule, enabled=False)
    make.signup(display, "vera@example.com")
    rule_set_enabled(rule=rule, enabled=True)

    assert ledger(acme).unexplained == 0

    lose(make.signup(display, "nora@example.com"))
    assert ledger(acme).details == Unexplained(missing=1)


def test_a_signup_in_the_minute_before_a_rule_was_switched_off_is_not_owed(
    acme: Account, display: Display, linked: LinkedAccount
) -> None:
    rule = make.rule(display, linked)
    LivePeriod.objects.update(since=now() - timedelta(hours=1))
    lose(make.signup(display, "early@example.com", at=now() - timedelta(minutes=2)))
    lose(make.signup(display, "late@example.com", at=now() - timedelta(seconds=30)))
    assert ledger(acme).details.missing == 2

    rule_set_enabled(rule=rule, enabled=False)

    assert ledger(acme).details.missing == 1


def test_a_removed_rule_still_owes_what_it_owed(
    acme: Account, display: Display, linked: LinkedAccount
) -> None:
    rule = make.rule(display, linked)
    LivePeriod.objects.update(since=now() - timedelta(hours=1))
    lose(make.signup(display, "mira@example.com", at=now() - timedelta(minutes=30)))

    rule_remove(rule=rule)

    book = ledger(acme, by="rule")
    assert line(book, rule.pk).details.missing == 1
    assert line(book, rule.pk).label.endswith("(removed)")


def test_what_moved_with_its_rule_to_another_audience_is_not_lost(
    acme: Account, display: Display, linked: LinkedAccount
) -> None:
    rule = make.rule(display, linked)
    LivePeriod.objects.update(since=now() - timedelta(hours=1))
    sent = make.signup(display, "sent@example.com", at=now() - timedelta(minutes=9))
    make.settle(sent, State.SYNCED)
    make.signup(display, "waits@example.com", at=now() - timedelta(minutes=8))

    elsewhere = RuleSettings(linked_account=linked, audience_id="elsewhere")
    rule = rule_update(rule=rule, settings=elsewhere, version=rule.version)
    after = make.signup(display, "after@example.com")

    book = ledger(acme, by="rule")
    assert book.unexplained == 0
    assert [each.key for each in book.lines] == [rule.pk]
    assert book.lines[0].deliveries[State.SYNCED] == 1
    assert book.lines[0].sent == 3
    lose(after)
    assert ledger(acme).details == Unexplained(missing=1)


def test_a_test_signup_is_not_owed_to_a_live_account(
    acme: Account, display: Display, linked: LinkedAccount
) -> None:
    make.rule(display, linked)
    make.signup(display, "mira@example.com", environment="test")
    assert (ledger(acme).owed, ledger(acme).unexplained) == (0, 0)


def test_a_signup_accepted_after_all_is_owed_by_the_rules_of_that_moment(
    acme: Account, display: Display, linked: LinkedAccount, alice: User
) -> None:
    old = make.rule(display, linked)
    LivePeriod.objects.update(since=now() - timedelta(days=3))
    contact = make.signup(
        display, "sales@example.com", category="role", at=now() - timedelta(days=2)
    )
    rule_remove(rule=old)
    new = make.rule(display, linked, audience_id="new")
    signup = Signup.objects.get(contact_id=contact.pk)
    signup_accept(
        account=acme,
        signup=signup,
        scope="address",
        reason="known",
        by=Author(user=alice),
    )

    book = ledger(acme, by="rule")
    assert (book.owed, book.sent, book.unexplained) == (1, 1, 0)
    assert [each.key for each in book.lines] == [new.pk]
    assert ledger(acme, by="day").lines[0].key == signup.at.date()

    lose(contact)
    assert ledger(acme).details == Unexplained(missing=1)


def test_rules_changed_behind_our_back_count_from_their_last_change(
    acme: Account, display: Display, linked: LinkedAccount
) -> None:
    rule = make.rule(display, linked)
    LivePeriod.objects.all().delete()
    lose(make.signup(display, "mira@example.com"))
    assert ledger(acme).details.missing == 1

    SyncRule.objects.filter(pk=rule.pk).update(changed_at=now(), enabled=False)
    assert ledger(acme).details.missing == 0


def test_every_line_balances_and_the_lines_add_up(
    acme: Account, display: Display, linked: LinkedAccount
) -> None:
    every_kind(display, linked)
    book = ledger(acme)
    assert balances(book)
    assert (book.owed, book.sent, book.beyond, book.lists) == (7, 7, 0, 0)
    for by in ("day", "display", "rule"):
        found = ledger(acme, by=by)
        assert found.captured == book.captured
        assert found.deliveries == book.deliveries
        for name in ("owed", "sent", "unexplained", "beyond"):
            total = sum(getattr(each, name) for each in found.lines)
            assert total == getattr(book, name)
        if by != "rule":
            assert sum(each.captured for each in found.lines) == book.captured
            assert all(balances(each) for each in found.lines)
    assert {each.label for each in ledger(acme, by="display").lines} == {
        "Spring welcome popup",
        "Footer form",
    }


def test_days_are_those_of_the_signup_in_utc(
    acme: Account, display: Display, linked: LinkedAccount
) -> None:
    make.rule(display, linked)
    LivePeriod.objects.update(since=now() - timedelta(days=9))
    at = datetime(2026, 5, 3, 23, 30, tzinfo=UTC)
    LivePeriod.objects.update(since=at - timedelta(days=9))
    with timezone.override("Pacific/Auckland"):
        lose(make.signup(display, "mira@example.com", at=at))
        make.signup(display, "omar@example.com", at=at + timedelta(hours=1))
        book = ledger(acme, by="day")
    assert [each.key.isoformat() for each in book.lines] == ["2026-05-04", "2026-05-03"]
    assert [each.unexplained for each in book.lines] == [1, 1]  # the other is overdue
    assert book.lines[1].details == Unexplained(missing=1)
    day = at.date()
    assert ledger(acme, since=day, until=day).captured == 1
    assert ledger(acme, since=day + timedelta(days=1)).details == Unexplained(overdue=1)


def test_what_retention_deleted_still_counts_and_is_not_missing(
    acme: Account, display: Display, linked: LinkedAccount
) -> None:
    rule = make.rule(display, linked)
    LivePeriod.objects.update(since=now() - timedelta(days=9))
    old = now() - timedelta(days=5)
    contact = make.signup(display, "mira@example.com", at=old)
    pruned = make.settle(contact, State.SYNCED)
    make.signup(display, "mira@example.com")
    make.settle(contact, State.SYNCED)
    before = ledger(acme)
    pruned.delete()
    assert ledger(acme).details.missing == 1  # nobody wrote down that it was pruned

    DayTotal.objects.create(
        account=acme,
        display_id=display.pk,
        target_id=rule.target_id,
        day=old.date(),
        state=State.SYNCED,
        count=1,
    )

    book = ledger(acme)
    assert (book.deliveries, book.unexplained) == (before.deliveries, 0)
    assert (book.pruned, book.beyond) == (1, 0)
    for by, key in (("day", old.date()), ("display", display.pk), ("rule", rule.pk)):
        assert line(ledger(acme, by=by), key).pruned == 1
    # Somebody who has no later delivery was not pruned that day, but lost.
    lose(make.signup(display, "omar@example.com", at=old))
    assert ledger(acme).details == Unexplained(missing=1)
