"""What is known about a person: the Details card of the contact page."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from activity.story import Explanation
from contacts.models import Consent, Contact, Suppression
from contactsync.tenancy.models import Account
from integrations.mapping import text
from integrations.models import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """``fields`` are (label, value) pairs as submitted; ``tags`` those that rules set.

    ``consent`` is the latest answer the person gave; None when nobody asked.
    """

    consent: Consent | None
    suppression: Suppression | None
    source: str
    source_id: UUID | None
    fields: list[tuple[str, str]]
    tags: list[str]


def profile(contact: Contact, told: Explanation, account: Account) -> Profile:
    """Three queries."""
    reached = {each.target_id for each in told.destinations if each.delivery_id}
    tags = [
        tag
        for (given,) in Target.objects.for_account(account)
        .filter(pk__in=reached)
        .values_list("tags")
        for tag in given
    ]
    return Profile(
        consent=Consent.objects.for_account(account)
        .filter(contact_id=contact.pk)
        .order_by("-id")
        .first(),
        suppression=Suppression.objects.for_account(account)
        .filter(email_key=contact.email_key)
        .first(),
        source=told.verdict.display if told.verdict else "",
        source_id=told.verdict.display_id if told.verdict else None,
        fields=[
            (name.replace("_", " ").capitalize(), text(value))
            for name, value in sorted(contact.fields.items())
            if text(value)
        ],
        tags=list(dict.fromkeys(tags)),
    )
