"""Tokens that nobody uses are renewed daily: refresh tokens die of idleness, and a
revoked one is better noticed before the next signup."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import structlog

from contactsync.lib.clock import now
from contactsync.lib.crypto import SealError
from integrations.adapters import ADAPTERS
from integrations.adapters.errors import AdapterError, Reason, SetupError
from integrations.holding import account_break
from integrations.models import LinkedAccount
from integrations.oauth_tokens import renew

log = structlog.get_logger(__name__)

IDLE = timedelta(days=1)
DEAD = (Reason.AUTH_REVOKED.value, Reason.AUTH_EXPIRED.value)


def idle_linked_accounts() -> list[UUID]:
    """Whose tokens were last renewed a day ago, and that are not known to be dead."""
    renews = [
        slug
        for slug, adapter in ADAPTERS.items()
        if adapter.oauth is not None and adapter.oauth.refreshes
    ]
    idle = LinkedAccount.objects.filter(
        removed_at=None, provider__in=renews, refreshed_at__lt=now() - IDLE
    ).exclude(status=LinkedAccount.Status.BROKEN, reason__in=DEAD)
    return list(idle.values_list("pk", flat=True))


def renew_idle(linked_account_id: UUID) -> bool:
    """Use the refresh token for its own sake. True when there are new tokens now.

    A revoked one breaks the account, as when a delivery had found it out; what may pass
    is tried again at the next round.
    """
    linked = LinkedAccount.objects.filter(pk=linked_account_id, removed_at=None).first()
    if linked is None:
        return False
    try:
        held = linked.get_credentials()
        if "refresh_token" not in held:
            return False
        renew(linked, seen=held["access_token"])
    except SetupError as error:
        account_break(linked, error.reason.value, error.detail)
        return False
    except (AdapterError, SealError) as error:
        log.info("token not renewed", provider=linked.provider, why=str(error))
        return False
    return True
