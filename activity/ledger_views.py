"""The Books page: what was captured, and where all of it is."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils.text import slugify
from django.views.decorators.http import require_safe

from activity import ledger_rows, words
from activity.export import Echo, safe
from activity.ledger import BY, Ledger, ledger
from activity.ledger_lines import REFUSED, Tally
from activity.ledger_sql import DAY, DISPLAY, RULE, Scope
from activity.people import as_uuid_text, displays
from activity.rejected import as_day
from contactsync.lib.clock import now
from contactsync.tenancy.access import TenantRequest, requires
from contactsync.tenancy.models import Account, Role
from contactsync.tenancy.services import audit
from displays.models import SyncRule
from integrations.models import State

DAYS = 30
MOST_DAYS = 400
EARLIEST = date.min + timedelta(days=MOST_DAYS)
TABS = ((DAY, "By day"), (DISPLAY, "By display"), (RULE, "By rule"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What the URL asks for; what cannot be is left out. Days are UTC, both counted:
    the last ``DAYS`` unless others are asked for, and no more than ``MOST_DAYS``."""

    by: str
    display: str
    rule: str
    target: str
    since: date
    until: date

    @classmethod
    def read(cls, query: Mapping[str, Any]) -> Filters:
        by = str(query.get("by", ""))
        today = now().date()
        until = as_day(query.get("to", "")) or today
        until = max(min(until, today), EARLIEST)
        since = as_day(query.get("from", "")) or until - timedelta(days=DAYS - 1)
        since = max(min(since, until), until - timedelta(days=MOST_DAYS - 1))
        return cls(
            by=by if by in BY else DAY,
            display=as_uuid_text(query.get("display", "")),
            rule=as_uuid_text(query.get("rule", "")),
            target=as_uuid_text(query.get("target", "")),
            since=since,
            until=until,
        )

    @property
    def days(self) -> int:
        return (self.until - self.since).days + 1

    def scope(self, account: Account) -> Scope:
        return Scope(
            account_id=account.pk,
            display=UUID(self.display) if self.display else None,
            rule=UUID(self.rule) if self.rule else None,
            since=self.since,
            until=self.until,
        )

    def url(self, **more: str) -> str:
        """The query string that asks for the same, and ``more``."""
        given = {
            "by": "" if self.by == DAY else self.by,
            "display": self.display,
            "rule": self.rule,
            "target": self.target,
            "from": self.since.isoformat(),
            "to": self.until.isoformat(),
            **more,
        }
        return f"?{urlencode({name: text for name, text in given.items() if text})}"

    def of_line(self, key: Any) -> dict[str, str]:
        """What the rows behind a line's numbers are asked for by."""
        if self.by == DAY:
            return {"from": key.isoformat(), "to": key.isoformat()}
        return {self.by: str(key)}


def books(account: Account, filters: Filters) -> Ledger:
    scope = filters.scope(account)
    return ledger(
        account,
        display=scope.display,
        rule=scope.rule,
        since=filters.since,
        until=filters.until,
        by=filters.by,
    )


@require_safe
@requires(Role.VIEWER)
def page(request: TenantRequest) -> HttpResponse:
    account = request.account
    filters = Filters.read(request.GET)
    book = books(account, filters)
    rules = set(SyncRule.objects.for_account(account).values_list("pk", flat=True))
    today = now().date()
    return render(
        request,
        "activity/ledger.html",
        {
            "book": Shown(book, filters, {}),
            "lines": [
                Shown(line, filters, _asked(filters, line.key, rules))
                for line in book.lines
            ],
            "today": Shown(
                ledger(account, since=today, until=today),
                Filters.read({}),
                {"from": today.isoformat(), "to": today.isoformat()},
            ),
            "filters": filters,
            "tabs": [(key, label, filters.url(by=key)) for key, label in TABS],
            "displays": displays(account),
        },
    )


def _asked(filters: Filters, key: Any, rules: set[UUID]) -> dict[str, str]:
    asked = filters.of_line(key)
    if filters.by == RULE and key not in rules:
        return {"target": asked[RULE]}
    return asked


class Shown:
    """A tally with the addresses of the rows behind its numbers."""

    def __init__(self, tally: Tally, filters: Filters, asked: dict[str, str]) -> None:
        self.tally, self.filters, self.asked = tally, filters, asked

    def _url(self, show: str) -> str:
        return f"rows/{self.filters.url(**self.asked, show=show)}"

    @property
    def captured(self) -> str:
        return self._url("captured")

    @property
    def accepted(self) -> str:
        return self._url("accepted")

    @property
    def filtered(self) -> str:
        return self._url("filtered")

    @property
    def categories(self) -> list[tuple[str, int, str]]:
        return [
            (words.category(each), n, self._url(f"filtered.{each}"))
            for each, n in self.tally.filtered.items()
            if n
        ]

    @property
    def states(self) -> list[tuple[str, str, int, str]]:
        """(state, label, deliveries, address), those that occur."""
        return [
            (state.value, str(state.label), n, self._url(state.value))
            for state in State
            if (n := self.tally.deliveries[state.value])
        ]

    @property
    def complaints(self) -> list[tuple[str, str]]:
        """(sentence, address) of what is unexplained."""
        return [
            (sentence, self._url(name))
            for name, sentence in self.tally.details.sentences
        ]


@require_safe
@requires(Role.VIEWER)
def rows(request: TenantRequest) -> HttpResponse:
    """The contacts behind one number."""
    account = request.account
    filters = Filters.read(request.GET)
    asked = request.GET.get("show", "")
    show = asked if asked in ledger_rows.SHOWS else "captured"
    after = request.GET.get("after", "")
    found, following = ledger_rows.page(
        account,
        filters.scope(account),
        show,
        target=UUID(filters.target) if filters.target else None,
        after=after,
    )
    return render(
        request,
        "activity/ledger_rows.html",
        {
            "rows": found,
            "title": ledger_rows.SHOWS[show],
            "filters": filters,
            "after": after,
            "books_url": filters.url(target=""),
            "first_url": filters.url(show=show),
            "next_url": filters.url(show=show, after=following) if following else "",
        },
    )


COLUMNS = (
    *("key", "name", "captured", "accepted", "filtered"),
    *(f"filtered_{each}" for each in REFUSED),
    *("owed", "deliveries", *State.values),
    *("beyond", "lists", "pruned", "unexplained", "why"),
)


@require_safe
@requires(Role.VIEWER)
def export(request: TenantRequest) -> Any:
    """The table as CSV. What leaves the house is written down."""
    account = request.account
    filters = Filters.read(request.GET)
    audit(request, account=account, action="books.exported", subject=filters.url())
    name = f"books-{slugify(account.slug)}-{filters.since}-{filters.until}.csv"
    return StreamingHttpResponse(
        lines(books(account, filters)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def lines(book: Ledger) -> Iterator[str]:
    """A line per day, display or rule, and the sum; formula-safe."""
    writer = csv.writer(Echo())
    yield "\ufeff" + writer.writerow(COLUMNS)
    for line in book.lines:
        yield writer.writerow(cells(str(line.key), line.label, line))
    yield writer.writerow(cells("", "Total", book))


def cells(key: str, name: str, tally: Tally) -> list[object]:
    return [
        safe(each)
        for each in (
            *(key, name, tally.captured, tally.accepted, tally.refused),
            *tally.filtered.values(),
            *(tally.owed, tally.sent, *tally.deliveries.values()),
            *(tally.beyond, tally.lists, tally.pruned, tally.unexplained),
            " ".join(tally.complaints),
        )
    ]
