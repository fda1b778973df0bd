"""Writes to accounts, memberships, keys and the audit trail."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils.text import slugify

from contactsync.lib.clock import now
from contactsync.tenancy.models import (
    Account,
    ApiKey,
    AuditEntry,
    Invitation,
    Membership,
    Role,
    User,
)

INVITATION_DAYS = 7
ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"


def token_hash(token: str) -> str:
    """What is stored of a key or an invitation: sha256, hex."""
    return hashlib.sha256(token.encode()).hexdigest()


def account_create(*, name: str, owner: User) -> Account:
    """A new account with ``owner`` in it; the slug is made from the name."""
    stem = slugify(name)[:50] or "account"
    for attempt in range(20):
        slug = stem if not attempt else f"{stem}-{secrets.token_hex(2)}"
        try:
            with transaction.atomic():
                account = Account.objects.create(name=name, slug=slug)
                Membership.objects.create(account=account, user=owner, role=Role.OWNER)
            return account
        except IntegrityError:
            if not Account.objects.filter(slug=slug).exists():
                raise
    raise RuntimeError(f"no free slug for {name!r}")


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A new key and, this once, its text."""

    key: ApiKey
    text: str


def api_key_issue(
    *,
    account: Account,
    kind: str,
    name: str,
    environment: str = ApiKey.Environment.LIVE,
    origins: list[str] | None = None,
    by: User | None = None,
) -> IssuedKey:
    """A new key; its text is not stored and cannot be had again."""
    body = "".join(secrets.choice(ALPHABET) for _ in range(32))
    text = f"{kind}_{environment}_{body}"
    key = ApiKey.objects.create(
        account=account,
        kind=kind,
        environment=environment,
        name=name,
        hash=token_hash(text),
        hint=f"{kind}_{environment}_…{text[-4:]}",
        origins=origins or [],
        created_by=by,
    )
    return IssuedKey(key, text)


def api_key_revoke(*, key: ApiKey) -> None:
    """Refuse the key from now on (other processes: KEY_CACHE_SECONDS later)."""
    ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now())


def invitation_create(
    *, account: Account, email: str, role: int, by: User
) -> tuple[Invitation, str]:
    """Ask ``email`` to join; returns the row and the token for the link."""
    token = secrets.token_urlsafe(32)
    invitation = Invitation.objects.create(
        account=account,
        email=email.strip().lower(),
        role=role,
        token_hash=token_hash(token),
        invited_by=by,
        expires_at=now() + timedelta(days=INVITATION_DAYS),
    )
    return invitation, token


def invitation_accept(*, token: str, user: User) -> Membership | None:
    """Join by the link: None when it is unknown, used, stale, or another's."""
    with transaction.atomic():
        won = Invitation.objects.filter(
            token_hash=token_hash(token),
            accepted_at=None,
            expires_at__gt=now(),
            email=user.email.lower(),
        )
        invitation = won.first()
        if invitation is None or not won.update(accepted_at=now()):
            return None
        membership, _ = Membership.objects.get_or_create(
            account=invitation.account,
            user=user,
            defaults={"role": invitation.role},
        )
        return membership


class LastOwnerError(Exception):
    """An account always keeps one owner."""


def membership_change(*, membership: Membership, role: int | None) -> None:
    """Give another role, or with None remove. Raises LastOwnerError."""
    with transaction.atomic():
        owners = list(
            Membership.objects.select_for_update().filter(
                account=membership.account, role=Role.OWNER
            )
        )
        if membership in owners and len(owners) == 1 and role != Role.OWNER:
            raise LastOwnerError
        if role is None:
            membership.delete()
        else:
            Membership.objects.filter(pk=membership.pk).update(role=role)


def audit(
    request: HttpRequest | None,
    *,
    account: Account,
    action: str,
    subject: str,
    actor: User | None = None,
    actor_label: str = "",
    **detail: Any,
) -> AuditEntry:
    """Write down who did what. ``detail`` holds no secret."""
    user = actor or getattr(request, "user", None)
    person = user if isinstance(user, User) else None
    return AuditEntry.objects.create(
        account=account,
        actor=person,
        actor_label=actor_label or (str(person) if person else "system"),
        action=action,
        subject=subject[:200],
        detail=detail,
        ip=request.META.get("REMOTE_ADDR") or None if request else None,
    )
