"""The chain over the ledger, and certificates: what is changed is found."""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from contacts import consent_seals
from contacts.certificates import certificate_of, verify
from contacts.consent_keys import private_key, public_pem, sign
from contacts.consent_seals import FIRST, check_account, seal_account, seal_due
from contacts.consents import consent_confirmed, consent_erase
from contacts.models import Consent, ConsentSeal, Contact
from contactsync.lib.clock import now
from contactsync.tenancy.models import Account
from displays.models import Display
from displays.services import display_create
from tests.contactsync.api.client import Api
from tests.displays.confirming import sign_up

pytestmark = pytest.mark.django_db

NOW = timedelta(0)


def consents(acme: Account, display: Display, number: int = 5) -> Contact:
    """Signups of several people; the last one's is confirmed, with all there is."""
    for at in range(number):
        sign_up(display, f"mira{at}@gmail.com")
    contact = Contact.objects.get(email_key=f"mira{number - 1}@gmail.com")
    sign_up(display, "noah@gmail.com")
    consent_confirmed(
        account_id=acme.pk,
        contact_id=contact.pk,
        signup_id=Consent.objects.get(contact_id=contact.pk).signup_id,
        how="mail",
        at=now(),
        ip="192.0.2.9",
        evidence={"message_id": "<1@x>", "user_agent": "Müller"},
    )
    return contact


def flaws(acme: Account) -> list[str]:
    return [flaw.what for flaw in check_account(acme.pk)[1]]


def meddle(sql: str, *params: Any) -> None:
    """Change a row behind the product's back."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL contactsync.erasing = 'on'")
        cursor.execute(sql, params)


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


@pytest.fixture
def document(acme: Account, display: Display) -> dict[str, Any]:
    document = certificate_of(consents(acme, display), acme)
    again: dict[str, Any] = json.loads(json.dumps(document))
    return again


def wrong(document: Any) -> list[str]:
    return verify(document, private_key().public_key())


def test_a_certificate_says_it_all(document: dict[str, Any]) -> None:
    assert wrong(document) == []
    body = document["certificate"]
    first, second = body["consents"]
    assert first["said"]["text"] == "Email me news"
    assert first["said"]["form_version"] == "1" and first["said"]["given"] is True
    assert first["personal"]["page_url"] == "https://shop.acme.test/"
    assert second["said"]["how"] == "mail"
    assert second["said"]["confirms"] == first["said"]["id"]
    assert second["personal"]["ip"] == "192.0.2.9"
    assert second["personal"]["evidence"]["user_agent"] == "Müller"
    assert body["contact"]["email"] == "mira4@gmail.com"
    assert [link["seq"] for link in body["links"]] == [5, 6, 7]
    assert "noah@gmail.com" not in json.dumps(body)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from leaves(item, (*path, name))
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from leaves(item, (*path, at))
    else:
        yield path


def changed(document: Any, path: tuple[Any, ...]) -> Any:
    """A copy in which one value is another one."""
    made = copy.deepcopy(document)
    place = made
    for step in path[:-1]:
        place = place[step]
    old = place[path[-1]]
    if isinstance(old, bool):
        new: Any = not old
    elif isinstance(old, int):
        new = old + 1
    elif old is None:
        new = "x"
    else:
        new = ("0" if old[:1] != "0" else "1") + old[1:]
    place[path[-1]] = new
    return made


def test_every_changed_field_is_found(document: dict[str, Any]) -> None:
    paths = list(leaves(document))
    assert len(paths) > 60
    assert [path for path in paths if not wrong(changed(document, path))] == []


def resigned(document: Any) -> Any:
    """As somebody with the key would sign it: the chain alone has to tell."""
    made = copy.deepcopy(document)
    made["signature"] = sign(consent_seals.canonical(made["certificate"]))
    return made


def test_the_chain_tells_even_if_it_is_signed_anew(document: dict[str, Any]) -> None:
    sealed = ("said", "personal", "digests", "salt", "seq")
    paths = [
        path
        for path in leaves(document)
        if path[:2] in (("certificate", "consents"), ("certificate", "links"))
        and (path[1] == "links" or path[3] in sealed)
    ]
    assert len(paths) > 50
    missed = [path for path in paths if not wrong(resigned(changed(document, path)))]
    assert missed == []


def test_links_removed_and_swapped(document: dict[str, Any]) -> None:
    removed = copy.deepcopy(document)
    del removed["certificate"]["links"][0]
    assert any("no link" in said for said in wrong(resigned(removed)))
    assert wrong(removed)
    swapped = copy.deepcopy(document)
    one, two = swapped["certificate"]["consents"]
    one["said"], two["said"] = two["said"], one["said"]
    assert any("not what was sealed" in said for said in wrong(resigned(swapped)))
    order = copy.deepcopy(document)
    order["certificate"]["consents"].reverse()
    assert wrong(resigned(order))
    doubled = copy.deepcopy(document)
    doubled["certificate"]["links"].append(doubled["certificate"]["links"][0])
    assert wrong(resigned(doubled))


def test_another_key(document: dict[str, Any]) -> None:
    stranger = Ed25519PrivateKey.generate().public_key()
    assert any("signature" in said for said in verify(document, stranger))


@pytest.mark.parametrize(
    "document",
    [None, 1, [], {}, {"certificate": 1}, {"certificate": {}, "signature": "x"}],
)
def test_what_is_no_certificate(document: Any) -> None:
    assert wrong(document)


def test_the_command(
    acme: Account, display: Display, tmp_path: Path, settings: Any
) -> None:
    consents(acme, display)
    made, file, pem = StringIO(), tmp_path / "c.json", tmp_path / "key.pem"
    who = ["--account", acme.slug, "--email", "Mira4@gmail.com"]
    call_command("consent", "export", *who, stdout=made)
    file.write_text(made.getvalue())
    key = StringIO()
    call_command("consent", "key", stdout=key)
    pem.write_text(key.getvalue())
    said = StringIO()
    call_command("consent", "verify", str(file), "--key", str(pem), stdout=said)
    assert said.getvalue().startswith("Valid: 2 consents of mira4@gmail.com")
    file.write_text(made.getvalue().replace("Email me news", "Email me ads"))
    with pytest.raises(CommandError, match="not what was sealed"):
        call_command("consent", "verify", str(file), "--key", str(pem))
    call_command("consent", "check", "--account", acme.slug, stdout=said)
    assert "7 links, all of them hold." in said.getvalue()
    meddle("UPDATE contacts_consent SET text = 'x'")
    with pytest.raises(CommandError, match="7 flaws in 7 links"):
        call_command("consent", "check", "--account", acme.slug, stdout=said)


@pytest.mark.parametrize("bad", ["no key", "-----BEGIN X-----", "eA=="])
def test_a_bad_key_is_said_to_be_one(settings: Any, bad: str) -> None:
    settings.CONSENT_SIGNING_KEY = bad
    with pytest.raises(CommandError, match="CONSENT_SIGNING_KEY"):
        call_command("consent", "key")


def test_a_pem_key_with_its_line_breaks_written_out(settings: Any) -> None:
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    settings.CONSENT_SIGNING_KEY = pem.decode().replace("\n", "\\n")
    made = StringIO()
    call_command("consent", "key", stdout=made)
    assert made.getvalue() == public_pem(key.public_key())


@pytest.mark.parametrize("wish", ["nobody@gmail.com", ""])
def test_nobody_to_export(acme: Account, wish: str) -> None:
    with pytest.raises(CommandError, match="no such contact"):
        call_command("consent", "export", "--account", acme.slug, "--email", wish)
    with pytest.raises(CommandError, match="no account"):
        call_command("consent", "export", "--account", "x", "--email", wish)


def test_the_api(acme: Account, display: Display, secret_key: Any) -> None:
    contact = consents(acme, display)
    api = Api(secret_key.text)
    rows = api.get(f"contacts/{contact.pk}/consents").json()["results"]
    assert [row["how"] for row in rows] == ["mail", ""]
    document = api.get(f"contacts/{contact.pk}/certificate").json()
    assert wrong(document) == []


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
