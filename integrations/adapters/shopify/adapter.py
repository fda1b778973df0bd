"""The Shopify adapter."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from typing import Any

from integrations.adapters.base import (
    Audience,
    Change,
    Contact,
    Field,
    Incoming,
    Outcome,
    Reading,
    Receipt,
    Resource,
    Subscription,
)
from integrations.adapters.calls import Sign
from integrations.adapters.consent import LEFT
from integrations.adapters.declare import Credential, OAuth2, Rate
from integrations.adapters.declared import filled_in
from integrations.adapters.each import forms, not_there, rejected, synced
from integrations.adapters.errors import (
    CredentialsError,
    Reason,
    RejectedError,
    SetupError,
    TransientError,
)
from integrations.adapters.rest import Rest, Write
from integrations.adapters.shapes import Row, dig, id_in, row_in, rows_in
from integrations.adapters.shared import (
    check_secret_url,
    check_signed,
    json_body,
    moment,
    parse_place,
    to_place,
)
from integrations.adapters.shopify import wire

PATH = "/admin/api/2026-07/graphql.json"
METAFIELDS = 15  # read with each customer, see the query
DEEP = 20_000  # rows of one query, some way below the limit
SHOP = re.compile(r"[a-z0-9][a-z0-9-]*")
LOCKED = "Shopify has locked this shop."
GONE = {"marketingState": "UNSUBSCRIBED"}


class Shopify(Rest):
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

    key_header = ("X-Shopify-Access-Token", "{admin_token}")
    token_header = ("X-Shopify-Access-Token", "{access_token}")

    signs = (Sign("", SetupError, Reason.QUOTA, on=423, says=LOCKED),)
    reasons = (("taken", Reason.DUPLICATE), ("email", Reason.ADDRESS_INVALID))

    # Of a customer as `flat` has them.
    email_key, state_key = "emailAddress", "marketingState"
    states = {
        **{"SUBSCRIBED": "subscribed", "PENDING": "pending"},
        **{"UNSUBSCRIBED": "unsubscribed", "REDACTED": "archived"},
    }
    left_keys, time_keys = ("marketingUpdatedAt",), ("updatedAt",)
    tags_key = "tags"
    own_fields = (
        Field(id="firstName", label="First name", type="name"),
        Field(id="lastName", label="Last name", type="name"),
        Field(id="phone", label="Phone", type="phone"),
        Field(id="note", label="Note"),
    )
    custom_key = "metafields"

    since_format = "%Y-%m-%dT%H:%M:%SZ"
    overlap = timedelta(minutes=15)

    erasing = (
        "Shopify erases the customer, after its own waiting time: days, or months when "
        "there are recent orders."
    )

    known_as = "Already a customer"
    unknown_as = "Not a customer at all."

    @property
    def home(self) -> str:
        shop = self.secrets.get("shop", "").strip().lower()
        shop = shop.removeprefix("https://").split(".myshopify.com")[0]
        if not SHOP.fullmatch(shop):
            raise CredentialsError(
                "This is not the name of a shop: enter the part before .myshopify.com."
            )
        return f"https://{shop}.myshopify.com"

    # Asking.

    def ask(self, document: str, **variables: object) -> Row:
        """The data of an answer. Raises for its errors, as `error_from` for statuses;
        what a customer's data lacks is in `userErrors`, see `checked`."""
        if "...Standing" in document:
            document += wire.STANDING
        payload = {"query": document, "variables": variables}
        body = self.fetch("POST", PATH, payload=payload)
        for error in body.get("errors") or ():
            if not isinstance(error, dict):
                continue
            code = str(dig(error, "extensions", "code") or "")
            words = self.safe(f"{self.label}: {error.get('message') or code}")
            kind, reason = wire.CODES.get(code, (RejectedError, None))
            meant = kind(words, reason=reason)
            if isinstance(meant, TransientError):
                meant.retry_after = wire.wait_of(dig(body, "extensions", "cost") or {})
            raise meant
        return row_in(body, "data")

    def mutate(self, name: str, document: str, **variables: object) -> Row:
        """What a mutation gives, see `checked`."""
        return self.checked(row_in(self.ask(document, **variables), name))

    def checked(self, payload: Row) -> Row:
        """Raises RejectedError for the first of a mutation's `userErrors`."""
        for error in payload.get("userErrors") or ():
            field = " ".join(map(str, error.get("field") or ())).lower()
            reason = Reason.FIELD_TYPE if field else Reason.REFUSED
            if "email" in field:
                reason = Reason.ADDRESS_INVALID
            raise RejectedError(self.safe(str(error.get("message", ""))), reason=reason)
        return payload

    def write(self, name: str, payload: Row) -> Row:
        """The customer after a mutation."""
        document = wire.WRITE % (wire.WRITES[name], name)
        return wire.flat(row_in(self.mutate(name, document, input=payload), "customer"))

    def verify(self) -> Reading:
        data = self.ask(wire.SHOP)
        rows = dig(data, "currentAppInstallation", "accessScopes") or ()
        scopes = {row["handle"] for row in rows}
        writable = "write_customers" in scopes
        readable = writable or "read_customers" in scopes
        answer = self.ask(wire.COUNT).get("customersCount") if readable else None
        exact = dig(answer, "precision") == "EXACT"  # beyond 10,000 it stops counting
        count = dig(answer, "count") if exact else None
        customers = Resource(
            name="customers", readable=readable, writable=writable, count=count
        )
        return Reading(
            identity=filled_in(data, ("shop.email",)),
            account_name=filled_in(data, ("shop.name",)),
            resources=(customers,),
        )

    def audiences(self) -> list[Audience]:
        return [Audience(id="customers", label="Customers")]

    @cached_property
    def _metafields(self) -> dict[str, Row]:
        rows = dig(self.ask(wire.FIELDS), "metafieldDefinitions", "nodes")
        return {f"{row['namespace']}.{row['key']}": row for row in rows or ()}

    def fields(self, audience_id: str) -> list[Field]:
        custom = (wire.field_of(id, row) for id, row in self._metafields.items())
        return [*self.own_fields, *custom]

    def _customers(self, email: str) -> list[Row]:
        """The customers with an address: one for each form of it, or none."""
        name = "customerByIdentifier"
        answers = [self.ask(wire.FIND, email=form) for form in forms(email)]
        there = [data for data in answers if name not in data or data[name] is not None]
        return [wire.flat(row_in(data, name)) for data in there]

    def find_one(self, email: str, audience_id: str) -> Row | None:
        """The customer with an address; of one person's two the one that left."""
        return max(
            self._customers(email),
            key=lambda row: self.status_of(row, audience_id) in LEFT,
            default=None,
        )

    def standing(self, email: str, row: Row | None, audience_id: str) -> Subscription:
        known = super().standing(email, row, audience_id)
        return known if row is None or row["whole"] else replace(known, fields=None)

    def detail_of(self, row: Row, audience_id: str) -> str:
        return wire.DETAIL.get(row[self.state_key], "")

    def turned_away(self, known: Subscription) -> Outcome | None:
        if known.detail in wire.FINAL:
            return rejected(wire.FINAL[known.detail], known.detail)
        return super().turned_away(known)

    def put(self, write: Write) -> Outcome:
        row, person = write.row, self.record_of(write.contact)
        consent = wire.consent_of(write.contact)
        if row is None:
            new = {"email": write.email, "tags": write.tags, **person}
            row = self.write("customerCreate", new | {"emailMarketingConsent": consent})
        else:
            id = write.known.remote_id
            if person:
                self.write("customerUpdate", {"id": id, **person})
            if not set(write.tags) <= set(self.tags_of(row)):
                self.mutate("tagsAdd", wire.TAG, id=id, tags=write.tags)
            if row[self.state_key] == "NOT_SUBSCRIBED":
                row = self._set_consent(id, consent)
        now = self.standing(write.email, row, write.audience_id)
        if now.status == "unknown":
            words = f"Shopify has them as {row[self.state_key].lower()}."
            return rejected(Reason.REFUSED, words)
        return self.settled(now)

    def record_of(self, contact: Contact) -> Row:
        record = super().record_of(contact)
        custom = []
        for id, value in record.pop(self.custom_key, {}).items():
            namespace, _, key = id.rpartition(".")
            custom.append({"namespace": namespace, "key": key, "value": value})
        return {**record, self.custom_key: custom} if custom else record

    def custom_value(self, value: object) -> str:
        return value if isinstance(value, str) else json.dumps(value)

    def _set_consent(self, id: str, consent: Mapping[str, str]) -> Row:
        payload = {"customerId": id, "emailMarketingConsent": consent}
        return self.write("customerEmailMarketingConsentUpdate", payload)

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        def leave(email: str) -> Outcome:
            rows = self._customers(email)
            for number, row in enumerate(rows):
                if self.status_of(row, audience_id) != "unsubscribed":
                    rows[number] = self._set_consent(id_in(row), GONE)
            if any(self.status_of(row, audience_id) != "unsubscribed" for row in rows):
                return rejected(Reason.REFUSED, "Shopify did not unsubscribe them.")
            return synced(id_in(rows[0])) if rows else not_there(self.unknown_as)

        return self.each(emails, leave)

    def turn(
        self, turn: int, since: str, place: Any, audience_id: str
    ) -> tuple[list[Row], Any]:
        """Customers by the time of their last update. Shopify pages through 25,000 rows
        of one query at most: before that, the next query begins where this one is."""
        since, after, seen = parse_place(place, str, str, int) or (since, "", 0)
        known = list(self._metafields)[:METAFIELDS]
        query = f"updated_at:>='{since}'" if since else None
        asked = {"after": after or None, "query": query, "metafields": known}
        found = row_in(self.ask(wire.CHANGES, **asked), "customers")
        rows, info = rows_in(found, "nodes"), row_in(found, "pageInfo")
        following, seen = "", seen + len(rows)
        if info.get("hasNextPage"):
            following = to_place(since, id_in(info, "endCursor"), seen)
            reached = str(rows[-1]["updatedAt"]) if seen >= DEEP else ""
            if reached > since:
                following = to_place(reached, "", 0)
        people = [wire.flat(row, known) for row in rows]
        return [row for row in people if row[self.email_key]], following

    def erase(self, email: str) -> Receipt:
        customers = self._customers(email)
        try:
            for row in customers:
                self.mutate("customerRequestDataErasure", wire.ERASE, id=row["id"])
        except RejectedError as error:
            return Receipt(ok=False, note=error.detail)
        return self.erased(customers, self.erasing)

    def add_webhook(self, url: str, audience_id: str) -> dict[str, str]:
        made = self.ask(wire.ADD_HOOKS, hook={"uri": url}).values()
        hooks = [row_in(self.checked(each), "webhookSubscription") for each in made]
        return {"webhook_id": ",".join(map(id_in, hooks))}

    def remove_webhook(self, webhook_id: str, audience_id: str) -> None:
        self.mutate("webhookSubscriptionDelete", wire.UNHOOK, id=webhook_id)

    def check_hook(self, request: Incoming) -> None:
        """Signed with the app's secret key. Where that is not among the credentials
        (the app is the one that runs here), the address holds our own secret."""
        if key := self.secrets.get("app_secret", ""):
            given = request.headers.get("x-shopify-hmac-sha256", "")
            check_signed({"webhook_secret": key}, request.body, given)
        else:
            check_secret_url(request, self.secrets)

    def posted(self, request: Incoming) -> Row:
        topic = request.headers.get("x-shopify-topic", "")
        return {"topic": topic, "body": json_body(request)}

    def heard(self, event: Row) -> Iterator[Change]:
        topic, body = event["topic"], event["body"]
        email = str(body.get("email") or body.get("email_address") or "")
        at = moment(body.get("updated_at"))
        if not email:
            return
        if topic == "customers_email_marketing_consent/update":
            consent = body.get("email_marketing_consent") or {}
            status = self.states.get(str(consent.get("state")).upper(), "unknown")
            at = moment(consent.get("consent_updated_at"))
            yield Change(email=email, kind="status", status=status, at=at)
        elif topic == "customers/delete":
            yield Change(email=email, kind="delete", status="absent", at=at)
        elif topic in ("customers/create", "customers/update"):
            first, last = body.get("first_name"), body.get("last_name")
            row = {**body, "firstName": first, "lastName": last, self.custom_key: {}}
            yield Change(email=email, kind="upsert", fields=self.values_of(row), at=at)
