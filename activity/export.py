"""The list of contacts as CSV: one line per contact and destination, streamed."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from typing import Any

from activity.explain import explain_all
from activity.paging import by_last_seen
from activity.people import Filters, contacts
from activity.story import Destination, Explanation
from contacts.models import Contact
from contactsync.tenancy.models import Account

CHUNK = 500
COLUMNS = (
    *("email", "name", "first_seen", "last_seen", "display", "signup"),
    *("category", "rule", "evidence", "verdict"),
    *("provider", "linked_account", "audience", "state", "status", "reason"),
    *("why", "next_step", "provider_words", "changed"),
)
# A cell that begins with one of these is a formula to a spreadsheet program (OWASP,
# "CSV Injection"); the wide forms count as the narrow ones in some of them.
FORMULA = tuple("=+-@\t\r\n＝＋－＠")


def safe(value: object) -> str:
    """``value`` as a cell that no spreadsheet program takes for a formula."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA) else text


class Echo:
    """A file that hands back what is written, for csv.writer."""

    def write(self, line: str) -> str:
        return line


def lines(account: Account, filters: Filters) -> Iterator[str]:
    """The CSV, line by line; a thousand contacts need no more memory than one chunk.

    Begins with a byte order mark, without which Excel takes UTF-8 for something else.
    """
    writer = csv.writer(Echo())
    yield "\ufeff" + writer.writerow(COLUMNS)
    wanted, after = contacts(account, filters), ""
    while True:
        page = by_last_seen(wanted, after, CHUNK)
        explained = explain_all(page.rows, account)
        for contact in page.rows:
            for row in rows_of(contact, explained[contact.pk]):
                yield writer.writerow([safe(cell) for cell in row])
        if not page.after:
            return
        after = page.after


def rows_of(contact: Contact, told: Explanation) -> Iterator[Sequence[Any]]:
    verdict = told.verdict
    who = (
        contact.email,
        contact.name,
        contact.first_seen_at.isoformat(),
        contact.last_seen_at.isoformat(),
        verdict.display if verdict else "",
        verdict.status if verdict else "",
        verdict.category if verdict else "",
        verdict.rule if verdict else "",
        verdict.evidence if verdict else "",
        verdict.sentence if verdict else "",
    )
    for each in told.cards or (None,):
        yield (*who, *(where(each) if each else [""] * 10))


def where(each: Destination) -> Sequence[Any]:
    return (
        each.provider_label if each.provider else "",
        each.account_label,
        each.audience,
        each.state,
        each.label,
        each.reason,
        each.sentence,
        each.next_step,
        each.provider_words,
        each.changed_at.isoformat() if each.changed_at else "",
    )
