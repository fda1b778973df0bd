"""Reading what Brevo answers and posts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from integrations.adapters.base import Change, Subscription, filled
from integrations.adapters.shapes import unreadable
from integrations.adapters.shared import moment

TYPES = {
    **{"date": "date", "float": "number", "boolean": "boolean"},
    **{"multiple-choice": "multi_choice"},
}
PHONES = {"SMS", "WHATSAPP", "LANDLINE_NUMBER"}
EVENTS = {
    **{"unsubscribe": "unsubscribed", "unsubscribed": "unsubscribed"},
    **{"hard_bounce": "bounced", "hardBounce": "bounced", "spam": "complained"},
}


def type_of(row: Mapping[str, Any]) -> str:
    if row.get("category") == "category":
        return "choice"
    if row.get("name") in PHONES:
        return "phone"
    return TYPES.get(str(row.get("type")), "text")


def choices(row: Mapping[str, Any]) -> dict[str, object]:
    """A category's labels and their numbers."""
    return {str(o.get("label")): o.get("value") for o in row.get("enumeration") or ()}


@dataclass(frozen=True, slots=True)
class Person:
    """A contact as Brevo answers it; {} for nobody."""

    row: Mapping[str, Any]

    @property
    def id(self) -> str:
        return str(self.row.get("id") or "")

    @property
    def values(self) -> dict[str, object]:
        """A category's option is its number here."""
        return filled(self.row.get("attributes") or {})

    def _on(self, name: str, audience_id: str) -> bool:
        numbers = self.row.get(name)
        if not isinstance(numbers, list) and numbers is not None:
            raise unreadable("Brevo")
        return audience_id in {str(number) for number in numbers or ()}

    def knows(self, audience_id: str) -> bool:
        return any(self._on(n, audience_id) for n in ("listIds", "listUnsubscribed"))

    def _log(self, *names: str) -> Iterator[Mapping[str, Any]]:
        """Entries of the statistics, which stand in lists, some of them nested."""
        node: Any = self.row.get("statistics") or {}
        for name in names:
            node = node.get(name) if isinstance(node, dict) else None
        yield from node or () if isinstance(node, list) else ()

    def status(self, audience_id: str) -> str:
        if self.row.get("emailBlacklisted"):
            if any(self._log("complaints")):
                return "complained"
            return "bounced" if any(self._log("hardBounces")) else "unsubscribed"
        if self._on("listUnsubscribed", audience_id):
            return "unsubscribed"
        return "subscribed" if self._on("listIds", audience_id) else "absent"

    def standing(self, email: str, audience_id: str) -> Subscription:
        left = [
            moment(entry.get("eventTime"))
            for name in ("userUnsubscription", "adminUnsubscription")
            for entry in self._log("unsubscriptions", name)
        ]
        return Subscription(
            email=email,
            status=self.status(audience_id),
            changed_at=max((at for at in left if at), default=None),
            remote_id=self.id,
            fields=self.values if self.row else None,
        )

    def change(self, audience_id: str) -> Change:
        return Change(
            email=str(self.row.get("email", "")),
            kind="upsert",
            status=self.status(audience_id),
            fields=self.values,
            at=moment(self.row.get("modifiedAt")),
            audience_id=audience_id,
        )


def posted(row: Mapping[str, Any]) -> Iterator[Change]:
    """The changes in one event: email is an address or a list of them."""
    event = str(row.get("event", ""))
    at = moment(row.get("ts_event") or row.get("ts") or row.get("date"))
    emails = row.get("email") or ()
    for email in [emails] if isinstance(emails, str) else emails:
        if event in EVENTS:
            yield Change(email=str(email), kind="status", status=EVENTS[event], at=at)
        elif event == "contact_deleted":
            yield Change(email=str(email), kind="delete", status="absent", at=at)
        elif event in ("contact_updated", "list_addition"):
            yield Change(email=str(email), kind="upsert", at=at)
