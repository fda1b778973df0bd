"""The chain over the ledger: what is changed is found."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from contacts import consent_seals
from contacts.certificates import certificate_of, verify
from contacts.consent_keys import private_key
from contacts.consent_seals import FIRST, check_account, seal_account, seal_due
from contacts.consents import consent_erase
from contacts.models import Consent, ConsentSeal, Contact
from contactsync.lib.clock import now
from contactsync.tenancy.models import Account
from displays.models import Display
from displays.services import display_create
from tests.contacts.consent_world import consents, meddle
from tests.displays.confirming import sign_up

pytestmark = pytest.mark.django_db

NOW = timedelta(0)


def flaws(acme: Account) -> list[str]:
    return [flaw.what for flaw in check_account(acme.pk)[1]]


def test_a_chain_holds(acme: Account, display: Display) -> None:
    consents(acme, display)
    assert seal_account(acme.pk, settle=NOW) == 7
    seals = list(ConsentSeal.objects.order_by("seq"))
    assert [seal.seq for seal in seals] == list(range(1, 8))
    assert [seal.consent_id for seal in seals] == sorted(s.consent_id for s in seals)
    assert seals[0].previous == FIRST
    assert all(b.previous == a.hash for a, b in zip(seals, seals[1:], strict=False))
    assert check_account(acme.pk) == (7, [])
    assert seal_account(acme.pk, settle=NOW) == 0


def test_a_person_that_looks_the_same_twice_has_other_digests(
    acme: Account, display: Display
) -> None:
    for _ in range(2):
        sign_up(display)
    seal_account(acme.pk, settle=NOW)
    one, two = ConsentSeal.objects.all()
    assert not set(one.digests.values()) & set(two.digests.values())


def test_young_rows_wait(acme: Account, display: Display) -> None:
    consents(acme, display)
    assert seal_due() == 0
    sign_up(display, "old@gmail.com", at=now() - timedelta(seconds=6))
    assert seal_due() == 1 and seal_due() == 0


def test_each_account_has_its_own_chain(
    acme: Account, other: Account, display: Display
) -> None:
    theirs = display_create(account=other, name="D", kind="bar", status="live")
    consents(acme, display)
    sign_up(theirs, at=now() - timedelta(minutes=1))
    assert seal_due() == 1
    seal_account(acme.pk, settle=NOW)
    assert check_account(other.pk) == (1, [])
    assert check_account(acme.pk) == (7, [])


@pytest.mark.parametrize("batch", [1, 2, 1000])
def test_batches_and_a_sealer_that_dies(
    acme: Account, display: Display, monkeypatch: Any, batch: int
) -> None:
    consents(acme, display)
    monkeypatch.setattr(consent_seals, "BATCH", batch)
    whole = consent_seals.sealed
    calls = []

    def dies(*args: Any) -> Any:
        calls.append(args)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return whole(*args)

    with monkeypatch.context() as killed, pytest.raises(KeyboardInterrupt):
        killed.setattr(consent_seals, "sealed", dies)
        seal_account(acme.pk, settle=NOW)
    assert ConsentSeal.objects.count() == {1: 3, 2: 2, 1000: 0}[batch]
    seal_account(acme.pk, settle=NOW)
    assert check_account(acme.pk) == (7, [])


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("text = 'I want everything'", "the consent was changed"),
        ("given = NOT given", "the consent was changed"),
        ("source = 'import'", "the consent was changed"),
        ("form_version = '9'", "the consent was changed"),
        ("how = 'provider'", "the consent was changed"),
        ("confirms_id = 1", "the consent was changed"),
        ("signup_id = NULL", "the consent was changed"),
        ("at = '2020-01-01 00:00:00+00'", "the consent was changed"),
        ("page_url = 'https://other.test/'", "page_url was changed"),
        ("ip = '198.51.100.1'", "ip was changed"),
        ("evidence = '{}'", "evidence was changed"),
    ],
)
def test_every_change_of_a_row_is_found(
    acme: Account, display: Display, change: str, what: str
) -> None:
    contact = consents(acme, display)
    seal_account(acme.pk, settle=NOW)
    row = Consent.objects.get(contact_id=contact.pk, source="confirmation")
    meddle(f"UPDATE contacts_consent SET {change} WHERE id = %s", row.pk)
    assert flaws(acme) == [what]


def test_another_address_is_found(acme: Account, display: Display) -> None:
    contact = consents(acme, display)
    seal_account(acme.pk, settle=NOW)
    Contact.objects.filter(pk=contact.pk).update(email_key="other@gmail.com")
    assert set(flaws(acme)) == {"email was changed"}


def test_a_row_that_is_gone_is_found(acme: Account, display: Display) -> None:
    consents(acme, display)
    seal_account(acme.pk, settle=NOW)
    row = Consent.objects.order_by("id")[2]
    meddle("DELETE FROM contacts_consent WHERE id = %s", row.pk)
    assert flaws(acme) == ["the consent is gone"]
    ConsentSeal.objects.filter(consent_id=row.pk).delete()
    assert flaws(acme) == ["link 3 is missing"]


def test_rows_that_are_swapped_are_found(acme: Account, display: Display) -> None:
    consents(acme, display)
    seal_account(acme.pk, settle=NOW)
    one, two = ConsentSeal.objects.order_by("seq")[1:3]
    ConsentSeal.objects.filter(pk=one.pk).update(consent_id=-1)
    ConsentSeal.objects.filter(pk=two.pk).update(consent_id=one.consent_id)
    ConsentSeal.objects.filter(pk=one.pk).update(consent_id=two.consent_id)
    assert "the consent was changed" in flaws(acme)


@pytest.mark.parametrize(
    "change", [{"previous": "1" * 64}, {"content": "1" * 64}, {"hash": "1" * 64}]
)
def test_a_link_that_is_changed_is_found(
    acme: Account, display: Display, change: dict[str, str]
) -> None:
    consents(acme, display)
    seal_account(acme.pk, settle=NOW)
    ConsentSeal.objects.filter(seq=3).update(**change)
    assert "the link was changed" in flaws(acme)


def test_erasing_a_person_breaks_nothing(acme: Account, display: Display) -> None:
    contact = consents(acme, display)
    seal_account(acme.pk, settle=NOW)
    consent_erase(account_id=acme.pk, contact_id=contact.pk)
    assert check_account(acme.pk) == (7, [])
    document = certificate_of(contact, acme)
    assert verify(document, private_key().public_key()) == []
    assert all(row["personal"] is None for row in document["certificate"]["consents"])
    Contact.objects.filter(pk=contact.pk).delete()
    assert check_account(acme.pk) == (7, [])


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_ends_late_is_sealed_late(
    acme: Account, display: Display
) -> None:
    """Its ids are lower than those of rows that were committed, and sealed, before."""
    began, go = threading.Event(), threading.Event()
    old = now() - timedelta(minutes=1)

    def slow() -> None:
        try:
            with transaction.atomic():
                sign_up(display, "slow@gmail.com", at=old)
                began.set()
                go.wait(20)
        finally:
            connection.close()

    thread = threading.Thread(target=slow)
    thread.start()
    assert began.wait(20)
    sign_up(display, "quick@gmail.com", at=old)
    assert seal_due() == 1
    go.set()
    thread.join(20)
    assert seal_due() == 1
    first, second = ConsentSeal.objects.order_by("seq")
    assert first.consent_id > second.consent_id
    assert check_account(acme.pk) == (2, [])
    # Later than the quick look goes back: the hourly one finds it.
    ConsentSeal.objects.filter(pk=second.pk).delete()
    ConsentSeal.objects.update(at=now() - timedelta(hours=1))
    assert seal_due() == 0 and seal_due(everything=True) == 1


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_several_sealers_make_one_chain(acme: Account, display: Display) -> None:
    for number in range(200):
        sign_up(display, f"mira{number}@gmail.com", at=now() - timedelta(minutes=1))
    wrong: list[BaseException] = []

    def work() -> None:
        try:
            seal_due()
        except BaseException as error:
            wrong.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []
    assert check_account(acme.pk) == (200, [])
