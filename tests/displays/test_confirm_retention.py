"""Old confirmations and their mails go; what somebody may still ask for stays."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core import mail
from django.db import connection, transaction
from django.test import Client

from contacts.certificates import certificate_of, verify
from contacts.consent_keys import private_key
from contacts.consent_seals import seal_account
from contacts.models import Contact
from contactsync.lib.clock import now
from contactsync.tenancy.models import Account
from displays import confirm_retention, tasks
from displays.confirm_retention import LEASE, prune
from displays.models import Confirmation, ConfirmationMail, Display
from integrations.lease import lease_take
from integrations.models import LinkedAccount
from tests.displays.confirming import later, link, own_rule, press, sign_up, work

pytestmark = pytest.mark.django_db

MIRA = "mira@gmail.com"


@pytest.fixture(autouse=True)
def quick(monkeypatch: Any) -> None:
    monkeypatch.setattr(confirm_retention, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(confirm_retention, "REST", timedelta(0))


@pytest.fixture
def rule(display: Display, linked: LinkedAccount) -> Any:
    return own_rule(display, linked)


def asked(display: Display, email: str = MIRA, *, end: str = "expired") -> Confirmation:
    """A signup that was mailed, and how that ended."""
    sign_up(display, email, ip=None)
    work()
    row = Confirmation.objects.get(email_key=email, state="sent")
    if end != "sent":
        row.state = end
        row.confirmed_at = now() if end == "confirmed" else None
        row.save()
    return row


def states() -> list[str]:
    return list(Confirmation.objects.order_by("id").values_list("state", flat=True))


def pass_days(days: int) -> None:
    later(days=days)
    for row in Confirmation.objects.exclude(confirmed_at=None):
        assert row.confirmed_at is not None
        row.confirmed_at -= timedelta(days=days)
        row.save()


def test_of_each_contact_the_newest_stays(display: Display, rule: Any) -> None:
    for _ in range(3):
        asked(display)
        pass_days(500)
    other = asked(display, "noah@gmail.com")
    pass_days(500)
    newest = Confirmation.objects.filter(email_key=MIRA).order_by("id").last()
    assert newest is not None
    assert prune().part is None
    assert set(Confirmation.objects.values_list("pk", flat=True)) == {
        newest.pk,
        other.pk,
    }


def test_the_newest_that_was_confirmed_stays_too(display: Display, rule: Any) -> None:
    for end in ("confirmed", "expired", "confirmed", "bounced", "expired"):
        asked(display, end=end)
        Contact.objects.update(confirmed_at=None)
        pass_days(500)
    prune()
    assert states() == ["confirmed", "expired"]


def test_what_is_young_or_open_stays(display: Display, rule: Any) -> None:
    asked(display)
    pass_days(300)
    asked(display)
    pass_days(90)
    asked(display, end="sent")
    prune()
    assert states() == ["expired", "expired", "sent"]
    pass_days(20)
    prune()
    assert states() == ["expired", "sent"], "410, 110 and 20 days old"


def test_one_whose_link_still_works_stays(display: Display, rule: Any) -> None:
    """Bounced, but the person may have got it all the same."""
    row = asked(display, end="bounced")
    pass_days(500)
    Confirmation.objects.update(expires_at=now() + timedelta(hours=1))
    asked(display)
    prune()
    assert Confirmation.objects.filter(pk=row.pk).exists()
    assert row.mails.count() == 1


def test_mails_go_earlier_but_not_those_of_an_open_one(
    display: Display, rule: Any
) -> None:
    asked(display)
    held = asked(display, "noah@gmail.com", end="sent")
    pass_days(100)
    Confirmation.objects.filter(pk=held.pk).update(expires_at=now() + timedelta(days=1))
    asked(display, "young@gmail.com")
    assert prune().deleted == 1
    left = ConfirmationMail.objects.values_list("email_key", flat=True)
    assert set(left) == {"noah@gmail.com", "young@gmail.com"}
    assert Confirmation.objects.count() == 3


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("KEEP_CONFIRMATIONS_DAYS", (2, 1)),
        ("KEEP_CONFIRMATION_MAILS_DAYS", (1, 1)),
    ],
)
def test_0_is_for_ever(
    display: Display, rule: Any, settings: Any, name: str, kept: tuple[int, int]
) -> None:
    setattr(settings, name, 0)
    asked(display)
    pass_days(5000)
    asked(display)
    prune()
    assert (Confirmation.objects.count(), ConfirmationMail.objects.count()) == kept


def test_certificates_and_old_links_need_nothing_that_goes(
    acme: Account, display: Display, rule: Any, client: Client
) -> None:
    sign_up(display, ip=None)
    work()
    press(client, link())
    first = link()
    contact = Contact.objects.get()
    seal_account(acme.pk, settle=timedelta(0))
    before = certificate_of(contact, acme)["certificate"]["consents"]
    pass_days(500)
    Contact.objects.update(confirmed_at=None)
    mail.outbox.clear()
    sign_up(display, ip=None)
    work()
    press(client, link())
    pass_days(500)
    assert prune().deleted == 3  # one confirmation, two mails
    after = certificate_of(contact, acme)
    assert verify(after, private_key().public_key()) == []
    told = [row["said"] for row in after["certificate"]["consents"]]
    assert [row["said"] for row in before] == told[: len(before)]
    assert client.get(link()).status_code == 200
    assert client.get(first).status_code == 404


def test_in_steps_of_any_size_and_where_a_run_ended(
    display: Display, rule: Any, monkeypatch: Any
) -> None:
    for number in range(5):
        asked(display, f"p{number}@gmail.com")
    pass_days(500)
    for number in range(5):
        asked(display, f"p{number}@gmail.com")
    monkeypatch.setattr(confirm_retention, "STEP", 2)
    sent: list[Any] = []
    monkeypatch.setattr(
        tasks.prune_confirmations,
        "apply_async",
        lambda args, **_: sent.append(args),
    )
    ticks = iter(range(1000))
    monkeypatch.setattr(confirm_retention, "RUN_SECONDS", 3)

    class Watch:
        """A second for each look."""

        @staticmethod
        def monotonic() -> float:
            return next(ticks)

        @staticmethod
        def sleep(seconds: float) -> None:
            pass

    monkeypatch.setattr(confirm_retention, "time", Watch)
    monkeypatch.setattr(confirm_retention.prune, "__kwdefaults__", {"seconds": 3.0})
    deleted, runs = tasks.prune_confirmations(), 1
    while sent:
        args = sent.pop()
        deleted, runs = deleted + tasks.prune_confirmations(*args), runs + 1
    assert deleted == 10
    assert runs > 1
    assert states() == ["expired"] * 5
    assert ConfirmationMail.objects.count() == 5


def test_one_worker_at_a_time_and_once_a_day(
    display: Display, rule: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(confirm_retention, "REST", timedelta(hours=20))
    asked(display)
    pass_days(500)
    prune()
    asked(display)
    assert tasks.prune_confirmations() == 0, "a pass has ended lately"
    assert not lease_take(LEASE, uuid4(), 1.0)
    assert states() == ["expired", "expired"]


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_nobody_waits_for_anybody(display: Display, rule: Any) -> None:
    """What somebody is changing is left for next time; who is open is not locked."""
    asked(display)
    pass_days(500)
    asked(display)
    held = asked(display, "noah@gmail.com")
    pass_days(500)
    asked(display, "noah@gmail.com")
    begun, end = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with transaction.atomic():
                Confirmation.objects.select_for_update().get(pk=held.pk)
                begun.set()
                end.wait(10)
        finally:
            connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert begun.wait(5)
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '200ms'")
        prune()
        assert Confirmation.objects.filter(pk=held.pk).exists()
        assert Confirmation.objects.filter(email_key=MIRA).count() == 1
    finally:
        end.set()
        thread.join()
        with connection.cursor() as cursor:
            cursor.execute("RESET lock_timeout")
    prune()
    assert not Confirmation.objects.filter(pk=held.pk).exists()
