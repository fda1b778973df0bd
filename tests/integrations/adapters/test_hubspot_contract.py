"""Every request to HubSpot, in every branch, against HubSpot's descriptions."""

from __future__ import annotations

from integrations.adapters.hubspot import HubSpot
from tests.integrations.adapters import hubspot_world as world
from tests.integrations.adapters.hubspot_calls import OPERATIONS, operation
from tests.integrations.adapters.hubspot_world import (
    API,
    LEFT,
    OLD,
    read,
    record,
    signed,
)
from tests.integrations.contract import AdapterContract, Description

EVENTS = [
    {"objectId": 102, "subscriptionType": "contact.creation"},
    {"objectId": 104, "subscriptionType": "contact.deletion"},
]
BRANCHES = (
    operation(
        "webhook",
        lambda a: a.webhook(signed(EVENTS)),
        world.FIELDS,
        read(record(OLD)),
        read(record(LEFT)),
    ),
)


# Without a body, the checker says, though 204 has none.
EMPTY = {("POST", "/crm/v3/objects/contacts/gdpr-delete"): "204 has content of no type"}


class TestHubSpotContract(AdapterContract):
    adapter = HubSpot
    secrets = world.SECRETS
    operations = OPERATIONS + BRANCHES
    descriptions = tuple(
        Description(
            name=f"hubspot-{name}.json",
            server=API,
            answers_beyond=EMPTY if name == "contacts-v3" else {},
        )
        for name in (
            "contacts-v3",
            "lists-v3",
            "properties-v3",
            "subscriptions-v4",
            "accountinfo-v3",
        )
    )
