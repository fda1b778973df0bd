"""Access tokens that work: renewed before they end, by one worker at a time.

Nobody holds a data base transaction while the provider is asked. A worker takes the
turn with a conditional UPDATE that ends by itself, and what it got is stored only while
the token it replaces is still the stored one: whoever was too late, or whom a reconnect
overtook, overwrites nothing. New tokens are stored before anybody uses them.

What cannot be helped: a process that dies after the provider has answered and before
the answer is stored. Where refresh tokens rotate, the stored one is dead by then; the
next attempt is told `invalid_grant`, and the account has to be reconnected.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar
from uuid import UUID, uuid4

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Q

from contactsync.lib.clock import now
from contactsync.lib.crypto import SealError
from integrations import oauth
from integrations.adapters.base import Adapter
from integrations.adapters.errors import (
    CredentialsError,
    Reason,
    SetupError,
    TransientError,
)
from integrations.limits import Permit
from integrations.models import LinkedAccount
from integrations.oauth import Tokens

log = structlog.get_logger(__name__)

T = TypeVar("T")
RENEW_BEFORE = timedelta(minutes=5)
# Longer than the token endpoint may take (TokenEndpoint.total_timeout).
TURN = timedelta(seconds=60)
WAIT_SECONDS = 25.0  # for the worker whose turn it is
LOOK_SECONDS = 0.1
COLUMNS = ("sealed", "token_expires_at", "refreshed_at", "granted_scopes", "removed_at")


def ready_adapter(linked: LinkedAccount) -> Adapter:
    """An adapter for a worker: it keeps to the provider's limits, and its token is
    good for some minutes.

    Raises SealError, and AdapterError when new tokens are needed and cannot be had.
    """
    if ends_soon(linked):
        held = linked.get_credentials()
        if "refresh_token" in held:
            try:
                renew(linked, seen=held["access_token"])
            except TransientError:
                if linked.token_expires_at is None or linked.token_expires_at <= now():
                    raise
                # The old one is good for some moments yet.
    adapter = linked.adapter()
    adapter.permit = Permit(linked, adapter, seconds=settings.BATCH_SECONDS)
    return adapter


def ends_soon(linked: LinkedAccount) -> bool:
    """Whether the token ends within RENEW_BEFORE, or half of a shorter life."""
    ends, began = linked.token_expires_at, linked.refreshed_at
    if ends is None or began is None:
        return False
    return ends - now() <= min(RENEW_BEFORE, (ends - began) / 2)


def answered(
    linked: LinkedAccount, adapter: Adapter, question: Callable[[Adapter], T]
) -> T:
    """``question(adapter)``, once more with a new token when the token was refused.

    Raises AdapterError.
    """
    try:
        return question(adapter)
    except CredentialsError as refusal:
        held = adapter.secrets
        if not is_about_token(refusal) or "refresh_token" not in held:
            raise
        try:
            renew(linked, seen=held["access_token"])
            fresh = linked.adapter()
        except SealError:  # unlinked at this very moment
            raise refusal from None
        fresh.exchanges = adapter.exchanges  # one story for whoever reads it
        vars(fresh).update(
            {name: vars(adapter)[name] for name in LIMITS if name in vars(adapter)}
        )
        return question(fresh)


LIMITS = ("read_timeout", "total_timeout", "permit")


def is_about_token(refusal: CredentialsError) -> bool:
    return refusal.reason is Reason.AUTH_EXPIRED or refusal.status == 401


def renew(linked: LinkedAccount, *, seen: str) -> None:
    """New tokens in place of the access token ``seen``, which is no good any more.

    Asks the provider only if nobody else has done so meanwhile. ``linked`` has them
    afterwards. Raises SealError, AdapterError.
    """
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        claim = take_turn(linked.pk)
        try:
            if stored_token(linked) != seen:
                return
            if claim:
                ask_and_store(linked, seen)
                return
        finally:
            if claim:
                end_turn(linked.pk, claim)
        if time.monotonic() > deadline:
            raise TransientError(
                "Another worker has been renewing the access for a while.",
                reason=Reason.AUTH_TRANSIENT,
            )
        time.sleep(LOOK_SECONDS)


def take_turn(linked_account_id: UUID) -> UUID | None:
    """The turn at renewing, or None while another worker has it."""
    claim, at = uuid4(), now()
    free = Q(refresh_until=None) | Q(refresh_until__lt=at)
    won = LinkedAccount.objects.filter(free, pk=linked_account_id).update(
        refresh_claim=claim, refresh_until=at + TURN
    )
    return claim if won else None


def end_turn(linked_account_id: UUID, claim: UUID) -> None:
    LinkedAccount.objects.filter(pk=linked_account_id, refresh_claim=claim).update(
        refresh_claim=None, refresh_until=None
    )


def stored_token(linked: LinkedAccount) -> str:
    """The access token as it is stored now. Raises SealError."""
    linked.refresh_from_db(fields=COLUMNS)
    return linked.get_credentials().get("access_token", "")


def ask_and_store(linked: LinkedAccount, seen: str) -> None:
    app = oauth.app_of(linked.provider)
    if app is None:
        raise SetupError(
            "This installation's app for it is not set any more: the administrator of "
            "the installation has to set CONTACTSYNC_OAUTH.",
            reason=Reason.AUTH_REVOKED,
        )
    try:
        tokens = oauth.renewed(linked.adapter_class, app, linked.get_credentials())
    except CredentialsError:
        # Perhaps because another worker, whose turn had ended, used it a moment ago.
        if stored_token(linked) != seen:
            return
        raise
    if not store(linked.pk, tokens, seen=seen):
        log.info("tokens overtaken", linked_account=str(linked.pk))
    linked.refresh_from_db(fields=COLUMNS)


def store(linked_account_id: UUID, tokens: Tokens, *, seen: str) -> bool:
    """Keep new tokens, if ``seen`` is still the stored access token."""
    with transaction.atomic():
        row = LinkedAccount.objects.select_for_update().get(pk=linked_account_id)
        if row.removed_at is not None:
            return False
        held = row.get_credentials()
        if held.get("access_token") != seen:
            return False
        row.set_credentials({**held, **tokens.secrets})
        row.token_expires_at = tokens.expires_at
        row.refreshed_at = now()
        if tokens.scopes is not None:
            row.granted_scopes = list(tokens.scopes)
        row.save(update_fields=COLUMNS[:-1])
    return True


def keep_secrets(linked: LinkedAccount, more: dict[str, str]) -> None:
    """Add to the stored credentials, without losing tokens that arrive right now.

    Raises SealError.
    """
    with transaction.atomic():
        row = LinkedAccount.objects.select_for_update().get(pk=linked.pk)
        row.set_credentials({**row.get_credentials(), **more})
        row.save(update_fields=["sealed"])
    linked.sealed = row.sealed
