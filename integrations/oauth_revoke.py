"""Giving an unlinked account's tokens back to the provider."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import structlog

from contactsync.lib.crypto import SealError
from integrations import oauth
from integrations.adapters.base import Adapter
from integrations.adapters.errors import AdapterError
from integrations.models import LinkedAccount

log = structlog.get_logger(__name__)


def revocation(linked: LinkedAccount) -> Callable[[], None]:
    """What is to be done once ``linked`` is stored as unlinked, perhaps nothing.

    To be asked for before its credentials are forgotten. Nothing is given back while
    somebody here is linked to the same account at the provider: with one of its tokens
    some providers take the whole consent back.
    """
    declared, app = linked.adapter_class.oauth, oauth.app_of(linked.provider)
    try:
        held = linked.get_credentials()
    except SealError:
        return nothing
    if declared is None or not declared.revoke_url or not held.get("access_token"):
        return nothing
    if app is None or shared(linked):
        return nothing
    return partial(give_back, linked.adapter_class, str(linked.pk), app, held)


def nothing() -> None:
    """There is no token to give back, or it is not ours alone."""


def shared(linked: LinkedAccount) -> bool:
    """Whether another linked account, of whatever tenant, is the same one there."""
    others = LinkedAccount.objects.filter(provider=linked.provider, removed_at=None)
    return others.exclude(pk=linked.pk).filter(identity=linked.identity).exists()


def give_back(
    adapter: type[Adapter],
    linked_account_id: str,
    app: oauth.App,
    held: Mapping[str, str],
) -> None:
    """One call to the provider; that it failed is only logged, and without its words:
    nobody could do anything about it here. The tokens are gone from our side."""
    noted = log.bind(provider=adapter.slug, linked_account=linked_account_id)
    try:
        oauth.revoked(adapter, app, held)
    except (AdapterError, oauth.BadPlaceError) as error:
        status = error.status if isinstance(error, AdapterError) else None
        noted.warning("token not revoked", status=status)
    else:
        noted.info("token revoked")
