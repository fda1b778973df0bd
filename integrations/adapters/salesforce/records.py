"""Finding, saving and walking records in Salesforce."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, timedelta
from typing import Any

from integrations.adapters.base import Outcome, Page
from integrations.adapters.each import key_of, spellings, synced
from integrations.adapters.errors import (
    DriftError,
    Reason,
    RejectedError,
    TargetError,
)
from integrations.adapters.http import HttpAdapter
from integrations.adapters.paging import all_pages
from integrations.adapters.salesforce.wire import (
    BOUNCED_AT,
    OPT_OUT,
    change_of,
    groups,
    literal,
    problems,
    refusal,
    words_of,
)
from integrations.adapters.shapes import rows_in, unreadable
from integrations.adapters.shared import expired, moment, parse_place, to_place

DATA = "/services/data/v64.0"  # Summer '25
ROWS = 200  # records of one collection, and of one FIELDS(ALL)
THINGS = {"Lead": "Leads", "Contact": "Contacts"}
# A record gets its SystemModstamp before its transaction ends: up to 10 minutes.
OVERLAP = timedelta(minutes=10)
NOT_SEEN = (
    "this user may not see the e-mail opt-out and bounce fields, so nobody's opt-out "
    "could be respected."
)
RECORD_ID = re.compile(r"([A-Za-z0-9]{15}([A-Za-z0-9]{3})?)?", re.ASCII)
NEXT = re.compile(r"/services/data/v[0-9.]+/query(All)?/[A-Za-z0-9-]+", re.ASCII)


class SalesforceRecords(HttpAdapter):
    """What leads and contacts have in common."""

    def query(self, soql: str, how: str = "query") -> Iterator[dict[str, Any]]:
        """Every record a query finds."""

        def read(path: str) -> tuple[list[dict[str, Any]], str]:
            first = {} if NEXT.fullmatch(path) else {"q": soql}
            body = self.fetch("GET", path, params=first)
            following = str(body.get("nextRecordsUrl") or "")
            if body.get("done") is True:
                following = ""
            elif not NEXT.fullmatch(following):
                raise unreadable(self.label)  # the rest must not pass for nothing
            return rows_in(body, "records"), following

        return all_pages(read, f"{DATA}/{how}")

    def find(
        self, emails: Iterable[str], thing: str
    ) -> dict[str, list[dict[str, Any]]]:
        """Records by lower-case address, oldest first, converted leads last."""
        asked = list(dict.fromkeys(s for email in emails for s in spellings(email)))
        wanted = set(map(key_of, asked))
        more = ", IsConverted" if thing == "Lead" else ""
        columns = f"Id, Email, {OPT_OUT}, {BOUNCED_AT}, SystemModstamp{more}"
        found: dict[str, list[dict[str, Any]]] = {}
        for group in groups(asked):
            soql = (
                f"SELECT {columns} FROM {thing} WHERE Email IN ({', '.join(group)}) "
                "ORDER BY CreatedDate, Id"
            )
            try:
                for record in self.query(soql):
                    key = key_of(str(record.get("Email") or ""))
                    if key in wanted:
                        found.setdefault(key, []).append(record)
            except RejectedError as error:
                if error.reason is not Reason.FIELD_TYPE:
                    raise
                # The columns are standard ones, so the user may not see one of them.
                raise hidden(self.safe(error.detail)) from None
        for records in found.values():
            records.sort(key=lambda record: bool(record.get("IsConverted")))
        return found

    def find_whole(
        self, emails: Iterable[str], thing: str
    ) -> dict[str, list[dict[str, Any]]]:
        """`find` with every field of the records: for so many addresses at a time that
        what they have fits into one answer, else with those of `find` only."""
        wanted = list(dict.fromkeys(s for email in emails for s in spellings(email)))
        keys = set(map(key_of, wanted))
        found: dict[str, list[dict[str, Any]]] = {}
        read = 0
        for group in groups(wanted, most=ROWS // 2):
            some = wanted[read : read + len(group)]
            read += len(group)
            soql = (
                f"SELECT FIELDS(ALL) FROM {thing} WHERE Email IN ({', '.join(group)}) "
                f"ORDER BY CreatedDate, Id LIMIT {ROWS}"
            )
            records = self.whole(soql)
            if len(records) >= ROWS:
                found |= self.find(some, thing)
                continue
            for record in records:
                if (key := key_of(str(record.get("Email") or ""))) in keys:
                    found.setdefault(key, []).append(record)
        for records in found.values():
            records.sort(key=lambda record: bool(record.get("IsConverted")))
        return found

    def whole(self, soql: str, how: str = "query") -> list[dict[str, Any]]:
        """The records of a query for all fields, of which Salesforce leaves out what
        the user may not see."""
        records = list(self.query(soql, how))
        for record in records:
            if OPT_OUT not in record or BOUNCED_AT not in record:
                raise hidden()
        return records

    def save(
        self, method: str, rows: Mapping[str, Mapping[str, object]]
    ) -> dict[str, Outcome]:
        """Up to 200 records written; an outcome for each, by the keys of `rows`."""
        results = self.request(
            method,
            f"{DATA}/composite/sobjects",
            payload={"allOrNone": False, "records": list(rows.values())},
        )
        return dict(zip(rows, self.results(results, len(rows)), strict=True))

    def results(self, results: object, expected: int) -> list[Outcome]:
        # Results come in the order of the records.
        if not isinstance(results, list) or len(results) != expected:
            raise unreadable(self.label)
        outcomes = []
        for row in results:
            if row.get("success"):
                outcomes.append(synced(row.get("id")))
            else:
                errors = problems(row.get("errors") or [])
                outcomes.append(refusal(errors, self.safe(words_of(errors))))
        return outcomes

    def record_changes(self, thing: str, cursor: str) -> Page:
        """Leads or contacts by SystemModstamp, deleted ones among them while they are
        in the recycle bin. The first walk lists everybody."""
        since, after, full = "", "", True
        parts = parse_place(cursor, str, str, str, bool)
        if parts is not None:
            owner, since, after, full = parts
            start = moment(since) if since else None
            if owner != thing or bool(since) != bool(start):
                raise expired()
            if not RECORD_ID.fullmatch(after):
                raise expired()
            since = _stamp(since) if since else ""
        where = "Email != null"
        if since:
            where += (
                f" AND (SystemModstamp > {since} OR (SystemModstamp = {since} AND "
                f"Id > {literal(after)}))"
                if after
                else f" AND SystemModstamp >= {since}"
            )
        soql = (
            f"SELECT FIELDS(ALL) FROM {thing} WHERE {where} "
            f"ORDER BY SystemModstamp, Id LIMIT {ROWS}"
        )
        records = self.whole(soql, "queryAll")
        changes = [change_of(record, thing) for record in records]
        gone = [change.email for change in changes if change.kind == "delete"]
        # Merged or not the only one: the address is still there.
        still = self.find(gone, thing) if gone else {}
        more = len(records) >= ROWS
        following = to_place(thing, since, "", False)
        if records:
            newest = str(records[-1]["SystemModstamp"])
            following = to_place(thing, _earlier(newest), "", False)
            if more:
                following = to_place(thing, newest, str(records[-1]["Id"]), full)
        return Page(
            changes=tuple(
                change
                for change in changes
                if change.kind != "delete" or key_of(change.email) not in still
            ),
            cursor=following,
            complete=full,
            more=more,
        )


def hidden(words: str = "") -> DriftError:
    """One object's fields are hidden from this user: no fault of the whole account."""
    return DriftError(f"Salesforce: {NOT_SEEN} {words}".strip(), reason=Reason.SCOPE)


def thing_of(audience_id: str) -> str:
    if audience_id not in THINGS:
        raise TargetError("Salesforce has no such audience: choose another.")
    return audience_id


def _stamp(text: str) -> str:
    """A time as a SOQL literal."""
    at = moment(text)
    assert at is not None
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _earlier(text: str) -> str:
    at = moment(text)
    return (at - OVERLAP).isoformat() if at else ""
