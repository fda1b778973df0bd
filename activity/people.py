"""The list of contacts: filters that live in the URL, and what a row says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from contacts.models import Contact
from contactsync.lib.email import MAX_EMAIL, email_key
from contactsync.tenancy.models import Account
from displays.models import Display, Signup
from integrations.models import Delivery, State

PAGE_SIZE = 25

# ?status= -> the states that it means.
STATUSES: dict[str, tuple[str, tuple[str, ...]]] = {
    "synced": ("Synced", (State.SYNCED,)),
    "opt_in": ("Pending (double opt-in)", (State.AWAITING_OPT_IN,)),
    "waiting": ("Waiting", (State.PENDING, State.SENDING, State.SUBMITTED)),
    "held": ("Held", (State.HELD,)),
    "filtered": ("Rejected by the filter", ()),
    "rejected": ("Rejected by the provider", (State.REJECTED,)),
    "failed": ("Failed", (State.FAILED,)),
    "skipped": ("Skipped", (State.SKIPPED,)),
    "no_rule": ("No rule", ()),
}


@dataclass(frozen=True, slots=True)
class Filters:
    """What the URL asks for. Anything it asks for that cannot be is left out."""

    q: str = ""
    status: str = ""
    display: str = ""

    @classmethod
    def read(cls, query: Mapping[str, Any]) -> Filters:
        status = query.get("status", "")
        return cls(
            q=str(query.get("q", "")).strip().replace("\x00", "")[:MAX_EMAIL],
            status=status if status in STATUSES else "",
            display=as_uuid_text(query.get("display", "")),
        )

    @property
    def any(self) -> bool:
        return bool(self.q or self.status or self.display)

    def url(self, **more: str) -> str:
        """The query string that asks for the same, and ``more``; "" or ``?...``."""
        given = {"q": self.q, "status": self.status, "display": self.display, **more}
        query = urlencode({name: text for name, text in given.items() if text})
        return f"?{query}" if query else ""


def as_uuid_text(value: Any) -> str:
    try:
        return str(UUID(str(value)))
    except ValueError:
        return ""


def contacts(account: Account, filters: Filters) -> QuerySet[Contact]:
    """The account's contacts that the filters let through, in no order yet."""
    found: QuerySet[Contact] = Contact.objects.for_account(account)
    if filters.q:
        found = found.filter(email_key__contains=email_key(filters.q))
    if filters.display:
        found = found.filter(
            Exists(
                Signup.objects.for_account(account).filter(
                    contact_id=OuterRef("pk"), display_id=filters.display
                )
            )
        )
    match filters.status:
        case "":
            return found
        case "filtered":
            return found.filter(status=Contact.Status.FILTERED)
        case "no_rule":
            return found.filter(
                ~Exists(of_contact(account)), status=Contact.Status.ACCEPTED
            )
    return found.filter(Exists(latest_in(account, STATUSES[filters.status][1])))


def of_contact(account: Account) -> QuerySet[Delivery]:
    deliveries: QuerySet[Delivery] = Delivery.objects.for_account(account)
    return deliveries.filter(contact_id=OuterRef("pk"))


def latest_in(account: Account, states: tuple[str, ...]) -> QuerySet[Delivery]:
    """The contact's deliveries in ``states`` that no newer one has replaced."""
    newer = Delivery.objects.filter(
        Q(id__gt=OuterRef("id")),
        contact_id=OuterRef("contact_id"),
        target_id=OuterRef("target_id"),
    )
    return of_contact(account).filter(~Exists(newer), state__in=states)


def displays(account: Account) -> list[tuple[str, str]]:
    """Id and name of every display, for the filter."""
    return [
        (str(pk), name)
        for pk, name in Display.objects.for_account(account)
        .order_by("name")
        .values_list("pk", "name")
    ]
