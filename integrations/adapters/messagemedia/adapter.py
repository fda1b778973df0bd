"""Sinch MessageMedia (the API is called Sinch Engage), REST, description 2.1.0.

The description is the provider's own, in messagemedia/sinchengage-documentation on
GitHub; what callbacks look like is in the newer messagemedia/sinchengage-developer
(both read 2026-11-22). Unverified: that several values of one filter are
separated by commas, and whether a STOP also sets the SMS channel to UNSUBSCRIBED (so
the blacklist is always asked).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from integrations.adapters.base import (
    Audience,
    Change,
    Field,
    Incoming,
    Reading,
)
from integrations.adapters.calls import Sign, audience
from integrations.adapters.declare import Credential
from integrations.adapters.each import probed
from integrations.adapters.errors import (
    CredentialsError,
    Reason,
    RejectedError,
    ScopeError,
)
from integrations.adapters.http import Answer, Params
from integrations.adapters.messagemedia.people import (
    AT_ONCE,
    BLACKLIST,
    CONTACTS,
    CUSTOM,
    E164,
    LISTS,
    MessageMediaPeople,
    addresses_of,
    numbers_of,
)
from integrations.adapters.messagemedia.signature import signed
from integrations.adapters.shapes import Row, dig, id_in
from integrations.adapters.shared import moment

KEYS = "/v1/iam/signature_keys"
NO_FIELD = (
    "There is no custom field of the type e-mail, so people cannot be found again by "
    "their address."
)
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
    field_noun = "custom field"
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

    size_param, page_size = "pageSize", 1000  # the API's maximum
    place_param, rows_key = "nextPageToken", "content"
    total_keys = ("totalElements",)

    audience_path = LISTS
    count_path, count_by = CONTACTS, "listIds"
    field_path = CUSTOM
    field_keys = ("id", "label", "type")
    field_types = {
        **{"DATE": "date", "NUMBER": "number", "PHONE": "phone", "TEXT": "text"},
        **{"URL": "url", "ZIP_CODE": "zip", "NAME": "name", "EMAIL": "email"},
    }
    own_fields = (
        Field(id="phone", label="Mobile number", type="phone", required=True),
        Field(id="firstName", label="First name", type="name"),
        Field(id="lastName", label="Last name", type="name"),
        Field(id="alias", label="Alias"),
        Field(id="dateOfBirth", label="Date of birth", type="date"),
        Field(id="country", label="Country"),
        Field(id="state", label="State"),
        Field(id="location", label="Location"),
        Field(id="note", label="Note"),
    )
    hook_path = "/v1/webhooks/messages"
    walk_path, one_path = CONTACTS, f"{CONTACTS}/{{id}}"
    erasing = (
        "Deleted from the contacts. Messages that were sent stay in the reports, and a "
        "number on the blacklist stays there."
    )

    time_keys = ("lastModifiedDate",)

    @property
    def home(self) -> str:
        region = "au" if self.secrets.get("region") == "au" else "eu"
        return f"https://{region}.app.api.sinch.com"

    # Answers.

    def following(self, body: Row, rows: list[Row], place: Any) -> str:
        return str(body.get("nextPageToken") or "") if rows else ""

    def faults(self, answer: Answer) -> list[Row]:
        """The fields that a validation error names."""
        found = answer.object().get("invalidFields")
        rows = found if isinstance(found, list) else []
        return [row for row in rows if isinstance(row, dict)]

    def explain(self, answer: Answer) -> str:
        words, rows = super().explain(answer), self.faults(answer)
        named = [f"{row.get('name', '')}: {row.get('reason', '')}" for row in rows]
        return self.safe(f"{words} ({'; '.join(named)})") if named else words

    def told(self, answer: Answer) -> str:
        """The words, and the codes of a validation error."""
        codes = (str(row.get("code")) for row in self.faults(answer))
        return " ".join([self.explain(answer), *codes])

    # Reading the account.

    def verify(self) -> Reading:
        """A key's permissions are not told; it has those of the account, whose name is
        told with everything in it."""
        rows: list[Row] = []

        def count(path: str, size: int = 1) -> int | None:
            body = self.fetch("GET", path, params={self.size_param: size})
            rows.extend(self.listed(body, self.rows_key))
            return self.total_of(body)

        resources = (
            probed("contacts", lambda: count(CONTACTS)),
            probed("lists", lambda: count(LISTS)),
            fields := probed("custom fields", lambda: count(CUSTOM, self.page_size)),
            probed("opt-outs", lambda: self.total_of(self.fetch("GET", BLACKLIST))),
        )
        keeps = any(row.get("type") == "EMAIL" for row in rows) or not fields.readable
        name = next((str(row["accountId"]) for row in rows if "accountId" in row), "")
        return Reading(
            identity=name or self.label,
            account_name=name,
            resources=resources,
            notes=() if keeps else (NO_FIELD,),
        )

    def audience_of(self, row: Row) -> Audience:
        return audience(row, double_opt_in=False)

    def fields(self, audience_id: str) -> list[Field]:
        """Custom fields belong to the account: every list has the same. The one that
        keeps the e-mail address is filled by us."""
        return [*self.own_fields, *filter(None, map(self.field_of, self.custom_fields))]

    def field_of(self, row: Row) -> Field | None:
        field = super().field_of(row)
        return field and replace(field, read_only=field.id == self.email_field)

    def walk_query(self, audience_id: str, since: str) -> Params:
        """There is no filter by time: each walk reads the whole list."""
        return {"listIds": audience_id, "pageSize": AT_ONCE}

    def turn(
        self, turn: int, since: str, place: Any, audience_id: str
    ) -> tuple[list[Row], Any]:
        """People by each of their addresses; those without one are left out."""
        rows, following = super().turn(turn, since, place, audience_id)
        found = [(row, numbers_of(row)) for row in rows if addresses_of(row)]
        people = [
            {**row, "email": address}
            for row in self.records(found)
            for address in addresses_of(row)
        ]
        return people, following

    # Webhooks.

    def check_hook(self, request: Incoming) -> None:
        key = self.secrets.get("webhook_key", "")
        if not key:
            super().check_hook(request)
        elif not signed(request, key):
            raise CredentialsError("This callback is not signed with our key.")

    def posted(self, request: Incoming) -> Any:
        body = super().posted(request)
        if dig(body, "event") != "opt_out":
            raise RejectedError("This is not an opt-out of Sinch MessageMedia.")
        return body

    def heard(self, event: Row) -> Iterator[Change]:
        """An opt-out names the number only, so the contact is looked up."""
        number = f"+{str(event.get('source_number', '')).strip().lstrip('+')}"
        if not E164.fullmatch(number):
            raise RejectedError("This opt-out names no number.")
        for address in addresses_of(self.by_number([number]).get(number, {})):
            yield Change(
                email=address,
                kind="status",
                status="unsubscribed",
                fields={"phone": number},
                at=moment(event.get("date_received")),
            )

    def hook(self, url: str, audience_id: str) -> Row:
        return {
            "url": url,
            "method": "POST",
            "encoding": "JSON",
            # Sent along with each callback; the description wants this one.
            "headers": {"Account": "contactsync"},
            "events": ["OPT_OUT_SMS"],
            "template": TEMPLATE,
        }

    def add_webhook(self, url: str, audience_id: str) -> dict[str, str]:
        """Callbacks are signed with the account's one active key, whose public half is
        only told when it is made. So a key is made where none is active; where there is
        one it stays, and the secret in the address has to do."""
        kept = self._new_key()
        return {**super().add_webhook(url, audience_id), **kept}

    def _new_key(self) -> dict[str, str]:
        try:
            active = self.maybe(f"{KEYS}/enabled")
        except ScopeError:  # not part of this account
            return {}
        if active is not None:
            return {}
        key = self.fetch("POST", KEYS, payload={"digest": "SHA512", "cipher": "RSA"})
        kept = {"webhook_key": id_in(key, "public_key")}
        chosen = {"key_id": id_in(key, "key_id")}
        self.request("PATCH", f"{KEYS}/enabled", payload=chosen)
        return kept
