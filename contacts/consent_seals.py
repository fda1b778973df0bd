"""The chain over the consent ledger: whoever changes, removes or swaps a row breaks it.

Each consent gets a seal: a hash over what the row says, the place in the account's
chain and the seal before. What may be erased of a row stands in it as salted digests
only, so that erasing a person later breaks nothing.

Sealing comes a moment after the consent, so that no signup waits for another one's.
A transaction that is still running may hold a lower id than one that has ended: the
chain's order is that of sealing, mostly the ids', and whoever comes late is sealed
late. Nobody is left out: an hourly look goes over everything.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Exists, Max, OuterRef, QuerySet

from contacts.models import Consent, ConsentSeal, Contact
from contactsync.lib.clock import now
from contactsync.lib.sql import is_postgres

FIRST = "0" * 64
"""What the first seal of an account has in place of the one before."""
SETTLE = timedelta(seconds=5)
"""Younger rows wait: those with lower ids may not be committed yet."""
LOOK_BACK = timedelta(minutes=2)
"""How long the quick look waits for a transaction that is late."""
BATCH = 1000
ERASABLE = ("email", "ip", "page_url", "evidence")


def canonical(value: Any) -> bytes:
    """JSON of one form only: sorted keys, no spaces, UTF-8."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False
    ).encode("utf-8", "surrogatepass")


def sha256(value: bytes) -> str:
    return hashlib.sha256(value).hexdigest()


def digest(salt: str, name: str, value: Any) -> str:
    """What the chain keeps of something that may be erased."""
    return sha256(canonical([salt, name, value]))


def moment(at: datetime) -> str:
    """A time as it is hashed: UTC, microseconds."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def said(row: Consent) -> dict[str, Any]:
    """What is hashed of a row as it stands; nothing of it is ever erased."""
    return {
        "id": row.pk,
        "account": row.account_id,
        "contact": str(row.contact_id),
        "signup": str(row.signup_id) if row.signup_id else None,
        "given": row.given,
        "text": row.text,
        "source": row.source,
        "form_version": row.form_version,
        "how": row.how,
        "confirms": row.confirms_id,
        "at": moment(row.at),
    }


def personal(row: Consent, email: str) -> dict[str, Any]:
    """What is hashed of a row as digests only."""
    return {
        "email": email,
        "ip": str(row.ip) if row.ip else None,
        "page_url": row.page_url,
        "evidence": row.evidence,
    }


def digests_of(salt: str, values: Mapping[str, Any]) -> dict[str, str]:
    return {name: digest(salt, name, values[name]) for name in ERASABLE}


def content_of(fixed: Mapping[str, Any], digests: Mapping[str, str]) -> str:
    """The hash over what one consent says."""
    return sha256(canonical({"said": dict(fixed), "digests": dict(digests)}))


def link_of(*, account: int, seq: int, previous: str, content: str, at: str) -> str:
    """The hash of a link of the chain."""
    link = {
        "account": account,
        "seq": seq,
        "previous": previous,
        "content": content,
        "sealed_at": at,
    }
    return sha256(canonical(link))


def unsealed(account_id: int | None = None) -> QuerySet[Consent]:
    seal = ConsentSeal.objects.filter(consent_id=OuterRef("pk"))
    found: QuerySet[Consent] = Consent.objects.filter(~Exists(seal))
    return found.filter(account_id=account_id) if account_id is not None else found


def seal_due(*, everything: bool = False) -> int:
    """Seal the consents that have settled; returns how many.

    The quick look starts where the seals stood LOOK_BACK ago; ``everything`` goes over
    the whole ledger. Safe to run anywhere, any number of times, and to be killed.
    """
    floor = 0
    if not everything:
        old = ConsentSeal.objects.filter(at__lt=now() - LOOK_BACK)
        floor = old.aggregate(most=Max("consent_id"))["most"] or 0
    settled = unsealed().filter(pk__gt=floor, at__lt=now() - SETTLE)
    accounts = settled.order_by().values_list("account_id", flat=True).distinct()
    return sum(seal_account(account, floor=floor) for account in list(accounts))


def seal_account(account_id: int, *, floor: int = 0, settle: timedelta = SETTLE) -> int:
    """Seal one account's consents with ids above ``floor``; returns how many."""
    done = 0
    while part := _seal_batch(account_id, floor, settle):
        done += part
        if part < BATCH:
            break
    return done


def _seal_batch(account_id: int, floor: int, settle: timedelta) -> int:
    """One transaction: all of its links or none."""
    with transaction.atomic():
        _turn(account_id)
        rows = list(
            unsealed(account_id)
            .filter(pk__gt=floor, at__lt=now() - settle)
            .order_by("id")[:BATCH]
        )
        if not rows:
            return 0
        last = (
            ConsentSeal.objects.for_account(account_id)
            .order_by("-seq")
            .values_list("seq", "hash")
            .first()
        )
        seq, previous = last or (0, FIRST)
        people: dict[UUID, str] = dict(
            Contact.objects.for_account(account_id)
            .filter(pk__in={row.contact_id for row in rows})
            .values_list("pk", "email_key")
        )
        seals = []
        for row in rows:
            seq += 1
            seal = sealed(row, people.get(row.contact_id, ""), seq, previous)
            previous = seal.hash
            seals.append(seal)
        ConsentSeal.objects.bulk_create(seals)
    return len(seals)


def _turn(account_id: int) -> None:
    """One sealer at a time per account. SQLite has one writer at a time anyway."""
    if is_postgres():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))",
                [f"consent seals of {account_id}"],
            )


def sealed(row: Consent, email: str, seq: int, previous: str) -> ConsentSeal:
    salt, at = secrets.token_hex(16), now()
    digests = digests_of(salt, personal(row, email))
    content = content_of(said(row), digests)
    return ConsentSeal(
        account_id=row.account_id,
        consent_id=row.pk,
        seq=seq,
        previous=previous,
        content=content,
        digests=digests,
        salt=salt,
        hash=link_of(
            account=row.account_id,
            seq=seq,
            previous=previous,
            content=content,
            at=moment(at),
        ),
        at=at,
    )


@dataclass(frozen=True, slots=True)
class Flaw:
    """Where the chain and the ledger do not agree. ``seq`` 0: before the first."""

    seq: int
    consent_id: int
    what: str


@dataclass(frozen=True, slots=True)
class Place:
    """How far a chain was walked: the number and the hash of the last link."""

    seq: int = 0
    hash: str = FIRST


@dataclass(frozen=True, slots=True)
class Walk:
    """A part of the way: where it ended, and whether there is ``more``."""

    place: Place
    flaws: list[Flaw]
    more: bool


def check_account(account_id: int) -> tuple[int, list[Flaw]]:
    """Walk an account's chain: how many links it has, and what is wrong with it."""
    flaws: list[Flaw] = []
    walk = Walk(Place(), [], more=True)
    while walk.more:
        walk = check_part(account_id, walk.place)
        flaws += walk.flaws
    return ConsentSeal.objects.for_account(account_id).count(), flaws


def check_part(account_id: int, place: Place) -> Walk:
    """Walk on from ``place``, for up to BATCH links."""
    walk = _walk(account_id, place)
    if walk.flaws:
        # Somebody may have been erased between two of its statements.
        second = set(_walk(account_id, place).flaws)
        both = [flaw for flaw in walk.flaws if flaw in second]
        walk = Walk(walk.place, both, walk.more)
    return walk


def lost_at(account_id: int, place: Place) -> Flaw | None:
    """What became of a link that was seen once; None: it is there still. Whoever cuts
    off the end of a chain leaves one that holds, but is shorter."""
    if not place.seq:
        return None
    seals = ConsentSeal.objects.for_account(account_id)
    there = seals.filter(seq=place.seq).first()
    if there is None:
        return Flaw(place.seq, 0, "the link was there before, and is gone")
    if there.hash != place.hash:
        return Flaw(place.seq, there.consent_id, "another link was there before")
    return None


def _walk(account_id: int, place: Place) -> Walk:
    flaws: list[Flaw] = []
    chain = ConsentSeal.objects.for_account(account_id).order_by("seq")
    part = list(chain.filter(seq__gt=place.seq)[:BATCH])
    ids = [seal.consent_id for seal in part]
    rows = Consent.objects.for_account(account_id).in_bulk(ids)
    people: dict[UUID, str] = dict(
        Contact.objects.for_account(account_id)
        .filter(pk__in={row.contact_id for row in rows.values()})
        .values_list("pk", "email_key")
    )
    previous, seq = place.hash, place.seq
    for seal in part:
        row = rows.get(seal.consent_id)
        email = people.get(row.contact_id, "") if row else ""
        for what in _wrong(seal, row, email, previous, seq + 1):
            flaws.append(Flaw(seal.seq, seal.consent_id, what))
        previous, seq = seal.hash, seal.seq
    return Walk(Place(seq, previous), flaws, more=len(part) == BATCH)


def _wrong(
    seal: ConsentSeal, row: Consent | None, email: str, previous: str, seq: int
) -> Sequence[str]:
    found = []
    if seal.seq != seq:
        found.append(f"link {seq} is missing")
    elif seal.previous != previous:
        found.append("does not follow the link before")
    link = link_of(
        account=seal.account_id,
        seq=seal.seq,
        previous=seal.previous,
        content=seal.content,
        at=moment(seal.at),
    )
    if link != seal.hash:
        found.append("the link was changed")
    if row is None:
        return [*found, "the consent is gone"]
    if content_of(said(row), seal.digests) != seal.content:
        found.append("the consent was changed")
    if seal.salt and email:
        now_said = digests_of(seal.salt, personal(row, email))
        found += [
            f"{name} was changed"
            for name in ERASABLE
            if now_said[name] != seal.digests.get(name)
        ]
    return found
