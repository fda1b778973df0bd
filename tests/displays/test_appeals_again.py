"""Appeals of signups that have a history: withdrawn, outdated, left, allowed before."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from contacts.models import Contact, Suppression
from contactsync.lib.clock import now
from contactsync.tenancy.models import Account, User
from contactsync.tenancy.services import IssuedKey
from displays import withdrawals
from displays.appeals import (
    DomainShared,
    NotAppealable,
    Released,
    others,
    signup_accept,
)
from displays.models import Display, Signup
from hygiene.entries import entry_add, entry_remove
from hygiene.facts import default_facts
from hygiene.models import HygienePolicy, ListEntry
from hygiene.policies import policies
from hygiene.services import Author
from hygiene.verdict import Category, Finding
from integrations import outbox
from integrations.models import Delivery, LinkedAccount, State
from tests.contactsync.api.client import Api
from tests.displays.signups import body
from tests.integrations.world import rule_to

pytestmark = pytest.mark.django_db
TRASH = Finding(Category.DISPOSABLE, "mail-host", "trash-mx.com", "bad@1")


@pytest.fixture
def by(alice: User) -> Author:
    return Author(user=alice, label="Alice Adams")


@pytest.fixture
def post(secret_key: IssuedKey, display: Display) -> Any:
    api = Api(secret_key.text)

    def make(email: str, to: Display = display, **more: Any) -> Signup:
        answer = api.post("signups", body(to, email=email, **more))
        return Signup.objects.get(pk=answer.json()["id"])

    return make


def accept(signup: Signup, by: Author, scope: str = "address") -> Released:
    account = Account.objects.get(pk=signup.account_id)
    fresh = Signup.objects.get(pk=signup.pk)
    return signup_accept(
        account=account, signup=fresh, scope=scope, by=by, reason="I know her"
    )


def withdrawn(signup: Signup) -> Signup:
    assert withdrawals.signup_withdraw(signup, TRASH)
    return Signup.objects.get(pk=signup.pk)


def test_a_withdrawn_signup_that_is_accepted_is_sent_after_all(
    post: Any, display: Display, linked: LinkedAccount, by: Author
) -> None:
    rule_to(display, linked)
    signup = withdrawn(post("anna@rossi.it", fields={"size": "S"}))
    assert Delivery.objects.get().state == State.SKIPPED
    post("anna@rossi.it", fields={"size": "L"})
    assert accept(signup, by).accepted == 1
    row = Delivery.objects.get(signup_id=signup.pk)
    assert (row.state, row.reason, row.detail) == (State.PENDING, "", "")
    assert row.payload["fields"] == {"size": "L"}
    assert row.due <= now()
    sent = outbox.claim(linked.pk, limit=10)[1]
    assert row.pk in {each.id for each in sent}


def test_a_withdrawn_signup_waits_where_the_account_is_broken(
    post: Any, display: Display, linked: LinkedAccount, by: Author
) -> None:
    rule_to(display, linked)
    signup = withdrawn(post("anna@rossi.it"))
    LinkedAccount.objects.update(status="broken", reason="auth.revoked", detail="401")
    accept(signup, by)
    row = Delivery.objects.get()
    assert (row.state, row.reason, row.detail) == ("held", "auth.revoked", "401")


def test_what_was_sent_of_it_before_is_not_sent_again(
    post: Any, display: Display, linked: LinkedAccount, by: Author
) -> None:
    rule_to(display, linked)
    signup = post("info@rossi.it")
    accept(signup, by)
    Delivery.objects.update(state=State.SYNCED)
    Signup.objects.update(status="filtered", category="role", rule="exact")
    accept(signup, by)
    assert Delivery.objects.get().state == State.SYNCED


def test_a_later_no_is_not_undone_by_an_earlier_yes(
    post: Any, display: Display, linked: LinkedAccount, by: Author
) -> None:
    rule_to(display, linked)
    first = post("info@rossi.it", consent={"given": True})
    post("info@rossi.it", consent={"given": False})
    accept(first, by)
    assert Delivery.objects.get().payload["consent"] is False


def test_a_later_no_counts_where_nobody_was_asked_before(
    post: Any, display: Display, linked: LinkedAccount, by: Author
) -> None:
    rule_to(display, linked)
    first = post("info@rossi.it")
    post("info@rossi.it", consent={"given": False})
    accept(first, by)
    assert Delivery.objects.get().payload["consent"] is False


def test_a_later_yes_does_not_speak_for_an_earlier_no(
    post: Any, display: Display, linked: LinkedAccount, by: Author
) -> None:
    rule_to(display, linked)
    first = post("info@rossi.it", consent={"given": False})
    post("info@rossi.it", consent={"given": True})
    accept(first, by)
    assert Delivery.objects.get().payload["consent"] is False


def test_who_left_a_second_ago_in_another_process_stays_away(
    acme: Account, post: Any, by: Author
) -> None:
    signup = post("info@rossi.it")
    assert not policies.suppresses(acme.pk)  # remembered
    rows = [Suppression(account=acme, email_key="info@rossi.it", actor="person")]
    Suppression.objects.bulk_create(rows)  # no signal, as from another process
    with pytest.raises(NotAppealable, match="unsubscribed"):
        accept(signup, by)
    assert Signup.objects.get().status == "filtered"


def test_an_alias_service_s_domain_is_not_accepted_as_a_whole(
    acme: Account, post: Any, by: Author
) -> None:
    HygienePolicy.objects.create(account=acme, strict_masks=True)
    signup = post("mira.shop@duck.com")
    assert signup.status == "filtered" and others(signup) == 0
    with pytest.raises(DomainShared, match=r"duck\.com"):
        accept(signup, by, "domain")


def test_newer_lists_do_not_overrule_a_person(
    acme: Account, post: Any, display: Display, linked: LinkedAccount, by: Author
) -> None:
    """Accepted by hand, then taken off the list: what was decided stays decided."""
    rule_to(display, linked)
    signup = post("anna@mailinator.com")
    accept(signup, by)
    entry_remove(account=acme, entry=ListEntry.objects.get(), by=by)
    done = withdrawals.recheck(default_facts())
    assert done.withdrawn == 0
    assert Signup.objects.get().status == "accepted"


def test_a_failed_row_of_a_withdrawn_signup_can_not_be_retried(
    acme: Account, post: Any, display: Display, linked: LinkedAccount
) -> None:
    rule_to(display, linked)
    rule_to(display, linked, audience_id="second")
    signup = post("anna@rossi.it")
    failed = Delivery.objects.order_by("id")[0]
    Delivery.objects.filter(pk=failed.pk).update(state=State.FAILED)
    withdrawn(signup)
    assert not outbox.retry(failed.pk, account_id=acme.pk)
    assert set(Delivery.objects.values_list("state", flat=True)) == {State.SKIPPED}


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_a_signup_that_comes_while_another_is_withdrawn_keeps_its_contact(
    post: Any, display: Display, linked: LinkedAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new one holds the contact's row when the withdrawal wants to change it."""
    rule_to(display, linked)
    first = post("anna@rossi.it")
    stored, go_on = threading.Event(), threading.Event()

    def newcomer() -> None:
        try:
            with transaction.atomic():
                post("anna@rossi.it")
                stored.set()
                go_on.wait(1.0)  # the withdrawal runs into the lock meanwhile
        finally:
            connection.close()

    thread = threading.Thread(target=newcomer)
    thread.start()
    assert stored.wait(10)
    assert withdrawals.signup_withdraw(first, TRASH)
    go_on.set()
    thread.join(10)
    assert Signup.objects.filter(status="accepted").count() == 1
    assert Contact.objects.get().status == "accepted"


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("round_", range(5))
def test_withdrawn_accepted_and_sent_at_once(
    post: Any, display: Display, linked: LinkedAccount, by: Author, round_: int
) -> None:
    """Whatever the order: one row, and never a sent row of a rejected signup."""
    rule_to(display, linked)
    signup = post("anna@rossi.it")
    barrier, wrong, sent = threading.Barrier(3), [], []

    def run(work: Any) -> None:
        try:
            barrier.wait(10)
            for _ in range(4):
                work()
        except BaseException as error:
            wrong.append(error)
        finally:
            connection.close()

    def claim() -> None:
        sent.extend(outbox.claim(linked.pk, limit=5)[1])

    def withdraw() -> None:
        withdrawals.signup_withdraw(Signup.objects.get(pk=signup.pk), TRASH)

    threads = [
        threading.Thread(target=run, args=(work,))
        for work in (claim, withdraw, lambda: accept(signup, by))
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join(30)
    assert wrong == []
    assert len(sent) <= 1 and Delivery.objects.count() == 1
    status, state = Signup.objects.get().status, Delivery.objects.get().state
    assert (status, state) in {
        ("accepted", State.PENDING),
        ("accepted", State.SENDING),
        ("filtered", State.SKIPPED),
    }


def test_the_domain_of_a_denied_address_and_the_rest_of_it(
    acme: Account, post: Any, by: Author
) -> None:
    """Allow beats deny: the appeal says how the filter will judge from now on."""
    entry_add(account=acme, kind="deny", value="*.rossi.it", by=by)
    first, _ = post("anna@rossi.it"), post("bea@rossi.it")
    assert accept(first, by, "domain").accepted == 2
    assert post("carla@rossi.it").status == "accepted"


def test_signups_of_the_last_thirty_days_only(post: Any, by: Author) -> None:
    first, old = post("info@rossi.it"), post("sales@rossi.it")
    Signup.objects.filter(pk=old.pk).update(at=now() - timedelta(days=30, seconds=5))
    assert accept(first, by, "domain") == Released(accepted=1)
