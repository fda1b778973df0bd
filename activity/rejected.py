"""Everybody the filter turned away: filters that live in the URL, counts and rows."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Count, QuerySet

from activity import words
from activity.export import Echo, safe
from activity.people import as_uuid_text, displays
from activity.verdicts import told
from contacts.models import Contact
from contactsync.lib.email import MAX_EMAIL, domain_shown
from contactsync.lib.ids import floor
from contactsync.tenancy.models import Account
from displays.appeals import NO_SUCH_PLACE
from displays.models import Signup
from hygiene.facts import default_facts
from hygiene.rules.syntax import parse
from hygiene.verdict import Category, Finding, printable

PAGE_SIZE = 25
CHUNK = 500
APPEALABLE = frozenset(
    {
        *(Category.BOT, Category.ROLE, Category.BROADCAST, Category.TRANSACTIONAL),
        *(Category.DISPOSABLE, Category.DENIED),
    }
)
"""Not what cannot be written to, nor what a person asked for."""
CATEGORIES = tuple(each.value for each in Category if each is not Category.VALID)
COLUMNS = (
    *("email", "rejected_at", "display", "category", "rule", "evidence", "also"),
    *("sentence", "next_step", "suggest", "accepted_since", "signup", "contact"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What the URL asks for; what cannot be is left out. Days are UTC, both counted."""

    category: str = ""
    rule: str = ""
    display: str = ""
    since: date | None = None
    until: date | None = None
    q: str = ""

    @classmethod
    def read(cls, query: Mapping[str, Any]) -> Filters:
        category = str(query.get("category", ""))
        return cls(
            category=category if category in CATEGORIES else "",
            rule=as_rule(query.get("rule", "")),
            display=as_uuid_text(query.get("display", "")),
            since=as_day(query.get("from", "")),
            until=as_day(query.get("to", "")),
            q=str(query.get("q", "")).strip().replace("\x00", "")[:MAX_EMAIL],
        )

    @property
    def any(self) -> bool:
        return bool(self.url())

    @property
    def from_text(self) -> str:
        return self.since.isoformat() if self.since else ""

    @property
    def to_text(self) -> str:
        return self.until.isoformat() if self.until else ""

    def url(self, **more: str) -> str:
        """The query string that asks for the same, and ``more``; "" or ``?...``."""
        given = {
            "category": self.category,
            "rule": self.rule,
            "display": self.display,
            "from": self.from_text,
            "to": self.to_text,
            "q": self.q,
            **more,
        }
        query = urlencode({name: text for name, text in given.items() if text})
        return f"?{query}" if query else ""


def as_day(value: Any) -> date | None:
    """``2026-05-31`` as a day; ``None`` for anything else."""
    try:
        return date.fromisoformat(str(value)) if len(str(value)) == 10 else None
    except ValueError:
        return None


def as_rule(value: Any) -> str:
    """A rule's name, which is lower-case words joined by hyphens, or ""."""
    text = str(value)
    fine = text.isascii() and text.replace("-", "").isalnum() and len(text) <= 40
    return text if fine else ""


def rejected(account: Account, filters: Filters) -> QuerySet[Signup]:
    """The signups that were turned away and that the filters let through."""
    found = in_period(account, filters)
    if filters.category:
        found = found.filter(category=filters.category)
    return found.filter(rule=filters.rule) if filters.rule else found


def in_period(account: Account, filters: Filters) -> QuerySet[Signup]:
    """The same whatever the category and the rule: what the counts are of."""
    found: QuerySet[Signup] = Signup.objects.for_account(account)
    found = found.filter(status=Signup.Status.FILTERED)
    if filters.display:
        found = found.filter(display_id=filters.display)
    if filters.since:
        since = midnight(filters.since)
        found = found.filter(at__gte=since, pk__gte=floor(since))
    if filters.until and filters.until < date.max:
        found = found.filter(at__lt=midnight(filters.until + timedelta(days=1)))
    if filters.q:
        found = found.filter(email__icontains=filters.q)
    return found


def midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)


@dataclass(frozen=True, slots=True)
class Tab:
    """A category and how many it turned away; ``key`` is "" for all of them."""

    key: str
    label: str
    count: int
    url: str


def tabs(account: Account, filters: Filters) -> tuple[list[Tab], list[str]]:
    """The counts per category, and the rules that hit. One query."""
    categories: Counter[str] = Counter()
    rules: set[str] = set()
    for group in (
        in_period(account, filters)
        .order_by()
        .values("category", "rule")
        .annotate(n=Count("*"))
    ):
        categories[group["category"]] += group["n"]
        if not filters.category or group["category"] == filters.category:
            rules.add(group["rule"])
    found = [Tab("", "All", categories.total(), _tab_url(filters, ""))]
    for key in CATEGORIES:
        if categories[key] or key == filters.category:
            label = words.category(key).capitalize()
            found.append(Tab(key, label, categories[key], _tab_url(filters, key)))
    return found, sorted((rules | {filters.rule}) - {""})


def _tab_url(filters: Filters, category: str) -> str:
    return filters.url(category=category, rule="") or "?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Appeal:
    """That this signup may be let in after all.

    ``domain`` is what could be allowed beside the address; "" where that would let in
    every customer of a mailbox provider.
    """

    signup_id: UUID
    domain: str

    @property
    def domain_shown(self) -> str:
        return domain_shown(self.domain)


def appeal(signup_id: UUID, email: str, category: str, rule: str) -> Appeal | None:
    """What can be allowed; ``None`` where a verdict is not for us to lift."""
    if category not in APPEALABLE or rule == NO_SUCH_PLACE:
        return None
    facts = default_facts()
    parsed = parse(email, facts.words.reserved_suffixes)
    if isinstance(parsed, Finding):
        return None
    domain = parsed[1]
    shared = domain in facts.mailboxes or domain in facts.masks
    return Appeal(signup_id=signup_id, domain="" if shared else domain)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One signup that was turned away, as the table, the API and the CSV show it.

    ``accepted_since``: a later signup of the same person got through.
    """

    signup_id: UUID
    contact_id: UUID
    email: str
    category: str
    label: str
    rule: str
    evidence: str
    also: tuple[str, ...]
    sentence: str
    next_step: str
    suggest: str
    display_id: UUID
    display: str
    at: datetime
    accepted_since: bool
    appeal: Appeal | None

    @property
    def shown(self) -> str:
        """The address fit to be seen: nothing that hides or turns letters around."""
        return printable(self.email)


def page(
    account: Account, filters: Filters, after: str, names: Mapping[str, str]
) -> tuple[list[Row], str]:
    """A page, newest first, and the ``after`` of the next. Two queries.

    ``names`` are the displays'. An ``after`` that cannot be read gives the first page.
    """
    found = rejected(account, filters)
    if place := as_uuid_text(after):
        found = found.filter(pk__lt=place)
    signups = list(found.order_by("-id")[: PAGE_SIZE + 1])
    more = len(signups) > PAGE_SIZE
    shown = signups[:PAGE_SIZE]
    return rows_of(shown, account, names), str(shown[-1].pk) if more else ""


def rows_of(
    signups: Sequence[Signup], account: Account, names: Mapping[str, str]
) -> list[Row]:
    """What there is to say of each signup. One query."""
    accepted = set(
        Contact.objects.for_account(account)
        .filter(
            pk__in={signup.contact_id for signup in signups},
            status=Contact.Status.ACCEPTED,
        )
        .values_list("pk", flat=True)
    )
    return [_row(signup, signup.contact_id in accepted, names) for signup in signups]


def _row(signup: Signup, accepted: bool, names: Mapping[str, str]) -> Row:
    sentence, next_step = told(signup.category, signup.rule, signup.evidence)
    may = (
        None
        if accepted
        else appeal(signup.pk, signup.email, signup.category, signup.rule)
    )
    return Row(
        signup_id=signup.pk,
        contact_id=signup.contact_id,
        email=signup.email,
        category=signup.category,
        label=words.category(signup.category).capitalize(),
        rule=signup.rule,
        evidence=signup.evidence,
        also=tuple(signup.also),
        sentence=sentence,
        next_step=next_step,
        suggest=signup.suggest,
        display_id=signup.display_id,
        display=names.get(str(signup.display_id), ""),
        at=signup.at,
        accepted_since=accepted,
        appeal=may,
    )


def lines(account: Account, filters: Filters) -> Iterator[str]:
    """The same as CSV, streamed; formula-safe, with a byte order mark for Excel."""
    writer = csv.writer(Echo())
    yield "\ufeff" + writer.writerow(COLUMNS)
    names = dict(displays(account))
    found = rejected(account, filters).order_by("-id")
    last: UUID | None = None
    while True:
        after = found.filter(pk__lt=last) if last else found
        signups = list(after[:CHUNK])
        for row in rows_of(signups, account, names):
            yield writer.writerow([safe(cell) for cell in cells(row)])
        if len(signups) < CHUNK:
            return
        last = signups[-1].pk


def cells(row: Row) -> tuple[object, ...]:
    return (
        row.email,
        row.at.isoformat(),
        row.display,
        row.category,
        row.rule,
        row.evidence,
        " ".join(row.also),
        row.sentence,
        row.next_step,
        row.suggest,
        "yes" if row.accepted_since else "no",
        row.signup_id,
        row.contact_id,
    )
