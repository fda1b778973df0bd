"""The Shopify adapter."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from integrations.adapters.base import (
    Audience,
    Change,
    Contact,
    Field,
    Incoming,
    Options,
    Outcome,
    OutcomeState,
    Page,
    Reading,
    Receipt,
    Resource,
    Subscription,
    filled,
)
from integrations.adapters.consent import left
from integrations.adapters.declare import Credential, OAuth2, Rate
from integrations.adapters.each import EachContact, awaiting, rejected, synced
from integrations.adapters.errors import (
    AdapterError,
    CredentialsError,
    Reason,
    RejectedError,
    ScopeError,
    SetupError,
    TransientError,
)
from integrations.adapters.http import Answer
from integrations.adapters.shared import (
    check_secret_url,
    expired,
    json_body,
    parse_place,
    to_place,
)
from integrations.adapters.shopify import queries
from integrations.adapters.shopify.wire import (
    CUSTOMERS,
    FINAL,
    changes_of,
    consent_of,
    field_of,
    heard,
    overlapped,
    reason_for,
    state_of,
    subscription_of,
    wait_for,
)

METAFIELDS = 15  # read with each customer, see the query
DEEP = 20_000  # rows of one query, some way below the limit
START = ("", "", 0, "", True)  # since, after, rows seen, latest, whether from there
PATH = "/admin/api/2026-07/graphql.json"
SHOP = re.compile(r"[a-z0-9][a-z0-9-]*")

STANDARD = (
    Field(id="firstName", label="First name", type="name"),
    Field(id="lastName", label="Last name", type="name"),
    Field(id="phone", label="Phone", type="phone"),
    Field(id="note", label="Note"),
)


class Shopify(EachContact):
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

    # GraphQL answers 200 to nearly everything.

    def ask(self, document: str, **variables: object) -> dict[str, Any]:
        """The data of an answer. Raises for errors, as `error_from` does for statuses.

        What the customer's data lacks is in `userErrors`, see `refused`.
        """
        body = self.fetch(
            "POST", PATH, payload={"query": document, "variables": variables}
        )
        errors = [e for e in body.get("errors") or () if isinstance(e, dict)]
        if errors:
            raise self._error(errors[0], body.get("extensions") or {})
        data = body.get("data")
        if not isinstance(data, dict):
            raise self._unreadable(None)
        return data

    def _error(
        self, error: Mapping[str, Any], extensions: Mapping[str, Any]
    ) -> AdapterError:
        code = str((error.get("extensions") or {}).get("code", ""))
        words = self.safe(f"{self.label}: {error.get('message') or code}")
        if code == "THROTTLED":
            wait = wait_for(extensions.get("cost") or {})
            return TransientError(words, reason=Reason.RATE, retry_after=wait)
        if code in ("INTERNAL_SERVER_ERROR", "TIMEOUT"):
            return TransientError(words)
        if code == "ACCESS_DENIED":
            return ScopeError(words)
        if code == "SHOP_INACTIVE":
            return SetupError(words, reason=Reason.QUOTA)
        return RejectedError(words)

    def explain(self, answer: Answer) -> str:
        errors = answer.object().get("errors")
        return self.safe(errors) if isinstance(errors, str) else super().explain(answer)

    def error_from(self, answer: Answer) -> AdapterError:
        error = super().error_from(answer)
        if answer.status == 423:
            return SetupError(
                f"Shopify has locked this shop. {self.explain(answer)}".strip(),
                reason=Reason.QUOTA,
                status=423,
            )
        return error

    def refused(self, payload: Mapping[str, Any] | None) -> None:
        """Raises RejectedError for the first of a mutation's `userErrors`."""
        if payload is None:
            raise self._unreadable(None)
        for error in payload.get("userErrors") or ():
            field = ".".join(str(part) for part in error.get("field") or ())
            words = self.safe(str(error.get("message", "")))
            raise RejectedError(words, reason=reason_for(field, words))

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

    def _find(self, email: str) -> dict[str, Any] | None:
        data = self.ask(queries.FIND, email=email.strip())
        found: dict[str, Any] | None = data.get("customerByIdentifier")
        return found

    def write(self, contact: Contact, audience_id: str, options: Options) -> Outcome:
        customer = self._find(contact.email)
        tags = list(dict.fromkeys((*options.tags, *contact.tags)))
        row = self._row(contact)
        if customer is None:
            consent = {"emailMarketingConsent": consent_of(contact)}
            new = {"email": contact.email.strip(), "tags": tags, **row, **consent}
            return self._standing(self._mutate("customerCreate", queries.CREATE, new))
        standing = subscription_of(contact.email, customer)
        if state_of(customer) in FINAL:
            return rejected(*FINAL[state_of(customer)])
        if gone := left(standing, self.label):
            return gone
        if not options.update_existing:
            return Outcome(
                state=OutcomeState.SKIPPED,
                reason=Reason.EXISTING,
                detail="Already a customer; the rule leaves those alone.",
                remote_id=str(customer["id"]),
            )
        id = str(customer["id"])
        if row:
            self._mutate("customerUpdate", queries.UPDATE, {"id": id, **row})
        if tags and not set(tags) <= set(customer.get("tags") or ()):
            data = self.ask(queries.TAG, id=id, tags=tags)
            self.refused(data.get("tagsAdd"))
        if state_of(customer) == "NOT_SUBSCRIBED":
            customer = self._set_consent(id, consent_of(contact))
        return self._standing(customer)

    def _row(self, contact: Contact) -> dict[str, object]:
        row: dict[str, object] = {}
        metafields: list[dict[str, str]] = []
        for name, value in filled(contact.fields).items():
            namespace, _, key = name.rpartition(".")
            if not namespace:
                row[name] = str(value)
                continue
            plain = value if isinstance(value, str) else json.dumps(value)
            metafields.append({"namespace": namespace, "key": key, "value": plain})
        return {**row, "metafields": metafields} if metafields else row

    def _mutate(
        self, name: str, query: str, payload: Mapping[str, object]
    ) -> dict[str, Any]:
        answer = self.ask(query, input=payload).get(name)
        self.refused(answer)
        return dict((answer or {}).get("customer") or {})

    def _set_consent(self, id: str, consent: Mapping[str, str]) -> dict[str, Any]:
        payload = {"customerId": id, "emailMarketingConsent": consent}
        name = "customerEmailMarketingConsentUpdate"
        return self._mutate(name, queries.CONSENT, payload)

    def _standing(self, customer: Mapping[str, Any]) -> Outcome:
        """What the state after the write makes of a signup."""
        state = state_of(customer)
        if state == "PENDING":
            return awaiting(customer.get("id"))
        if state == "SUBSCRIBED":
            return synced(customer.get("id"))
        return rejected(
            Reason.REFUSED, f"Shopify has them as {state.lower() or 'unknown'}."
        )

    def subscriptions(
        self, emails: Sequence[str], audience_id: str
    ) -> list[Subscription]:
        return [subscription_of(email, self._find(email)) for email in emails]

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        return self.each(emails, self._unsubscribe)

    def _unsubscribe(self, email: str) -> Outcome:
        customer = self._find(email)
        if customer is None:
            return Outcome(state=OutcomeState.SKIPPED, detail="Not a customer at all.")
        if state_of(customer) != "UNSUBSCRIBED":
            left_now = {"marketingState": "UNSUBSCRIBED"}
            self._set_consent(str(customer["id"]), left_now)
        return synced(customer["id"])

    def erase(self, email: str) -> Receipt:
        customer = self._find(email)
        if customer is None:
            return Receipt(ok=True, note="Shopify did not hold this address.")
        data = self.ask(queries.ERASE, id=customer["id"])
        try:
            self.refused(data.get("customerRequestDataErasure"))
        except RejectedError as error:
            return Receipt(ok=False, note=error.detail)
        return Receipt(
            ok=True,
            note="Shopify erases the customer, after its own waiting time: days, or "
            "months when there are recent orders.",
        )

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
        found = data.get("customers") or {}
        rows = found.get("nodes") or []
        info = found.get("pageInfo") or {}
        latest = max([latest, *(str(row.get("updatedAt") or "") for row in rows)])
        reached, seen = overlapped(latest) or since, seen + len(rows)
        more = bool(info.get("hasNextPage"))
        if more and (seen < DEEP or reached <= since):
            following = (since, str(info.get("endCursor") or ""), seen, latest, full)
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
