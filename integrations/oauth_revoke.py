"""Giving an unlinked account's tokens back to the provider."""

from __future__ import annotations

import structlog

from contactsync.lib.crypto import SealError
from integrations import oauth
from integrations.adapters.errors import AdapterError
from integrations.models import LinkedAccount

log = structlog.get_logger(__name__)


def has_token(linked: LinkedAccount) -> bool:
    """Whether its credentials hold a token that can be given back."""
    declared = linked.adapter_class.oauth
    if declared is None or not declared.revoke_url:
        return False
    if oauth.app_of(linked.provider) is None:
        return False
    try:
        return bool(linked.get_credentials().get("access_token"))
    except SealError:
        return False


def is_shared(linked: LinkedAccount) -> bool:
    """Whether another linked account, of whatever tenant, is the same one there."""
    others = LinkedAccount.objects.filter(provider=linked.provider, removed_at=None)
    return others.exclude(pk=linked.pk).filter(identity=linked.identity).exists()


def give_back(linked: LinkedAccount) -> bool:
    """One call to the provider, if there is a token and it is ours alone.

    Nothing is given back while somebody here is linked to the same account at the
    provider: with one of its tokens some providers take the whole consent back. That it
    failed is only logged, and without the provider's words: nobody could do anything
    about it here.
    """
    app = oauth.app_of(linked.provider)
    if app is None or not has_token(linked) or is_shared(linked):
        return False
    noted = log.bind(provider=linked.provider, linked_account=str(linked.pk))
    try:
        oauth.revoked(linked.adapter_class, app, linked.get_credentials())
    except (AdapterError, oauth.BadPlaceError) as error:
        status = error.status if isinstance(error, AdapterError) else None
        noted.warning("token not revoked", status=status)
        return False
    noted.info("token revoked")
    return True
