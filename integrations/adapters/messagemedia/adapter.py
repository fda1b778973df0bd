"""Sinch MessageMedia (the API is called Sinch Engage), REST, description 2.1.0.

The description is the provider's own, in messagemedia/sinchengage-documentation on
GitHub; what callbacks look like is in the newer messagemedia/sinchengage-developer
(both read 2026-11-22). Unverified: that several values of one filter are
separated by commas, and whether a STOP also sets the SMS channel to UNSUBSCRIBED (so
the blacklist is always asked).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from integrations.adapters.base import (
    Audience,
    Change,
    Field,
    Incoming,
    Page,
    Reading,
    Resource,
    Subscription,
    filled,
)
from integrations.adapters.calls import Sign
from integrations.adapters.declare import Credential
from integrations.adapters.each import key_of
from integrations.adapters.errors import (
    CredentialsError,
    Reason,
    RejectedError,
    ScopeError,
    TargetError,
)
from integrations.adapters.http import Answer, Params
from integrations.adapters.messagemedia.people import (
    API,
    AT_ONCE,
    NUMBERS,
    MessageMediaPeople,
)
from integrations.adapters.messagemedia.signature import signed
from integrations.adapters.messagemedia.wire import (
    E164,
    addresses_of,
    numbers_of,
    standing,
)
from integrations.adapters.shapes import Row
from integrations.adapters.shared import (
    check_secret_url,
    json_body,
    moment,
    parse_place,
    to_place,
)

HOSTS = {
    "eu": "https://eu.app.api.sinch.com",
    "au": "https://au.app.api.sinch.com",
}
FIELD_TYPE = {
    **{"DATE": "date", "NUMBER": "number", "PHONE": "phone", "TEXT": "text"},
    **{"URL": "url", "ZIP_CODE": "zip", "NAME": "name", "EMAIL": "email"},
}
PHONE = Field(id="phone", label="Mobile number", type="phone", required=True)
FIELDS = (
    PHONE,
    Field(id="firstName", label="First name", type="name"),
    Field(id="lastName", label="Last name", type="name"),
    Field(id="alias", label="Alias"),
    Field(id="dateOfBirth", label="Date of birth", type="date"),
    Field(id="country", label="Country"),
    Field(id="state", label="State"),
    Field(id="location", label="Location"),
    Field(id="note", label="Note"),
)
COUNTED = 25  # lists whose size is asked for, one call each
# What the provider fills in and posts to us when somebody opts out.
TEMPLATE = json.dumps(
    {
        "event": "opt_out",
        "notification_id": "$notificationId",
        "source_number": "$sourceAddress",
        "date_received": "$receivedTimestamp",
    }
)


class MessageMedia(MessageMediaPeople):
    slug = "messagemedia"
    label = "Sinch MessageMedia"
    kind = "sms"
    credentials = (
        Credential(
            name="api_key",
            label="API key",
            help_text="Hub: Settings, API settings, Create new key, Basic.",
        ),
        Credential(name="api_secret", label="API secret"),
        Credential(
            name="region",
            label="Region",
            help_text="Where your account lives; Europe when left empty.",
            secret=False,
            required=False,
            options={"eu": "Europe", "au": "Asia and Pacific"},
        ),
    )
    audience_noun = "list"
    field_noun = "custom field"
    opt_in = "none"
    batch_size = AT_ONCE
    concurrency = 2
    requirements = (
        "A field with the mobile phone number: people without one cannot be sent.",
        "A custom field of the type e-mail in the Hub. The e-mail address is kept in "
        "it, and people are found again by it.",
        "Your form must ask for consent to text messages.",
    )
    notice = (
        "Contacts are known by their phone number. Who replied STOP is not written to "
        "again, whatever the form says."
    )
    exit_effect = "The number goes on the account's blacklist, as after a STOP."
    glyph = "S"
    docs_url = (
        "https://support.app.sinch.com/hc/en-us/categories/"
        "10516535548943-Sinch-Engage-Developer-Guides"
    )
    features = frozenset({"update_existing"})

    key_header = ("Authorization", "Basic {api_key}:{api_secret}")

    signs = (
        # The older half of the API says it so, the newer one with a 401.
        Sign("authentication credentials", CredentialsError, on=403),
        # Codes of a validation error (InvalidInputField in the description).
        Sign(
            "must_not_be_(empty|null)|missing_parameter",
            *(RejectedError, Reason.REQUIRED_FIELD),
        ),
        Sign(
            "invalid_(format|length)|type_mismatch",
            *(RejectedError, Reason.FIELD_TYPE),
        ),
        Sign("duplicated_value", RejectedError, Reason.DUPLICATE),
    )

    @property
    def home(self) -> str:
        return HOSTS.get(self.secrets.get("region", ""), HOSTS["eu"])

    def explain(self, answer: Answer) -> str:
        named = "; ".join(
            f"{row.get('name', '')}: {row.get('reason', '')}"
            for row in _invalid(answer)
        )
        words = super().explain(answer)
        return self.safe(f"{words} ({named})") if named else words

    def told(self, answer: Answer) -> str:
        """The words, and the codes of a validation error."""
        codes = (str(row.get("code")) for row in _invalid(answer))
        return " ".join([self.explain(answer), *codes])

    def verify(self) -> Reading:
        found = [
            self._probe("contacts", "contacts"),
            self._probe("lists", "lists"),
            self._probe("custom fields", "custom-fields"),
        ]
        resources = [resource for resource, _ in found]
        try:
            self.fetch("GET", f"{NUMBERS}/mt/blacklist")
            resources.append(Resource(name="opt-outs", readable=True, writable=None))
        except ScopeError as error:
            resources.append(_closed("opt-outs", error))
        rows = [row for _, rows in found for row in rows]
        account = next(
            (str(row["accountId"]) for row in rows if "accountId" in row), ""
        )
        fields = found[2][1]
        no_address = not any(field.get("type") == "EMAIL" for field in fields)
        return Reading(
            identity=account or self.label,
            account_name=account,
            resources=tuple(resources),
            notes=(
                "There is no custom field of the type e-mail, so people cannot be "
                "found again by their address.",
            )
            if no_address
            else (),
        )

    def _probe(self, name: str, path: str) -> tuple[Resource, list[Row]]:
        # A key's permissions are not told; it has those of the account.
        size = 1000 if path == "custom-fields" else 1
        try:
            body = self.fetch("GET", f"{API}/{path}", params={"pageSize": size})
        except ScopeError as error:
            return _closed(name, error), []
        rows = [row for row in body.get("content") or () if isinstance(row, dict)]
        total = body.get("totalElements")
        count = len(rows) if total is None else int(total)
        return Resource(name=name, readable=True, writable=None, count=count), rows

    def audiences(self) -> list[Audience]:
        return [
            Audience(
                id=str(row["id"]),
                label=str(row.get("name", "")),
                size=self._size(str(row["id"])) if place < COUNTED else None,
                double_opt_in=False,
            )
            for place, row in enumerate(self.rows(f"{API}/lists"))
        ]

    def _size(self, audience_id: str) -> int | None:
        params: dict[str, str | int] = {"listIds": audience_id, "pageSize": 1}
        return self.total_of(self.fetch("GET", f"{API}/contacts", params=params))

    def fields(self, audience_id: str) -> list[Field]:
        """Custom fields belong to the account: every list has the same. The one that
        keeps the e-mail address is filled by us."""
        return [
            *FIELDS,
            *(
                Field(
                    id=str(row["id"]),
                    label=str(row.get("label") or row.get("mergeTag", "")),
                    type=FIELD_TYPE.get(str(row.get("type")), "text"),
                    read_only=str(row["id"]) == self.email_field,
                )
                for row in self.custom_fields
            ),
        ]

    def subscriptions(
        self, emails: Sequence[str], audience_id: str
    ) -> list[Subscription]:
        found = self.find(emails, {"listIds": audience_id})
        if emails and not any(found.values()):
            self.require_audience(audience_id)
        first = {address: rows[0] for address, rows in found.items() if rows}
        blocked = self.blocked(numbers_of(list(first.values())))
        return [
            _standing(email, first.get(key_of(email), {}), blocked) for email in emails
        ]

    def changes(self, audience_id: str, cursor: str) -> Page:
        """There is no filter by time: each walk reads the whole list. People without an
        e-mail address are left out."""
        [place] = parse_place(cursor, str) or [""]
        params: Params = {"listIds": audience_id, "pageSize": AT_ONCE}
        found, token = self.walk(cursor, f"{API}/contacts", place, params)
        rows = [row for row in found if addresses_of(row)]
        blocked = self.blocked(numbers_of(rows))
        return Page(
            changes=tuple(
                _change(email, row, blocked, audience_id)
                for row in rows
                for email in addresses_of(row)
            ),
            cursor=to_place(token) if token else "",
            complete=True,
            more=bool(token),
        )

    def webhook(self, request: Incoming) -> list[Change]:
        """An opt-out names the number only, so the contact is looked up."""
        key = self.secrets.get("webhook_key", "")
        if not key:
            check_secret_url(request, self.secrets)
        elif not signed(request, key):
            raise CredentialsError("This callback is not signed with our key.")
        body = json_body(request)
        if not isinstance(body, dict) or body.get("event") != "opt_out":
            raise RejectedError("This is not an opt-out of Sinch MessageMedia.")
        number = f"+{str(body.get('source_number', '')).strip().lstrip('+')}"
        if not E164.fullmatch(number):
            raise RejectedError("This opt-out names no number.")
        row = self.by_number([number]).get(number, {})
        return [
            Change(
                email=address,
                kind="status",
                status="unsubscribed",
                fields={"phone": number},
                at=moment(body.get("date_received")),
            )
            for address in addresses_of(row)
        ]

    def add_webhook(self, url: str, audience_id: str) -> dict[str, str]:
        """Callbacks are signed with the account's one active key, whose public half is
        only told when it is made. So a key is made where none is active; where there is
        one it stays, and the secret in the address has to do."""
        kept = self._new_key()
        hook = {
            "url": url,
            "method": "POST",
            "encoding": "JSON",
            # Sent along with each callback; the description wants this one.
            "headers": {"Account": "contactsync"},
            "events": ["OPT_OUT_SMS"],
            "template": TEMPLATE,
        }
        made = self.fetch("POST", "/v1/webhooks/messages", payload=hook)
        return {"webhook_id": str(made.get("id", "")), **kept}

    def remove_webhook(self, webhook_id: str, audience_id: str) -> None:
        self.request("DELETE", f"/v1/webhooks/messages/{quote(webhook_id, safe='')}")

    def _new_key(self) -> dict[str, str]:
        try:
            self.fetch("GET", "/v1/iam/signature_keys/enabled")
            return {}
        except ScopeError:  # not part of this account
            return {}
        except TargetError:  # none is active
            pass
        wanted = {"digest": "SHA512", "cipher": "RSA"}
        key = self.fetch("POST", "/v1/iam/signature_keys", payload=wanted)
        if not (key.get("key_id") and key.get("public_key")):
            raise self._unreadable(201)
        chosen = {"key_id": str(key["key_id"])}
        self.request("PATCH", "/v1/iam/signature_keys/enabled", payload=chosen)
        return {"webhook_key": str(key["public_key"])}


def _invalid(answer: Answer) -> list[Row]:
    """The fields that a validation error names."""
    rows = answer.object().get("invalidFields")
    return [row for row in rows if isinstance(row, dict)] if rows else []


def _closed(name: str, error: ScopeError) -> Resource:
    return Resource(name=name, readable=False, writable=None, detail=error.detail)


def _standing(email: str, row: Row, blocked: set[str]) -> Subscription:
    numbers = numbers_of([row])
    number = numbers[0] if numbers else ""
    found = standing(email, row, number, bool(blocked & set(numbers)))
    return replace(found, fields=_values(row)) if row else found


def _values(row: Row) -> dict[str, object]:
    """A contact's values by our field ids, blank ones left out. The address that is
    kept in a custom field is ours to fill."""
    own = {field.id: row.get(field.id) for field in FIELDS if field is not PHONE}
    custom: dict[str, Any] = {
        str(field["id"]): field.get("value")
        for field in row.get("customFields") or ()
        if field.get("type") != "EMAIL"
    }
    phone = next(iter(numbers_of([row])), "")
    return filled({"phone": phone, **own, **custom})


def _change(email: str, row: Row, blocked: set[str], audience_id: str) -> Change:
    return Change(
        email=email,
        kind="upsert",
        status=_standing(email, row, blocked).status,
        fields=_values(row),
        at=moment(row.get("lastModifiedDate")),
        audience_id=audience_id,
    )
