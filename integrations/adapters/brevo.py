"""Brevo, API v3 (https://developers.brevo.com/reference, read 2026-11-22).

A contact belongs to the account and is on any number of lists. emailBlacklisted means
no marketing mail at all, be it for an unsubscribe, a hard bounce or a complaint (the
contact's statistics of the last 90 days tell which); listUnsubscribed has the lists
they left one by one. Both are states, never errors: a write would be accepted, so we
read first and write nothing to who left.

Double opt-in is an endpoint of its own that needs a template holding
{{ params.DOIurl }} and a page to land on, both made in Brevo and entered with the
credentials. Until they click, those asked are no contacts at all.

Unverified: that a changed list membership counts as a modification; how a list that is
not there is reported when a contact is written (told from the words); the bodies of
webhooks beyond the event names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import quote, urlencode

from integrations.adapters.base import (
    Audience,
    Change,
    Contact,
    Field,
    Outcome,
    Receipt,
    Resource,
    filled,
)
from integrations.adapters.calls import Sign, audience
from integrations.adapters.declare import Credential, Rate
from integrations.adapters.each import awaiting, probed, synced
from integrations.adapters.either import EitherForm
from integrations.adapters.errors import Reason, RejectedError, TargetError
from integrations.adapters.http import Params
from integrations.adapters.rest import Write
from integrations.adapters.shapes import Row, count_in, dig, rows_in, unreadable
from integrations.adapters.shared import (
    moment,
)

BY_EMAIL: Params = {"identifierType": "email_id"}
TYPES = {
    **{"date": "date", "float": "number", "boolean": "boolean"},
    **{"multiple-choice": "multi_choice"},
}
PHONES = {"SMS", "WHATSAPP", "LANDLINE_NUMBER"}
OURS_NOT = {"DOUBLE_OPT-IN", "OPT_IN"}  # kept by Brevo itself
WRITABLE = {"normal", "category"}
# It refuses everybody.
NO_TEMPLATE = Sign(r"\btemplate|\bredirection", TargetError, Reason.TARGET_UNFINISHED)
EVENTS = {
    **{"unsubscribe": ("status", "unsubscribed"), "spam": ("status", "complained")},
    **{"unsubscribed": ("status", "unsubscribed"), "hardBounce": ("status", "bounced")},
    **{"hard_bounce": ("status", "bounced"), "contact_deleted": ("delete", "absent")},
    **{"contact_updated": ("upsert", ""), "list_addition": ("upsert", "")},
}
POSTED = (
    *("hardBounce", "unsubscribed", "spam", "listAddition"),
    *("contactUpdated", "contactDeleted"),
)


class Brevo(EitherForm):
    slug = "brevo"
    label = "Brevo"
    kind = "esp"
    credentials = (
        Credential(
            name="api_key",
            label="API key",
            help_text="Brevo: Settings, SMTP & API, API keys. Allow every IP address "
            "or the one of this server.",
            placeholder="xkeysib-...",
        ),
        Credential(
            name="doi_template",
            label="Double opt-in template",
            help_text="Number of the active template with the confirmation link. Only "
            "needed by rules with double opt-in.",
            secret=False,
            required=False,
            placeholder="5",
        ),
        Credential(
            name="doi_redirect",
            label="Page after confirming",
            help_text="Where people land who clicked the confirmation link.",
            secret=False,
            required=False,
            placeholder="https://example.com/welcome",
        ),
    )
    field_noun = "attribute"
    opt_in = "endpoint"
    batch_size = 50
    concurrency = 2
    rate = Rate(calls=10, seconds=1)
    requirements = (
        "For double opt-in: a template in Brevo that holds {{ params.DOIurl }}.",
    )
    notice = "Brevo drops values that do not fit an attribute's type without saying so."
    exit_effect = "Blocklisted in Brevo: no marketing mail from any list."
    glyph = "B"
    docs_url = "https://help.brevo.com/hc/en-us/articles/209467485"
    features = frozenset({"double_opt_in", "update_existing"})
    home = "https://api.brevo.com"
    reset_headers = ("x-sib-ratelimit-reset",)  # seconds
    asked_are_absent = True

    key_header = ("api-key", "{api_key}")

    signs = (Sign(r"\blist\b.*\b(not exist|not found|invalid)", TargetError, on=400),)
    reasons = (
        ("already associated", Reason.DUPLICATE),  # a phone number of somebody else
        (r"^(?=.*\bemail\b).*\b(in)?valid\b", Reason.ADDRESS_INVALID),
        ("phone number", Reason.FIELD_TYPE),
    )

    size_param, page_size = "limit", 500
    place_param, first_place = "offset", 0
    total_keys = ("count",)

    me_path, account_keys = "/v3/account", ("companyName",)
    audience_path, audience_params = "/v3/contacts/lists", {"limit": 50}
    probed = (audience_path, "/v3/contacts")
    hook_path = "/v3/webhooks"
    # All of the account, in the order of their creation.
    walk_path, walk_params = "/v3/contacts", {"sort": "asc"}
    since_param, step_back = "modifiedSince", 50
    since_format = "%Y-%m-%dT%H:%M:%S.000Z"
    erasing = "Deleted. Brevo keeps the log of mails sent to them."

    state_key = ""
    time_keys = ("modifiedAt",)
    custom_key = "attributes"

    unknown_as = "Not in this account at all."
    asked_as = "Brevo asked them to confirm."

    def following(self, body: Row, rows: list[Row], place: Any) -> int | None:
        reached: int = place + len(rows)
        return reached if rows and reached < count_in(body, "count") else None

    def resources(self) -> tuple[Resource, ...]:
        others = super().resources()
        return (*others, probed("attributes", lambda: len(self._attributes)))

    def audience_of(self, row: Row) -> Audience:
        return audience(row, row.get("uniqueSubscribers", row.get("totalSubscribers")))

    @cached_property
    def _attributes(self) -> list[Row]:
        rows = rows_in(self.fetch("GET", "/v3/contacts/attributes"), "attributes")
        return [row for row in rows if row.get("name") != "EMAIL"]

    def fields(self, audience_id: str) -> list[Field]:
        """Attributes belong to the account; options are shown by their labels."""
        return [
            Field(
                id=str(row["name"]),
                label=str(row["name"]),
                type=_type(row),
                read_only=row.get("category") not in WRITABLE
                or row["name"] in OURS_NOT,
                options=tuple(_choices(row) or row.get("multiCategoryOptions") or ()),
            )
            for row in self._attributes
        ]

    def record_of(self, contact: Contact) -> Row:
        """Attributes as Brevo wants them: a category's option by its number."""
        values = filled(contact.fields)
        if not values:
            return {}
        numbers = {str(row["name"]): _choices(row) for row in self._attributes}
        attributes = {
            name: numbers.get(name, {}).get(str(value), value)
            for name, value in values.items()
        }
        return {"attributes": attributes}

    def find_form(self, form: str, audience_id: str) -> Row | None:
        row = self.maybe(_path(form), BY_EMAIL)
        if row is not None and not isinstance(row.get("emailBlacklisted"), bool):
            raise self._unreadable(None)  # or who left could not be told
        return row

    def status_of(self, row: Row, audience_id: str) -> str:
        if row.get("emailBlacklisted"):
            if any(_log(row, "complaints")):
                return "complained"
            return "bounced" if any(_log(row, "hardBounces")) else "unsubscribed"
        if _on(row, "listUnsubscribed", audience_id):
            return "unsubscribed"
        return "subscribed" if _on(row, "listIds", audience_id) else "absent"

    def left_at(self, row: Row, audience_id: str) -> datetime | None:
        kinds = ("userUnsubscription", "adminUnsubscription")
        logs = [_log(row, "unsubscriptions", kind) for kind in kinds]
        times = [moment(entry.get("eventTime")) for log in logs for entry in log]
        return max((at for at in times if at), default=None)

    def ready(self, audience_id: str) -> None:
        self.number(audience_id)

    def put(self, write: Write) -> Outcome:
        number, there = self.number(write.audience_id), write.known.remote_id
        kept = write.row.get("email") if write.row else ""
        person: Row = {"email": kept or write.email}
        if write.fills:
            person |= self.record_of(write.contact)
        if write.options.double_opt_in and write.known.status != "subscribed":
            self._ask(person, number)
            return awaiting(there, self.asked_as)
        person |= {"listIds": [number], "updateEnabled": True}
        made = self.request("POST", "/v3/contacts", payload=person)
        return synced(there or dig(made, "id"))

    def _ask(self, row: Mapping[str, object], number: int) -> None:
        template = self.secrets.get("doi_template", "").strip()
        page = self.secrets.get("doi_redirect", "").strip()
        if not template.isdecimal() or not page:
            raise TargetError(
                "This rule has double opt-in: enter the number of the double opt-in "
                "template and the page after confirming with the credentials of this "
                "Brevo account.",
                reason=Reason.TARGET_UNFINISHED,
            )
        more = {
            "includeListIds": [number],
            "templateId": int(template),
            "redirectionUrl": page,
        }
        path = "/v3/contacts/doubleOptinConfirmation"
        try:
            self.request("POST", path, payload={**row, **more})
        except RejectedError as error:
            raise NO_TEMPLATE.read(error, error.detail) from None

    def belongs(self, row: Row, audience_id: str) -> bool:
        """Who is or was on the list."""
        lists = ("listIds", "listUnsubscribed")
        return any(_on(row, name, audience_id) for name in lists)

    def heard(self, event: Row) -> Iterator[Change]:
        """`email` is an address or a list of them."""
        name = str(event.get("event", ""))
        at = moment(event.get("ts_event") or event.get("ts") or event.get("date"))
        kind, status = EVENTS.get(name, ("", ""))
        emails = event.get("email") or ()
        for email in [emails] if isinstance(emails, str) else emails:
            if kind:
                yield Change(email=str(email), kind=kind, status=status, at=at)

    def hook(self, url: str, audience_id: str) -> Row:
        """For the whole account: Brevo has none for a list."""
        more = {"description": "contactsync", "events": POSTED}
        return {"type": "marketing", "url": url, **more}

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        """A list's own opt-out cannot be set by the API, and taking people off a list
        leaves no trace of their wish: so they are blocklisted."""

        def leave(form: str) -> None:
            gone = {"emailBlacklisted": True}
            self.request("PUT", _path(form), params=BY_EMAIL, payload=gone)

        return self.opting_out(emails, lambda email: self.in_each_form(email, leave))

    def erase(self, email: str) -> Receipt:
        query = urlencode(BY_EMAIL)
        return self.erase_forms(email, lambda form: f"{_path(form)}?{query}")


def _type(row: Row) -> str:
    if row.get("category") == "category":
        return "choice"
    if row.get("name") in PHONES:
        return "phone"
    return TYPES.get(str(row.get("type")), "text")


def _choices(row: Row) -> dict[str, object]:
    """A category's labels and their numbers."""
    return {str(o.get("label")): o.get("value") for o in row.get("enumeration") or ()}


def _on(row: Row, name: str, audience_id: str) -> bool:
    """Whether the list is among those under a name."""
    numbers = row.get(name)
    if not isinstance(numbers, list) and numbers is not None:
        raise unreadable("Brevo")
    return audience_id in {str(number) for number in numbers or ()}


def _log(row: Row, *names: str) -> list[Row]:
    """Entries of the statistics, which stand in lists, some of them nested."""
    found = dig(row, "statistics", *names)
    return found if isinstance(found, list) else []


def _path(email: str) -> str:
    return f"/v3/contacts/{quote(email.strip().lower(), safe='')}"
