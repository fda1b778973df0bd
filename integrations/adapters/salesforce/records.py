"""Finding and saving records in Salesforce: SOQL, collections, refusals."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from urllib.parse import quote

from integrations.adapters.base import Outcome
from integrations.adapters.calls import Place, Sign
from integrations.adapters.each import again, key_of, rejected, spellings, synced
from integrations.adapters.errors import (
    CredentialsError,
    DriftError,
    Reason,
    RejectedError,
    TargetError,
    TransientError,
)
from integrations.adapters.http import Answer, Params, to_json
from integrations.adapters.rest import Rest
from integrations.adapters.shapes import Row, id_in, rows_in, unreadable

DATA = "/services/data/v64.0"  # Summer '25
QUERY, COLLECTION = f"{DATA}/query", f"{DATA}/composite/sobjects"
ROWS = 200  # records of one collection, and of one FIELDS(ALL)
THINGS = {"Lead": "Leads", "Contact": "Contacts"}
MEMBERS = {"Lead": "LeadId", "Contact": "ContactId"}
OPT_OUT, BOUNCED_AT = "HasOptedOutOfEmail", "EmailBouncedDate"
RECORD_ID = re.compile(r"[A-Za-z0-9]{15}([A-Za-z0-9]{3})?", re.ASCII)
NEXT = re.compile(r"/services/data/v[0-9.]+/query(All)?/[A-Za-z0-9-]+", re.ASCII)
HOUR = 3600.0
LIMIT = "<REQUEST_LIMIT_EXCEEDED>"
# What is deleted was found a moment ago, so it is to be looked for again.
PASSING = "UNABLE_TO_LOCK_ROW|ENTITY_IS_DELETED|SERVER_UNAVAILABLE"
REASONS = {
    Reason.REQUIRED_FIELD: "REQUIRED_FIELD_MISSING",
    Reason.ADDRESS_INVALID: "INVALID_EMAIL_ADDRESS",
    Reason.OPTION_MISSING: "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
    Reason.DUPLICATE: "DUPLICATES_DETECTED|DUPLICATE_VALUE",
    Reason.FIELD_TYPE: "STRING_TOO_LONG|NUMBER_OUTSIDE_VALID_RANGE|JSON_PARSER_ERROR"
    "|INVALID_TYPE_ON_FIELD_IN_RECORD|INVALID_FIELD|INVALID_FIELD_FOR_INSERT_UPDATE",
}
Outcomes = dict[str, Outcome]
NOT_SEEN = (
    "this user may not see the e-mail opt-out and bounce fields, so nobody's opt-out "
    "could be respected."
)


class SalesforceRecords(Rest):
    """Records by address, of leads, of contacts, or of the members of a campaign."""

    # Codes of a refused call or record; Salesforce documents many more.
    signs = (
        Sign("<INVALID_SESSION_ID>", CredentialsError, Reason.AUTH_EXPIRED, on=401),
        Sign(rf"{LIMIT}.*Concurrent", TransientError, Reason.RATE, on=403),
        Sign(LIMIT, TransientError, Reason.QUOTA, on=403, wait=HOUR),
        # How an object is hidden from a user.
        Sign("<INVALID_TYPE>", TargetError, Reason.SCOPE),
        Sign(f"<({PASSING})>", TransientError),
        Sign("<(STORAGE_)?LIMIT_EXCEEDED>", TransientError, Reason.QUOTA, wait=HOUR),
        *(Sign(f"<({REASONS[each]})>", RejectedError, each) for each in REASONS),
    )

    def explain(self, answer: Answer) -> str:
        texts = [str(row.get("message") or "") for row in errors_of(answer)]
        return self.safe(" ".join(dict.fromkeys(filter(None, texts))))

    def told(self, answer: Answer) -> str:
        """Each <CODE> and its words. The code of a record is under another name."""
        return " ".join(
            f"<{row.get('errorCode') or row.get('statusCode')}> {row.get('message')}"
            for row in errors_of(answer)
        )

    # Reading.

    def query(self, soql: str, path: str = QUERY) -> Iterator[Row]:
        """Every record that a query finds."""
        return self.rows(path, {"q": soql})

    def page(
        self, path: str, place: Place, params: Params | None = None
    ) -> tuple[list[Row], str]:
        """Part of what a query finds; the rest has an address of its own."""
        body = self.fetch("GET", str(place or path), params={} if place else params)
        following = "" if body.get("done") is True else str(body.get("nextRecordsUrl"))
        if following and not NEXT.fullmatch(following):
            raise unreadable(self.label)  # the rest must not pass for nothing
        return rows_in(body, "records"), following

    def whole(self, thing: str, where: str, path: str = QUERY) -> list[Row]:
        """Up to `ROWS` records with all fields, of which Salesforce leaves out what the
        user may not see."""
        soql = f"SELECT FIELDS(ALL) FROM {thing} WHERE {where} LIMIT {ROWS}"
        records = list(self.query(soql, path))
        if not all({"Email", OPT_OUT, BOUNCED_AT} <= each.keys() for each in records):
            raise hidden()
        return records

    def brief(self, thing: str, where: str) -> list[Row]:
        """Records with what tells where somebody stands."""
        more = ", IsConverted" if thing == "Lead" else ""
        columns = f"Id, Email, {OPT_OUT}, {BOUNCED_AT}, SystemModstamp{more}"
        try:
            return list(self.query(f"SELECT {columns} FROM {thing} WHERE {where}"))
        except RejectedError as error:
            if error.reason is not Reason.FIELD_TYPE:
                raise
            # The columns are standard ones, so the user may not see one of them.
            raise hidden(error.detail) from None

    def records(
        self, emails: Iterable[str], thing: str, *, whole: bool = False
    ) -> list[Row]:
        """Records with these addresses, the oldest first. `whole`: with all fields,
        where what so many have fits into one answer."""
        asked = list(dict.fromkeys(s for email in emails for s in spellings(email)))
        wanted = set(map(key_of, asked))
        found: list[Row] = []
        for group in groups(asked, ROWS // 2 if whole else len(asked)):
            where = f"Email IN ({', '.join(group)}) ORDER BY CreatedDate, Id"
            rows = self.whole(thing, where) if whole else self.brief(thing, where)
            if whole and len(rows) >= ROWS:
                rows = self.brief(thing, where)
            found += [row for row in rows if key_of(id_in(row, "Email")) in wanted]
        return found

    def people(
        self, emails: Iterable[str], audience_id: str, *, whole: bool = False
    ) -> tuple[list[Row], dict[str, str]]:
        """`records` in an audience; those of a campaign's members, contacts before
        leads, come with their `members`."""
        thing, campaign = target_of(audience_id)
        if not campaign:
            return self.records(emails, thing, whole=whole), {}
        contacts = self.records(emails, "Contact", whole=whole)
        rows = [*contacts, *self.records(emails, "Lead", whole=whole)]
        members = self.members(campaign, [row["Id"] for row in rows])
        return [row for row in rows if row["Id"] in members], members

    def members(self, campaign: str, ids: Sequence[str]) -> dict[str, str]:
        """The ids of memberships, by the ids of records."""
        found: dict[str, str] = {}
        for some in in_parts(ids):
            among = ", ".join(map(literal, some))
            which = f"AND (LeadId IN ({among}) OR ContactId IN ({among}))"
            for row in self.memberships(campaign, which):
                ids_of = (row.get(name) for name in MEMBERS.values())
                found |= {id: row["Id"] for id in ids_of if id}
        return found

    def memberships(self, campaign: str, which: str) -> list[Row]:
        soql = (
            "SELECT Id, LeadId, ContactId FROM CampaignMember "
            f"WHERE CampaignId = {literal(campaign)} {which}"
        )
        return list(self.query(soql))

    # Writing.

    def save(self, method: str, thing: str, rows: Mapping[str, Row]) -> Outcomes:
        """Records written; an outcome for each, by the keys of `rows`."""
        outcomes: Outcomes = {}
        kind = {"attributes": {"type": thing}}
        for keys in in_parts(list(rows)):
            records = [{**kind, **rows[key]} for key in keys]
            body = {"allOrNone": False, "records": records}
            results = self.request(method, COLLECTION, payload=body)
            outcomes |= zip(keys, map(self.outcome, results), strict=True)
        return outcomes

    def delete(self, ids: Sequence[str]) -> Outcomes:
        """Records deleted; an outcome for each, by its id."""
        outcomes: Outcomes = {}
        for some in in_parts(ids):
            params = {"ids": ",".join(some), "allOrNone": "false"}
            results = self.request("DELETE", COLLECTION, params=params)
            outcomes |= zip(some, map(self.outcome, results), strict=True)
        return outcomes

    def outcome(self, result: Row) -> Outcome:
        """What became of one record. Its errors read like those of a refused call."""
        if result.get("success"):
            return synced(result.get("id"))
        errors = to_json(result.get("errors"))
        answer = Answer(status=400, headers={}, body=errors)
        error = self.error_from(answer)
        if isinstance(error, TransientError):
            return again(error)
        return rejected(error.reason, self.explain(answer))


def errors_of(answer: Answer) -> list[Row]:
    """The errors in an answer: a list of objects, or one."""
    try:
        body = answer.json()
    except ValueError:
        return []
    rows = body if isinstance(body, list) else [body]
    return [row for row in rows if isinstance(row, dict)]


def hidden(words: str = "") -> DriftError:
    """One object's fields are hidden from this user: no fault of the whole account."""
    return DriftError(f"Salesforce: {NOT_SEEN} {words}".strip(), reason=Reason.SCOPE)


def target_of(audience_id: str) -> tuple[str, str]:
    """What somebody new becomes, a lead or a contact, and the id of the campaign that
    they join, "" for none."""
    if audience_id in THINGS:
        return audience_id, ""
    kind, _, id = audience_id.partition(":")
    if kind != "campaign" or not RECORD_ID.fullmatch(id):
        raise TargetError("Salesforce has no such audience: choose another.")
    return "Lead", id


def by_person(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Records by `key_of` their address, converted leads last."""
    found: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: bool(row.get("IsConverted"))):
        found.setdefault(key_of(row["Email"]), []).append(row)
    return found


def in_parts(items: Sequence[str]) -> Iterator[Sequence[str]]:
    """As many at a time as a collection takes."""
    return (items[start : start + ROWS] for start in range(0, len(items), ROWS))


def literal(text: str) -> str:
    """A SOQL string. Backslash and quote are escaped, so that nobody's address or name
    ends it (SOQL and SOSL reference, "Quoted String Escape Sequences", read
    2026-11-22); control characters have no place in one."""
    plain = "".join(sign for sign in text if sign.isprintable())
    return "'" + plain.replace("\\", "\\\\").replace("'", "\\'") + "'"


def groups(texts: Iterable[str], most: int = 10_000) -> Iterator[list[str]]:
    """Literals of texts, as many at a time as a URL takes (16,384 characters with
    everything else)."""
    group: list[str] = []
    size = 0
    for item in map(literal, texts):
        length = len(quote(item, safe="")) + 3
        if group and (size + length > 8000 or len(group) >= most):
            yield group
            group, size = [], 0
        group.append(item)
        size += length
    if group:
        yield group
