"""Providers contactsync can speak to. Adding one: a module, its tests, a line here."""

from __future__ import annotations

from collections.abc import Mapping

from integrations.adapters.activecampaign import ActiveCampaign
from integrations.adapters.aweber import AWeber
from integrations.adapters.base import Adapter
from integrations.adapters.brevo import Brevo
from integrations.adapters.campaignmonitor import CampaignMonitor
from integrations.adapters.constantcontact import ConstantContact
from integrations.adapters.copper import Copper
from integrations.adapters.drip import Drip
from integrations.adapters.emailoctopus import EmailOctopus
from integrations.adapters.getresponse import GetResponse
from integrations.adapters.ghost import Ghost
from integrations.adapters.hubspot import HubSpot
from integrations.adapters.icontact import IContact
from integrations.adapters.kit import Kit
from integrations.adapters.klaviyo import Klaviyo
from integrations.adapters.listmonk import Listmonk
from integrations.adapters.mailchimp import Mailchimp
from integrations.adapters.mailerlite import MailerLite
from integrations.adapters.mailman import Mailman
from integrations.adapters.messagemedia import MessageMedia
from integrations.adapters.omnisend import Omnisend
from integrations.adapters.pipedrive import Pipedrive
from integrations.adapters.salesforce import Salesforce
from integrations.adapters.sendgrid import SendGrid
from integrations.adapters.shopify import Shopify
from integrations.adapters.webhook import Webhook
from integrations.adapters.zoho import Zoho

ADAPTERS: dict[str, type[Adapter]] = {
    adapter.slug: adapter
    for adapter in (
        Mailchimp,
        Klaviyo,
        ConstantContact,
        HubSpot,
        Salesforce,
        Pipedrive,
        Mailman,
        Webhook,
        ActiveCampaign,
        IContact,
        MessageMedia,
        Brevo,
        Zoho,
        Copper,
        Shopify,
        CampaignMonitor,
        MailerLite,
        SendGrid,
        GetResponse,
        AWeber,
        Kit,
        Drip,
        Listmonk,
        Ghost,
        Omnisend,
        EmailOctopus,
    )
}


def adapter_class(slug: str) -> type[Adapter]:
    """The adapter of a provider; raises KeyError for an unknown slug."""
    return ADAPTERS[slug]


def build(
    slug: str, secrets: Mapping[str, str], base_url: str | None = None
) -> Adapter:
    """An adapter ready to call; raises KeyError for an unknown slug."""
    return ADAPTERS[slug](secrets, base_url=base_url)
