"""Providers contactsync can speak to. Adding one: a module, its tests, a line here."""

from __future__ import annotations

from collections.abc import Mapping

from integrations.adapters.base import Adapter
from integrations.adapters.mailchimp import Mailchimp
from integrations.adapters.webhook import Webhook

ADAPTERS: dict[str, type[Adapter]] = {
    adapter.slug: adapter for adapter in (Mailchimp, Webhook)
}


def adapter_class(slug: str) -> type[Adapter]:
    """The adapter of a provider; raises KeyError for an unknown slug."""
    return ADAPTERS[slug]


def build(
    slug: str, secrets: Mapping[str, str], base_url: str | None = None
) -> Adapter:
    """An adapter ready to call; raises KeyError for an unknown slug."""
    return ADAPTERS[slug](secrets, base_url=base_url)
