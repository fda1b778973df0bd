"""A contact's timeline: events and consents, newest first, with what was said."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from activity.verdicts import told
from contacts.models import Consent, Contact, Event
from contactsync.lib.clock import now
from contactsync.templatetags.ui import span
from contactsync.tenancy.models import Account
from displays.models import Display, Signup
from integrations.models import Attempt, LinkedAccount, Target
from integrations.reasons import fix_for

PAGE_SIZE = 30
SHOWS = {"all": "All", "sync": "Sync", "consent": "Consent"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line. ``tone`` and ``icon`` for the eye, the rest in words.

    ``exchanges`` are the attempt's, redacted; ``shared`` is the number of contacts
    that went in the same call.
    """

    at: datetime
    tone: str
    icon: str
    title: str
    detail: str = ""
    display_id: UUID | None = None
    display: str = ""
    evidence: str = ""
    exchanges: Sequence[dict[str, Any]] = ()
    shared: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    label: str
    entries: Sequence[Entry]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """``after`` asks for the next page, "" at the end."""

    days: Sequence[Day]
    show: str
    after: str


# state -> tone, icon, what it says
SAYINGS: dict[str, tuple[str, str, str]] = {
    "pending": ("warn", "refresh-cw", "{provider} could not take it yet"),
    "submitted": ("info", "send", "{provider} took it for processing"),
    "awaiting_opt_in": ("warn", "clock", "{provider} accepted the contact as pending"),
    "confirmed": ("ok", "mail-check", "Confirmed: waits to be sent to {provider}"),
    "asked_again": ("info", "mail", "Asked once more to confirm, for {provider}"),
    "synced": ("ok", "check", "Added to {audience} in {provider}"),
    "rejected": ("bad", "ban", "{provider} rejected the contact"),
    "held": ("warn", "pause", "Held back from {provider}"),
    "failed": ("bad", "circle-x", "Sending to {provider} failed"),
    "skipped": ("", "skip-forward", "Not sent to {provider}"),
    "resumed": ("info", "play", "Let go: waits to be sent to {provider}"),
    "retried": ("info", "refresh-cw", "Sent again by hand to {provider}"),
    "reclaimed": ("info", "rotate-ccw", "Taken back from a worker that stopped"),
    "repaired": ("info", "refresh-cw", "Was not at {provider}: sent again"),
    "given_up": ("", "x", "The bulk action was cancelled before this was sent"),
    "undone": ("", "undo-2", "A bulk action was undone in {provider}"),
}


# Our own confirmation mail, by the reason that the delivery waits with.
OUR_MAIL: dict[str, tuple[str, str, str]] = {
    "opt_in.queued": ("info", "mail", "Our confirmation mail is on its way out"),
    "opt_in.sent": ("warn", "mail", "We asked by mail to confirm, for {provider}"),
    "opt_in.delivered": ("warn", "mail-open", "Our confirmation mail was delivered"),
    "opt_in.bounced": ("bad", "mail-x", "Our confirmation mail came back"),
}
HOW = {
    "mail": "Confirmed by a click in our mail",
    "provider": "Confirmed in the provider’s mail",
}


def timeline(
    contact: Contact, account: Account, *, show: str = "all", after: str = ""
) -> Timeline:
    """One page of ``PAGE_SIZE`` lines. Six queries at most."""
    show = show if show in SHOWS else "all"
    rows, following = page(contact, account, show, after)
    entries = told_entries(rows, account)
    today = now().date()
    return Timeline(
        days=[
            Day(label=_day(day, today), entries=list(group))
            for day, group in groupby(entries, key=lambda entry: entry.at.date())
        ],
        show=show,
        after=following,
    )


def _day(day: Any, today: Any) -> str:
    if day == today:
        return "Today"
    if day == today - timedelta(days=1):
        return "Yesterday"
    return f"{day.day} {day:%B %Y}"


def page(
    contact: Contact, account: Account, show: str, after: str
) -> tuple[list[Event | Consent], str]:
    """The newest of two streams, each in the order of its own ids.

    ``after`` is ``<event id>.<consent id>``: how far each stream has been told. A row
    that is added meanwhile has a higher id than all of them, so it shifts nothing.
    """
    before_event, before_consent = _marks(after)
    events: QuerySet[Event] = Event.objects.for_account(account).filter(
        contact_id=contact.pk
    )
    if show == "sync":
        events = events.filter(kind__startswith="delivery.")
    elif show == "consent":
        events = events.exclude(kind__startswith="delivery.")
    events = events.exclude(kind="consent.confirmed")  # the consent itself says it
    left: list[Any] = _newest(events, before_event)
    right: list[Any] = []
    if show != "sync":
        consents = Consent.objects.for_account(account).filter(contact_id=contact.pk)
        right = _newest(consents, before_consent)
    rows: list[Any] = []
    while len(rows) < PAGE_SIZE and (left or right):
        # A consent is stored with its signup's event, and came just before it.
        first = left if left and (not right or left[0].at > right[0].at) else right
        row = first.pop(0)
        rows.append(row)
        if isinstance(row, Event):
            before_event = row.pk
        else:
            before_consent = row.pk
    more = bool(left or right)
    return rows, f"{before_event}.{before_consent}" if more else ""


def _newest(rows: QuerySet[Any], before: int) -> list[Any]:
    if before:
        rows = rows.filter(pk__lt=before)
    return list(rows.order_by("-id")[: PAGE_SIZE + 1])


def _marks(after: str) -> tuple[int, int]:
    event, _, consent = after.partition(".")
    if event.isdecimal() and consent.isdecimal() and len(after) < 39:
        return int(event), int(consent)
    return 0, 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What the lines of a page point to."""

    signups: dict[UUID, Signup]
    displays: dict[UUID, str]
    targets: dict[UUID, Target]
    attempts: dict[int, Attempt]


def told_entries(rows: Iterable[Event | Consent], account: Account) -> list[Entry]:
    rows = list(rows)
    events = [row for row in rows if isinstance(row, Event)]
    signups = Signup.objects.for_account(account).in_bulk(
        {
            UUID(row.data["signup"])
            for row in events
            if row.kind.startswith("signup.") and row.data.get("signup")
        }
    )
    around = Around(
        signups=signups,
        displays=dict(
            Display.objects.for_account(account)
            .filter(pk__in={signup.display_id for signup in signups.values()})
            .values_list("pk", "name")
        ),
        targets={
            target.pk: target
            for target in Target.objects.for_account(account)
            .filter(pk__in={row.data["target"] for row in events if _sent(row)})
            .select_related("linked_account")
        },
        attempts=Attempt.objects.for_account(account).in_bulk(
            {row.attempt_id for row in events if row.attempt_id}
        ),
    )
    return [
        of_consent(row)
        if isinstance(row, Consent)
        else of_delivery(row, around)
        if row.kind.startswith("delivery.")
        else of_change(row)
        if row.kind in CHANGES
        else of_signup(row, around)
        for row in rows
    ]


def _sent(row: Event) -> bool:
    return row.kind.startswith("delivery.") and bool(row.data.get("target"))


def of_consent(row: Consent) -> Entry:
    return Entry(
        at=row.at,
        tone="info" if row.given else "",
        icon="shield-check" if row.given else "shield-off",
        title=HOW.get(row.how)
        or ("Consent given" if row.given else "Consent not given"),
        detail=" · ".join(
            part for part in (f"“{row.text}”" if row.text else "", row.page_url) if part
        ),
    )


# kind -> tone, icon, what it says, from the event's data
CHANGES: dict[str, tuple[str, str, str]] = {
    "signup.released": ("ok", "shield-check", "{by} accepted this signup after all"),
    "signup.withdrawn": ("bad", "funnel-x", "Rejected after a second look"),
    "import.added": ("", "upload", "Imported from {filename}, row {row}"),
    "provider.left": ("warn", "user-minus", "{what} at {where}"),
    "provider.returned": ("ok", "user-plus", "Subscribed again at {where}"),
    "provider.deleted": ("warn", "user-x", "Removed at {where}"),
    "provider.email_changed": ("", "at-sign", "New address at {where}: {to}"),
    "suppression.added": ("warn", "shield-off", "Suppressed: nothing is sent any more"),
    "suppression.lifted": ("ok", "shield-check", "No longer suppressed"),
}


NOT_SAID = {"what": "Left", "where": "the provider", "to": "another one"}


def of_change(row: Event) -> Entry:
    """What became of a contact by other ways than a signup or a delivery."""
    tone, icon, saying = CHANGES[row.kind]
    given = {"by": "Somebody", "filename": "a list", "row": "?", **NOT_SAID, **row.data}
    return Entry(
        at=row.at,
        tone=tone,
        icon=icon,
        title=saying.format(**given),
        detail=str(row.data.get("reason", "")),
        evidence=str(row.data.get("evidence", "")),
    )


def of_signup(row: Event, around: Around) -> Entry:
    """A signup, or an event of another kind, which is shown by its name."""
    key = row.data.get("signup")
    signup = around.signups.get(UUID(key)) if key else None
    if signup is None:
        return Entry(
            at=row.at,
            tone="",
            icon="circle-dot",
            title=row.kind.replace(".", " ").replace("_", " ").capitalize(),
            detail=str(row.data.get("detail", "")),
        )
    utm = signup.context.get("utm") or {}
    where = [signup.context.get("page_url", "")]
    where += [f"utm_{name}={value}" for name, value in utm.items()]
    filtered = signup.status == Signup.Status.FILTERED
    if filtered:
        where = [told(signup.category, signup.rule, signup.evidence)[0]]
    return Entry(
        at=row.at,
        tone="bad" if filtered else "",
        icon="funnel-x" if filtered else "panel-top",
        title="Signup rejected on" if filtered else "Signed up on",
        detail=" · ".join(part for part in where if part),
        display_id=signup.display_id,
        display=around.displays.get(signup.display_id, "a display"),
        evidence=signup.evidence if filtered else "",
    )


def of_delivery(row: Event, around: Around) -> Entry:
    target = around.targets.get(UUID(row.data["target"])) if _sent(row) else None
    linked: LinkedAccount | None = target.linked_account if target else None
    provider = linked.adapter_class.label if linked else "the provider"
    audience = (target.audience_label or target.audience_id) if target else "it"
    state = row.kind.partition(".")[2]
    tone, icon, saying = SAYINGS.get(
        state, ("", "circle-dot", row.kind.replace(".", " ").capitalize())
    )
    title = saying.format(provider=provider, audience=audience)
    reason, said = str(row.data.get("reason", "")), str(row.data.get("detail", ""))
    fix = fix_for(reason, provider)
    detail = [fix.sentence if fix else "", said]
    due = row.data.get("due")
    if state == "pending" and due:
        wait = (datetime.fromisoformat(due) - row.at).total_seconds()
        detail.append(f"Tried again after {span(wait)}.")
    if state == "awaiting_opt_in" and reason in OUR_MAIL:
        tone, icon, saying = OUR_MAIL[reason]
        title, detail = saying.format(provider=provider), [said]
    elif state == "awaiting_opt_in":
        detail = [f"Is in {audience} once they confirm.", said]
    attempt = around.attempts.get(row.attempt_id) if row.attempt_id else None
    if row.attempt_id and attempt is None:
        detail.append("The exchange itself was deleted by the retention policy.")
    return Entry(
        at=row.at,
        tone=tone,
        icon=icon,
        title=title,
        detail=" ".join(dict.fromkeys(part for part in detail if part)),
        exchanges=attempt.exchanges if attempt else (),
        shared=attempt.contacts if attempt else 0,
    )
