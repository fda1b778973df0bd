"""Shopify's answers, as its GraphQL reference shows them, and the requests we make."""

from __future__ import annotations

from typing import Any

from integrations.adapters.base import Contact, Options, OutcomeState
from integrations.adapters.errors import Reason
from integrations.adapters.shopify import Shopify
from tests.integrations.conformance import Leaver, Operation, Step

URL = "https://the-shop.myshopify.com/admin/api/2026-07/graphql.json"
SECRETS = {
    "shop": "the-shop",
    "access_token": "shpca_0123456789abcdef0123456789abcdef",
    "app_secret": "hush-0123456789abcdef",
    "webhook_secret": "hook-secret-of-ours",
}
NEW, OLD, LEFT = "new@x.org", "old@x.org", "left@x.org"
ID = "gid://shopify/Customer/544365967"
AT = "2026-08-01T10:00:00Z"


def step(data: object, **more: Any) -> Step:
    return Step(method="POST", url=URL, answer={"data": data}, **more)


def customer(email: str, state: str = "SUBSCRIBED", **more: Any) -> dict[str, Any]:
    return {
        "id": ID,
        "tags": ["vip"],
        "updatedAt": AT,
        "defaultEmailAddress": {
            "emailAddress": email,
            "marketingState": state,
            "marketingUpdatedAt": AT,
        },
        **more,
    }


def found(email: str, state: str = "SUBSCRIBED") -> Step:
    size = {"namespace": "custom", "key": "size", "value": "L"}
    told = {"nodes": [size], "pageInfo": {"hasNextPage": False}}
    found = customer(email, state, firstName="Mary", lastName=None, metafields=told)
    return step({"customerByIdentifier": found})


def done(name: str, email: str = OLD, state: str = "SUBSCRIBED") -> Step:
    return step({name: {"customer": customer(email, state), "userErrors": []}})


def refused(name: str, field: list[str] | None, message: str) -> Step:
    errors = [{"field": field, "message": message}]
    return step({name: {"customer": None, "userErrors": errors}})


NOBODY = step({"customerByIdentifier": None})
FIELDS = step(
    {
        "metafieldDefinitions": {
            "nodes": [
                {
                    "namespace": "custom",
                    "key": key,
                    "name": key.title(),
                    "type": {"name": kind},
                    "validations": rules,
                }
                for key, kind, rules in (
                    ("age", "number_integer", []),
                    (
                        "size",
                        "single_line_text_field",
                        [{"name": "choices", "value": '["S","M"]'}],
                    ),
                    ("file", "file_reference", []),
                )
            ]
        }
    }
)
SHOP = step(
    {
        "shop": {"name": "The Shop", "email": "me@shop.example"},
        "currentAppInstallation": {
            "accessScopes": [
                {"handle": "read_customers"},
                {"handle": "write_customers"},
            ]
        },
    }
)
COUNT = step({"customersCount": {"count": 42, "precision": "EXACT"}})
TAGGED = step({"tagsAdd": {"userErrors": []}})
HOOK_ID = "gid://shopify/WebhookSubscription/8"
HOOK = {"webhookSubscription": {"id": HOOK_ID}}


def listing(*rows: Any, more: bool = False, cursor: str | None = None) -> Step:
    info = {"hasNextPage": more, "endCursor": cursor}
    return step({"customers": {"nodes": list(rows), "pageInfo": info}})


ANN = Contact(email=NEW, fields={"firstName": "Ann"})
BATCH = (ANN, Contact(email="b@x.org"), ANN)
FULL = Contact(
    email=OLD,
    fields={"firstName": "Ann", "custom.age": 42, "custom.size": "M"},
    tags=("popup",),
)


def upsert(*contacts: Contact) -> Any:
    return lambda adapter: adapter.upsert(contacts, "customers", Options())


OPERATIONS = (
    Operation(
        name="verify",
        run=Shopify.verify,
        steps=(SHOP, COUNT),
    ),
    Operation(
        name="fields", run=lambda adapter: adapter.fields("customers"), steps=(FIELDS,)
    ),
    Operation(
        name="upsert of three",
        run=upsert(*BATCH),
        steps=(
            NOBODY,
            done("customerCreate", NEW),
            NOBODY,
            done("customerCreate", "b@x.org", "PENDING"),
            found(NEW),
            done("customerUpdate", NEW),
        ),
    ),
    Operation(
        name="upsert of a customer who never subscribed",
        run=upsert(FULL),
        steps=(
            found(OLD, "NOT_SUBSCRIBED"),
            done("customerUpdate"),
            TAGGED,
            done("customerEmailMarketingConsentUpdate"),
        ),
    ),
    Operation(
        name="subscriptions",
        run=lambda adapter: adapter.subscriptions([OLD], "customers"),
        steps=(found(OLD),),
    ),
    Operation(
        name="unsubscribe",
        run=lambda adapter: adapter.unsubscribe([OLD], "customers"),
        steps=(
            found(OLD),
            done("customerEmailMarketingConsentUpdate", OLD, "UNSUBSCRIBED"),
        ),
    ),
    Operation(
        name="changes",
        run=lambda adapter: adapter.changes("customers", ""),
        steps=(FIELDS, listing(customer(OLD))),
    ),
    Operation(
        name="add_webhook",
        run=lambda adapter: adapter.add_webhook("https://us.example/h", "customers"),
        steps=(
            step(
                {
                    name: {**HOOK, "userErrors": []}
                    for name in ("made", "changed", "consent", "gone")
                }
            ),
        ),
    ),
    Operation(
        name="remove_webhook",
        run=lambda adapter: adapter.remove_webhook(HOOK_ID, "customers"),
        steps=(
            step(
                {
                    "webhookSubscriptionDelete": {
                        "deletedWebhookSubscriptionId": HOOK_ID,
                        "userErrors": [],
                    }
                }
            ),
        ),
    ),
    Operation(
        name="erase",
        run=lambda adapter: adapter.erase(OLD),
        steps=(
            found(OLD),
            step({"customerRequestDataErasure": {"customerId": ID, "userErrors": []}}),
        ),
    ),
)
LEAVERS = tuple(
    Leaver(
        status=status,
        steps=(found(LEFT, state),),
        state=OutcomeState.REJECTED,
        reason=reason,
        never=("mutation", "SUBSCRIBED"),
        contacts=(Contact(email=LEFT, fields={"firstName": "Ann"}, tags=("popup",)),),
        audience_id="customers",
    )
    for status, state, reason in (
        ("unsubscribed", "UNSUBSCRIBED", Reason.UNSUBSCRIBED),
        ("archived", "REDACTED", Reason.FORGOTTEN),
        ("unknown", "INVALID", Reason.ADDRESS_INVALID),
    )
)
