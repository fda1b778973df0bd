"""The simulated providers: one line each."""

from __future__ import annotations

from integrations.sandbox.base import Simulator
from integrations.sandbox.constantcontact.simulator import ConstantContact
from integrations.sandbox.hubspot import HubSpot
from integrations.sandbox.icontact.simulator import IContact
from integrations.sandbox.klaviyo.simulator import Klaviyo
from integrations.sandbox.mailchimp.simulator import Mailchimp
from integrations.sandbox.messagemedia.simulator import MessageMedia
from integrations.sandbox.pipedrive import Pipedrive
from integrations.sandbox.salesforce import Salesforce

SIMULATORS: dict[str, type[Simulator]] = {
    simulator.slug: simulator
    for simulator in (
        Mailchimp,
        Klaviyo,
        ConstantContact,
        HubSpot,
        Salesforce,
        IContact,
        MessageMedia,
        Pipedrive,
    )
}
