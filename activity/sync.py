"""The Sync activity page: the newest deliveries, and how each linked account does."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Count, QuerySet

from activity import words
from activity.paging import by_id
from activity.people import as_uuid_text
from contacts.models import Contact
from contactsync.lib.clock import now
from contactsync.tenancy.models import Account
from integrations.adapters.errors import Reason
from integrations.models import Delivery, LinkedAccount, State, Target, in_states
from integrations.reasons import fix_for

PAGE_SIZE = 25
ATTENTION = "attention"
REASONS = frozenset(each.value for each in Reason)
STATES: dict[str, tuple[str, tuple[str, ...]]] = {
    "": ("All", ()),
    ATTENTION: ("Needs attention", (State.HELD, State.FAILED, State.REJECTED)),
    **{state.value: (state.label, (state.value,)) for state in State},
}


@dataclass(frozen=True, slots=True)
class Filters:
    """What the URL asks for; what cannot be is left out."""

    state: str = ""
    linked: str = ""
    reason: str = ""

    @classmethod
    def read(cls, query: Mapping[str, Any]) -> Filters:
        state, reason = query.get("state", ""), query.get("reason", "")
        return cls(
            state=state if state in STATES else "",
            linked=as_uuid_text(query.get("linked", "")),
            reason=reason if reason in REASONS else "",
        )

    @property
    def any(self) -> bool:
        return bool(self.state or self.linked or self.reason)

    def url(self, **more: str) -> str:
        given = {
            "state": self.state,
            "linked": self.linked,
            "reason": self.reason,
            **more,
        }
        query = urlencode({name: text for name, text in given.items() if text})
        return f"?{query}" if query else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One delivery as the table shows it."""

    contact_id: UUID
    email: str
    provider: str
    glyph: str
    colour: str
    audience: str
    label: str
    tone: str
    sentence: str
    provider_words: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    state: str
    label: str
    tone: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A linked account and its deliveries, counted by state."""

    linked: LinkedAccount
    glyph: str
    colour: str
    counts: Sequence[Tally]
    total: int


def newest(account: Account, filters: Filters, after: str) -> tuple[Sequence[Row], str]:
    """A page of deliveries and the ``after`` of the next. Four queries."""
    found: QuerySet[Delivery] = Delivery.objects.for_account(account)
    if filters.state:
        found = found.filter(in_states(STATES[filters.state][1]))
    if filters.linked:
        found = found.filter(linked_account_id=UUID(filters.linked))
    if filters.reason:
        found = found.filter(reason=filters.reason)
    page = by_id(found, after, PAGE_SIZE)
    contacts = dict(
        Contact.objects.for_account(account)
        .filter(pk__in={row.contact_id for row in page.rows})
        .values_list("pk", "email")
    )
    targets = Target.objects.for_account(account).in_bulk(
        {row.target_id for row in page.rows}
    )
    linked = LinkedAccount.objects.for_account(account).in_bulk(
        {row.linked_account_id for row in page.rows}
    )
    at = now()
    return [
        _row(
            row,
            contacts.get(row.contact_id, str(row.payload.get("email", ""))),
            targets.get(row.target_id),
            linked.get(row.linked_account_id),
            at,
        )
        for row in page.rows
    ], page.after


def _row(
    row: Delivery,
    email: str,
    target: Target | None,
    linked: LinkedAccount | None,
    at: datetime,
) -> Row:
    adapter = linked.adapter_class if linked else None
    provider = adapter.label if adapter else "the provider"
    fix = fix_for(row.reason, provider)
    return Row(
        contact_id=row.contact_id,
        email=email,
        provider=adapter.label if adapter else "",
        glyph=adapter.glyph if adapter else "",
        colour=adapter.colour if adapter else "",
        audience=(target.audience_label or target.audience_id) if target else "",
        label=words.badge(
            row.state, words.why(row.state, row.reason, provider, row.due, at)
        ),
        tone=words.TONES.get(row.state, ""),
        sentence=fix.sentence if fix else "",
        provider_words=row.detail if row.state != State.SYNCED else "",
        at=row.changed_at,
    )


def standings(account: Account) -> list[Standing]:
    """How many deliveries each linked account has in which state. Two queries."""
    counts: dict[UUID, dict[str, int]] = defaultdict(dict)
    for group in (
        Delivery.objects.for_account(account)
        .order_by()
        .values("linked_account_id", "state")
        .annotate(n=Count("*"))
    ):
        counts[group["linked_account_id"]][group["state"]] = group["n"]
    found = []
    for linked in LinkedAccount.objects.for_account(account).order_by("created_at"):
        states = counts.get(linked.pk, {})
        if linked.removed_at and not states:
            continue
        found.append(
            Standing(
                linked=linked,
                glyph=linked.adapter_class.glyph,
                colour=linked.adapter_class.colour,
                counts=[
                    Tally(
                        state=state,
                        label=words.LABELS[state],
                        tone=words.TONES[state],
                        count=states[state],
                    )
                    for state in reversed(words.URGENCY)
                    if states.get(state)
                ],
                total=sum(states.values()),
            )
        )
    return found
