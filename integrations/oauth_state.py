"""The `state` that a person carries to the provider and back: it is signed, ends after
ten minutes, belongs to one person, one account and one provider, and counts once."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.core import signing

from contactsync.lib.clock import now
from contactsync.lib.crypto import SealError
from contactsync.tenancy.models import Account, Membership, Role, User
from integrations.models import LinkAttempt

LIFE = timedelta(minutes=10)
ANSWER_LIFE = timedelta(hours=1)  # for a question asked after signing in
signer = signing.TimestampSigner(salt="integrations.oauth.state")


class StateError(Exception):
    """What came back is not the end of something that this person began here. The text
    says why."""


def new_nonce() -> str:
    return secrets.token_urlsafe(32)


def hash_of(nonce: str) -> str:
    return hashlib.sha256(nonce.encode()).hexdigest()


def begin(attempt: LinkAttempt, contents: Mapping[str, Any]) -> str:
    """Keep what is needed when the person comes back, and make their state."""
    forget_old()
    nonce = new_nonce()
    attempt.state_hash = hash_of(nonce)
    attempt.expires_at = now() + LIFE
    attempt.keep(contents)
    attempt.save()
    return signer.sign(nonce)


def take(state: str, *, user: User | None, provider: str) -> LinkAttempt:
    """The attempt that ``state`` belongs to; it cannot be taken again.

    Raises StateError. Somebody else's state is refused and not used up.
    """
    if user is None:
        raise StateError("You are not logged in any more.")
    try:
        nonce = signer.unsign(state, max_age=LIFE)
    except signing.SignatureExpired:
        raise StateError("It took longer than ten minutes.") from None
    except signing.BadSignature:
        raise StateError("The answer does not belong to anything begun here.") from None
    attempt: LinkAttempt | None = (
        LinkAttempt.objects.filter(state_hash=hash_of(nonce), expires_at__gt=now())
        .select_related("account", "linked", "user")
        .first()
    )
    if attempt is None:
        raise StateError("It has ended.")
    if attempt.user_id != user.pk:
        raise StateError("It was begun by somebody else.")
    if attempt.provider != provider:
        raise StateError("It was begun with another provider.")
    if not may_link(user, attempt.account):
        raise StateError("You may not link accounts there any more.")
    if attempt.taken_at is not None:
        raise StateError("It was finished before.")
    if not can_be_opened(attempt):
        raise StateError("What was kept for it cannot be opened any more.")
    won = LinkAttempt.objects.filter(pk=attempt.pk, taken_at=None).update(
        taken_at=now()
    )
    if not won:
        raise StateError("It was finished before.")
    return attempt


def can_be_opened(attempt: LinkAttempt) -> bool:
    """Not so when it was finished, or the key that sealed it was taken out of use."""
    try:
        return bool(attempt.contents())
    except SealError:
        return False


def may_link(user: User, account: Account) -> bool:
    return Membership.objects.filter(
        account=account, user=user, role__gte=Role.ADMIN
    ).exists()


def ask(attempt: LinkAttempt, contents: Mapping[str, Any]) -> None:
    """Keep what was got until the person has answered a question."""
    attempt.state_hash = attempt.state_hash or hash_of(new_nonce())
    attempt.taken_at = attempt.taken_at or now()
    attempt.expires_at = now() + ANSWER_LIFE
    attempt.keep(contents)
    attempt.save()


def waiting(attempt: LinkAttempt, user: User) -> bool:
    """Whether it waits for an answer of this person."""
    return (
        attempt.user_id == user.pk
        and attempt.taken_at is not None
        and attempt.expires_at > now()
        and can_be_opened(attempt)
    )


def finish(attempt: LinkAttempt) -> bool:
    """Forget what it holds. False when that has been done before."""
    held = LinkAttempt.objects.filter(pk=attempt.pk).exclude(sealed="")
    return bool(held.update(sealed=""))


def forget_old() -> int:
    """Delete attempts that ended, with what they hold. Returns how many."""
    gone, _ = LinkAttempt.objects.filter(expires_at__lt=now()).delete()
    return gone
