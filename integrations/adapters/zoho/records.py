"""Zoho CRM's records: finding and writing them, without touching anybody's opt-out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from urllib.parse import quote

from integrations.adapters.base import (
    Contact,
    Field,
    Options,
    Outcome,
    OutcomeState,
    Receipt,
    Subscription,
    filled,
)
from integrations.adapters.each import (
    by_address,
    existing,
    key_of,
    look_ups,
    not_there,
    rejected,
    synced,
    tags_for,
)
from integrations.adapters.errors import (
    Reason,
    RejectedError,
    ScopeError,
    TargetError,
)
from integrations.adapters.http import Params, to_json
from integrations.adapters.paging import all_pages, batches
from integrations.adapters.rest import Rest
from integrations.adapters.shapes import Row, id_in, rows_in

MODULES = ("Leads", "Contacts")
OUT = "Email_Opt_Out"
OURS = ("Email", OUT, "Modified_Time")
TAGS = "Tag"  # the field that has them
PAGE = 200  # the API's maximum for per_page
FIELDS = 50  # names that a listing takes
IDS = 100  # ids that it takes
CHUNK = 50  # values after "in", at most
ROWS = 200  # what a query may list for one API credit
NAMES = ("First_Name", "Last_Name")
TYPES = {
    **dict.fromkeys(("text", "textarea"), "text"),
    **dict.fromkeys(("integer", "bigint", "double", "currency", "percent"), "number"),
    "email": "email",
    "phone": "phone",
    "website": "url",
    "picklist": "choice",
    "multiselectpicklist": "multi_choice",
    "boolean": "boolean",
    "date": "date",
    "datetime": "datetime",
}
REASONS = {
    "MANDATORY_NOT_FOUND": Reason.REQUIRED_FIELD,
    "EXPECTED_FIELD_MISSING": Reason.REQUIRED_FIELD,
    "DEPENDENT_FIELD_MISSING": Reason.REQUIRED_FIELD,
    "DEPENDENT_MISMATCH": Reason.OPTION_MISSING,
    "INVALID_DATA": Reason.FIELD_TYPE,
    "DUPLICATE_DATA": Reason.DUPLICATE,
    "NO_PERMISSION": Reason.SCOPE,
    "AUTHORIZATION_FAILED": Reason.SCOPE,
}
OPTED_OUT = (
    "Opted out of email in Zoho CRM. The record is up to date there; the opt-out "
    "was not touched."
)


class ZohoRecords(Rest):
    """Many records a call, those who opted out among them."""

    email_key, state_key = "Email", ""
    left_keys, tags_key = ("Modified_Time",), TAGS
    known_as, unknown_as = "Already in Zoho CRM", "Not in this module."
    erasing = "Deleted. Zoho keeps deleted records in its recycle bin for 60 days."

    def listed_at(self, path: str, params: Params | None = None) -> list[Row]:
        """What is listed at a path, under the name of its last part."""
        body = self.fetch("GET", f"/crm/v8/{path}", params=params)
        return rows_in(body, path.rpartition("/")[2])

    # Fields.

    def fields(self, audience_id: str) -> list[Field]:
        more = {"include": "allowed_permissions_to_update"}
        rows = self.listed_at("settings/fields", {"module": audience_id, **more})
        return [
            self.field_of(row)
            for row in rows
            if row.get("visible", True) and row.get("api_name") not in OURS
        ]

    def field_of(self, row: Row) -> Field:
        name = str(row["api_name"])
        kind = "name" if name in NAMES else TYPES.get(str(row.get("data_type")))
        may = row.get("operation_type") or {}
        locked = row.get("read_only") or row.get("field_read_only")
        options = (each["actual_value"] for each in row.get("pick_list_values") or ())
        return Field(
            id=name,
            label=str(row.get("display_label") or row.get("field_label") or name),
            type=kind or "text",
            required=bool(row.get("system_mandatory")) and name != "Last_Name",
            read_only=kind is None
            or bool(locked)
            or not (may.get("api_create", True) and may.get("api_update", True)),
            options=tuple(
                str(each) for each in options if each not in (None, "-None-")
            ),
        )

    def writable(self, module: str) -> list[str]:
        return [field.id for field in self.fields(module) if not field.read_only]

    # Looking people up.

    def status_of(self, row: Row, audience_id: str) -> str:
        return "unsubscribed" if row[OUT] is True else "subscribed"

    def values_of(self, row: Row) -> dict[str, object]:
        ours = (*OURS, TAGS)
        return filled({name: row[name] for name in row if name not in ours})

    def tags_of(self, row: Row) -> tuple[str, ...]:
        return tuple(str(tag.get("name")) for tag in row.get(TAGS) or ())

    def find(self, emails: Sequence[str], audience_id: str) -> dict[str, Row]:
        """The first record of each, with the `ids` of all; opted out when one is."""
        path_of(audience_id)
        found: dict[str, Row] = {}
        for some in look_ups(emails, CHUNK):
            for row in self._query(audience_id, some):
                known = found.setdefault(key_of(str(row.get("Email"))), row)
                known.setdefault("ids", []).append(id_in(row))
                known[OUT] = True in (known.get(OUT), row.get(OUT))
        return found

    def _query(self, module: str, emails: Sequence[str]) -> Iterator[Row]:
        query = (
            f"select id, {', '.join(OURS)} from {module} "
            f"where Email in ({','.join(map(quoted, emails))}) "
            f"order by Created_Time asc limit {ROWS}"
        )

        def read(offset: int) -> tuple[list[Row], int | None]:
            payload = {"select_query": query + (f" offset {offset}" if offset else "")}
            body = self.request("POST", "/crm/v8/coql", payload=payload)
            rows = rows_of(body)
            more = rows and (body.get("info") or {}).get("more_records")
            return rows, offset + len(rows) if more else None

        return all_pages(read, 0)

    def subscriptions(
        self, emails: Sequence[str], audience_id: str
    ) -> list[Subscription]:
        found = self.find(emails, audience_id)
        whole = self._whole(audience_id, [row["ids"][0] for row in found.values()])

        def stand(email: str) -> Subscription:
            known = self.standing(email, found.get(key_of(email)), audience_id)
            row = whole.get(known.remote_id)
            if row is None:  # nobody, or deleted just now
                return replace(known, fields=None, tags=None)
            return replace(known, fields=self.values_of(row), tags=self.tags_of(row))

        return [stand(email) for email in emails]

    def _whole(self, module: str, ids: Sequence[str]) -> dict[str, Row]:
        """Some records with all their values; a call tells of each so many at most."""
        whole: dict[str, Row] = {}
        names = [TAGS, *self.writable(module)] if ids else []
        for some in batches(ids, IDS):
            for part in batches(names, FIELDS):
                asked = {"ids": ",".join(some), "fields": ",".join(part)}
                params: Params = {**asked, "per_page": PAGE}
                for row in rows_of(self.request("GET", path_of(module), params=params)):
                    told = {name: row.get(name) for name in part}
                    whole.setdefault(id_in(row), {}).update(told)
        return whole

    # Writing.

    def upsert(
        self, contacts: Sequence[Contact], audience_id: str, options: Options
    ) -> list[Outcome]:
        people = by_address(contacts)
        known = self.find(list(people), audience_id)
        alone = {} if options.update_existing else known
        outcomes = {
            key: existing(id_in(row), self.known_as) for key, row in alone.items()
        }
        rows = {
            key: row_of(contact, known.get(key))
            for key, contact in people.items()
            if key not in outcomes
        }
        path = f"{path_of(audience_id)}/upsert"
        written = self._write("POST", path, rows, duplicate_check_fields=["Email"])
        for key, outcome in written.items():
            if outcome.reason is Reason.SCOPE and key not in known:
                raise ScopeError(outcome.detail)  # of a known record it is that one's
            done = outcome.state is OutcomeState.SYNCED
            out = done and key in known and known[key][OUT]
            outcomes[key] = replace(outcome, detail=OPTED_OUT) if out else outcome
        self._tag(audience_id, people, outcomes, options)
        return [outcomes[key_of(contact.email)] for contact in contacts]

    def _write(
        self, method: str, path: str, rows: Mapping[str, Row], **more: object
    ) -> dict[str, Outcome]:
        """One call; every row has its own answer, whatever the status of all."""
        if not rows:
            return {}
        payload = {"data": list(rows.values()), **more}
        answer = self.send(method, path, data=to_json(payload))
        body = answer.object()
        if answer.status != 400 or len(body.get("data") or ()) != len(rows):
            body = self.parsed(answer)
        found = rows_of(body)
        if len(found) != len(rows):
            raise self._unreadable(answer.status)
        return {key: self._outcome(row) for key, row in zip(rows, found, strict=True)}

    def _outcome(self, row: Row) -> Outcome:
        code, details = str(row.get("code", "")), row.get("details") or {}
        if code == "SUCCESS":
            return synced(details.get("id"))
        field = str(details.get("api_name") or "")
        words = self.safe(": ".join(x for x in (field, str(row.get("message"))) if x))
        if code == "RECORD_LOCKED":
            return Outcome(state=OutcomeState.RETRY, reason=Reason.SERVER, detail=words)
        if code == "INVALID_MODULE":
            raise TargetError(words)
        if field == "Email" and code == "INVALID_DATA":
            return rejected(Reason.ADDRESS_INVALID, words)
        return rejected(REASONS.get(code, Reason.REFUSED), words)

    def _tag(
        self,
        module: str,
        people: Mapping[str, Contact],
        outcomes: dict[str, Outcome],
        options: Options,
    ) -> None:
        """Tags are added to those that a record has."""
        groups: dict[tuple[str, ...], list[str]] = {}
        for key, contact in people.items():
            tags = tuple(tags_for(contact, options))
            if tags and outcomes[key].state is OutcomeState.SYNCED:
                groups.setdefault(tags, []).append(key)
        for tags, keys in groups.items():
            payload = {
                "tags": [{"name": tag} for tag in tags],
                "ids": [outcomes[key].remote_id for key in keys],
                "over_write": False,
            }
            path = f"{path_of(module)}/actions/add_tags"
            try:
                body = self.request("POST", path, payload=payload)
                tagged = [self._outcome(row) for row in rows_of(body)]
            except RejectedError as error:
                tagged = [self.refusal(error) for _ in keys]
            for key, outcome in zip(keys, tagged, strict=False):
                if outcome.state is not OutcomeState.SYNCED:
                    note = f"{outcomes[key].detail} Not tagged: {outcome.detail}"
                    outcomes[key] = replace(outcomes[key], detail=note.strip())

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        """Sets the flag on every record of the address."""
        found = self.find(emails, audience_id)
        done: dict[str, Outcome] = {}
        ids = [id for row in found.values() for id in row["ids"]]
        for some in batches(ids, self.batch_size):
            rows: dict[str, Row] = {id: {"id": id, OUT: True} for id in some}
            done |= self._write("PUT", path_of(audience_id), rows)
        absent = not_there(self.unknown_as)
        worst = {
            key: max((done[id] for id in row["ids"]), key=lambda o: o.state != "synced")
            for key, row in found.items()
        }
        return [worst.get(key_of(email), absent) for email in emails]

    def erase(self, email: str) -> Receipt:
        """Deletes leads and contacts with the address."""
        erased: list[Row] = []
        for module in MODULES:
            for row in self.find([email], module).values():
                params = {"ids": ",".join(row["ids"])}
                body = self.request("DELETE", path_of(module), params=params)
                for outcome in map(self._outcome, rows_of(body)):
                    if outcome.state is not OutcomeState.SYNCED:
                        return Receipt(ok=False, note=outcome.detail)
                erased.append(row)
        return self.erased(erased, self.erasing)


def path_of(module: str) -> str:
    """The path of a module's records; raises TargetError for one we do not serve."""
    if module not in MODULES:
        raise TargetError("People are in the modules Leads and Contacts.")
    return f"/crm/v8/{quote(module, safe='')}"


def rows_of(body: object) -> list[Row]:
    """The records in an answer; Zoho says with an empty one (204) that there are none.

    Raises TransientError for anything else.
    """
    return [] if body is None else rows_in(body, "data")


def quoted(email: str) -> str:
    """An address as a COQL literal; a quote in it is doubled (Zoho's FAQ on COQL,
    series Kaizen, number 171)."""
    escaped = email.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def row_of(contact: Contact, known: Row | None) -> Row:
    # Who is there is written to by the address as it is there.
    email = contact.email.strip() if known is None else known["Email"]
    row: Row = {"Email": email, **filled(contact.fields)}
    if known is None:
        row.setdefault("Last_Name", email)  # the one that must be there
    row.pop(OUT, None)
    return row
