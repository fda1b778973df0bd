"""A consent ledger that was tampered with opens an incident by itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from activity import incident_chain
from activity import incident_words as kinds
from activity.incident_chain import check_chains
from activity.models import ChainCheck, Incident
from activity.tasks import check_books
from activity.tasks import check_chains as task
from contacts import consent_seals
from contacts.consent_seals import seal_account
from contacts.consents import consent_erase
from contacts.models import Consent, ConsentSeal, Contact
from contactsync.tenancy.models import Account, User
from displays.models import Display
from displays.services import display_create
from integrations.lease import lease_take
from tests.contacts.consent_world import consents, meddle
from tests.displays.confirming import sign_up

pytestmark = pytest.mark.django_db

NOW = timedelta(0)


@pytest.fixture
def chain(acme: Account, display: Display, monkeypatch: Any) -> list[ConsentSeal]:
    """Seven links, two to a part."""
    monkeypatch.setattr(consent_seals, "BATCH", 2)
    consents(acme, display)
    seal_account(acme.pk, settle=NOW)
    return list(ConsentSeal.objects.order_by("seq"))


def opened() -> list[Incident]:
    return list(Incident.objects.filter(closed_at=None))


def later(**passed: float) -> None:
    check = ChainCheck.objects.get()
    assert check.passed_at is not None
    ChainCheck.objects.update(passed_at=check.passed_at - timedelta(**passed))


def change(seal: ConsentSeal, text: str = "I want everything") -> None:
    meddle("UPDATE contacts_consent SET text = %s WHERE id = %s", text, seal.consent_id)


def remove_end(chain: list[ConsentSeal]) -> None:
    """The last record and its link, as if they had never been."""
    meddle("DELETE FROM contacts_consentseal WHERE seq = %s", chain[-1].seq)
    meddle("DELETE FROM contacts_consent WHERE id = %s", chain[-1].consent_id)


def test_a_chain_that_holds_opens_nothing(acme: Account, chain: Any) -> None:
    assert check_chains() == 7
    assert check_chains() == 0, "until there are new links"
    check_books()
    assert opened() == []


def test_new_links_are_looked_at_soon(
    acme: Account, display: Display, chain: Any
) -> None:
    check_chains()
    sign_up(display, "new@gmail.com")
    seal_account(acme.pk, settle=NOW)
    change(ConsentSeal.objects.get(seq=8))
    assert check_chains() == 1
    assert check_books() == 1


def test_the_incident_names_the_account_and_the_first_broken_record(
    acme: Account, chain: Any, alice: User, client_of: Callable[[User], Client]
) -> None:
    change(chain[4])
    change(chain[2])
    assert task() == 7
    assert check_books() == 1
    [incident] = opened()
    assert (incident.account, incident.kind) == (acme, kinds.CHAIN)
    assert f"{acme}" in incident.title
    assert f"first at consent {chain[2].consent_id}" in incident.title
    assert "the consent was changed" in incident.title
    assert incident.detail["link"] == 3
    assert incident.detail["count"] == 2
    [told] = mail.outbox
    assert "consent check" in told.body
    page = client_of(alice).get("/a/acme-outdoor/incidents/").content.decode()
    contact_id = Consent.objects.get(pk=chain[2].consent_id).contact_id
    assert f'href="/a/acme-outdoor/contacts/{contact_id}/"' in page
    assert f"consent {chain[2].consent_id}" in page
    assert "From there on the ledger proves nothing" in page


def test_another_accounts_chain_is_its_own(
    acme: Account, other: Account, chain: Any
) -> None:
    theirs = display_create(account=other, name="D", kind="bar", status="live")
    sign_up(theirs)
    seal_account(other.pk, settle=NOW)
    change(ConsentSeal.objects.get(account=other))
    assert check_chains() == 8
    check_books()
    assert [incident.account for incident in opened()] == [other]


def test_what_was_checked_before_is_checked_again_day_by_day(
    acme: Account, chain: Any
) -> None:
    check_chains()
    change(chain[0])
    assert check_chains() == 0
    later(hours=25)
    assert check_chains() == 7
    assert check_books() == 1


def test_it_closes_when_the_record_is_back(acme: Account, chain: Any) -> None:
    before = Consent.objects.get(pk=chain[3].consent_id).text
    change(chain[3])
    check_chains()
    check_books()
    change(chain[3], before)
    check_chains()
    check_books()
    assert len(opened()) == 1, "only a whole pass can say that all is well"
    later(minutes=31)
    check_chains()
    check_books()
    assert opened() == []


def test_a_run_is_bounded_and_the_next_goes_on(
    acme: Account, chain: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(incident_chain, "PARTS", 1)
    change(chain[6])
    assert [check_chains(seconds=0.0) for _ in range(2)] == [0, 0]

    def one_turn() -> int:
        ticks = iter([0.0, 0.0])
        with monkeypatch.context() as clock:
            watch = SimpleNamespace(monotonic=lambda: next(ticks, 1000.0))
            clock.setattr(incident_chain, "time", watch)
            return check_chains() or 0

    assert [one_turn() for _ in range(3)] == [2, 2, 2]
    check_books()
    assert opened() == []
    assert one_turn() == 1
    check_books()
    assert opened()[0].detail["link"] == 7


def test_who_was_looked_at_last_waits_longest(
    acme: Account, other: Account, chain: Any
) -> None:
    check_chains()
    ChainCheck.objects.filter(account=other).update(checked_at=timezone.now())
    assert [check.account for check in incident_chain.waiting()] == [acme, other]


def test_a_chain_cut_off_at_its_end_holds_but_is_noticed(
    acme: Account, display: Display, chain: Any
) -> None:
    check_chains()
    remove_end(chain)
    check_chains()
    assert check_books() == 1
    assert "link 7: the link was there before, and is gone" in opened()[0].title
    sign_up(display, "new@gmail.com")
    seal_account(acme.pk, settle=NOW)
    later(minutes=31)
    check_chains()
    check_books()
    assert "another link was there before" in opened()[0].title


def test_somebody_erased_meanwhile_is_no_flaw(
    acme: Account, chain: Any, monkeypatch: Any
) -> None:
    """The links are read before, and the records after the erasure."""
    contact = Contact.objects.get(
        pk=Consent.objects.get(pk=chain[0].consent_id).contact_id
    )
    erased: list[int] = []
    look = Consent.objects.for_account

    def meanwhile(account_id: int) -> Any:
        if not erased:
            erased.append(0)
            erased[0] = consent_erase(account_id=acme.pk, contact_id=contact.pk)
        return look(account_id)

    monkeypatch.setattr(Consent.objects, "for_account", meanwhile)
    assert check_chains() == 7
    assert erased == [1]
    check_books()
    assert opened() == []


def test_one_worker_at_a_time(acme: Account, chain: Any) -> None:
    assert lease_take(incident_chain.LEASE, uuid4(), 60.0)
    assert check_chains() is None
    assert task() == 0


def test_closed_by_a_person_it_stays_closed_while_it_is_no_worse(
    acme: Account, chain: Any, alice: User, client_of: Callable[[User], Client]
) -> None:
    change(chain[2])
    check_chains()
    check_books()
    [incident] = opened()
    client_of(alice).post(
        f"/a/acme-outdoor/incidents/{incident.pk}/close/", {"note": "Known: a restore."}
    )
    later(minutes=31)
    check_chains()
    check_books()
    assert opened() == []
