"""Certificates of a contact's consents: what is changed is found."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
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

from contacts import consent_seals
from contacts.certificates import certificate_of, verify
from contacts.consent_keys import public_pem, sign
from contactsync.tenancy.models import Account
from displays.models import Display
from tests.contacts.consent_world import consents, meddle, wrong
from tests.contactsync.api.client import Api

pytestmark = pytest.mark.django_db


@pytest.fixture
def document(acme: Account, display: Display) -> dict[str, Any]:
    document = certificate_of(consents(acme, display), acme)
    again: dict[str, Any] = json.loads(json.dumps(document))
    return again


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
