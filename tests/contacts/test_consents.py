"""The consent ledger: confirming, IP addresses by policy, erasing, append-only."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from contacts.consents import (
    consent_confirmed,
    consent_erase,
    ip_policy_save,
    ip_to_keep,
)
from contacts.models import Consent, Contact, Event, Suppression
from contacts.suppressions import suppress
from contactsync.api.keys import Key
from contactsync.lib.clock import now
from contactsync.tenancy.models import Account
from displays.intake import checked, take_signup
from displays.models import Display, Signup
from displays.services import display_save
from tests.displays.confirming import sign_up
from tests.displays.signups import body

pytestmark = pytest.mark.django_db


@pytest.fixture
def signup(display: Display) -> Signup:
    return Signup.objects.get(pk=sign_up(display).id)


def confirmed(signup: Signup, **more: Any) -> int:
    values: dict[str, Any] = {"how": "mail", "at": now(), **more}
    return consent_confirmed(
        account_id=signup.account_id,
        contact_id=signup.contact_id,
        **{"signup_id": signup.pk, **values},
    )


def test_it_points_to_the_words_that_were_confirmed(signup: Signup) -> None:
    at = now()
    row = Consent.objects.get(
        pk=confirmed(signup, at=at, ip="192.0.2.9", evidence={"message_id": "<1@x>"})
    )
    first = Consent.objects.get(source="signup")
    assert (row.source, row.how, row.confirms_id) == ("confirmation", "mail", first.pk)
    assert (row.text, row.page_url) == (first.text, first.page_url)
    assert (row.form_version, row.ip) == ("1", "192.0.2.9")
    assert row.evidence == {"message_id": "<1@x>"}
    assert Contact.objects.get().confirmed_at == at
    event = Event.objects.get(kind="consent.confirmed")
    assert event.data == {"how": "mail", "consent": row.pk, "signup": str(signup.pk)}


def test_it_is_written_once_per_signup_and_way(
    signup: Signup, display: Display
) -> None:
    first = confirmed(signup)
    assert confirmed(signup, at=now() + timedelta(days=9)) == first
    assert confirmed(signup, how="provider") != first
    second = Signup.objects.get(pk=sign_up(display).id)
    assert confirmed(second) != first
    assert Consent.objects.filter(source="confirmation").count() == 3


def test_without_a_signup_it_is_written_once_a_day(signup: Signup) -> None:
    at = now()
    first = confirmed(signup, signup_id=None, at=at)
    assert confirmed(signup, signup_id=None, at=at + timedelta(hours=3)) == first
    assert confirmed(signup, signup_id=None, at=at + timedelta(days=2)) != first


def test_an_older_confirmation_takes_nothing_back(signup: Signup) -> None:
    late = now()
    confirmed(signup, at=late)
    confirmed(signup, how="provider", at=late - timedelta(days=3))
    assert Contact.objects.get().confirmed_at == late


@pytest.mark.parametrize("actor", ["person", "admin", "merge", "bounce", "complaint"])
def test_it_lifts_what_is_older(acme: Account, signup: Signup, actor: str) -> None:
    before = now() - timedelta(hours=1)
    suppress(account_id=acme.pk, email="mira@gmail.com", actor=actor, left_at=before)
    confirmed(signup)
    assert not Suppression.objects.exists()


def test_it_lifts_nothing_that_is_newer(acme: Account, signup: Signup) -> None:
    suppress(account_id=acme.pk, email="mira@gmail.com", actor="person", left_at=now())
    confirmed(signup, at=now() - timedelta(minutes=1))
    assert Suppression.objects.get().actor == "person"


def test_a_strangers_contact_is_not_found(other: Account, signup: Signup) -> None:
    with pytest.raises(Contact.DoesNotExist):
        consent_confirmed(
            account_id=other.pk,
            contact_id=signup.contact_id,
            signup_id=signup.pk,
            how="mail",
            at=now(),
        )


@pytest.mark.parametrize(
    ("policy", "v4", "v6"),
    [
        ("keep", "203.0.113.77", "2001:db8:1:2::3"),
        ("truncate", "203.0.113.0", "2001:db8:1::"),
        ("none", None, None),
    ],
)
def test_ip_addresses_by_policy(
    acme: Account, display: Display, policy: str, v4: str | None, v6: str | None
) -> None:
    ip_policy_save(account_id=acme.pk, ip=policy)
    assert ip_to_keep(acme.pk, "203.0.113.77") == v4
    assert ip_to_keep(acme.pk, "2001:db8:1:2::3") == v6
    assert ip_to_keep(acme.pk, None) is None
    key = Key(display.pk, acme.pk, "pk", "live", ())
    said = body(display, consent={"given": True, "text": "Yes"})
    take_signup(checked(said), key, ip="203.0.113.77")
    assert Consent.objects.get().ip == v4 and Signup.objects.get().ip == v4
    signup = Signup.objects.get()
    row = Consent.objects.get(pk=confirmed(signup, ip="2001:db8:1:2::3"))
    assert row.ip == v6


def test_the_form_version_counts_wordings(display: Display) -> None:
    sign_up(display)
    display.name = "Only we see it"
    display_save(display=display, fields=["name"])
    sign_up(display, "noah@gmail.com")
    display.consent_text = "Other words"
    display_save(display=display, fields=["consent_text"])
    display_save(display=display, fields=["consent_text"])
    sign_up(display, "olga@gmail.com")
    versions = Consent.objects.order_by("id").values_list("form_version", flat=True)
    assert list(versions) == ["1", "1", "2"]


def test_erasing_leaves_what_was_said(acme: Account, signup: Signup) -> None:
    confirmed(signup, ip="192.0.2.9", evidence={"user_agent": "x"})
    assert consent_erase(account_id=acme.pk, contact_id=signup.contact_id) == 2
    for row in Consent.objects.all():
        assert (row.ip, row.page_url, row.evidence) == (None, "", {})
        assert row.text == "Email me news"


@pytest.mark.pg
@pytest.mark.parametrize(
    "change",
    ["UPDATE contacts_consent SET text = 'x'", "DELETE FROM contacts_consent"],
)
def test_the_data_base_keeps_it_append_only(
    acme: Account, signup: Signup, change: str
) -> None:
    def attempt() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(change)

    with pytest.raises(DatabaseError, match="append-only"):
        attempt()
    consent_erase(account_id=acme.pk, contact_id=signup.contact_id)
    with pytest.raises(DatabaseError, match="append-only"):
        attempt()
    assert Consent.objects.get().text == "Email me news"
