"""A consent certificate: what one person agreed to, signed, in its place in the chain.

``certificate_of`` makes one; ``verify`` needs the file and the public key alone: no
data base, no settings. docs/consent.md says what each member means.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.conf import settings

from contacts.consent_keys import fingerprint, is_signed, private_key, sign
from contacts.consent_seals import (
    ERASABLE,
    canonical,
    content_of,
    digests_of,
    link_of,
    moment,
    personal,
    said,
    seal_account,
)
from contacts.models import Consent, ConsentSeal, Contact
from contactsync.lib.clock import now
from contactsync.tenancy.models import Account

FORMAT = "contactsync consent certificate 1"
MOST = 500
"""Consents in one certificate, and links of the chain beside them: the newest."""


def certificate_of(contact: Contact, account: Account) -> dict[str, Any]:
    """All of a contact's consents as a signed certificate. Seals what is not yet.

    Raises KeyProblem.
    """
    # Whoever asks for proof does not wait for a quiet moment.
    seal_account(account.pk, settle=timedelta(0))
    mine = Consent.objects.for_account(account).filter(contact_id=contact.pk)
    rows = list(reversed(mine.order_by("-id")[:MOST]))
    seals = {
        seal.consent_id: seal
        for seal in ConsentSeal.objects.for_account(account).filter(
            consent_id__in=[row.pk for row in rows]
        )
    }
    body = {
        "format": FORMAT,
        "issued_at": moment(now()),
        "issuer": settings.BASE_URL,
        "account": {"id": account.pk, "name": account.name, "slug": account.slug},
        "contact": {"id": str(contact.pk), "email": contact.email_key},
        "consents": [
            consent_json(row, contact, seals[row.pk]) for row in rows if row.pk in seals
        ],
        "links": links_json(account, list(seals.values())),
        "key": fingerprint(private_key().public_key()),
    }
    return {"certificate": body, "signature": sign(canonical(body))}


def consent_json(row: Consent, contact: Contact, seal: ConsentSeal) -> dict[str, Any]:
    return {
        "seq": seal.seq,
        "said": said(row),
        "personal": personal(row, contact.email_key) if seal.salt else None,
        "salt": seal.salt,
        "digests": seal.digests,
    }


def links_json(account: Account, mine: list[ConsentSeal]) -> list[dict[str, Any]]:
    """The links of the consents, those between them as far as there is room, and the
    chain's head: others' links are hashes, which tell nothing about anybody."""
    if not mine:
        return []
    chain = ConsentSeal.objects.for_account(account)
    found = {seal.seq: seal for seal in mine}
    after = chain.filter(seq__gte=min(found)).order_by("seq")
    found |= {seal.seq: seal for seal in after[:MOST]}
    head = chain.order_by("-seq").first()
    if head is not None:
        found[head.seq] = head
    return [
        {
            "seq": seal.seq,
            "previous": seal.previous,
            "content": seal.content,
            "sealed_at": moment(seal.at),
            "hash": seal.hash,
        }
        for _, seal in sorted(found.items())
    ]


def verify(document: Any, key: Ed25519PublicKey) -> list[str]:
    """What is wrong with a certificate; empty when all of it holds."""
    try:
        return _verify(document, key)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        return [f"This is not a consent certificate: {type(error).__name__} {error}."]


def _verify(document: Mapping[str, Any], key: Ed25519PublicKey) -> list[str]:
    body, wrong = document["certificate"], []
    if body["format"] != FORMAT:
        return [f"The format is not {FORMAT!r}."]
    if not is_signed(canonical(body), document["signature"], key):
        wrong.append("The signature is not of this key, or something was changed.")
    if body["key"] != fingerprint(key):
        wrong.append("It names another key than the one given.")
    links = {link["seq"]: link for link in body["links"]}
    account = body["account"]["id"]
    for seq, link in links.items():
        wrong += _link_wrong(account, seq, link, links.get(seq - 1))
    if len(links) != len(body["links"]):
        wrong.append("A link stands there twice.")
    for each in body["consents"]:
        wrong += _consent_wrong(body, each, links)
    if [each["seq"] for each in body["consents"]] != sorted(
        {each["seq"] for each in body["consents"]}
    ):
        wrong.append("The consents are not in the order of the chain.")
    return wrong


def _link_wrong(
    account: int, seq: int, link: Mapping[str, Any], before: Mapping[str, Any] | None
) -> list[str]:
    wrong = []
    made = link_of(
        account=account,
        seq=seq,
        previous=link["previous"],
        content=link["content"],
        at=link["sealed_at"],
    )
    if made != link["hash"]:
        wrong.append(f"Link {seq} of the chain does not hold.")
    if before is not None and before["hash"] != link["previous"]:
        wrong.append(f"Link {seq} does not follow link {seq - 1}.")
    return wrong


def _consent_wrong(
    body: Mapping[str, Any], each: Mapping[str, Any], links: Mapping[int, Any]
) -> list[str]:
    wrong, name = [], f"Consent {each['said']['id']}"
    link = links.get(each["seq"])
    if link is None:
        return [f"{name} has no link of the chain."]
    if content_of(each["said"], each["digests"]) != link["content"]:
        wrong.append(f"{name} is not what was sealed.")
    if each["said"]["contact"] != body["contact"]["id"]:
        wrong.append(f"{name} is of another contact.")
    if each["said"]["account"] != body["account"]["id"]:
        wrong.append(f"{name} is of another account.")
    if each["personal"] is None:
        return wrong  # erased: the digests stand for it
    if each["personal"]["email"] != body["contact"]["email"]:
        wrong.append(f"{name} is of another address.")
    made = digests_of(each["salt"], each["personal"])
    wrong += [
        f"{name}: {part} is not what was sealed."
        for part in ERASABLE
        if made[part] != each["digests"].get(part)
    ]
    return wrong
