"""What is left to say at the provider of an account that was unlinked: our webhooks go,
then the tokens are given back.

That is done later, and may fail; unlinking waits for none of it. The credentials it
takes stay sealed until it is done, for an hour at most: `LinkedAccount.hooks` has

    {"farewell": {"sealed", "until": when it is given up (ISO),
                  "claim": no other worker is to begin before that (ISO)}, ...}
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction

from contactsync.lib.clock import now
from contactsync.lib.crypto import SealError
from contactsync.tenancy.services import audit
from integrations import oauth
from integrations.adapters.base import Adapter
from integrations.adapters.errors import (
    AdapterError,
    CredentialsError,
    TargetError,
    TransientError,
)
from integrations.hooks import hooks_of, is_ours
from integrations.limits import Permit
from integrations.models import LinkedAccount
from integrations.oauth_revoke import give_back, has_token
from integrations.oauth_tokens import is_about_token

log = structlog.get_logger(__name__)

FAREWELL = "farewell"
GIVE_UP = timedelta(hours=1)
CLAIM = timedelta(minutes=5)


@dataclass(slots=True)
class Removed:
    """How many webhooks are gone, and how many stay there; ``why``: the last reason.
    ``again``: the provider may answer later."""

    gone: int = 0
    left: int = 0
    why: str = ""
    again: bool = False


def prepare(linked: LinkedAccount) -> bool:
    """Keep in ``linked.hooks`` what it takes, if there is anything to say.

    For a caller who has the row locked, is about to forget the credentials, and saves.
    """
    if not (has_hooks(linked) or has_token(linked)):
        return False
    until = (now() + GIVE_UP).isoformat()
    linked.hooks = {
        **linked.hooks,
        FAREWELL: {"sealed": linked.sealed, "until": until},
    }
    return True


def has_hooks(linked: LinkedAccount) -> bool:
    """Whether webhooks of ours are there, or come to be at this moment."""
    registered = any(is_ours(linked, entry) for entry in entries(linked).values())
    return registered or in_future(linked.hooks.get("claim"))


def entries(linked: LinkedAccount) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = linked.hooks.get("audiences", {})
    return found


def in_future(moment: str | None) -> bool:
    return bool(moment) and datetime.fromisoformat(str(moment)) > now()


def due_linked_accounts() -> list[UUID]:
    """Unlinked accounts whose providers are to be told."""
    waiting = LinkedAccount.objects.filter(
        removed_at__isnull=False, hooks__has_key=FAREWELL
    )
    return [linked.pk for linked in waiting.only("pk", "hooks") if is_free(linked)]


def is_free(linked: LinkedAccount) -> bool:
    """Whether no worker says it, nor registers a webhook, at this moment."""
    said = linked.hooks.get(FAREWELL)
    return (
        bool(said)
        and not in_future(said.get("claim"))
        and not in_future(linked.hooks.get("claim"))
    )


def say(linked_account_id: UUID) -> bool:
    """Tell the provider. True once there is nothing left to say; what fails for a
    while is tried again when the claim has ended."""
    linked = take(linked_account_id)
    if linked is None:
        return False
    last = not in_future(linked.hooks[FAREWELL]["until"])
    try:
        removed = remove_hooks(linked, last=last)
        if removed.again:
            return False
        give_back(linked)
    except Exception:  # a bug of ours keeps no credentials
        if last:
            forget(linked)
        raise
    forget(linked)
    note_down(linked, removed)
    return True


def forget(linked: LinkedAccount) -> None:
    """The credentials."""
    with hooks_of(linked.pk) as known:
        known.pop(FAREWELL, None)


def take(linked_account_id: UUID) -> LinkedAccount | None:
    """The account with its credentials (not stored as such again), for one worker."""
    with transaction.atomic():
        linked: LinkedAccount | None = (
            LinkedAccount.objects.select_for_update(of=("self",))
            .select_related("account")
            .filter(pk=linked_account_id, removed_at__isnull=False)
            .first()
        )
        if linked is None or not is_free(linked):
            return None
        linked.hooks[FAREWELL]["claim"] = (now() + CLAIM).isoformat()
        linked.save(update_fields=["hooks"])
    linked.sealed = linked.hooks[FAREWELL]["sealed"]
    return linked


def remove_hooks(linked: LinkedAccount, *, last: bool) -> Removed:
    """Have the provider forget our webhooks. ``last``: there is no later."""
    done = Removed()
    for place, entry in entries(linked).items():
        if not is_ours(linked, entry):
            continue
        for webhook_id in entry["id"].split(","):
            if "remove_webhook" not in linked.adapter_class.supports:
                done.left += 1
                done.why = "The provider lets nobody but you remove them."
                continue
            try:
                remove(linked, webhook_id, place)
            except TransientError as error:
                if not last:
                    done.again = True
                    return done
                done.left, done.why = done.left + 1, str(error)
            except (AdapterError, SealError) as error:
                done.left, done.why = done.left + 1, str(error)
            else:
                done.gone += 1
    return done


def remove(linked: LinkedAccount, webhook_id: str, audience_id: str) -> None:
    """Raises AdapterError, SealError."""
    with suppress(TargetError):  # somebody was faster, or we were, and did not hear it
        asked(linked, lambda adapter: adapter.remove_webhook(webhook_id, audience_id))


def asked(linked: LinkedAccount, question: Callable[[Adapter], None]) -> None:
    """``question``, once more with a new token when the token was refused.

    New tokens are not stored with the account, which has none any more.
    """
    try:
        question(adapter_of(linked))
    except CredentialsError as refusal:
        held, app = linked.get_credentials(), oauth.app_of(linked.provider)
        if app is None or not is_about_token(refusal) or "refresh_token" not in held:
            raise
        tokens = oauth.renewed(linked.adapter_class, app, held)
        linked.set_credentials({**held, **tokens.secrets})
        with hooks_of(linked.pk) as known:
            known[FAREWELL]["sealed"] = linked.sealed
        question(adapter_of(linked))


def adapter_of(linked: LinkedAccount) -> Adapter:
    adapter = linked.adapter()
    adapter.permit = Permit(linked, adapter)
    return adapter


def note_down(linked: LinkedAccount, removed: Removed) -> None:
    """On record, because what stays there somebody has to remove by hand."""
    if not (removed.gone or removed.left):
        return
    gone, left, why = removed.gone, removed.left, removed.why
    log.info(
        "webhooks removed",
        provider=linked.provider,
        linked_account=str(linked.pk),
        removed=gone,
        left=left,
        why=why,
    )
    audit(
        None,
        account=linked.account,
        action="linked_account.webhooks_removed",
        subject=str(linked),
        linked_account=str(linked.pk),
        removed=gone,
        left=left,
        why=why,
    )
