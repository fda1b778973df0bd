"""The Shopify adapter."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from integrations.adapters.base import (
    Audience,
    Change,
    Field,
    Incoming,
    Page,
    Reading,
    Resource,
    Subscription,
)
from integrations.adapters.declare import Credential, OAuth2, Rate
from integrations.adapters.errors import (
    CredentialsError,
    RejectedError,
)
from integrations.adapters.shapes import id_in, row_in, rows_in
from integrations.adapters.shared import (
    check_secret_url,
    expired,
    json_body,
    parse_place,
    to_place,
)
from integrations.adapters.shopify import queries
from integrations.adapters.shopify.people import ShopifyPeople
from integrations.adapters.shopify.wire import (
    CUSTOMERS,
    changes_of,
    field_of,
    heard,
    overlapped,
    subscription_of,
)

METAFIELDS = 15  # read with each customer, see the query
DEEP = 20_000  # rows of one query, some way below the limit
START = ("", "", 0, "", True)  # since, after, rows seen, latest, whether from there
SHOP = re.compile(r"[a-z0-9][a-z0-9-]*")

STANDARD = (
    Field(id="firstName", label="First name", type="name"),
    Field(id="lastName", label="Last name", type="name"),
    Field(id="phone", label="Phone", type="phone"),
    Field(id="note", label="Note"),
)


class Shopify(ShopifyPeople):
    slug = "shopify"
    label = "Shopify"
    kind = "other"
    credentials = (
        Credential(
            name="shop",
            label="Shop",
            help_text="The first part of your-shop.myshopify.com.",
            secret=False,
            placeholder="your-shop",
        ),
        Credential(
            name="admin_token",
            label="Admin API access token",
            help_text="Of an app made in the Shopify admin before 2026, under Develop "
            "apps. Newer apps sign in.",
            placeholder="shpat_",
        ),
        Credential(
            name="app_secret",
            label="API secret key",
            help_text="Of the same app. With it, changes in Shopify are believed.",
            required=False,
        ),
    )
    oauth = OAuth2(
        authorize_url="https://{shop}.myshopify.com/admin/oauth/authorize",
        token_url="https://{shop}.myshopify.com/admin/oauth/access_token",
        scopes=("read_customers", "write_customers", "write_customer_data_erasure"),
        separator=",",
        pkce=False,
        client_auth="body",
        refreshes=False,
    )
    audience_noun = "customer list"
    opt_in = "account"
    batch_size = 20
    concurrency = 2
    rate = Rate(calls=4, seconds=1)  # 100 points a second; a write costs about 10
    requirements = (
        "The app needs Shopify's consent to protected customer data: name and email.",
    )
    exit_effect = "Unsubscribed from email marketing. The customer stays."
    glyph = "Sh"
    docs_url = "https://help.shopify.com/en/manual/apps/app-types/custom-apps"
    features = frozenset({"tags", "update_existing"})

    @property
    def home(self) -> str:
        shop = self.secrets.get("shop", "").strip().lower()
        shop = shop.removeprefix("https://").split(".myshopify.com")[0]
        if not SHOP.fullmatch(shop):
            raise CredentialsError(
                "This is not the name of a shop: enter the part before .myshopify.com."
            )
        return f"https://{shop}.myshopify.com"

    def headers(self) -> dict[str, str]:
        token = self.secrets.get("access_token") or self.secrets.get("admin_token", "")
        return {"X-Shopify-Access-Token": token.strip()}

    def verify(self) -> Reading:
        data = self.ask(queries.SHOP)
        installed = data.get("currentAppInstallation") or {}
        scopes = {str(s.get("handle")) for s in installed.get("accessScopes") or ()}
        writable = "write_customers" in scopes
        readable = writable or "read_customers" in scopes
        count = None
        if readable:
            counted = self.ask(queries.COUNT).get("customersCount") or {}
            # Beyond 10,000 Shopify stops counting.
            exact = counted.get("precision") == "EXACT"
            count = counted.get("count") if exact else None
        shop = data.get("shop") or {}
        customers = Resource(
            name="customers", readable=readable, writable=writable, count=count
        )
        return Reading(
            identity=str(shop.get("email", "")),
            account_name=str(shop.get("name", "")),
            resources=(customers,),
        )

    def audiences(self) -> list[Audience]:
        return [Audience(id=CUSTOMERS, label="Customers")]

    @cached_property
    def _metafields(self) -> dict[str, dict[str, Any]]:
        rows = (self.ask(queries.FIELDS).get("metafieldDefinitions") or {}).get("nodes")
        return {f"{row['namespace']}.{row['key']}": row for row in rows or ()}

    def fields(self, audience_id: str) -> list[Field]:
        custom = [field_of(id, row) for id, row in self._metafields.items()]
        return [*STANDARD, *custom]

    def subscriptions(
        self, emails: Sequence[str], audience_id: str
    ) -> list[Subscription]:
        return [subscription_of(email, self._find(email)) for email in emails]

    def changes(self, audience_id: str, cursor: str) -> Page:
        """Customers by the time of their last update. Shopify pages through 25,000 rows
        of one query at most: before that, the next query begins where this one is."""
        place = parse_place(cursor, str, str, int, str, bool)
        since, after, seen, latest, full = place or START
        known = list(self._metafields)[:METAFIELDS]
        try:
            data = self.ask(
                queries.CHANGES,
                after=after or None,
                query=f"updated_at:>='{since}'" if since else None,
                metafields=known,
            )
        except RejectedError as error:
            raise expired() if cursor else error from None
        found = row_in(data, "customers")
        rows, info = rows_in(found, "nodes"), row_in(found, "pageInfo")
        latest = max([latest, *(str(row.get("updatedAt") or "") for row in rows)])
        reached, seen = overlapped(latest) or since, seen + len(rows)
        more = bool(info.get("hasNextPage"))
        if more and (seen < DEEP or reached <= since):
            following = (since, id_in(info, "endCursor"), seen, latest, full)
        else:
            following = (reached, "", 0, "", full and more)
        return Page(
            changes=tuple(changes_of(rows, known)),
            cursor=to_place(*following),
            complete=full,
            more=more,
        )

    def add_webhook(self, url: str, audience_id: str) -> dict[str, str]:
        data = self.ask(queries.WEBHOOKS, hook={"uri": url})
        ids = []
        for made in data.values():
            self.refused(made)
            ids.append(str((made.get("webhookSubscription") or {}).get("id", "")))
        return {"webhook_id": ",".join(ids)}

    def remove_webhook(self, webhook_id: str, audience_id: str) -> None:
        data = self.ask(queries.UNHOOK, id=webhook_id)
        self.refused(data["webhookSubscriptionDelete"])

    def webhook(self, request: Incoming) -> list[Change]:
        """Signed with the app's secret key. Where that is not among the credentials
        (the app is the one that runs here), the address holds our own secret."""
        if key := self.secrets.get("app_secret", "").encode():
            digest = hmac.new(key, request.body, hashlib.sha256).digest()
            given = request.headers.get("x-shopify-hmac-sha256", "").encode()
            if not hmac.compare_digest(base64.b64encode(digest), given):
                raise CredentialsError("This webhook is not signed by this app.")
        else:
            check_secret_url(request, self.secrets)
        body = json_body(request)
        if not isinstance(body, dict):
            raise RejectedError("This is not a Shopify webhook.")
        return list(heard(request.headers.get("x-shopify-topic", ""), body))
